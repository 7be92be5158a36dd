#ifndef HPCC_BASE_DETACHED_PROCESS_H_
#define HPCC_BASE_DETACHED_PROCESS_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/environment.h"
#include "base/posix_descriptor.h"

namespace hpcc {

// Starts a program that outlives this process and has nothing to do with its terminal, its session,
// its directory or its descriptors (a make's job server, a pipe somebody reads to the end). Its
// standard input is empty; output and errors go to `output`, or nowhere when that isn't valid.
absl::Status StartDetached(const std::vector<std::string>& argv, const Environment& environment,
                           const Descriptor& output);

// The two ends of a pipe, closed on exec.
struct Pipe {
  Descriptor read_end;
  Descriptor write_end;
};
absl::StatusOr<Pipe> OpenPipe();

}  // namespace hpcc

#endif  // HPCC_BASE_DETACHED_PROCESS_H_
