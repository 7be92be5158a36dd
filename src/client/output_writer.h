#ifndef HPCC_CLIENT_OUTPUT_WRITER_H_
#define HPCC_CLIENT_OUTPUT_WRITER_H_

// Puts the files of a hit where the compiler would have put them.

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/file_system.h"

namespace hpcc {

// What an output is to hold: bytes in memory, or a part of a file that is open.
struct OutputData {
  // NOLINTBEGIN: meant to convert
  OutputData(std::string_view in_memory) : bytes(in_memory) {}
  OutputData(const std::string& in_memory) : bytes(in_memory) {}
  OutputData(const char* in_memory) : bytes(in_memory) {}
  // NOLINTEND
  OutputData(const Descriptor& from, uint64_t offset_in, uint64_t size_in)
      : file(&from), offset(offset_in), size(size_in) {}

  std::string_view bytes;
  const Descriptor* file = nullptr;  // null: bytes
  uint64_t offset = 0;
  uint64_t size = 0;
};

enum class OutputKind : uint8_t {
  kReplaced,     // as assemblers do: an existing file is replaced by a new one
  kOverwritten,  // as with fopen(): an existing file keeps its permissions
};

// Writes `data` so that a reader sees the old file or the new one. Only regular files are ever
// replaced: anything else at `path`, a device above all, is opened and written to. New files get
// 0666 less the umask.
absl::Status WriteOutput(FileSystem& fs, const std::string& path, const OutputData& data,
                         OutputKind kind);

// The same in two steps, for outputs that are not yet known to be right: they are written aside,
// and nobody sees them before Commit(). Without it they are removed again.
class PendingOutput {
 public:
  // What `data` leads to must outlive the object: what is no regular file gets it in Commit() only.
  static absl::StatusOr<PendingOutput> WriteAside(FileSystem& fs, const std::string& path,
                                                  const OutputData& data, OutputKind kind);
  PendingOutput(PendingOutput&& other) noexcept;
  PendingOutput& operator=(PendingOutput&&) = delete;
  ~PendingOutput();

  absl::Status Commit();

 private:
  PendingOutput(FileSystem& fs, const std::string& path, const OutputData& data)
      : fs_(fs), path_(path), data_(data) {}

  FileSystem& fs_;
  std::string path_;
  OutputData data_;
  std::string temporary_;  // "": there is no file aside, data_ goes to path_ itself
  std::string target_;     // what temporary_ becomes
};

}  // namespace hpcc

#endif  // HPCC_CLIENT_OUTPUT_WRITER_H_
