#include "image/layer_path.h"

#include "base/path.h"
#include "base/strings.h"

namespace hpcc {

namespace {

constexpr size_t kMaxName = 255;
constexpr std::string_view kWhiteout = ".wh.";
constexpr std::string_view kOpaque = ".wh..wh..opq";
constexpr std::string_view kNotes = ".wh..wh.";

absl::Status Refused(std::string_view rule) {
  return absl::InvalidArgumentError(std::string(rule));
}

}  // namespace

absl::StatusOr<std::string> LayerPath(std::string_view path) {
  if (path.find('\0') != std::string_view::npos) return Refused("its path holds NUL");
  if (path.starts_with('/')) return Refused("its path is absolute");
  std::string normal;
  for (std::string_view name : StrSplit(path, '/')) {
    if (name.empty() || name == ".") continue;
    if (name == "..") return Refused("its path climbs (\"..\")");
    if (name.size() > kMaxName) return Refused("a name in its path is longer than 255 bytes");
    if (!normal.empty()) normal.push_back('/');
    normal.append(name);
  }
  return normal;
}

absl::StatusOr<LayerName> ParseLayerName(const std::string& path) {
  LayerName result;
  result.directory = path::Dirname(path);
  result.name = path::Basename(path);
  for (std::string_view name : StrSplit(std::string_view(result.directory), '/')) {
    if (name.starts_with(kNotes)) {
      result.meaning = LayerName::Meaning::kIgnored;
      return result;
    }
    if (name.starts_with(kWhiteout)) return Refused("it lies below a whiteout");
  }
  if (!result.name.starts_with(kWhiteout)) return result;
  if (result.name.starts_with(kNotes)) {
    result.meaning =
        result.name == kOpaque ? LayerName::Meaning::kOpaque : LayerName::Meaning::kIgnored;
    return result;
  }
  result.meaning = LayerName::Meaning::kWhiteout;
  result.name.erase(0, kWhiteout.size());
  if (result.name.empty() || result.name == "." || result.name == "..") {
    return Refused("it is a whiteout of nothing");
  }
  return result;
}

}  // namespace hpcc
