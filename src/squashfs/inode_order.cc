#include "squashfs/inode_order.h"

#include <string_view>
#include <utility>

#include "base/status.h"

namespace hpcc::squashfs {

namespace {

using Kind = SquashfsInode::Kind;

constexpr size_t kMaxName = 255;
constexpr size_t kMaxTarget = 65535;

absl::Status NoTree(const char* why) {
  return absl::InvalidArgumentError(std::string("squashfs: the tree is none: ") + why);
}

bool IsName(std::string_view name) {
  return !name.empty() && name.size() <= kMaxName && name != "." && name != ".." &&
         name.find('/') == std::string_view::npos && name.find('\0') == std::string_view::npos;
}

class Walk {
 public:
  explicit Walk(const SquashfsTree& tree) : tree_(tree) {
    order_.numbers.resize(tree.inodes.size());
    order_.links.resize(tree.inodes.size());
    order_.parents.resize(tree.inodes.size());
  }

  absl::StatusOr<InodeOrder> Run() {
    if (tree_.inodes.empty() || tree_.inodes[0].entries == nullptr) return NoTree("no root");
    order_.links[0] = 2;
    open_.push_back({0, /*entered=*/false});
    while (!open_.empty()) {
      const uint32_t directory = open_.back().first;
      if (!std::exchange(open_.back().second, true)) {
        HPCC_RETURN_IF_ERROR(Enter(directory));
        continue;
      }
      open_.pop_back();
      for (const auto& [name, child] : *tree_.inodes[directory].entries) {
        if (tree_.inodes[child].kind != Kind::kDirectory && order_.numbers[child] == 0) Add(child);
      }
      Add(directory);
    }
    return std::move(order_);
  }

 private:
  // Checks what is in the directory and opens those below it.
  absl::Status Enter(uint32_t directory) {
    const SquashfsInode::Entries& entries = *tree_.inodes[directory].entries;
    for (auto entry = entries.rbegin(); entry != entries.rend(); ++entry) {
      const uint32_t child = entry->second;
      if (child >= tree_.inodes.size()) return NoTree("an entry leads nowhere");
      if (!IsName(entry->first)) return NoTree("a name is none");
      const SquashfsInode& inode = tree_.inodes[child];
      ++order_.links[child];
      if (inode.kind == Kind::kSymlink &&
          (inode.target.empty() || inode.target.size() > kMaxTarget)) {
        return NoTree("a symlink's target is empty or too long");
      }
      if (inode.kind != Kind::kDirectory) continue;
      if (inode.entries == nullptr || child == 0 || order_.links[child] > 1) {
        return NoTree("a directory stands in two places");
      }
      order_.links[child] = 2;
      ++order_.links[directory];
      order_.parents[child] = directory;
      open_.push_back({child, /*entered=*/false});
    }
    return absl::OkStatus();
  }

  void Add(uint32_t inode) {
    order_.inodes.push_back(inode);
    order_.numbers[inode] = static_cast<uint32_t>(order_.inodes.size());
  }

  const SquashfsTree& tree_;
  InodeOrder order_;
  std::vector<std::pair<uint32_t, bool>> open_;
};

}  // namespace

absl::StatusOr<InodeOrder> OrderInodes(const SquashfsTree& tree) {
  return Walk(tree).Run();
}

}  // namespace hpcc::squashfs
