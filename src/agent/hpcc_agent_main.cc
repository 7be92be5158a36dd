// hpcc-agent: started by a worker, or by a guest's kernel, inside a sandbox, never by hand.

#include <unistd.h>

#include <cstdio>
#include <string>
#include <string_view>

#include "agent/agent_program.h"
#include "agent/guest_program.h"
#include "agent/toolchain_program.h"
#include "base/strings.h"
#include "compiler/toolchain_question.h"
#include "sandbox/process_setup.h"

int main(int argc, char** argv) {
  if (argc == 2 && std::string_view(argv[1]) == "--version") {
    std::puts("hpcc-agent " HPCC_VERSION);
    return 0;
  }
  // Before the next: the first process of a pid namespace may be a command, too.
  if (argc > 2 && argv[1] == hpcc::kToolchainQuestionFlag) {
    return hpcc::RunToolchainQuestion({argv + 2, argv + argc});
  }
  // A kernel hands its first process whatever words on its command line it doesn't know.
  if (getpid() == 1 && (argc < 2 || argv[1] != hpcc::kAgentProcessMode)) hpcc::RunGuestAgent();
  if (argc != 2 || argv[1] != hpcc::kAgentProcessMode) {
    std::fputs("hpcc-agent: started by hpcc-worker inside a sandbox, not by hand\n", stderr);
    return 2;
  }
  const absl::Status status = hpcc::RunProcessAgent();
  const std::string message = hpcc::StrCat("hpcc-agent: ", std::string(status.message()), "\n");
  if (write(STDERR_FILENO, message.data(), message.size()) < 0) return 3;
  return 1;
}
