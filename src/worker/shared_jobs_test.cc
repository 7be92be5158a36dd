// Workers with one shared cache, over the wire.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "remote/remote_test_support.h"
#include "worker/worker_test_support.h"

namespace hpcc {
namespace {

using testing::ElementsAre;
using testing::SizeIs;

class SharedJobsTest : public testing::Test {
 protected:
  std::unique_ptr<TestWorker> Worker(bool read_only = false) {
    return std::make_unique<TestWorker>([&](WorkerConfig* config) {
      CacheTier& tier = config->shared_cache.tiers.emplace_back();
      tier.type = CacheTier::Type::kHttp;
      tier.max_size = 0;
      tier.read_only = read_only;
      tier.http.url = cache_.url();
    });
  }
  // Compiles the unit of `worker`, and waits until that is written.
  TestWorker::Reply CompileAndShare(TestWorker& worker) {
    const TestUnit unit(worker.unit_root());
    EXPECT_TRUE(worker.UploadAll("acme", unit).ok());
    TestWorker::Reply reply = worker.Compile("acme", unit);
    EXPECT_TRUE(reply.status.ok()) << reply.status.error_message();
    worker.server().Stop(std::chrono::milliseconds(5000));
    return reply;
  }
  static bool IsOnDisk(TestWorker& worker, const std::string& key) {
    const auto tenant = worker.server().tenants().Get("acme");
    return (*tenant)->results().Get({StoreNamespace::kResult, *Digest::FromBytes(key)}).ok();
  }
  static std::vector<bool> HitsIn(const TestWorker& worker) {
    std::vector<bool> hits;
    for (const AuditRow& row : worker.Rows()) hits.push_back(row.hit);
    return hits;
  }

  FakeHttpCache cache_;
};

TEST_F(SharedJobsTest, AnothersResultIsAHitAndIsKeptOnTheDisk) {
  const auto first = Worker();
  const TestWorker::Reply compiled = CompileAndShare(*first);
  ASSERT_TRUE(compiled.finished.has_value());
  ASSERT_THAT(cache_.objects(), SizeIs(1));

  const auto second = Worker();
  const TestUnit unit(first->unit_root());
  EXPECT_FALSE(IsOnDisk(*second, compiled.finished->cache_key()));
  const TestWorker::Reply hit = second->Probe("acme", unit);
  ASSERT_TRUE(hit.finished.has_value()) << hit.status.error_message();
  EXPECT_TRUE(hit.finished->hit());
  EXPECT_EQ(hit.bundle, compiled.bundle);
  EXPECT_EQ(hit.finished->cache_key(), compiled.finished->cache_key());
  EXPECT_TRUE(IsOnDisk(*second, compiled.finished->cache_key()));
  EXPECT_THAT(HitsIn(*second), ElementsAre(true));
  EXPECT_EQ(second->Rows()[0].output_digests, first->Rows()[0].output_digests);
  EXPECT_EQ(second->sandboxes().execs, 0);
}

TEST_F(SharedJobsTest, ACompileIsAnsweredBeforeItsBlobsAreAskedFor) {
  const auto first = Worker();
  CompileAndShare(*first);
  const auto second = Worker();
  const TestWorker::Reply hit = second->Compile("acme", TestUnit(first->unit_root()));
  ASSERT_TRUE(hit.finished.has_value()) << hit.status.error_message();
  EXPECT_TRUE(hit.finished->hit());
  EXPECT_EQ(second->sandboxes().execs, 0);
}

TEST_F(SharedJobsTest, AnotherTenantFindsNothing) {
  const auto first = Worker();
  CompileAndShare(*first);
  EXPECT_TRUE(Worker()->Probe("evil", TestUnit(first->unit_root())).miss);
}

TEST_F(SharedJobsTest, WhatIsDamagedIsAMissAndASecurityEvent) {
  const auto first = Worker();
  CompileAndShare(*first);
  for (const auto& [name, bytes] : cache_.objects()) cache_.Replace(name, "garbage");
  const auto second = Worker();
  EXPECT_TRUE(second->Probe("acme", TestUnit(first->unit_root())).miss);
  EXPECT_EQ(second->server().events().count(SecurityEvent::kSharedResultRefused), 1U);
}

TEST_F(SharedJobsTest, AReadOnlyCacheIsNotWritten) {
  CompileAndShare(*Worker(/*read_only=*/true));
  EXPECT_THAT(cache_.objects(), SizeIs(0));
}

TEST_F(SharedJobsTest, ACacheThatHangsHoldsNeitherProbesNorReplies) {
  const auto worker = Worker();
  const TestUnit unit(worker->unit_root());
  ASSERT_TRUE(worker->UploadAll("acme", unit).ok());
  cache_.hang = true;
  const int64_t began_ns = Clock::Real().MonotonicNanoseconds();
  // The first waits for two seconds, the others for nothing; the write for nobody.
  for (int i = 0; i < 10; ++i) EXPECT_TRUE(worker->Probe("acme", unit).miss);
  const TestWorker::Reply reply = worker->Compile("acme", unit);
  const int64_t took_ns = Clock::Real().MonotonicNanoseconds() - began_ns;
  cache_.hang = false;
  ASSERT_TRUE(reply.finished.has_value()) << reply.status.error_message();
  EXPECT_FALSE(reply.finished->hit());
  EXPECT_LT(took_ns, int64_t{10'000'000'000});
}

}  // namespace
}  // namespace hpcc
