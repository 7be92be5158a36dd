#ifndef HPCC_COMPILER_MANIFEST_H_
#define HPCC_COMPILER_MANIFEST_H_

// The manifest of a compile: every file it may read, by path and digest, and what must stand beside
// these for the paths to lead there. Its digest stands for the whole closure in keys and on the
// wire.
//
//   manifest = version:u8 = 1 , count , entry*
//   entry    = path:string , kind:u8 , ( digest:32 | target:string | )
//
// Counts and strings as in base/bytes.h. `kind` is a ManifestEntry::Kind; a digest follows files, a
// target follows links, nothing follows directories and absences. Entries stand in the order of
// their paths (bytewise), each path once: one closure has one encoding. Values are never reused.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/digest.h"

namespace hpcc {

inline constexpr size_t kMaxManifestEntries = 65'536;
inline constexpr size_t kMaxManifestBytes = size_t{32} << 20;
inline constexpr size_t kMaxManifestPathBytes = 4'000;

// Where the client's project root (.hpcc) lies in a sandbox, so that two checkouts at different
// paths are one compile.
inline constexpr std::string_view kSandboxRoot = "/.hpcc/root";

struct ManifestEntry {
  // Values are written to disk and wire: append only.
  enum class Kind : uint8_t {
    kFile = 0,
    kExecutable = 1,  // a file that may be executed
    kLink = 2,        // a symbolic link
    kDirectory = 3,   // one that must exist though nothing lies in it
    // Nothing may stand there: a compile that finds something, in the image above all, would see
    // another world than the client's (__has_include).
    kAbsent = 4,
  };
  std::string path;  // absolute
  Kind kind = Kind::kFile;
  Digest digest;       // kFile, kExecutable
  std::string target;  // kLink

  friend bool operator==(const ManifestEntry&, const ManifestEntry&) = default;
};

struct SourceManifest {
  std::vector<ManifestEntry> entries;
};

// Sorts the entries; of entries with one path, equal ones become one. InvalidArgument: two differ,
// or CheckManifest says no.
absl::StatusOr<std::string> EncodeManifest(SourceManifest manifest);

// InvalidArgument for anything EncodeManifest would not have written.
absl::StatusOr<SourceManifest> DecodeManifest(std::string_view bytes);

// BLAKE3 with a domain of its own over the encoding.
Digest ManifestDigest(std::string_view encoded);

// The rules for paths, whoever sent them: absolute, normal (no "." or "..", no empty part, no
// trailing slash), no NUL, at most kMaxManifestPathBytes; no entry lies below a link, a
// file or an absence. Links may lead anywhere: they are followed inside the sandbox only.
// InvalidArgument names the path and the rule.
absl::Status CheckManifest(const SourceManifest& manifest);
absl::Status CheckManifestPath(std::string_view path);

}  // namespace hpcc

#endif  // HPCC_COMPILER_MANIFEST_H_
