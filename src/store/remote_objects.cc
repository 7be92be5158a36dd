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
// Bytes a second: as long as a body comes at least so fast, the answer is not slow.
constexpr double kSwiftBody = 4 << 20;

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

// When an answer with a body of so many bytes began, as far as its slowness is concerned.
int64_t BeganWithout(uint64_t body, int64_t began_ns, int64_t now_ns) {
  const auto body_ns = static_cast<int64_t>(static_cast<double>(body) / kSwiftBody * 1e9);
  return std::min(now_ns, began_ns + body_ns);
}

// One direction of the traffic: a breaker, and whether it has ever worked.
struct Direction {
  Direction(std::string_view what_it_is, const BreakerOptions& breaker_options)
      : what(what_it_is), options(breaker_options), breaker(breaker_options) {}

  const std::string_view what;  // for notices
  const BreakerOptions options;
  CircuitBreaker breaker;
  std::atomic<bool> worked{false};
  std::atomic<bool> needs_somebody{false};  // so the last failure said

  void Note(const absl::Status& status) {
    const bool fine = status.ok() || absl::IsNotFound(status);
    if (fine) worked = true;
    needs_somebody = !fine && NeedsSomebody(status);
  }
  // Has never worked, for a reason that stays: time won't help.
  bool hopeless() const { return needs_somebody && !worked; }
};

BreakerOptions ForWrites(BreakerOptions options) {
  options.lost_time = std::max(options.lost_time, kLostWriteTime);
  options.slow_answer = std::chrono::milliseconds(0);
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
  void ReportProbe(Direction& direction, int64_t began_ns, const absl::Status& status);
  absl::Status Suspended(const Direction& direction);
  void PostReadProbe(const std::string& name);

  absl::StatusOr<std::string> Fetch(const StoreKey& key, const std::string& name, bool walk);
  absl::StatusOr<std::string> Open(const StoreKey& key, const std::string& name, std::string bytes,
                                   const std::function<void(const absl::Status&)>& report);
  absl::Status Send(const StoreKey& key, std::string_view sealed,
                    const std::function<void(const absl::Status&)>& report);
  absl::Status CheckWritable(const StoreKey& key, std::string_view sealed) const;
  absl::Status Reject(const std::string& name, std::string_view event, std::string_view detail);
  void NoteUse(const std::string& name, int64_t modified_ns);
  void NoteAdded(uint64_t bytes);
};

void RemoteObjects::State::Report(Direction& direction, int64_t began_ns,
                                  const absl::Status& status) {
  direction.Note(status);
  const bool fine = status.ok() || absl::IsNotFound(status);
  int failures = fine ? 0 : 1;
  // What has never worked, for a reason that stays, needn't be tried more often.
  if (direction.hopeless()) failures = direction.options.failures_in_a_row;
  const int64_t now_ns = clock.MonotonicNanoseconds();
  const auto pause = direction.breaker.Report(began_ns, now_ns, failures);
  if (!pause) return;
  Notice(StrCat(direction.what, " are skipped for ", FormatDuration(*pause),
                " or longer: ", fine ? "its answers are too slow" : std::string(status.message())));
}

void RemoteObjects::State::ReportProbe(Direction& direction, int64_t began_ns,
                                       const absl::Status& status) {
  direction.Note(status);
  const bool failed = !status.ok() && !absl::IsNotFound(status);
  if (direction.breaker.ReportProbe(began_ns, clock.MonotonicNanoseconds(), failed)) {
    Notice(StrCat(direction.what, " work again"));
  }
}

absl::Status RemoteObjects::State::Suspended(const Direction& direction) {
  Count([](RemoteMetrics& m) { ++m.skipped; });
  return absl::UnavailableError(
      StrCat(objects.Description(), ": ", direction.what, " are suspended after failures"));
}

void RemoteObjects::State::PostReadProbe(const std::string& name) {
  const bool posted = prober.Post([this, name] {
    const int64_t began_ns = clock.MonotonicNanoseconds();
    const absl::StatusOr<Object> object = objects.Get(name);
    const uint64_t size = object.ok() ? object->bytes.size() : 0;
    ReportProbe(reads, BeganWithout(size, began_ns, clock.MonotonicNanoseconds()), object.status());
  });
  if (posted) return;
  ReportProbe(reads, clock.MonotonicNanoseconds(), absl::UnavailableError("no room for a probe"));
}

absl::Status RemoteObjects::State::Reject(const std::string& name, std::string_view event,
                                          std::string_view detail) {
  Count([](RemoteMetrics& m) { ++m.rejected; });
  if (options.on_security_event) {
    options.on_security_event({std::string(event), name, std::string(detail)});
  }
  return absl::DataLossError(StrCat(objects.Description(), ": ", name, ": ", detail));
}

