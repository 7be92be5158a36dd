#ifndef HPCC_IMAGE_ROOT_LAYER_H_
#define HPCC_IMAGE_ROOT_LAYER_H_

// One reading of one layer.

#include <cstdint>
#include <functional>
#include <string>

#include "absl/status/status.h"
#include "base/file_system.h"
#include "image/root_builder.h"
#include "image/tar_reader.h"

namespace hpcc {

struct LayerReading {
  // For each member; its data, or what of it wasn't read, is passed over afterwards.
  std::function<absl::Status(TarReader&, const TarEntry&)> on_member;
  std::function<absl::Status(uint64_t)> on_read;  // bytes of the file
  uint64_t tar_bytes_left = 0;                    // that all layers may have; less afterwards
};

// Reads the layer to its end and compares its digests. Errors name the layer, `number` from 1 on
// being its place in the image, and the member.
absl::Status ReadLayer(const LayerBlob& layer, size_t number, const RootLimits& limits,
                       FileSystem& fs, LayerReading* reading);

}  // namespace hpcc

#endif  // HPCC_IMAGE_ROOT_LAYER_H_
