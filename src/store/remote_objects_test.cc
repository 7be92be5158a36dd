#include "store/remote_objects.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "store/object_names.h"
#include "store/packed_value.h"
#include "store/remote_objects_test_util.h"
#include "store/store_test_util.h"
#include "store/verified_store.h"

namespace hpcc {
namespace {

using std::chrono::milliseconds;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr milliseconds kPatience{10000};
constexpr std::string_view kKeyPem =
    "-----BEGIN PRIVATE KEY-----\n"
    "MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n"
    "-----END PRIVATE KEY-----\n";

class RemoteObjectsTest : public testing::Test {
 protected:
  std::unique_ptr<RemoteObjects> Make(RemoteObjectsOptions options = {}) {
    options.on_security_event = [this](const RemoteObjectEvent& event) {
      const std::lock_guard lock(mutex_);
      events_.push_back(event.name);
    };
    options.on_notice = [this](const std::string& notice) {
      const std::lock_guard lock(mutex_);
      notices_.push_back(notice);
    };
    return *RemoteObjects::Make(objects_, std::move(options), clock_);
  }

  // Every operation takes `duration` and fails with `status`.
  void Break(const absl::Status& status, milliseconds duration = milliseconds(0)) {
    objects_.before = [this, status, duration](std::string_view) {
      clock_.Advance(duration);
      return status;
    };
  }
  void Mend() {
    objects_.before = [](std::string_view) { return absl::OkStatus(); };
  }

