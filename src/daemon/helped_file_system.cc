#include "daemon/helped_file_system.h"

#include <system_error>
#include <utility>

#include "base/logging.h"

namespace hpcc {

namespace {

// Waking a thread costs as much as looking at some fifty files.
constexpr size_t kWorthHelp = 128;

}  // namespace

HelpedFileSystem::HelpedFileSystem(FileSystem& inner) : ForwardingFileSystem(inner) {
  if (std::thread::hardware_concurrency() < 2) return;
  try {
    thread_ = std::thread([this] { Help(); });
  } catch (const std::system_error& error) {
    Log(LogLevel::kWarning, error.what());
  }
}

HelpedFileSystem::~HelpedFileSystem() {
  {
    const std::lock_guard lock(mutex_);
    leaving_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void HelpedFileSystem::StatMany(const StatPlan& plan, std::span<StatResult> results) {
  Work work{.plan = plan, .results = results};
  bool offered = false;
  if (thread_.joinable() && plan.paths().size() >= kWorthHelp) {
    const std::lock_guard lock(mutex_);
    offered = !busy_;
    if (offered) {
      busy_ = true;
      offered_ = &work;
    }
  }
  if (offered) changed_.notify_all();
  TakeGroups(work);
  if (!offered) return;
  std::unique_lock lock(mutex_);
  offered_ = nullptr;
  changed_.wait(lock, [&] { return !helping_; });
  busy_ = false;
}

void HelpedFileSystem::TakeGroups(Work& work) {
  const size_t count = work.plan.groups().size();
  for (size_t group = work.next++; group < count; group = work.next++) {
    inner_.StatGroup(work.plan, group, work.results);
  }
}

void HelpedFileSystem::Help() {
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [&] { return leaving_ || offered_ != nullptr; });
    if (leaving_) return;
    Work& work = *std::exchange(offered_, nullptr);
    helping_ = true;
    lock.unlock();
    TakeGroups(work);
    lock.lock();
    helping_ = false;
    changed_.notify_all();
  }
}

}  // namespace hpcc
