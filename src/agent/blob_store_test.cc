#include "agent/blob_store.h"

#include <fcntl.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <memory>

#include "agent/blob_intake.h"
#include "base/strings.h"
#include "sandbox/agent_limits.h"

namespace hpcc {
namespace {

class BlobStoreTest : public ::testing::Test {
 protected:
  BlobStoreTest() : directory_(::testing::TempDir() + "/blob_store_test") {
    std::filesystem::remove_all(directory_);
    std::filesystem::create_directories(directory_);
  }

  // Of pages.
  BlobStore& Store(uint64_t capacity) {
    store_ = std::make_unique<BlobStore>(
        Descriptor(open(directory_.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC)), capacity * 4096);
    return *store_;
  }
  absl::Status Put(const std::string& data, BlobStore::Pins* pins = nullptr) {
    BlobStore::Arrival arrival(*store_, Digest::Of(data));
    const absl::Status status = arrival.Add(data);
    return status.ok() ? arrival.Finish(pins) : status;
  }
  // What the store has for these bytes.
  std::string Get(const std::string& data) {
    const absl::StatusOr<Descriptor> file = store_->Open(Digest::Of(data));
    return file.ok() ? ReadDescriptorAt(*file, 0, 1 << 20).value()
                     : std::string(file.status().message());
  }
  bool Has(const std::string& data) { return store_->Open(Digest::Of(data)).ok(); }
  size_t Files() const {
    return static_cast<size_t>(std::distance(std::filesystem::directory_iterator(directory_), {}));
  }

