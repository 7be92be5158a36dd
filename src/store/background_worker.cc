#include "store/background_worker.h"

namespace hpcc {

BackgroundWorker::~BackgroundWorker() {
  {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
    tasks_.clear();
    changed_.notify_all();
  }
  if (thread_.joinable()) thread_.join();
}

bool BackgroundWorker::Post(std::function<void()> task) {
  const std::lock_guard lock(mutex_);
  if (stopped_ || tasks_.size() >= most_waiting_) return false;
  tasks_.push_back(std::move(task));
  if (!thread_.joinable()) thread_ = std::thread([this] { Run(); });
  changed_.notify_all();
  return true;
}

bool BackgroundWorker::WaitUntilIdle(std::chrono::milliseconds patience) {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, patience, [this] { return tasks_.empty() && !busy_; });
}

void BackgroundWorker::Run() {
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [this] { return stopped_ || !tasks_.empty(); });
    if (stopped_) return;
    const std::function<void()> task = std::move(tasks_.front());
    tasks_.pop_front();
    busy_ = true;
    lock.unlock();
    task();
    lock.lock();
    busy_ = false;
    changed_.notify_all();
  }
}

}  // namespace hpcc
