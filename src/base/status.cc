#include "base/status.h"

#include <cerrno>
#include <cstring>

#include "base/strings.h"

namespace hpcc {

absl::Status ErrnoStatus(int errno_value, std::string_view operation, std::string_view subject) {
  return absl::ErrnoToStatus(errno_value, StrCat(operation, " ", subject));
}

}  // namespace hpcc
