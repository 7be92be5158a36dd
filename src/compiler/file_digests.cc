#include "compiler/file_digests.h"

#include <system_error>
#include <utility>

#include "base/content_digest.h"
#include "base/logging.h"

namespace hpcc {

FileDigests::FileDigests(FileSystem& fs, uint64_t max_bytes) : fs_(fs), max_bytes_(max_bytes) {
  if (std::thread::hardware_concurrency() < 2) return;
  try {
    thread_ = std::thread([this] { Help(); });
  } catch (const std::system_error& error) {
    Log(LogLevel::kWarning, error.what());
  }
}

FileDigests::~FileDigests() {
  {
    const std::lock_guard lock(mutex_);
    leaving_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void FileDigests::Ask(const std::string& path) {
  {
    const std::lock_guard lock(mutex_);
    if (!answers_.try_emplace(path).second) return;
    waiting_.push_back(path);
  }
  changed_.notify_all();
}

absl::StatusOr<FileDigests::Digested> FileDigests::Take(const std::string& path) {
  std::unique_lock lock(mutex_);
  const auto found = answers_.find(path);
  if (found == answers_.end()) return absl::InternalError("a digest that was not asked for");
  const Answer& answer = found->second;
  while (!answer) {
    if (waiting_.empty()) {
      changed_.wait(lock);  // the other thread has it in hand
    } else {
      ReadNext(lock);
    }
  }
  return *answer;
}

void FileDigests::ReadNext(std::unique_lock<std::mutex>& lock) {
  const std::string path = std::move(waiting_.front());
  waiting_.pop_front();
  lock.unlock();
  Digested digested;
  const absl::StatusOr<Digest> content = DigestFileAndStat(fs_, path, max_bytes_, &digested.stat);
  if (content.ok()) digested.content = *content;
  lock.lock();
  answers_[path] = content.ok() ? Answer(digested) : Answer(content.status());
  changed_.notify_all();
}

void FileDigests::Help() {
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [this] { return leaving_ || !waiting_.empty(); });
    if (leaving_) return;
    ReadNext(lock);
  }
}

}  // namespace hpcc