  SteppingClock clock_;
  FakeObjectStore objects_{clock_};
  std::mutex mutex_;
  std::vector<std::string> events_;
  std::vector<std::string> notices_;
  const StoreKey key_ = ResultKey(1);
  const std::string sealed_ = SealValue(key_, "payload");
};

TEST_F(RemoteObjectsTest, GivesBackTheSealedValueUnderItsName) {
  const auto store = Make({.name_space = "team-a"});
  EXPECT_TRUE(absl::IsNotFound(store->Get(key_).status()));
  ASSERT_TRUE(store->Put(key_, sealed_).ok());
  EXPECT_EQ(*store->Get(key_), sealed_);
  const std::string hex = key_.digest.ToHex();
  EXPECT_EQ(objects_.objects().begin()->first,
            StrCat("cache/team-a/result/", hex.substr(0, 2), "/", hex));
  EXPECT_TRUE(*store->WalkExists(key_));
  ASSERT_TRUE(store->Remove(key_).ok());
  EXPECT_FALSE(*store->WalkExists(key_));

  const RemoteMetrics metrics = store->Metrics();
  EXPECT_EQ(metrics.hits, 1u);
  EXPECT_EQ(metrics.misses, 1u);
  EXPECT_EQ(metrics.writes, 1u);
  EXPECT_EQ(metrics.bytes_sent, sealed_.size());
  EXPECT_EQ(metrics.bytes_received, sealed_.size());
  EXPECT_EQ(metrics.hit_latency.Total(), 1u);
}

TEST_F(RemoteObjectsTest, WhatCanBeShorterTravelsPackedAndIsSignedThatWay) {
  const std::string sealed = SealValue(key_, std::string(10'000, 'p'));
  const auto plain = Make();
  ASSERT_TRUE(plain->Put(key_, sealed).ok());
  EXPECT_LT(plain->Metrics().bytes_sent, 1000u);
  EXPECT_EQ(objects_.objects().at(plain->NameOf(key_)).bytes, PackValue(sealed));
  EXPECT_EQ(*plain->Get(key_), sealed);
  EXPECT_LT(plain->Metrics().bytes_received, 1000u);

  const auto signer = *Ed25519Signer::FromPem(kKeyPem);
  const std::string signed_value = SignValue(*signer, "default", PackValue(sealed));
  objects_.Set(plain->NameOf(key_), signed_value, 1);
  EXPECT_EQ(*Make({.trusted_keys = {signer->public_key()}})->Get(key_), sealed);
}

TEST_F(RemoteObjectsTest, ObjectsFromBeforePackingAreStillRead) {
  const std::string sealed = SealValue(key_, std::string(10'000, 'p'));
  const auto store = Make();
  objects_.Set(store->NameOf(key_), sealed, 1);
  EXPECT_EQ(*store->Get(key_), sealed);
}

TEST_F(RemoteObjectsTest, APackedObjectThatIsDamagedIsReported) {
  const auto store = Make();
  std::string packed = PackValue(SealValue(key_, std::string(10'000, 'p')));
  for (const size_t place : {size_t{4}, size_t{6}, packed.size() / 2}) {
    std::string damaged = packed;
    damaged[place] = static_cast<char>(damaged[place] ^ 1);
    objects_.Set(store->NameOf(key_), damaged, 1);
    EXPECT_TRUE(absl::IsDataLoss(store->Get(key_).status())) << place;
  }
  EXPECT_THAT(events_, ElementsAre("remote-object-damaged", "remote-object-damaged",
                                   "remote-object-damaged"));
}

TEST_F(RemoteObjectsTest, NamesAreReadBackOnlyWhenTheyAreExactlyOurs) {
  const std::string name = ObjectName("ns", key_);
  EXPECT_EQ(ParseObjectName("ns", name), key_);
  std::string upper = name;
  upper[name.size() - 1] = 'A';
  for (const std::string& other :
       {std::string(), name + "0", name.substr(1), upper, StrCat("cache/other/", name.substr(9)),
        std::string("cache/ns/result/"), std::string("cache/ns/hpcc-check")}) {
    EXPECT_EQ(ParseObjectName("ns", other), std::nullopt) << other;
  }
}

TEST_F(RemoteObjectsTest, NamespacesThatAreNoFolderNameAreRefused) {
  for (const std::string name_space : {"", ".", "..", "a/b", "a b", "\xc3\xa9"}) {
    EXPECT_FALSE(RemoteObjects::Make(objects_, {.name_space = name_space}, clock_).ok());
  }
}

TEST_F(RemoteObjectsTest, WhatIsNotSealedForItsKeyIsNotSent) {
  const auto store = Make();
  EXPECT_TRUE(absl::IsInvalidArgument(store->Put(key_, "unsealed")));
  EXPECT_TRUE(absl::IsInvalidArgument(store->Put(ResultKey(2), sealed_)));
  EXPECT_EQ(objects_.calls("put"), 0);
}

TEST_F(RemoteObjectsTest, TamperedTruncatedAndForeignObjectsAreReportedAndStay) {
  const auto store = Make();
  const std::string name = store->NameOf(key_);
  std::string flipped = sealed_;
  flipped[flipped.size() / 2] ^= 1;
  for (const std::string& bytes :
       {flipped, sealed_.substr(0, 20), std::string(), SealValue(ResultKey(2), "payload")}) {
    objects_.Set(name, bytes, 1);
    events_.clear();
    EXPECT_TRUE(absl::IsDataLoss(store->Get(key_).status()));
    EXPECT_THAT(events_, ElementsAre("remote-object-damaged"));
    EXPECT_EQ(objects_.objects().at(name).bytes, bytes);
  }
  EXPECT_EQ(store->Metrics().rejected, 4u);
}

TEST_F(RemoteObjectsTest, ReadersWithTrustedKeysRefuseUnsignedForeignAndForgedObjects) {
  const std::shared_ptr<const Ed25519Signer> signer = *Ed25519Signer::FromPem(kKeyPem);
  const auto writer = Make({.signer = signer});
  const auto reader = Make({.read_only = true, .trusted_keys = {signer->public_key()}});
  const auto stranger = Make({.trusted_keys = {std::string(32, 'x')}});
  ASSERT_TRUE(writer->Put(key_, sealed_).ok());
  EXPECT_EQ(*reader->Get(key_), sealed_);
  EXPECT_EQ(*Make()->Get(key_), sealed_);
  EXPECT_TRUE(absl::IsDataLoss(stranger->Get(key_).status()));

  const std::string name = writer->NameOf(key_);
  std::string forged = objects_.objects().at(name).bytes;
  forged[60] ^= 1;
  objects_.Set(name, forged, 1);
  EXPECT_TRUE(absl::IsDataLoss(reader->Get(key_).status()));
  ASSERT_TRUE(Make()->Put(key_, sealed_).ok());
  EXPECT_TRUE(absl::IsDataLoss(reader->Get(key_).status()));
  EXPECT_THAT(events_, ElementsAre("remote-object-untrusted", "remote-object-forged",
                                   "remote-object-unsigned"));
}

TEST_F(RemoteObjectsTest, ASignedObjectOfAnotherNamespaceIsForged) {
  const std::shared_ptr<const Ed25519Signer> signer = *Ed25519Signer::FromPem(kKeyPem);
  ASSERT_TRUE(Make({.name_space = "a", .signer = signer})->Put(key_, sealed_).ok());
  objects_.Set(ObjectName("b", key_), objects_.objects().begin()->second.bytes, 1);
  const auto reader = Make({.name_space = "b", .trusted_keys = {signer->public_key()}});
  EXPECT_TRUE(absl::IsDataLoss(reader->Get(key_).status()));
  EXPECT_THAT(events_, ElementsAre("remote-object-forged"));
}

TEST_F(RemoteObjectsTest, ManyForeignObjectsDoNotSuspendTheTier) {
  const std::shared_ptr<const Ed25519Signer> signer = *Ed25519Signer::FromPem(kKeyPem);
  const auto reader = Make({.trusted_keys = {signer->public_key()}});
  objects_.Set(reader->NameOf(key_), sealed_, 1);
  for (int i = 0; i < 20; ++i) EXPECT_TRUE(absl::IsDataLoss(reader->Get(key_).status()));
  EXPECT_FALSE(reader->Metrics().reads_suspended);
}

TEST_F(RemoteObjectsTest, AReadOnlyTierNeverWrites) {
  const auto store = Make({.read_only = true, .max_size = 1});
  EXPECT_TRUE(absl::IsPermissionDenied(store->Put(key_, sealed_)));
  EXPECT_TRUE(absl::IsPermissionDenied(store->Remove(key_)));
  objects_.Set(store->NameOf(key_), sealed_, 1);
  EXPECT_TRUE(store->Get(key_).ok());
  ASSERT_TRUE(store->WaitUntilIdle(kPatience));
  EXPECT_EQ(objects_.calls("put") + objects_.calls("refresh") + objects_.calls("remove"), 0);
}

TEST_F(RemoteObjectsTest, ADeadRemoteCostsOneBoundInAllAndOneNotice) {
  const auto store = Make();
  Break(absl::DeadlineExceededError("no answer"), milliseconds(2000));
  const int64_t began = clock_.MonotonicNanoseconds();
  for (int i = 0; i < 1000; ++i) EXPECT_FALSE(store->Get(ResultKey(i)).ok());
  EXPECT_LT(clock_.MonotonicNanoseconds() - began, 5'000'000'000);
  EXPECT_EQ(objects_.calls("get"), 1);
  ASSERT_EQ(notices_.size(), 1u);
  EXPECT_THAT(notices_[0], HasSubstr("no answer"));
  EXPECT_EQ(store->Metrics().skipped, 999u);
}

TEST_F(RemoteObjectsTest, ASlowRemoteCostsABoundInAllAndOneNotice) {
  const auto store = Make();
  Break(absl::OkStatus(), milliseconds(1800));
  const int64_t began = clock_.MonotonicNanoseconds();
  for (int i = 0; i < 1000; ++i) EXPECT_FALSE(store->Get(ResultKey(i)).ok());
  EXPECT_LT(clock_.MonotonicNanoseconds() - began, 5'000'000'000);
  EXPECT_EQ(objects_.calls("get"), 2);
  ASSERT_EQ(notices_.size(), 1u);
  EXPECT_THAT(notices_[0], HasSubstr("answers are too slow"));

  // It goes on being slow: then it goes on being skipped.
  clock_.Advance(std::chrono::seconds(6));
  EXPECT_FALSE(store->Get(key_).ok());
  ASSERT_TRUE(store->WaitUntilIdle(kPatience));
  EXPECT_TRUE(store->Metrics().reads_suspended);
  Mend();
  clock_.Advance(std::chrono::seconds(11));
  EXPECT_FALSE(store->Get(key_).ok());
  ASSERT_TRUE(store->WaitUntilIdle(kPatience));
  EXPECT_FALSE(store->Metrics().reads_suspended);
}

TEST_F(RemoteObjectsTest, LargeObjectsAreNotSlow) {
  const auto store = Make();
  const std::string sealed = SealValue(key_, ValueFor(1, 1, 8 << 20));
  objects_.Set(store->NameOf(key_), sealed, 1);
  Break(absl::OkStatus(), milliseconds(1800));
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(store->Get(key_).ok());
}

TEST_F(RemoteObjectsTest, AWalkIsNotHeldUpAndSuspendsNothing) {
  const auto store = Make({.max_size = 1 << 20});
  objects_.Set(store->NameOf(key_), "damaged", 1);
  for (int i = 0; i < 20; ++i) EXPECT_TRUE(absl::IsDataLoss(store->WalkGet(key_).status()));
  EXPECT_FALSE(store->Metrics().reads_suspended);
  Break(absl::UnavailableError("503"));
  for (int i = 0; i < 20; ++i) {
    EXPECT_FALSE(store->WalkGet(key_).ok());
    EXPECT_FALSE(store->WalkPut(key_, sealed_).ok());
    EXPECT_FALSE(store->WalkExists(key_).ok());
  }
  EXPECT_FALSE(store->Metrics().reads_suspended || store->Metrics().writes_suspended);

  for (int i = 0; i < 4; ++i) {
    EXPECT_FALSE(store->Get(key_).ok() || store->Put(key_, sealed_).ok());
  }
  EXPECT_TRUE(store->Metrics().reads_suspended && store->Metrics().writes_suspended);
  Mend();
  EXPECT_TRUE(store->WalkPut(key_, sealed_).ok());
  EXPECT_EQ(*store->WalkGet(key_), sealed_);
  EXPECT_TRUE(*store->WalkExists(key_));
  ASSERT_TRUE(store->WaitUntilIdle(kPatience));
  EXPECT_EQ(objects_.calls("refresh"), 0);
}

TEST_F(RemoteObjectsTest, TellsWhetherAPutIsWorthAnother) {
  const auto store = Make();
  Break(absl::UnavailableError("503 SlowDown"));
  for (int i = 0; i < 4; ++i) {
    const PutOutcome outcome = store->TryPut(key_, sealed_);
    EXPECT_TRUE(outcome.tried && outcome.worth_another);
  }
  EXPECT_EQ(store->WritesHeldUpFor(), std::chrono::seconds(5));
  PutOutcome outcome = store->TryPut(key_, sealed_);
  EXPECT_TRUE(!outcome.tried && outcome.worth_another && !outcome.status.ok());
  Mend();
  clock_.Advance(std::chrono::seconds(6));
  EXPECT_EQ(store->WritesHeldUpFor().count(), 0);
  outcome = store->TryPut(key_, sealed_);
  EXPECT_TRUE(outcome.status.ok() && outcome.tried && !outcome.worth_another);
  // What has worked may work again.
  Break(absl::UnauthenticatedError("ExpiredToken"));
  EXPECT_TRUE(store->TryPut(key_, sealed_).worth_another);
  Break(absl::ResourceExhaustedError("too large"));
  EXPECT_FALSE(store->TryPut(key_, sealed_).worth_another);
}

TEST_F(RemoteObjectsTest, WhatHasNeverBeenAllowedIsNotWorthAnother) {
  const auto store = Make();
  Break(absl::PermissionDeniedError("s3:PutObject"));
  EXPECT_FALSE(store->TryPut(key_, sealed_).worth_another);
  const PutOutcome outcome = store->TryPut(key_, sealed_);
  EXPECT_FALSE(outcome.tried || outcome.worth_another);
  EXPECT_TRUE(store->WritesAreHopeless());
  store->CountDropped();
  EXPECT_EQ(store->Metrics().dropped, 1u);
}

TEST_F(RemoteObjectsTest, AProbeInTheBackgroundFindsOutWhenTheRemoteIsBack) {
  const auto store = Make();
  objects_.Set(store->NameOf(key_), sealed_, 1);
  Break(absl::UnavailableError("503"));
  for (int i = 0; i < 4; ++i) EXPECT_FALSE(store->Get(key_).ok());
  EXPECT_TRUE(store->Metrics().reads_suspended);

  clock_.Advance(std::chrono::seconds(6));
  EXPECT_FALSE(store->Get(key_).ok());
  ASSERT_TRUE(store->WaitUntilIdle(kPatience));
  EXPECT_TRUE(store->Metrics().reads_suspended);

  Mend();
  clock_.Advance(std::chrono::seconds(30));
  EXPECT_FALSE(store->Get(key_).ok());
  ASSERT_TRUE(store->WaitUntilIdle(kPatience));
  EXPECT_EQ(*store->Get(key_), sealed_);
  ASSERT_EQ(notices_.size(), 2u);
  EXPECT_THAT(notices_[1], HasSubstr("work again"));
}

TEST_F(RemoteObjectsTest, WhoMayNotWriteCanStillRead) {
  const auto store = Make();
  objects_.Set(store->NameOf(key_), sealed_, 1);
  objects_.before = [](std::string_view operation) {
    return operation == "put" ? absl::PermissionDeniedError("s3:PutObject") : absl::OkStatus();
  };
  for (int i = 0; i < 10; ++i) EXPECT_FALSE(store->Put(key_, sealed_).ok());
  EXPECT_EQ(objects_.calls("put"), 1);
  EXPECT_TRUE(store->Get(key_).ok());
  ASSERT_EQ(notices_.size(), 1u);
  EXPECT_THAT(notices_[0], HasSubstr("s3:PutObject"));
}

TEST_F(RemoteObjectsTest, OneWriteProbesWhetherWritesWorkAgain) {
  const auto store = Make();
  Break(absl::PermissionDeniedError("no"));
  EXPECT_FALSE(store->Put(key_, sealed_).ok());
  Mend();
  EXPECT_FALSE(store->Put(key_, sealed_).ok());
  clock_.Advance(std::chrono::seconds(6));
  EXPECT_TRUE(store->Put(key_, sealed_).ok());
  EXPECT_FALSE(store->Metrics().writes_suspended);
}

TEST_F(RemoteObjectsTest, WalksItsEntriesPageByPageAndPassesOverOthers) {
  const auto store = Make();
  objects_.page_size = 3;
  for (int i = 0; i < 10; ++i)
    ASSERT_TRUE(store->Put(ResultKey(i), SealValue(ResultKey(i), "v")).ok());
  objects_.Set("cache/default/result/zz/stray", "x", 1);
  objects_.Set("cache/default/hpcc-check", "x", 1);
  int seen = 0;
  ASSERT_TRUE(store
                  ->ForEach(StoreNamespace::kResult,
                            [&](const RemoteObjects::Entry& entry) {
                              EXPECT_EQ(entry.key.ns, StoreNamespace::kResult);
                              return ++seen > 0;
                            })
                  .ok());
  EXPECT_EQ(seen, 10);
  seen = 0;
  ASSERT_TRUE(store
                  ->ForEach(StoreNamespace::kResult,
                            [&](const RemoteObjects::Entry&) { return ++seen < 4; })
                  .ok());
  EXPECT_EQ(seen, 4);
}

TEST_F(RemoteObjectsTest, AReadOfAnOldObjectCountsAsUseWhereTheSizeIsLimited) {
  const auto store = Make({.max_size = 1 << 20});
  objects_.Set(store->NameOf(key_), sealed_,
               clock_.NowNanoseconds() - std::chrono::nanoseconds(std::chrono::hours(25)).count());
  ASSERT_TRUE(store->Get(key_).ok());
  ASSERT_TRUE(store->WaitUntilIdle(kPatience));
  EXPECT_EQ(objects_.calls("refresh"), 1);
  ASSERT_TRUE(store->Get(key_).ok());
  ASSERT_TRUE(store->WaitUntilIdle(kPatience));
  EXPECT_EQ(objects_.calls("refresh"), 1);
}

TEST_F(RemoteObjectsTest, WritersKeepTheBucketToItsSize) {
  const auto store = Make({.max_size = 100000});
  for (int i = 0; i < 200; ++i) {
    const StoreKey key = ResultKey(i);
    ASSERT_TRUE(store->Put(key, SealValue(key, ValueFor(i, 1, 1000))).ok());
    ASSERT_TRUE(store->WaitUntilIdle(kPatience));
  }
  uint64_t total = 0;
  for (const auto& [name, object] : objects_.objects()) total += object.bytes.size();
  EXPECT_LE(total, 115000u);
  EXPECT_GE(total, 80000u);
  // The last used are there, the first are not.
  EXPECT_TRUE(*store->WalkExists(ResultKey(199)));
  EXPECT_FALSE(*store->WalkExists(ResultKey(0)));
  EXPECT_GT(store->Metrics().evicted, 0u);
}

TEST_F(RemoteObjectsTest, ManyThreadsReadAndWriteAtOnce) {
  const auto store = Make({.max_size = 50000});
  std::vector<std::thread> threads;
  std::atomic<int> wrong{0};
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 100; ++i) {
        const StoreKey key = ResultKey((t * 7 + i) % 50);
        const std::string value = SealValue(key, ValueFor((t * 7 + i) % 50, 1, 2000));
        if (!store->Put(key, value).ok()) ++wrong;
        const absl::StatusOr<std::string> got = store->Get(key);
        if (got.ok() ? *got != value : !absl::IsNotFound(got.status())) ++wrong;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
  EXPECT_TRUE(store->WaitUntilIdle(kPatience));
}

}  // namespace
}  // namespace hpcc
