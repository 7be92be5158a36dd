#include "cache/directory_memo.h"

#include <algorithm>
#include <cerrno>

#include "base/path.h"

namespace hpcc {

namespace {

constexpr size_t kMaxNames = 400'000;      // remembered at a time
constexpr size_t kMaxNamesInOne = 50'000;  // larger directories aren't worth listing

bool IsLetter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

}  // namespace

std::shared_ptr<const DirectoryMemo::Names> DirectoryMemo::Find(const std::string& directory,
                                                                const FileStamp& stamp) {
  const std::lock_guard lock(mutex_);
  const auto found = listings_.find(directory);
  if (found == listings_.end() || found->second.stamp != stamp) return nullptr;
  return found->second.names;
}

void DirectoryMemo::Remember(const std::string& directory, const FileStamp& stamp,
                             std::shared_ptr<const Names> names) {
  const std::lock_guard lock(mutex_);
  if (names_ + names->size() > kMaxNames) {
    listings_.clear();
    names_ = 0;
  }
  Listing& listing = listings_[directory];
  if (listing.names != nullptr) names_ -= listing.names->size();
  names_ += names->size();
  listing = {stamp, std::move(names)};
}

int ListedFileSystem::Stat(const char* path, bool follow_symlinks, FileStat* stat) {
  const std::string_view whole(path);
  const size_t slash = whole.rfind('/');
  const std::string_view name = whole.substr(slash + 1);
  // A name that isn't one, or a directory that depends on where this thread stands.
  const bool plain = !whole.empty() && whole.front() == '/' && slash > 0 && !name.empty() &&
                     name != "." && name != "..";
  if (!plain) return inner_.Stat(path, follow_symlinks, stat);
  const Directory& directory = LookAt(whole.substr(0, slash));
  if (directory.error != 0) return directory.error;
  if (directory.names != nullptr && !directory.names->contains(name)) return ENOENT;
  return inner_.Stat(path, follow_symlinks, stat);
}

const ListedFileSystem::Directory& ListedFileSystem::LookAt(std::string_view path) {
  if (const auto known = directories_.find(path); known != directories_.end()) {
    return known->second;
  }
  std::string name(path);
  Directory directory;
  FileStat stat;
  const int error = inner_.Stat(name.c_str(), /*follow_symlinks=*/true, &stat);
  if (error == ENOENT || error == ENOTDIR) {
    directory.error = error;
  } else if (error == 0 && stat.is_directory()) {
    directory.names = NamesIn(name, FileStamp::Of(stat));
  }
  return directories_.emplace(std::move(name), std::move(directory)).first->second;
}

std::shared_ptr<const DirectoryMemo::Names> ListedFileSystem::NamesIn(const std::string& path,
                                                                      const FileStamp& stamp) {
  if (!IsSettled(stamp, clock_.FileStampNanoseconds())) return nullptr;
  if (std::shared_ptr<const DirectoryMemo::Names> known = memo_.Find(path, stamp)) return known;
  absl::StatusOr<std::vector<std::string>> listed = inner_.List(path);
  if (!listed.ok() || listed->size() > kMaxNamesInOne) return nullptr;
  DirectoryMemo::Names names(listed->begin(), listed->end());
  FileStat after;
  if (FoldsCase(path, names) || inner_.Stat(path.c_str(), /*follow_symlinks=*/true, &after) != 0 ||
      FileStamp::Of(after) != stamp) {
    return nullptr;
  }
  auto kept = std::make_shared<const DirectoryMemo::Names>(std::move(names));
  memo_.Remember(path, stamp, kept);
  return kept;
}

// Found out with one of its own names, written otherwise.
bool ListedFileSystem::FoldsCase(const std::string& path, const DirectoryMemo::Names& names) {
  for (std::string name : names) {
    const auto letter = std::find_if(name.begin(), name.end(), IsLetter);
    if (letter == name.end()) continue;
    *letter = static_cast<char>(*letter ^ ('a' ^ 'A'));
    if (names.contains(name)) continue;
    FileStat stat;
    return inner_.Stat(path::Join(path, name).c_str(), /*follow_symlinks=*/false, &stat) == 0;
  }
  return false;
}

}  // namespace hpcc
