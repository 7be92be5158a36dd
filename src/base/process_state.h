#ifndef HPCC_BASE_PROCESS_STATE_H_
#define HPCC_BASE_PROCESS_STATE_H_

// What other processes of this machine are doing, as far as /proc says.

#include <cstdint>

namespace hpcc {

// Whether the process has ended, or it or something it started has been stopped (SIGSTOP, Ctrl-Z):
// it will not get anything done by itself. False when that can't be told.
bool IsStoppedOrGone(int64_t process);

// The processor time of the process and of all it started, in clock ticks (10 ms): another number
// as long as any of them gets something done. 0 when that can't be told.
uint64_t ProcessorTicksOf(int64_t process);

}  // namespace hpcc

#endif  // HPCC_BASE_PROCESS_STATE_H_
