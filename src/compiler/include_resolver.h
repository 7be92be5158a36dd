#ifndef HPCC_COMPILER_INCLUDE_RESOLVER_H_
#define HPCC_COMPILER_INCLUDE_RESOLVER_H_

// Follows one include directive along the search path the way a compiler would, against the files
// a compile is known to have read.

#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/file_system.h"
#include "compiler/include_closure.h"

namespace hpcc {

// What stands at a place a header was looked for.
struct Candidate {
  enum class State : uint8_t {
    kMissing,  // nothing, or a directory
    kRead,     // a file the compiler read
    kUnread,   // a file the compiler did not read
  };
  State state = State::kMissing;
  size_t file = 0;    // index into ClosureInput::files, for kRead
  uint64_t size = 0;  // in bytes, for kUnread

  bool is_file() const { return state != State::kMissing; }
};

// One step of a search: a place, and what is there.
struct SearchStep {
  std::string path;
  Candidate candidate;
  const SearchPathEntry* entry = nullptr;  // null: relative to the including file
};

// Not thread-safe. Remembers what it found, so make one per closure.
class IncludeResolver {
 public:
  IncludeResolver(FileSystem& fs, const ClosureInput& input);

  // The places `directive` in a file of directory `includer_directory` is looked for, in order, up
  // to the first that holds a file. Up to the last that holds a file that was read where it isn't
  // known which place comes first: for include_next, which starts behind where the including file
  // was found, and for what MSVC searches for along the include stack.
  std::vector<SearchStep> Search(const IncludeDirective& directive,
                                 const std::string& includer_directory);

  // The places a header that is named by a macro would be looked for if its name were `name`.
  std::vector<SearchStep> SearchComputed(const std::string& name,
                                         const std::vector<std::string>& includer_directories);

  Candidate Look(const std::string& path);

  // A file looked at that was not read and has changed, or whose directory was moved, since the
  // compile started: had it not been there, or been different, at the time, this couldn't be told.
  const std::optional<std::string>& changed_meanwhile() const { return changed_meanwhile_; }

 private:
  std::vector<SearchStep> Walk(const IncludeDirective& directive,
                               const std::vector<std::string>& first_directories,
                               bool to_last_read);

  bool WasMoved(const std::string& directory);
  bool DirectoryExists(std::string_view directory);

  FileSystem& fs_;
  const ClosureInput& input_;
  std::unordered_map<std::string, bool> moved_;
  std::unordered_map<std::string, bool> directories_;  // resolved, and whether they exist
  std::unordered_map<std::string, Candidate> seen_;
  std::unordered_map<uint64_t, size_t> file_by_inode_;
  std::vector<std::string> msvc_directories_;
  std::optional<std::string> changed_meanwhile_;
};

}  // namespace hpcc

#endif  // HPCC_COMPILER_INCLUDE_RESOLVER_H_
