#ifndef HPCC_SANDBOX_NAMESPACES_H_
#define HPCC_SANDBOX_NAMESPACES_H_

// Starting a program as the first process of namespaces of its own: user, mount, pid, net, ipc,
// uts and cgroup. It is root there and nobody outside.

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "base/posix_descriptor.h"

namespace hpcc {

// A range of this machine's user and group ids that no other sandbox of this process has. Where
// this process may map one (as root it may), a sandbox's root is the first of them.
class IdRange {
 public:
  static constexpr uint32_t kSize = 65'536;

  // Nullptr: all are taken.
  static std::unique_ptr<IdRange> Take();
  ~IdRange();

  uint32_t first() const { return first_; }

 private:
  explicit IdRange(uint32_t first) : first_(first) {}
  const uint32_t first_;
};

struct NamespaceProgram {
  int program = -1;                    // open on an executable file
  std::vector<std::string> arguments;  // the first is its name
  std::vector<int> descriptors;        // become 0, 1, 2, ... there; nothing else is open
};

// The program waits before it runs: what must hold for it from its first instruction, such as its
// cgroup, is done before Run(). Destroyed before that, it never runs.
class NamespaceChild {
 public:
  // PermissionDenied, ResourceExhausted, ...: with the reason that this machine gives no user
  // namespaces, or none any more.
  static absl::StatusOr<NamespaceChild> Clone(const NamespaceProgram& program);
  NamespaceChild(NamespaceChild&&) = default;
  ~NamespaceChild();

  // Maps `range` where that is allowed, else only this process's own ids, to the child's root; says
  // how many ids the child has.
  absl::StatusOr<uint32_t> MapIds(const IdRange* range) const;
  absl::Status Run();

  pid_t process() const { return process_; }
  // Becomes readable when the process has ended. The caller reaps it then (waitid, P_PIDFD).
  Descriptor TakeProcessDescriptor() { return std::move(process_descriptor_); }

 private:
  NamespaceChild() = default;
  absl::Status AwaitChild() const;  // until its files in /proc are this user's

  pid_t process_ = -1;
  Descriptor process_descriptor_;
  Descriptor gate_;  // a byte opens it
};

}  // namespace hpcc

#endif  // HPCC_SANDBOX_NAMESPACES_H_
