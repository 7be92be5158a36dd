#ifndef HPCC_SQUASHFS_DATA_WRITER_H_
#define HPCC_SQUASHFS_DATA_WRITER_H_

// The data of files, as it comes: whole blocks go out at once, what is left at the end of a file
// waits to share a fragment with others'. Blocks of zeros are holes. What an earlier file begins
// with, or ends in, isn't written again.
//
// Duplicates are found by BLAKE3 digests. A file's blocks lie one behind the other, so only a
// common beginning can be shared: each beginning of each file has a digest that goes over those of
// its blocks. A file that follows an earlier one block by block is not written until it departs
// from it; then the blocks in common are copied, packed as they are, and it goes on by itself.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "base/digest.h"
#include "base/file_system.h"
#include "squashfs/compressor.h"

namespace hpcc::squashfs {

struct StoredFile {
  uint64_t size = 0;
  uint64_t start = 0;            // of the first block that is no hole
  uint64_t holes = 0;            // bytes of `size` that aren't stored
  uint32_t fragment;             // kNone: no tail
  uint32_t offset = 0;           // of the tail in the unpacked fragment
  std::vector<uint32_t> blocks;  // as in the inode: packed size and kStoredBlock, 0 is a hole
};

struct Fragment {
  uint64_t start = 0;
  uint32_t size = 0;  // packed, and kStoredBlock
};

// Not thread-safe. One file at a time.
class DataWriter {
 public:
  // Writes `output` from `position` on, which is where it stands; `written` is the same file,
  // opened for reading. All outlive this.
  DataWriter(File& output, File& written, uint64_t position, Compressor& compressor);

  absl::Status Append(std::string_view data);
  absl::Status AppendZeros(uint64_t size);
  // The file ends; its place in files().
  absl::StatusOr<uint32_t> EndFile();
  // No file comes any more.
  absl::Status Finish();

  // The first is the empty file.
  const std::vector<StoredFile>& files() const { return files_; }
  const std::vector<Fragment>& fragments() const { return fragments_; }
  uint64_t position() const { return position_; }

 private:
  struct TailPlace {
    uint32_t fragment;
    uint32_t offset;
  };

  absl::Status TakeBlock(std::string_view block, bool zeros);
  absl::Status WriteNewBlock(std::string_view block, bool zeros);
  absl::Status TakeTail();
  // The file departs from the one it follows: it gets copies of the blocks in common.
  absl::Status Depart();
  absl::Status FlushFragment();
  // Packs and writes a block; what refers to it says so much of its size.
  absl::StatusOr<uint32_t> WriteBlock(std::string_view block);

  File& output_;
  File& written_;
  uint64_t position_;
  Compressor& compressor_;

  StoredFile file_;
  std::string pending_;  // less than a block
  Digest chain_;         // over the blocks of file_ so far
  bool follows_ = true;  // all blocks so far are those that leader_ begins with
  uint32_t leader_ = 0;

  std::string fragment_;
  std::vector<StoredFile> files_;
  std::vector<Fragment> fragments_;
  absl::flat_hash_map<Digest, uint32_t> beginnings_;  // chain digest to a file that begins so
  absl::flat_hash_map<Digest, TailPlace> tails_;
};

}  // namespace hpcc::squashfs

#endif  // HPCC_SQUASHFS_DATA_WRITER_H_
