#include "agent/content_digest.h"

#include <unistd.h>

#include <cerrno>
#include <vector>

#include "base/status.h"

namespace hpcc {

namespace {
constexpr size_t kPieceBytes = size_t{128} << 10;
}  // namespace

absl::StatusOr<Digest> DigestOfDescriptor(int descriptor) {
  ContentDigest digest;
  std::vector<char> piece(kPieceBytes);
  for (off_t offset = 0;;) {
    const ssize_t got = pread(descriptor, piece.data(), piece.size(), offset);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return ErrnoStatus(errno, "read", "a file");
    if (got == 0) return digest.Finish();
    digest.Add({piece.data(), static_cast<size_t>(got)});
    offset += got;
  }
}

}  // namespace hpcc
