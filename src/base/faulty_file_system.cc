#include "base/faulty_file_system.h"

#include <algorithm>
#include <cerrno>

#include "base/status.h"

namespace hpcc {

class FaultyFileSystem::FaultyFile final : public File {
 public:
  FaultyFile(FaultyFileSystem& fs, std::unique_ptr<File> inner)
      : fs_(fs), inner_(std::move(inner)) {}

  absl::Status Write(std::string_view data) override {
    int error = 0;
    const std::optional<size_t> torn_after = fs_.CountWrite(&error);
    if (torn_after.has_value()) {
      HPCC_RETURN_IF_ERROR(inner_->Write(data.substr(0, *torn_after)));
    }
    if (error != 0) return ErrnoStatus(error, "write", "(injected)");
    return inner_->Write(data);
  }
  absl::Status WriteAt(uint64_t offset, std::string_view data) override {
    int error = 0;
    const std::optional<size_t> torn_after = fs_.CountWrite(&error);
    if (torn_after.has_value()) {
      HPCC_RETURN_IF_ERROR(inner_->WriteAt(offset, data.substr(0, *torn_after)));
    }
    if (error != 0) return ErrnoStatus(error, "write", "(injected)");
    return inner_->WriteAt(offset, data);
  }
  absl::Status CopyFrom(const Descriptor& from, uint64_t offset, uint64_t size) override {
    int error = 0;
    const std::optional<size_t> torn_after = fs_.CountWrite(&error);
    if (torn_after.has_value()) {
      HPCC_RETURN_IF_ERROR(inner_->CopyFrom(from, offset, std::min<uint64_t>(size, *torn_after)));
    }
    if (error != 0) return ErrnoStatus(error, "write", "(injected)");
    return inner_->CopyFrom(from, offset, size);
  }
  absl::StatusOr<std::string> ReadAt(uint64_t offset, size_t size) override {
    HPCC_RETURN_IF_ERROR(fs_.Check("ReadAt", "(file)"));
    return inner_->ReadAt(offset, size);
  }
  absl::StatusOr<FileStat> Stat() override {
    HPCC_RETURN_IF_ERROR(fs_.Check("File::Stat", "(file)"));
    return inner_->Stat();
  }
  absl::Status SetMode(uint32_t mode) override {
    HPCC_RETURN_IF_ERROR(fs_.Check("SetMode", "(file)"));
    return inner_->SetMode(mode);
  }
  absl::Status TryLock() override {
    HPCC_RETURN_IF_ERROR(fs_.Check("TryLock", "(file)"));
    return inner_->TryLock();
  }
  absl::Status Close() override {
    HPCC_RETURN_IF_ERROR(fs_.Check("Close", "(file)"));
    return inner_->Close();
  }
  absl::Status Flush() override {
    HPCC_RETURN_IF_ERROR(fs_.Check("Flush", "(file)"));
    return inner_->Flush();
  }

 private:
  FaultyFileSystem& fs_;
  std::unique_ptr<File> inner_;
};

void FaultyFileSystem::Give(Order order, int n, int errno_value, size_t bytes) {
  const std::lock_guard<std::mutex> lock(mutex_);
  order_ = order;
  n_ = n;
  errno_value_ = errno_value;
  bytes_ = bytes;
  calls_ = 0;
  fault_happened_ = false;
  calls_by_function_.clear();
}

void FaultyFileSystem::Behave() {
  Give(Order::kBehave, 0, 0, 0);
}
void FaultyFileSystem::FailCall(int n, int errno_value) {
  Give(Order::kFailCall, n, errno_value, 0);
}
void FaultyFileSystem::KillAt(int n) {
  Give(Order::kKill, n, EIO, 0);
}
void FaultyFileSystem::TearWrite(int n, size_t bytes) {
  Give(Order::kTearWrite, n, ENOSPC, bytes);
}
void FaultyFileSystem::FillDisk() {
  Give(Order::kFillDisk, 0, ENOSPC, 0);
}

void FaultyFileSystem::ActBefore(int n, std::function<void()> act) {
  Give(Order::kAct, n, 0, 0);
  const std::lock_guard<std::mutex> lock(mutex_);
  act_ = std::move(act);
}

int FaultyFileSystem::calls() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return calls_;
}

int FaultyFileSystem::calls(const std::string& function) const {
  const std::lock_guard<std::mutex> lock(mutex_);
  const auto found = calls_by_function_.find(function);
  return found == calls_by_function_.end() ? 0 : found->second;
}

bool FaultyFileSystem::fault_happened() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return fault_happened_;
}

