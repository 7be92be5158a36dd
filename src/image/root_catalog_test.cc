#include "image/root_catalog.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <thread>

#include "image/image_pull.h"
#include "image/oci_test_support.h"
#include "image/reference.h"

namespace hpcc {
namespace {

using testing::HasSubstr;
using testing::SizeIs;

FileSystem& Fs() {
  return FileSystem::Real();
}

class RootCatalogTest : public testing::Test {
 protected:
  RootCatalogTest() : store_(*ImageStore::Open(Fs(), Clock::Real(), directory_ / "s")) {
    options_.agent_path = directory_ / "agent";
    EXPECT_TRUE(WriteFileAtomically(Fs(), options_.agent_path, "agent 1").ok());
  }

  // An image in the store; its digest.
  std::string AddImage(const std::string& name) {
    TestImages images;
    const OciDescriptor image = images.AddImage({"layer of " + name});
    for (const auto& [digest, bytes] : images.blobs()) EXPECT_TRUE(store_->AddBlob(bytes).ok());
    EXPECT_TRUE(store_->AddImage({StrCat("host.example/", name, ":1"), image.digest}).ok());
    return image.digest;
  }

  // Its roots are 1000 bytes.
  std::unique_ptr<RootCatalog> Open() {
    return *RootCatalog::Open(
        Fs(), Clock::Real(), *store_, options_,
        [this](const std::vector<LayerBlob>& layers, const std::string& path) {
          ++built_;
          EXPECT_THAT(layers, SizeIs(1));
          if (!build_status_.ok()) return build_status_;
          return WriteFileAtomically(Fs(), path, std::string(1000, 'r'));
        });
  }

  void Age(const RootInUse& root, std::chrono::hours hours) {
    std::string entry = root.path;
    entry.replace(entry.rfind('.'), std::string::npos, ".json");
    ASSERT_TRUE(Fs().SetModified(entry, Clock::Real().NowNanoseconds() -
                                            std::chrono::nanoseconds(hours).count())
                    .ok());
  }

  TestDirectory directory_;
  std::unique_ptr<ImageStore> store_;
  RootCatalogOptions options_;
  std::atomic<int> built_{0};
  absl::Status build_status_;
};

TEST_F(RootCatalogTest, ARootIsBuiltOnceForAnImageAndAnAgent) {
  const std::string image = AddImage("x");
  const auto catalog = Open();
  auto root = catalog->Acquire(image);
  ASSERT_TRUE(root.ok()) << root.status();
  EXPECT_TRUE(root->built);
  EXPECT_EQ(root->bytes, 1000u);
  EXPECT_EQ(ReadFile(Fs(), root->path, 2000)->size(), 1000u);
  EXPECT_FALSE(Open()->Acquire(image)->built);
  EXPECT_EQ(built_, 1);

  ASSERT_TRUE(WriteFileAtomically(Fs(), options_.agent_path, "agent 2").ok());
  EXPECT_TRUE(Open()->Acquire(image)->built);
  EXPECT_THAT(*catalog->List(), SizeIs(2));
}

TEST_F(RootCatalogTest, ManyWhoWantOneRootBuildItOnce) {
  const std::string image = AddImage("x");
  const auto catalog = Open();
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&] { EXPECT_TRUE(catalog->Acquire(image).ok()); });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(built_, 1);
}

TEST_F(RootCatalogTest, AnImageThatIsNotThereAndAnAgentThatIsNotThereAreNamed) {
  const auto catalog = Open();
  const std::string none = "sha256:" + std::string(64, 'a');
  EXPECT_TRUE(absl::IsNotFound(catalog->Acquire(none).status()));
  EXPECT_FALSE(catalog->Acquire("../x").ok());
  const std::string image = AddImage("x");
  ASSERT_TRUE(Fs().Remove(options_.agent_path).ok());
  const auto root = catalog->Acquire(image);
  EXPECT_TRUE(absl::IsNotFound(root.status()));
  EXPECT_THAT(std::string(root.status().message()), HasSubstr("the agent"));
}

TEST_F(RootCatalogTest, ABuildThatFailsLeavesNothing) {
  const std::string image = AddImage("x");
  const auto catalog = Open();
  build_status_ = absl::DataLossError("damaged");
  EXPECT_TRUE(absl::IsDataLoss(catalog->Acquire(image).status()));
  EXPECT_THAT(*catalog->List(), SizeIs(0));
  build_status_ = absl::OkStatus();
  EXPECT_TRUE(catalog->Acquire(image)->built);
}

