#ifndef HPCC_DAEMON_DAEMON_PROGRAM_H_
#define HPCC_DAEMON_DAEMON_PROGRAM_H_

// The program hpcc-daemon: one per user and place, until SIGINT or SIGTERM.

namespace hpcc {

// The value is the exit status: 0 after an orderly end, 1 when the daemon could not start, 2 for a
// wrong command line or configuration.
int RunDaemon(int argc, char** argv);

}  // namespace hpcc

#endif  // HPCC_DAEMON_DAEMON_PROGRAM_H_
