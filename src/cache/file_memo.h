#ifndef HPCC_CACHE_FILE_MEMO_H_
#define HPCC_CACHE_FILE_MEMO_H_

// What was found out about files by reading them, so that a header that a thousand units include is
// read once. Files go by their stamp (device, inode, size, mtime and ctime), so an entry can become
// useless but never wrong: nothing has to be looked at again after a restart.
//
//   memo  = version:u8 = 1 , scanner:u8 , count , entry* , seal:32
//                         ( kIncludeScannerVersion; the seal is BLAKE3 of everything before it )
//   entry = stamp , digest:32 , scanned:u8 , scan?        ( scan when scanned is 1 )
//   stamp = device:u64 , inode:u64 , size:u64 , modified:u64 , changed:u64
//   scan  = flags:varint , count , ( kind:u8 , angled:u8 , name:string )* , count , alias:string*
//
// Building blocks as in base/bytes.h; flags as in file_memo.cc.

#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "base/digest.h"
#include "cache/direct_entry.h"
#include "compiler/include_scanner.h"

namespace hpcc {

struct FileFacts {
  Digest digest;
  // As ScanForIncludes(text, /*assembler=*/false) has it; null: not known.
  std::shared_ptr<const ScannedText> scanned;
};

// Thread-safe.
class FileMemo {
 public:
  // Takes at most about `max_bytes` of memory; beyond, the least recently used goes.
  explicit FileMemo(size_t max_bytes) : max_bytes_(max_bytes) {}

  std::optional<FileFacts> Find(const FileStamp& stamp);
  // `now_ns` is the file system's clock from before the file was read. What changed too recently to
  // be told from what it is next is not remembered.
  void Remember(const FileStamp& stamp, const FileFacts& facts, int64_t now_ns);

  struct Size {
    uint64_t files = 0;
    uint64_t bytes = 0;  // of memory, about
    uint64_t limit_bytes = 0;
  };
  Size size() const;
  // Changes with every change of the memo.
  uint64_t generation() const;

  std::string Encode() const;
  // Adds what Encode() wrote. DataLoss when it is anything else; nothing is added then.
  absl::Status Decode(std::string_view bytes);

 private:
  struct Entry {
    FileStamp stamp;
    FileFacts facts;
    size_t bytes;
  };
  struct StampHash {
    size_t operator()(const FileStamp& stamp) const {
      return stamp.inode * 0x9e3779b97f4a7c15ULL ^ static_cast<uint64_t>(stamp.changed_ns);
    }
  };

  void Insert(const FileStamp& stamp, const FileFacts& facts);

  const size_t max_bytes_;
  mutable std::mutex mutex_;
  // All below are guarded by mutex_.
  std::list<Entry> entries_;  // most recently used first
  absl::flat_hash_map<FileStamp, std::list<Entry>::iterator, StampHash> by_stamp_;
  size_t bytes_ = 0;
  uint64_t generation_ = 0;
};

}  // namespace hpcc

#endif  // HPCC_CACHE_FILE_MEMO_H_
