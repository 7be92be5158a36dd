#include "agent/blob_store.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "base/status.h"
#include "base/strings.h"
#include "sandbox/agent_limits.h"

namespace hpcc {

namespace {

constexpr uint64_t kPage = 4096;

// What `size` bytes take: whole pages, and at least one for the file itself.
uint64_t PagesOf(uint64_t size) {
  return std::max<uint64_t>(kPage, (size + kPage - 1) / kPage * kPage);
}

}  // namespace

BlobStore::BlobStore(Descriptor directory, uint64_t capacity)
    : directory_(std::move(directory)), capacity_(capacity) {}

BlobStore::Pins::~Pins() {
  Clear();
}

void BlobStore::Pins::Clear() {
  const std::lock_guard lock(store_.mutex_);
  for (const Digest& digest : digests_) {
    Blob& blob = store_.blobs_.at(digest);
    if (--blob.pins == 0) store_.evictable_ += blob.charge;
  }
  digests_.clear();
  charge_ = 0;
}

bool BlobStore::Pins::Add(const Digest& digest) {
  const std::lock_guard lock(store_.mutex_);
  const auto blob = store_.blobs_.find(digest);
  if (blob == store_.blobs_.end()) return false;
  store_.Touch(blob->second);
  store_.Pin(digest, blob->second, *this);
  return true;
}

void BlobStore::Pin(const Digest& digest, Blob& blob, Pins& pins) {
  if (!pins.digests_.insert(digest).second) return;
  pins.charge_ += blob.charge;
  if (blob.pins++ == 0) evictable_ -= blob.charge;
}

BlobStore::Room::Room(Room&& other) noexcept
    : store_(std::exchange(other.store_, nullptr)), bytes_(other.bytes_) {}

BlobStore::Room& BlobStore::Room::operator=(Room&& other) noexcept {
  std::swap(store_, other.store_);
  std::swap(bytes_, other.bytes_);
  return *this;
}

BlobStore::Room::~Room() {
  if (store_ == nullptr) return;
  const std::lock_guard lock(store_->mutex_);
  store_->charged_ -= bytes_;
}

absl::StatusOr<BlobStore::Room> BlobStore::TakeRoom(uint64_t bytes, const Pins& own) {
  const std::lock_guard lock(mutex_);
  if (own.charge() + bytes > capacity_) {
    return absl::InvalidArgumentError(StrCat("they and their copies take ", own.charge() + bytes,
                                             " bytes, where there is room for ", capacity_));
  }
  if (!Charge(bytes)) {
    return absl::ResourceExhaustedError(StrCat("no room for copies of ", bytes, " bytes now"));
  }
  return Room(*this, bytes);
}

void BlobStore::Touch(Blob& blob) {
  uses_.splice(uses_.end(), uses_, blob.use);
}

void BlobStore::Remove(const Digest& digest, const Blob& blob) {
  unlinkat(directory_.get(), digest.ToHex().c_str(), 0);
  charged_ -= blob.charge;
  evictable_ -= blob.charge;
  uses_.erase(blob.use);
}

bool BlobStore::Charge(uint64_t bytes) {
  if (charged_ - evictable_ + bytes > capacity_) return false;
  for (auto use = uses_.begin(); charged_ + bytes > capacity_ && use != uses_.end();) {
    const Digest digest = *use++;
    const auto blob = blobs_.find(digest);
    if (blob->second.pins > 0) continue;
    Remove(digest, blob->second);
    blobs_.erase(blob);
  }
  charged_ += bytes;
  return true;
}

absl::StatusOr<Descriptor> BlobStore::Open(const Digest& digest) {
  {
    const std::lock_guard lock(mutex_);
    const auto blob = blobs_.find(digest);
    if (blob == blobs_.end()) return absl::NotFoundError(StrCat("no blob ", digest.ToHex()));
    Touch(blob->second);
  }
  const std::string name = digest.ToHex();
  Descriptor file(openat(directory_.get(), name.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (!file.valid()) return ErrnoStatus(errno, "open blob", name);
  return file;
}

uint64_t BlobStore::ChargeOf(const Digest& digest) const {
  const std::lock_guard lock(mutex_);
  const auto blob = blobs_.find(digest);
  return blob == blobs_.end() ? 0 : blob->second.charge;
}

uint64_t BlobStore::held() const {
  const std::lock_guard lock(mutex_);
  return charged_;
}

absl::Status BlobStore::Arrival::Add(std::string_view data) {
  if (size_ + data.size() > kAgentBlobBytes) {
    return absl::ResourceExhaustedError("a blob is larger than any may be");
  }
  {
    const std::lock_guard lock(store_.mutex_);
    const uint64_t before = file_.valid() ? PagesOf(size_) : 0;
    if (!store_.Charge(PagesOf(size_ + data.size()) - before)) {
      return absl::ResourceExhaustedError("no room for a blob");
    }
    if (!file_.valid()) name_ = StrCat("arriving-", ++store_.arrivals_);
  }
  if (!file_.valid()) {
    file_ = Descriptor(openat(store_.directory_.get(), name_.c_str(),
                              O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0444));
    if (!file_.valid()) {
      const int error = errno;
      const std::lock_guard lock(store_.mutex_);
      store_.charged_ -= PagesOf(size_ + data.size());
      return ErrnoStatus(error, "create", "a blob");
    }
  }
  size_ += data.size();
  digest_.Add(data);
  while (!data.empty()) {
    const ssize_t written = write(file_.get(), data.data(), data.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return ErrnoStatus(errno, "write", "a blob");
    data.remove_prefix(static_cast<size_t>(written));
  }
  return absl::OkStatus();
}

absl::Status BlobStore::Arrival::Finish(Pins* pins) {
  if (!file_.valid()) HPCC_RETURN_IF_ERROR(Add(""));
  if (digest_.Finish() != expected_) {
    return absl::InvalidArgumentError(StrCat("the blob is not ", expected_.ToHex()));
  }
  {
    const std::lock_guard lock(store_.mutex_);
    if (!store_.blobs_.contains(expected_)) {
      const std::string name = expected_.ToHex();
      if (renameat(store_.directory_.get(), name_.c_str(), store_.directory_.get(), name.c_str()) !=
          0) {
        return ErrnoStatus(errno, "keep blob", name);
      }
      file_.Reset();  // the charge is the blob's now
      const auto use = store_.uses_.insert(store_.uses_.end(), expected_);
      store_.blobs_[expected_] = Blob{.charge = PagesOf(size_), .pins = 0, .use = use};
      store_.evictable_ += PagesOf(size_);
    }
    if (pins != nullptr) store_.Pin(expected_, store_.blobs_.at(expected_), *pins);
  }
  return absl::OkStatus();
}

BlobStore::Arrival::~Arrival() {
  if (!file_.valid()) return;
  unlinkat(store_.directory_.get(), name_.c_str(), 0);
  const std::lock_guard lock(store_.mutex_);
  store_.charged_ -= PagesOf(size_);
}

}  // namespace hpcc
