#include "image/root_layer.h"

#include <utility>

#include "base/status.h"
#include "base/strings.h"
#include "image/layer_stream.h"
#include "image/oci_digest.h"

namespace hpcc {

namespace {

constexpr size_t kShownPath = 200;
constexpr size_t kShownDigest = 19;  // "sha256:" and 12 digits
constexpr size_t kShownType = 80;

std::string Shown(std::string_view text, size_t most) {
  std::string shown(text.substr(0, most));
  for (char& c : shown) {
    if (c < ' ' || c == '\x7f') c = '?';
  }
  return shown;
}

absl::Status Prefixed(const std::string& prefix, const absl::Status& status) {
  if (status.ok()) return status;
  return absl::Status(status.code(), StrCat(prefix, ": ", std::string(status.message())));
}

absl::Status CheckDigest(std::string_view what, const std::string& expected,
                         const std::string& actual) {
  if (expected == actual) return absl::OkStatus();
  return absl::DataLossError(StrCat("its ", what, " is ", actual, ", not ", expected));
}

absl::Status ReadMembers(TarReader& reader, const LayerReading& reading) {
  TarEntry entry;
  for (;;) {
    HPCC_ASSIGN_OR_RETURN(const bool found, reader.Next(&entry));
    if (!found) return absl::OkStatus();
    HPCC_RETURN_IF_ERROR(Prefixed(Shown(entry.path, kShownPath), reading.on_member(reader, entry)));
  }
}

absl::Status Read(const LayerBlob& layer, const RootLimits& limits, FileSystem& fs,
                  LayerReading* reading) {
  HPCC_RETURN_IF_ERROR(CheckOciDigest(layer.digest));
  if (!layer.diff_id.empty()) HPCC_RETURN_IF_ERROR(CheckOciDigest(layer.diff_id));
  HPCC_ASSIGN_OR_RETURN(std::unique_ptr<File> file, fs.OpenForReading(layer.path));
  LayerStream stream(std::move(file),
                     {.tar_bytes = reading->tar_bytes_left, .expansion = limits.expansion},
                     reading->on_read);
  TarReader reader(stream, {.path_bytes = limits.path_bytes, .xattr_bytes = limits.xattr_bytes});
  HPCC_RETURN_IF_ERROR(ReadMembers(reader, *reading));
  HPCC_RETURN_IF_ERROR(stream.Drain());
  reading->tar_bytes_left -= stream.tar_bytes();
  HPCC_RETURN_IF_ERROR(CheckDigest("digest", layer.digest, stream.FinishFileDigest()));
  if (layer.diff_id.empty()) return absl::OkStatus();
  return CheckDigest("unpacked digest", layer.diff_id, stream.FinishTarDigest());
}

}  // namespace

absl::Status ReadLayer(const LayerBlob& layer, size_t number, const RootLimits& limits,
                       FileSystem& fs, LayerReading* reading) {
  absl::Status status = Read(layer, limits, fs, reading);
  if (status.ok()) return status;
  std::string name = StrCat("layer ", number, " (", Shown(layer.digest, kShownDigest));
  if (!layer.media_type.empty()) StrAppend(&name, ", ", Shown(layer.media_type, kShownType));
  return Prefixed(name + ")", status);
}

}  // namespace hpcc
