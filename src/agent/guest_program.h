#ifndef HPCC_AGENT_GUEST_PROGRAM_H_
#define HPCC_AGENT_GUEST_PROGRAM_H_

// hpcc-agent as the first process of a virtual machine whose root is a prepared image.

namespace hpcc {

// Serves one worker after the other, until the machine ends; what goes wrong is said on the
// console and ends the machine.
[[noreturn]] void RunGuestAgent();

}  // namespace hpcc

#endif  // HPCC_AGENT_GUEST_PROGRAM_H_
