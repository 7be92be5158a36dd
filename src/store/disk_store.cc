#include "store/disk_store.h"

#include <cerrno>
#include <mutex>

#include "base/path.h"
#include "base/status.h"
#include "base/strings.h"
#include "store/clean_up.h"
#include "store/disk_layout.h"
#include "store/eviction.h"

namespace hpcc {

namespace {

// A clean-up may take a file that has been made but not yet locked for an abandoned one; then it is
// written again. On a busy machine that can happen more than once.
constexpr int kWriteAttempts = 10;

}  // namespace

struct DiskStore::State {
  State(DiskStoreOptions given, FileSystem& file_system, Clock& its_clock)
      : options(std::move(given)), layout{options.root}, fs(file_system), clock(its_clock) {}

  absl::StatusOr<std::shared_ptr<UsageCounters>> Counters();
  bool HoldsAnything() const;
  absl::Status CountAll(UsageCounters& usage);
  absl::StatusOr<std::unique_ptr<File>> CreateTemporary(const std::string& path);
  absl::StatusOr<std::unique_ptr<File>> WriteAside(const std::string& aside,
                                                   std::string_view value);
  absl::Status RenameIntoPlace(const std::string& aside, const std::string& path);
  absl::Status Write(const StoreKey& key, std::string_view value, UsageCounters& usage);
  absl::Status RemoveFile(const StoreKey& key);

