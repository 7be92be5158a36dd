#include "worker/image_supply.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "image/oci_test_support.h"

namespace hpcc {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

FileSystem& Fs() {
  return FileSystem::Real();
}

// Gives blobs in halves.
class HalvingSource final : public ImageSource {
 public:
  HalvingSource(const TestImages& images, const OciDescriptor& top) : images_(images), top_(top) {}

  std::string Name() const override { return "fake"; }
  absl::StatusOr<ManifestDocument> TopManifest() override { return Manifest(top_); }
  absl::StatusOr<ManifestDocument> Manifest(const OciDescriptor& descriptor) override {
    return ManifestDocument{descriptor.media_type, images_.blobs().at(descriptor.digest)};
  }
  absl::Status ReadBlob(const OciDescriptor& descriptor, uint64_t offset,
                        const BlobSink& sink) override {
    const std::string_view rest =
        std::string_view(images_.blobs().at(descriptor.digest)).substr(offset);
    const absl::Status first = sink(rest.substr(0, rest.size() / 2));
    return first.ok() ? sink(rest.substr(rest.size() / 2)) : first;
  }

 private:
  const TestImages& images_;
  const OciDescriptor top_;
};

ImageReference Reference(std::string_view name) {
  return *ParseImageReference(name);
}

class ImageSupplyTest : public testing::Test {
 protected:
  ImageSupplyTest() {
    settings_.directory = directory_ / "images";
    settings_.registries = {"allowed.example"};
    settings_.max_roots = 1500;
    EXPECT_TRUE(WriteFileAtomically(Fs(), directory_ / "agent", "agent").ok());
  }

