#ifndef HPCC_BASE_MAPPED_COUNTERS_H_
#define HPCC_BASE_MAPPED_COUNTERS_H_

// A file of 64-bit counters that every process maps and changes atomically: counting takes no lock
// and no system call, and a killed process loses at most the addition it was about to make.
//
//   file = magic:8 bytes , version:u64 , counter:u64 * count
//
// Integers are little-endian and naturally aligned. The file has exactly this size.

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "base/file_system.h"

namespace hpcc {

// Thread-safe, and safe between processes.
class MappedCounters {
 public:
  enum class Access : uint8_t { kReadOnly, kReadWrite };

  // `magic` is 8 bytes. With kReadWrite a missing file is made, all zero, with the directories
  // above it, and a file that isn't of this format, version and size is replaced by such a one; of
  // several processes doing so at once one wins and all map the winner's. With kReadOnly a missing
  // file is NotFound and a wrong one DataLoss. ResourceExhausted: the disk is too full to count.
  // The file is made through `fs`; it is mapped from the machine's file system.
  static absl::StatusOr<std::unique_ptr<MappedCounters>> Open(FileSystem& fs,
                                                              const std::string& path,
                                                              std::string_view magic,
                                                              uint64_t version, size_t count,
                                                              Access access);
  ~MappedCounters();
  MappedCounters(const MappedCounters&) = delete;
  MappedCounters& operator=(const MappedCounters&) = delete;

  uint64_t Load(size_t index) const;

  // These do nothing on counters opened with kReadOnly.
  void Add(size_t index, uint64_t amount);
  void Subtract(size_t index, uint64_t amount);  // stops at zero
  void Store(size_t index, uint64_t value);
  // Sets the counter if it is still `expected`, and tells whether it did.
  bool CompareAndStore(size_t index, uint64_t expected, uint64_t value);

  size_t count() const { return count_; }
  // Whether `stat`, of the path the counters were opened at, is the file mapped here. False after
  // somebody removed or replaced it: what is counted here is then lost, so open again.
  bool IsMappingOf(const FileStat& stat) const {
    return stat.device == device_ && stat.inode == inode_;
  }

 private:
  MappedCounters() = default;
  static absl::StatusOr<std::unique_ptr<MappedCounters>> Map(const std::string& path,
                                                             std::string_view magic,
                                                             uint64_t version, size_t count,
                                                             Access access);
  std::atomic_ref<uint64_t> At(size_t index) const;

  void* mapping_ = nullptr;
  size_t mapped_bytes_ = 0;
  size_t count_ = 0;
  uint64_t device_ = 0;
  uint64_t inode_ = 0;
  bool writable_ = false;
};

}  // namespace hpcc

#endif  // HPCC_BASE_MAPPED_COUNTERS_H_
