#ifndef HPCC_COMPILER_RESPONSE_FILE_H_
#define HPCC_COMPILER_RESPONSE_FILE_H_

// Response files: an argument "@name" stands for the words in the file `name`. They may nest, and
// names are always relative to the working directory, never to the file that mentions them.

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/file_system.h"

namespace hpcc {

enum class Quoting {
  // Words are separated by white space. A backslash takes the next character as it is, also inside
  // quotes; '…' and "…" group.
  kGnu,
  // Words are separated by white space. "…" groups; inside, "" is one quote. Backslashes stand for
  // themselves except before a quote: 2n of them make n and leave the quote its meaning, 2n+1 make
  // n and a plain quote.
  kMsvc,
};

inline constexpr int kMaxResponseFileDepth = 16;
inline constexpr size_t kMaxResponseFileBytes = size_t{16} << 20;  // all files of one command

// Splits text into words. InvalidArgument where gcc and clang disagree on what the text means:
// empty words in quotes, an unfinished quote or escape, a NUL byte.
absl::StatusOr<std::vector<std::string>> SplitWords(std::string_view text, Quoting quoting);

// The bytes of a response file as UTF-8: for kMsvc a byte order mark is dropped and UTF-16LE is
// converted; for kGnu a byte order mark is InvalidArgument, since gcc takes it as text.
absl::StatusOr<std::string> DecodeResponseFile(std::string bytes, Quoting quoting);

// Puts the words of all response files in place of the "@name" arguments. `*expanded` is set when
// there was one. An error (missing file, too deep, too large, ambiguous text) names the file.
absl::StatusOr<std::vector<std::string>> ExpandResponseFiles(FileSystem& fs, const std::string& cwd,
                                                             const std::vector<std::string>& args,
                                                             Quoting quoting, bool* expanded);

}  // namespace hpcc

#endif  // HPCC_COMPILER_RESPONSE_FILE_H_
