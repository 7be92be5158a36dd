#ifndef HPCC_BASE_SHARED_BYTES_H_
#define HPCC_BASE_SHARED_BYTES_H_

// Bytes handed from one process to another without a file and without copying them through a
// socket: a sealed memory file (memfd_create(2)), which nobody can change any more.

#include <string_view>

#include "absl/status/statusor.h"
#include "base/posix_descriptor.h"

namespace hpcc {

// A sealed memory file that holds `data`. Its memory is freed with the last descriptor.
absl::StatusOr<Descriptor> ShareBytes(std::string_view data);

// InvalidArgument: `descriptor` is no sealed memory file of exactly `size` bytes. Anything else
// could be cut short, or changed, by the other end while it is read.
absl::Status CheckShared(const Descriptor& descriptor, size_t size);

// A view of what somebody shared. Not thread-safe.
class SharedBytes {
 public:
  // Errors as of CheckShared.
  static absl::StatusOr<SharedBytes> Map(const Descriptor& descriptor, size_t size);

  SharedBytes(SharedBytes&& other) noexcept;
  SharedBytes& operator=(SharedBytes&& other) = delete;
  ~SharedBytes();

  std::string_view data() const { return {static_cast<const char*>(mapping_), size_}; }

 private:
  SharedBytes(void* mapping, size_t size) : mapping_(mapping), size_(size) {}

  void* mapping_;  // null when there are no bytes
  size_t size_;
};

}  // namespace hpcc

#endif  // HPCC_BASE_SHARED_BYTES_H_
