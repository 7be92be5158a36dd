#include "base/start_pages.h"

#include <sys/mman.h>

#include <cstdint>
#include <cstdlib>

// Where the variables start and end, as the link sets it.
extern "C" {
extern char data_start[] __attribute__((weak));
extern char _end[] __attribute__((weak));
}

namespace hpcc {

namespace {

constexpr uintptr_t kPage = 4096;  // larger pages make the kernel refuse, which is as well

void Populate(const char* start, const char* end) {
  if (start == nullptr || end <= start) return;
  const uintptr_t first = reinterpret_cast<uintptr_t>(start) & ~(kPage - 1);
  const uintptr_t last = (reinterpret_cast<uintptr_t>(end) + kPage - 1) & ~(kPage - 1);
#ifdef MADV_POPULATE_WRITE
  madvise(reinterpret_cast<void*>(first), last - first, MADV_POPULATE_WRITE);
#endif
}

}  // namespace

void PopulateVariables() {
  Populate(data_start, _end);
}

void PopulateHeap(size_t bytes) {
  // Given back, it stays at the top of the heap, for whoever comes next.
  char* const block = static_cast<char*>(malloc(bytes));
  if (block == nullptr) return;
  Populate(block, block + bytes);
  free(block);
}

}  // namespace hpcc
