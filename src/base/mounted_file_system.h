#ifndef HPCC_BASE_MOUNTED_FILE_SYSTEM_H_
#define HPCC_BASE_MOUNTED_FILE_SYSTEM_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"

namespace hpcc {

// What statfs() says of the file system a path lies on.
struct MountedFileSystem {
  std::string type;  // "ext4", "tmpfs", …; the magic number in hex when it has no name here
  uint64_t free_bytes = 0;  // for this user
  uint64_t total_bytes = 0;
  bool read_only = false;
  // Served by another machine: locks, clocks and mapped files are those of two machines then.
  bool is_network = false;
  bool is_memory = false;  // gone after a reboot
};

absl::StatusOr<MountedFileSystem> DescribeFileSystem(const std::string& path);

}  // namespace hpcc

#endif  // HPCC_BASE_MOUNTED_FILE_SYSTEM_H_
