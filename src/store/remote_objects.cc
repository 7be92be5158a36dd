#include "store/remote_objects.h"

#include <algorithm>
#include <atomic>
#include <mutex>

#include "base/status.h"
#include "base/strings.h"
#include "base/units.h"
#include "store/background_worker.h"
#include "store/object_eviction.h"
#include "store/object_names.h"
#include "store/packed_value.h"
#include "store/verified_store.h"

namespace hpcc {

namespace {

using Verdict = CircuitBreaker::Verdict;

// Writes are waited for by nobody, so their time is worth less.
constexpr std::chrono::milliseconds kLostWriteTime{5000};
constexpr size_t kMostRefreshes = 1000;

// Failures that time does not mend by itself.
bool NeedsSomebody(const absl::Status& status) {
  return absl::IsUnauthenticated(status) || absl::IsPermissionDenied(status) ||
         absl::IsFailedPrecondition(status) || absl::IsInvalidArgument(status);
}

std::string_view EventName(SignatureProblem problem) {
  switch (problem) {
    case SignatureProblem::kUnsigned:
      return "remote-object-unsigned";
    case SignatureProblem::kUntrusted:
      return "remote-object-untrusted";
    case SignatureProblem::kForged:
      return "remote-object-forged";
    case SignatureProblem::kMalformed:
    case SignatureProblem::kNone:
      break;
  }
  return "remote-object-damaged";
}

std::string_view Describe(SignatureProblem problem) {
  switch (problem) {
    case SignatureProblem::kUnsigned:
      return "it has no signature, and trusted_keys is set";
    case SignatureProblem::kUntrusted:
      return "it is signed by a key that is not in trusted_keys";
    case SignatureProblem::kForged:
      return "its signature does not belong to it";
    case SignatureProblem::kMalformed:
      return "its signature is cut short or of another version";
    case SignatureProblem::kNone:
      break;
  }
  return "";
}

// One direction of the traffic: a breaker, and whether it has ever worked.
struct Direction {
  Direction(std::string_view what_it_is, const BreakerOptions& breaker_options)
      : what(what_it_is), options(breaker_options), breaker(breaker_options) {}

  const std::string_view what;  // for notices
  const BreakerOptions options;
  CircuitBreaker breaker;
  std::atomic<bool> worked{false};
};

BreakerOptions ForWrites(BreakerOptions options) {
  options.lost_time = std::max(options.lost_time, kLostWriteTime);
  return options;
}

}  // namespace

struct RemoteObjects::State {
  State(ObjectStore& remote, RemoteObjectsOptions remote_options, Clock& the_clock)
      : objects(remote),
        options(std::move(remote_options)),
        clock(the_clock),
        reads("reads", options.breaker),
        writes("writes", ForWrites(options.breaker)),
        eviction(remote, options.name_space, options.max_size, the_clock) {}

  ObjectStore& objects;
  const RemoteObjectsOptions options;
  Clock& clock;
  Direction reads;
  Direction writes;
  ObjectEviction eviction;
  std::atomic<bool> stopping{false};
  std::atomic<bool> can_refresh{true};
  mutable std::mutex mutex;
  RemoteMetrics metrics;  // what the others don't count themselves

  // Last: their tasks use everything above.
  BackgroundWorker prober{1};
  BackgroundWorker upkeep{kMostRefreshes};

  bool evicts() const { return options.max_size != 0 && !options.read_only; }
  std::string NameOf(const StoreKey& key) const { return ObjectName(options.name_space, key); }

  template <typename Change>
  void Count(const Change& change) {
    const std::lock_guard lock(mutex);
    change(metrics);
  }

  void Notice(std::string_view text) const {
    if (options.on_notice) options.on_notice(StrCat(objects.Description(), ": ", text));
  }

  // A call that came out as `status`; NotFound is a success.
  void Report(Direction& direction, int64_t began_ns, const absl::Status& status);
  void ReportProbe(Direction& direction, const absl::Status& status);
  absl::Status Suspended(const Direction& direction);
  void PostReadProbe(const std::string& name);

