#include "daemon/helped_file_system.h"

#include <algorithm>
#include <system_error>
#include <utility>

#include "base/logging.h"

namespace hpcc {

namespace {

// Waking a thread costs as much as looking at some fifty files.
constexpr size_t kWorthHelp = 128;
// Processors: for a thread, the one that helps it, and the wrapper, which writes aside what it was
// given. With two, a helper that goes on keeps the wrapper waiting.
constexpr unsigned kEnoughForThree = 3;

}  // namespace

HelpedFileSystem::HelpedFileSystem(FileSystem& inner, unsigned processors)
    : ForwardingFileSystem(inner), processors_(processors) {
  if (processors_ < 2) return;
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
  if (TakeExpected(plan, results)) return;
  Work work{.plan = plan, .results = results};
  const bool offered = plan.paths().size() >= kWorthHelp && Offer(&work);
  TakeGroups(work);
  if (offered) TakeBack();
}

bool HelpedFileSystem::Offer(Work* work) {
  if (!thread_.joinable()) return false;
  {
    const std::lock_guard lock(mutex_);
    if (busy_) return false;
    busy_ = true;
    offered_ = work;
  }
  changed_.notify_all();
  return true;
}

void HelpedFileSystem::TakeBack() {
  std::unique_lock lock(mutex_);
  offered_ = nullptr;
  changed_.wait(lock, [&] { return !helping_; });
  expected_.reset();
  busy_ = false;
}

bool HelpedFileSystem::TakeExpected(const StatPlan& plan, std::span<StatResult> results) {
  Expected* mine = nullptr;
  {
    const std::lock_guard lock(mutex_);
    if (expected_ != nullptr && expected_->owner == std::this_thread::get_id()) {
      mine = expected_.get();
    }
  }
  // Only this thread ends what it expects.
  if (mine == nullptr) return false;
  const bool same = mine->plan->paths() == plan.paths();
  if (same) {
    if (processors_ < kEnoughForThree) {
      TakeAllGroupsLeft(mine->work);
    } else {
      TakeGroups(mine->work);
    }
    std::unique_lock lock(mutex_);
    offered_ = nullptr;
    changed_.wait(lock, [&] { return !helping_; });
    std::copy(mine->results.begin(), mine->results.end(), results.begin());
  }
  EndExpectation();
  return same;
}

void HelpedFileSystem::EndExpectation() {
  {
    const std::lock_guard lock(mutex_);
    if (expected_ == nullptr || expected_->owner != std::this_thread::get_id()) return;
    expected_->work.next = expected_->plan->groups().size();  // no more of it
  }
  TakeBack();
}

HelpedFileSystem::Expectation::Expectation(HelpedFileSystem* helped,
                                           std::shared_ptr<const StatPlan> plan)
    : helped_(nullptr) {
  if (helped == nullptr || plan == nullptr || plan->paths().size() < kWorthHelp) return;
  auto expected = std::make_unique<Expected>(std::move(plan));
  if (!helped->Offer(&expected->work)) return;
  helped_ = helped;
  const std::lock_guard lock(helped->mutex_);
  helped->expected_ = std::move(expected);
}

void HelpedFileSystem::Expectation::End() {
  if (helped_ != nullptr) std::exchange(helped_, nullptr)->EndExpectation();
}

void HelpedFileSystem::TakeGroups(Work& work) {
  const size_t count = work.plan.groups().size();
  for (size_t group = work.next++; group < count; group = work.next++) {
    inner_.StatGroup(work.plan, group, work.results);
  }
}

void HelpedFileSystem::TakeAllGroupsLeft(Work& work) {
  const size_t count = work.plan.groups().size();
  for (size_t group = work.next.exchange(count); group < count; ++group) {
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
