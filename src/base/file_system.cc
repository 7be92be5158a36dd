#include "base/file_system.h"

#include <cerrno>

#include "base/path.h"
#include "base/status.h"
#include "base/strings.h"

namespace hpcc {

namespace {

constexpr size_t kGrowthBytes = size_t{1} << 20;

}  // namespace

void FileSystem::StatMany(const StatPlan& plan, std::span<StatResult> results) {
  for (size_t group = 0; group < plan.groups().size(); ++group) StatGroup(plan, group, results);
}

void FileSystem::StatGroup(const StatPlan& plan, size_t group, std::span<StatResult> results) {
  for (const uint32_t member : plan.groups()[group].members) {
    StatResult& result = results[member];
    result.error = Stat(plan.paths()[member].c_str(), /*follow_symlinks=*/true, &result.stat);
  }
}

absl::StatusOr<FileStat> StatFile(FileSystem& fs, const std::string& path) {
  FileStat stat;
  if (const int error = fs.Stat(path.c_str(), /*follow_symlinks=*/true, &stat); error != 0) {
    return ErrnoStatus(error, "stat", path);
  }
  return stat;
}

bool FileExists(FileSystem& fs, const std::string& path) {
  FileStat stat;
  return fs.Stat(path.c_str(), /*follow_symlinks=*/true, &stat) == 0;
}

absl::Status FileTooLong(const std::string& path, uint64_t max_bytes) {
  return absl::ResourceExhaustedError(StrCat(path, " is longer than ", max_bytes, " bytes"));
}

absl::StatusOr<std::string> ReadFile(FileSystem& fs, const std::string& path, uint64_t max_bytes) {
  FileStat stat;
  return ReadFileAndStat(fs, path, max_bytes, &stat);
}

absl::StatusOr<std::unique_ptr<File>> OpenRegularFile(FileSystem& fs, const std::string& path,
                                                      uint64_t max_bytes, FileStat* stat) {
  HPCC_ASSIGN_OR_RETURN(std::unique_ptr<File> file, fs.OpenForReading(path));
  HPCC_ASSIGN_OR_RETURN(*stat, file->Stat());
  if (stat->is_directory()) return ErrnoStatus(EISDIR, "read", path);
  if (!stat->is_regular()) {
    // Reading a pipe or a terminal would take from the compiler what it is about to read.
    return absl::FailedPreconditionError(StrCat(path, " is not a regular file"));
  }
  if (stat->size > max_bytes) return FileTooLong(path, max_bytes);
  return file;
}

absl::StatusOr<std::string> ReadFileAndStat(FileSystem& fs, const std::string& path,
                                            uint64_t max_bytes, FileStat* stat) {
  HPCC_ASSIGN_OR_RETURN(const std::unique_ptr<File> file,
                        OpenRegularFile(fs, path, max_bytes, stat));

  // One byte more than the file has: a short read says in the same call that this was all. Files
  // that grow meanwhile, and those of /proc that claim to be empty, take the loop.
  HPCC_ASSIGN_OR_RETURN(std::string data, file->ReadAt(0, stat->size + 1));
  size_t asked = stat->size + 1;
  while (data.size() == asked) {
    if (data.size() > max_bytes) return FileTooLong(path, max_bytes);
    HPCC_ASSIGN_OR_RETURN(const std::string more, file->ReadAt(data.size(), kGrowthBytes));
    data.append(more);
    asked += kGrowthBytes;
  }
  if (data.size() > max_bytes) return FileTooLong(path, max_bytes);
  return data;
}

absl::Status MakeDirectories(FileSystem& fs, const std::string& path, uint32_t mode) {
  const absl::Status made = fs.MakeDirectory(path, mode);
  if (!absl::IsNotFound(made)) return made;
  // Trailing slashes don't make "a//" its own parent.
  std::string_view above = path::Dirname(path);
  while (above.size() > 1 && above.ends_with('/')) above.remove_suffix(1);
  if (above.empty() || above == path) return made;
  HPCC_RETURN_IF_ERROR(MakeDirectories(fs, std::string(above), mode));
  return fs.MakeDirectory(path, mode);
}

absl::Status WriteFileAtomically(FileSystem& fs, const std::string& path, std::string_view data,
                                 uint32_t mode) {
  const std::string aside = TemporaryNameBeside(path);
  HPCC_ASSIGN_OR_RETURN(std::unique_ptr<File> file, fs.Create(aside, mode));
  absl::Status status = file->Write(data);
  if (status.ok()) status = file->Close();
  file.reset();
  if (status.ok()) status = fs.Rename(aside, path);
  if (!status.ok()) fs.Remove(aside).IgnoreError();
  return status;
}

}  // namespace hpcc
