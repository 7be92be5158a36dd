#include "remote/write_queue.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>

#include "base/strings.h"
#include "remote/remote_test_support.h"
#include "remote/remote_tiers.h"
#include "store/packed_value.h"
#include "store/remote_objects_test_util.h"
#include "store/verified_store.h"

namespace hpcc {
namespace {

using std::chrono::milliseconds;

constexpr uint64_t kRoom = 10'000;
constexpr milliseconds kPatience{10'000};

class WriteQueueTest : public testing::Test {
 protected:
  WriteQueueTest() : tier_(Tier("default")), queue_(std::in_place, kRoom, 2) {}
  ~WriteQueueTest() override { cache_.hang = false; }

  std::shared_ptr<RemoteTier> Tier(const std::string& name_space) {
    Config config = HttpConfig(scratch_, cache_.url());
    config.cache[0].name_space = name_space;
    return *RemoteTier::Open(
        *EncodeOpen(config.cache[0], config.signing, config.local_directory, Environment()),
        FileSystem::Real(), Clock::Real());
  }
  static StoreKey Key(std::string_view name) { return {StoreNamespace::kResult, Digest::Of(name)}; }
  static std::string Sealed(std::string_view name, size_t size, char filled = 'v') {
    return SealValue(Key(name), std::string(size, filled));
  }
  absl::Status Add(std::string_view name, std::string sealed) {
    return queue_->Add(ObjectsOf(tier_), Key(name), std::move(sealed));
  }
  // Writes hang from now on, and this many have begun.
  void LetWritesHang(int count) {
    cache_.hang = true;
    for (int i = 0; i < count; ++i) {
      ASSERT_TRUE(Add(StrCat("hanging ", i), Sealed(StrCat("hanging ", i), 10)).ok());
    }
    while (cache_.requests < count) Clock::Real().Sleep(milliseconds(5));
  }
  std::string Written(std::string_view name) {
    const auto objects = cache_.objects();
    const auto found = objects.find(tier_->objects().NameOf(Key(name)));
    return found == objects.end() ? "" : *UnpackValue(found->second);
  }

  RemoteScratch scratch_;
  FakeHttpCache cache_;
  std::shared_ptr<RemoteTier> tier_;
  std::optional<WriteQueue> queue_;
};

TEST_F(WriteQueueTest, WhatIsTakenIsWritten) {
  for (int i = 0; i < 20; ++i) {
    ASSERT_TRUE(Add(StrCat(i), Sealed(StrCat(i), 100)).ok());
  }
  ASSERT_TRUE(queue_->Flush(kPatience));
  EXPECT_EQ(queue_->bytes(), 0u);
  EXPECT_EQ(queue_->values(), 0u);
  for (int i = 0; i < 20; ++i) EXPECT_EQ(Written(StrCat(i)), Sealed(StrCat(i), 100));
}

TEST_F(WriteQueueTest, WhatWaitsIsFoundForItsTierOnly) {
  LetWritesHang(2);
  ASSERT_TRUE(Add("a", Sealed("a", 100)).ok());
  const std::shared_ptr<const std::string> found = queue_->Find(tier_->objects(), Key("a"));
  ASSERT_NE(found, nullptr);
  EXPECT_EQ(*found, Sealed("a", 100));
  // So is what is being written.
  EXPECT_NE(queue_->Find(tier_->objects(), Key("hanging 0")), nullptr);
  EXPECT_EQ(queue_->Find(Tier("other")->objects(), Key("a")), nullptr);
  EXPECT_EQ(queue_->Find(tier_->objects(), Key("b")), nullptr);
}

TEST_F(WriteQueueTest, MoreThanItHoldsIsNotTaken) {
  LetWritesHang(2);
  ASSERT_TRUE(Add("a", Sealed("a", 8000)).ok());
  EXPECT_TRUE(absl::IsResourceExhausted(Add("b", Sealed("b", 8000))));
  EXPECT_EQ(queue_->Find(tier_->objects(), Key("b")), nullptr);
  EXPECT_EQ(queue_->values(), 3u);
  // In the place of one that waits there is room.
  EXPECT_TRUE(Add("a", Sealed("a", 8100)).ok());
}

TEST_F(WriteQueueTest, OneAloneMayBeLarger) {
  ASSERT_TRUE(Add("a", Sealed("a", 5 * kRoom)).ok());
  ASSERT_TRUE(queue_->Flush(kPatience));
  EXPECT_EQ(Written("a"), Sealed("a", 5 * kRoom));
}

TEST_F(WriteQueueTest, TheLaterOfTwoValuesForAPlaceWins) {
  LetWritesHang(2);
  ASSERT_TRUE(Add("a", Sealed("a", 100, 'x')).ok());
  ASSERT_TRUE(Add("a", Sealed("a", 200, 'y')).ok());
  // One of these is being written: its successor must wait for it.
  ASSERT_TRUE(Add("hanging 0", Sealed("hanging 0", 300, 'z')).ok());
  EXPECT_EQ(*queue_->Find(tier_->objects(), Key("hanging 0")), Sealed("hanging 0", 300, 'z'));
  cache_.hang = false;
  ASSERT_TRUE(queue_->Flush(kPatience));
  EXPECT_EQ(Written("a"), Sealed("a", 200, 'y'));
  EXPECT_EQ(Written("hanging 0"), Sealed("hanging 0", 300, 'z'));
  EXPECT_EQ(queue_->bytes(), 0u);
}

TEST_F(WriteQueueTest, WhatIsDroppedIsForgotten) {
  LetWritesHang(2);
  const uint64_t before = queue_->bytes();
  ASSERT_TRUE(Add("a", Sealed("a", 100)).ok());
  queue_->Drop(tier_->objects(), Key("a"));
  queue_->Drop(tier_->objects(), Key("never there"));
  EXPECT_EQ(queue_->Find(tier_->objects(), Key("a")), nullptr);
  EXPECT_EQ(queue_->bytes(), before);
  cache_.hang = false;
  ASSERT_TRUE(queue_->Flush(kPatience));
  EXPECT_EQ(Written("a"), "");
}

TEST_F(WriteQueueTest, FlushTellsThatItTakesTooLong) {
  LetWritesHang(1);
  EXPECT_FALSE(queue_->Flush(milliseconds(50)));
}

TEST_F(WriteQueueTest, WhatStillWaitsAtTheEndIsGivenUp) {
  LetWritesHang(2);
  ASSERT_TRUE(Add("a", Sealed("a", 100)).ok());
  cache_.hang = false;
  queue_.reset();
  EXPECT_EQ(Written("a"), "");
}

TEST_F(WriteQueueTest, ATierLivesAsLongAsSomethingWaitsForIt) {
  std::shared_ptr<RemoteTier> other = Tier("other");
  ASSERT_TRUE(queue_->Add(ObjectsOf(other), Key("a"), Sealed("a", 100)).ok());
  const std::string name = other->objects().NameOf(Key("a"));
  other.reset();
  ASSERT_TRUE(queue_->Flush(kPatience));
  EXPECT_EQ(cache_.objects().count(name), 1u);
}

// With objects in memory, and suspensions that are soon over.
class PatientWriteQueueTest : public testing::Test {
 protected:
  static constexpr int kValues = 20;

  PatientWriteQueueTest() {
    tier_ = *RemoteObjects::Make(
        objects_, {.breaker = {.first_pause = milliseconds(20), .longest_pause = milliseconds(20)}},
        Clock::Real());
  }
  void StartQueue(const WritePatience& patience) { queue_.emplace(kRoom, 2, patience); }
  static StoreKey Key(int number) { return {StoreNamespace::kResult, Digest::Of(StrCat(number))}; }
  static std::string Sealed(int number, char filled = 'v') {
    return SealValue(Key(number), std::string(10, filled));
  }
  void AddAll() {
    for (int i = 0; i < kValues; ++i) {
      ASSERT_TRUE(queue_->Add(tier_, Key(i), Sealed(i)).ok());
    }
  }
  // From now on; `count` times at most.
  void LetWritesFail(const absl::Status& status, int count = 1 << 30) {
    left_ = count;
    objects_.before = [this, status](std::string_view operation) {
      return operation == "put" && left_-- > 0 ? status : absl::OkStatus();
    };
  }

  std::atomic<int> left_{0};
  FakeObjectStore objects_{Clock::Real()};
  std::shared_ptr<RemoteObjects> tier_;
  std::optional<WriteQueue> queue_;
};

TEST_F(PatientWriteQueueTest, ABurstOfThrottlingLosesNothing) {
  StartQueue({.first_rest = milliseconds(10)});
  LetWritesFail(absl::UnavailableError("503 SlowDown"), 12);
  AddAll();
  ASSERT_TRUE(queue_->Flush(kPatience));
  EXPECT_EQ(objects_.objects().size(), size_t{kValues});
  EXPECT_EQ(tier_->Metrics().dropped, 0u);
  EXPECT_GT(tier_->Metrics().suspensions, 0u);
  EXPECT_EQ(queue_->bytes(), 0u);
}

TEST_F(PatientWriteQueueTest, EachIsTriedABoundedNumberOfTimes) {
  StartQueue({.attempts = 3, .first_rest = milliseconds(1)});
  LetWritesFail(absl::UnavailableError("503"));
  AddAll();
  ASSERT_TRUE(queue_->Flush(kPatience));
  EXPECT_EQ(objects_.calls("put"), 3 * kValues);
  EXPECT_EQ(tier_->Metrics().dropped, uint64_t{kValues});
  EXPECT_EQ(queue_->bytes(), 0u);
  EXPECT_EQ(queue_->values(), 0u);
}

TEST_F(PatientWriteQueueTest, NoneIsKeptForEver) {
  StartQueue({.attempts = 1000, .first_rest = milliseconds(1), .longest = milliseconds(100)});
  LetWritesFail(absl::UnavailableError("503"));
  AddAll();
  ASSERT_TRUE(queue_->Flush(kPatience));
  EXPECT_EQ(tier_->Metrics().dropped, uint64_t{kValues});
}

TEST_F(PatientWriteQueueTest, WhatIsNotAllowedIsGivenUpAtOnce) {
  StartQueue({});
  LetWritesFail(absl::PermissionDeniedError("s3:PutObject"));
  AddAll();
  ASSERT_TRUE(queue_->Flush(milliseconds(1000)));
  EXPECT_EQ(tier_->Metrics().dropped, uint64_t{kValues});
  EXPECT_LE(objects_.calls("put"), 4);
}

TEST_F(PatientWriteQueueTest, WhatIsHeldBackIsFoundAndReplaced) {
  StartQueue({.first_rest = milliseconds(100)});
  LetWritesFail(absl::UnavailableError("503"), 1);
  ASSERT_TRUE(queue_->Add(tier_, Key(0), Sealed(0, 'x')).ok());
  while (objects_.calls("put") == 0) Clock::Real().Sleep(milliseconds(1));
  ASSERT_NE(queue_->Find(*tier_, Key(0)), nullptr);
  EXPECT_EQ(*queue_->Find(*tier_, Key(0)), Sealed(0, 'x'));
  ASSERT_TRUE(queue_->Add(tier_, Key(0), Sealed(0, 'y')).ok());
  ASSERT_TRUE(queue_->Flush(kPatience));
  EXPECT_EQ(*tier_->WalkGet(Key(0)), Sealed(0, 'y'));
  EXPECT_EQ(queue_->bytes(), 0u);
}

TEST_F(PatientWriteQueueTest, WaitingInVainIsNotWaitedFor) {
  StartQueue({.first_rest = std::chrono::minutes(1)});
  LetWritesFail(absl::UnavailableError("503"));
  ASSERT_TRUE(queue_->Add(tier_, Key(0), Sealed(0)).ok());
  const int64_t began = Clock::Real().MonotonicNanoseconds();
  EXPECT_FALSE(queue_->Flush(kPatience));
  EXPECT_LT(Clock::Real().MonotonicNanoseconds() - began, 5'000'000'000);
  queue_.reset();
  EXPECT_EQ(tier_->Metrics().dropped, 1u);

  StartQueue({.first_rest = milliseconds(5000)});
  ASSERT_TRUE(queue_->Add(tier_, Key(0), Sealed(0)).ok());
  EXPECT_FALSE(queue_->Flush(kPatience, milliseconds(100)));
  EXPECT_LT(Clock::Real().MonotonicNanoseconds() - began, 5'000'000'000);
}

}  // namespace
}  // namespace hpcc
