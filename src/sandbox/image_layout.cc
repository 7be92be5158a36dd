#include "sandbox/image_layout.h"

#include <dirent.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <climits>
#include <memory>

#include "base/path.h"
#include "base/status.h"
#include "base/strings.h"
#include "compiler/manifest.h"

namespace hpcc {

namespace {

constexpr std::array<std::string_view, 3> kHostEtc = {"/etc/alternatives", "/etc/ld.so.cache",
                                                      "/etc/clang"};

// Whatever is at `path`, as a part; nothing when nothing usable is there.
void AddHostPart(const std::string& path, ImageLayout* layout) {
  struct stat facts;
  if (lstat(path.c_str(), &facts) != 0) return;
  if (S_ISLNK(facts.st_mode)) {
    char target[PATH_MAX];
    const ssize_t size = readlink(path.c_str(), target, sizeof(target));
    if (size <= 0 || size == sizeof(target)) return;
    layout->parts.push_back(
        {ImagePart::Kind::kLink, path, std::string(target, static_cast<size_t>(size))});
  } else if (S_ISDIR(facts.st_mode)) {
    layout->parts.push_back({ImagePart::Kind::kDirectory, path, path});
  } else if (S_ISREG(facts.st_mode)) {
    layout->parts.push_back({ImagePart::Kind::kFile, path, path});
  }
}

std::vector<std::string> NamesIn(const char* directory) {
  std::vector<std::string> names;
  const std::unique_ptr<DIR, int (*)(DIR*)> stream(opendir(directory), closedir);
  if (stream == nullptr) return names;
  while (const dirent* entry = readdir(stream.get())) {
    const std::string name = entry->d_name;
    if (name != "." && name != "..") names.push_back(name);
  }
  std::sort(names.begin(), names.end());
  return names;
}

absl::Status Refused(const ImagePart& part, std::string_view rule) {
  return absl::InvalidArgumentError(StrCat("image: ", part.path.substr(0, 200), ": ", rule));
}

}  // namespace

bool ImageLayout::Covers(std::string_view path) const {
  return std::any_of(parts.begin(), parts.end(),
                     [path](const ImagePart& part) { return path::IsBelow(path, part.path); });
}

bool ImageLayout::ReachesBelow(std::string_view path) const {
  return std::any_of(parts.begin(), parts.end(), [path](const ImagePart& part) {
    return part.path != path && path::IsBelow(part.path, path);
  });
}

std::vector<std::string> ImageLayout::Directories() const {
  std::vector<std::string> directories;
  for (const ImagePart& part : parts) {
    if (part.kind != ImagePart::Kind::kFile) directories.push_back(part.path);
  }
  return directories;
}

absl::Status CheckImageLayout(const ImageLayout& layout) {
  if (layout.parts.empty()) return absl::InvalidArgumentError("image: it has no parts");
  if (layout.parts.size() > kMaxImageParts)
    return absl::InvalidArgumentError("image: too many parts");
  for (const ImagePart& part : layout.parts) {
    HPCC_RETURN_IF_ERROR(CheckManifestPath(part.path));
    if (part.source.empty() || part.source.find('\0') != std::string::npos) {
      return Refused(part, "it comes from nowhere");
    }
    for (std::string_view taken : {"/proc", "/dev", "/sys", "/tmp", "/.hpcc"}) {
      if (path::IsBelow(part.path, taken)) return Refused(part, "the place is the sandbox's own");
    }
    const auto same = [&part](const ImagePart& other) {
      return &other != &part && path::IsBelow(other.path, part.path);
    };
    if (std::any_of(layout.parts.begin(), layout.parts.end(), same)) {
      return Refused(part, "another part lies there too");
    }
  }
  return absl::OkStatus();
}

ImageLayout HostImage() {
  ImageLayout layout;
  for (const std::string& name : NamesIn("/usr")) {
    if (name != "src") AddHostPart("/usr/" + name, &layout);
  }
  for (const std::string& name : NamesIn("/")) {
    if (name == "bin" || name == "sbin" || name.starts_with("lib")) {
      AddHostPart("/" + name, &layout);
    }
  }
  for (std::string_view path : kHostEtc) AddHostPart(std::string(path), &layout);
  return layout;
}

}  // namespace hpcc
