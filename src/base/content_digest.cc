#include "base/content_digest.h"

#include <array>
#include <memory>

#include "base/status.h"

namespace hpcc {

namespace {

// Small enough for the second-level cache, and for the allocator to hand out the same memory again.
constexpr size_t kPieceBytes = 64 << 10;

}  // namespace

Digest ContentDigest::Finish() const {
  std::array<uint8_t, Digest::kSize> bytes;
  blake3_hasher_finalize(&state_, bytes.data(), bytes.size());
  return Digest(bytes);
}

absl::StatusOr<Digest> DigestFileAndStat(FileSystem& fs, const std::string& path,
                                         uint64_t max_bytes, FileStat* stat) {
  HPCC_ASSIGN_OR_RETURN(const std::unique_ptr<File> file,
                        OpenRegularFile(fs, path, max_bytes, stat));
  ContentDigest digest;
  uint64_t size = 0;
  for (;;) {
    HPCC_ASSIGN_OR_RETURN(const std::string piece, file->ReadAt(size, kPieceBytes));
    size += piece.size();
    if (size > max_bytes) return FileTooLong(path, max_bytes);
    digest.Add(piece);
    if (piece.size() < kPieceBytes) return digest.Finish();
  }
}

}  // namespace hpcc
