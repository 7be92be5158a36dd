// The memory of all sandboxes, as the configuration has it and as the pool keeps to it.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "worker/worker_test_support.h"

namespace hpcc {
namespace {

using std::chrono::milliseconds;

std::vector<std::string> Tenants(const SandboxPool& pool) {
  std::vector<std::string> tenants;
  for (const PooledSandbox& sandbox : pool.List()) tenants.push_back(sandbox.tenant);
  return tenants;
}

TEST(WorkerMemoryTest, TheLeastRecentlyUsedIdleSandboxGoesWhenTheNextWouldNotFit) {
  TestWorker worker([](WorkerConfig* config) {
    config->sandbox_memory = uint64_t{1} << 30;
    config->sandbox_blobs = uint64_t{1} << 30;
    config->sandbox_total_memory = uint64_t{5} << 30;  // of two
  });
  SandboxPool& pool = worker.server().pool();
  for (const char* tenant : {"a", "b", "a", "c"}) {
    const auto lease = pool.Acquire(tenant, "host", milliseconds(0));
    ASSERT_TRUE(lease.ok()) << tenant << ": " << lease.status();
  }
  EXPECT_THAT(Tenants(pool), testing::UnorderedElementsAre("a", "c"));
}

}  // namespace
}  // namespace hpcc
