#ifndef HPCC_SANDBOX_IMAGE_LAYOUT_H_
#define HPCC_SANDBOX_IMAGE_LAYOUT_H_

// What an image puts where in a sandbox: every part of it that a command can see, read-only.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"

namespace hpcc {

inline constexpr size_t kMaxImageParts = 256;

struct ImagePart {
  // Values are written to a wire between two programs of one version: append only all the same.
  enum class Kind : uint8_t {
    kDirectory = 0,  // with all that lies below it
    kFile = 1,
    kLink = 2,
  };
  Kind kind = Kind::kDirectory;
  std::string path;    // in the sandbox: absolute, normal
  std::string source;  // kDirectory, kFile: where it is on the host; kLink: the link's target

  friend bool operator==(const ImagePart&, const ImagePart&) = default;
};

// Parts don't lie below each other.
struct ImageLayout {
  std::vector<ImagePart> parts;

  // Whether `path` is a part or lies below one: the image decides what is there.
  bool Covers(std::string_view path) const;
  // Whether a part lies below `path`: it must be a directory.
  bool ReachesBelow(std::string_view path) const;
  // Directories, and links, through which one comes to directories.
  std::vector<std::string> Directories() const;

  friend bool operator==(const ImageLayout&, const ImageLayout&) = default;
};

// InvalidArgument names the part and the rule it breaks.
absl::Status CheckImageLayout(const ImageLayout& layout);

// The pseudo-image `host`: this machine's own toolchain. All that lies in /usr but /usr/src, /bin,
// /sbin and /lib* as they are, and of /etc what finds libraries and alternatives. Whatever else the
// machine has, users' files above all, is no part of it.
ImageLayout HostImage();

}  // namespace hpcc

#endif  // HPCC_SANDBOX_IMAGE_LAYOUT_H_
