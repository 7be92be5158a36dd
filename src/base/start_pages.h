#ifndef HPCC_BASE_START_PAGES_H_
#define HPCC_BASE_START_PAGES_H_

// The pages a program is sure to touch within its first millisecond, asked for all at once. Each
// page that is touched on its own costs a fault, some two microseconds; for a program that lives
// for two milliseconds a hundred of them are a good part of its life. Where the kernel can't do it
// (before Linux 5.14) nothing happens, and pages come one by one as ever.

#include <cstddef>

namespace hpcc {

// Those of the program's own variables. May be called before anything else has run.
void PopulateVariables();

// Those of the heap's next `bytes`.
void PopulateHeap(size_t bytes);

}  // namespace hpcc

#endif  // HPCC_BASE_START_PAGES_H_
