#ifndef HPCC_CLIENT_DAEMON_START_H_
#define HPCC_CLIENT_DAEMON_START_H_

// Starting the per-user daemon: its program, hpcc-daemon, stands beside hpcc's own.

#include <chrono>
#include <string>

#include "absl/status/statusor.h"
#include "base/clock.h"
#include "base/environment.h"
#include "base/file_system.h"
#include "client/daemon_place.h"

namespace hpcc {

// The path of hpcc-daemon. NotFound, worded for users, when it isn't there.
absl::StatusOr<std::string> DaemonProgram(FileSystem& fs);

// Starts a daemon of its own life and waits until it is ready: the value is the line it says so
// with. Unavailable: what it complained of, or that it was not ready in time.
absl::StatusOr<std::string> StartDaemonInBackground(FileSystem& fs, const Environment& environment,
                                                    std::chrono::milliseconds timeout);

// Starts one without waiting, unless somebody tried a moment ago. For the wrapper, whose own
// compile goes on without it.
void AutostartDaemon(FileSystem& fs, Clock& clock, const DaemonPlace& place,
                     const Environment& environment);

}  // namespace hpcc

#endif  // HPCC_CLIENT_DAEMON_START_H_
