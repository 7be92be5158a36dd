#ifndef HPCC_BASE_CONTENT_DIGEST_H_
#define HPCC_BASE_CONTENT_DIGEST_H_

// Digests of contents that needn't be in memory as a whole.

#include <blake3.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "base/digest.h"
#include "base/file_system.h"

namespace hpcc {

// The digest of bytes that come in pieces: what Digest::Of says of all of them together. Not
// thread-safe.
class ContentDigest {
 public:
  ContentDigest() { blake3_hasher_init(&state_); }

  void Add(std::string_view data) { blake3_hasher_update(&state_, data.data(), data.size()); }
  Digest Finish() const;

 private:
  blake3_hasher state_;
};

// What Digest::Of says of ReadFileAndStat()'s result, with the same errors; in pieces, because
// memory that is touched for the first time costs more than hashing what is read into it.
absl::StatusOr<Digest> DigestFileAndStat(FileSystem& fs, const std::string& path,
                                         uint64_t max_bytes, FileStat* stat);

}  // namespace hpcc

#endif  // HPCC_BASE_CONTENT_DIGEST_H_
