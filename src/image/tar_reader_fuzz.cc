// Whatever comes in as a tar file, the reader neither crashes nor gives a member that its limits
// forbid, nor more bytes of one than it said there are.

#include <cstdlib>

#include "image/tar_reader.h"

namespace {

void Check(bool holds) {
  if (!holds) std::abort();
}

class Bytes final : public hpcc::TarSource {
 public:
  explicit Bytes(std::string_view data) : data_(data) {}
  absl::StatusOr<std::string_view> Next(size_t most) override {
    const std::string_view part = data_.substr(0, most);
    data_.remove_prefix(part.size());
    return part;
  }

 private:
  std::string_view data_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  Bytes source({reinterpret_cast<const char*>(data), size});
  const hpcc::TarLimits limits{.path_bytes = 500, .xattr_bytes = 500, .header_bytes = 4096};
  hpcc::TarReader reader(source, limits);
  hpcc::TarEntry entry;
  for (;;) {
    const absl::StatusOr<bool> found = reader.Next(&entry);
    if (!found.ok() || !*found) return 0;
    Check(!entry.path.empty() && entry.path.size() <= limits.path_bytes);
    Check(entry.path.find('\0') == std::string::npos);
    Check(entry.link.size() <= limits.path_bytes && entry.link.find('\0') == std::string::npos);
    Check(entry.mode <= 07777);
    uint64_t bytes = 0;
    for (;;) {
      const absl::StatusOr<hpcc::TarReader::Piece> piece = reader.ReadData();
      if (!piece.ok()) return 0;
      if (piece->zeros == 0 && piece->bytes.empty()) break;
      bytes += piece->zeros + piece->bytes.size();
      Check(bytes <= entry.size);
    }
    Check(bytes == entry.size);
  }
}
