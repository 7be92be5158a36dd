#ifndef HPCC_COMPILER_COMPILER_REPORT_H_
#define HPCC_COMPILER_COMPILER_REPORT_H_

// Reading what compilers say of themselves with -### and -v.

#include <string>
#include <string_view>
#include <vector>

#include "compiler/toolchain.h"

namespace hpcc {

struct CompilerReport {
  CompilerFamily family = CompilerFamily::kUnknown;
  std::string collect_gcc;            // gcc: the name it was called by
  std::vector<std::string> commands;  // the lines that would be run, as printed
  std::vector<std::string> programs;  // the first word of each
  std::vector<std::string> files;     // specs and configuration files that were read
  std::string version;                // the version and target lines
};

// From the standard error of `<compiler> … -### -c …`.
CompilerReport ParseCompilerReport(std::string_view text);

// The directories of "#include <...> search starts here:", preceded by those that were passed over
// because they don't exist: a header may appear in one of them. From `<compiler> -E -v`.
std::vector<std::string> ParseBuiltInSearch(std::string_view text);

// The gcc installations clang found and chose its C++ headers from. From the same text.
std::vector<std::string> ParseGccInstallations(std::string_view text);

}  // namespace hpcc

#endif  // HPCC_COMPILER_COMPILER_REPORT_H_
