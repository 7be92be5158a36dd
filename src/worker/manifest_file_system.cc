#include "worker/manifest_file_system.h"

#include <algorithm>
#include <cerrno>

#include "base/strings.h"

namespace hpcc {

namespace {

constexpr int kMaxLinks = 40;  // as Linux has it

absl::Status OnlyQuestions() {
  return absl::PermissionDeniedError("a manifest can be asked what is there, and nothing else");
}

}  // namespace

absl::StatusOr<std::unique_ptr<File>> QuestionsOnlyFileSystem::OpenForReading(const std::string&) {
  return OnlyQuestions();
}
absl::StatusOr<std::unique_ptr<File>> QuestionsOnlyFileSystem::Create(const std::string&,
                                                                      uint32_t) {
  return OnlyQuestions();
}
absl::StatusOr<std::unique_ptr<File>> QuestionsOnlyFileSystem::OpenForOverwriting(
    const std::string&, uint32_t) {
  return OnlyQuestions();
}
absl::Status QuestionsOnlyFileSystem::Rename(const std::string&, const std::string&) {
  return OnlyQuestions();
}
absl::Status QuestionsOnlyFileSystem::Remove(const std::string&) {
  return OnlyQuestions();
}
absl::Status QuestionsOnlyFileSystem::RemoveDirectory(const std::string&) {
  return OnlyQuestions();
}
absl::Status QuestionsOnlyFileSystem::MakeDirectory(const std::string&, uint32_t) {
  return OnlyQuestions();
}
absl::StatusOr<std::vector<std::string>> QuestionsOnlyFileSystem::List(const std::string&) {
  return OnlyQuestions();
}
absl::Status QuestionsOnlyFileSystem::SetModified(const std::string&, int64_t) {
  return OnlyQuestions();
}
absl::StatusOr<std::string> QuestionsOnlyFileSystem::ReadLink(const std::string&) {
  return OnlyQuestions();
}
absl::StatusOr<std::string> QuestionsOnlyFileSystem::RealPath(const std::string&) {
  return OnlyQuestions();
}

int AnythingFileSystem::Stat(const char*, bool, FileStat* stat) {
  *stat = {};
  stat->type = FileStat::Type::kRegular;
  return 0;
}

ManifestFileSystem::ManifestFileSystem(const SourceManifest& manifest, ImageLinks links)
    : manifest_(manifest), links_(std::move(links)) {}

const ManifestEntry* ManifestFileSystem::Find(std::string_view path) const {
  const auto place = std::lower_bound(
      manifest_.entries.begin(), manifest_.entries.end(), path,
      [](const ManifestEntry& entry, std::string_view wanted) { return entry.path < wanted; });
  return place != manifest_.entries.end() && place->path == path ? &*place : nullptr;
}

bool ManifestFileSystem::IsDirectory(std::string_view path) const {
  const std::string below = path == "/" ? "/" : StrCat(path, "/");
  const auto place = std::lower_bound(
      manifest_.entries.begin(), manifest_.entries.end(), below,
      [](const ManifestEntry& entry, const std::string& wanted) { return entry.path < wanted; });
  return place != manifest_.entries.end() && place->path.starts_with(below);
}

std::optional<std::string> ManifestFileSystem::Resolve(std::string_view path,
                                                       bool follow_last) const {
  if (path.empty() || path.front() != '/') return std::nullopt;
  std::string resolved;    // "" is the root
  std::string rest(path);  // what is still to be walked
  int links = 0;
  for (size_t start = 0; start < rest.size();) {
    const size_t end = std::min(rest.find('/', start), rest.size());
    const std::string part = rest.substr(start, end - start);
    start = end + 1;
    if (part.empty() || part == ".") continue;
    if (part == "..") {
      resolved.resize(resolved.empty() ? 0 : resolved.rfind('/'));
      continue;
    }
    const size_t length = resolved.size();
    StrAppend(&resolved, "/", part);
    const bool last = start >= rest.size();
    if (last && !follow_last) continue;
    const ManifestEntry* entry = Find(resolved);
    std::optional<std::string> target;
    if (entry != nullptr && entry->kind == ManifestEntry::Kind::kLink) target = entry->target;
    if (entry == nullptr && links_) target = links_(resolved);
    if (!target) continue;
    if (++links > kMaxLinks) return std::nullopt;
    resolved.resize(target->starts_with('/') ? 0 : length);
    rest = last ? *target : StrCat(*target, "/", rest.substr(start));
    start = 0;
  }
  return resolved.empty() ? "/" : resolved;
}

int ManifestFileSystem::Stat(const char* path, bool follow_symlinks, FileStat* stat) {
  const std::optional<std::string> resolved = Resolve(path, follow_symlinks);
  if (!resolved) return ELOOP;
  *stat = {};
  const ManifestEntry* entry = Find(*resolved);
  if (entry == nullptr) {
    stat->type = FileStat::Type::kDirectory;
    return IsDirectory(*resolved) ? 0 : ENOENT;
  }
  switch (entry->kind) {
    case ManifestEntry::Kind::kFile:
    case ManifestEntry::Kind::kExecutable:
      stat->type = FileStat::Type::kRegular;
      break;
    case ManifestEntry::Kind::kLink:
      stat->type = FileStat::Type::kSymlink;
      break;
    case ManifestEntry::Kind::kDirectory:
      stat->type = FileStat::Type::kDirectory;
      break;
    case ManifestEntry::Kind::kAbsent:
      return ENOENT;
  }
  return 0;
}

}  // namespace hpcc
