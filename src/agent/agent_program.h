#ifndef HPCC_AGENT_AGENT_PROGRAM_H_
#define HPCC_AGENT_AGENT_PROGRAM_H_

// hpcc-agent: the first process of a sandbox.

#include "absl/status/status.h"

namespace hpcc {

// The agent of the `process` sandbox, as sandbox/process_setup.h starts it. Serves until the
// worker closes its end of the life descriptor, and then ends the process and so the sandbox; an
// error means that there was no sandbox.
absl::Status RunProcessAgent();

}  // namespace hpcc

#endif  // HPCC_AGENT_AGENT_PROGRAM_H_
