#include "store/object_store.h"

#include "base/strings.h"

namespace hpcc {

absl::Status CheckObjectName(std::string_view name) {
  constexpr size_t kLongest = 1024;
  if (name.empty() || name.size() > kLongest || name.find('\0') != std::string_view::npos) {
    return absl::InvalidArgumentError("an object's name has 1 to 1024 bytes, none of them NUL");
  }
  for (const std::string_view component : StrSplit(name, '/')) {
    if (component.empty() || component == "." || component == "..") {
      return absl::InvalidArgumentError(
          "an object's name with an empty, \".\" or \"..\" component");
    }
  }
  return absl::OkStatus();
}

}  // namespace hpcc