  absl::StatusOr<std::string> Open(const StoreKey& key, const std::string& name, std::string bytes,
                                   int64_t began_ns);
  absl::Status Reject(const std::string& name, std::string_view event, std::string_view detail);
  void NoteUse(const std::string& name, int64_t modified_ns);
  void NoteAdded(uint64_t bytes);
};

void RemoteObjects::State::Report(Direction& direction, int64_t began_ns,
                                  const absl::Status& status) {
  const bool fine = status.ok() || absl::IsNotFound(status);
  if (fine) direction.worked = true;
  int failures = fine ? 0 : 1;
  // What has never worked, for a reason that stays, needn't be tried more often.
  if (NeedsSomebody(status) && !direction.worked) failures = direction.options.failures_in_a_row;
  const auto pause = direction.breaker.Report(began_ns, clock.MonotonicNanoseconds(), failures);
  if (!pause) return;
  Notice(StrCat(direction.what, " are skipped for ", FormatDuration(*pause),
                " or longer: ", std::string(status.message())));
}

void RemoteObjects::State::ReportProbe(Direction& direction, const absl::Status& status) {
  const bool fine = status.ok() || absl::IsNotFound(status);
  if (fine) direction.worked = true;
  if (direction.breaker.ReportProbe(clock.MonotonicNanoseconds(), !fine)) {
    Notice(StrCat(direction.what, " work again"));
  }
}

absl::Status RemoteObjects::State::Suspended(const Direction& direction) {
  Count([](RemoteMetrics& m) { ++m.skipped; });
  return absl::UnavailableError(
      StrCat(objects.Description(), ": ", direction.what, " are suspended after failures"));
}

void RemoteObjects::State::PostReadProbe(const std::string& name) {
  const bool posted = prober.Post([this, name] { ReportProbe(reads, objects.Get(name).status()); });
  if (!posted) ReportProbe(reads, absl::UnavailableError("no room for a probe"));
}

absl::Status RemoteObjects::State::Reject(const std::string& name, std::string_view event,
                                          std::string_view detail) {
  Count([](RemoteMetrics& m) { ++m.rejected; });
  if (options.on_security_event) {
    options.on_security_event({std::string(event), name, std::string(detail)});
  }
  return absl::DataLossError(StrCat(objects.Description(), ": ", name, ": ", detail));
}

absl::StatusOr<std::string> RemoteObjects::State::Open(const StoreKey& key, const std::string& name,
                                                       std::string bytes, int64_t began_ns) {
  const OpenedValue opened = OpenSignedValue(options.trusted_keys, options.name_space, bytes);
  if (opened.problem != SignatureProblem::kNone) {
    // Whole, but somebody else's: the remote is not to blame, and the next one may be ours.
    Report(reads, began_ns, absl::OkStatus());
    return Reject(name, EventName(opened.problem), Describe(opened.problem));
  }
  bytes.erase(0, bytes.size() - opened.body.size());
  absl::StatusOr<std::string> sealed = UnpackValue(std::move(bytes));
  const absl::Status whole = sealed.ok() ? OpenSealedValue(key, *sealed).status() : sealed.status();
  Report(reads, began_ns, whole);
  if (!whole.ok()) {
    return Reject(name, EventName(SignatureProblem::kNone), std::string(whole.message()));
  }
  return sealed;
}

void RemoteObjects::State::NoteUse(const std::string& name, int64_t modified_ns) {
  if (!evicts() || modified_ns == 0 || !can_refresh) return;
  const int64_t age_ns = clock.NowNanoseconds() - modified_ns;
  if (age_ns < std::chrono::nanoseconds(kRefreshAfter).count()) return;
  upkeep.Post([this, name] {
    if (stopping || !can_refresh) return;
    const absl::Status status = objects.Refresh(name);
    if (absl::IsUnimplemented(status) || NeedsSomebody(status)) can_refresh = false;
  });
}

void RemoteObjects::State::NoteAdded(uint64_t bytes) {
  if (!evicts() || !eviction.Added(bytes)) return;
  upkeep.Post([this] {
    const absl::Status status = eviction.Run(stopping);
    if (!status.ok()) {
      Notice(StrCat("max_size can't be kept: ", std::string(status.message())));
    }
  });
}

absl::StatusOr<std::unique_ptr<RemoteObjects>> RemoteObjects::Make(ObjectStore& objects,
                                                                   RemoteObjectsOptions options,
                                                                   Clock& clock) {
  if (!IsObjectNamespace(options.name_space)) {
    return absl::InvalidArgumentError("namespace: expected 1 to 64 of A-Z a-z 0-9 . _ -");
  }
  return std::unique_ptr<RemoteObjects>(
      new RemoteObjects(std::make_unique<State>(objects, std::move(options), clock)));
}

RemoteObjects::RemoteObjects(std::unique_ptr<State> state) : state_(std::move(state)) {}

RemoteObjects::~RemoteObjects() {
  state_->stopping = true;
}

absl::StatusOr<std::string> RemoteObjects::Get(const StoreKey& key) {
  State& s = *state_;
  const std::string name = s.NameOf(key);
  const int64_t began = s.clock.MonotonicNanoseconds();
  const Verdict verdict = s.reads.breaker.Ask(began);
  if (verdict == Verdict::kProbe) s.PostReadProbe(name);
  if (verdict != Verdict::kGo) return s.Suspended(s.reads);

  absl::StatusOr<Object> object = s.objects.Get(name);
  const std::chrono::nanoseconds took(s.clock.MonotonicNanoseconds() - began);
  if (!object.ok()) {
    s.Report(s.reads, began, object.status());
    s.Count([&](RemoteMetrics& m) {
      if (!absl::IsNotFound(object.status())) {
        ++m.read_errors;
        return;
      }
      ++m.misses;
      m.miss_latency.Add(took);
    });
    return object.status();
  }
  const uint64_t size = object->bytes.size();
  s.Count([&](RemoteMetrics& m) { m.bytes_received += size; });
  absl::StatusOr<std::string> sealed = s.Open(key, name, std::move(object->bytes), began);
  if (!sealed.ok()) return sealed;
  s.Count([&](RemoteMetrics& m) {
    ++m.hits;
    m.hit_latency.Add(took);
  });
  s.NoteUse(name, object->modified_ns);
  return sealed;
}

absl::Status RemoteObjects::Put(const StoreKey& key, std::string_view sealed) {
  State& s = *state_;
  if (s.options.read_only) return absl::PermissionDeniedError("the tier is read_only");
  if (!OpenSealedValue(key, sealed).ok()) {
    return absl::InvalidArgumentError("the value is not sealed for its key");
  }
  const int64_t began = s.clock.MonotonicNanoseconds();
  const Verdict verdict = s.writes.breaker.Ask(began);
  if (verdict == Verdict::kSkip) return s.Suspended(s.writes);
  const std::string packed = PackValue(sealed);
  std::string_view object = packed.empty() ? sealed : packed;
  std::string signed_value;
  if (s.options.signer) {
    signed_value = SignValue(*s.options.signer, s.options.name_space, object);
    object = signed_value;
  }
  const absl::Status status = s.objects.Put(s.NameOf(key), object);
  if (verdict == Verdict::kProbe) {
    s.ReportProbe(s.writes, status);
  } else {
    s.Report(s.writes, began, status);
  }
  const std::chrono::nanoseconds took(s.clock.MonotonicNanoseconds() - began);
  s.Count([&](RemoteMetrics& m) {
    if (!status.ok()) {
      ++m.write_errors;
      return;
    }
    ++m.writes;
    m.bytes_sent += object.size();
    m.write_latency.Add(took);
  });
  if (status.ok()) s.NoteAdded(object.size());
  return status;
}

absl::Status RemoteObjects::Touch(const StoreKey&) {
  return absl::OkStatus();
}

absl::Status RemoteObjects::Remove(const StoreKey& key) {
  State& s = *state_;
  if (s.options.read_only) return absl::PermissionDeniedError("the tier is read_only");
  return s.objects.Remove(s.NameOf(key));
}

absl::StatusOr<bool> RemoteObjects::Exists(const StoreKey& key) {
  State& s = *state_;
  const int64_t began = s.clock.MonotonicNanoseconds();
  const Verdict verdict = s.reads.breaker.Ask(began);
  const std::string name = s.NameOf(key);
  if (verdict == Verdict::kProbe) s.PostReadProbe(name);
  if (verdict != Verdict::kGo) return s.Suspended(s.reads);
  const absl::StatusOr<bool> exists = s.objects.Exists(name);
  s.Report(s.reads, began, exists.status());
  return exists;
}

absl::Status RemoteObjects::ForEach(StoreNamespace ns,
                                    const std::function<bool(const Entry&)>& visit) {
  State& s = *state_;
  const std::string prefix = ObjectPrefix(s.options.name_space, ns);
  std::string continuation;
  do {
    HPCC_ASSIGN_OR_RETURN(const ListPage page, s.objects.List(prefix, continuation));
    for (const ObjectInfo& object : page.objects) {
      const std::optional<StoreKey> key = ParseObjectName(s.options.name_space, object.name);
      if (key && !visit({*key, object.size, object.modified_ns})) return absl::OkStatus();
    }
    continuation = page.continuation;
  } while (!continuation.empty());
  return absl::OkStatus();
}

absl::Status RemoteObjects::Check() {
  return state_->objects.Check(ObjectPrefix(state_->options.name_space),
                               !state_->options.read_only);
}

RemoteMetrics RemoteObjects::Metrics() const {
  const State& s = *state_;
  RemoteMetrics metrics;
  {
    const std::lock_guard lock(s.mutex);
    metrics = s.metrics;
  }
  metrics.evicted = s.eviction.evicted();
  metrics.estimated_size = s.evicts() ? s.eviction.estimated_size() : 0;
  metrics.suspensions = s.reads.breaker.suspensions() + s.writes.breaker.suspensions();
  metrics.reads_suspended = s.reads.breaker.suspended();
  metrics.writes_suspended = s.writes.breaker.suspended();
  return metrics;
}

bool RemoteObjects::WaitUntilIdle(std::chrono::milliseconds patience) {
  const int64_t deadline =
      Clock::Real().MonotonicNanoseconds() + std::chrono::nanoseconds(patience).count();
  if (!state_->prober.WaitUntilIdle(patience)) return false;
  const int64_t left_ns = std::max<int64_t>(0, deadline - Clock::Real().MonotonicNanoseconds());
  return state_->upkeep.WaitUntilIdle(std::chrono::milliseconds(left_ns / 1'000'000));
}

std::string RemoteObjects::NameOf(const StoreKey& key) const {
  return state_->NameOf(key);
}

}  // namespace hpcc
