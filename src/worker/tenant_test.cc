#include "worker/tenant.h"

#include <gtest/gtest.h>

#include <future>
#include <thread>

#include "base/forwarding_file_system.h"
#include "base/strings.h"
#include "worker/worker_test_support.h"

namespace hpcc {
namespace {

// Somebody's folders are on a disk that takes its time, or fails.
class SlowFileSystem final : public ForwardingFileSystem {
 public:
  explicit SlowFileSystem(std::string folder)
      : ForwardingFileSystem(FileSystem::Real()), folder_(std::move(folder)) {}

  absl::Status MakeDirectory(const std::string& path, uint32_t mode) override {
    if (path::IsBelow(path, folder_)) {
      ++reached;
      while (blocked) std::this_thread::sleep_for(std::chrono::milliseconds(1));
      if (fails) return absl::UnavailableError("the disk");
    }
    return inner_.MakeDirectory(path, mode);
  }

  std::atomic<bool> blocked{true};
  std::atomic<bool> fails{false};
  std::atomic<int> reached{0};

 private:
  const std::string folder_;
};

class TenantOpeningTest : public testing::Test {
 protected:
  WorkerScratch scratch_;
  SlowFileSystem fs_{TenantFolderIn(scratch_.path(), "slow")};
  Tenants tenants_{scratch_.path(), {}, fs_, Clock::Real()};
};

TEST_F(TenantOpeningTest, NobodyWaitsForAnothersDisk) {
  auto opening = std::async(std::launch::async, [this] { return tenants_.Get("slow"); });
  auto also = std::async(std::launch::async, [this] { return tenants_.Get("slow"); });
  while (fs_.reached == 0) std::this_thread::yield();
  const auto other = tenants_.Get("other");
  EXPECT_TRUE(other.ok()) << other.status();
  tenants_.SetLimits({{"slow", {.compiles_in_flight = 7}}, {"other", {.compiles_in_flight = 3}}});
  EXPECT_EQ((*other)->limits().compiles_in_flight, 3U);
  EXPECT_EQ(*tenants_.Get("other"), *other);
  fs_.blocked = false;
  const auto slow = opening.get();
  ASSERT_TRUE(slow.ok()) << slow.status();
  EXPECT_EQ(*also.get(), *slow) << "it is opened once";
  EXPECT_EQ((*slow)->limits().compiles_in_flight, 7U) << "limits that came meanwhile are its own";
}

TEST_F(TenantOpeningTest, WhatCouldNotBeOpenedIsTriedAgain) {
  fs_.blocked = false;
  fs_.fails = true;
  EXPECT_FALSE(tenants_.Get("slow").ok());
  fs_.fails = false;
  EXPECT_TRUE(tenants_.Get("slow").ok());
}

}  // namespace
}  // namespace hpcc
