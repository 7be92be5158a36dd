#ifndef HPCC_WORKER_REPLAY_PROGRAM_H_
#define HPCC_WORKER_REPLAY_PROGRAM_H_

// `hpcc-worker --replay JOB`, which `hpcc audit replay` hands over to: the worker's own program has
// what a job ran in.

#include <string>

#include "base/file_system.h"
#include "worker/worker_config.h"

namespace hpcc {

struct ReplayOptions {
  std::string job;
  std::string log;  // "": audit.db of the state directory
  bool json = false;
};

// Prints the report. The value is the exit status: 0: all outputs are equal; 1: they aren't, or
// it can't be told, and what is wrong stands on standard output or standard error.
int RunReplay(const WorkerConfig& config, const ReplayOptions& options, FileSystem& fs);

}  // namespace hpcc

#endif  // HPCC_WORKER_REPLAY_PROGRAM_H_
