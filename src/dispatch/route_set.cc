#include "dispatch/route_set.h"

#include <algorithm>
#include <tuple>

namespace hpcc {

namespace {

constexpr int64_t kSecond = 1'000'000'000;
constexpr int64_t kLastsSeconds = 30;  // a route that ends sooner is of no use
constexpr int64_t kIdleNs = 60 * kSecond;

bool Contains(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

}  // namespace

std::optional<TakenRoute> RouteSet::Take(const std::vector<std::string>& avoid, Room room) {
  const std::lock_guard lock(mutex_);
  const int64_t now_ns = clock_.MonotonicNanoseconds();
  DropOld(now_ns);
  Held* held = WithPlace(avoid, now_ns);
  if (held == nullptr && room == Room::kAny) held = LeastBusy(avoid, now_ns);
  if (held == nullptr) return std::nullopt;
  held->used_ns = now_ns;
  return std::optional<TakenRoute>(std::in_place, held->route);
}

void RouteSet::DropOld(int64_t now_ns) {
  const int64_t now_s = clock_.NowNanoseconds() / kSecond;
  std::erase_if(
      held_, [now_s](const Held& held) { return held.route.expires_s - kLastsSeconds <= now_s; });
  if (held_.empty()) return;
  const auto idle = [now_ns](const Held& held) {
    return held.route.link->compiles == 0 && now_ns - held.used_ns > kIdleNs;
  };
  held_.erase(std::remove_if(held_.begin() + 1, held_.end(), idle), held_.end());
}

RouteSet::Held* RouteSet::WithPlace(const std::vector<std::string>& avoid, int64_t now_ns) {
  for (Held& held : held_) {
    const WorkerLink& link = *held.route.link;
    const bool has_place = held.busy_until_ns <= now_ns && link.compiles < held.route.slots;
    if (has_place && !Contains(avoid, link.name)) return &held;
  }
  return nullptr;
}

RouteSet::Held* RouteSet::LeastBusy(const std::vector<std::string>& avoid, int64_t now_ns) {
  Held* best = nullptr;
  const auto rank = [now_ns](const Held& held) {
    return std::make_tuple(held.busy_until_ns > now_ns,
                           static_cast<double>(held.route.link->compiles) / held.route.slots);
  };
  for (Held& held : held_) {
    if (Contains(avoid, held.route.link->name)) continue;
    if (best == nullptr || rank(held) < rank(*best)) best = &held;
  }
  return best;
}

void RouteSet::Add(WorkerRoute route) {
  const std::lock_guard lock(mutex_);
  const int64_t now_ns = clock_.MonotonicNanoseconds();
  route.slots = std::clamp(route.slots, 1, kMostSlots);
  for (Held& held : held_) {
    if (held.route.link->name != route.link->name) continue;
    held = {std::move(route), now_ns, 0};
    return;
  }
  if (held_.size() < kMax) held_.push_back({std::move(route), now_ns, 0});
}

void RouteSet::Drop(const WorkerRoute& route) {
  const std::lock_guard lock(mutex_);
  std::erase_if(held_, [&route](const Held& held) { return held.route.token == route.token; });
}

void RouteSet::MarkBusy(const WorkerRoute& route, std::chrono::milliseconds length) {
  const std::lock_guard lock(mutex_);
  for (Held& held : held_) {
    if (held.route.token != route.token) continue;
    held.busy_until_ns = clock_.MonotonicNanoseconds() + std::chrono::nanoseconds(length).count();
  }
}

std::vector<std::string> RouteSet::workers() const {
  const std::lock_guard lock(mutex_);
  std::vector<std::string> names;
  for (const Held& held : held_) names.push_back(held.route.link->name);
  return names;
}

int RouteSet::slots() const {
  const std::lock_guard lock(mutex_);
  int sum = 0;
  for (const Held& held : held_) sum += held.route.slots;
  return std::min(sum, kMostSlots);
}

}  // namespace hpcc