TEST_F(RootCatalogTest, ADamagedLayerIsRemovedFromTheStoreAndOneOfABadImageStays) {
  const std::string image = AddImage("x");
  const std::string path = store_->Layers(image)->front().path;
  const auto catalog = Open();
  // As an image that breaks a rule, and as a damaged layer may look long before its end.
  build_status_ = absl::InvalidArgumentError("a name climbs");
  EXPECT_TRUE(absl::IsInvalidArgument(catalog->Acquire(image).status()));
  EXPECT_TRUE(store_->HasImage(image));

  ASSERT_TRUE(WriteFileAtomically(Fs(), path, "layer of y").ok());
  build_status_ = absl::CancelledError("told to end");
  EXPECT_TRUE(absl::IsCancelled(catalog->Acquire(image).status()));
  EXPECT_TRUE(FileExists(Fs(), path));
  build_status_ = absl::InvalidArgumentError("a name climbs");
  const absl::Status damaged = catalog->Acquire(image).status();
  EXPECT_TRUE(absl::IsDataLoss(damaged)) << damaged;
  EXPECT_THAT(std::string(damaged.message()), HasSubstr("hpcc image pull"));
  EXPECT_FALSE(FileExists(Fs(), path));
  EXPECT_FALSE(store_->HasImage(image));
}

TEST_F(RootCatalogTest, WhatACrashLeavesIsNeverTakenForARoot) {
  const std::string image = AddImage("x");
  // The process dies in mid-build, with a root half written.
  const pid_t child = fork();
  if (child == 0) {
    const auto catalog =
        *RootCatalog::Open(Fs(), Clock::Real(), *store_, options_,
                           [](const std::vector<LayerBlob>&, const std::string& path) {
                             WriteFileAtomically(Fs(), path, "half").IgnoreError();
                             _exit(0);
                             return absl::OkStatus();
                           });
    catalog->Acquire(image).status().IgnoreError();
    _exit(1);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  ASSERT_EQ(status, 0);
  const auto catalog = Open();
  EXPECT_THAT(*catalog->List(), SizeIs(0));
  const auto root = catalog->Acquire(image);
  ASSERT_TRUE(root.ok()) << root.status();
  EXPECT_TRUE(root->built);
  // Root, entry, use and the lock: what the dead left is gone.
  EXPECT_THAT(*Fs().List(directory_ / "s/roots"), SizeIs(4));
}

TEST_F(RootCatalogTest, ARootThatWasCutShortIsBuiltAnew) {
  const std::string image = AddImage("x");
  const auto catalog = Open();
  const std::string path = catalog->Acquire(image)->path;
  ASSERT_TRUE(WriteFileAtomically(Fs(), path, "short").ok());
  EXPECT_TRUE(catalog->Acquire(image)->built);
  std::string entry = path;
  entry.replace(entry.rfind('.'), std::string::npos, ".json");
  ASSERT_TRUE(WriteFileAtomically(Fs(), entry, "{").ok());
  EXPECT_TRUE(catalog->Acquire(image)->built);
}

TEST_F(RootCatalogTest, TheLeastRecentlyUsedGoButNoneInUse) {
  options_.max_bytes = 2500;
  const auto catalog = Open();
  const std::string a = AddImage("a"), b = AddImage("b"), c = AddImage("c"), d = AddImage("d");
  auto in_use = catalog->Acquire(a);
  Age(*in_use, std::chrono::hours(9));
  Age(*catalog->Acquire(b), std::chrono::hours(2));
  Age(*catalog->Acquire(c), std::chrono::hours(1));  // over the limit: b goes
  std::vector<RootEntry> left = *catalog->List();
  ASSERT_THAT(left, SizeIs(2));
  EXPECT_EQ(left[0].image_digest, a);
  EXPECT_TRUE(left[0].in_use);
  EXPECT_EQ(left[1].image_digest, c);

  in_use = absl::CancelledError();
  EXPECT_TRUE(catalog->Acquire(d)->built);
  left = *catalog->List();
  ASSERT_THAT(left, SizeIs(2));
  EXPECT_EQ(left[0].image_digest, c);
}

TEST_F(RootCatalogTest, AnIdleRootGoes) {
  options_.idle = std::chrono::hours(24);
  const auto catalog = Open();
  {
    const auto a = catalog->Acquire(AddImage("a"));
    const auto b = catalog->Acquire(AddImage("b"));
    Age(*a, std::chrono::hours(25));
    Age(*b, std::chrono::hours(23));
  }
  EXPECT_EQ(*catalog->Trim(), 1000u);
  EXPECT_THAT(*catalog->List(), SizeIs(1));
}

TEST_F(RootCatalogTest, AUseInAnotherProcessCountsUntilItDies) {
  const std::string image = AddImage("x");
  int ready[2], end[2];
  ASSERT_EQ(pipe(ready) + pipe(end), 0);
  const pid_t child = fork();
  if (child == 0) {
    close(end[1]);
    const auto root = Open()->Acquire(image);
    char byte = root.ok() ? '1' : '0';
    if (write(ready[1], &byte, 1) != 1 || read(end[0], &byte, 1) != 0) _exit(1);
    _exit(0);  // without running any destructor
  }
  close(end[0]);
  char byte = 0;
  ASSERT_EQ(read(ready[0], &byte, 1), 1);
  ASSERT_EQ(byte, '1');
  const auto catalog = Open();
  EXPECT_EQ(*catalog->Remove(image), 0u);
  EXPECT_TRUE(catalog->List()->at(0).in_use);
  close(end[1]);
  int status = 0;
  waitpid(child, &status, 0);
  EXPECT_EQ(*catalog->Remove(image), 1000u);
  close(ready[0]);
  close(ready[1]);
}

}  // namespace
}  // namespace hpcc
