#include "sandbox/sandbox_pool.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <mutex>
#include <thread>

#include "base/strings.h"

namespace hpcc {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

class FakeClock final : public Clock {
 public:
  int64_t NowNanoseconds() override { return now_; }
  int64_t FileStampNanoseconds() override { return now_; }
  int64_t MonotonicNanoseconds() override { return now_; }
  void Sleep(std::chrono::nanoseconds duration) override { Pass(duration); }
  void Pass(std::chrono::nanoseconds duration) { now_ += duration.count(); }

 private:
  std::atomic<int64_t> now_{1};
};

// What became of a sandbox, after the pool has let go of it.
struct FakeState {
  SandboxSpec spec;
  std::atomic<bool> alive{true};
  std::atomic<int> stops{0};
  std::atomic<bool> gone{false};
  std::atomic<int> suspends{0};
  std::atomic<int> resumes{0};
  absl::Status suspend = absl::UnimplementedError("fake");
  std::function<void()> while_suspended;
  absl::Status resume;
};

class FakeSandbox final : public Sandbox {
 public:
  explicit FakeSandbox(std::shared_ptr<FakeState> state) : state_(std::move(state)) {}
  ~FakeSandbox() override { state_->gone = true; }

  const SandboxSpec& spec() const override { return state_->spec; }
  std::string_view isolation() const override { return "fake"; }
  std::vector<std::string> image_directories() const override { return {}; }
  absl::StatusOr<ExecResult> Exec(const ExecRequest&, const BlobReader&,
                                  const std::function<bool()>&) override {
    return ExecResult{};
  }
  absl::Status Suspend() override {
    ++state_->suspends;
    if (state_->while_suspended) state_->while_suspended();
    return state_->suspend;
  }
  absl::Status Resume() override {
    ++state_->resumes;
    if (!state_->resume.ok()) state_->alive = false;
    return state_->resume;
  }
  void Stop() override {
    ++state_->stops;
    state_->alive = false;
  }
  bool alive() const override { return state_->alive; }

 private:
  const std::shared_ptr<FakeState> state_;
};

class FakeRuntime final : public Runtime {
 public:
  std::string_view isolation() const override { return "fake"; }
  absl::StatusOr<std::unique_ptr<Sandbox>> Start(const SandboxSpec& spec, milliseconds) override {
    if (delay.count() > 0) std::this_thread::sleep_for(delay);
    const std::lock_guard lock(mutex_);
    ++starts;
    if (!failure.ok()) return failure;
    auto state = std::make_shared<FakeState>();
    state->spec = spec;
    state->suspend = suspend;
    states.push_back(state);
    return std::make_unique<FakeSandbox>(state);
  }

  uint64_t MemoryBytes(const SandboxSpec& spec) const override {
    return spec.memory_bytes + spec.blob_bytes + own_bytes;
  }

  milliseconds delay{0};
  uint64_t own_bytes = 0;  // what each of its sandboxes takes beside what it was given
  absl::Status failure;
  absl::Status suspend = absl::UnimplementedError("fake");  // of the sandboxes it starts
  int starts = 0;
  std::vector<std::shared_ptr<FakeState>> states;

 private:
  std::mutex mutex_;
};

class SandboxPoolTest : public ::testing::Test {
 protected:
  SandboxPool& Pool(SandboxPoolOptions options = {}) {
    options.tend_every = milliseconds(0);
    return PoolWithThreads(options);
  }
  SandboxPool& PoolWithThreads(const SandboxPoolOptions& options) {
    pool_ = std::make_unique<SandboxPool>(
        runtime_, "w", options,
        [this](const PooledSandbox& lost) {
          const std::lock_guard lock(lost_mutex_);  // it comes from any thread
          lost_.push_back(lost.id);
        },
        clock_);
    return *pool_;
  }
  static std::string IdOf(const absl::StatusOr<SandboxPool::Lease>& lease) {
    return lease.ok() ? lease->sandbox().spec().id : std::string(lease.status().message());
  }