absl::StatusOr<std::string> RemoteObjects::State::Open(
    const StoreKey& key, const std::string& name, std::string bytes,
    const std::function<void(const absl::Status&)>& report) {
  const OpenedValue opened = OpenSignedValue(options.trusted_keys, options.name_space, bytes);
  if (opened.problem != SignatureProblem::kNone) {
    // Whole, but somebody else's: the remote is not to blame, and the next one may be ours.
    report(absl::OkStatus());
    return Reject(name, EventName(opened.problem), Describe(opened.problem));
  }
  bytes.erase(0, bytes.size() - opened.body.size());
  absl::StatusOr<std::string> sealed = UnpackValue(std::move(bytes));
  const absl::Status whole = sealed.ok() ? OpenSealedValue(key, *sealed).status() : sealed.status();
  report(whole);
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

absl::StatusOr<std::string> RemoteObjects::State::Fetch(const StoreKey& key,
                                                        const std::string& name, bool walk) {
  const int64_t began = clock.MonotonicNanoseconds();
  absl::StatusOr<Object> object = objects.Get(name);
  const int64_t ended = clock.MonotonicNanoseconds();
  const std::chrono::nanoseconds took(ended - began);
  const uint64_t size = object.ok() ? object->bytes.size() : 0;
  const auto report = [&](const absl::Status& status) {
    if (!walk) Report(reads, BeganWithout(size, began, ended), status);
  };
  if (!object.ok()) {
    report(object.status());
    Count([&](RemoteMetrics& m) {
      if (!absl::IsNotFound(object.status())) {
        ++m.read_errors;
        return;
      }
      ++m.misses;
      m.miss_latency.Add(took);
    });
    return object.status();
  }
  Count([&](RemoteMetrics& m) { m.bytes_received += size; });
  absl::StatusOr<std::string> sealed = Open(key, name, std::move(object->bytes), report);
  if (!sealed.ok()) return sealed;
  Count([&](RemoteMetrics& m) {
    ++m.hits;
    m.hit_latency.Add(took);
  });
  if (!walk) NoteUse(name, object->modified_ns);
  return sealed;
}

absl::Status RemoteObjects::State::CheckWritable(const StoreKey& key,
                                                 std::string_view sealed) const {
  if (options.read_only) return absl::PermissionDeniedError("the tier is read_only");
  if (!OpenSealedValue(key, sealed).ok()) {
    return absl::InvalidArgumentError("the value is not sealed for its key");
  }
  return absl::OkStatus();
}

absl::Status RemoteObjects::State::Send(const StoreKey& key, std::string_view sealed,
                                        const std::function<void(const absl::Status&)>& report) {
  const int64_t began = clock.MonotonicNanoseconds();
  const std::string packed = PackValue(sealed);
  std::string_view object = packed.empty() ? sealed : packed;
  std::string signed_value;
  if (options.signer) {
    signed_value = SignValue(*options.signer, options.name_space, object);
    object = signed_value;
  }
  const absl::Status status = objects.Put(NameOf(key), object);
  report(status);
  const std::chrono::nanoseconds took(clock.MonotonicNanoseconds() - began);
  Count([&](RemoteMetrics& m) {
    if (!status.ok()) {
      ++m.write_errors;
      return;
    }
    ++m.writes;
    m.bytes_sent += object.size();
    m.write_latency.Add(took);
  });
  if (status.ok()) NoteAdded(object.size());
  return status;
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
  const Verdict verdict = s.reads.breaker.Ask(s.clock.MonotonicNanoseconds());
  if (verdict == Verdict::kProbe) s.PostReadProbe(name);
  if (verdict != Verdict::kGo) return s.Suspended(s.reads);
  return s.Fetch(key, name, /*walk=*/false);
}

absl::StatusOr<std::string> RemoteObjects::WalkGet(const StoreKey& key) {
  return state_->Fetch(key, state_->NameOf(key), /*walk=*/true);
}

absl::Status RemoteObjects::Put(const StoreKey& key, std::string_view sealed) {
  return TryPut(key, sealed).status;
}

PutOutcome RemoteObjects::TryPut(const StoreKey& key, std::string_view sealed) {
  State& s = *state_;
  const absl::Status writable = s.CheckWritable(key, sealed);
  if (!writable.ok()) return {writable, /*tried=*/false, /*worth_another=*/false};
  const int64_t began = s.clock.MonotonicNanoseconds();
  const Verdict verdict = s.writes.breaker.Ask(began);
  if (verdict == Verdict::kSkip) {
    return {s.Suspended(s.writes), /*tried=*/false, /*worth_another=*/!s.writes.hopeless()};
  }
  const absl::Status status = s.Send(key, sealed, [&](const absl::Status& sent) {
    if (verdict == Verdict::kProbe) {
      s.ReportProbe(s.writes, began, sent);
    } else {
      s.Report(s.writes, began, sent);
    }
  });
  const bool never = absl::IsResourceExhausted(status) || absl::IsUnimplemented(status);
  return {status, /*tried=*/true, !status.ok() && !never && !s.writes.hopeless()};
}

absl::Status RemoteObjects::WalkPut(const StoreKey& key, std::string_view sealed) {
  const absl::Status writable = state_->CheckWritable(key, sealed);
  if (!writable.ok()) return writable;
  return state_->Send(key, sealed, [](const absl::Status&) {});
}

std::chrono::nanoseconds RemoteObjects::WritesHeldUpFor() const {
  return state_->writes.breaker.HeldUpFor(state_->clock.MonotonicNanoseconds());
}

bool RemoteObjects::WritesAreHopeless() const {
  return state_->writes.hopeless();
}

void RemoteObjects::CountDropped() {
  state_->Count([](RemoteMetrics& m) { ++m.dropped; });
}

absl::Status RemoteObjects::Touch(const StoreKey&) {
  return absl::OkStatus();
}

absl::Status RemoteObjects::Remove(const StoreKey& key) {
  State& s = *state_;
  if (s.options.read_only) return absl::PermissionDeniedError("the tier is read_only");
  return s.objects.Remove(s.NameOf(key));
}

absl::StatusOr<bool> RemoteObjects::WalkExists(const StoreKey& key) {
  return state_->objects.Exists(state_->NameOf(key));
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
