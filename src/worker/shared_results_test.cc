#include "worker/shared_results.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>

#include "store/object_names.h"
#include "store/remote_objects_test_util.h"
#include "store/store_test_util.h"
#include "store/verified_store.h"

namespace hpcc {
namespace {

using std::chrono::milliseconds;
using testing::SizeIs;
using Asker = SharedResults::Asker;

constexpr milliseconds kLong{10'000};
constexpr std::string_view kKeyPem =
    "-----BEGIN PRIVATE KEY-----\n"
    "MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n"
    "-----END PRIVATE KEY-----\n";

// Of several workers, each of which owns its way there.
class WayTo final : public ObjectStore {
 public:
  explicit WayTo(ObjectStore& objects) : objects_(objects) {}
  absl::StatusOr<Object> Get(std::string_view name) override { return objects_.Get(name); }
  absl::Status Put(std::string_view name, std::string_view bytes) override {
    return objects_.Put(name, bytes);
  }
  absl::StatusOr<bool> Exists(std::string_view name) override { return objects_.Exists(name); }
  absl::Status Remove(std::string_view name) override { return objects_.Remove(name); }
  absl::Status RemoveMany(std::span<const std::string> names) override {
    return objects_.RemoveMany(names);
  }
  absl::Status Refresh(std::string_view name) override { return objects_.Refresh(name); }
  absl::StatusOr<ListPage> List(std::string_view prefix, std::string_view from) override {
    return objects_.List(prefix, from);
  }
  absl::Status Check(std::string_view prefix, bool write) override {
    return objects_.Check(prefix, write);
  }
  std::string Description() const override { return objects_.Description(); }

 private:
  ObjectStore& objects_;
};

// Opened by the test, so that nobody measures how long something took.
class Gate {
 public:
  void Open() { promise_.set_value(); }
  void Wait() const { future_.wait(); }

 private:
  std::promise<void> promise_;
  const std::shared_future<void> future_ = promise_.get_future().share();
};

class SharedResultsTest : public testing::Test {
 protected:
  static SharedTier Tier(FakeObjectStore& objects, RemoteObjectsOptions options = {}) {
    return {objects.Description(), {nullptr, std::make_unique<WayTo>(objects)}, std::move(options)};
  }
  std::unique_ptr<SharedResults> Make(std::vector<SharedTier> tiers,
                                      SharedResultsOptions options = {.isolation = "process"}) {
    return *SharedResults::Make(std::move(options), std::move(tiers), events_, clock_);
  }
  std::unique_ptr<SharedResults> Worker(std::string_view isolation = "process",
                                        RemoteObjectsOptions options = {}) {
    std::vector<SharedTier> tiers;
    tiers.push_back(Tier(objects_, std::move(options)));
    return Make(std::move(tiers), {.isolation = std::string(isolation)});
  }
  // Two tiers: `near_`, then `objects_`.
  std::unique_ptr<SharedResults> WorkerWithTwo(RemoteObjectsOptions near = {}) {
    std::vector<SharedTier> tiers;
    tiers.push_back(Tier(near_, std::move(near)));
    tiers.push_back(Tier(objects_));
    return Make(std::move(tiers));
  }
  static StoredResult Result(std::string_view bundle = "bundle") {
    return {"process", {{"object", Digest::Of("o")}}, std::string(bundle)};
  }
  static void Share(SharedResults& worker, const Digest& key, const StoredResult& result) {
    worker.Add(key, result, EncodeStoredResult(result));
  }
  static void ShareAndWait(SharedResults& worker, const Digest& key) {
    Share(worker, key, Result());
    ASSERT_TRUE(worker.Flush(kLong));
  }
  // What is there for a key, as if somebody had put it there.
  void Plant(std::string_view isolation, std::string_view payload) {
    const StoreKey key{StoreNamespace::kResult, SharedResultKey(isolation, key_)};
    objects_.Set(ObjectName("default", key), SealValue(key, payload), 0);
  }
  uint64_t Refused() const { return events_.count(SecurityEvent::kSharedResultRefused); }

  SteppingClock clock_;
  SecurityEvents events_{clock_, nullptr};
  FakeObjectStore objects_{clock_};
  FakeObjectStore near_{clock_};
  const Digest key_ = Digest::Of("key");
};

TEST_F(SharedResultsTest, TheKeyIsWhatItWas) {
  EXPECT_EQ(SharedResultKey("process", Digest::Of("key")).ToHex(),
            "1408fabdec06f08854200341cafcced0f833390645db242d7b1bb7472fca5133");
  EXPECT_NE(SharedResultKey("qemu-kvm", Digest::Of("key")),
            SharedResultKey("process", Digest::Of("key")));
}

TEST_F(SharedResultsTest, WhatOneWorkerHasCompiledAnotherFinds) {
  ShareAndWait(*Worker(), key_);
  const auto other = Worker();
  for (const Asker asker : {Asker::kProbe, Asker::kCompile}) {
    const std::optional<StoredResult> found = other->Find(key_, asker);
    ASSERT_TRUE(found.has_value());
    EXPECT_EQ(EncodeStoredResult(*found), EncodeStoredResult(Result()));
  }
  EXPECT_FALSE(other->Find(Digest::Of("another"), Asker::kCompile).has_value());
  EXPECT_EQ(Refused(), 0U);
}

TEST_F(SharedResultsTest, AnotherIsolationsResultIsAMiss) {
  ShareAndWait(*Worker("process"), key_);
  EXPECT_FALSE(Worker("qemu-kvm")->Find(key_, Asker::kCompile).has_value());
  EXPECT_EQ(Refused(), 0U);
  // A result that doesn't have its worker's isolation is not shared at all.
  const auto worker = Worker("qemu-kvm");
  ShareAndWait(*worker, key_);
  EXPECT_EQ(objects_.calls("put"), 1);
}

TEST_F(SharedResultsTest, AResultUnderAnotherIsolationsNameIsRefused) {
  Plant("qemu-kvm", EncodeStoredResult(Result()));
  EXPECT_FALSE(Worker("qemu-kvm")->Find(key_, Asker::kProbe).has_value());
  EXPECT_EQ(Refused(), 1U);
}

TEST_F(SharedResultsTest, WhatIsDamagedIsRefusedAndReplaced) {
  const auto worker = Worker();
  ShareAndWait(*worker, key_);
  const std::string name = objects_.objects().begin()->first;
  objects_.Set(name, "garbage", 0);
  EXPECT_FALSE(worker->Find(key_, Asker::kProbe).has_value());
  EXPECT_EQ(Refused(), 1U);
  ShareAndWait(*worker, key_);
  EXPECT_TRUE(worker->Find(key_, Asker::kProbe).has_value());
  // Whole, but no result.
  Plant("process", "\x09");
  EXPECT_FALSE(worker->Find(key_, Asker::kProbe).has_value());
  EXPECT_EQ(Refused(), 2U);
}

TEST_F(SharedResultsTest, WithTrustedKeysOnlyTheirResultsAreFound) {
  const std::shared_ptr<const Ed25519Signer> signer = *Ed25519Signer::FromPem(kKeyPem);
  ShareAndWait(*Worker(), key_);
  const auto trusting =
      Worker("process", {.signer = signer, .trusted_keys = {signer->public_key()}});
  EXPECT_FALSE(trusting->Find(key_, Asker::kProbe).has_value());
  EXPECT_EQ(Refused(), 1U);
  ShareAndWait(*trusting, key_);
  EXPECT_TRUE(trusting->Find(key_, Asker::kProbe).has_value());
  const auto of_others = Worker("process", {.trusted_keys = {std::string(32, 'k')}});
  EXPECT_FALSE(of_others->Find(key_, Asker::kProbe).has_value());
  EXPECT_EQ(Refused(), 2U);
}

TEST_F(SharedResultsTest, AReadOnlyTierIsReadAndNeverWritten) {
  ShareAndWait(*Worker(), key_);
  const auto reader = Worker("process", {.read_only = true});
  ShareAndWait(*reader, Digest::Of("another"));
  EXPECT_TRUE(reader->Find(key_, Asker::kProbe).has_value());
  EXPECT_THAT(objects_.objects(), SizeIs(1));
  // Nor with what comes of a farther one.
  const auto between = WorkerWithTwo({.read_only = true});
  EXPECT_TRUE(between->Find(key_, Asker::kProbe).has_value());
  ASSERT_TRUE(between->Flush(kLong));
  EXPECT_EQ(near_.calls("put"), 0);
}

TEST_F(SharedResultsTest, WhatComesOfAFartherTierIsGivenToTheNearer) {
  ShareAndWait(*Worker(), key_);
  const auto worker = WorkerWithTwo();
  EXPECT_TRUE(worker->Find(key_, Asker::kProbe).has_value());
  ASSERT_TRUE(worker->Flush(kLong));
  ASSERT_THAT(near_.objects(), SizeIs(1));
  EXPECT_EQ(near_.objects().begin()->second.bytes, objects_.objects().begin()->second.bytes);
  EXPECT_TRUE(worker->Find(key_, Asker::kProbe).has_value());
  EXPECT_EQ(objects_.calls("get"), 1);
}

TEST_F(SharedResultsTest, OneProbeTooManyFindsNothingAndACompileAsksAnyhow) {
  const auto worker = Worker();
  ShareAndWait(*worker, key_);
  Gate gate;
  objects_.before = [&gate](std::string_view) {
    gate.Wait();
    return absl::OkStatus();
  };
  std::vector<std::future<bool>> asking;
  const auto ask = [&](Asker asker, int calls) {
    asking.push_back(std::async(std::launch::async,
                                [&, asker] { return worker->Find(key_, asker).has_value(); }));
    while (objects_.calls("get") < calls) Clock::Real().Sleep(milliseconds(1));
  };
  ask(Asker::kCompile, 1);
  for (int calls = 2; calls <= 5; ++calls) ask(Asker::kProbe, calls);
  EXPECT_FALSE(worker->Find(key_, Asker::kProbe).has_value());
  ask(Asker::kCompile, 6);
  gate.Open();
  for (std::future<bool>& answer : asking) EXPECT_TRUE(answer.get());
  EXPECT_TRUE(worker->Find(key_, Asker::kProbe).has_value());
}

TEST_F(SharedResultsTest, NobodyWaitsForWritesAndWhatDoesNotFitIsNotTaken) {
  Gate gate;
  objects_.before = [&gate](std::string_view) {
    gate.Wait();
    return absl::OkStatus();
  };
  std::vector<SharedTier> tiers;
  tiers.push_back(Tier(objects_));
  const auto worker =
      Make(std::move(tiers), {.isolation = "process", .queued_bytes = 10'000, .write_threads = 2});
  for (int i = 0; i < 10; ++i) {
    Share(*worker, Digest::Of(StrCat(i)), Result(std::string(4000, 'x')));
  }
  EXPECT_FALSE(worker->Flush(milliseconds(10)));
  EXPECT_THAT(objects_.objects(), SizeIs(0));
  gate.Open();
  EXPECT_TRUE(worker->Flush(kLong));
  EXPECT_THAT(objects_.objects(), SizeIs(2));
}

TEST_F(SharedResultsTest, ADeadTierIsAskedAFewTimesOnly) {
  objects_.before = [](std::string_view) { return absl::UnavailableError("dead"); };
  const auto worker = Worker();
  for (int i = 0; i < 50; ++i) EXPECT_FALSE(worker->Find(key_, Asker::kProbe).has_value());
  EXPECT_LE(objects_.calls("get"), 5);
  EXPECT_EQ(Refused(), 0U);
}

TEST_F(SharedResultsTest, ATierThatTakesAllTheTimeIsTheLastThatIsAsked) {
  ShareAndWait(*Worker(), key_);
  near_.before = [this](std::string_view) {
    clock_.Advance(milliseconds(2000));
    return absl::DeadlineExceededError("slow");
  };
  const auto worker = WorkerWithTwo();
  EXPECT_FALSE(worker->Find(key_, Asker::kProbe).has_value());
  EXPECT_EQ(objects_.calls("get"), 0);
  // From now on it is passed over.
  EXPECT_TRUE(worker->Find(key_, Asker::kProbe).has_value());
}

}  // namespace
}  // namespace hpcc
