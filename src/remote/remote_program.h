#ifndef HPCC_REMOTE_REMOTE_PROGRAM_H_
#define HPCC_REMOTE_REMOTE_PROGRAM_H_

// The program hpcc-remote: one per user and place, started by whoever needs it, until nobody has
// for a while, or SIGINT or SIGTERM.

#include <functional>
#include <memory>

#include "base/clock.h"
#include "base/file_system.h"
#include "remote/remote_compiles.h"

namespace hpcc {

using MakeRemoteCompiles =
    std::function<std::unique_ptr<RemoteCompiles>(FileSystem& fs, Clock& clock)>;

// `make_compiles` is called once, before the first connection. The value is the exit status: 0
// after an orderly end, 1 when it could not start, 2 for a wrong command line or configuration.
int RunRemote(int argc, char** argv, const MakeRemoteCompiles& make_compiles);

}  // namespace hpcc

#endif  // HPCC_REMOTE_REMOTE_PROGRAM_H_
