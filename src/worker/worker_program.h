#ifndef HPCC_WORKER_WORKER_PROGRAM_H_
#define HPCC_WORKER_WORKER_PROGRAM_H_

// The program hpcc-worker: serves until SIGINT or SIGTERM, then finishes what it has. A second
// signal ends it at once.

namespace hpcc {

// The value is the exit status: 0 after an orderly end, 1 when the worker could not start, 2 for a
// wrong command line or configuration.
int RunWorker(int argc, char** argv);

}  // namespace hpcc

#endif  // HPCC_WORKER_WORKER_PROGRAM_H_
