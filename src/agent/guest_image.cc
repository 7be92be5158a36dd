#include "agent/guest_image.h"

#include <dirent.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <climits>
#include <memory>
#include <string_view>
#include <vector>

#include "base/strings.h"

namespace hpcc {

namespace {

constexpr std::array<std::string_view, 13> kNoPart = {"/dev",   "/proc", "/sys",  "/run",   "/tmp",
                                                      "/.hpcc", "/home", "/root", "/media", "/mnt",
                                                      "/srv",   "/boot", "/var"};
constexpr std::array<std::string_view, 1> kNoPartOfUsr = {"/usr/src"};

std::vector<std::string> NamesIn(const std::string& directory) {
  std::vector<std::string> names;
  const std::unique_ptr<DIR, int (*)(DIR*)> stream(opendir(directory.c_str()), closedir);
  if (stream == nullptr) return names;
  while (const dirent* entry = readdir(stream.get())) {
    const std::string_view name = entry->d_name;
    if (name != "." && name != "..") names.emplace_back(name);
  }
  std::sort(names.begin(), names.end());
  return names;
}

// Whatever is at `path` below `root`, as a part; nothing when nothing a command could use is there.
void AddPart(const std::string& root, const std::string& path, ImageLayout* layout) {
  const std::string source = root + path;
  struct stat facts;
  if (lstat(source.c_str(), &facts) != 0) return;
  if (S_ISLNK(facts.st_mode)) {
    char target[PATH_MAX];
    const ssize_t size = readlink(source.c_str(), target, sizeof(target));
    if (size <= 0 || size == sizeof(target)) return;
    layout->parts.push_back(
        {ImagePart::Kind::kLink, path, std::string(target, static_cast<size_t>(size))});
  } else if (S_ISDIR(facts.st_mode)) {
    if (!NamesIn(source).empty()) {
      layout->parts.push_back({ImagePart::Kind::kDirectory, path, source});
    }
  } else if (S_ISREG(facts.st_mode)) {
    layout->parts.push_back({ImagePart::Kind::kFile, path, source});
  }
}

}  // namespace

absl::StatusOr<ImageLayout> GuestImage(const std::string& root) {
  ImageLayout layout;
  struct stat usr;
  const bool open_usr = lstat((root + "/usr").c_str(), &usr) == 0 && S_ISDIR(usr.st_mode);
  const auto add_all = [&](const std::string& directory, const auto& left_out) {
    for (const std::string& name : NamesIn(root + directory + "/")) {
      const std::string path = StrCat(directory, "/", name);
      if (path == "/usr" && open_usr) continue;
      if (std::find(left_out.begin(), left_out.end(), path) != left_out.end()) continue;
      AddPart(root, path, &layout);
    }
  };
  add_all("", kNoPart);
  if (open_usr) add_all("/usr", kNoPartOfUsr);
  const absl::Status checked = CheckImageLayout(layout);
  if (!checked.ok()) return absl::FailedPreconditionError(checked.message());
  return layout;
}

}  // namespace hpcc
