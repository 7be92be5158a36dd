#ifndef HPCC_BASE_FORWARDING_FILE_SYSTEM_H_
#define HPCC_BASE_FORWARDING_FILE_SYSTEM_H_

#include <memory>
#include <string>
#include <vector>

#include "base/file_system.h"

namespace hpcc {

// Passes every call on: what changes one or two calls derives from this.
class ForwardingFileSystem : public FileSystem {
 public:
  // `inner` outlives the object.
  explicit ForwardingFileSystem(FileSystem& inner) : inner_(inner) {}

  int Stat(const char* path, bool follow_symlinks, FileStat* stat) override {
    return inner_.Stat(path, follow_symlinks, stat);
  }
  void StatMany(const StatPlan& plan, std::span<StatResult> results) override {
    inner_.StatMany(plan, results);
  }
  void StatGroup(const StatPlan& plan, size_t group, std::span<StatResult> results) override {
    inner_.StatGroup(plan, group, results);
  }
  absl::StatusOr<std::unique_ptr<File>> OpenForReading(const std::string& path) override {
    return inner_.OpenForReading(path);
  }
  absl::StatusOr<std::unique_ptr<File>> Create(const std::string& path, uint32_t mode) override {
    return inner_.Create(path, mode);
  }
  absl::StatusOr<std::unique_ptr<File>> OpenForOverwriting(const std::string& path,
                                                           uint32_t mode) override {
    return inner_.OpenForOverwriting(path, mode);
  }
  absl::Status Rename(const std::string& from, const std::string& to) override {
    return inner_.Rename(from, to);
  }
  absl::Status Remove(const std::string& path) override { return inner_.Remove(path); }
  absl::Status RemoveDirectory(const std::string& path) override {
    return inner_.RemoveDirectory(path);
  }
  absl::Status MakeDirectory(const std::string& path, uint32_t mode) override {
    return inner_.MakeDirectory(path, mode);
  }
  absl::StatusOr<std::vector<std::string>> List(const std::string& path) override {
    return inner_.List(path);
  }
  absl::Status SetModified(const std::string& path, int64_t modified_ns) override {
    return inner_.SetModified(path, modified_ns);
  }
  absl::StatusOr<std::string> ReadLink(const std::string& path) override {
    return inner_.ReadLink(path);
  }
  absl::StatusOr<std::string> RealPath(const std::string& path) override {
    return inner_.RealPath(path);
  }

 protected:
  FileSystem& inner_;
};

}  // namespace hpcc

#endif  // HPCC_BASE_FORWARDING_FILE_SYSTEM_H_
