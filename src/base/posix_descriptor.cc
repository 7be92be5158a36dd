#include "base/posix_descriptor.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>

#include "base/status.h"

namespace hpcc {

absl::StatusOr<Descriptor> OpenReadOnly(const std::string& path) {
  Descriptor descriptor(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (!descriptor.valid()) return ErrnoStatus(errno, "open", path);
  return descriptor;
}

absl::StatusOr<std::string> ReadDescriptor(const Descriptor& descriptor, uint64_t max_bytes) {
  struct stat stat;
  if (fstat(descriptor.get(), &stat) != 0) return ErrnoStatus(errno, "fstat", "a descriptor");
  if (!S_ISREG(stat.st_mode)) return absl::FailedPreconditionError("not a regular file");
  const uint64_t size = static_cast<uint64_t>(stat.st_size);
  if (size > max_bytes) return absl::ResourceExhaustedError("the file is too long");
  HPCC_ASSIGN_OR_RETURN(std::string data, ReadDescriptorAt(descriptor, 0, size));
  if (data.size() != size) return absl::DataLossError("the file was cut short meanwhile");
  return data;
}

absl::StatusOr<std::string> ReadDescriptorAt(const Descriptor& descriptor, uint64_t offset,
                                             size_t size) {
  std::string data(size, '\0');
  size_t done = 0;
  while (done < size) {
    const ssize_t got =
        pread(descriptor.get(), data.data() + done, size - done, static_cast<off_t>(offset + done));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return ErrnoStatus(errno, "read", "a descriptor");
    if (got == 0) break;
    done += static_cast<size_t>(got);
  }
  data.resize(done);
  return data;
}

}  // namespace hpcc
