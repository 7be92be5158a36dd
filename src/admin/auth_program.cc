#include <algorithm>
#include <array>
#include <string_view>
#include <vector>

#include "admin/auth_commands.h"
#include "base/process_limits.h"
#include "base/strings.h"

namespace hpcc {

namespace {

constexpr std::array<const Command*, 3> kCommands = {&kAuthLoginCommand, &kAuthStatusCommand,
                                                     &kAuthLogoutCommand};

constexpr std::string_view kHelp =
    "Usage: hpcc auth login [options]    get a token from the tenant's identity provider\n"
    "       hpcc auth status [options]   whether you are logged in\n"
    "       hpcc auth logout             forget the tokens\n"
    "\n"
    "'hpcc auth login --help' tells the options of one. The manual is hpcc-auth(1).\n";

int Run(const CommandContext& context, const std::vector<std::string>& words) {
  for (const Command* command : kCommands) {
    if (command->name != StrCat("auth ", words.front())) continue;
    const bool asks = std::find(words.begin(), words.end(), "--help") != words.end();
    const RemoteSettings& remote = context.config.remote;
    if (!asks && (remote.scheduler.empty() || remote.tenant.empty())) {
      return Complain(context, *command,
                      "the configuration has no remote.scheduler and remote.tenant", kExitUsage);
    }
    return RunCommand(*command, context, {words.begin() + 1, words.end()});
  }
  context.console.Err(StrCat("hpcc auth: there is no ", words.front(), "\n", kHelp));
  return kExitUsage;
}

}  // namespace

int RunAuth(int argc, char** argv) {
  KeepMemoryPrivate();
  const std::vector<std::string> words(argv + std::min(argc, 1), argv + argc);
  const std::string_view first = words.empty() ? "" : std::string_view(words.front());
  FileSystem& fs = FileSystem::Real();
  const Environment environment = Environment::OfThisProcess();
  ProcessConsole console(environment);
  if (first.empty()) {
    console.Err(kHelp);
    return kExitUsage;
  }
  if (first == "--help" || first == "-h" || first == "--version") {
    console.Out(first == "--version" ? StrCat("hpcc-auth ", HPCC_VERSION, "\n")
                                     : std::string(kHelp));
    return console.Finish() ? kExitOk : kExitFailed;
  }
  const absl::StatusOr<Config> config = LoadConfig(fs, environment);
  if (!config.ok()) {
    console.Err(StrCat("hpcc: ", std::string(config.status().message()), "\n"));
    return kExitUsage;
  }
  const CommandContext context{fs,
                               Clock::Real(),
                               environment,
                               *config,
                               fs.RealPath(".").value_or("/"),
                               fs.RealPath("/proc/self/exe").value_or(""),
                               console};
  const int exit_code = Run(context, words);
  if (console.Finish()) return exit_code;
  console.Err("hpcc auth: the output could not be written\n");
  return exit_code == kExitOk ? kExitFailed : exit_code;
}

}  // namespace hpcc
