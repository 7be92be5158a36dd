#include "agent/exec_reserve.h"

#include <poll.h>
#include <sched.h>

#include <utility>

#include "agent/memory_kills.h"
#include "base/status.h"

namespace hpcc {

namespace {

constexpr uint32_t kFirstUser = 1000;
constexpr uint32_t kUsers = kExecIds - kFirstUser;
// Used worlds hold memory: with so many of them, whoever brings another sees to it himself.
constexpr size_t kMostUsed = 8;

// A world that has something to say before it has a plan is none any more.
bool IsWaiting(const ReadyExec& ready) {
  pollfd control{ready.exec.control.get(), POLLIN, 0};
  return poll(&control, 1, 0) == 0;
}

}  // namespace

ExecReserve::ExecReserve(const Launcher& launcher, const ImageLayout& image, bool own_identities,
                         size_t kept)
    : launcher_(launcher), image_(image), own_identities_(own_identities), kept_(kept) {
  keeper_ = std::thread([this] { KeepReady(); });
}

ExecReserve::~ExecReserve() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  keeper_.join();
}

absl::StatusOr<ReadyExec> ExecReserve::Take() {
  for (;;) {
    std::unique_lock lock(mutex_);
    if (ready_.empty()) break;
    ReadyExec first = std::move(ready_.front());
    ready_.erase(ready_.begin());
    lock.unlock();
    if (IsWaiting(first)) return first;
    GiveBack(std::move(first));
  }
  return Make();
}

void ExecReserve::GiveBack(ReadyExec used) {
  std::vector<ReadyExec> too_many;
  {
    const std::lock_guard lock(mutex_);
    (used_.size() < kMostUsed ? used_ : too_many).push_back(std::move(used));
  }
  changed_.notify_all();
  Dispose(std::move(too_many));
}

ExecOwner ExecReserve::NewOwner() {
  if (!own_identities_) return {};
  const std::lock_guard lock(mutex_);
  do {
    last_user_ = (last_user_ + 1) % kUsers;
  } while (!users_.insert(kFirstUser + last_user_).second);
  const uint32_t user = kFirstUser + last_user_;
  return {.identity = {.user = user, .group = user}, .own_identity = true};
}

absl::StatusOr<ReadyExec> ExecReserve::Make() {
  const ExecOwner owner = NewOwner();
  absl::StatusOr<Stage> stage = Stage::Make(image_, owner.identity);
  absl::StatusOr<LaunchedExec> exec =
      stage.ok() ? launcher_.Launch(owner, stage->root()) : stage.status();
  if (!exec.ok()) {
    const std::lock_guard lock(mutex_);
    users_.erase(owner.identity.user);
    return exec.status();
  }
  return ReadyExec{.owner = owner,
                   .stage = *std::move(stage),
                   .exec = *std::move(exec),
                   .memory_kills = OutOfMemoryKills(),
                   .made = std::chrono::steady_clock::now()};
}

void ExecReserve::Dispose(std::vector<ReadyExec> used) {
  std::vector<uint32_t> users;
  for (const ReadyExec& one : used) users.push_back(one.owner.identity.user);
  used.clear();
  const std::lock_guard lock(mutex_);
  for (uint32_t user : users) users_.erase(user);
}

void ExecReserve::KeepReady() {
  // It is woken as an exec ends, and must not take the processor of the thread that is about to
  // answer (sched(7)). Where that is forbidden, an answer is later by a fraction of a millisecond.
  constexpr sched_param kNone{};
  sched_setscheduler(0, SCHED_BATCH, &kNone);
  std::unique_lock lock(mutex_);
  bool can_make = true;
  while (!stopping_) {
    // What was used holds memory: only whoever would have to wait is more urgent.
    if (ready_.size() < kept_ && can_make && (ready_.empty() || used_.empty())) {
      lock.unlock();
      absl::StatusOr<ReadyExec> made = Make();
      lock.lock();
      can_make = made.ok();  // why not, the next exec is told
      if (made.ok()) ready_.push_back(*std::move(made));
    } else if (!used_.empty()) {
      std::vector<ReadyExec> used = std::exchange(used_, {});
      lock.unlock();
      Dispose(std::move(used));
      lock.lock();
      can_make = true;
    } else {
      changed_.wait(lock);
    }
  }
}

}  // namespace hpcc