  const DiskStoreOptions options;
  const DiskLayout layout;
  FileSystem& fs;
  Clock& clock;
  std::mutex mutex;
  std::shared_ptr<UsageCounters> counters;  // guarded by mutex
};

// The counters in the file that is in place now: somebody may have emptied the directory under a
// daemon that has been running for weeks.
absl::StatusOr<std::shared_ptr<UsageCounters>> DiskStore::State::Counters() {
  const std::lock_guard<std::mutex> guard(mutex);
  const std::string path = layout.UsagePath();
  FileStat stat;
  if (counters != nullptr && fs.Stat(path.c_str(), /*follow_symlinks=*/true, &stat) == 0 &&
      counters->IsMappingOf(stat)) {
    return counters;
  }
  counters = nullptr;
  HPCC_ASSIGN_OR_RETURN(std::shared_ptr<UsageCounters> opened,
                        UsageCounters::Open(fs, path, MappedCounters::Access::kReadWrite));
  if (!opened->counted()) HPCC_RETURN_IF_ERROR(CountAll(*opened));
  counters = opened;
  return opened;
}

// A new cache needn't be looked at a thousand times to see that it is empty. Who stores the first
// value at this moment counts it himself.
bool DiskStore::State::HoldsAnything() const {
  for (int ns = 0; ns < kStoreNamespaceCount; ++ns) {
    FileStat stat;
    const std::string directory = layout.NamespaceDirectory(static_cast<StoreNamespace>(ns));
    if (fs.Stat(directory.c_str(), /*follow_symlinks=*/true, &stat) != ENOENT) return true;
  }
  return false;
}

absl::Status DiskStore::State::CountAll(UsageCounters& usage) {
  const absl::StatusOr<std::unique_ptr<File>> lock = TryEvictionLock(fs, layout);
  // Another process is counting; until it is done the total is too low, which does no harm.
  if (absl::IsUnavailable(lock.status())) return absl::OkStatus();
  HPCC_RETURN_IF_ERROR(lock.status());
  if (usage.counted()) return absl::OkStatus();
  if (!HoldsAnything()) {
    usage.set_counted();
    return absl::OkStatus();
  }
  for (int shard = 0; shard < kShardCount; ++shard) {
    HPCC_RETURN_IF_ERROR(CountShard(fs, layout, usage, shard).status());
  }
  usage.set_counted();
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<File>> DiskStore::State::CreateTemporary(const std::string& path) {
  absl::StatusOr<std::unique_ptr<File>> file = fs.Create(path, 0666);
  if (!absl::IsNotFound(file.status())) return file;
  HPCC_RETURN_IF_ERROR(MakeDirectories(fs, layout.TemporaryDirectory()));
  return fs.Create(path, 0666);
}

// Returns the file still open, and locked: it is safe from clean-ups until it is in place.
absl::StatusOr<std::unique_ptr<File>> DiskStore::State::WriteAside(const std::string& aside,
                                                                   std::string_view value) {
  HPCC_ASSIGN_OR_RETURN(std::unique_ptr<File> file, CreateTemporary(aside));
  // Without a lock (a file system that has none) a clean-up can't tell that we live; the worst is
  // that the value has to be written again.
  if (const absl::Status locked = file->TryLock(); absl::IsUnavailable(locked)) return locked;
  HPCC_RETURN_IF_ERROR(file->Write(value));
  // Before the rename: a network file system or a quota may refuse what was written only now.
  HPCC_RETURN_IF_ERROR(file->Flush());
  return file;
}

absl::Status DiskStore::State::RenameIntoPlace(const std::string& aside, const std::string& path) {
  const absl::Status renamed = fs.Rename(aside, path);
  if (!absl::IsNotFound(renamed)) return renamed;
  HPCC_RETURN_IF_ERROR(MakeDirectories(fs, std::string(path::Dirname(path))));
  return fs.Rename(aside, path);
}

absl::Status DiskStore::State::Write(const StoreKey& key, std::string_view value,
                                     UsageCounters& usage) {
  const std::string aside = layout.TemporaryPath();
  const std::string path = layout.ValuePath(key);
  const absl::StatusOr<std::unique_ptr<File>> file = WriteAside(aside, value);
  absl::Status status = file.status();
  // The kernel's own stamp is some milliseconds coarse.
  if (status.ok()) fs.SetModified(aside, clock.NowNanoseconds()).IgnoreError();
  FileStat old;
  const bool replaces = status.ok() && fs.Stat(path.c_str(), /*follow_symlinks=*/false, &old) == 0;
  if (status.ok()) status = RenameIntoPlace(aside, path);
  if (!status.ok()) {
    fs.Remove(aside).IgnoreError();
    return status;
  }
  const int shard = ShardOf(key.digest);
  usage.Add(shard, {AllocatedBytes(value.size()), 1});
  if (replaces) usage.Subtract(shard, {AllocatedBytes(old.size), 1});
  return absl::OkStatus();
}

absl::Status DiskStore::State::RemoveFile(const StoreKey& key) {
  const std::string path = layout.ValuePath(key);
  FileStat stat;
  const int error = fs.Stat(path.c_str(), /*follow_symlinks=*/false, &stat);
  if (error == ENOENT || error == ENOTDIR) return absl::OkStatus();
  if (error != 0) return ErrnoStatus(error, "stat", path);
  const absl::Status removed = fs.Remove(path);
  if (absl::IsNotFound(removed)) return absl::OkStatus();
  HPCC_RETURN_IF_ERROR(removed);
  // Where it can't be uncounted, the next count of this shard will notice.
  if (const absl::StatusOr<std::shared_ptr<UsageCounters>> usage = Counters(); usage.ok()) {
    (*usage)->Subtract(ShardOf(key.digest), {AllocatedBytes(stat.size), 1});
  }
  return absl::OkStatus();
}

DiskStore::DiskStore(DiskStoreOptions options, FileSystem& fs, Clock& clock)
    : state_(std::make_unique<State>(std::move(options), fs, clock)) {}

DiskStore::~DiskStore() = default;

absl::StatusOr<std::string> DiskStore::Get(const StoreKey& key) {
  State& state = *state_;
  const std::string path = state.layout.ValuePath(key);
  absl::StatusOr<std::string> value = ReadFile(state.fs, path, kMaxStoredBytes);
  if (value.ok()) {
    state.fs.SetModified(path, state.clock.NowNanoseconds()).IgnoreError();
    return value;
  }
  FileStat stat;
  // Not every exhausted resource is a file too long: the process may be out of descriptors.
  if (absl::IsResourceExhausted(value.status()) &&
      state.fs.Stat(path.c_str(), /*follow_symlinks=*/true, &stat) == 0 &&
      stat.size > kMaxStoredBytes) {
    state.RemoveFile(key).IgnoreError();
    return absl::DataLossError(StrCat(path, " is too long to be a value"));
  }
  return value;
}

absl::Status DiskStore::Touch(const StoreKey& key) {
  const std::string path = state_->layout.ValuePath(key);
  const absl::Status touched = state_->fs.SetModified(path, state_->clock.NowNanoseconds());
  if (touched.ok() || absl::IsNotFound(touched)) return touched;
  // A cache of somebody else's: its order of use is his business.
  return StatFile(state_->fs, path).status();
}

absl::Status DiskStore::Put(const StoreKey& key, std::string_view value) {
  State& state = *state_;
  const uint64_t incoming = AllocatedBytes(value.size());
  const uint64_t limit = state.options.max_size;
  if (value.size() > kMaxStoredBytes || (limit != 0 && incoming > limit)) {
    return absl::ResourceExhaustedError(
        StrCat("a value of ", value.size(), " bytes is larger than the store may be"));
  }
  HPCC_ASSIGN_OR_RETURN(const std::shared_ptr<UsageCounters> usage, state.Counters());
  if (limit != 0) {
    HPCC_RETURN_IF_ERROR(MakeRoom(state.fs, state.clock, state.layout, *usage, limit, incoming));
  }
  absl::Status status;
  for (int attempt = 0; attempt < kWriteAttempts; ++attempt) {
    status = state.Write(key, value, *usage);
    if (!absl::IsNotFound(status) && !absl::IsUnavailable(status)) break;
  }
  return status;
}

absl::Status DiskStore::Remove(const StoreKey& key) {
  return state_->RemoveFile(key);
}

absl::StatusOr<DiskUsage> DiskStore::Usage() {
  const absl::StatusOr<std::unique_ptr<UsageCounters>> usage = UsageCounters::Open(
      state_->fs, state_->layout.UsagePath(), MappedCounters::Access::kReadOnly);
  if (usage.ok() && (*usage)->counted()) return (*usage)->Total();
  DiskUsage total;
  for (int shard = 0; shard < kShardCount; ++shard) {
    HPCC_ASSIGN_OR_RETURN(const std::vector<StoredFile> files,
                          ScanShard(state_->fs, state_->layout, shard));
    for (const StoredFile& file : files) {
      total.bytes += file.allocated;
      ++total.files;
    }
  }
  return total;
}

absl::StatusOr<CleanReport> DiskStore::Clean(const CleanOptions& options) {
  if (absl::IsNotFound(StatFile(state_->fs, state_->layout.root).status())) return CleanReport{};
  HPCC_ASSIGN_OR_RETURN(const std::shared_ptr<UsageCounters> usage, state_->Counters());
  return CleanStore(state_->fs, state_->clock, state_->layout, *usage, options);
}

absl::Status DiskStore::ForEach(StoreNamespace ns,
                                const std::function<bool(const StoreKey&)>& visit) {
  for (int shard = 0; shard < kShardCount; ++shard) {
    HPCC_ASSIGN_OR_RETURN(const std::vector<StoreKey> keys,
                          ListShardDirectory(state_->fs, state_->layout, ns, shard));
    for (const StoreKey& key : keys) {
      if (!visit(key)) return absl::OkStatus();
    }
  }
  return absl::OkStatus();
}

const std::string& DiskStore::root() const {
  return state_->layout.root;
}

std::string DiskStore::PathOf(const StoreKey& key) const {
  return state_->layout.ValuePath(key);
}

}  // namespace hpcc
