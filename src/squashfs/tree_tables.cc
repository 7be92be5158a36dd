#include "squashfs/tree_tables.h"

#include <limits>
#include <utility>

#include "base/status.h"
#include "squashfs/format.h"

namespace hpcc::squashfs {

namespace {

using Kind = SquashfsInode::Kind;

constexpr uint32_t kDots = 3;  // what a directory's size counts for "." and ".."
constexpr size_t kMaxIds = std::numeric_limits<uint16_t>::max();

template <typename T>
bool Fits(uint64_t value) {
  return value <= std::numeric_limits<T>::max();
}

uint16_t TypeOf(Kind kind) {
  switch (kind) {
    case Kind::kDirectory:
      return kDirectoryType;
    case Kind::kSymlink:
      return kSymlinkType;
    case Kind::kFile:
      return kFileType;
  }
  return kFileType;
}

}  // namespace

TreeTables::TreeTables(const SquashfsTree& tree, const std::vector<StoredFile>& files,
                       Compressor& compressor)
    : tree_(tree),
      files_(files),
      inodes_(compressor),
      directories_(compressor),
      xattrs_(compressor) {}

absl::Status TreeTables::Make() {
  HPCC_ASSIGN_OR_RETURN(order_, OrderInodes(tree_));
  places_.reserve(order_.inodes.size());
  for (uint32_t place : order_.inodes) HPCC_RETURN_IF_ERROR(AddInode(place));
  HPCC_ASSIGN_OR_RETURN(inode_bytes_, inodes_.Finish());
  HPCC_ASSIGN_OR_RETURN(directory_bytes_, directories_.Finish());
  for (uint64_t reference : places_) Put<uint64_t>(&references_, reference);
  root_ = places_.back();
  return absl::OkStatus();
}

absl::Status TreeTables::AddInode(uint32_t place) {
  HPCC_ASSIGN_OR_RETURN(const std::string inode, MakeInode(place));
  places_.push_back(inodes_.reference());
  return inodes_.Append(inode);
}

absl::StatusOr<std::string> TreeTables::MakeInode(uint32_t place) {
  HPCC_ASSIGN_OR_RETURN(const uint32_t xattrs, xattrs_.Add(tree_.inodes[place].xattrs));
  const Kind kind = tree_.inodes[place].kind;
  uint16_t type = TypeOf(kind);
  std::string body;
  if (kind == Kind::kDirectory) {
    HPCC_ASSIGN_OR_RETURN(body, MakeDirectory(place, xattrs));
  } else if (kind == Kind::kFile) {
    HPCC_ASSIGN_OR_RETURN(body, MakeFile(place, xattrs));
  } else {
    body = MakeSymlink(place, xattrs);
  }
  // The bodies begin with whether they are those of the extended type.
  if (body.front() != 0) type += kExtendedDirectoryType - kDirectoryType;
  std::string inode;
  HPCC_RETURN_IF_ERROR(AppendHeader(place, type, &inode));
  inode.append(body, 1);
  return inode;
}

absl::Status TreeTables::AppendHeader(uint32_t place, uint16_t type, std::string* out) {
  const SquashfsInode& inode = tree_.inodes[place];
  HPCC_ASSIGN_OR_RETURN(const uint16_t uid, IdNumber(inode.uid));
  HPCC_ASSIGN_OR_RETURN(const uint16_t gid, IdNumber(inode.gid));
  Put<uint16_t>(out, type);
  Put<uint16_t>(out, inode.mode & 07777);
  Put<uint16_t>(out, uid);
  Put<uint16_t>(out, gid);
  Put<uint32_t>(out, inode.modified);
  Put<uint32_t>(out, order_.numbers[place]);
  return absl::OkStatus();
}

absl::StatusOr<uint16_t> TreeTables::IdNumber(uint32_t id) {
  const auto [found, is_new] =
      id_numbers_.try_emplace(id, static_cast<uint16_t>(id_numbers_.size()));
  if (is_new) {
    if (id_numbers_.size() > kMaxIds) {
      return absl::ResourceExhaustedError("squashfs: more than 65535 different user and group ids");
    }
    Put<uint32_t>(&ids_, id);
  }
  return found->second;
}

uint64_t TreeTables::ReferenceOf(uint32_t place) const {
  return places_[order_.numbers[place] - 1];
}

absl::StatusOr<std::string> TreeTables::MakeDirectory(uint32_t place, uint32_t xattrs) {
  std::vector<DirectoryEntry> entries;
  entries.reserve(tree_.inodes[place].entries->size());
  for (const auto& [name, child] : *tree_.inodes[place].entries) {
    entries.push_back({.name = name,
                       .inode = ReferenceOf(child),
                       .number = order_.numbers[child],
                       .type = TypeOf(tree_.inodes[child].kind)});
  }
  HPCC_ASSIGN_OR_RETURN(const DirectoryList list, directories_.Add(entries));
  const auto block = static_cast<uint32_t>(list.reference >> 16);
  const auto offset = static_cast<uint16_t>(list.reference);
  const uint32_t size = list.size + kDots;
  // The root's parent is a number that no inode has.
  const uint32_t parent = place == 0 ? static_cast<uint32_t>(order_.inodes.size() + 1)
                                     : order_.numbers[order_.parents[place]];
  const bool extended = xattrs != kNone || list.index_entries > 0 || !Fits<uint16_t>(size);
  std::string body(1, extended ? 1 : 0);
  if (!extended) {
    Put<uint32_t>(&body, block);
    Put<uint32_t>(&body, order_.links[place]);
    Put<uint16_t>(&body, static_cast<uint16_t>(size));
    Put<uint16_t>(&body, offset);
    Put<uint32_t>(&body, parent);
    return body;
  }
  Put<uint32_t>(&body, order_.links[place]);
  Put<uint32_t>(&body, size);
  Put<uint32_t>(&body, block);
  Put<uint32_t>(&body, parent);
  Put<uint16_t>(&body, list.index_entries);
  Put<uint16_t>(&body, offset);
  Put<uint32_t>(&body, xattrs);
  return body + list.index;
}

absl::StatusOr<std::string> TreeTables::MakeFile(uint32_t place, uint32_t xattrs) {
  const SquashfsData data = tree_.inodes[place].data;
  if (data >= files_.size())
    return absl::InvalidArgumentError("squashfs: a file's data isn't there");
  const StoredFile& file = files_[data];
  const uint32_t links = order_.links[place];
  const bool extended = xattrs != kNone || links > 1 || file.holes > 0 ||
                        !Fits<uint32_t>(file.start) || !Fits<uint32_t>(file.size);
  std::string body(1, extended ? 1 : 0);
  if (!extended) {
    Put<uint32_t>(&body, static_cast<uint32_t>(file.start));
    Put<uint32_t>(&body, file.fragment);
    Put<uint32_t>(&body, file.offset);
    Put<uint32_t>(&body, static_cast<uint32_t>(file.size));
  } else {
    Put<uint64_t>(&body, file.start);
    Put<uint64_t>(&body, file.size);
    Put<uint64_t>(&body, file.holes);
    Put<uint32_t>(&body, links);
    Put<uint32_t>(&body, file.fragment);
    Put<uint32_t>(&body, file.offset);
    Put<uint32_t>(&body, xattrs);
  }
  for (uint32_t block : file.blocks) Put<uint32_t>(&body, block);
  return body;
}

std::string TreeTables::MakeSymlink(uint32_t place, uint32_t xattrs) {
  const std::string& target = tree_.inodes[place].target;
  std::string body(1, xattrs != kNone ? 1 : 0);
  Put<uint32_t>(&body, order_.links[place]);
  Put<uint32_t>(&body, static_cast<uint32_t>(target.size()));
  body.append(target);
  if (xattrs != kNone) Put<uint32_t>(&body, xattrs);
  return body;
}

}  // namespace hpcc::squashfs
