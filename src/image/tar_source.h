#ifndef HPCC_IMAGE_TAR_SOURCE_H_
#define HPCC_IMAGE_TAR_SOURCE_H_

#include <cstddef>
#include <string_view>

#include "absl/status/statusor.h"

namespace hpcc {

// Where a tar reader has its bytes from. Not thread-safe.
class TarSource {
 public:
  virtual ~TarSource() = default;
  // Up to `most` bytes, valid until the next call; none at the end only.
  virtual absl::StatusOr<std::string_view> Next(size_t most) = 0;
};

}  // namespace hpcc

#endif  // HPCC_IMAGE_TAR_SOURCE_H_
