#include "worker/tenant_blobs.h"

#include <gtest/gtest.h>

#include "worker/blob_receiver.h"
#include "worker/limits.h"
#include "worker/worker_test_support.h"

namespace hpcc {
namespace {

class TenantBlobsTest : public testing::Test {
 protected:
  TenantBlobs NewStore(uint64_t max_bytes = 1 << 20) {
    return TenantBlobs({scratch_ / "blobs", max_bytes}, FileSystem::Real(), clock_);
  }
  std::string PathOf(std::string_view blob) const {
    const std::string hex = Digest::Of(blob).ToHex();
    return StrCat(scratch_.path(), "/blobs/", hex.substr(0, 2), "/", hex);
  }
  size_t Temporaries() const {
    size_t count = 0;
    for ([[maybe_unused]] const auto& entry :
         std::filesystem::directory_iterator(scratch_ / "blobs/tmp")) {
      ++count;
    }
    return count;
  }
  // Sends `wire` as one blob in pieces of `piece` bytes.
  absl::Status Receive(TenantBlobs& store, const BlobHeader& header, std::string_view wire,
                       size_t piece = 1000) {
    absl::StatusOr<std::unique_ptr<BlobReceiver>> receiver =
        BlobReceiver::Begin(store, FileSystem::Real(), header);
    if (!receiver.ok()) return receiver.status();
    for (size_t start = 0; start < wire.size(); start += piece) {
      const absl::Status taken = (*receiver)->Take(wire.substr(start, piece));
      if (!taken.ok()) return taken;
    }
    return (*receiver)->Finish();
  }

