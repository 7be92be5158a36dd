#ifndef HPCC_COMPILER_TOOLCHAIN_QUESTION_H_
#define HPCC_COMPILER_TOOLCHAIN_QUESTION_H_

// What a toolchain is (compiler/toolchain.h), asked where the compiler lies and not where the
// command was read: a worker can't look into the image of a virtual machine, so hpcc-agent is run
// in there with the question on its command line, and prints EncodeToolchainFacts().
//
//   command line = "hpcc-agent" , "--toolchain" , question
//   question     = compiler , ( "gcc" | "clang" ) , language , shaping word*
//
// `compiler` is absolute, `language` a word of -x, shaping words are as ShapingWords() has them.

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "base/environment.h"
#include "base/file_system.h"
#include "compiler/invocation.h"
#include "compiler/toolchain.h"

namespace hpcc {

inline constexpr std::string_view kToolchainQuestionFlag = "--toolchain";
// Where a worker stages hpcc-agent for that: the one program besides the image's own that an agent
// runs, and only with that flag.
inline constexpr std::string_view kToolchainQuestionProgram = "/.hpcc/root/hpcc-agent";

// `invocation` was read as one of clang where `is_clang`.
std::vector<std::string> ToolchainQuestion(const std::string& compiler,
                                           const Invocation& invocation, bool is_clang);

// Asks the compiler, from the directory "/". The answer to the question of a command is what
// ProbeToolchain() says of the command itself. InvalidArgument: it is no question. Else as
// ProbeToolchain.
absl::StatusOr<ToolchainFacts> AnswerToolchainQuestion(FileSystem& fs,
                                                       const Environment& environment,
                                                       const std::vector<std::string>& question);

}  // namespace hpcc

#endif  // HPCC_COMPILER_TOOLCHAIN_QUESTION_H_
