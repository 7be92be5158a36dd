#ifndef HPCC_BASE_PROCESS_LIMITS_H_
#define HPCC_BASE_PROCESS_LIMITS_H_

// What a program sets for its own process before it does anything else.

#include <cstddef>

namespace hpcc {

// For programs that hold secrets: nothing of their memory goes to a core file, nor to another
// process of the same user that attaches to this one. Children get no core files either.
void KeepMemoryPrivate();

// Raises the soft limit of open descriptors to the hard one. Returns what holds then; 0: unknown.
size_t RaiseDescriptorLimit();

}  // namespace hpcc

#endif  // HPCC_BASE_PROCESS_LIMITS_H_
