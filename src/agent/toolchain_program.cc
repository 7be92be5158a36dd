#include "agent/toolchain_program.h"

#include <unistd.h>

#include "base/environment.h"
#include "base/file_system.h"
#include "base/process.h"
#include "base/strings.h"
#include "compiler/toolchain_question.h"

namespace hpcc {

int RunToolchainQuestion(const std::vector<std::string>& question) {
  const absl::StatusOr<ToolchainFacts> facts =
      AnswerToolchainQuestion(FileSystem::Real(), Environment::OfThisProcess(), question);
  if (!facts.ok()) {
    WriteToStream(STDERR_FILENO,
                  StrCat("hpcc-agent: ", std::string(facts.status().message()), "\n"));
    return 1;
  }
  WriteToStream(STDOUT_FILENO, EncodeToolchainFacts(*facts));
  return 0;
}

}  // namespace hpcc
