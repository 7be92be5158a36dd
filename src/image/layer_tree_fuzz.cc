// Whatever members come in whatever layers, what they are flattened to is a tree that squashfs can
// hold, within the limits. The input is a sequence of members:
//
//   member := kind (a byte), path, link      path, link := size (a byte), that many bytes
//   kind 255 begins the next layer

#include <cstdlib>
#include <vector>

#include "image/layer_tree.h"
#include "squashfs/inode_order.h"

namespace {

constexpr uint64_t kEntries = 200;

void Check(bool holds) {
  if (!holds) std::abort();
}

std::string TakeText(std::string_view* data) {
  if (data->empty()) return "";
  const size_t size = static_cast<unsigned char>(data->front());
  data->remove_prefix(1);
  const std::string text(data->substr(0, size));
  data->remove_prefix(text.size());
  return text;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  std::string_view data(reinterpret_cast<const char*>(bytes), size);
  hpcc::LayerTree tree({.entries = kEntries, .bytes = 1000, .metadata_bytes = 100'000});
  tree.BeginLayer();
  while (!data.empty()) {
    const auto kind = static_cast<unsigned char>(data.front());
    data.remove_prefix(1);
    if (kind == 255) {
      tree.BeginLayer();
      continue;
    }
    hpcc::TarEntry entry{.kind = static_cast<hpcc::TarEntry::Kind>(kind % 6)};
    entry.path = TakeText(&data);
    entry.link = TakeText(&data);
    if (entry.kind == hpcc::TarEntry::Kind::kFile) entry.size = kind / 6;
    // A member that is refused may leave directories behind; the tree is one all the same.
    if (!tree.Add(entry).ok()) break;
  }
  const hpcc::LayerTree::Flat flat = tree.Flatten({".hpcc", "dev"});
  Check(flat.tree.inodes.size() <= kEntries + 1);
  const auto order = hpcc::squashfs::OrderInodes(flat.tree);
  Check(order.ok() && order->inodes.size() == flat.tree.inodes.size());
  for (const hpcc::LayerData& file : flat.data) {
    Check(flat.tree.inodes[file.inode].kind == hpcc::SquashfsInode::Kind::kFile);
  }
  return 0;
}
