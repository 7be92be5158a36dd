#ifndef HPCC_AGENT_TOOLCHAIN_PROGRAM_H_
#define HPCC_AGENT_TOOLCHAIN_PROGRAM_H_

// hpcc-agent as a command in a sandbox: a worker stages it there like a source, to be told what the
// image's compiler is (compiler/toolchain_question.h). It has no more rights than a compiler.

#include <string>
#include <vector>

namespace hpcc {

// Prints the facts; the value is the exit status. 1: there are none, and the message says why.
int RunToolchainQuestion(const std::vector<std::string>& question);

}  // namespace hpcc

#endif  // HPCC_AGENT_TOOLCHAIN_PROGRAM_H_
