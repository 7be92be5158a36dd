#ifndef HPCC_COMPILER_UNIT_TEXT_H_
#define HPCC_COMPILER_UNIT_TEXT_H_

// A unit as one text, to be compiled in the place of its source by the very same command: what
// gcc's preprocessor writes with -fdirectives-only
// (https://gcc.gnu.org/onlinedocs/gcc-12.2.0/cpp/Preprocessor-Options.html). Directives are carried
// out there, and nothing else: macros are expanded by the compile, so that columns, and with them
// debug information, are those of the files. What the compiler defines and includes by itself
// before the source it does again, and is cut off.
//
// A text that was made otherwise, or that a client made up, is a source like any other.

#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "compiler/include_scanner.h"
#include "compiler/invocation.h"
#include "compiler/toolchain.h"

namespace hpcc {

// Why a unit can't be one text with the same object, told by its command; nothing when it can.
std::optional<std::string_view> WhyNoUnitText(const Invocation& invocation,
                                              CompilerFamily compiler);

// From what UnitTextCommand (compiler/command_rewriting.h) prints. InvalidArgument: it isn't clear
// where the source begins.
absl::StatusOr<std::string> CutUnitText(std::string_view printed, const Invocation& invocation);

// Why the object of this text might be another than the files'. `scanned` is of the text.
std::optional<std::string_view> WhyTextDiffers(std::string_view text, const ScannedText& scanned);

// With names of files below `root` below `to` instead. Nothing: `root` stands elsewhere too.
std::optional<std::string> MapUnitText(std::string_view text, std::string_view root,
                                       std::string_view to);

}  // namespace hpcc

#endif  // HPCC_COMPILER_UNIT_TEXT_H_
