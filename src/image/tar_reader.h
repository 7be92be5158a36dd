#ifndef HPCC_IMAGE_TAR_READER_H_
#define HPCC_IMAGE_TAR_READER_H_

// The members of a tar file, one after the other, as a stream: POSIX ustar and PAX, GNU's long
// names, and sparse files as GNU tar writes them in its old format and in PAX 0.0, 0.1 and 1.0.
// PAX's global headers are read and not gone by, as with every reader of layers. Of links,
// directories, devices and FIFOs a size is not gone by either.
//
// Every message names the member, or where its header is. Nothing is said here about where a path
// may lead (image/layer_tree.h).

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "image/tar_entry.h"
#include "image/tar_header.h"
#include "image/tar_pax.h"
#include "image/tar_source.h"

namespace hpcc {

struct TarLimits {
  size_t path_bytes = 4096;  // of a path or a link's target
  size_t xattr_bytes = 64 << 10;
  size_t header_bytes = 1 << 20;  // of one PAX header or sparse map
};

// Not thread-safe. After an error there is nothing more to read.
class TarReader {
 public:
  // `source` outlives this.
  TarReader(TarSource& source, const TarLimits& limits) : source_(source), limits_(limits) {}

  // The next member; false at the end, which has been read then, but not what follows it. What is
  // left of the last member's data is passed over. InvalidArgument: a header is malformed.
  // DataLoss: the file is cut short. ResourceExhausted: a limit.
  absl::StatusOr<bool> Next(TarEntry* entry);

  // What comes next of the member's data: bytes, or so many zeros; neither at its end. Bytes are
  // valid until the next call.
  struct Piece {
    std::string_view bytes;
    uint64_t zeros = 0;
  };
  absl::StatusOr<Piece> ReadData();

 private:
  // What comes before a member's own header.
  struct Extras {
    PaxRecords pax;
    std::string name;  // of GNU's long ones; empty: none
    std::string link;
  };

  absl::StatusOr<bool> ReadMember(TarEntry* entry);
  // The header of a member, and in `extras` what came before. nullopt at the end.
  absl::StatusOr<std::optional<TarHeader>> ReadHeaders(Extras* extras);
  absl::Status ReadExtra(const TarHeader& header, Extras* extras);
  absl::Status Fill(const TarHeader& header, const Extras& extras, TarEntry* entry);
  absl::Status FillNames(const TarHeader& header, const Extras& extras, TarEntry* entry);
  absl::Status FillFacts(const TarHeader& header, const PaxRecords& pax, TarEntry* entry) const;
  absl::Status SetUpData(const TarHeader& header, const PaxRecords& pax, TarEntry* entry);
  absl::Status ReadOldExtents(TarHeader* header);
  absl::Status ReadExtentsInData();
  absl::Status CheckExtents(uint64_t real_size);

  // A whole block; empty at the end of the file.
  absl::StatusOr<std::string> ReadBlock();
  absl::StatusOr<std::string> ReadPadded(uint64_t size, std::string_view what);
  absl::Status SkipMember();
  absl::Status Skip(uint64_t size);
  absl::Status Named(const absl::Status& status) const;

  TarSource& source_;
  const TarLimits limits_;
  uint64_t position_ = 0;
  uint64_t header_at_ = 0;
  std::string path_;  // of the member, once it is known

  uint64_t stored_left_ = 0;  // bytes of the member that weren't read
  uint64_t padding_ = 0;      // and what follows them
  std::vector<TarExtent> extents_;
  size_t extent_ = 0;
  uint64_t at_ = 0;  // in the file as it looks
  uint64_t real_size_ = 0;
};

}  // namespace hpcc

#endif  // HPCC_IMAGE_TAR_READER_H_
