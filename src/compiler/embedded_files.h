#ifndef HPCC_COMPILER_EMBEDDED_FILES_H_
#define HPCC_COMPILER_EMBEDDED_FILES_H_

// What assembly pulls in by directives of the assembler's own, which no dependency output names.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "compiler/invocation.h"

namespace hpcc {

struct EmbeddedFile {
  std::string name;  // as it stands between the quotes
  bool is_source = false;

  friend bool operator==(const EmbeddedFile&, const EmbeddedFile&) = default;
};

// The files that directives anywhere in `text` name, in comments too. Nothing when one of them
// names a file otherwise than by a plain string.
std::optional<std::vector<EmbeddedFile>> FindEmbeddedFiles(std::string_view text);

// Where the assembler looks for them besides the working directory: -I, and -Wa,-I.
std::vector<std::string> AssemblerSearchDirectories(const Invocation& invocation);

}  // namespace hpcc

#endif  // HPCC_COMPILER_EMBEDDED_FILES_H_