int FaultyFileSystem::Count(const char* function, bool needs_space) {
  std::unique_lock<std::mutex> lock(mutex_);
  ++calls_;
  ++calls_by_function_[function];
  if (order_ == Order::kAct && calls_ == n_) {
    fault_happened_ = true;
    const std::function<void()> act = act_;
    lock.unlock();
    act();
    return 0;
  }
  const bool fails = (order_ == Order::kFailCall && calls_ == n_) ||
                     (order_ == Order::kKill && calls_ >= n_) ||
                     (order_ == Order::kFillDisk && needs_space);
  if (!fails) return 0;
  fault_happened_ = true;
  return errno_value_;
}

std::optional<size_t> FaultyFileSystem::CountWrite(int* errno_value) {
  *errno_value = Count("Write", /*needs_space=*/true);
  const std::lock_guard<std::mutex> lock(mutex_);
  if (order_ != Order::kTearWrite || calls_by_function_["Write"] != n_) return std::nullopt;
  fault_happened_ = true;
  *errno_value = errno_value_;
  return bytes_;
}

absl::Status FaultyFileSystem::Check(const char* function, const std::string& path,
                                     bool needs_space) {
  const int error = Count(function, needs_space);
  return error == 0 ? absl::OkStatus() : ErrnoStatus(error, "(injected)", path);
}

absl::StatusOr<std::unique_ptr<File>> FaultyFileSystem::Wrap(
    absl::StatusOr<std::unique_ptr<File>> file) {
  if (!file.ok()) return file;
  return std::make_unique<FaultyFile>(*this, *std::move(file));
}

int FaultyFileSystem::Stat(const char* path, bool follow_symlinks, FileStat* stat) {
  if (const int error = Count("Stat", /*needs_space=*/false); error != 0) return error;
  return inner_.Stat(path, follow_symlinks, stat);
}

absl::StatusOr<std::unique_ptr<File>> FaultyFileSystem::OpenForReading(const std::string& path) {
  HPCC_RETURN_IF_ERROR(Check("OpenForReading", path));
  return Wrap(inner_.OpenForReading(path));
}

absl::StatusOr<std::unique_ptr<File>> FaultyFileSystem::Create(const std::string& path,
                                                               uint32_t mode) {
  HPCC_RETURN_IF_ERROR(Check("Create", path, /*needs_space=*/true));
  return Wrap(inner_.Create(path, mode));
}

absl::StatusOr<std::unique_ptr<File>> FaultyFileSystem::OpenForOverwriting(const std::string& path,
                                                                           uint32_t mode) {
  HPCC_RETURN_IF_ERROR(Check("OpenForOverwriting", path, /*needs_space=*/true));
  return Wrap(inner_.OpenForOverwriting(path, mode));
}

absl::Status FaultyFileSystem::Rename(const std::string& from, const std::string& to) {
  HPCC_RETURN_IF_ERROR(Check("Rename", to));
  return inner_.Rename(from, to);
}

absl::Status FaultyFileSystem::Remove(const std::string& path) {
  HPCC_RETURN_IF_ERROR(Check("Remove", path));
  return inner_.Remove(path);
}

absl::Status FaultyFileSystem::RemoveDirectory(const std::string& path) {
  HPCC_RETURN_IF_ERROR(Check("RemoveDirectory", path));
  return inner_.RemoveDirectory(path);
}

absl::Status FaultyFileSystem::MakeDirectory(const std::string& path, uint32_t mode) {
  HPCC_RETURN_IF_ERROR(Check("MakeDirectory", path, /*needs_space=*/true));
  return inner_.MakeDirectory(path, mode);
}

absl::StatusOr<std::vector<std::string>> FaultyFileSystem::List(const std::string& path) {
  HPCC_RETURN_IF_ERROR(Check("List", path));
  return inner_.List(path);
}

absl::Status FaultyFileSystem::SetModified(const std::string& path, int64_t modified_ns) {
  HPCC_RETURN_IF_ERROR(Check("SetModified", path));
  return inner_.SetModified(path, modified_ns);
}

absl::StatusOr<std::string> FaultyFileSystem::ReadLink(const std::string& path) {
  HPCC_RETURN_IF_ERROR(Check("ReadLink", path));
  return inner_.ReadLink(path);
}

absl::StatusOr<std::string> FaultyFileSystem::RealPath(const std::string& path) {
  HPCC_RETURN_IF_ERROR(Check("RealPath", path));
  return inner_.RealPath(path);
}

}  // namespace hpcc