  FakeRuntime runtime_;
  FakeClock clock_;
  std::mutex lost_mutex_;
  std::vector<std::string> lost_;
  std::unique_ptr<SandboxPool> pool_;
};

TEST_F(SandboxPoolTest, OneSandboxServesATenantsExecsOfOneImage) {
  SandboxPool& pool = Pool({.cpus = 2});
  const auto a = pool.Acquire("acme", "host", milliseconds(0));
  const auto b = pool.Acquire("acme", "host", milliseconds(0));
  EXPECT_EQ(IdOf(a), "w-1");
  EXPECT_EQ(IdOf(b), "w-1");
  EXPECT_EQ(runtime_.starts, 1);
  EXPECT_EQ(runtime_.states[0]->spec.tenant, "acme");
  EXPECT_EQ(runtime_.states[0]->spec.cpus, 2u);
}

TEST_F(SandboxPoolTest, TenantsAndImagesNeverShareOne) {
  SandboxPool& pool = Pool();
  const auto a = pool.Acquire("acme", "host", milliseconds(0));
  const auto b = pool.Acquire("globex", "host", milliseconds(0));
  const auto c = pool.Acquire("acme", "sha256:1", milliseconds(0));
  EXPECT_EQ(runtime_.starts, 3);
  for (const auto& state : runtime_.states) EXPECT_EQ(state->stops, 0);
  EXPECT_EQ(a->sandbox().spec().tenant, "acme");
  EXPECT_EQ(b->sandbox().spec().tenant, "globex");
  EXPECT_EQ(c->sandbox().spec().image, "sha256:1");
}

TEST_F(SandboxPoolTest, AFullSandboxMakesOthersWaitAndThenRefusesThem) {
  SandboxPool& pool = Pool({.cpus = 1});
  auto first = std::make_unique<absl::StatusOr<SandboxPool::Lease>>(
      pool.Acquire("acme", "host", milliseconds(0)));
  EXPECT_TRUE(absl::IsResourceExhausted(pool.Acquire("acme", "host", milliseconds(0)).status()));
  std::thread release([&first] {
    std::this_thread::sleep_for(milliseconds(50));
    first.reset();
  });
  EXPECT_EQ(IdOf(pool.Acquire("acme", "host", seconds(10))), "w-1");
  release.join();
}

TEST_F(SandboxPoolTest, WhoeverWaitsCanBeCancelled) {
  SandboxPool& pool = Pool({.cpus = 1});
  const auto first = pool.Acquire("acme", "host", milliseconds(0));
  EXPECT_TRUE(
      absl::IsCancelled(pool.Acquire("acme", "host", seconds(10), [] { return true; }).status()));
}

TEST_F(SandboxPoolTest, OnlySoManyMayWait) {
  SandboxPool& pool = Pool({.cpus = 1, .max_waiting = 1});
  auto first = std::make_unique<absl::StatusOr<SandboxPool::Lease>>(
      pool.Acquire("acme", "host", milliseconds(0)));
  std::thread waiting([&pool] { EXPECT_TRUE(pool.Acquire("acme", "host", seconds(10)).ok()); });
  std::this_thread::sleep_for(milliseconds(50));
  EXPECT_TRUE(absl::IsResourceExhausted(pool.Acquire("acme", "host", seconds(10)).status()));
  first.reset();
  waiting.join();
}

TEST_F(SandboxPoolTest, WhoeverAsksDuringAStartWaitsForItInsteadOfStartingAnother) {
  runtime_.delay = milliseconds(100);
  SandboxPool& pool = Pool({.cpus = 4});
  std::vector<std::thread> askers;
  for (int i = 0; i < 4; ++i) {
    askers.emplace_back(
        [&pool] { EXPECT_EQ(IdOf(pool.Acquire("acme", "host", seconds(10))), "w-1"); });
  }
  for (std::thread& asker : askers) asker.join();
  EXPECT_EQ(runtime_.starts, 1);
}

TEST_F(SandboxPoolTest, AFailedStartIsToldToAllWhoWaitedAndTriedAgainLater) {
  runtime_.delay = milliseconds(100);
  runtime_.failure = absl::NotFoundError("no image");
  SandboxPool& pool = Pool();
  std::vector<std::thread> askers;
  for (int i = 0; i < 3; ++i) {
    askers.emplace_back([&pool] {
      EXPECT_TRUE(absl::IsNotFound(pool.Acquire("acme", "host", seconds(10)).status()));
    });
  }
  for (std::thread& asker : askers) asker.join();
  EXPECT_EQ(runtime_.starts, 1);
  runtime_.failure = absl::OkStatus();
  EXPECT_TRUE(pool.Acquire("acme", "host", milliseconds(0)).ok());
  EXPECT_THAT(lost_, IsEmpty());
}

TEST_F(SandboxPoolTest, ADeadSandboxIsReportedOnceAndReplaced) {
  SandboxPool& pool = Pool();
  ASSERT_TRUE(pool.Acquire("acme", "host", milliseconds(0)).ok());
  runtime_.states[0]->alive = false;
  EXPECT_EQ(IdOf(pool.Acquire("acme", "host", milliseconds(0))), "w-2");
  pool.Tend();
  EXPECT_THAT(lost_, ElementsAre("w-1"));
  EXPECT_TRUE(runtime_.states[0]->gone);
}

TEST_F(SandboxPoolTest, ADeathIsReportedWithoutAnybodyAsking) {
  SandboxPool& pool = Pool();
  const auto lease = pool.Acquire("acme", "host", milliseconds(0));
  runtime_.states[0]->alive = false;
  pool.Tend();
  pool.Tend();
  EXPECT_THAT(lost_, ElementsAre("w-1"));
  EXPECT_FALSE(runtime_.states[0]->gone);  // the lease still refers to it
  EXPECT_EQ(IdOf(pool.Acquire("acme", "host", milliseconds(0))), "w-2");
}

TEST_F(SandboxPoolTest, ADeathIsReportedWhenTheLeaseComesBack) {
  SandboxPool& pool = Pool();
  {
    const auto lease = pool.Acquire("acme", "host", milliseconds(0));
    runtime_.states[0]->alive = false;
  }
  EXPECT_THAT(lost_, ElementsAre("w-1"));
  EXPECT_TRUE(runtime_.states[0]->gone);
  EXPECT_THAT(pool.List(), IsEmpty());
}

TEST_F(SandboxPoolTest, AnIdleOneIsStoppedAndIsNotLost) {
  SandboxPool& pool = Pool({.idle = seconds(300)});
  ASSERT_TRUE(pool.Acquire("acme", "host", milliseconds(0)).ok());
  clock_.Pass(seconds(299));
  pool.Tend();
  EXPECT_FALSE(runtime_.states[0]->gone);
  clock_.Pass(seconds(1));
  pool.Tend();
  EXPECT_TRUE(runtime_.states[0]->gone);
  EXPECT_EQ(runtime_.states[0]->stops, 1);
  EXPECT_THAT(lost_, IsEmpty());
}

TEST_F(SandboxPoolTest, OneAtWorkIsNeverIdle) {
  SandboxPool& pool = Pool({.idle = seconds(300)});
  const auto lease = pool.Acquire("acme", "host", milliseconds(0));
  clock_.Pass(seconds(1000));
  pool.Tend();
  EXPECT_EQ(runtime_.states[0]->stops, 0);
}

TEST_F(SandboxPoolTest, AfterItsSessionASandboxTakesNothingFurtherAndGoesWhenItIsDone) {
  SandboxPool& pool = Pool({.session = seconds(1000), .drain = seconds(500)});
  {
    const auto lease = pool.Acquire("acme", "host", milliseconds(0));
    clock_.Pass(seconds(1000));
    EXPECT_EQ(IdOf(pool.Acquire("acme", "host", milliseconds(0))), "w-2");
    EXPECT_EQ(runtime_.states[0]->stops, 0);
    EXPECT_EQ(pool.List().size(), 2u);
  }
  EXPECT_TRUE(runtime_.states[0]->gone);
  EXPECT_THAT(lost_, IsEmpty());
}

TEST_F(SandboxPoolTest, TheSessionsHardEndComesEvenAtWork) {
  SandboxPool& pool = Pool({.session = seconds(1000), .drain = seconds(500)});
  const auto lease = pool.Acquire("acme", "host", milliseconds(0));
  clock_.Pass(seconds(1499));
  pool.Tend();
  EXPECT_EQ(runtime_.states[0]->stops, 0);
  clock_.Pass(seconds(1));
  pool.Tend();
  EXPECT_GE(runtime_.states[0]->stops, 1);
  EXPECT_FALSE(runtime_.states[0]->gone);
  EXPECT_THAT(lost_, IsEmpty());
}

TEST_F(SandboxPoolTest, TheLeastRecentlyUsedIdleOneMakesRoom) {
  SandboxPool& pool = Pool({.max_sandboxes = 2});
  ASSERT_TRUE(pool.Acquire("a", "host", milliseconds(0)).ok());
  clock_.Pass(seconds(1));
  ASSERT_TRUE(pool.Acquire("b", "host", milliseconds(0)).ok());
  clock_.Pass(seconds(1));
  ASSERT_TRUE(pool.Acquire("a", "host", milliseconds(0)).ok());
  ASSERT_TRUE(pool.Acquire("c", "host", milliseconds(0)).ok());
  EXPECT_FALSE(runtime_.states[0]->gone);
  EXPECT_TRUE(runtime_.states[1]->gone);
  EXPECT_THAT(lost_, IsEmpty());
}

TEST_F(SandboxPoolTest, MemoryIsALimitToo) {
  SandboxPool& pool = Pool({.memory_bytes = 3'000, .blob_bytes = 1'000, .max_memory_bytes = 8'000});
  const auto a = pool.Acquire("a", "host", milliseconds(0));
  const auto b = pool.Acquire("b", "host", milliseconds(0));
  EXPECT_TRUE(a.ok() && b.ok());
  EXPECT_TRUE(absl::IsResourceExhausted(pool.Acquire("c", "host", milliseconds(0)).status()));
}

TEST_F(SandboxPoolTest, TheLeastRecentlyUsedIdleOneGoesWhenTheNextWouldNotFitIntoTheMemory) {
  // Two have 10'000 together, of which 1'000 each are what a machine takes for itself.
  runtime_.own_bytes = 1'000;
  SandboxPool& pool =
      Pool({.memory_bytes = 3'000, .blob_bytes = 1'000, .max_memory_bytes = 10'000});
  ASSERT_TRUE(pool.Acquire("a", "host", milliseconds(0)).ok());
  clock_.Pass(seconds(1));
  ASSERT_TRUE(pool.Acquire("b", "host", milliseconds(0)).ok());
  clock_.Pass(seconds(1));
  ASSERT_TRUE(pool.Acquire("a", "host", milliseconds(0)).ok());
  EXPECT_EQ(pool.List().size(), 2u);
  ASSERT_TRUE(pool.Acquire("c", "host", milliseconds(0)).ok());
  EXPECT_FALSE(runtime_.states[0]->gone);
  EXPECT_TRUE(runtime_.states[1]->gone);
  EXPECT_EQ(pool.List().size(), 2u);
  EXPECT_THAT(lost_, IsEmpty());
}

TEST_F(SandboxPoolTest, OneAloneHasItsPlaceHoweverMuchItTakes) {
  runtime_.own_bytes = 1'000;
  SandboxPool& pool = Pool({.memory_bytes = 3'000, .blob_bytes = 1'000, .max_memory_bytes = 4'000});
  ASSERT_TRUE(pool.Acquire("a", "host", milliseconds(0)).ok());
  ASSERT_TRUE(pool.Acquire("b", "host", milliseconds(0)).ok());
  EXPECT_TRUE(runtime_.states[0]->gone);
  EXPECT_EQ(pool.List().size(), 1u);
}

TEST_F(SandboxPoolTest, OnesAtWorkAreNeverPushedOut) {
  SandboxPool& pool = Pool({.max_sandboxes = 1});
  auto lease = std::make_unique<absl::StatusOr<SandboxPool::Lease>>(
      pool.Acquire("a", "host", milliseconds(0)));
  EXPECT_TRUE(absl::IsResourceExhausted(pool.Acquire("b", "host", milliseconds(0)).status()));
  EXPECT_EQ(runtime_.states[0]->stops, 0);
  std::thread release([&lease] {
    std::this_thread::sleep_for(milliseconds(50));
    lease.reset();
  });
  EXPECT_TRUE(pool.Acquire("b", "host", seconds(10)).ok());
  release.join();
}

TEST_F(SandboxPoolTest, StopEndsAllAtWorkOrNotAndRefusesFromThenOn) {
  SandboxPool& pool = Pool();
  auto lease = std::make_unique<absl::StatusOr<SandboxPool::Lease>>(
      pool.Acquire("a", "host", milliseconds(0)));
  ASSERT_TRUE(pool.Acquire("b", "host", milliseconds(0)).ok());
  pool.Stop();
  EXPECT_GE(runtime_.states[0]->stops, 1);
  EXPECT_TRUE(runtime_.states[1]->gone);
  EXPECT_TRUE(absl::IsUnavailable(pool.Acquire("a", "host", milliseconds(0)).status()));
  lease.reset();
  EXPECT_TRUE(runtime_.states[0]->gone);
  EXPECT_THAT(lost_, IsEmpty());
}

TEST_F(SandboxPoolTest, AStartThatEndsAfterStopLeavesNothingBehind) {
  runtime_.delay = milliseconds(100);
  SandboxPool& pool = Pool();
  std::thread asker([&pool] {
    EXPECT_TRUE(absl::IsUnavailable(pool.Acquire("a", "host", seconds(10)).status()));
  });
  std::this_thread::sleep_for(milliseconds(30));
  pool.Stop();
  asker.join();
  EXPECT_TRUE(runtime_.states[0]->gone);
}

TEST_F(SandboxPoolTest, TheListSaysWhatThereIs) {
  SandboxPool& pool = Pool({.cpus = 3});
  const auto lease = pool.Acquire("acme", "host", milliseconds(0));
  clock_.Pass(seconds(5));
  const std::vector<PooledSandbox> list = pool.List();
  ASSERT_EQ(list.size(), 1u);
  EXPECT_EQ(list[0].id, "w-1");
  EXPECT_EQ(list[0].tenant, "acme");
  EXPECT_EQ(list[0].isolation, "fake");
  EXPECT_EQ(list[0].cpus, 3u);
  EXPECT_EQ(list[0].execs, 1u);
  EXPECT_EQ(list[0].age, seconds(5));
  EXPECT_EQ(list[0].unused, seconds(0));
}

TEST_F(SandboxPoolTest, OneCanBeAskedForByItsIdAndIsNeverMadeForThat) {
  SandboxPool& pool = Pool({.cpus = 2});
  EXPECT_TRUE(absl::IsNotFound(pool.AcquireById("w-1", milliseconds(0)).status()));
  ASSERT_TRUE(pool.Acquire("acme", "host", milliseconds(0)).ok());
  ASSERT_TRUE(pool.Acquire("globex", "host", milliseconds(0)).ok());
  const auto lease = pool.AcquireById("w-2", milliseconds(0));
  EXPECT_EQ(IdOf(lease), "w-2");
  EXPECT_EQ(lease->sandbox().spec().tenant, "globex");
  EXPECT_TRUE(absl::IsNotFound(pool.AcquireById("", milliseconds(0)).status()));
  EXPECT_TRUE(absl::IsNotFound(pool.AcquireById("w-3", milliseconds(0)).status()));
  EXPECT_EQ(runtime_.starts, 2);
}

TEST_F(SandboxPoolTest, WhoeverAsksForOneByItsIdHasAPlaceLikeAnybody) {
  SandboxPool& pool = Pool({.cpus = 1});
  const auto lease = pool.Acquire("acme", "host", milliseconds(0));
  EXPECT_TRUE(absl::IsResourceExhausted(pool.AcquireById("w-1", milliseconds(0)).status()));
  EXPECT_TRUE(
      absl::IsCancelled(pool.AcquireById("w-1", seconds(10), [] { return true; }).status()));
}

TEST_F(SandboxPoolTest, ADeadOneIsNotReplacedForWhoeverAskedForIt) {
  SandboxPool& pool = Pool();
  ASSERT_TRUE(pool.Acquire("acme", "host", milliseconds(0)).ok());
  runtime_.states[0]->alive = false;
  EXPECT_TRUE(absl::IsNotFound(pool.AcquireById("w-1", milliseconds(0)).status()));
  EXPECT_EQ(runtime_.starts, 1);
  EXPECT_THAT(lost_, ElementsAre("w-1"));
}

TEST_F(SandboxPoolTest, OneThatIsEndingTakesNothingFurther) {
  SandboxPool& pool = Pool({.session = seconds(1000), .drain = seconds(500)});
  const auto lease = pool.Acquire("acme", "host", milliseconds(0));
  clock_.Pass(seconds(1000));
  pool.Tend();
  EXPECT_TRUE(absl::IsFailedPrecondition(pool.AcquireById("w-1", milliseconds(0)).status()));
  ASSERT_EQ(pool.List().size(), 1u);
  EXPECT_TRUE(pool.List()[0].ending);
}

TEST_F(SandboxPoolTest, ManyThreadsAndDeathsLoseNoPlaceAndMixNoTenants) {
  SandboxPool& pool = Pool({.cpus = 2, .max_sandboxes = 3});
  std::atomic<int> served{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 6; ++t) {
    threads.emplace_back([&, t] {
      const std::string tenant = StrCat("t", t % 4);
      for (int i = 0; i < 200; ++i) {
        const auto lease = pool.Acquire(tenant, "host", seconds(10));
        if (!lease.ok()) continue;
        EXPECT_EQ(lease->sandbox().spec().tenant, tenant);
        if (i % 20 == t) lease->sandbox().Stop();  // as if it had died
        if (i % 7 == 0) pool.Tend();
        ++served;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(served, 6 * 200);
  for (const PooledSandbox& sandbox : pool.List()) EXPECT_EQ(sandbox.execs, 0u);
}

class SuspendingPoolTest : public SandboxPoolTest {
 protected:
  SuspendingPoolTest() { runtime_.suspend = absl::OkStatus(); }
  SandboxPool& Pool(SandboxPoolOptions options = {}) {
    options.suspend = seconds(10);
    return SandboxPoolTest::Pool(options);
  }
  // Acquired, given back, and left alone until it is suspended.
  void UseAndLeave(std::string_view tenant) {
    EXPECT_TRUE(pool_->Acquire(tenant, "host", milliseconds(0)).ok());
    clock_.Pass(seconds(11));
    pool_->Tend();
  }
};

TEST_F(SuspendingPoolTest, AnIdleOneIsSuspendedAndResumedForTheNextExec) {
  SandboxPool& pool = Pool();
  UseAndLeave("acme");
  FakeState& state = *runtime_.states.at(0);
  EXPECT_EQ(state.suspends, 1);
  EXPECT_TRUE(pool.List().at(0).suspended);
  pool.Tend();
  EXPECT_EQ(state.suspends, 1);
  EXPECT_EQ(IdOf(pool.Acquire("acme", "host", milliseconds(0))), "w-1");
  EXPECT_EQ(state.resumes, 1);
  EXPECT_FALSE(pool.List().at(0).suspended);
  EXPECT_EQ(runtime_.starts, 1);
}

TEST_F(SuspendingPoolTest, WhileOneIsSuspendedTheOthersAreThereForWhoeverAsks) {
  SandboxPool& pool = Pool();
  ASSERT_TRUE(pool.Acquire("acme", "host", milliseconds(0)).ok());
  ASSERT_TRUE(pool.Acquire("other", "host", milliseconds(0)).ok());
  std::vector<std::string> taken;
  // By tenant, so the first to be suspended.
  runtime_.states.at(0)->while_suspended = [&] {
    taken.push_back(IdOf(pool.Acquire("other", "host", milliseconds(0))));
  };
  clock_.Pass(seconds(11));
  pool.Tend();
  EXPECT_THAT(taken, ElementsAre("w-2"));
  EXPECT_EQ(runtime_.states.at(1)->suspends, 0);
  EXPECT_EQ(runtime_.states.at(1)->resumes, 0);
}

TEST_F(SuspendingPoolTest, ADeathIsReportedWhileAnotherIsSuspended) {
  SandboxPool& pool = PoolWithThreads({.suspend = seconds(10), .tend_every = milliseconds(1)});
  ASSERT_TRUE(pool.Acquire("acme", "host", milliseconds(0)).ok());
  const auto lease = pool.Acquire("other", "host", milliseconds(0));
  ASSERT_TRUE(lease.ok());
  std::atomic<bool> reported{false};
  std::atomic<bool> done{false};
  runtime_.states.at(0)->while_suspended = [&] {
    runtime_.states.at(1)->alive = false;
    for (int i = 0; i < 3000 && !reported; ++i) {
      std::this_thread::sleep_for(milliseconds(10));
      const std::lock_guard lock(lost_mutex_);
      reported = lost_ == std::vector<std::string>{"w-2"};
    }
    done = true;
  };
  clock_.Pass(seconds(11));
  for (int i = 0; i < 6000 && !done; ++i) std::this_thread::sleep_for(milliseconds(10));
  EXPECT_TRUE(reported);
  pool.Stop();
}

TEST_F(SuspendingPoolTest, ASuspendedOneIsResumedForWhoeverAsksForIt) {
  SandboxPool& pool = Pool();
  UseAndLeave("acme");
  EXPECT_EQ(IdOf(pool.AcquireById("w-1", milliseconds(0))), "w-1");
  EXPECT_EQ(runtime_.states.at(0)->resumes, 1);
}

TEST_F(SuspendingPoolTest, OneThatCannotBeResumedIsNotReplacedForWhoeverAskedForIt) {
  SandboxPool& pool = Pool();
  UseAndLeave("acme");
  runtime_.states.at(0)->resume = absl::UnavailableError("lost");
  EXPECT_TRUE(absl::IsNotFound(pool.AcquireById("w-1", milliseconds(0)).status()));
  EXPECT_EQ(runtime_.starts, 1);
  EXPECT_THAT(lost_, ElementsAre("w-1"));
}

TEST_F(SuspendingPoolTest, OneAtWorkIsNotSuspended) {
  SandboxPool& pool = Pool();
  const auto lease = pool.Acquire("acme", "host", milliseconds(0));
  clock_.Pass(seconds(11));
  pool.Tend();
  EXPECT_EQ(runtime_.states.at(0)->suspends, 0);
}

TEST_F(SuspendingPoolTest, ASuspendedOneIsStoppedWhenItIsIdleTooLong) {
  SandboxPool& pool = Pool({.idle = seconds(100)});
  UseAndLeave("acme");
  clock_.Pass(seconds(100));
  pool.Tend();
  EXPECT_THAT(pool.List(), IsEmpty());
  EXPECT_TRUE(runtime_.states.at(0)->gone);
  EXPECT_THAT(lost_, IsEmpty());
}

TEST_F(SuspendingPoolTest, ADriverThatCannotIsAskedOnce) {
  runtime_.suspend = absl::UnimplementedError("fake");
  SandboxPool& pool = Pool();
  UseAndLeave("acme");
  pool.Tend();
  EXPECT_EQ(runtime_.states.at(0)->suspends, 1);
  EXPECT_FALSE(pool.List().at(0).suspended);
  EXPECT_EQ(IdOf(pool.Acquire("acme", "host", milliseconds(0))), "w-1");
  EXPECT_EQ(runtime_.states.at(0)->resumes, 0);
}

TEST_F(SuspendingPoolTest, OneThatCannotBeResumedIsReplaced) {
  SandboxPool& pool = Pool();
  UseAndLeave("acme");
  runtime_.states.at(0)->resume = absl::UnavailableError("lost");
  EXPECT_EQ(IdOf(pool.Acquire("acme", "host", milliseconds(0))), "w-2");
  EXPECT_THAT(lost_, ElementsAre("w-1"));
}

TEST_F(SuspendingPoolTest, SuspendedOnesTakeNoMemory) {
  SandboxPool& pool =
      Pool({.memory_bytes = 3, .blob_bytes = 1, .max_memory_bytes = 4, .idle = seconds(1000)});
  UseAndLeave("a");
  UseAndLeave("b");
  EXPECT_EQ(pool.List().size(), 2u);
  // There is room for one of them to be awake, and for the other once that one is idle.
  {
    const auto a = pool.Acquire("a", "host", milliseconds(0));
    ASSERT_TRUE(a.ok()) << a.status();
    EXPECT_TRUE(absl::IsResourceExhausted(pool.Acquire("b", "host", milliseconds(0)).status()));
  }
  EXPECT_EQ(IdOf(pool.Acquire("b", "host", milliseconds(0))), "w-2");
  EXPECT_EQ(pool.List().size(), 1u);
}

TEST_F(SuspendingPoolTest, WhenThereAreTooManyASuspendedOneGoes) {
  SandboxPool& pool = Pool({.max_sandboxes = 1});
  UseAndLeave("a");
  EXPECT_EQ(IdOf(pool.Acquire("b", "host", milliseconds(0))), "w-2");
  EXPECT_TRUE(runtime_.states.at(0)->gone);
}

}  // namespace
}  // namespace hpcc
