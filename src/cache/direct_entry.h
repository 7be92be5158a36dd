#ifndef HPCC_CACHE_DIRECT_ENTRY_H_
#define HPCC_CACHE_DIRECT_ENTRY_H_

// What is kept under a direct key: for one source and one command line, the few states of the
// surrounding files for which a result is known, most recently used first.
//
//   entry     = version:u8 = 1 , count , record*
//   record    = kind:u8 , detail:string , result_key:32 , terminal:string , root:string ,
//               count , file* , count , directory* , count , place*
//   file      = path:string , digest:32 , flags:u8 , stamp
//                                                  ( bit 0: trusted, bit 1: same_time )
//   directory = path:string , flags:u8 , stamp , packed:string
//                                                  ( bit 0: trusted, bit 1: all names vouched for )
//   packed    = count , name*
//   name      = name:string , flags:u8            ( bit 0: exists, bit 1: vouched for )
//   place     = path:string , real:string
//   stamp     = device:u64 , inode:u64 , size:u64 , modified:u64 , changed:u64
//
// Building blocks as in base/bytes.h. Paths are as the compiler spells them, relative to the
// working directory; below a marked project root they start with kRootPrefix instead.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "base/digest.h"
#include "base/file_system.h"

namespace hpcc {

// More states than this per source and command line are forgotten, the least recent first.
inline constexpr size_t kMaxDirectRecords = 8;

// When a file was what it was. Equal stamps mean an unchanged file, provided that the stamp was old
// enough when it was taken (IsSettled).
struct FileStamp {
  uint64_t device = 0;
  uint64_t inode = 0;
  uint64_t size = 0;
  int64_t modified_ns = 0;
  int64_t changed_ns = 0;

  static FileStamp Of(const FileStat& stat) {
    return {stat.device, stat.inode, stat.size, stat.modified_ns, stat.changed_ns};
  }
  friend bool operator==(const FileStamp&, const FileStamp&) = default;
};

// Whether a file with this stamp, seen at `now_ns`, would get another stamp if it changed from now
// on. File systems count time in steps of up to two seconds.
bool IsSettled(const FileStamp& stamp, int64_t now_ns);

struct RecordedFile {
  std::string path;
  Digest digest;
  bool trusted = false;  // the stamp was settled when taken
  // Another file of the closure has the same content, and compilers that read a file only once tell
  // copies by their modification times: it must not change.
  bool same_time = false;
  FileStamp stamp;
};

struct RecordedName {
  std::string name;      // relative to the directory; may have several components
  bool exists = false;   // a file, not a directory
  bool vouched = false;  // as long as the directory's stamp holds, so does this
};

struct RecordedDirectory {
  std::string path;
  bool trusted = false;
  FileStamp stamp;
  std::vector<RecordedName> names;

  // As decoded on a hit's path, where names are rarely needed: they stay packed until UnpackNames.
  std::string packed;
  bool all_vouched = false;  // of the packed names
};

// Moves what is packed into `names`. False when it is malformed; names are empty then.
bool UnpackNames(RecordedDirectory* directory);

// A directory of the search path that is reached through symlinks: where it leads decides whether
// it is the same as another one, and so the order of the search.
struct RecordedPlace {
  std::string path;
  std::string real;  // with every symlink resolved
};

struct DirectRecord {
  // Values are written to disk: append only.
  enum class Kind : uint8_t {
    kResult = 0,        // compiled before; result_key says where the outputs are
    kPreprocess = 1,    // no closure would be sound; `detail` says why; ask the preprocessor
    kNotCacheable = 2,  // the closure holds, and `detail` is the rule's number and its subject
  };
  Kind kind = Kind::kResult;
  std::string detail;
  Digest result_key;
  std::string terminal;  // what diagnostics were made for; "" when there are none
  std::string root;      // the only project root this is good for; "" when it is good for any
  std::vector<RecordedFile> files;
  std::vector<RecordedDirectory> directories;
  std::vector<RecordedPlace> places;
};

struct DirectEntry {
  std::vector<DirectRecord> records;
};

// Whether one takes the other's place: they say the same of files with the same content.
bool SameRecord(const DirectRecord& a, const DirectRecord& b);

// Without what is true on one machine only: stamps, but for the times that `same_time` compares. As
// it is, each file is read once more before the record is believed. This is how records are given
// to other machines, and how those of other machines are taken, whatever they claim: a stamp says
// nothing of another file system's files.
DirectRecord WithoutStamps(DirectRecord record);

// The records of `first`, then those of `second` that are not among them; kMaxDirectRecords at
// most.
DirectEntry MergeDirectEntries(DirectEntry first, const DirectEntry& second);

std::string EncodeDirectEntry(const DirectEntry& entry);
enum class DecodeNames : uint8_t { kNow, kWhenNeeded };
absl::StatusOr<DirectEntry> DecodeDirectEntry(std::string_view bytes,
                                              DecodeNames names = DecodeNames::kNow);

}  // namespace hpcc

#endif  // HPCC_CACHE_DIRECT_ENTRY_H_
