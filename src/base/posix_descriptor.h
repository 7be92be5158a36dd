#ifndef HPCC_BASE_POSIX_DESCRIPTOR_H_
#define HPCC_BASE_POSIX_DESCRIPTOR_H_

#include <unistd.h>

#include <cstdint>
#include <string>
#include <utility>

#include "absl/status/statusor.h"

namespace hpcc {

// Owns a POSIX file descriptor.
class Descriptor {
 public:
  Descriptor() = default;
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    if (this != &other) {
      Reset();
      fd_ = std::exchange(other.fd_, -1);
    }
    return *this;
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() { Reset(); }

  int get() const { return fd_; }
  bool valid() const { return fd_ >= 0; }
  int Release() { return std::exchange(fd_, -1); }
  void Reset() {
    if (fd_ >= 0) close(std::exchange(fd_, -1));
  }

 private:
  int fd_ = -1;
};

// An existing file, for reading only. Never waits.
absl::StatusOr<Descriptor> OpenReadOnly(const std::string& path);

// Everything in the regular file `descriptor` is open on, wherever it stands. FailedPrecondition:
// it is something else, which could make its reader wait. ResourceExhausted: longer than
// `max_bytes`.
absl::StatusOr<std::string> ReadDescriptor(const Descriptor& descriptor, uint64_t max_bytes);

// `size` bytes from `offset` on; fewer only at the end of the file.
absl::StatusOr<std::string> ReadDescriptorAt(const Descriptor& descriptor, uint64_t offset,
                                             size_t size);

}  // namespace hpcc

#endif  // HPCC_BASE_POSIX_DESCRIPTOR_H_
