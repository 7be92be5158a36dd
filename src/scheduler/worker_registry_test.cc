#include "scheduler/worker_registry.h"

#include <gtest/gtest.h>

#include "auth/auth_test_support.h"
#include "base/strings.h"

namespace hpcc {
namespace {

using Registered = WorkerRegistry::Registered;
using std::chrono::seconds;

class WorkerRegistryTest : public testing::Test {
 protected:
  static WorkerFacts Facts(const std::string& name) {
    return {.name = name,
            .address = name + ":1",
            .certificate_sha256 = "f-" + name,
            .images = {"host"},
            .isolation_rank = 1,
            .slots = 4};
  }
  void Add(const WorkerFacts& facts) { ASSERT_TRUE(registry_.Register(facts).ok()); }
  void Add(const std::string& name) { Add(Facts(name)); }
  void Report(const std::string& name, uint32_t in_flight, bool draining = false) {
    ASSERT_TRUE(registry_.Heartbeat(
        {.name = name, .in_flight = in_flight, .images = {"host"}, .draining = draining}));
  }
  // The worker's name, or the name of the error.
  std::string Route(const RouteQuestion& question) {
    const absl::StatusOr<RouteChoice> choice = registry_.Route(question);
    return choice.ok() ? choice->worker : absl::StatusCodeToString(choice.status().code());
  }
  std::string Route(const std::string& tenant, const std::string& user = "u") {
    return Route({.tenant = tenant, .user = user, .image = "host"});
  }

