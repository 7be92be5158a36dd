#ifndef HPCC_IMAGE_LAYER_PATH_H_
#define HPCC_IMAGE_LAYER_PATH_H_

// Where a member of a layer lies in the image.

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace hpcc {

// A path of a layer, a member's or that of a hard link's target, without what means nothing in it
// ("./" and doubled or trailing slashes): "usr/bin/gcc", or "" for the root. InvalidArgument for
// what is absolute, climbs, holds NUL, or has a name longer than 255 bytes.
absl::StatusOr<std::string> LayerPath(std::string_view path);

// What a member's name means (OCI image specification, layer.md, "Whiteouts").
struct LayerName {
  enum class Meaning {
    kPlain,
    kWhiteout,  // what lower layers have as `name` beside it is gone
    kOpaque,    // all that lower layers have beside it is gone
    kIgnored,   // AUFS kept its own notes under such names
  };
  Meaning meaning = Meaning::kPlain;
  std::string directory;
  std::string name;  // kPlain, kWhiteout
};

// `path` as LayerPath() gave it, and not the root. InvalidArgument: a whiteout of no name, or
// something below a whiteout.
absl::StatusOr<LayerName> ParseLayerName(const std::string& path);

}  // namespace hpcc

#endif  // HPCC_IMAGE_LAYER_PATH_H_
