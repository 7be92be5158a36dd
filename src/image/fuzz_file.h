#ifndef HPCC_IMAGE_FUZZ_FILE_H_
#define HPCC_IMAGE_FUZZ_FILE_H_

// For fuzz programs: bytes under a path of the real file system, in memory.

#include <sys/mman.h>
#include <unistd.h>

#include <cstdlib>
#include <string>
#include <string_view>

#include "base/posix_descriptor.h"
#include "base/strings.h"

namespace hpcc {

class FuzzFile {
 public:
  explicit FuzzFile(std::string_view bytes) : file_(memfd_create("fuzz", MFD_CLOEXEC)) {
    const ssize_t size = static_cast<ssize_t>(bytes.size());
    if (write(file_.get(), bytes.data(), bytes.size()) != size) std::abort();
  }

  std::string path() const { return StrCat("/proc/self/fd/", file_.get()); }

 private:
  const Descriptor file_;
};

}  // namespace hpcc

#endif  // HPCC_IMAGE_FUZZ_FILE_H_
