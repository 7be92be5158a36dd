#include "worker/tenant_blobs.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "base/path.h"
#include "base/status.h"
#include "base/strings.h"
#include "worker/limits.h"

namespace hpcc {

namespace {

constexpr uint32_t kDirectoryMode = 0700;
constexpr uint32_t kFileMode = 0600;
// How old a mark of use may be before it is renewed: a write per use would cost more than it tells.
constexpr int64_t kMarkEveryNs = int64_t{3'600'000'000'000};

uint64_t InGrains(uint64_t size) {
  return std::max<uint64_t>(1, (size + kBlobGrainBytes - 1) / kBlobGrainBytes) * kBlobGrainBytes;
}

std::string BlobPath(const std::string& root, const Digest& digest) {
  const std::string hex = digest.ToHex();
  return StrCat(root, "/", hex.substr(0, 2), "/", hex);
}

}  // namespace

absl::StatusOr<std::string> ReadKeptBlob(FileSystem& fs, const TenantBlobsOptions& options,
                                         const Digest& digest) {
  HPCC_ASSIGN_OR_RETURN(std::string bytes,
                        ReadFile(fs, BlobPath(options.root, digest), kMaxBlobBytes));
  if (options.naming(bytes) == digest) return bytes;
  return absl::DataLossError(StrCat(digest.ToHex(), " was altered since it was kept"));
}

TenantBlobs::Reservation& TenantBlobs::Reservation::operator=(Reservation&& other) noexcept {
  if (this == &other) return *this;
  Release();
  store_ = std::exchange(other.store_, nullptr);
  bytes_ = std::exchange(other.bytes_, 0);
  return *this;
}

void TenantBlobs::Reservation::Release() {
  if (store_ == nullptr) return;
  const std::lock_guard lock(store_->mutex_);
  store_->reserved_ -= bytes_;
  store_ = nullptr;
}

TenantBlobs::TenantBlobs(TenantBlobsOptions options, FileSystem& fs, Clock& clock)
    : options_(std::move(options)), fs_(fs), clock_(clock), max_bytes_(options_.max_bytes) {}

std::string TenantBlobs::PathOf(const Digest& digest) const {
  return BlobPath(options_.root, digest);
}

absl::Status TenantBlobs::FindShard(
    const std::string& directory,
    std::vector<std::pair<int64_t, std::pair<Digest, uint64_t>>>* found) {
  HPCC_ASSIGN_OR_RETURN(const std::vector<std::string> names, fs_.List(directory));
  for (const std::string& name : names) {
    const std::optional<Digest> digest = Digest::FromHex(name);
    FileStat stat;
    const std::string path = path::Join(directory, name);
    if (!digest || fs_.Stat(path.c_str(), /*follow_symlinks=*/false, &stat) != 0 ||
        !stat.is_regular() || path != PathOf(*digest)) {
      continue;
    }
    found->push_back({stat.modified_ns, {*digest, stat.size}});
  }
  return absl::OkStatus();
}

absl::Status TenantBlobs::Open() {
  const std::string temporary = path::Join(options_.root, "tmp");
  HPCC_RETURN_IF_ERROR(MakeDirectories(fs_, temporary, kDirectoryMode));
  HPCC_ASSIGN_OR_RETURN(const std::vector<std::string> unfinished, fs_.List(temporary));
  for (const std::string& name : unfinished) {
    fs_.Remove(path::Join(temporary, name)).IgnoreError();
  }
  std::vector<std::pair<int64_t, std::pair<Digest, uint64_t>>> found;
  HPCC_ASSIGN_OR_RETURN(const std::vector<std::string> shards, fs_.List(options_.root));
  for (const std::string& shard : shards) {
    if (shard.size() == 2)
      HPCC_RETURN_IF_ERROR(FindShard(path::Join(options_.root, shard), &found));
  }
  std::sort(found.begin(), found.end());
  const std::lock_guard lock(mutex_);
  for (const auto& [modified_ns, blob] : found) Insert(blob.first, blob.second, modified_ns);
  EvictDownTo(max_bytes_);
  return absl::OkStatus();
}

void TenantBlobs::Insert(const Digest& digest, uint64_t size, int64_t marked_ns) {
  Forget(digest);
  by_use_.push_front(digest);
  blobs_[digest] = {size, marked_ns, by_use_.begin()};
  bytes_ += InGrains(size);
}

void TenantBlobs::Forget(const Digest& digest) {
  const auto found = blobs_.find(digest);
  if (found == blobs_.end()) return;
  bytes_ -= InGrains(found->second.size);
  by_use_.erase(found->second.place);
  blobs_.erase(found);
}

void TenantBlobs::EvictDownTo(uint64_t bytes) {
  while (bytes_ > bytes && !by_use_.empty()) {
    const Digest oldest = by_use_.back();
    Forget(oldest);
    fs_.Remove(PathOf(oldest)).IgnoreError();
  }
}

bool TenantBlobs::Contains(const Digest& digest) {
  const int64_t now = clock_.NowNanoseconds();
  bool mark = false;
  {
    const std::lock_guard lock(mutex_);
    const auto found = blobs_.find(digest);
    if (found == blobs_.end()) return false;
    by_use_.splice(by_use_.begin(), by_use_, found->second.place);
    mark = now - found->second.marked_ns > kMarkEveryNs;
    if (mark) found->second.marked_ns = now;
  }
  if (mark) fs_.SetModified(PathOf(digest), now).IgnoreError();
  return true;
}

absl::StatusOr<std::string> TenantBlobs::Read(const Digest& digest) {
  if (!Contains(digest)) return absl::NotFoundError("no such blob");
  const std::string path = PathOf(digest);
  absl::StatusOr<std::string> bytes = ReadFile(fs_, path, kMaxBlobBytes);
  if (bytes.ok() && options_.naming(*bytes) == digest) return bytes;
  const std::lock_guard lock(mutex_);
  Forget(digest);
  fs_.Remove(path).IgnoreError();
  return absl::NotFoundError("a damaged blob was removed");
}

absl::Status TenantBlobs::Put(const Digest& digest, std::string_view bytes) {
  if (options_.naming(bytes) != digest) {
    return absl::InvalidArgumentError("the bytes have another digest");
  }
  if (Contains(digest)) return absl::OkStatus();
  HPCC_ASSIGN_OR_RETURN(Reservation reservation, Reserve(bytes.size()));
  HPCC_ASSIGN_OR_RETURN(Temporary temporary, CreateTemporary());
  absl::Status status = temporary.file->Write(bytes);
  if (status.ok()) status = temporary.file->Close();
  if (status.ok()) status = Adopt(temporary.path, digest, bytes.size(), std::move(reservation));
  if (!status.ok()) fs_.Remove(temporary.path).IgnoreError();
  return status;
}

absl::StatusOr<TenantBlobs::Reservation> TenantBlobs::Reserve(uint64_t size) {
  const uint64_t bytes = InGrains(size);
  const std::lock_guard lock(mutex_);
  if (bytes > max_bytes_ || reserved_ > max_bytes_ - bytes) {
    return absl::ResourceExhaustedError("the tenant's share for sources is too small for this");
  }
  reserved_ += bytes;
  EvictDownTo(max_bytes_ - reserved_);
  Reservation reservation;
  reservation.store_ = this;
  reservation.bytes_ = bytes;
  return reservation;
}

absl::StatusOr<TenantBlobs::Temporary> TenantBlobs::CreateTemporary() {
  uint64_t number = 0;
  {
    const std::lock_guard lock(mutex_);
    number = ++temporaries_;
  }
  Temporary temporary;
  temporary.path = StrCat(options_.root, "/tmp/", number);
  HPCC_ASSIGN_OR_RETURN(temporary.file, fs_.Create(temporary.path, kFileMode));
  return temporary;
}

absl::Status TenantBlobs::Adopt(const std::string& temporary, const Digest& digest, uint64_t size,
                                Reservation reservation) {
  const std::string path = PathOf(digest);
  const std::string directory(path::Dirname(path));
  if (!FileExists(fs_, directory)) {
    HPCC_RETURN_IF_ERROR(MakeDirectories(fs_, directory, kDirectoryMode));
  }
  reservation.Release();
  const std::lock_guard lock(mutex_);
  HPCC_RETURN_IF_ERROR(fs_.Rename(temporary, path));
  Insert(digest, size, clock_.NowNanoseconds());
  EvictDownTo(max_bytes_ - std::min(reserved_, max_bytes_));
  return absl::OkStatus();
}

void TenantBlobs::SetMaxBytes(uint64_t max_bytes) {
  const std::lock_guard lock(mutex_);
  if (max_bytes == max_bytes_) return;
  max_bytes_ = max_bytes;
  EvictDownTo(max_bytes_ - std::min(reserved_, max_bytes_));
}

uint64_t TenantBlobs::bytes() const {
  const std::lock_guard lock(mutex_);
  return bytes_;
}

size_t TenantBlobs::count() const {
  const std::lock_guard lock(mutex_);
  return blobs_.size();
}

}  // namespace hpcc
