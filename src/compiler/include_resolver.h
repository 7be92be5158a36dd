#ifndef HPCC_COMPILER_INCLUDE_RESOLVER_H_
#define HPCC_COMPILER_INCLUDE_RESOLVER_H_

// Follows one include directive along the search path the way a compiler would, against the files
// a compile is known to have read.
//
// A unit asks for thousands of places, most of them again and again: each is spelled and looked at
// once, and everything else passes it on by reference.

#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "base/file_system.h"
#include "base/text_map.h"
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

struct Place {
  std::string path;                    // as spelled first; a "./" in front makes no other place
  size_t number = 0;                   // counted from 0: for what others know about places
  bool names_closure = false;          // the compiler read the file by this name
  std::optional<Candidate> candidate;  // null: not looked at
};

// One step of a search: a place that was looked at, and why.
struct SearchStep {
  Place* place = nullptr;                  // the resolver's
  const SearchPathEntry* entry = nullptr;  // null: relative to the including file

  const Candidate& candidate() const { return *place->candidate; }
};

// Not thread-safe. Remembers what it found, so make one per closure.
class IncludeResolver {
 public:
  // Both outlive the object.
  IncludeResolver(FileSystem& fs, const ClosureInput& input);

  // The places `directive` in a file of directory `includer_directory` is looked for, in order, up
  // to the first that holds a file. Up to the last that holds a file that was read where it isn't
  // known which place comes first: for include_next, which starts behind where the including file
  // was found, and for what MSVC searches for along the include stack. Good until the next search.
  const std::vector<SearchStep>& Search(const IncludeDirective& directive,
                                        std::string_view includer_directory);

  // The places a header that is named by a macro would be looked for if its name were `name`. Good
  // until the next search.
  const std::vector<SearchStep>& SearchComputed(
      std::string_view name, const std::vector<std::string_view>& includer_directories);

  // The place of this path, which is relative to the working directory, without a look at it.
  Place& PlaceOf(std::string_view path);
  Place& PlaceOf(std::string_view directory, std::string_view name);
  const Candidate& Look(Place& place);

  // How many places there are; their numbers are below.
  size_t places() const { return places_.size(); }

  // A file looked at that was not read and has changed, or whose directory was moved, since the
  // compile started: had it not been there, or been different, at the time, this couldn't be told.
  const std::optional<std::string>& changed_meanwhile() const { return changed_meanwhile_; }

 private:
  const std::vector<SearchStep>& Walk(std::string_view name, bool angled,
                                      const std::vector<std::string_view>& first_directories,
                                      bool to_last_read);
  // Adds a step. True: a file is there that ends the search.
  bool Step(std::string_view directory, std::string_view name, const SearchPathEntry* entry,
            bool to_last_read);

  // Puts the path behind the working directory; good until the next call.
  const std::string& Resolved(std::string_view path);
  bool WasMoved(const std::string& directory);
  bool DirectoryExists(std::string_view directory);

  FileSystem& fs_;
  const ClosureInput& input_;
  std::deque<Place> places_;
  absl::flat_hash_map<std::string_view, Place*> by_path_;  // without a "./" in front
  TextMap<bool> moved_;
  TextMap<bool> directories_;  // resolved, and whether they exist
  absl::flat_hash_map<uint64_t, size_t> file_by_inode_;
  std::vector<std::string_view> msvc_directories_;
  std::optional<std::string> changed_meanwhile_;
  std::vector<SearchStep> steps_;  // of the last search
  std::vector<std::string_view> first_directories_;
  std::string spelled_;
  std::string resolved_;
};

}  // namespace hpcc

#endif  // HPCC_COMPILER_INCLUDE_RESOLVER_H_
