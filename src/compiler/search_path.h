#ifndef HPCC_COMPILER_SEARCH_PATH_H_
#define HPCC_COMPILER_SEARCH_PATH_H_

// The directories a compile looks for headers in, in order.

#include <string>
#include <vector>

#include "base/environment.h"
#include "base/file_system.h"
#include "compiler/invocation.h"

namespace hpcc {

struct SearchPathEntry {
  std::string directory;    // as the compiler spells it in front of what it finds
  bool quote_only = false;  // searched for #include "…" but not for #include <…>
  bool system = false;      // what is found here is a system header
  bool exists = false;

  friend bool operator==(const SearchPathEntry&, const SearchPathEntry&) = default;
};

// Builds the path from -iquote, -I, CPATH, -isystem, the language's own variable, `built_in` (what
// the compiler searches by itself) and -idirafter, and removes duplicates as gcc's and clang's
// manuals say: a directory that is also a system directory keeps only its place among those.
// Directories that don't exist stay: headers may appear in them. `cwd` resolves relative ones.
std::vector<SearchPathEntry> BuildSearchPath(FileSystem& fs, const std::string& cwd,
                                             const Environment& environment,
                                             const Invocation& invocation,
                                             const std::vector<std::string>& built_in);

// The directories that flags and variables name, as spelled.
std::vector<std::string> UserSearchDirectories(const Environment& environment,
                                               const Invocation& invocation);

// The variable besides CPATH that adds directories for `language`, or "".
std::string_view IncludeVariable(Language language);

}  // namespace hpcc

#endif  // HPCC_COMPILER_SEARCH_PATH_H_
