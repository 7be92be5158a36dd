#include "image/layer_tree.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "base/status.h"
#include "base/strings.h"

namespace hpcc {

namespace {

using Kind = SquashfsInode::Kind;

constexpr uint16_t kKeptBits = 01777;  // not set-uid, not set-gid
constexpr size_t kMaxXattrName = 255;
constexpr size_t kMaxTarget = 4095;  // the kernel's PATH_MAX, without the NUL

absl::Status Refused(std::string_view rule) {
  return absl::InvalidArgumentError(std::string(rule));
}

// "security.capability" is to a program what set-uid is; "trusted.overlay." speaks to the kernel of
// a machine that lays file systems upon each other.
bool IsKept(std::string_view name) {
  if (name == "security.capability" || name.starts_with("trusted.overlay.")) return false;
  for (std::string_view prefix : {"user.", "trusted.", "security."}) {
    if (name.starts_with(prefix) && name.size() > prefix.size()) return true;
  }
  return false;
}

Kind KindOf(TarEntry::Kind kind) {
  if (kind == TarEntry::Kind::kDirectory) return Kind::kDirectory;
  return kind == TarEntry::Kind::kSymlink ? Kind::kSymlink : Kind::kFile;
}

}  // namespace

LayerTree::LayerTree(const LayerTreeLimits& limits) : limits_(limits) {
  Inode root{.facts = {.kind = Kind::kDirectory, .mode = 0755}};
  root.entries = std::make_unique<Entries>();
  inodes_.push_back(std::move(root));
}

void LayerTree::BeginLayer() {
  ++layer_;
  member_ = 0;
}

absl::Status LayerTree::CountEntry() {
  if (++entries_ <= limits_.entries) return absl::OkStatus();
  return absl::ResourceExhaustedError(
      StrCat("there are more than the ", limits_.entries, " entries that an image may have"));
}

absl::Status LayerTree::Count(const TarEntry& entry) {
  HPCC_RETURN_IF_ERROR(CountEntry());
  if (entry.size > limits_.bytes - bytes_) {
    return absl::ResourceExhaustedError(
        StrCat("with it there are more than the ", limits_.bytes, " bytes that an image may have"));
  }
  bytes_ += entry.size;
  metadata_bytes_ += entry.path.size() + entry.link.size();
  for (const auto& [name, value] : entry.xattrs) metadata_bytes_ += name.size() + value.size();
  if (metadata_bytes_ > limits_.metadata_bytes) {
    return absl::ResourceExhaustedError(
        StrCat("with it there are more than the ", limits_.metadata_bytes,
               " bytes of paths and attributes that an image may have"));
  }
  return absl::OkStatus();
}

absl::Status LayerTree::Add(const TarEntry& entry) {
  HPCC_RETURN_IF_ERROR(Count(entry));
  HPCC_ASSIGN_OR_RETURN(const std::string path, LayerPath(entry.path));
  if (path.empty()) {
    HPCC_RETURN_IF_ERROR(AddRoot(entry));
  } else {
    HPCC_ASSIGN_OR_RETURN(const LayerName name, ParseLayerName(path));
    if (name.meaning == LayerName::Meaning::kPlain) {
      HPCC_RETURN_IF_ERROR(AddPlain(entry, name.directory, name.name));
    } else if (name.meaning != LayerName::Meaning::kIgnored) {
      HPCC_RETURN_IF_ERROR(TakeAway(name));
    }
  }
  ++member_;
  return absl::OkStatus();
}

absl::Status LayerTree::TakeAway(const LayerName& name) {
  HPCC_ASSIGN_OR_RETURN(const std::optional<uint32_t> directory, Find(name.directory));
  if (!directory.has_value()) return absl::OkStatus();
  if (inodes_[*directory].facts.kind == Kind::kSymlink) return Refused("it goes through a symlink");
  if (inodes_[*directory].entries == nullptr) return absl::OkStatus();
  if (name.meaning == LayerName::Meaning::kOpaque) {
    Clean(*directory);
  } else {
    Whiteout(*directory, name.name);
  }
  return absl::OkStatus();
}

absl::Status LayerTree::AddRoot(const TarEntry& entry) {
  if (entry.kind != TarEntry::Kind::kDirectory) return Refused("it would replace the root");
  HPCC_ASSIGN_OR_RETURN(Inode inode, MakeInode(entry));
  inodes_[0].facts = std::move(inode.facts);
  return absl::OkStatus();
}

absl::Status LayerTree::AddPlain(const TarEntry& entry, const std::string& directory,
                                 const std::string& name) {
  HPCC_ASSIGN_OR_RETURN(const uint32_t parent, MakeDirectories(directory));
  if (entry.kind == TarEntry::Kind::kHardLink) return AddHardLink(entry, parent, name);
  HPCC_ASSIGN_OR_RETURN(Inode inode, MakeInode(entry));
  const auto found = inodes_[parent].entries->find(name);
  if (inode.entries != nullptr && found != inodes_[parent].entries->end() &&
      inodes_[found->second.inode].entries != nullptr) {
    inodes_[found->second.inode].facts = std::move(inode.facts);
    found->second.layer = layer_;
    return absl::OkStatus();
  }
  Put(parent, name, NewInode(std::move(inode)));
  return absl::OkStatus();
}

absl::Status LayerTree::AddHardLink(const TarEntry& entry, uint32_t directory,
                                    const std::string& name) {
  const absl::StatusOr<std::string> target = LayerPath(entry.link);
  if (!target.ok()) {
    return Refused(StrCat("of its link's target: ", std::string(target.status().message())));
  }
  HPCC_ASSIGN_OR_RETURN(const std::optional<uint32_t> inode, Find(*target));
  if (!inode.has_value()) return Refused("it is a hard link to what isn't there");
  if (inodes_[*inode].entries != nullptr) return Refused("it is a hard link to a directory");
  Put(directory, name, *inode);
  return absl::OkStatus();
}

absl::StatusOr<LayerTree::Inode> LayerTree::MakeInode(const TarEntry& entry) const {
  Inode inode;
  inode.facts = {.kind = KindOf(entry.kind),
                 .mode = static_cast<uint16_t>(entry.mode & kKeptBits),
                 .uid = entry.uid,
                 .gid = entry.gid,
                 .modified = entry.modified};
  for (const auto& [name, value] : entry.xattrs) {
    if (!IsKept(name)) continue;
    if (name.size() > kMaxXattrName || name.find('\0') != std::string::npos) {
      return Refused("the name of an extended attribute is too long or holds NUL");
    }
    inode.facts.xattrs.push_back({name, value});
  }
  switch (entry.kind) {
    case TarEntry::Kind::kDirectory:
      inode.entries = std::make_unique<Entries>();
      break;
    case TarEntry::Kind::kSymlink:
      if (entry.link.empty()) return Refused("it is a symlink to nothing");
      if (entry.link.size() > kMaxTarget) return Refused("its target is too long");
      inode.facts.target = entry.link;
      break;
    case TarEntry::Kind::kFile:
      inode.layer = layer_ - 1;
      if (entry.size > 0) inode.member = member_;
      break;
    default:
      inode.left_out = true;
  }
  return inode;
}

absl::StatusOr<std::optional<uint32_t>> LayerTree::Find(std::string_view path) {
  uint32_t at = 0;
  if (path.empty()) return at;
  for (std::string_view name : StrSplit(path, '/')) {
    if (inodes_[at].facts.kind == Kind::kSymlink) return Refused("it goes through a symlink");
    if (inodes_[at].entries == nullptr) return std::nullopt;
    const auto found = inodes_[at].entries->find(name);
    if (found == inodes_[at].entries->end()) return std::nullopt;
    at = found->second.inode;
  }
  return at;
}

absl::StatusOr<uint32_t> LayerTree::MakeDirectories(std::string_view path) {
  uint32_t at = 0;
  if (path.empty()) return at;
  for (std::string_view name : StrSplit(path, '/')) {
    const auto found = inodes_[at].entries->find(name);
    if (found == inodes_[at].entries->end()) {
      // A long path makes thousands of them.
      HPCC_RETURN_IF_ERROR(CountEntry());
      Inode made{.facts = {.kind = Kind::kDirectory, .mode = 0755}};
      made.entries = std::make_unique<Entries>();
      const uint32_t inode = NewInode(std::move(made));
      Put(at, std::string(name), inode);
      at = inode;
      continue;
    }
    const Inode& inode = inodes_[found->second.inode];
    if (inode.facts.kind == Kind::kSymlink) return Refused("it goes through a symlink");
    if (inode.entries == nullptr) return Refused("it lies below what is no directory");
    found->second.layer = layer_;
    at = found->second.inode;
  }
  return at;
}

void LayerTree::Whiteout(uint32_t directory, const std::string& name) {
  Entries& entries = *inodes_[directory].entries;
  const auto found = entries.find(name);
  if (found == entries.end()) return;
  if (found->second.layer < layer_) {
    entries.erase(found);
  } else if (inodes_[found->second.inode].entries != nullptr) {
    Clean(found->second.inode);
  }
}

// What lower layers have can't come back within a layer, so each directory is cleaned once in it.
void LayerTree::Clean(uint32_t directory) {
  if (std::exchange(inodes_[directory].cleaned, layer_) == layer_) return;
  Entries& entries = *inodes_[directory].entries;
  std::erase_if(entries, [this](const auto& entry) { return entry.second.layer < layer_; });
  for (const auto& [name, entry] : entries) {
    if (inodes_[entry.inode].entries != nullptr) Clean(entry.inode);
  }
}

void LayerTree::Put(uint32_t directory, const std::string& name, uint32_t inode) {
  (*inodes_[directory].entries)[name] = {inode, layer_};
}

uint32_t LayerTree::NewInode(Inode inode) {
  inodes_.push_back(std::move(inode));
  return static_cast<uint32_t>(inodes_.size() - 1);
}

LayerTree::Flat LayerTree::Flatten(const std::vector<std::string_view>& emptied) {
  Flat flat;
  for (std::string_view name : emptied) {
    const auto found = inodes_[0].entries->find(name);
    if (found == inodes_[0].entries->end()) continue;
    const std::unique_ptr<Entries>& entries = inodes_[found->second.inode].entries;
    if (entries != nullptr) entries->clear();
  }
  constexpr uint32_t kNotYet = ~uint32_t{0};
  std::vector<uint32_t> places(inodes_.size(), kNotYet);
  std::vector<uint32_t> waiting = {0};  // directories whose entries aren't moved
  const auto move = [&](uint32_t from) {
    if (places[from] != kNotYet) return places[from];
    Inode& inode = inodes_[from];
    const auto place = static_cast<uint32_t>(flat.tree.inodes.size());
    places[from] = place;
    if (inode.entries != nullptr) {
      inode.facts.entries = std::make_unique<SquashfsInode::Entries>();
      if (from != 0) waiting.push_back(from);
    } else if (inode.member != kNoData) {
      flat.data.push_back({inode.layer, inode.member, place});
    }
    flat.tree.inodes.push_back(std::move(inode.facts));
    return place;
  };
  move(0);
  while (!waiting.empty()) {
    const uint32_t directory = waiting.back();
    waiting.pop_back();
    const std::unique_ptr<Entries> entries = std::move(inodes_[directory].entries);
    for (const auto& [name, entry] : *entries) {
      if (inodes_[entry.inode].left_out) continue;
      const uint32_t child = move(entry.inode);
      flat.tree.inodes[places[directory]].entries->emplace(name, child);
    }
  }
  const auto before = [](const LayerData& a, const LayerData& b) {
    return std::pair(a.layer, a.member) < std::pair(b.layer, b.member);
  };
  std::sort(flat.data.begin(), flat.data.end(), before);
  inodes_.clear();
  return flat;
}

}  // namespace hpcc
