#include "base/start_pages.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <cstdlib>
#include <cstring>
#include <string>

namespace hpcc {
namespace {

int64_t Faults() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return usage.ru_minflt;
}

TEST(StartPagesTest, VariablesKeepTheirValues) {
  static int variable = 5;
  PopulateVariables();
  EXPECT_EQ(variable, 5);
}

TEST(StartPagesTest, HeapThatWasAskedForFaultsNoMore) {
#ifdef __SANITIZE_ADDRESS__
  GTEST_SKIP() << "the sanitizer has a heap of its own";
#endif
  constexpr size_t kBytes = 100'000;
  PopulateHeap(kBytes);
  const int64_t before = Faults();
  char* const block = static_cast<char*>(malloc(kBytes));
  memset(block, 1, kBytes);
  const int64_t faults = Faults() - before;
  free(block);
  EXPECT_LE(faults, 8);  // of 25 pages; some are of the test itself
}

}  // namespace
}  // namespace hpcc
