#ifndef HPCC_AGENT_SYSTEM_CALL_FILTER_H_
#define HPCC_AGENT_SYSTEM_CALL_FILTER_H_

// The system calls a command in a sandbox can make: those of a compiler that reads, writes, maps
// and starts programs. Allowed is what is listed; the rest does not exist (ENOSYS), or is forbidden
// (EPERM) where a program deserves to be told. There are no sockets, no namespaces, no mounts, no
// tracing, no keys, no BPF, no io_uring and no user-fault descriptors.

#include <linux/filter.h>

#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace hpcc {

class SystemCallFilter {
 public:
  static absl::StatusOr<SystemCallFilter> Make();

  // For the calling thread and all it starts, for good. The thread has no_new_privs, or may
  // administer its user namespace. False: errno says why.
  bool Install() const;

 private:
  std::vector<sock_filter> program_;
};

}  // namespace hpcc

#endif  // HPCC_AGENT_SYSTEM_CALL_FILTER_H_
