#include <array>

#include "base/strings.h"
#include "cli/command.h"
#include "cli/json_output.h"

namespace hpcc {

namespace {

constexpr std::array kOptions = {kJsonOption};

#if defined(__clang__)
constexpr std::string_view kBuildCompiler = "clang " __clang_version__;
#else
constexpr std::string_view kBuildCompiler = "gcc " __VERSION__;
#endif

int Run(const CommandContext& context, const ParsedOptions& options) {
  if (options.Has(kJsonOption.name)) {
    context.console.Out(
        JsonText({{"version", HPCC_VERSION}, {"build_compiler", std::string(kBuildCompiler)}}));
  } else {
    context.console.Out(StrCat("hpcc ", HPCC_VERSION, "\nbuilt with ", kBuildCompiler, "\n"));
  }
  return kExitOk;
}

}  // namespace

constexpr Command kVersionCommand = {
    .name = "version",
    .summary = "the version of hpcc, and what built it",
    .description = "Prints the version of hpcc and of the compiler that built it.",
    .options = kOptions,
    .run = Run,
};

}  // namespace hpcc
