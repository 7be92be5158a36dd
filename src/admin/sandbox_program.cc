#include <array>
#include <string_view>

#include "admin/command_program.h"
#include "admin/sandbox_commands.h"

namespace hpcc {

namespace {

constexpr std::array<const Command*, 2> kCommands = {&kSandboxListCommand, &kSandboxExecCommand};

constexpr std::string_view kHelp =
    "Usage: hpcc sandbox list [options]                    the sandboxes of a worker\n"
    "       hpcc exec [options] SANDBOX -- PROGRAM [ARG]   run a command in one\n"
    "\n"
    "'hpcc sandbox list --help' tells the options. The manual is hpcc-sandbox(1).\n";

}  // namespace

int RunSandbox(int argc, char** argv) {
  return RunCommandProgram({"sandbox", kHelp, kCommands}, argc, argv);
}

}  // namespace hpcc
