#include "scheduler/worker_registry.h"

#include <algorithm>

#include "absl/status/status.h"
#include "base/strings.h"
#include "scheduler/limits.h"

namespace hpcc {

namespace {

// Workers of one tenant and image that are remembered.
constexpr size_t kMaxSticky = 32;
constexpr size_t kMaxLostTenants = 1024;
// Of one user, at a time: as many as a client holds routes (dispatch/route_set.h).
constexpr size_t kMaxResidences = 8;
// Of those least loaded, how many are looked at before there is nobody: the ones with room stand
// first, and few are unfit for another reason.
constexpr int kMaxLooks = 512;
constexpr int64_t kSweepEvery = 60'000'000'000;

// Names hold no blanks and no control characters.
std::string StickyKey(const RouteQuestion& question) {
  return StrCat(question.tenant, " ", question.image);
}
std::string ResidentKey(const RouteQuestion& question) {
  return StrCat(question.tenant, " ", question.image, " ", question.user);
}

bool IsToBeAvoided(const std::string& worker, const RouteQuestion& question) {
  const std::vector<std::string>& avoid = question.avoid_workers;
  return std::find(avoid.begin(), avoid.end(), worker) != avoid.end();
}

// `host` is what a worker's machine has.
bool CanBePulled(std::string_view image) {
  return image != "host";
}

}  // namespace

void WorkerRegistry::EnterPools(Worker& worker) {
  if (worker.in_pools || worker.draining) return;
  const auto rank = static_cast<size_t>(worker.facts.isolation_rank);
  for (const std::string& image : worker.images) having_[image][rank].insert(worker.standing);
  if (worker.facts.pulls_images) pulling_[rank].insert(worker.standing);
  worker.in_pools = true;
}

void WorkerRegistry::LeavePools(Worker& worker) {
  if (!worker.in_pools) return;
  const auto rank = static_cast<size_t>(worker.facts.isolation_rank);
  for (const std::string& image : worker.images) {
    const auto pool = having_.find(image);
    pool->second[rank].erase(worker.standing);
    const bool unused = std::all_of(pool->second.begin(), pool->second.end(),
                                    [](const auto& standings) { return standings.empty(); });
    if (unused) having_.erase(pool);
  }
  pulling_[rank].erase(worker.standing);
  worker.in_pools = false;
}

// Puts the worker where its load is now.
void WorkerRegistry::Restand(Worker& worker) {
  LeavePools(worker);
  const uint64_t load = uint64_t{worker.in_flight} + worker.routed;
  worker.standing.load = load * 1000 / std::max<uint32_t>(worker.facts.slots, 1);
  EnterPools(worker);
}

void WorkerRegistry::SetImages(Worker& worker, const std::vector<std::string>& images) {
  worker.images.clear();
  worker.images.insert(images.begin(), images.end());
}

void WorkerRegistry::ForgetSilent(int64_t now_ns) {
  if (now_ns - swept_ns_ < kSweepEvery) return;
  swept_ns_ = now_ns;
  for (auto each = workers_.begin(); each != workers_.end();) {
    Worker& worker = *each->second;
    const auto next = std::next(each);
    if (now_ns - worker.heard_ns > options_.forget_after.count()) {
      LeavePools(worker);
      ids_.erase(worker.facts.name);
      workers_.erase(each);
    }
    each = next;
  }
}

// Only when there are too many: what is left then is new routes to routes that begin afresh.
void WorkerRegistry::ForgetRoutes(int64_t now_ns) {
  if (residents_.size() >= kMaxRememberedRoutes) {
    absl::erase_if(residents_,
                   [now_ns](const auto& each) { return AllEnded(each.second, now_ns); });
    if (residents_.size() >= kMaxRememberedRoutes) residents_.clear();
  }
  if (sticky_.size() >= kMaxRememberedRoutes) {
    absl::erase_if(sticky_, [this, now_ns](const auto& each) {
      return now_ns - each.second.used_ns > options_.route_for.count();
    });
    if (sticky_.size() >= kMaxRememberedRoutes) sticky_.clear();
  }
}

absl::StatusOr<WorkerRegistry::Registered> WorkerRegistry::Register(WorkerFacts facts) {
  const std::lock_guard lock(mutex_);
  const int64_t now_ns = clock_.MonotonicNanoseconds();
  ForgetSilent(now_ns);
  auto registered = Registered::kNew;
  Worker* worker = nullptr;
  if (const auto known = ids_.find(facts.name); known != ids_.end()) {
    worker = ById(known->second);
    registered = worker->facts.certificate_sha256 == facts.certificate_sha256
                     ? Registered::kAgain
                     : Registered::kCertificateChanged;
  } else {
    if (workers_.size() >= kMaxWorkers) {
      return absl::ResourceExhaustedError("there are too many workers");
    }
    auto made = std::make_unique<Worker>();
    worker = made.get();
    worker->id = ++last_id_;
    ids_.emplace(facts.name, worker->id);
    workers_.emplace(worker->id, std::move(made));
  }
  LeavePools(*worker);
  SetImages(*worker, facts.images);
  worker->facts = std::move(facts);
  worker->in_flight = 0;
  worker->routed = 0;
  worker->draining = false;
  worker->heard_ns = now_ns;
  worker->standing.id = worker->id;
  worker->lost_until_ns.clear();
  Restand(*worker);
  return registered;
}

bool WorkerRegistry::Heartbeat(const WorkerReport& report) {
  const std::lock_guard lock(mutex_);
  const auto known = ids_.find(report.name);
  if (known == ids_.end()) return false;
  Worker& worker = *ById(known->second);
  LeavePools(worker);
  SetImages(worker, report.images);
  worker.in_flight = report.in_flight;
  worker.routed = 0;
  worker.draining = report.draining;
  worker.heard_ns = clock_.MonotonicNanoseconds();
  Restand(worker);
  return true;
}

bool WorkerRegistry::SandboxLost(std::string_view worker, std::string_view tenant) {
  const std::lock_guard lock(mutex_);
  const auto known = ids_.find(std::string(worker));
  if (known == ids_.end()) return false;
  auto& lost = ById(known->second)->lost_until_ns;
  const int64_t now_ns = clock_.MonotonicNanoseconds();
  if (lost.size() >= kMaxLostTenants) {
    absl::erase_if(lost, [now_ns](const auto& each) { return each.second < now_ns; });
  }
  if (lost.size() < kMaxLostTenants) lost[std::string(tenant)] = now_ns + options_.lost_for.count();
  return true;
}

size_t WorkerRegistry::workers() const {
  const std::lock_guard lock(mutex_);
  return workers_.size();
}

WorkerRegistry::Worker* WorkerRegistry::ById(uint64_t id) const {
  const auto found = workers_.find(id);
  return found == workers_.end() ? nullptr : found->second.get();
}

bool WorkerRegistry::IsThere(const Worker& worker, int64_t now_ns) const {
  return now_ns - worker.heard_ns <= options_.silent_after.count();
}

// Everything but room.
bool WorkerRegistry::Serves(const Worker& worker, const RouteQuestion& question, int64_t now_ns,
                            Lost lost) const {
  if (!IsThere(worker, now_ns) || worker.draining ||
      worker.facts.isolation_rank < question.least_isolation_rank ||
      IsToBeAvoided(worker.facts.name, question) ||
      !(worker.images.contains(question.image) ||
        (worker.facts.pulls_images && CanBePulled(question.image)))) {
    return false;
  }
  if (lost == Lost::kAccept || worker.lost_until_ns.empty()) return true;
  const auto until = worker.lost_until_ns.find(question.tenant);
  return until == worker.lost_until_ns.end() || until->second <= now_ns;
}

WorkerRegistry::Worker* WorkerRegistry::OfResident(const RouteQuestion& question,
                                                   const std::string& key, int64_t now_ns,
                                                   Full full) {
  const auto found = residents_.find(key);
  if (found == residents_.end()) return nullptr;
  for (const Residence& residence : found->second) {
    Worker* worker = residence.until_ns > now_ns ? ById(residence.worker) : nullptr;
    if (worker == nullptr || (full == Full::kPassOver && !worker->HasRoom())) continue;
    if (Serves(*worker, question, now_ns, Lost::kPassOver)) return worker;
  }
  return nullptr;
}

WorkerRegistry::Worker* WorkerRegistry::OfSticky(const RouteQuestion& question,
                                                 const std::string& key, int64_t now_ns) {
  const auto found = sticky_.find(key);
  if (found == sticky_.end()) return nullptr;
  std::vector<uint64_t>& ids = found->second.workers;
  for (auto id = ids.begin(); id != ids.end();) {
    Worker* worker = ById(*id);
    if (worker == nullptr) {
      id = ids.erase(id);
      continue;
    }
    if (worker->HasRoom() && Serves(*worker, question, now_ns, Lost::kPassOver)) return worker;
    ++id;
  }
  return nullptr;
}

WorkerRegistry::Worker* WorkerRegistry::LeastLoaded(Pool& pool, const RouteQuestion& question,
                                                    int64_t now_ns, Lost lost, bool* full) {
  Worker* best = nullptr;
  std::vector<Worker*> silent;
  for (auto rank = static_cast<size_t>(question.least_isolation_rank); rank < pool.size(); ++rank) {
    int looks = 0;
    for (const Standing& standing : pool[rank]) {
      if (looks >= kMaxLooks || (best != nullptr && best->standing < standing)) break;
      Worker* worker = ById(standing.id);
      if (!IsThere(*worker, now_ns)) {
        silent.push_back(worker);
        continue;
      }
      ++looks;
      if (!Serves(*worker, question, now_ns, lost)) continue;
      if (worker->HasRoom()) {
        best = worker;
        break;
      }
      *full = true;
    }
  }
  // Until they are heard of again, nobody needs to step over them. `pool` may go with the last.
  for (Worker* worker : silent) LeavePools(*worker);
  return best;
}

WorkerRegistry::Worker* WorkerRegistry::Choose(const RouteQuestion& question, int64_t now_ns,
                                               bool* full) {
  for (const Lost lost : {Lost::kPassOver, Lost::kAccept}) {
    if (const auto having = having_.find(question.image); having != having_.end()) {
      Worker* worker = LeastLoaded(having->second, question, now_ns, lost, full);
      if (worker != nullptr) return worker;
    }
    if (!CanBePulled(question.image)) continue;
    Worker* worker = LeastLoaded(pulling_, question, now_ns, lost, full);
    if (worker != nullptr) return worker;
  }
  return nullptr;
}

bool WorkerRegistry::AllEnded(const Residences& residences, int64_t now_ns) {
  return std::all_of(residences.begin(), residences.end(),
                     [now_ns](const Residence& each) { return each.until_ns < now_ns; });
}

void WorkerRegistry::Remember(const RouteQuestion& question, Worker& worker, int64_t now_ns) {
  ForgetRoutes(now_ns);
  Sticky& sticky = sticky_[StickyKey(question)];
  sticky.used_ns = now_ns;
  std::vector<uint64_t>& ids = sticky.workers;
  if (std::find(ids.begin(), ids.end(), worker.id) == ids.end()) {
    if (ids.size() >= kMaxSticky) ids.erase(ids.begin());
    ids.push_back(worker.id);
  }
  Residences& residences = residents_[ResidentKey(question)];
  const int64_t until_ns = now_ns + options_.route_for.count();
  const auto same = std::find_if(residences.begin(), residences.end(),
                                 [&worker](const auto& each) { return each.worker == worker.id; });
  if (same != residences.end()) {
    same->until_ns = until_ns;
  } else {
    const auto ended = [now_ns](const Residence& each) { return each.until_ns <= now_ns; };
    residences.erase(std::remove_if(residences.begin(), residences.end(), ended), residences.end());
    if (residences.size() >= kMaxResidences) residences.erase(residences.begin());
    residences.push_back({worker.id, until_ns});
  }
  ++worker.routed;
  LeavePools(worker);
  worker.standing.last_route = ++routes_;
  Restand(worker);
}

absl::StatusOr<RouteChoice> WorkerRegistry::Route(const RouteQuestion& question) {
  const std::lock_guard lock(mutex_);
  const int64_t now_ns = clock_.MonotonicNanoseconds();
  bool full = false;
  const std::string resident = ResidentKey(question);
  Worker* worker = OfResident(question, resident, now_ns, Full::kPassOver);
  if (worker == nullptr) worker = OfSticky(question, StickyKey(question), now_ns);
  if (worker == nullptr) worker = Choose(question, now_ns, &full);
  if (worker == nullptr) worker = OfResident(question, resident, now_ns, Full::kAccept);
  if (worker == nullptr) {
    return full ? absl::ResourceExhaustedError("every worker that could compile this is full")
                : absl::NotFoundError("no worker is there that could compile this");
  }
  Remember(question, *worker, now_ns);
  return RouteChoice{worker->facts.name, worker->facts.address, worker->facts.certificate_sha256,
                     worker->facts.certificate_pem, worker->facts.slots};
}

}  // namespace hpcc
