#ifndef HPCC_AGENT_PROCESS_ROOT_H_
#define HPCC_AGENT_PROCESS_ROOT_H_

// The agent's own root directory in the `process` sandbox: a small read-only tmpfs with the image's
// parts and five devices bound into it, and nothing else of the host.

#include <string_view>

#include "absl/status/status.h"
#include "sandbox/image_layout.h"

namespace hpcc {

inline constexpr std::string_view kAgentImageRoot = "/image";  // the parts lie here
inline constexpr std::string_view kAgentMountPoint = "/exec";  // empty

// What every sandbox calls itself: a compiler could write it down.
inline constexpr std::string_view kSandboxHostName = "hpcc";

// For a process that is the first of new user, mount, pid and uts namespaces, with every capability
// over them.
absl::Status EnterProcessRoot(const ImageLayout& image);

}  // namespace hpcc

#endif  // HPCC_AGENT_PROCESS_ROOT_H_
