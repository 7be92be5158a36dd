#ifndef HPCC_STORE_STORE_TEST_UTIL_H_
#define HPCC_STORE_STORE_TEST_UTIL_H_

// What the tests of this folder share.

#include <gtest/gtest.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/strings.h"
#include "store/disk_layout.h"
#include "store/disk_store.h"

namespace hpcc {

// Memory, where there is such a directory: these tests make files by the hundred thousand.
inline std::filesystem::path FastDirectory() {
  return access("/dev/shm", W_OK) == 0 ? "/dev/shm" : std::filesystem::temp_directory_path();
}

// A directory of its own, removed with everything in it at the end.
class ScratchDirectory {
 public:
  explicit ScratchDirectory(const std::filesystem::path& in = FastDirectory()) {
    std::string name = (in / "hpcc-store-test-XXXXXX").string();
    if (mkdtemp(name.data()) == nullptr) std::abort();
    path_ = name;
  }
  ~ScratchDirectory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  ScratchDirectory(const ScratchDirectory&) = delete;
  ScratchDirectory& operator=(const ScratchDirectory&) = delete;

  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

// Advances by a millisecond each time it is asked, so that every use has a time of its own.
class SteppingClock final : public Clock {
 public:
  int64_t NowNanoseconds() override { return now_ns_ += 1'000'000; }
  int64_t FileStampNanoseconds() override { return now_ns_; }
  int64_t MonotonicNanoseconds() override { return now_ns_; }
  void Sleep(std::chrono::nanoseconds duration) override { now_ns_ += duration.count(); }
  void Advance(std::chrono::nanoseconds duration) { now_ns_ += duration.count(); }

 private:
  std::atomic<int64_t> now_ns_{1'700'000'000'000'000'000};
};

inline StoreKey ResultKey(uint64_t number) {
  return {StoreNamespace::kResult, Digest::Of(StrCat("key ", number))};
}

// A value that depends on the key and on a version, of `size` bytes.
inline std::string ValueFor(uint64_t number, uint64_t version, size_t size) {
  std::string value = StrCat(number, ":", version, ":");
  uint64_t state = number * 1000003 + version + 1;
  value.reserve(size + sizeof(state));
  while (value.size() < size) {
    state = state * 6364136223846793005 + 1442695040888963407;
    value.append(reinterpret_cast<const char*>(&state), sizeof(state));
  }
  value.resize(size);
  return value;
}

// What is really there, by another road than the store's own.
inline DiskUsage CountFiles(const std::string& root) {
  DiskUsage usage;
  for (int i = 0; i < kStoreNamespaceCount; ++i) {
    const std::filesystem::path directory =
        std::filesystem::path(root) / StoreNamespaceName(static_cast<StoreNamespace>(i));
    std::error_code ignored;
    auto entry = std::filesystem::recursive_directory_iterator(directory, ignored);
    for (; entry != std::filesystem::recursive_directory_iterator(); entry.increment(ignored)) {
      std::error_code gone;
      if (!entry->is_regular_file(gone) || gone) continue;
      const uint64_t size = entry->file_size(gone);
      if (gone) continue;
      usage.bytes += (size + 4095) / 4096 * 4096;
      ++usage.files;
    }
  }
  return usage;
}

// Unfinished files anywhere below the root.
inline std::vector<std::string> UnfinishedFiles(const std::string& root) {
  std::vector<std::string> found;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(root)) {
    if (entry.path().filename().string().find(".hpcc-") != std::string::npos) {
      found.push_back(entry.path().string());
    }
  }
  return found;
}

// Runs `body` in a child process; its result is the exit status.
inline pid_t Fork(const std::function<int()>& body) {
  const pid_t child = fork();
  // Not exit(): the parent's buffers and handlers are not the child's.
  if (child == 0) _exit(body());
  return child;
}

// The exit status, or 256 + the signal that ended it.
inline int WaitFor(pid_t child) {
  int status = 0;
  if (waitpid(child, &status, 0) != child) return -1;
  return WIFEXITED(status) ? WEXITSTATUS(status) : 256 + WTERMSIG(status);
}

// HPCC_LONG_TESTS=1 asks for the full length.
inline bool LongTests() {
  const char* value = std::getenv("HPCC_LONG_TESTS");
  return value != nullptr && std::string(value) == "1";
}

}  // namespace hpcc

#endif  // HPCC_STORE_STORE_TEST_UTIL_H_
