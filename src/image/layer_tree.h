#ifndef HPCC_IMAGE_LAYER_TREE_H_
#define HPCC_IMAGE_LAYER_TREE_H_

// Layers laid one upon the other, by their members' headers alone: what is where in the image, and
// which member of which layer has its data. The rules are those of the OCI image specification
// (layer.md): a member replaces what is in its place, but a directory joins one; whiteouts take
// away what lower layers have, wherever in their layer they stand.
//
// No member goes through a symlink, or a file: neither its path nor a hard link's target.

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "image/layer_path.h"
#include "image/tar_entry.h"
#include "squashfs/tree.h"

namespace hpcc {

struct LayerTreeLimits {
  uint64_t entries = 0;         // members of all layers, and directories that only their paths name
  uint64_t bytes = 0;           // of their files
  uint64_t metadata_bytes = 0;  // of their paths, link targets and attributes
};

// Which member has an inode's data.
struct LayerData {
  uint32_t layer = 0;
  uint32_t member = 0;  // its number in the layer, from 0
  uint32_t inode = 0;   // place in the tree
};

// Not thread-safe.
class LayerTree {
 public:
  explicit LayerTree(const LayerTreeLimits& limits);

  // The members that come next are of the next higher layer.
  void BeginLayer();
  // A layer's members in order. InvalidArgument names the rule that the member breaks, and
  // ResourceExhausted the limit; the caller says which member it was.
  absl::Status Add(const TarEntry& entry);

  struct Flat {
    SquashfsTree tree;            // no file has its data yet
    std::vector<LayerData> data;  // of those that aren't empty, by layer and member
  };
  // What has come of it. Devices and FIFOs are left out, and of the directories at the top that
  // `emptied` names, what is in them. This is empty afterwards.
  Flat Flatten(const std::vector<std::string_view>& emptied);

 private:
  static constexpr uint32_t kNoData = ~uint32_t{0};

  struct Entry {
    uint32_t inode = 0;
    uint32_t layer = 0;  // the last that named it, or something below it
  };
  using Entries = std::map<std::string, Entry, std::less<>>;
  struct Inode {
    SquashfsInode facts;
    bool left_out = false;  // a device or FIFO
    uint32_t layer = 0;     // of the data
    uint32_t member = kNoData;
    uint32_t cleaned = 0;  // a directory: the last layer that took away what lower ones have in it
    std::unique_ptr<Entries> entries;  // a directory
  };

  absl::Status CountEntry();
  absl::Status Count(const TarEntry& entry);
  absl::Status AddRoot(const TarEntry& entry);
  absl::Status AddPlain(const TarEntry& entry, const std::string& directory,
                        const std::string& name);
  absl::Status TakeAway(const LayerName& name);
  absl::Status AddHardLink(const TarEntry& entry, uint32_t directory, const std::string& name);
  absl::StatusOr<Inode> MakeInode(const TarEntry& entry) const;
  // What a path leads to; nullopt when there is nothing.
  absl::StatusOr<std::optional<uint32_t>> Find(std::string_view path);
  // The directory of that path, made with those above it where there is none.
  absl::StatusOr<uint32_t> MakeDirectories(std::string_view path);
  void Whiteout(uint32_t directory, const std::string& name);
  // Takes away what lower layers have in the directory.
  void Clean(uint32_t directory);
  void Put(uint32_t directory, const std::string& name, uint32_t inode);
  uint32_t NewInode(Inode inode);

  const LayerTreeLimits limits_;
  std::vector<Inode> inodes_;
  uint32_t layer_ = 0;  // counted from 1
  uint32_t member_ = 0;
  uint64_t entries_ = 0;
  uint64_t bytes_ = 0;
  uint64_t metadata_bytes_ = 0;
};

}  // namespace hpcc

#endif  // HPCC_IMAGE_LAYER_TREE_H_
