#include "base/shared_bytes.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <cerrno>
#include <utility>

#include "base/status.h"

namespace hpcc {

namespace {

constexpr int kSeals = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;

}  // namespace

absl::StatusOr<Descriptor> ShareBytes(std::string_view data) {
  Descriptor descriptor(memfd_create("hpcc", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!descriptor.valid()) return ErrnoStatus(errno, "memfd_create", "");
  while (!data.empty()) {
    const ssize_t written = write(descriptor.get(), data.data(), data.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return ErrnoStatus(errno, "write", "a memory file");
    data.remove_prefix(static_cast<size_t>(written));
  }
  if (fcntl(descriptor.get(), F_ADD_SEALS, kSeals) != 0) {
    return ErrnoStatus(errno, "fcntl", "F_ADD_SEALS");
  }
  return descriptor;
}

absl::Status CheckShared(const Descriptor& descriptor, size_t size) {
  struct stat stat;
  if (fcntl(descriptor.get(), F_GET_SEALS) != kSeals || fstat(descriptor.get(), &stat) != 0 ||
      static_cast<size_t>(stat.st_size) != size) {
    return absl::InvalidArgumentError("not a sealed memory file of the size announced");
  }
  return absl::OkStatus();
}

absl::StatusOr<SharedBytes> SharedBytes::Map(const Descriptor& descriptor, size_t size) {
  HPCC_RETURN_IF_ERROR(CheckShared(descriptor, size));
  if (size == 0) return SharedBytes(nullptr, 0);
  void* mapping = mmap(nullptr, size, PROT_READ, MAP_SHARED | MAP_POPULATE, descriptor.get(), 0);
  if (mapping == MAP_FAILED) return ErrnoStatus(errno, "mmap", "a memory file");
  return SharedBytes(mapping, size);
}

SharedBytes::SharedBytes(SharedBytes&& other) noexcept
    : mapping_(std::exchange(other.mapping_, nullptr)), size_(std::exchange(other.size_, 0)) {}

SharedBytes::~SharedBytes() {
  if (mapping_ != nullptr) munmap(mapping_, size_);
}

}  // namespace hpcc
