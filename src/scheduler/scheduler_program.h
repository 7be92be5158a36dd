#ifndef HPCC_SCHEDULER_SCHEDULER_PROGRAM_H_
#define HPCC_SCHEDULER_SCHEDULER_PROGRAM_H_

// The program hpcc-scheduler: until SIGINT or SIGTERM; SIGHUP reads the configuration again.

namespace hpcc {

// The value is the exit status: 0 after an orderly end, 1 when it could not start, 2 for a wrong
// command line or configuration.
int RunScheduler(int argc, char** argv);

}  // namespace hpcc

#endif  // HPCC_SCHEDULER_SCHEDULER_PROGRAM_H_
