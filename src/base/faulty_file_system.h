#ifndef HPCC_BASE_FAULTY_FILE_SYSTEM_H_
#define HPCC_BASE_FAULTY_FILE_SYSTEM_H_

// A file system that fails on order, for tests. Every call, those on its open files included, has a
// number: the first is 1. A test runs an operation once to learn how many calls it makes, then
// once for every n with the n-th failing, and looks at what is left.

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/file_system.h"

namespace hpcc {

// Thread-safe.
class FaultyFileSystem final : public FileSystem {
 public:
  // `inner` outlives this and the files opened through it.
  explicit FaultyFileSystem(FileSystem& inner) : inner_(inner) {}

  // The orders below replace one another; the counting starts afresh with each.

  // No faults: counts only.
  void Behave();
  // The n-th call isn't done and fails.
  void FailCall(int n, int errno_value);
  // The n-th call and all later ones aren't done and fail with EIO, as if the process were dead.
  void KillAt(int n);
  // The n-th call that writes writes only the first `bytes` of its data, then fails with ENOSPC.
  void TearWrite(int n, size_t bytes);
  // Every call that needs space (write, create, make directory) fails with ENOSPC.
  void FillDisk();

  // Before the n-th call is done, `act` is: what another process might do at that very moment. No
  // call fails.
  void ActBefore(int n, std::function<void()> act);

  // Since the last order.
  int calls() const;
  // Calls of one kind, by the name of the function: "List", "Stat", "Write".
  int calls(const std::string& function) const;
  // Whether a fault has happened.
  bool fault_happened() const;

  int Stat(const char* path, bool follow_symlinks, FileStat* stat) override;
  absl::StatusOr<std::unique_ptr<File>> OpenForReading(const std::string& path) override;
  absl::StatusOr<std::unique_ptr<File>> Create(const std::string& path, uint32_t mode) override;
  absl::StatusOr<std::unique_ptr<File>> OpenForOverwriting(const std::string& path,
                                                           uint32_t mode) override;
  absl::Status Rename(const std::string& from, const std::string& to) override;
  absl::Status Remove(const std::string& path) override;
  absl::Status RemoveDirectory(const std::string& path) override;
  absl::Status MakeDirectory(const std::string& path, uint32_t mode) override;
  absl::StatusOr<std::vector<std::string>> List(const std::string& path) override;
  absl::Status SetModified(const std::string& path, int64_t modified_ns) override;
  absl::StatusOr<std::string> ReadLink(const std::string& path) override;
  absl::StatusOr<std::string> RealPath(const std::string& path) override;

 private:
  class FaultyFile;
  enum class Order : uint8_t { kBehave, kFailCall, kKill, kTearWrite, kFillDisk, kAct };

  void Give(Order order, int n, int errno_value, size_t bytes);
  // Counts a call; the errno it shall fail with, or 0.
  int Count(const char* function, bool needs_space);
  // Counts a write; how many bytes of it to write before failing, if it shall be torn.
  std::optional<size_t> CountWrite(int* errno_value);
  absl::Status Check(const char* function, const std::string& path, bool needs_space = false);
  absl::StatusOr<std::unique_ptr<File>> Wrap(absl::StatusOr<std::unique_ptr<File>> file);

  FileSystem& inner_;
  mutable std::mutex mutex_;
  Order order_ = Order::kBehave;
  int n_ = 0;
  int errno_value_ = 0;
  size_t bytes_ = 0;
  std::function<void()> act_;
  int calls_ = 0;
  bool fault_happened_ = false;
  std::map<std::string, int> calls_by_function_;
};

}  // namespace hpcc

#endif  // HPCC_BASE_FAULTY_FILE_SYSTEM_H_
