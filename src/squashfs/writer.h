#ifndef HPCC_SQUASHFS_WRITER_H_
#define HPCC_SQUASHFS_WRITER_H_

// A writer of squashfs 4.0 file systems as streams (squashfs/format.h has the format): the data of
// files goes out as it comes, who they are is said at the end. Blocks of 128 KiB, tails of files
// packed into fragments, holes, data that is there already not written twice, directory indexes,
// attributes, an export table, padding to 4 KiB.
//
// The same calls with the same options give the same bytes. Memory: about 250 KiB, the lists of
// blocks (44 bytes for 128 KiB of data), 40 bytes for each file's tail, and the metadata.

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "base/file_system.h"
#include "squashfs/compressor.h"
#include "squashfs/tree.h"

namespace hpcc {

struct SquashfsOptions {
  SquashfsCompression compression = SquashfsCompression::kZstd;
  int level = 0;      // squashfs/compressor.h
  uint32_t time = 0;  // when the file system was made, as it says: seconds since the epoch
};

// Not thread-safe.
class SquashfsWriter {
 public:
  virtual ~SquashfsWriter() = default;

  // Makes the file `path`; AlreadyExists when there is one. An unfinished file is no file system,
  // and the caller's to remove. `fs` outlives the writer.
  static absl::StatusOr<std::unique_ptr<SquashfsWriter>> Create(FileSystem& fs,
                                                                const std::string& path,
                                                                const SquashfsOptions& options);

  // The data of one file, in pieces of any size. After an error nothing more can be done.
  virtual absl::Status AppendData(std::string_view data) = 0;
  // So many zeros: far quicker than the same as data.
  virtual absl::Status AppendZeros(uint64_t size) = 0;
  // The file ends here; the next data is another's.
  virtual absl::StatusOr<SquashfsData> EndData() = 0;

  // Writes all the rest, gives the file mode 0644 whatever the umask, and closes it.
  // InvalidArgument: `tree` is none, or has what squashfs can't hold. ResourceExhausted: more than
  // 65535 ids, or the disk is full.
  virtual absl::Status Finish(const SquashfsTree& tree) = 0;
};

}  // namespace hpcc

#endif  // HPCC_SQUASHFS_WRITER_H_