  // Its roots have 1000 bytes.
  std::unique_ptr<ImageSupply> Open() {
    ImageSupplyParts parts;
    parts.open_source =
        [this](const ImageReference& reference) -> absl::StatusOr<std::unique_ptr<ImageSource>> {
      ++opened_;
      const auto found = registry_.find(reference.repository);
      if (found == registry_.end()) return absl::NotFoundError("the registry has none");
      return std::make_unique<HalvingSource>(images_, found->second);
    };
    parts.build_root = [this](const std::vector<LayerBlob>& layers, const std::string& path) {
      ++built_;
      for (const LayerBlob& layer : layers) {
        if (OciDigestOf(ReadFile(Fs(), layer.path, 10'000).value_or("")) == layer.digest) continue;
        return absl::InvalidArgumentError("layer 1: an entry of it breaks a rule");
      }
      if (!fails_.ok()) return fails_;
      return WriteFileAtomically(Fs(), path, std::string(1000, 'r'));
    };
    return OpenImageSupply(settings_, directory_ / "agent", NetworkSettings(), Fs(), Clock::Real(),
                           parts)
        .value();
  }
  static bool Always() { return true; }
  std::vector<std::string> Blobs() const {
    return Fs().List(directory_ / "images/blobs/sha256").value();
  }

  TestDirectory directory_;
  ImageSettings settings_;
  TestImages images_;
  std::map<std::string, OciDescriptor> registry_;
  int opened_ = 0;
  int built_ = 0;
  absl::Status fails_;  // what becomes of a build
};

TEST_F(ImageSupplyTest, AnImageIsPulledAndItsRootIsBuiltAndHeld) {
  registry_["gcc"] = images_.AddImage({"layer"});
  const auto supply = Open();
  const auto digest = supply->Fetch(Reference("allowed.example/gcc:12"), Always);
  ASSERT_TRUE(digest.ok()) << digest.status();
  EXPECT_EQ(*digest, registry_["gcc"].digest);
  const auto root = supply->Root(*digest);
  ASSERT_TRUE(root.ok()) << root.status();
  EXPECT_EQ(ReadFile(Fs(), root->path, 2000)->size(), 1000U);
  EXPECT_NE(root->hold, nullptr);
  EXPECT_EQ(built_, 1);
  EXPECT_THAT(*supply->Prepared(), SizeIs(1));
}

TEST_F(ImageSupplyTest, ADigestThatIsThereAsksNoRegistryAndATagDoes) {
  registry_["gcc"] = images_.AddImage({"layer"});
  const std::string pinned = StrCat("allowed.example/gcc@", registry_["gcc"].digest);
  const auto supply = Open();
  ASSERT_TRUE(supply->Fetch(Reference(pinned), Always).ok());
  EXPECT_EQ(opened_, 1);
  ASSERT_TRUE(Open()->Fetch(Reference(pinned), Always).ok());
  EXPECT_EQ(opened_, 1);
  ASSERT_TRUE(supply->Fetch(Reference("allowed.example/gcc:12"), Always).ok());
  ASSERT_TRUE(supply->Fetch(Reference("allowed.example/gcc:12"), Always).ok());
  EXPECT_EQ(opened_, 3);
  EXPECT_EQ(built_, 1);
}

TEST_F(ImageSupplyTest, WhatTurnsOutToBeDamagedIsFetchedAgainAtOnce) {
  registry_["gcc"] = images_.AddImage({"layer"});
  const std::string pinned = StrCat("allowed.example/gcc@", registry_["gcc"].digest);
  for (const std::string& name : {pinned, std::string("allowed.example/gcc:12")}) {
    for (const auto& [digest, bytes] : images_.blobs()) {
      const auto supply = Open();
      ASSERT_TRUE(supply->Fetch(Reference(name), Always).ok());
      const std::string path = StrCat(settings_.directory, "/blobs/sha256/", OciDigestHex(digest));
      ASSERT_TRUE(WriteFileAtomically(Fs(), path, std::string(bytes.size(), '?')).ok());
      // The root is gone too, so that the layers are needed.
      std::filesystem::remove_all(settings_.directory + "/roots");
      const auto again = Open()->Fetch(Reference(name), Always);
      ASSERT_TRUE(again.ok()) << name << ", " << digest << ": " << again.status();
      EXPECT_EQ(*again, registry_["gcc"].digest);
      EXPECT_EQ(ReadFile(Fs(), path, 10'000).value_or(""), bytes);
    }
  }
}

TEST_F(ImageSupplyTest, AnImageOfWhichNoRootCanBeMadeIsPulledOnce) {
  registry_["gcc"] = images_.AddImage({"layer"});
  fails_ = absl::DataLossError("its unpacked digest is another");
  const auto supply = Open();
  EXPECT_TRUE(
      absl::IsDataLoss(supply->Fetch(Reference("allowed.example/gcc:12"), Always).status()));
  EXPECT_EQ(opened_, 1);
  EXPECT_EQ(built_, 1);
}

TEST_F(ImageSupplyTest, OnlyRegistriesOfTheListAreAsked) {
  const auto supply = Open();
  for (const char* name :
       {"other.example/gcc:12", "gcc", "not-allowed.example/gcc", "allowed.example.evil/gcc"}) {
    EXPECT_TRUE(absl::IsPermissionDenied(supply->Fetch(Reference(name), Always).status())) << name;
  }
  EXPECT_TRUE(absl::IsInvalidArgument(supply->Check(Reference("oci:/etc"))));
  EXPECT_TRUE(absl::IsInvalidArgument(supply->Check(Reference("docker-archive:/x.tar"))));
  EXPECT_EQ(opened_, 0);
}

TEST_F(ImageSupplyTest, AnImageThatIsTooLargeIsNotFetched) {
  registry_["gcc"] = images_.AddImage({std::string(5000, 'x')});
  settings_.max_image = 4000;
  const auto supply = Open();
  const absl::Status refused = supply->Fetch(Reference("allowed.example/gcc:12"), Always).status();
  EXPECT_TRUE(absl::IsResourceExhausted(refused)) << refused;
  EXPECT_THAT(Blobs(), IsEmpty());
}

TEST_F(ImageSupplyTest, APullEndsWhenItIsToldToAndWhenItsTimeIsOver) {
  registry_["gcc"] = images_.AddImage({"layer"});
  int asked = 0;
  const absl::Status ended =
      Open()->Fetch(Reference("allowed.example/gcc:12"), [&] { return ++asked < 4; }).status();
  EXPECT_TRUE(absl::IsCancelled(ended)) << ended;
  EXPECT_EQ(built_, 0);
  settings_.pull_time = std::chrono::milliseconds(0);
  const absl::Status late = Open()->Fetch(Reference("allowed.example/gcc:12"), Always).status();
  EXPECT_THAT(std::string(late.message()), HasSubstr("images.pull_time"));
  EXPECT_THAT(*Open()->Prepared(), IsEmpty());
}

TEST_F(ImageSupplyTest, WhatHasNoRootAnyMoreGoesWithItsLayers) {
  registry_["one"] = images_.AddImage({"layer of one"});
  registry_["two"] = images_.AddImage({"layer of two"});
  const auto supply = Open();
  ASSERT_TRUE(supply->Fetch(Reference("allowed.example/one:1"), Always).ok());
  ASSERT_TRUE(supply->Fetch(Reference("allowed.example/two:1"), Always).ok());
  // Two roots are more than there may be.
  const size_t before = Blobs().size();
  ASSERT_TRUE(supply->Sweep([] { return std::set<std::string>{"allowed.example/one:1"}; }).ok());
  EXPECT_THAT(Blobs(), SizeIs(before));
  ASSERT_TRUE(supply->Sweep([] { return std::set<std::string>(); }).ok());
  EXPECT_THAT(Blobs(), SizeIs(before / 2));
  const auto left = supply->Prepared().value();
  ASSERT_THAT(left, SizeIs(1));
  EXPECT_EQ(left[0].name, "allowed.example/two:1");
  EXPECT_TRUE(absl::IsNotFound(supply->Root(registry_["one"].digest).status()));
}

TEST_F(ImageSupplyTest, ARootInUseStays) {
  registry_["one"] = images_.AddImage({"layer of one"});
  registry_["two"] = images_.AddImage({"layer of two"});
  const auto supply = Open();
  ASSERT_TRUE(supply->Fetch(Reference("allowed.example/one:1"), Always).ok());
  auto root = supply->Root(registry_["one"].digest);
  ASSERT_TRUE(root.ok());
  ASSERT_TRUE(supply->Fetch(Reference("allowed.example/two:1"), Always).ok());
  ASSERT_TRUE(supply->Sweep([] { return std::set<std::string>(); }).ok());
  EXPECT_TRUE(FileExists(Fs(), root->path));
  const std::string path = root->path;
  // What was asked for stays, too.
  EXPECT_THAT(*supply->Prepared(), SizeIs(2));
  root = absl::NotFoundError("let go");
  ASSERT_TRUE(supply->Root(registry_["two"].digest).ok());  // used last
  registry_["three"] = images_.AddImage({"layer of three"});
  ASSERT_TRUE(supply->Fetch(Reference("allowed.example/three:1"), Always).ok());
  EXPECT_FALSE(FileExists(Fs(), path));
}

TEST(RegistryEntryTest, AnEntryIsAHostAndPerhapsTheBeginningOfAName) {
  for (const char* right : {"ghcr.io", "ghcr.io/owner", "ghcr.io/owner/group", "127.0.0.1:5000",
                            "localhost:5000", "[::1]:5000", "docker.io", "docker.io/library"}) {
    EXPECT_TRUE(CheckRegistryEntry(right).ok()) << right;
  }
  for (const char* wrong : {"", "owner", "ghcr.io/", "https://ghcr.io", "ghcr.io/*", "ghcr.io:x",
                            "oci:/etc", "GHCR.io", "a b"}) {
    EXPECT_FALSE(CheckRegistryEntry(wrong).ok()) << wrong;
  }
  const std::vector<std::string> registries = {"ghcr.io/owner", "127.0.0.1:5000"};
  EXPECT_TRUE(IsAllowedRegistry(Reference("ghcr.io/owner/gcc:1"), registries));
  EXPECT_TRUE(IsAllowedRegistry(Reference("127.0.0.1:5000/a/b"), registries));
  EXPECT_FALSE(IsAllowedRegistry(Reference("ghcr.io/owners/gcc:1"), registries));
  EXPECT_FALSE(IsAllowedRegistry(Reference("ghcr.io/another"), registries));
  EXPECT_FALSE(IsAllowedRegistry(Reference("127.0.0.1:5001/a"), registries));
}

}  // namespace
}  // namespace hpcc
