#ifndef HPCC_COMPILER_INCLUDE_CLOSURE_H_
#define HPCC_COMPILER_INCLUDE_CLOSURE_H_

// What a compile depended on beyond the contents of the files it read: names it looked for and did
// not find, and names it only asked about. This is what makes a direct hit safe.
//
// The compiler says which files it read. Their text says which names it looked for
// (include_scanner.h), the search path says where (search_path.h). For each name the places
// searched before the one where it was found were empty: each is recorded as an absence. Of a
// __has_include, the first place where the name exists is recorded as a presence, and the places
// before it, or all of them, as absences. A directive whose first match was not read stands in a
// branch that is not taken, or asks for nothing that exists; it adds nothing.
//
// Where the text leaves a doubt, more is recorded than needed, which can only cause a needless
// compile. Where even that would not be sound the result says that the preprocessor must be asked.

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/file_system.h"
#include "compiler/include_scanner.h"
#include "compiler/invocation.h"
#include "compiler/not_cacheable.h"
#include "compiler/search_path.h"

namespace hpcc {

// One file the compiler read.
struct ClosureFile {
  std::string path;  // as the compiler spells it; relative to the working directory
  FileStat stat;
  std::shared_ptr<const ScannedText> scanned;  // never null; shared with whoever remembers it
};

struct PathCondition {
  std::string path;     // relative to the working directory
  bool exists = false;  // a file, not a directory

  friend auto operator<=>(const PathCondition&, const PathCondition&) = default;
};

struct ClosureConditions {
  std::vector<PathCondition> conditions;  // sorted, each path once
  // Other names of files that were read, and files that a compiler may pass over because their
  // contents equal those of one that was: part of the closure like those it names.
  std::vector<std::string> more_files;
  // Set when no set of conditions would be sound: the name of what the scanner couldn't follow.
  std::optional<std::string> needs_preprocessor;
  // Set when a file that was not read, but might have been, changed since the compile started.
  std::optional<std::string> changed_meanwhile;
};

struct ClosureInput {
  const Invocation* invocation = nullptr;
  std::string cwd;  // absolute
  std::vector<SearchPathEntry> search;
  std::vector<ClosureFile> files;  // the source first
  int64_t compile_started_ns = 0;  // on the file system's clock (base/clock.h)
};

ClosureConditions DeriveConditions(FileSystem& fs, const ClosureInput& input);

// Whether -MMD would list each of `input.files` (the source first): a header is left out when it is
// reached only through system directories. kUnknown where the text allows both.
enum class UserHeader : uint8_t { kNo = 0, kYes = 1, kUnknown = 2 };
std::vector<UserHeader> ClassifyUserHeaders(FileSystem& fs, const ClosureInput& input);

}  // namespace hpcc

#endif  // HPCC_COMPILER_INCLUDE_CLOSURE_H_
