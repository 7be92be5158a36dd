#include "sandbox/qemu_process.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <memory>
#include <vector>

namespace hpcc {
namespace {

TEST(QemuProcessTest, WithoutAUserOfItsOwnItDoesNotRunAsRoot) {
  if (geteuid() != 0) GTEST_SKIP() << "only root gives users away";
  std::vector<std::unique_ptr<IdRange>> all;
  while (std::unique_ptr<IdRange> range = IdRange::Take()) all.push_back(std::move(range));
  // What would run as whoever starts it, and at once end.
  const QemuLaunch launch{
      .program = "/bin/true", .directory = testing::TempDir(), .id = "none", .machine = {}};
  const auto refused = QemuProcess::Launch(launch, std::chrono::seconds(5));
  EXPECT_TRUE(absl::IsResourceExhausted(refused.status())) << refused.status();
  all.clear();
  const auto started = QemuProcess::Launch(launch, std::chrono::seconds(5));
  EXPECT_FALSE(absl::IsResourceExhausted(started.status())) << started.status();
}

}  // namespace
}  // namespace hpcc
