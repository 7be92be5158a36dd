#include "sandbox/sandbox_pool.h"

#include <algorithm>
#include <optional>

#include "base/status.h"
#include "base/strings.h"

namespace hpcc {

namespace {

// Waiters look again this often: whether they are cancelled, and whether the clock, which tests
// bend, says that their patience is over.
constexpr std::chrono::milliseconds kBetweenLooks{20};

absl::Status NoSuchSandbox(std::string_view id) {
  return absl::NotFoundError(StrCat("there is no sandbox ", id));
}

}  // namespace

struct SandboxPool::Entry {
  Key key;
  std::string id;
  std::unique_ptr<Sandbox> sandbox;  // null while it starts for the first time
  bool ended = false;                // stopped on purpose, while at work
  bool reported = false;             // as lost
  absl::Status failure;              // why it didn't
  bool starting = true;              // or being suspended, or resumed: nobody else touches it then
  bool suspended = false;
  bool stays = false;    // its driver can't suspend it
  bool retired = false;  // takes no further exec; nobody finds it any more
  uint32_t execs = 0;
  size_t waiting = 0;
  int64_t started_at = 0;  // on the monotonic clock, in nanoseconds
  int64_t used_at = 0;
};

// Sandboxes are stopped and losses reported without the lock: both take as long as they take.
struct SandboxPool::Removal {
  std::vector<std::unique_ptr<Sandbox>> sandboxes;
  std::vector<PooledSandbox> lost;
};

SandboxPool::SandboxPool(Runtime& runtime, std::string name, SandboxPoolOptions options,
                         OnLost on_lost, Clock& clock)
    : runtime_(runtime),
      name_(std::move(name)),
      options_(options),
      on_lost_(std::move(on_lost)),
      clock_(clock) {
  if (options_.tend_every.count() == 0) return;
  tender_ = std::thread([this] { Repeat(&SandboxPool::Tend); });
  watcher_ = std::thread([this] { Repeat(&SandboxPool::ReportDead); });
}

SandboxPool::~SandboxPool() {
  Stop();
  for (std::thread* thread : {&tender_, &watcher_}) {
    if (thread->joinable()) thread->join();
  }
}

SandboxPool::Lease::~Lease() {
  if (pool_ != nullptr) pool_->GiveBack(*entry_);
}

Sandbox& SandboxPool::Lease::sandbox() const {
  return *entry_->sandbox;
}

PooledSandbox SandboxPool::Describe(const Entry& entry) const {
  const int64_t now = clock_.MonotonicNanoseconds();
  return PooledSandbox{
      .id = entry.id,
      .tenant = entry.key.first,
      .image = entry.key.second,
      .isolation = std::string(runtime_.isolation()),
      .cpus = options_.cpus,
      .execs = entry.execs,
      .suspended = entry.suspended,
      .starting = entry.sandbox == nullptr && !entry.retired,
      .ending = entry.retired,
      .age = std::chrono::nanoseconds(entry.started_at == 0 ? 0 : now - entry.started_at),
      .unused = std::chrono::nanoseconds(
          entry.used_at == 0 || entry.execs > 0 ? 0 : now - entry.used_at)};
}

bool SandboxPool::Usable(const Entry& entry) const {
  return entry.sandbox != nullptr && entry.sandbox->alive() &&
         clock_.MonotonicNanoseconds() - entry.started_at <
             std::chrono::nanoseconds(options_.session).count();
}

void SandboxPool::NoteDeath(Entry& entry, Removal& removal) const {
  const bool dead = entry.sandbox != nullptr && !entry.sandbox->alive();
  if (dead && !entry.ended && !std::exchange(entry.reported, true)) {
    removal.lost.push_back(Describe(entry));
  }
}

// Takes the entry out of sight. Its sandbox goes once nobody is at work in it, or at once when it
// is dead.
void SandboxPool::Retire(const std::shared_ptr<Entry>& entry, Removal& removal) {
  NoteDeath(*entry, removal);
  if (!std::exchange(entry->retired, true)) {
    const auto current = current_.find(entry->key);
    if (current != current_.end() && current->second == entry) current_.erase(current);
    if (entry->sandbox != nullptr && entry->execs > 0) draining_.push_back(entry);
    changed_.notify_all();
  }
  // A lease refers to the sandbox until it is given back, dead or not.
  if (entry->sandbox != nullptr && entry->execs == 0) {
    removal.sandboxes.push_back(std::move(entry->sandbox));
    std::erase(draining_, entry);
  }
}

void SandboxPool::Carry(Removal removal) {
  for (const PooledSandbox& lost : removal.lost) {
    if (on_lost_) on_lost_(lost);
  }
  for (const std::unique_ptr<Sandbox>& sandbox : removal.sandboxes) sandbox->Stop();
}

// Whether one more sandbox has its place, after the least recently used idle ones made theirs free.
// Suspended ones take none of the memory.
bool SandboxPool::MakeRoom(const Entry* entry, Removal& removal) {
  const uint64_t each = runtime_.MemoryBytes({.cpus = options_.cpus,
                                              .memory_bytes = options_.memory_bytes,
                                              .blob_bytes = options_.blob_bytes});
  for (;;) {
    const size_t count = current_.size() + draining_.size() + (entry == nullptr ? 1 : 0);
    const auto suspended = static_cast<size_t>(
        std::count_if(current_.begin(), current_.end(), [entry](const auto& other) {
          return other.second->suspended && other.second.get() != entry;
        }));
    const bool too_many = count > options_.max_sandboxes;
    const size_t awake = count - suspended;
    const bool too_much =
        options_.max_memory_bytes != 0 && awake > 1 && awake * each > options_.max_memory_bytes;
    if (!too_many && !too_much) return true;
    std::shared_ptr<Entry> oldest;
    for (const auto& [key, other] : current_) {
      if (other->starting || other->execs > 0 || other->waiting > 0 || other.get() == entry) {
        continue;
      }
      if (!too_many && other->suspended) continue;
      if (oldest == nullptr || other->used_at < oldest->used_at) oldest = other;
    }
    if (oldest == nullptr) return false;
    Retire(oldest, removal);
  }
}

void SandboxPool::Settle(const std::shared_ptr<Entry>& entry,
                         const std::function<void(Removal&)>& settle) {
  Removal removal;
  {
    const std::lock_guard lock(mutex_);
    entry->starting = false;
    settle(removal);
    // Stop() has been here meanwhile and could not stop what wasn't settled.
    if (stopped_ && entry->sandbox != nullptr) {
      entry->failure = absl::UnavailableError("the sandbox pool is stopped");
      removal.sandboxes.push_back(std::move(entry->sandbox));
    }
    changed_.notify_all();
  }
  Carry(std::move(removal));
}

void SandboxPool::Start(const std::shared_ptr<Entry>& entry) {
  const SandboxSpec spec{.id = entry->id,
                         .tenant = entry->key.first,
                         .image = entry->key.second,
                         .cpus = options_.cpus,
                         .memory_bytes = options_.memory_bytes,
                         .blob_bytes = options_.blob_bytes};
  absl::StatusOr<std::unique_ptr<Sandbox>> sandbox = runtime_.Start(spec, options_.start);
  Settle(entry, [&](Removal& removal) {
    entry->started_at = entry->used_at = clock_.MonotonicNanoseconds();
    if (sandbox.ok()) {
      entry->sandbox = *std::move(sandbox);
    } else {
      entry->failure = sandbox.status();
      Retire(entry, removal);
    }
  });
}

void SandboxPool::Suspend(const std::shared_ptr<Entry>& entry) {
  const absl::Status status = entry->sandbox->Suspend();
  Settle(entry, [&](Removal& removal) {
    entry->suspended = status.ok();
    entry->stays = !status.ok();
    if (!entry->sandbox->alive()) Retire(entry, removal);
  });
}

// One that can't be resumed is lost, and the next exec gets another.
void SandboxPool::Resume(const std::shared_ptr<Entry>& entry) {
  const absl::Status status = entry->sandbox->Resume();
  Settle(entry, [&](Removal& removal) {
    entry->suspended = false;
    entry->used_at = clock_.MonotonicNanoseconds();
    if (!status.ok()) {
      entry->sandbox->Stop();
      Retire(entry, removal);
    }
  });
}

absl::StatusOr<SandboxPool::Lease> SandboxPool::Acquire(std::string_view tenant,
                                                        std::string_view image,
                                                        std::chrono::milliseconds patience,
                                                        const std::function<bool()>& cancelled) {
  return AcquireOf({std::string(tenant), std::string(image)}, "", patience, cancelled);
}

absl::StatusOr<SandboxPool::Lease> SandboxPool::AcquireById(
    std::string_view id, std::chrono::milliseconds patience,
    const std::function<bool()>& cancelled) {
  Key key;
  {
    const std::lock_guard lock(mutex_);
    const auto current = std::find_if(current_.begin(), current_.end(), [&](const auto& candidate) {
      return candidate.second->id == id;
    });
    const bool ending = std::any_of(draining_.begin(), draining_.end(),
                                    [&](const auto& entry) { return entry->id == id; });
    if (ending) {
      return absl::FailedPreconditionError(
          StrCat("the sandbox ", id, " is ending: it takes nothing further"));
    }
    if (id.empty() || current == current_.end()) return NoSuchSandbox(id);
    key = current->first;
  }
  return AcquireOf(key, id, patience, cancelled);
}

absl::StatusOr<SandboxPool::Lease> SandboxPool::AcquireOf(const Key& key, std::string_view id,
                                                          std::chrono::milliseconds patience,
                                                          const std::function<bool()>& cancelled) {
  const int64_t give_up =
      clock_.MonotonicNanoseconds() + std::chrono::nanoseconds(patience).count();
  std::unique_lock lock(mutex_);
  for (;;) {
    if (stopped_) return absl::UnavailableError("the sandbox pool is stopped");
    Removal removal;
    std::shared_ptr<Entry> entry;
    if (const auto found = current_.find(key); found != current_.end()) entry = found->second;
    if (entry != nullptr && !entry->starting && !Usable(*entry)) {
      Retire(entry, removal);
      entry = nullptr;
    }
    bool start = false;
    bool resume = false;
    const bool gone = !id.empty() && (entry == nullptr || entry->id != id);
    if (gone) {
      entry = nullptr;
    } else if (entry == nullptr && MakeRoom(nullptr, removal)) {
      entry = std::make_shared<Entry>();
      entry->key = key;
      entry->id = StrCat(name_, "-", ++last_id_);
      current_[key] = entry;
      start = true;
    } else if (entry != nullptr && !entry->starting && entry->suspended &&
               MakeRoom(entry.get(), removal)) {
      entry->starting = true;
      resume = true;
    }
    if (start || resume || gone || !removal.sandboxes.empty() || !removal.lost.empty()) {
      lock.unlock();
      Carry(std::move(removal));
      if (gone) return NoSuchSandbox(id);
      if (start) Start(entry);
      if (resume) Resume(entry);
      lock.lock();
      if (start && !entry->failure.ok()) return entry->failure;
      continue;
    }
    if (entry != nullptr && !entry->starting && !entry->suspended && entry->execs < options_.cpus) {
      ++entry->execs;
      return Lease(this, entry);
    }
    if (entry != nullptr && entry->waiting >= options_.max_waiting) {
      return absl::ResourceExhaustedError("too many wait for this sandbox");
    }
    if (clock_.MonotonicNanoseconds() >= give_up) {
      return absl::ResourceExhaustedError(entry == nullptr ? "every sandbox is at work"
                                                           : "the sandbox is at work");
    }
    if (entry != nullptr) ++entry->waiting;
    changed_.wait_for(lock, kBetweenLooks);
    if (entry != nullptr) --entry->waiting;
    // Whoever waited for a start that failed hears why, instead of each trying again.
    if (entry != nullptr && !entry->failure.ok()) return entry->failure;
    if (cancelled && cancelled()) return absl::CancelledError("cancelled");
  }
}

void SandboxPool::GiveBack(Entry& entry) {
  Removal removal;
  {
    const std::lock_guard lock(mutex_);
    --entry.execs;
    entry.used_at = clock_.MonotonicNanoseconds();
    std::shared_ptr<Entry> shared;
    if (entry.retired) {
      const auto found =
          std::find_if(draining_.begin(), draining_.end(),
                       [&entry](const auto& other) { return other.get() == &entry; });
      if (found != draining_.end()) shared = *found;
    } else if (!entry.sandbox->alive()) {
      shared = current_.at(entry.key);
    }
    if (shared != nullptr) Retire(shared, removal);
    changed_.notify_all();
  }
  Carry(std::move(removal));
}

bool SandboxPool::IdleFor(const Entry& entry, std::chrono::nanoseconds time) const {
  return entry.execs == 0 && entry.waiting == 0 &&
         clock_.MonotonicNanoseconds() - entry.used_at >= time.count();
}

void SandboxPool::Tend() {
  Removal removal;
  std::vector<std::shared_ptr<Entry>> overdue;
  std::vector<std::shared_ptr<Entry>> unused;
  {
    const std::lock_guard lock(mutex_);
    std::vector<std::shared_ptr<Entry>> over;
    for (const auto& [key, entry] : current_) {
      if (entry->starting) continue;
      if (IdleFor(*entry, options_.idle) || !Usable(*entry)) {
        over.push_back(entry);
      } else if (options_.suspend.count() != 0 && IdleFor(*entry, options_.suspend)) {
        unused.push_back(entry);
      }
    }
    // Of those at work without a future, only the news of their death is of interest.
    over.insert(over.end(), draining_.begin(), draining_.end());
    for (const std::shared_ptr<Entry>& entry : over) Retire(entry, removal);
    const int64_t now = clock_.MonotonicNanoseconds();
    const int64_t most = std::chrono::nanoseconds(options_.session + options_.drain).count();
    for (const std::shared_ptr<Entry>& entry : draining_) {
      if (now - entry->started_at >= most) overdue.push_back(entry);
    }
    // A lease may be given back any time: the sandbox stays as long as it is counted in.
    for (const std::shared_ptr<Entry>& entry : overdue) {
      ++entry->execs;
      entry->ended = true;
    }
  }
  for (const std::shared_ptr<Entry>& entry : overdue) {
    entry->sandbox->Stop();
    GiveBack(*entry);
  }
  Carry(std::move(removal));
  for (const std::shared_ptr<Entry>& entry : unused) {
    if (BeginSuspend(*entry)) Suspend(entry);
  }
}

// Not before its turn has come: until then, whoever wants it finds it awake.
bool SandboxPool::BeginSuspend(Entry& entry) {
  const std::lock_guard lock(mutex_);
  if (stopped_ || entry.retired || entry.starting || entry.suspended || entry.stays ||
      !Usable(entry) || !IdleFor(entry, options_.suspend)) {
    return false;
  }
  entry.starting = true;
  return true;
}

void SandboxPool::ReportDead() {
  Removal removal;
  {
    const std::lock_guard lock(mutex_);
    std::vector<std::shared_ptr<Entry>> all = draining_;
    for (const auto& [key, entry] : current_) all.push_back(entry);
    for (const std::shared_ptr<Entry>& entry : all) {
      if (!entry->starting) NoteDeath(*entry, removal);
    }
  }
  Carry(std::move(removal));
}

void SandboxPool::Repeat(void (SandboxPool::*work)()) {
  std::unique_lock lock(mutex_);
  while (!stopped_) {
    changed_.wait_for(lock, options_.tend_every, [this] { return stopped_; });
    lock.unlock();
    (this->*work)();
    lock.lock();
  }
}

void SandboxPool::Stop() {
  Removal removal;
  std::vector<std::shared_ptr<Entry>> at_work;
  {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
    std::vector<std::shared_ptr<Entry>> all = draining_;
    for (const auto& [key, entry] : current_) all.push_back(entry);
    for (const std::shared_ptr<Entry>& entry : all) {
      if (entry->starting) continue;
      if (entry->execs > 0) {
        ++entry->execs;
        entry->ended = true;
        at_work.push_back(entry);
      } else {
        Retire(entry, removal);
      }
    }
    changed_.notify_all();
  }
  for (const std::shared_ptr<Entry>& entry : at_work) {
    entry->sandbox->Stop();
    GiveBack(*entry);
  }
  Carry(std::move(removal));
}

std::vector<PooledSandbox> SandboxPool::List() const {
  const std::lock_guard lock(mutex_);
  std::vector<PooledSandbox> list;
  for (const auto& [key, entry] : current_) list.push_back(Describe(*entry));
  for (const std::shared_ptr<Entry>& entry : draining_) list.push_back(Describe(*entry));
  return list;
}

}  // namespace hpcc
