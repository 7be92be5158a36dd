#ifndef HPCC_REMOTE_NOTICE_FILE_H_
#define HPCC_REMOTE_NOTICE_FILE_H_

// The last thing that happened to something as a whole, for `hpcc stats` and `hpcc doctor`:
//
//   file = nanoseconds since the epoch in decimal "\n" one line "\n"

#include <cstdint>
#include <string>
#include <string_view>

#include "base/file_system.h"

namespace hpcc {

struct Notice {
  std::string text;     // "": nothing happened yet
  int64_t time_ns = 0;  // since the epoch
};

// Lost without a word when it can't be written. Control characters become blanks; what is too long
// is cut.
void WriteNotice(FileSystem& fs, const std::string& path, int64_t now_ns, std::string_view text);

Notice ReadNotice(FileSystem& fs, const std::string& path);

}  // namespace hpcc

#endif  // HPCC_REMOTE_NOTICE_FILE_H_