  const std::string directory_;
  std::unique_ptr<BlobStore> store_;
};

TEST_F(BlobStoreTest, WhatIsPutIsThere) {
  Store(10);
  ASSERT_TRUE(Put("one").ok());
  ASSERT_TRUE(Put("").ok());
  EXPECT_EQ(Get("one"), "one");
  EXPECT_EQ(Get(""), "");
  EXPECT_FALSE(Has("two"));
  EXPECT_EQ(store_->held(), 2u * 4096);
}

TEST_F(BlobStoreTest, BytesThatAreNotTheirDigestsAreRefusedAndLeaveNothing) {
  Store(10);
  BlobStore::Pins pins(*store_);
  {
    BlobStore::Arrival arrival(*store_, Digest::Of("one"));
    ASSERT_TRUE(arrival.Add("two").ok());
    EXPECT_TRUE(absl::IsInvalidArgument(arrival.Finish(&pins)));
  }
  EXPECT_FALSE(Has("one"));
  EXPECT_EQ(store_->held(), 0u);
  EXPECT_EQ(Files(), 0u);
}

TEST_F(BlobStoreTest, AnArrivalThatIsGivenUpLeavesNothing) {
  Store(10);
  {
    BlobStore::Arrival arrival(*store_, Digest::Of("one"));
    ASSERT_TRUE(arrival.Add("on").ok());
    EXPECT_EQ(store_->held(), 4096u);
  }
  EXPECT_EQ(store_->held(), 0u);
  EXPECT_EQ(Files(), 0u);
}

TEST_F(BlobStoreTest, TwoArrivalsOfOneBlobAreOneBlob) {
  Store(10);
  BlobStore::Arrival a(*store_, Digest::Of("one"));
  BlobStore::Arrival b(*store_, Digest::Of("one"));
  ASSERT_TRUE(a.Add("one").ok() && b.Add("one").ok());
  EXPECT_TRUE(a.Finish(nullptr).ok());
  EXPECT_TRUE(b.Finish(nullptr).ok());
  EXPECT_EQ(Get("one"), "one");
}

TEST_F(BlobStoreTest, TheLongestUnusedMakesRoom) {
  Store(2);
  ASSERT_TRUE(Put("a").ok() && Put("b").ok());
  EXPECT_TRUE(Has("a"));  // used now
  ASSERT_TRUE(Put("c").ok());
  EXPECT_TRUE(Has("a"));
  EXPECT_FALSE(Has("b"));
  EXPECT_TRUE(Has("c"));
  EXPECT_EQ(Files(), 2u);
}

TEST_F(BlobStoreTest, WhatIsPinnedStaysAndTheNewOneIsRefused) {
  Store(2);
  {
    BlobStore::Pins pins(*store_);
    ASSERT_TRUE(Put("a", &pins).ok() && Put("b").ok());
    ASSERT_TRUE(pins.Add(Digest::Of("b")));
    EXPECT_FALSE(pins.Add(Digest::Of("none")));
    EXPECT_TRUE(absl::IsResourceExhausted(Put("c")));
    EXPECT_TRUE(Has("a") && Has("b"));
  }
  EXPECT_TRUE(Put("c").ok());
}

TEST_F(BlobStoreTest, ABlobLargerThanTheStoreIsRefusedWhileItArrives) {
  Store(4);
  BlobStore::Arrival arrival(*store_, Digest::Of("x"));
  const std::string piece(4096, 'x');
  absl::Status status;
  int pieces = 0;
  while (status.ok() && pieces < 100) {
    status = arrival.Add(piece);
    ++pieces;
  }
  EXPECT_TRUE(absl::IsResourceExhausted(status));
  EXPECT_EQ(pieces, 5);
}

TEST_F(BlobStoreTest, CopiesElsewhereTakeTheRoomOfUnpinnedBlobsWhileTheyAreThere) {
  Store(4);
  BlobStore::Pins pins(*store_);
  ASSERT_TRUE(Put("a", &pins).ok() && Put("b").ok());
  {
    const auto room = store_->TakeRoom(3 * 4096, pins);
    ASSERT_TRUE(room.ok());
    EXPECT_TRUE(Has("a"));
    EXPECT_FALSE(Has("b"));
    EXPECT_EQ(store_->held(), 4u * 4096);
    EXPECT_TRUE(absl::IsResourceExhausted(Put("c")));
  }
  EXPECT_EQ(store_->held(), 4096u);
  EXPECT_TRUE(Put("c").ok());
}

TEST_F(BlobStoreTest, WhatFindsNoRoomBesideOthersEvictsNothing) {
  Store(4);
  BlobStore::Pins others(*store_);
  ASSERT_TRUE(Put("a", &others).ok() && Put("b").ok());
  const BlobStore::Pins own(*store_);
  EXPECT_TRUE(absl::IsResourceExhausted(store_->TakeRoom(4 * 4096, own).status()));
  EXPECT_TRUE(Has("b"));
  others.Clear();
  EXPECT_TRUE(store_->TakeRoom(4 * 4096, own).ok());
  EXPECT_FALSE(Has("a") || Has("b"));
}

TEST_F(BlobStoreTest, CopiesThatNeverFitBesideTheirOwnBlobsAreRefusedForGood) {
  Store(4);
  BlobStore::Pins own(*store_);
  ASSERT_TRUE(Put("a", &own).ok() && Put("b").ok());
  EXPECT_TRUE(own.Add(Digest::Of("a")));  // once more, and counts once
  EXPECT_EQ(own.charge(), 4096u);
  const auto room = store_->TakeRoom(3 * 4096 + 1, own);
  EXPECT_TRUE(absl::IsInvalidArgument(room.status()));
  EXPECT_TRUE(StrContains(std::string(room.status().message()), "16385"));
  EXPECT_TRUE(Has("b"));
}

// Pieces as they come over the wire.
class BlobIntakeTest : public BlobStoreTest {
 protected:
  static agent_v1::PutRequest Piece(const std::string& digest, const std::string& data, bool last) {
    agent_v1::PutRequest piece;
    piece.set_digest(digest);
    piece.set_data(data);
    piece.set_last(last);
    return piece;
  }
  static std::string DigestOf(const std::string& data) {
    return std::string(Digest::Of(data).bytes());
  }
};

TEST_F(BlobIntakeTest, BlobsFollowEachOther) {
  BlobIntake intake(Store(10), nullptr);
  EXPECT_TRUE(intake.Take(Piece(DigestOf("one"), "o", false)).ok());
  EXPECT_TRUE(intake.Take(Piece("", "ne", true)).ok());
  EXPECT_TRUE(intake.Take(Piece(DigestOf(""), "", true)).ok());
  EXPECT_TRUE(intake.End().ok());
  EXPECT_EQ(intake.blobs(), 2u);
  EXPECT_EQ(intake.bytes(), 3u);
  EXPECT_EQ(Get("one"), "one");
}

TEST_F(BlobIntakeTest, PiecesOutOfTheirTurnAreRefused) {
  BlobStore& store = Store(10);
  EXPECT_FALSE(BlobIntake(store, nullptr).Take(Piece("", "x", true)).ok());
  EXPECT_FALSE(BlobIntake(store, nullptr).Take(Piece("short", "x", true)).ok());
  EXPECT_FALSE(BlobIntake(store, nullptr)
                   .Take(Piece(DigestOf("x"), std::string(kAgentChunkBytes + 1, 'x'), true))
                   .ok());
  BlobIntake twice(store, nullptr);
  EXPECT_TRUE(twice.Take(Piece(DigestOf("xy"), "x", false)).ok());
  EXPECT_FALSE(twice.End().ok());
  EXPECT_FALSE(twice.Take(Piece(DigestOf("xy"), "y", true)).ok());
}

}  // namespace
}  // namespace hpcc
