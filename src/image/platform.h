#ifndef HPCC_IMAGE_PLATFORM_H_
#define HPCC_IMAGE_PLATFORM_H_

// What an image runs on: "linux/amd64", "linux/arm64/v8". The words are those of Go's GOOS and
// GOARCH, as the OCI image specification 1.0 ("image-index.md", platform) has them.

#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace hpcc {

struct Platform {
  std::string os = "linux";
  std::string architecture = "amd64";
  std::string variant;  // "": any

  std::string ToString() const;

  friend bool operator==(const Platform&, const Platform&) = default;
};

// os/architecture[/variant], each at most 32 letters, digits, "." and "-". The names uname(1) has
// (x86_64, aarch64) are taken for theirs. InvalidArgument for anything else.
absl::StatusOr<Platform> ParsePlatform(std::string_view text);

// Whether something made for `offered` is what `wanted` asks for. arm64 without a variant is v8.
bool Satisfies(const Platform& offered, const Platform& wanted);

}  // namespace hpcc

#endif  // HPCC_IMAGE_PLATFORM_H_
