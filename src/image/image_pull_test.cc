#include "image/image_pull.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cerrno>
#include <mutex>
#include <set>

#include "base/faulty_file_system.h"
#include "image/oci_layout.h"
#include "image/oci_test_support.h"

namespace hpcc {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;

// A source that can be told to fail.
class FakeSource final : public ImageSource {
 public:
  std::string Name() const override { return "fake/x"; }
  absl::StatusOr<ManifestDocument> TopManifest() override { return Manifest(top); }
  absl::StatusOr<ManifestDocument> Manifest(const OciDescriptor& descriptor) override {
    return ManifestDocument{descriptor.media_type, images.blobs().at(descriptor.digest)};
  }
  absl::Status ReadBlob(const OciDescriptor& descriptor, uint64_t offset,
                        const BlobSink& sink) override {
    const std::lock_guard lock(mutex_);
    offsets.push_back(offset);
    const std::string& bytes = images.blobs().at(descriptor.digest);
    const size_t most = breaks_after == 0 ? bytes.size() : breaks_after;
    const absl::Status status = sink(std::string_view(bytes).substr(offset, most));
    if (!status.ok() || offset + most >= bytes.size()) return status;
    return absl::UnavailableError("broke");
  }

  TestImages images;
  OciDescriptor top;
  size_t breaks_after = 0;  // bytes of one answer; 0: never
  std::vector<uint64_t> offsets;

 private:
  std::mutex mutex_;
};

class ImagePullTest : public testing::Test {
 protected:
  ImagePullTest() : store_(*ImageStore::Open(FileSystem::Real(), Clock::Real(), directory_ / "s")) {
    options_.first_pause = std::chrono::milliseconds(1);
  }

  absl::StatusOr<PulledImage> Pull(std::string_view name = "host.example/x:1") {
    return PullImage(source_, *store_, *ParseImageReference(name), options_, Clock::Real());
  }
  std::string Refusal(absl::StatusCode code, std::string_view name = "host.example/x:1") {
    const auto pulled = Pull(name);
    EXPECT_EQ(pulled.status().code(), code) << pulled.status();
    return std::string(pulled.status().message());
  }
  std::vector<std::string> Files(std::string_view part) {
    auto names = *FileSystem::Real().List(directory_ / StrCat("s/", part));
    std::erase_if(names, [](const std::string& name) { return name.ends_with(".lock"); });
    return names;
  }

