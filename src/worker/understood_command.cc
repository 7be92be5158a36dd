#include "worker/understood_command.h"

#include "base/path.h"
#include "base/status.h"
#include "compiler/compiler_name.h"
#include "worker/argument_policy.h"

namespace hpcc {

absl::StatusOr<UnderstoodCommand> UnderstandCommand(const WorkerCommand& command,
                                                    HostToolchains& image, FileSystem& fs) {
  const auto judge = [&](bool is_clang) {
    return CheckCommand({&command, &image.directories(), is_clang}, fs);
  };
  // The compiler is asked what it is with words that passed, so its name is believed first.
  const bool guess = LooksLikeClang(path::Basename(command.compiler));
  UnderstoodCommand understood;
  HPCC_ASSIGN_OR_RETURN(understood.invocation, judge(guess));
  HPCC_ASSIGN_OR_RETURN(understood.toolchain, image.Identify(command, understood.invocation));
  if (understood.is_clang() != guess) {
    HPCC_ASSIGN_OR_RETURN(understood.invocation, judge(understood.is_clang()));
  }
  return understood;
}

}  // namespace hpcc
