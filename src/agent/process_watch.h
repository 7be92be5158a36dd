#ifndef HPCC_AGENT_PROCESS_WATCH_H_
#define HPCC_AGENT_PROCESS_WATCH_H_

// What all the processes of a pid namespace use together, as its /proc says. For its first process,
// which doesn't count itself.

#include <chrono>
#include <cstdint>

namespace hpcc {

struct ProcessUsage {
  uint64_t tasks = 0;  // processes and threads
  // Memory that is no file's. What processes share, as after a fork, counts each time.
  uint64_t memory_bytes = 0;
  std::chrono::milliseconds cpu{0};  // of those that run, and of those they have waited for
};

// Stops as soon as there are more than `max_tasks`, with what it has by then: thousands of
// processes that fork leave the one that must end them little time, and reading about them all
// takes longest.
ProcessUsage SampleProcesses(uint64_t max_tasks);

// Memory once more, where it seems to be too much: shared pages are divided among their users.
// Costs more than a sample.
uint64_t ProportionalMemory();

}  // namespace hpcc

#endif  // HPCC_AGENT_PROCESS_WATCH_H_
