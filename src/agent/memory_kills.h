#ifndef HPCC_AGENT_MEMORY_KILLS_H_
#define HPCC_AGENT_MEMORY_KILLS_H_

#include <cstdint>

namespace hpcc {

// How often the kernel has killed a process for want of memory, on this machine since it started.
uint64_t OutOfMemoryKills();

}  // namespace hpcc

#endif  // HPCC_AGENT_MEMORY_KILLS_H_
