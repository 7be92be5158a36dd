#ifndef HPCC_CACHE_UNIT_H_
#define HPCC_CACHE_UNIT_H_

// One translation unit about to be looked up: what was asked for, and the keys that follow.

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "base/environment.h"
#include "base/file_system.h"
#include "cache/direct_entry.h"
#include "cache/project_root.h"
#include "compiler/invocation.h"
#include "compiler/toolchain.h"

namespace hpcc {

// Sources and headers beyond this size are not cached.
inline constexpr uint64_t kMaxSourceBytes = uint64_t{256} << 20;

struct UnitRequest {
  const Invocation* invocation = nullptr;
  const ToolchainFacts* toolchain = nullptr;
  const Environment* environment = nullptr;
  std::string compiler;  // path of the program that is run
  std::string cwd;       // absolute, as the compiler will name it (see LogicalWorkingDirectory)
  std::string terminal;  // what standard error and output are: "" for neither a terminal
};

struct Unit {
  UnitRequest request;
  ProjectRoot root;
  std::string source_text;
  FileStamp source_stamp;
  Digest source_digest;

  // What the keys are made of, kept apart so that a miss can be explained.
  std::vector<std::string> arguments;    // normalized
  std::vector<std::string> environment;  // "NAME=value" of the variables that matter
  std::vector<std::string> inputs;       // "path digest" of files named by flags
  std::string directory;                 // the working directory, where it reaches the output

  // Everything but the text: what is shared by all states of the source.
  Digest flag_key;
  // flag_key and the source's digest: where the direct entry is kept.
  Digest direct_key;
};

// Reads the source and the files named by flags, and makes the keys. NotFound and the like when one
// can't be read; ResourceExhausted when one is too large.
absl::StatusOr<Unit> MakeUnit(FileSystem& fs, const UnitRequest& request);

// $PWD where it names the working directory, as compilers take it for debug information; else
// `physical`.
std::string LogicalWorkingDirectory(FileSystem& fs, const Environment& environment,
                                    const std::string& physical);

// The "old=new" prefix maps that make outputs independent of where the project lies.
std::vector<std::string> PrefixMaps(const ProjectRoot& root);

// What a result's key is made of besides the unit.
struct Manifest {
  const std::vector<RecordedFile>* files = nullptr;  // what was read
  // What was looked for beyond that, and found or not; empty where the preprocessed text says it.
  const std::vector<RecordedDirectory>* directories = nullptr;
  std::string_view terminal;  // "" for a result without diagnostics
  std::string_view root;      // the one project root it is good for, or ""
};

Digest ResultKey(const Unit& unit, const Manifest& manifest);
// The same where the preprocessor was asked: the digest of its text stands beside the manifest, not
// in its place. Comments and blanks are gone from the text, but columns reach objects (debug
// information, std::source_location) and comments decide warnings (-Wimplicit-fallthrough).
Digest PreprocessedResultKey(const Unit& unit, const Manifest& manifest, const Digest& text);

}  // namespace hpcc

#endif  // HPCC_CACHE_UNIT_H_
