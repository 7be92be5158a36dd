#include "worker/worker_images.h"

#include <algorithm>
#include <utility>

#include "base/logging.h"
#include "base/status.h"
#include "base/strings.h"
#include "worker/retry_after.h"

namespace hpcc {

namespace {

constexpr std::chrono::milliseconds kRetryWhileGetting{5000};
constexpr size_t kMaxNamesOfImage = 8;

absl::Status NotHere(std::string_view why) {
  return absl::FailedPreconditionError(StrCat(kImageNotHere, why));
}

std::string MessageOf(const absl::Status& status) {
  return std::string(status.message());
}

}  // namespace

WorkerImages::WorkerImages(std::unique_ptr<ImageSupply> supply, WorkerImagesOptions options,
                           Clock& clock)
    : supply_(std::move(supply)), options_(options), clock_(clock) {
  const int64_t now_ns = clock_.MonotonicNanoseconds();
  const absl::StatusOr<std::vector<StoredImage>> prepared = supply_->Prepared();
  if (!prepared.ok()) Log(LogLevel::kWarning, StrCat("images: ", MessageOf(prepared.status())));
  for (const StoredImage& stored : prepared.value_or(std::vector<StoredImage>())) {
    const absl::StatusOr<ImageReference> reference = ParseImageReference(stored.name);
    // What the configuration no longer allows isn't used either.
    if (!reference.ok() || !supply_->Check(*reference).ok()) continue;
    if (images_.size() >= kMaxWorkerImages) break;
    Image& image = images_[stored.name];
    image.reference = *reference;
    image.asked_as = {stored.name};
    image.digest = stored.digest;
    image.tried_ns = image.asked_ns = now_ns;
  }
  for (uint64_t i = 0; i < std::max<uint64_t>(options_.pulls, 1); ++i) {
    threads_.emplace_back([this] { Serve(); });
  }
}

WorkerImages::~WorkerImages() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

// Whether asking for it leads to another try.
bool WorkerImages::IsDue(const Image& image) const {
  if (image.under_way) return false;
  const auto age = std::chrono::nanoseconds(clock_.MonotonicNanoseconds() - image.tried_ns);
  if (!image.failure.ok()) return age >= options_.remember_failure;
  if (image.digest.empty()) return true;
  return image.reference.digest.empty() && age >= options_.tag_age;
}

// A place for one more.
absl::Status WorkerImages::Admit() {
  if (images_.size() < kMaxWorkerImages) return absl::OkStatus();
  auto oldest = images_.end();
  for (auto each = images_.begin(); each != images_.end(); ++each) {
    if (each->second.under_way) continue;
    if (oldest == images_.end() || each->second.asked_ns < oldest->second.asked_ns) oldest = each;
  }
  if (oldest == images_.end()) {
    return RetryLater(StrCat(kImageNotHere, "too many others are being got"), kRetryWhileGetting);
  }
  images_.erase(oldest);
  return absl::OkStatus();
}

void WorkerImages::Enqueue(const std::string& key, Image& image) {
  image.under_way = true;
  queue_.push_back(key);
  changed_.notify_one();
}

absl::StatusOr<std::string> WorkerImages::Find(const std::string& name) {
  const absl::StatusOr<ImageReference> reference = ParseImageReference(name);
  if (!reference.ok()) return NotHere(MessageOf(reference.status()));
  if (const absl::Status allowed = supply_->Check(*reference); !allowed.ok()) {
    return NotHere(MessageOf(allowed));
  }
  const std::string key = reference->ToString();
  const std::lock_guard lock(mutex_);
  if (!images_.contains(key)) HPCC_RETURN_IF_ERROR(Admit());
  Image& image = images_[key];
  image.reference = *reference;
  image.asked_ns = clock_.MonotonicNanoseconds();
  if (image.asked_as.size() < kMaxNamesOfImage) image.asked_as.insert(name);
  if (IsDue(image)) Enqueue(key, image);
  if (!image.digest.empty()) return image.digest;
  if (image.under_way) {
    return RetryLater(StrCat(kImageNotHere, "it is on its way to this worker"), kRetryWhileGetting);
  }
  return NotHere(MessageOf(image.failure));
}

absl::StatusOr<PreparedRoot> WorkerImages::Root(const std::string& digest) {
  absl::StatusOr<PreparedRoot> root = supply_->Root(digest);
  if (!root.ok()) {
    // Whoever asks next has it got again.
    const std::lock_guard lock(mutex_);
    for (auto& [key, image] : images_) {
      if (image.digest == digest) image.digest.clear();
    }
  }
  return root;
}

std::vector<std::string> WorkerImages::Ready() const {
  const std::lock_guard lock(mutex_);
  std::vector<std::string> names;
  for (const auto& [key, image] : images_) {
    if (image.digest.empty()) continue;
    names.insert(names.end(), image.asked_as.begin(), image.asked_as.end());
  }
  if (names.size() > kMaxWorkerImages) names.resize(kMaxWorkerImages);
  return names;
}

std::set<std::string> WorkerImages::WithDigest() const {
  const std::lock_guard lock(mutex_);
  std::set<std::string> digests;
  for (const auto& [key, image] : images_) {
    if (!image.digest.empty()) digests.insert(image.digest);
  }
  return digests;
}

std::set<std::string> WorkerImages::UnderWay() const {
  const std::lock_guard lock(mutex_);
  std::set<std::string> names;
  for (const auto& [key, image] : images_) {
    if (image.under_way) names.insert(key);
  }
  return names;
}

void WorkerImages::Serve() {
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
    if (stopping_) return;
    const std::string key = std::move(queue_.front());
    queue_.pop_front();
    const ImageReference reference = images_.at(key).reference;
    lock.unlock();
    Get(key, reference);
    lock.lock();
  }
}

void WorkerImages::Get(const std::string& key, const ImageReference& reference) {
  const absl::StatusOr<std::string> digest = supply_->Fetch(reference, [this] {
    const std::lock_guard lock(mutex_);
    return !stopping_;
  });
  {
    const std::lock_guard lock(mutex_);
    // Nobody drops what is under way.
    Image& image = images_.at(key);
    image.under_way = false;
    image.tried_ns = clock_.MonotonicNanoseconds();
    image.failure = digest.status();
    if (digest.ok()) image.digest = *digest;
  }
  if (!digest.ok()) {
    Log(LogLevel::kError, StrCat("image ", key, ": ", MessageOf(digest.status())));
    return;
  }
  Log(LogLevel::kInfo, StrCat("image ", key, " is ready: ", *digest));
  ForgetUnprepared();
}

// What had to make room for the new one.
void WorkerImages::ForgetUnprepared() {
  absl::Status status = supply_->Sweep([this] { return UnderWay(); });
  if (!status.ok()) Log(LogLevel::kWarning, StrCat("images: ", MessageOf(status)));
  // Of an image that becomes ready after the look, the look says nothing.
  const std::set<std::string> before = WithDigest();
  const absl::StatusOr<std::vector<StoredImage>> prepared = supply_->Prepared();
  if (!prepared.ok()) return;
  std::set<std::string> digests;
  for (const StoredImage& stored : *prepared) digests.insert(stored.digest);
  const std::lock_guard lock(mutex_);
  std::erase_if(images_, [&](const auto& each) {
    const Image& image = each.second;
    return !image.under_way && before.contains(image.digest) && !digests.contains(image.digest);
  });
}

}  // namespace hpcc
