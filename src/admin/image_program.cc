#include <algorithm>
#include <array>
#include <string_view>
#include <vector>

#include "admin/image_commands.h"
#include "base/process_limits.h"
#include "base/strings.h"

namespace hpcc {

namespace {

constexpr std::array<const Command*, 5> kCommands = {&kImagePullCommand, &kImageBuildCommand,
                                                     &kImageListCommand, &kImageInspectCommand,
                                                     &kImageRemoveCommand};

constexpr std::string_view kHelp =
    "Usage: hpcc image pull IMAGE      get an image from a registry, a layout or an archive\n"
    "       hpcc image build IMAGE     make the root of sandboxes of it\n"
    "       hpcc image list            the images and roots there are\n"
    "       hpcc image inspect IMAGE   what an image is made of\n"
    "       hpcc image remove IMAGE    forget an image, its roots and what no other needs\n"
    "\n"
    "'hpcc image pull --help' tells the options of one. The manual is hpcc-image(1).\n";

int Run(const CommandContext& context, const std::vector<std::string>& words) {
  const std::string_view first = words.empty() ? "" : std::string_view(words.front());
  if (first == "--help" || first == "-h") {
    context.console.Out(kHelp);
    return kExitOk;
  }
  if (first == "--version") {
    context.console.Out(StrCat("hpcc-image ", HPCC_VERSION, "\n"));
    return kExitOk;
  }
  for (const Command* command : kCommands) {
    if (command->name == StrCat("image ", first)) {
      return RunCommand(*command, context, {words.begin() + 1, words.end()});
    }
  }
  context.console.Err(words.empty() ? std::string(kHelp)
                                    : StrCat("hpcc image: there is no ", first, "\n", kHelp));
  return kExitUsage;
}

}  // namespace

int RunImage(int argc, char** argv) {
  KeepMemoryPrivate();  // it holds logins to registries
  FileSystem& fs = FileSystem::Real();
  const Environment environment = Environment::OfThisProcess();
  ProcessConsole console(environment);
  const Config no_config;
  const CommandContext context{fs,
                               Clock::Real(),
                               environment,
                               no_config,
                               fs.RealPath(".").value_or("/"),
                               fs.RealPath("/proc/self/exe").value_or(""),
                               console};
  const int exit_code = Run(context, {argv + std::min(argc, 1), argv + argc});
  if (console.Finish()) return exit_code;
  console.Err("hpcc image: the output could not be written\n");
  return exit_code == kExitOk ? kExitFailed : exit_code;
}

}  // namespace hpcc
