#ifndef HPCC_AGENT_STAGE_H_
#define HPCC_AGENT_STAGE_H_

// The root file system of one exec: a tmpfs of its own with its sources as its manifest has them,
// places for the image's parts, and the directories it may write to. It is made before there is an
// exec for it, as far as that needs to know nothing of it.
//
// Sources are copied out of the blob store. Links to the store's files would be cheaper by a page
// copy each, but would hand one exec an inode that another reads.

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "agent/blob_store.h"
#include "agent/exec_header.h"
#include "agent/image_files.h"
#include "base/posix_descriptor.h"

namespace hpcc {

// What a command is to the kernel: an id that nothing else in the sandbox has, where there are
// enough of them.
struct ExecIdentity {
  uint32_t user = 0;
  uint32_t group = 0;
};

struct StagedOutput {
  size_t index = 0;  // into the outputs asked for
  uint64_t size = 0;
  uint32_t mode = 0;
  Descriptor file;
};

class Stage {
 public:
  // With the image's places. `image` outlives it.
  static absl::StatusOr<Stage> Make(const ImageLayout& image, const ExecIdentity& identity);

  // What `staged` takes of memory when it lies in a stage, and how many files and directories it
  // is. Counted as often as they are there: one blob may stand under any number of paths.
  struct Size {
    uint64_t bytes = 0;
    uint64_t files = 0;
  };
  static Size SizeOf(const std::vector<const ManifestEntry*>& staged, const BlobStore& blobs);

  // Once, with what one exec needs, whether it is attached already or not. `blobs` holds (pinned)
  // what the manifest needs; `staged` are the entries that the image has not, in the order of their
  // paths, `size` is theirs, and `room` is for its bytes.
  // InvalidArgument: the paths contradict each other, or an output would lie in the image.
  absl::Status Fill(const ExecCommand& command, const std::vector<const ManifestEntry*>& staged,
                    BlobStore& blobs, const Size& size, BlobStore::Room room);

  // The root directory. Attached by whoever runs the command.
  int root() const { return root_.get(); }
  // Where the command may write: absolute.
  const std::vector<std::string>& writable() const { return writable_; }
  // How many bytes of it are in use before the command runs.
  uint64_t bytes_before() const { return bytes_before_; }

  // Those of the asked-for outputs that are there, once nothing runs in the stage any more. Only
  // regular files are outputs: what else a command may have put there is as if it were not.
  absl::StatusOr<std::vector<StagedOutput>> Outputs(const std::vector<std::string>& asked) const;

 private:
  Stage(const ImageLayout& image, const ExecIdentity& identity)
      : image_(&image), identity_(identity) {}

  absl::Status PlaceImage();
  absl::Status Place(const ManifestEntry& entry, BlobStore& blobs);
  absl::Status MakeWritable(const std::string& path);
  absl::Status MakePlaces(const ExecCommand& command);

  const ImageLayout* image_;
  ExecIdentity identity_;
  BlobStore::Room sources_;  // given back after the root
  Descriptor root_;
  std::vector<std::string> writable_;
  uint64_t bytes_before_ = 0;
  // The directory of the entry before: entries come in the order of their paths.
  std::string last_directory_;
  Descriptor last_descriptor_;
  std::vector<char> buffer_;  // only while the stage is filled
};

}  // namespace hpcc

#endif  // HPCC_AGENT_STAGE_H_
