#ifndef HPCC_CLIENT_OUTPUT_WRITER_H_
#define HPCC_CLIENT_OUTPUT_WRITER_H_

// Puts the files of a hit where the compiler would have put them.

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "base/file_system.h"

namespace hpcc {

enum class OutputKind : uint8_t {
  kReplaced,     // as assemblers do: an existing file is replaced by a new one
  kOverwritten,  // as with fopen(): an existing file keeps its permissions
};

// Writes `data` so that a reader sees the old file or the new one. Only regular files are ever
// replaced: anything else at `path`, a device above all, is opened and written to. New files get
// 0666 less the umask.
absl::Status WriteOutput(FileSystem& fs, const std::string& path, std::string_view data,
                         OutputKind kind);

}  // namespace hpcc

#endif  // HPCC_CLIENT_OUTPUT_WRITER_H_
