#include "client/output_writer.h"

#include "base/status.h"

namespace hpcc {

namespace {

constexpr uint32_t kNewFileMode = 0666;

absl::Status WriteInPlace(FileSystem& fs, const std::string& path, std::string_view data) {
  HPCC_ASSIGN_OR_RETURN(const std::unique_ptr<File> file,
                        fs.OpenForOverwriting(path, kNewFileMode));
  HPCC_RETURN_IF_ERROR(file->Write(data));
  return file->Close();
}

absl::Status WriteAside(FileSystem& fs, const std::string& path, std::string_view data,
                        const FileStat* keep_mode_of) {
  const std::string temporary = TemporaryNameBeside(path);
  HPCC_ASSIGN_OR_RETURN(const std::unique_ptr<File> file, fs.Create(temporary, kNewFileMode));
  absl::Status status = file->Write(data);
  if (status.ok() && keep_mode_of != nullptr) status = file->SetMode(keep_mode_of->mode & 07777);
  if (status.ok()) status = file->Close();
  if (status.ok()) status = fs.Rename(temporary, path);
  if (!status.ok()) fs.Remove(temporary).IgnoreError();
  return status;
}

}  // namespace

absl::Status WriteOutput(FileSystem& fs, const std::string& path, std::string_view data,
                         OutputKind kind) {
  FileStat there;
  const bool exists = fs.Stat(path.c_str(), /*follow_symlinks=*/true, &there) == 0;
  if (exists && !there.is_regular()) return WriteInPlace(fs, path, data);
  // Through a symlink that leads nowhere yet, compilers make the file it names.
  FileStat link;
  if (!exists && fs.Stat(path.c_str(), /*follow_symlinks=*/false, &link) == 0) {
    return WriteInPlace(fs, path, data);
  }

  std::string target = path;
  if (exists && kind == OutputKind::kOverwritten) {
    // What a symlink points to is written, as fopen() would.
    HPCC_ASSIGN_OR_RETURN(target, fs.RealPath(path));
  }
  const bool keep_mode = exists && kind == OutputKind::kOverwritten;
  const absl::Status status = WriteAside(fs, target, data, keep_mode ? &there : nullptr);
  // A directory one may not write to can hold a file one may.
  if (absl::IsPermissionDenied(status)) return WriteInPlace(fs, path, data);
  return status;
}

}  // namespace hpcc
