#ifndef HPCC_AGENT_MEMORY_FILE_SYSTEM_H_
#define HPCC_AGENT_MEMORY_FILE_SYSTEM_H_

// A tmpfs that nobody can name: it is mounted nowhere and lives as long as its descriptor does, or
// as long as somebody has attached it (move_mount(2)) somewhere.

#include <cstdint>

#include "absl/status/statusor.h"
#include "base/posix_descriptor.h"

namespace hpcc {

// Its root directory, which belongs to the caller and has mode 0755. `bytes` and `files` bound what
// it takes. No device or setuid bit in it means anything.
absl::StatusOr<Descriptor> MakeMemoryFileSystem(uint64_t bytes, uint64_t files);

// Gives one, wherever its root directory is attached, room for as much as that altogether.
absl::Status ResizeMemoryFileSystem(int root, uint64_t bytes, uint64_t files);

}  // namespace hpcc

#endif  // HPCC_AGENT_MEMORY_FILE_SYSTEM_H_
