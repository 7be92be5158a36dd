#include "image/platform.h"

#include <algorithm>

#include "base/strings.h"

namespace hpcc {

namespace {

constexpr size_t kMaxWordBytes = 32;

bool IsWord(std::string_view word) {
  return !word.empty() && word.size() <= kMaxWordBytes &&
         std::all_of(word.begin(), word.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '-';
         });
}

std::string VariantOf(const Platform& platform) {
  if (platform.variant.empty() && platform.architecture == "arm64") return "v8";
  return platform.variant;
}

}  // namespace

std::string Platform::ToString() const {
  std::string text = StrCat(os, "/", architecture);
  if (!variant.empty()) StrAppend(&text, "/", variant);
  return text;
}

absl::StatusOr<Platform> ParsePlatform(std::string_view text) {
  const std::string lower = AsciiLower(text.substr(0, 4 * kMaxWordBytes));
  Platform platform;
  const size_t first = lower.find('/');
  const size_t second = first == std::string::npos ? first : lower.find('/', first + 1);
  platform.os = lower.substr(0, first);
  platform.architecture =
      first == std::string::npos ? "" : lower.substr(first + 1, second - first - 1);
  if (second != std::string::npos) platform.variant = lower.substr(second + 1);
  // '_' is in no word but this one.
  if (platform.architecture == "x86_64") platform.architecture = "amd64";
  if (platform.architecture == "aarch64") platform.architecture = "arm64";
  const bool variant_is_right = second == std::string::npos || IsWord(platform.variant);
  if (IsWord(platform.os) && IsWord(platform.architecture) && variant_is_right) return platform;
  return absl::InvalidArgumentError(
      "a platform is written os/architecture or os/architecture/variant, such as linux/amd64");
}

bool Satisfies(const Platform& offered, const Platform& wanted) {
  if (offered.os != wanted.os || offered.architecture != wanted.architecture) return false;
  const std::string variant = VariantOf(wanted);
  return variant.empty() || VariantOf(offered) == variant;
}

}  // namespace hpcc
