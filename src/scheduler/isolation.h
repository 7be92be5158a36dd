#ifndef HPCC_SCHEDULER_ISOLATION_H_
#define HPCC_SCHEDULER_ISOLATION_H_

// How strong the boundary around a sandbox is, so that a tenant can ask for a least one:
//
//   none < process < qemu-tcg < qemu-kvm = firecracker-kvm
//
//   none             no boundary but the user's
//   process          namespaces and seccomp: one kernel for all
//   qemu-tcg         a kernel of its own, in a machine emulated by a program of the host
//   qemu-kvm,        a kernel of its own, in a machine the processor keeps apart
//   firecracker-kvm

#include <optional>
#include <string_view>

namespace hpcc {

inline constexpr int kIsolationRanks = 4;

// From 0 ("none") on; nullopt for anything else.
std::optional<int> IsolationRank(std::string_view name);

// The names, for messages.
inline constexpr std::string_view kIsolationNames =
    "none, process, qemu-tcg, qemu-kvm, firecracker-kvm";

}  // namespace hpcc

#endif  // HPCC_SCHEDULER_ISOLATION_H_
