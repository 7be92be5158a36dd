#ifndef HPCC_COMPILER_INCLUDE_PREDICTION_H_
#define HPCC_COMPILER_INCLUDE_PREDICTION_H_

// Which files a compile will read, before it runs: what a worker must have.
//
// Follows every directive of every file, whatever branch it stands in, along the search path. So
// the files found are at least those that will be read. Where the text doesn't say what is read,
// the compiler can be asked (IncludePredictor::AddNames takes what it says), or there is a doubt
// and the compile is not one for elsewhere.
//
// Where the compiler was asked anyway, the prediction can be kept to what it said
// (PredictionInput::read): a directive that leads to another file stands in a branch not taken.
// What is only asked about (__has_include) is predicted as ever: branches may depend on it.

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/status/statusor.h"
#include "base/digest.h"
#include "base/file_system.h"
#include "compiler/include_scanner.h"
#include "compiler/invocation.h"
#include "compiler/path_tracer.h"
#include "compiler/search_path.h"

namespace hpcc {

inline constexpr size_t kMaxPredictedFiles = 30'000;

// Reads files, or remembers having read them.
class SourceReader {
 public:
  virtual ~SourceReader() = default;

  struct Facts {
    Digest digest;
    std::shared_ptr<const ScannedText> scanned;  // never null
  };
  // `path` is real and `stat` what was seen there.
  virtual absl::StatusOr<Facts> Look(const std::string& path, const FileStat& stat) = 0;
  virtual absl::StatusOr<std::string> Text(const std::string& path) = 0;
};

struct PredictedFile {
  std::string path;  // real: absolute, without links
  FileStat stat;
  Digest digest;
};

struct Prediction {
  std::vector<PredictedFile> files;      // the source first; each once
  std::set<TracedLink> links;            // that names lead over
  std::set<std::string> directories;     // real; that must exist though nothing may lie in them
  std::set<std::string> absences;        // real; where nothing may be found
  bool asks_for_computed_names = false;  // #include MACRO: the compiler must be asked
  // A relative name that begins below PredictionInput::root leads out of it.
  bool leaves_root = false;
  // Set: what is read, or what comes of it, can't be told from here; says why.
  std::optional<std::string> doubt;
};

struct PredictionInput {
  const Invocation* invocation = nullptr;
  std::string cwd;  // absolute
  std::vector<SearchPathEntry> search;
  std::string root;  // real path of the project, or ""
  // Names of all files the compiler reads, as it gave them, relative to `cwd`; null: not known.
  const std::vector<std::string>* read = nullptr;
};

// Not thread-safe; for one unit.
class IncludePredictor {
 public:
  // All outlive the object.
  IncludePredictor(FileSystem& fs, SourceReader& reader, const PredictionInput& input);

  // Follows the source and what is included by flags.
  void Run();
  // Follows further files by the names a compiler gave them, relative to the working directory.
  void AddNames(const std::vector<std::string>& names);

  const Prediction& prediction() const { return prediction_; }

 private:
  // A file by one of its names: includes are looked for beside the name, not the file.
  struct Named {
    std::string directory;  // real, where the name stands
    size_t file = 0;
  };
  struct Found {
    bool any = false;
    bool in_system_directory = false;
  };

  // Where there is a file that is not read.
  bool IsPassedOver(const std::string& place);
  void FollowAll();
  void Follow(const Named& named);
  Found Search(const IncludeDirective& directive, const std::string& directory,
               bool may_be_precompiled);
  bool Take(const std::string& place, bool expand);
  std::optional<size_t> AddFile(const TracedPath& traced);
  void Keep(const TracedPath& traced);
  void NoteText(const PredictedFile& file, const ScannedText& scanned);
  void NoteLeaving(const std::string& place, const TracedPath& traced);
  void CheckPrecompiled(const std::string& place, bool forced);
  void FollowEmbedded(const PredictedFile& file);
  void LookAgain();
  void CheckCopies();
  void Doubt(std::string why);

  FileSystem& fs_;
  SourceReader& reader_;
  const PredictionInput& input_;
  const bool assembler_;
  PathTracer tracer_;
  Prediction prediction_;

  struct Directory {
    std::string real;
    bool quote_only;
    bool system;
  };
  std::vector<Directory> search_;                            // those that exist
  absl::flat_hash_set<std::string> read_;                    // real paths of input_.read
  std::vector<std::shared_ptr<const ScannedText>> scanned_;  // of prediction_.files
  absl::flat_hash_map<std::string, size_t> file_by_path_;
  absl::flat_hash_set<std::string> named_;     // directory and name, of what is or was pending_
  absl::flat_hash_set<std::string> followed_;  // directives
  std::deque<Named> pending_;
  std::set<std::string> aliases_;
  bool pastes_has_include_ = false;
  bool condition_names_include_ = false;
};

}  // namespace hpcc

#endif  // HPCC_COMPILER_INCLUDE_PREDICTION_H_
