#ifndef HPCC_CONFIG_SOURCED_H_
#define HPCC_CONFIG_SOURCED_H_

// A value on its way into the Config, with what set it last.

#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "base/strings.h"

namespace hpcc {

inline constexpr std::string_view kDefaultOrigin = "default";

template <typename T>
struct Sourced {
  T value{};
  std::string origin = std::string(kDefaultOrigin);

  bool is_default() const { return origin == kDefaultOrigin; }
  void Set(T new_value, std::string_view new_origin) {
    value = std::move(new_value);
    origin = std::string(new_origin);
  }
};

inline std::string FileAndLine(std::string_view path, int line) {
  return StrCat(path, ":", line);
}

inline absl::Status WithPlace(const absl::Status& status, std::string_view place) {
  return absl::Status(status.code(), StrCat(place, ": ", std::string(status.message())));
}

}  // namespace hpcc

#endif  // HPCC_CONFIG_SOURCED_H_
