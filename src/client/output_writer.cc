#include "client/output_writer.h"

#include <utility>

#include "base/status.h"

namespace hpcc {

namespace {

constexpr uint32_t kNewFileMode = 0666;

absl::Status WriteTo(File& file, const OutputData& data) {
  if (data.file == nullptr) return file.Write(data.bytes);
  return file.CopyFrom(*data.file, data.offset, data.size);
}

absl::Status WriteInPlace(FileSystem& fs, const std::string& path, const OutputData& data) {
  HPCC_ASSIGN_OR_RETURN(const std::unique_ptr<File> file,
                        fs.OpenForOverwriting(path, kNewFileMode));
  HPCC_RETURN_IF_ERROR(WriteTo(*file, data));
  return file->Close();
}

// A new file beside `path`. Its name, or nothing left behind.
absl::StatusOr<std::string> WriteBeside(FileSystem& fs, const std::string& path,
                                        const OutputData& data, const FileStat* keep_mode_of) {
  std::string temporary = TemporaryNameBeside(path);
  HPCC_ASSIGN_OR_RETURN(const std::unique_ptr<File> file, fs.Create(temporary, kNewFileMode));
  absl::Status status = WriteTo(*file, data);
  if (status.ok() && keep_mode_of != nullptr) status = file->SetMode(keep_mode_of->mode & 07777);
  if (status.ok()) status = file->Close();
  if (status.ok()) return temporary;
  fs.Remove(temporary).IgnoreError();
  return status;
}

}  // namespace

absl::StatusOr<PendingOutput> PendingOutput::WriteAside(FileSystem& fs, const std::string& path,
                                                        const OutputData& data, OutputKind kind) {
  PendingOutput pending(fs, path, data);
  FileStat there;
  const bool exists = fs.Stat(path.c_str(), /*follow_symlinks=*/true, &there) == 0;
  if (exists && !there.is_regular()) return pending;
  // Through a symlink that leads nowhere yet, compilers make the file it names.
  FileStat link;
  if (!exists && fs.Stat(path.c_str(), /*follow_symlinks=*/false, &link) == 0) return pending;

  pending.target_ = path;
  if (exists && kind == OutputKind::kOverwritten) {
    // What a symlink points to is written, as fopen() would.
    HPCC_ASSIGN_OR_RETURN(pending.target_, fs.RealPath(path));
  }
  const bool keep_mode = exists && kind == OutputKind::kOverwritten;
  absl::StatusOr<std::string> temporary =
      WriteBeside(fs, pending.target_, data, keep_mode ? &there : nullptr);
  // A directory one may not write to can hold a file one may.
  if (absl::IsPermissionDenied(temporary.status())) return pending;
  if (!temporary.ok()) return temporary.status();
  pending.temporary_ = *std::move(temporary);
  return pending;
}

PendingOutput::PendingOutput(PendingOutput&& other) noexcept
    : fs_(other.fs_),
      path_(std::move(other.path_)),
      data_(other.data_),
      temporary_(std::exchange(other.temporary_, {})),
      target_(std::move(other.target_)) {}

PendingOutput::~PendingOutput() {
  if (!temporary_.empty()) fs_.Remove(temporary_).IgnoreError();
}

absl::Status PendingOutput::Commit() {
  if (temporary_.empty()) return WriteInPlace(fs_, path_, data_);
  const absl::Status renamed = fs_.Rename(temporary_, target_);
  if (renamed.ok()) temporary_.clear();
  if (absl::IsPermissionDenied(renamed)) return WriteInPlace(fs_, path_, data_);
  return renamed;
}

absl::Status WriteOutput(FileSystem& fs, const std::string& path, const OutputData& data,
                         OutputKind kind) {
  HPCC_ASSIGN_OR_RETURN(PendingOutput pending, PendingOutput::WriteAside(fs, path, data, kind));
  return pending.Commit();
}

}  // namespace hpcc