  StandingClock clock_;
  WorkerRegistry registry_{clock_, {}};
};

TEST_F(WorkerRegistryTest, WithoutWorkersThereIsNoRoute) {
  EXPECT_EQ(Route("acme"), "NOT_FOUND");
}

TEST_F(WorkerRegistryTest, ATenantStaysWithItsWorkerAndOthersSpread) {
  Add("w1");
  Add("w2");
  const std::string first = Route("acme", "u1");
  for (int i = 0; i < 5; ++i) EXPECT_EQ(Route("acme", StrCat("u", i)), first);
  EXPECT_NE(Route("other"), first);
}

TEST_F(WorkerRegistryTest, TheLeastLoadedIsTaken) {
  Add("w1");
  Add("w2");
  Add("w3");
  Report("w1", 3);
  Report("w2", 1);
  Report("w3", 2);
  EXPECT_EQ(Route("acme"), "w2");
}

TEST_F(WorkerRegistryTest, LoadIsMeasuredAgainstSlots) {
  WorkerFacts big = Facts("big");
  big.slots = 64;
  Add("small");
  Add(big);
  Report("small", 1);
  Report("big", 8);
  EXPECT_EQ(Route("acme"), "big");
}

TEST_F(WorkerRegistryTest, OverflowOfATenantGoesToAnotherWorkerAndComesBack) {
  Add("w1");
  Add("w2");
  const std::string first = Route("acme", "u1");
  const std::string second = first == "w1" ? "w2" : "w1";
  Report(first, 4);
  EXPECT_EQ(Route("acme", "u2"), second);
  Report(first, 3);
  EXPECT_EQ(Route("acme", "u3"), first);
}

TEST_F(WorkerRegistryTest, FullWorkersTakeNoNewcomersButRenewTheirOwn) {
  Add("w1");
  EXPECT_EQ(Route("acme", "u1"), "w1");
  Report("w1", 4);
  EXPECT_EQ(Route("acme", "u2"), "RESOURCE_EXHAUSTED");
  EXPECT_EQ(Route("other", "u1"), "RESOURCE_EXHAUSTED");
  EXPECT_EQ(Route("acme", "u1"), "w1");
  // A route that has run out gives no right to another.
  clock_.Advance(seconds(301));
  Report("w1", 4);
  EXPECT_EQ(Route("acme", "u1"), "RESOURCE_EXHAUSTED");
}

TEST_F(WorkerRegistryTest, WhoHasARouteToAFullWorkerIsSentToOneWithRoomFirst) {
  Add("w1");
  Add("w2");
  const std::string first = Route("acme", "u1");
  const std::string second = first == "w1" ? "w2" : "w1";
  Report(first, 4);
  EXPECT_EQ(Route("acme", "u1"), second);
  // Now both are theirs, and may be renewed while both are full: each by avoiding the other.
  Report(second, 4);
  const auto beside = [](const std::string& worker) {
    return RouteQuestion{
        .tenant = "acme", .user = "u1", .image = "host", .avoid_workers = {worker}};
  };
  EXPECT_EQ(Route(beside(second)), first);
  EXPECT_EQ(Route(beside(first)), second);
  EXPECT_EQ(Route("acme", "u2"), "RESOURCE_EXHAUSTED");
  // Builds come back to the first.
  Report(first, 0);
  Report(second, 0);
  EXPECT_EQ(Route("acme", "u1"), first);
}

TEST_F(WorkerRegistryTest, ABuildGetsOneWorkerAfterAnotherAndThenNoMore) {
  for (const char* name : {"w1", "w2", "w3"}) Add(name);
  RouteQuestion question{.tenant = "acme", .user = "u", .image = "host"};
  for (int i = 0; i < 3; ++i) {
    const std::string worker = Route(question);
    ASSERT_EQ(worker.front(), 'w');
    for (const std::string& other : question.avoid_workers) EXPECT_NE(worker, other);
    question.avoid_workers.push_back(worker);
  }
  EXPECT_EQ(Route(question), "NOT_FOUND");
}

TEST_F(WorkerRegistryTest, WhoMissedHeartbeatsIsPassedOverUntilItIsHeardOf) {
  Add("w1");
  clock_.Advance(seconds(15));
  EXPECT_EQ(Route("acme"), "w1");
  clock_.Advance(seconds(1));
  EXPECT_EQ(Route("acme"), "NOT_FOUND");
  EXPECT_EQ(Route("other"), "NOT_FOUND");
  Report("w1", 0);
  EXPECT_EQ(Route("acme"), "w1");
  EXPECT_EQ(Route("other"), "w1");
}

TEST_F(WorkerRegistryTest, SilentWorkersAreForgottenAndHaveToRegister) {
  Add("w1");
  clock_.Advance(seconds(601));
  Add("w2");
  EXPECT_EQ(registry_.workers(), 1u);
  EXPECT_FALSE(registry_.Heartbeat({.name = "w1"}));
  Add("w1");
  EXPECT_EQ(registry_.workers(), 2u);
}

TEST_F(WorkerRegistryTest, ALostSandboxCountsForItsTenantOnlyAndForAWhile) {
  Add("w1");
  Add("w2");
  const std::string first = Route("acme");
  const std::string second = first == "w1" ? "w2" : "w1";
  EXPECT_TRUE(registry_.SandboxLost(first, "acme"));
  EXPECT_EQ(Route("acme"), second);
  Report(second, 3);
  EXPECT_EQ(Route("other"), first);
  EXPECT_FALSE(registry_.SandboxLost("w9", "acme"));
}

TEST_F(WorkerRegistryTest, AfterALostSandboxTheOnlyWorkerIsStillBetterThanNone) {
  Add("w1");
  EXPECT_EQ(Route("acme"), "w1");
  EXPECT_TRUE(registry_.SandboxLost("w1", "acme"));
  EXPECT_EQ(Route("acme"), "w1");
}

TEST_F(WorkerRegistryTest, TheWorkerToAvoidIsAvoided) {
  Add("w1");
  Add("w2");
  const std::string first = Route("acme");
  EXPECT_NE(Route({.tenant = "acme", .user = "u", .image = "host", .avoid_workers = {first}}),
            first);
  Report(first == "w1" ? "w2" : "w1", 0, /*draining=*/true);
  EXPECT_EQ(Route({.tenant = "acme", .user = "u", .image = "host", .avoid_workers = {first}}),
            "NOT_FOUND");
}

TEST_F(WorkerRegistryTest, DrainingWorkersTakeNothingNew) {
  Add("w1");
  EXPECT_EQ(Route("acme"), "w1");
  Report("w1", 1, /*draining=*/true);
  EXPECT_EQ(Route("acme"), "NOT_FOUND");
  Report("w1", 1, /*draining=*/false);
  EXPECT_EQ(Route("acme"), "w1");
}

TEST_F(WorkerRegistryTest, ImagesAreHadOrPulled) {
  WorkerFacts puller = Facts("puller");
  puller.images = {};
  puller.pulls_images = true;
  Add("w1");
  Add(puller);
  EXPECT_EQ(Route({.tenant = "acme", .user = "u", .image = "r/a@sha256:1"}), "puller");
  // Who has it goes before who could get it, though it has more to do.
  Report("w1", 3);
  EXPECT_EQ(Route({.tenant = "acme", .user = "u", .image = "host"}), "w1");
}

TEST_F(WorkerRegistryTest, TheHostOfAMachineIsNoImageToBePulled) {
  WorkerFacts puller = Facts("puller");
  puller.images = {};
  puller.pulls_images = true;
  Add(puller);
  EXPECT_EQ(Route("acme"), "NOT_FOUND");
  EXPECT_EQ(Route({.tenant = "acme", .user = "u", .image = "ghcr.io/x@sha256:1"}), "puller");
  Add("w1");
  EXPECT_EQ(Route("acme"), "w1");
  EXPECT_EQ(Route({.tenant = "acme", .user = "u", .image = "host", .avoid_workers = {"w1"}}),
            "NOT_FOUND");
}

TEST_F(WorkerRegistryTest, HeartbeatsSayWhichImagesThereAreNow) {
  Add("w1");
  EXPECT_TRUE(registry_.Heartbeat({.name = "w1", .images = {"other"}}));
  EXPECT_EQ(Route("acme"), "NOT_FOUND");
  EXPECT_EQ(Route({.tenant = "acme", .user = "u", .image = "other"}), "w1");
}

TEST_F(WorkerRegistryTest, IsolationIsNeverLessThanAskedFor) {
  WorkerFacts strong = Facts("strong");
  strong.isolation_rank = 3;
  Add("w1");
  Add(strong);
  Report("strong", 3);
  EXPECT_EQ(Route({.tenant = "a", .user = "u", .image = "host", .least_isolation_rank = 2}),
            "strong");
  // Also where compiles of the same tenant went to a weaker one before.
  EXPECT_EQ(Route("b"), "w1");
  EXPECT_EQ(Route({.tenant = "b", .user = "u", .image = "host", .least_isolation_rank = 3}),
            "strong");
  EXPECT_EQ(Route({.tenant = "b", .user = "v", .image = "host", .least_isolation_rank = 3}),
            "strong");
}

TEST_F(WorkerRegistryTest, AWorkerThatRegistersAgainKeepsItsTenants) {
  Add("w1");
  Add("w2");
  const std::string first = Route("acme");
  EXPECT_EQ(*registry_.Register(Facts(first)), Registered::kAgain);
  EXPECT_EQ(Route("acme"), first);
  WorkerFacts changed = Facts(first);
  changed.certificate_sha256 = "other";
  changed.address = "new:2";
  EXPECT_EQ(*registry_.Register(changed), Registered::kCertificateChanged);
  const absl::StatusOr<RouteChoice> choice =
      registry_.Route({.tenant = "acme", .user = "u", .image = "host"});
  EXPECT_EQ(choice->certificate_sha256, "other");
  EXPECT_EQ(choice->address, "new:2");
}

TEST_F(WorkerRegistryTest, RoutesBetweenHeartbeatsSpreadNewTenants) {
  for (int i = 0; i < 10; ++i) Add(StrCat("w", i));
  std::set<std::string> used;
  for (int i = 0; i < 10; ++i) used.insert(Route(StrCat("t", i)));
  EXPECT_EQ(used.size(), 10u);
}

}  // namespace
}  // namespace hpcc