  WorkerScratch scratch_;
  StandingClock clock_;
};

TEST_F(TenantBlobsTest, WhatWasPutIsThereAfterARestart) {
  const Digest digest = Digest::Of("text");
  {
    TenantBlobs store = NewStore();
    ASSERT_TRUE(store.Open().ok());
    EXPECT_FALSE(store.Contains(digest));
    ASSERT_TRUE(store.Put(digest, "text").ok());
    EXPECT_EQ(store.Read(digest).value(), "text");
  }
  TenantBlobs store = NewStore();
  ASSERT_TRUE(store.Open().ok());
  EXPECT_TRUE(store.Contains(digest));
  EXPECT_EQ(store.Read(digest).value(), "text");
  EXPECT_EQ(store.count(), 1U);
}

TEST_F(TenantBlobsTest, BytesOfAnotherDigestAreRefused) {
  TenantBlobs store = NewStore();
  ASSERT_TRUE(store.Open().ok());
  EXPECT_TRUE(absl::IsInvalidArgument(store.Put(Digest::Of("a"), "b")));
  EXPECT_TRUE(absl::IsInvalidArgument(Receive(store, {Digest::Of("a"), 1, false}, "b")));
  EXPECT_EQ(store.count(), 0U);
  EXPECT_EQ(Temporaries(), 0U);
}

TEST_F(TenantBlobsTest, ADamagedBlobIsMissingAndRemoved) {
  TenantBlobs store = NewStore();
  ASSERT_TRUE(store.Open().ok());
  ASSERT_TRUE(store.Put(Digest::Of("text"), "text").ok());
  ASSERT_TRUE(WriteFileAtomically(FileSystem::Real(), PathOf("text"), "texT").ok());
  EXPECT_TRUE(absl::IsNotFound(store.Read(Digest::Of("text")).status()));
  EXPECT_FALSE(store.Contains(Digest::Of("text")));
  EXPECT_FALSE(std::filesystem::exists(PathOf("text")));
}

TEST_F(TenantBlobsTest, WhatNeverArrivedWholeIsGoneAfterARestart) {
  TenantBlobs store = NewStore();
  ASSERT_TRUE(store.Open().ok());
  auto temporary = store.CreateTemporary();
  ASSERT_TRUE(temporary.ok());
  ASSERT_TRUE(temporary->file->Write("half").ok());
  EXPECT_EQ(Temporaries(), 1U);
  TenantBlobs again = NewStore();
  ASSERT_TRUE(again.Open().ok());
  EXPECT_EQ(Temporaries(), 0U);
}

TEST_F(TenantBlobsTest, TheLeastRecentlyUsedGoFirst) {
  TenantBlobs store = NewStore(3 * kBlobGrainBytes);
  ASSERT_TRUE(store.Open().ok());
  for (const char* blob : {"a", "b", "c"}) ASSERT_TRUE(store.Put(Digest::Of(blob), blob).ok());
  EXPECT_TRUE(store.Contains(Digest::Of("a")));  // a use
  ASSERT_TRUE(store.Put(Digest::Of("d"), "d").ok());
  EXPECT_TRUE(store.Contains(Digest::Of("a")));
  EXPECT_FALSE(store.Contains(Digest::Of("b")));
  EXPECT_TRUE(store.Contains(Digest::Of("d")));
  EXPECT_LE(store.bytes(), 3 * kBlobGrainBytes);
  store.SetMaxBytes(kBlobGrainBytes);
  EXPECT_EQ(store.count(), 1U);
}

TEST_F(TenantBlobsTest, TheShareHoldsForBlobsThatArriveTogether) {
  TenantBlobs store = NewStore(2 * kBlobGrainBytes);
  ASSERT_TRUE(store.Open().ok());
  auto first = store.Reserve(1);
  auto second = store.Reserve(1);
  ASSERT_TRUE(first.ok() && second.ok());
  EXPECT_TRUE(absl::IsResourceExhausted(store.Reserve(1).status()));
  first->Release();
  EXPECT_TRUE(store.Reserve(1).ok());
  EXPECT_TRUE(absl::IsResourceExhausted(
      store.Put(Digest::Of(std::string(9000, 'x')), std::string(9000, 'x'))));
}

TEST_F(TenantBlobsTest, BlobsArriveInPiecesOfAnySize) {
  TenantBlobs store = NewStore();
  ASSERT_TRUE(store.Open().ok());
  std::string blob;
  for (int i = 0; blob.size() < 100'000; ++i) StrAppend(&blob, "line ", i, "\n");
  const std::string frame = Zstd(blob, 19);
  for (const size_t piece : {size_t{1}, size_t{7}, size_t{4096}, size_t{1 << 20}}) {
    blob.push_back('x');
    ASSERT_TRUE(Receive(store, {Digest::Of(blob), blob.size(), false}, blob, piece).ok());
    EXPECT_EQ(store.Read(Digest::Of(blob)).value(), blob);
    blob.push_back('y');
    const std::string packed = Zstd(blob);
    ASSERT_TRUE(Receive(store, {Digest::Of(blob), blob.size(), true}, packed, piece).ok());
    EXPECT_EQ(store.Read(Digest::Of(blob)).value(), blob);
  }
  EXPECT_TRUE(Receive(store, {Digest::Of(""), 0, false}, "").ok());
  EXPECT_EQ(Temporaries(), 0U);
}

TEST_F(TenantBlobsTest, DeclaredSizesHold) {
  TenantBlobs store = NewStore();
  ASSERT_TRUE(store.Open().ok());
  const std::string blob(5000, 'x');
  const std::string frame = Zstd(blob);
  const Digest digest = Digest::Of(blob);
  for (const uint64_t size : {uint64_t{0}, uint64_t{4999}, uint64_t{5001}}) {
    EXPECT_TRUE(absl::IsInvalidArgument(Receive(store, {digest, size, false}, blob))) << size;
    EXPECT_TRUE(absl::IsInvalidArgument(Receive(store, {digest, size, true}, frame))) << size;
  }
  EXPECT_TRUE(absl::IsInvalidArgument(
      BlobReceiver::Begin(store, FileSystem::Real(), {digest, kMaxBlobBytes + 1, false}).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(
      BlobReceiver::Begin(store, FileSystem::Real(), {digest, uint64_t{4} << 30, true}).status()));
  EXPECT_EQ(Temporaries(), 0U);
}

TEST_F(TenantBlobsTest, AFrameThatExpandsBeyondItsSizeStopsThere) {
  TenantBlobs store = NewStore();
  ASSERT_TRUE(store.Open().ok());
  const std::string bomb = Zstd(std::string(64 << 20, '\0'));
  EXPECT_LT(bomb.size(), size_t{16} << 10);
  EXPECT_TRUE(absl::IsInvalidArgument(Receive(store, {Digest::Of("x"), 1000, true}, bomb)));
  EXPECT_EQ(Temporaries(), 0U);
}

TEST_F(TenantBlobsTest, FramesAreOneWholeAndSound) {
  TenantBlobs store = NewStore();
  ASSERT_TRUE(store.Open().ok());
  const std::string blob(5000, 'x');
  const BlobHeader header{Digest::Of(blob), blob.size(), true};
  const std::string frame = Zstd(blob);
  EXPECT_FALSE(Receive(store, header, frame.substr(0, frame.size() - 1)).ok());
  EXPECT_FALSE(Receive(store, header, frame + "x").ok());
  EXPECT_FALSE(Receive(store, header, frame + frame).ok());
  EXPECT_FALSE(Receive(store, header, blob).ok());
  EXPECT_FALSE(Receive(store, header, "").ok());
  EXPECT_TRUE(Receive(store, header, frame).ok());
}

// A zstd frame of raw blocks that hold nothing can go on for ever.
TEST_F(TenantBlobsTest, AFrameThatNeverEndsIsRefused) {
  TenantBlobs store = NewStore();
  ASSERT_TRUE(store.Open().ok());
  std::string endless("\x28\xb5\x2f\xfd\x00\x58", 6);  // magic, no size, a window
  endless.append(3 * (size_t{1} << 20), '\0');         // blocks: raw, of no bytes, not the last
  EXPECT_TRUE(absl::IsInvalidArgument(Receive(store, {Digest::Of("x"), 1, true}, endless)));
}

TEST(TenantFolderTest, NoTenantIdClimbsOrMeetsAnother) {
  WorkerScratch scratch;
  StandingClock clock;
  Tenants tenants(scratch.path(), {}, FileSystem::Real(), clock);
  const std::vector<std::string> ids = {"../../etc",
                                        "/",
                                        "..",
                                        ".",
                                        "",
                                        "a/b",
                                        "a",
                                        "A",
                                        std::string("a\0b", 3),
                                        std::string(5000, 'x'),
                                        "tmp"};
  std::set<std::string> folders;
  for (const std::string& id : ids) {
    const std::string folder = TenantFolder(id);
    EXPECT_EQ(folder.size(), Digest::kHexSize);
    EXPECT_EQ(folder.find_first_not_of("0123456789abcdef"), std::string::npos);
    folders.insert(folder);
    ASSERT_TRUE(tenants.Get(id).ok());
  }
  EXPECT_EQ(folders.size(), ids.size());
  size_t found = 0;
  for (const auto& entry : std::filesystem::directory_iterator(scratch / "tenants")) {
    EXPECT_TRUE(folders.contains(entry.path().filename().string()));
    ++found;
  }
  EXPECT_EQ(found, ids.size());
}

TEST(TenantsTest, TheSchedulersLimitsReachTenantsThatAreHereAndThoseToCome) {
  WorkerScratch scratch;
  StandingClock clock;
  Tenants tenants(scratch.path(), {}, FileSystem::Real(), clock);
  const auto early = tenants.Get("early").value();
  tenants.SetLimits({{"early", {1, 2, 4096}}, {"late", {3, 4, 8192}}});
  EXPECT_EQ(early->limits(), (TenantLimits{1, 2, 4096}));
  EXPECT_EQ(tenants.Get("late").value()->limits(), (TenantLimits{3, 4, 8192}));
  tenants.SetLimits({});
  EXPECT_EQ(early->limits(), TenantLimits());
}

}  // namespace
}  // namespace hpcc