  TestDirectory directory_;
  std::unique_ptr<ImageStore> store_;
  FakeSource source_;
  PullOptions options_;
};

TEST_F(ImagePullTest, AnImageIsInTheStoreAsALayoutOthersCanRead) {
  source_.top = source_.images.AddImage({"first", "second", "first"});
  uint64_t last = 0;
  options_.progress = [&](uint64_t done, uint64_t) { last = done; };
  const auto pulled = Pull();
  ASSERT_TRUE(pulled.ok()) << pulled.status();
  EXPECT_EQ(pulled->image.digest, source_.top.digest);
  EXPECT_EQ(last, 11u);  // a layer that is there twice comes once
  const auto layers = store_->Layers(pulled->image.digest);
  ASSERT_TRUE(layers.ok()) << layers.status();
  ASSERT_EQ(layers->size(), 3u);
  EXPECT_EQ(*ReadFile(FileSystem::Real(), layers->at(1).path, 100), "second");
  EXPECT_EQ(layers->at(1).diff_id, OciDigestOf("second"));
  EXPECT_THAT(Files("partial"), IsEmpty());
  EXPECT_THAT(Files("holds"), IsEmpty());

  // The store is a source as well.
  const auto reference = *ParseImageReference("oci:/x:host.example/x");
  ImageReference named = reference;
  named.name = "host.example/x:1";
  const auto layout = OpenOciLayout(FileSystem::Real(), directory_ / "s", named);
  ASSERT_TRUE(layout.ok()) << layout.status();
  auto other = *ImageStore::Open(FileSystem::Real(), Clock::Real(), directory_ / "other");
  const auto copied = PullImage(**layout, *other, named, options_, Clock::Real());
  ASSERT_TRUE(copied.ok()) << copied.status();
  EXPECT_EQ(copied->image.digest, pulled->image.digest);
}

TEST_F(ImagePullTest, ASecondPullFetchesNothing) {
  source_.top = source_.images.AddImage({"layer"});
  ASSERT_TRUE(Pull().ok());
  source_.offsets.clear();
  EXPECT_EQ(Pull()->fetched_bytes, 0u);
  EXPECT_THAT(source_.offsets, IsEmpty());
}

TEST_F(ImagePullTest, ABrokenTransferGoesOnWhereItEnded) {
  source_.top = source_.images.AddImage({std::string(1000, 'x')});
  source_.breaks_after = 300;
  const auto pulled = Pull();
  ASSERT_TRUE(pulled.ok()) << pulled.status();
  EXPECT_THAT(source_.offsets, testing::IsSupersetOf({0, 300, 600, 900}));
}

TEST_F(ImagePullTest, ALaterPullGoesOnWhereAnEarlierEnded) {
  source_.top = source_.images.AddImage({std::string(1000, 'x')});
  const std::string hex(OciDigestHex(OciDigestOf(std::string(1000, 'x'))));
  FileSystem& fs = FileSystem::Real();
  ASSERT_TRUE(
      WriteFileAtomically(fs, directory_ / ("s/partial/" + hex), std::string(400, 'x')).ok());
  ASSERT_TRUE(Pull().ok());
  EXPECT_THAT(source_.offsets, testing::Contains(400u));
  EXPECT_THAT(source_.offsets.back(), 400u);
}

TEST_F(ImagePullTest, ADamagedBeginningIsFetchedAnew) {
  source_.top = source_.images.AddImage({std::string(1000, 'x')});
  const std::string hex(OciDigestHex(OciDigestOf(std::string(1000, 'x'))));
  FileSystem& fs = FileSystem::Real();
  ASSERT_TRUE(
      WriteFileAtomically(fs, directory_ / ("s/partial/" + hex), std::string(400, 'y')).ok());
  ASSERT_TRUE(Pull().ok());
  EXPECT_EQ(source_.offsets.back(), 0u);
}

TEST_F(ImagePullTest, ADamagedBlobIsRefusedByName) {
  source_.top = source_.images.AddImage({"layer"});
  source_.images.blobs()[OciDigestOf("layer")] = "lay3r";
  EXPECT_THAT(Refusal(absl::StatusCode::kDataLoss),
              testing::AllOf(HasSubstr("fake/x: " + OciDigestOf("layer")),
                             HasSubstr("not those it is named after")));
  EXPECT_THAT(Files("partial"), IsEmpty());
  EXPECT_FALSE(store_->HasBlob({"", OciDigestOf("layer"), 5, std::nullopt, ""}));
  EXPECT_THAT(*store_->List(), IsEmpty());
}

TEST_F(ImagePullTest, WhatIsDamagedInTheStoreIsRemovedAndFetchedByTheNextPull) {
  source_.top = source_.images.AddImage({"layer"});
  ASSERT_TRUE(Pull().ok());
  ASSERT_TRUE(store_->HasImage(source_.top.digest));
  FileSystem& fs = FileSystem::Real();
  for (const auto& [digest, bytes] : source_.images.blobs()) {
    // As long as it was: nothing can be told from its size.
    ASSERT_TRUE(
        WriteFileAtomically(fs, store_->BlobPath(digest), std::string(bytes.size(), '?')).ok());
    if (bytes == "layer") {
      EXPECT_TRUE(store_->HasImage(source_.top.digest));
      EXPECT_EQ(store_->RemoveIfDamaged(digest).value(), true);
      EXPECT_FALSE(store_->HasImage(source_.top.digest));
    }
    const auto pulled = Pull();
    ASSERT_TRUE(pulled.ok()) << pulled.status();
    EXPECT_EQ(store_->ReadBlob(digest, 10'000).value_or("damaged"), bytes);
  }
}

TEST_F(ImagePullTest, ABlobThatIsWholeOrBeingFetchedIsNotRemoved) {
  ASSERT_TRUE(store_->AddBlob("whole").ok());
  EXPECT_EQ(store_->RemoveIfDamaged(OciDigestOf("whole")).value(), false);
  EXPECT_EQ(store_->RemoveIfDamaged(OciDigestOf("none")).value(), false);
  EXPECT_FALSE(store_->RemoveIfDamaged("../x").ok());
  const std::string path = store_->BlobPath(OciDigestOf("whole"));
  EXPECT_TRUE(FileExists(FileSystem::Real(), path));

  ASSERT_TRUE(WriteFileAtomically(FileSystem::Real(), path, "half").ok());
  auto writer = store_->StartBlob({"", OciDigestOf("whole"), 5, std::nullopt, ""},
                                  std::chrono::milliseconds(0));
  ASSERT_TRUE(writer.ok()) << writer.status();
  EXPECT_EQ(store_->RemoveIfDamaged(OciDigestOf("whole")).value(), false);
  writer->reset();
  EXPECT_EQ(store_->RemoveIfDamaged(OciDigestOf("whole")).value(), true);
}

TEST_F(ImagePullTest, AHoldThatCannotBeOpenedHolds) {
  FaultyFileSystem fs(FileSystem::Real());
  const std::string holds = directory_ / "s/holds";
  auto hold = *Hold::Take(FileSystem::Real(), holds, "pull");
  fs.FailCall(2, EMFILE);  // after the list
  EXPECT_EQ(IsHeld(fs, holds, "pull").value(), true);
  EXPECT_TRUE(fs.fault_happened());
  fs.FailCall(2, ENOENT);  // it went just now
  EXPECT_EQ(IsHeld(fs, holds, "pull").value(), false);
  EXPECT_THAT(Files("holds"), testing::SizeIs(1));
}

TEST_F(ImagePullTest, AShortBlobIsGivenUpAfterAFewTries) {
  source_.top = source_.images.AddImage({"layer"});
  source_.images.blobs()[OciDigestOf("layer")] = "lay";
  EXPECT_THAT(Refusal(absl::StatusCode::kDataLoss), HasSubstr("ended after 3 bytes of 5"));
  source_.images.blobs()[OciDigestOf("layer")] = "layers";
  Refusal(absl::StatusCode::kResourceExhausted);
}

TEST_F(ImagePullTest, ADamagedManifestIsRefused) {
  source_.top = source_.images.AddIndex({source_.images.AddImage({"layer"})});
  const std::string digest =
      ParseOciIndex(source_.images.blobs()[source_.top.digest])->manifests.front().digest;
  source_.images.blobs()[digest] += " ";
  EXPECT_THAT(Refusal(absl::StatusCode::kDataLoss), HasSubstr(digest));
  EXPECT_THAT(Refusal(absl::StatusCode::kDataLoss, "host.example/x@sha256:" + std::string(64, 'a')),
              HasSubstr("not what it is named after"));
}

TEST_F(ImagePullTest, ThePlatformIsChosenAndChecked) {
  const OciDescriptor arm = source_.images.AddImage({"arm"}, {"linux", "arm64", ""});
  const OciDescriptor amd = source_.images.AddImage({"amd"});
  source_.top = source_.images.AddIndex({arm, amd});
  EXPECT_EQ(Pull()->image.digest, amd.digest);
  options_.platform = {"linux", "arm64", ""};
  EXPECT_EQ(Pull()->image.digest, arm.digest);
  // An image that is no index says itself what it is for.
  source_.top = amd;
  EXPECT_THAT(Refusal(absl::StatusCode::kNotFound), HasSubstr("linux/amd64, not for linux/arm64"));
}

TEST_F(ImagePullTest, IndexesWithinEachOtherEnd) {
  source_.top = source_.images.AddImage({"x"});
  for (int i = 0; i < 5; ++i) source_.top = source_.images.AddIndex({source_.top});
  EXPECT_THAT(Refusal(absl::StatusCode::kInvalidArgument), HasSubstr("within each other"));
}

TEST_F(ImagePullTest, AnImageThatIsTooLargeIsNotFetched) {
  source_.top = source_.images.AddImage({std::string(1000, 'x')});
  options_.max_image_bytes = 999;
  EXPECT_THAT(Refusal(absl::StatusCode::kResourceExhausted), HasSubstr("more than 999"));
  EXPECT_THAT(source_.offsets, IsEmpty());
}

TEST_F(ImagePullTest, RemovingAnImageKeepsWhatOthersShare) {
  source_.top = source_.images.AddImage({"shared", "one"});
  ASSERT_TRUE(Pull("host.example/x:1").ok());
  source_.top = source_.images.AddImage({"shared", "two"});
  ASSERT_TRUE(Pull("host.example/x:2").ok());
  EXPECT_EQ(store_->List()->size(), 2u);
  EXPECT_EQ(store_->Find("host.example/x:2")->digest, source_.top.digest);
  EXPECT_EQ(store_->Find(source_.top.digest.substr(0, 19))->digest, source_.top.digest);
  EXPECT_TRUE(absl::IsNotFound(store_->Find("host.example/x:3").status()));

  ASSERT_TRUE(store_->RemoveImage("host.example/x:1").ok());
  {
    const auto hold = store_->HoldBlobs();
    EXPECT_EQ(*store_->RemoveUnusedBlobs(), 0u);
  }
  EXPECT_GT(*store_->RemoveUnusedBlobs(), 0u);
  EXPECT_FALSE(store_->HasBlob({"", OciDigestOf("one"), 3, std::nullopt, ""}));
  EXPECT_TRUE(store_->HasBlob({"", OciDigestOf("shared"), 6, std::nullopt, ""}));
  EXPECT_TRUE(store_->Layers(source_.top.digest).ok());
}

}  // namespace
}  // namespace hpcc
