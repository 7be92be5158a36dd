#ifndef HPCC_COMPILER_DEPENDENCY_FILE_H_
#define HPCC_COMPILER_DEPENDENCY_FILE_H_

// Dependency files as -MD writes them: make rules naming every file a compile read.
//
// hpcc reads one after each miss, to learn the include closure, and writes one on each hit, for
// the target and with the options asked for then. The writers reproduce the compilers' own line
// breaking and escaping; since that is no documented format, a writer is trusted for a unit only
// after it has reproduced the very file the compiler wrote for it.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace hpcc {

// Whose manners a dependency file has. Values are written to disk: append only.
enum class DependencyStyle : uint8_t {
  kNone = 0,   // nothing known: a dependency file can't be written
  kGcc = 1,    // lines up to 72 columns, continued with one space
  kClang = 2,  // lines up to 75 columns, continued with two spaces
  // The same, with an empty line before each phony target: gcc before 11, clang before 15.
  kGccSpaced = 3,
  kClangSpaced = 4,
};

struct DependencyRule {
  // As they stand in the file: already escaped where the compiler would escape them.
  std::vector<std::string> targets;
  std::vector<std::string> files;  // unescaped; the source comes first
  bool phony_targets = false;      // -MP: an empty rule for each file but the first
};

// A target as -MQ (or a default target) is written: escaped for make.
std::string EscapeDependencyTarget(std::string_view target);

// The files of the first rule of `text`. Any number of targets is skipped up to the first colon
// that ends a word. InvalidArgument when there is no rule; at most a million files.
absl::StatusOr<std::vector<std::string>> ParseDependencyFiles(std::string_view text);

// `style` must not be kNone.
std::string WriteDependencyFile(DependencyStyle style, const DependencyRule& rule);

}  // namespace hpcc

#endif  // HPCC_COMPILER_DEPENDENCY_FILE_H_
