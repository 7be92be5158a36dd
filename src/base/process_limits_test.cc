#include "base/process_limits.h"

#include <gtest/gtest.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <functional>

namespace hpcc {
namespace {

// In a child: what is set there does not outlive the test.
bool HoldsInChild(const std::function<bool()>& check) {
  const pid_t child = fork();
  if (child == 0) _exit(check() ? 0 : 1);
  int status = 0;
  return waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

TEST(ProcessLimitsTest, PrivateMemoryIsInNoCoreAndForNobodyToRead) {
  EXPECT_TRUE(HoldsInChild([] {
    KeepMemoryPrivate();
    rlimit limit = {1, 1};
    return getrlimit(RLIMIT_CORE, &limit) == 0 && limit.rlim_cur == 0 && limit.rlim_max == 0 &&
           prctl(PR_GET_DUMPABLE) == 0;
  }));
}

TEST(ProcessLimitsTest, DescriptorsAreAsManyAsMayBe) {
  EXPECT_TRUE(HoldsInChild([] {
    rlimit limit = {};
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = 32;
    setrlimit(RLIMIT_NOFILE, &limit);
    return RaiseDescriptorLimit() == limit.rlim_max && getrlimit(RLIMIT_NOFILE, &limit) == 0 &&
           limit.rlim_cur == limit.rlim_max;
  }));
}

}  // namespace
}  // namespace hpcc
