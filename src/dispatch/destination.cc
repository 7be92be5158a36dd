#include "dispatch/destination.h"

#include <algorithm>
#include <utility>

#include "auth/certificate.h"
#include "base/logging.h"
#include "base/status.h"
#include "base/strings.h"
#include "dispatch/fallback.h"
#include "remote/compile_client.h"

namespace hpcc {

namespace {

using std::chrono::milliseconds;

constexpr milliseconds kFirstPause{5000};
constexpr milliseconds kLongestPause{60'000};
constexpr milliseconds kStep{250};
// That there are no more workers is believed for a while.
constexpr int64_t kNoMoreForNs = 5'000'000'000;
constexpr milliseconds kBusyFor{500};
constexpr milliseconds kLongestBusy{5000};
constexpr size_t kMaxLinks = 256;

// Whether the cause keeps every other compile from being remote, too.
bool ConcernsAll(FallbackCause cause) {
  switch (cause) {
    case FallbackCause::kNoScheduler:
    case FallbackCause::kNotSignedIn:
    case FallbackCause::kNoWorker:
    case FallbackCause::kCertificate:
    case FallbackCause::kWorkerLost:
    case FallbackCause::kNoImage:
    case FallbackCause::kQuota:
      return true;
    default:
      return false;
  }
}

// Worth a notice, though only once: others may go well.
bool IsNoteworthy(FallbackCause cause) {
  return cause == FallbackCause::kImageDiffers || cause == FallbackCause::kMissingBlobs ||
         cause == FallbackCause::kTooSlow;
}

std::string MessageOf(const absl::Status& status) {
  return std::string(status.message());
}

}  // namespace

Destination::Destination(FileSystem& fs, Clock& clock, RemoteSettings settings,
                         std::string local_directory)
    : fs_(fs),
      clock_(clock),
      settings_(std::move(settings)),
      local_directory_(std::move(local_directory)),
      sign_in_(fs, clock, settings_, local_directory_),
      outage_(kFirstPause, kLongestPause),
      routes_(clock) {}

absl::StatusOr<Outage::Turn> Destination::TakeTurn() {
  return outage_.Ask(clock_.MonotonicNanoseconds());
}

void Destination::Report(const absl::Status& status) {
  const int64_t now_ns = clock_.MonotonicNanoseconds();
  if (status.ok()) {
    if (outage_.Succeeded(now_ns)) Note("workers compile again");
    return;
  }
  const FallbackCause cause = CauseOf(status);
  const std::string text = StrCat(FallbackCauseText(cause), ": ", MessageOf(status));
  if (!ConcernsAll(cause)) {
    // Whoever was to find out whether the outage is over got as far as a worker.
    if (cause != FallbackCause::kError) outage_.Succeeded(now_ns);
    if (IsNoteworthy(cause)) Note(FallbackCauseText(cause));
    return;
  }
  const milliseconds pause = RetryAfter(status).value_or(milliseconds(0));
  if (outage_.Failed(status, now_ns, pause)) Note(text);
}

void Destination::Note(std::string_view text) {
  WriteCompileNotice(fs_, clock_, local_directory_, StrCat(settings_.scheduler, ": ", text));
}

Slots::Slot Destination::TakeSlot(milliseconds patience, const GoOn& go_on) {
  if (Slots::Slot slot = slots_.Take(milliseconds(0), go_on)) return slot;
  {
    const std::unique_lock lock(mutex_, std::try_to_lock);
    // The first route is asked for by those that have a slot.
    if (lock.owns_lock() && !routes_.workers().empty()) FindMore({}, go_on).IgnoreError();
  }
  return slots_.Take(patience, go_on);
}

absl::StatusOr<TakenRoute> Destination::Route(const std::vector<std::string>& avoid,
                                              const GoOn& go_on) {
  using Room = RouteSet::Room;
  if (auto taken = routes_.Take(avoid, Room::kFree)) return *std::move(taken);
  std::unique_lock lock(mutex_, std::defer_lock);
  while (!lock.try_lock_for(kStep)) {
    if (!go_on()) return Fallback(FallbackCause::kError, "nobody waits for it");
    // Whoever asks may have met a scheduler that hangs: then what is at hand has to do.
    if (auto taken = routes_.Take(avoid, Room::kAny)) return *std::move(taken);
  }
  // Somebody else may have found another one meanwhile, or be quicker to take what is found here.
  absl::Status found = absl::OkStatus();
  for (size_t i = 0; i < RouteSet::kMax && found.ok(); ++i) {
    if (auto taken = routes_.Take(avoid, Room::kFree)) return *std::move(taken);
    found = FindMore(avoid, go_on);
  }
  if (auto taken = routes_.Take(avoid, Room::kAny)) return *std::move(taken);
  return found.ok() ? Fallback(FallbackCause::kBusy, "others were quicker") : found;
}

void Destination::MarkBusy(const WorkerRoute& route, const absl::Status& answer) {
  const milliseconds after = RetryAfter(answer).value_or(kBusyFor);
  routes_.MarkBusy(route, std::clamp(after, kBusyFor, kLongestBusy));
}

absl::Status Destination::FindMore(const std::vector<std::string>& avoid, const GoOn& go_on) {
  std::vector<std::string> others = routes_.workers();
  const bool at_hand = !others.empty();
  const int64_t now_ns = clock_.MonotonicNanoseconds();
  if (at_hand && (others.size() >= RouteSet::kMax || now_ns < no_more_until_ns_)) {
    return Fallback(FallbackCause::kBusy, "there are no more workers");
  }
  others.insert(others.end(), avoid.begin(), avoid.end());
  absl::StatusOr<WorkerRoute> route = AskScheduler(others, go_on);
  if (route.ok() && std::find(others.begin(), others.end(), route->link->name) != others.end()) {
    // A scheduler of before there was `avoid_workers` looks at one name only.
    route = Fallback(FallbackCause::kNoWorker, "the scheduler names no other worker");
  }
  if (!route.ok()) {
    if (at_hand) no_more_until_ns_ = now_ns + kNoMoreForNs;
    return route.status();
  }
  routes_.Add(*std::move(route));
  slots_.SetCapacity(routes_.slots());
  return absl::OkStatus();
}

absl::Status Destination::SchedulerError(const absl::Status& status) const {
  const std::string message = MessageOf(status);
  switch (status.code()) {
    case absl::StatusCode::kUnauthenticated:
    case absl::StatusCode::kPermissionDenied:
      return Fallback(FallbackCause::kNotSignedIn, message);
    case absl::StatusCode::kUnavailable:
      if (StrContains(message, "certificate") || StrContains(message, "CERTIFICATE")) {
        return Fallback(FallbackCause::kCertificate, message);
      }
      return Fallback(
          scheduler_->IsConnected() ? FallbackCause::kNoWorker : FallbackCause::kNoScheduler,
          message);
    case absl::StatusCode::kNotFound:
    case absl::StatusCode::kResourceExhausted:
    case absl::StatusCode::kFailedPrecondition:
      return Fallback(FallbackCause::kNoWorker, message);
    default:
      return Fallback(FallbackCause::kNoScheduler, message);
  }
}

absl::StatusOr<scheduler_v1::RouteResponse> Destination::AskForRoute(
    const std::vector<std::string>& avoid, const GoOn& go_on) {
  absl::StatusOr<scheduler_v1::RouteResponse> route = absl::UnauthenticatedError("");
  // A session may end before its time: with the scheduler's key, for one.
  for (int attempt = 0; attempt < 2 && absl::IsUnauthenticated(route.status()); ++attempt) {
    absl::StatusOr<std::string> session = sign_in_.Session(*scheduler_, go_on);
    if (!session.ok()) return SchedulerError(session.status());
    route = scheduler_->Route(*session, settings_.image, avoid, go_on);
    if (absl::IsUnauthenticated(route.status())) sign_in_.Forget(*session);
  }
  if (!route.ok()) return SchedulerError(route.status());
  return route;
}

absl::StatusOr<WorkerRoute> Destination::AskScheduler(const std::vector<std::string>& avoid,
                                                      const GoOn& go_on) {
  if (scheduler_ == nullptr) {
    absl::StatusOr<std::unique_ptr<SchedulerClient>> made =
        SchedulerClient::Make(fs_, settings_.scheduler, settings_.ca_file);
    if (!made.ok()) return Fallback(FallbackCause::kNoScheduler, MessageOf(made.status()));
    scheduler_ = *std::move(made);
  }
  HPCC_ASSIGN_OR_RETURN(const scheduler_v1::RouteResponse route, AskForRoute(avoid, go_on));
  if (!route.certificate_pem().empty()) {
    const absl::StatusOr<std::string> found = CertificateFingerprint(route.certificate_pem());
    if (!found.ok() || *found != NormalizeFingerprint(route.certificate_sha256())) {
      return Fallback(FallbackCause::kCertificate, "the scheduler names two certificates");
    }
  }
  return WorkerRoute{LinkTo(route), route.token(), route.expires_s(),
                     static_cast<int>(std::min<uint32_t>(route.slots(), kMostSlots))};
}

std::shared_ptr<WorkerLink> Destination::LinkTo(const scheduler_v1::RouteResponse& route) {
  if (links_.size() >= kMaxLinks) links_.clear();
  std::shared_ptr<WorkerLink>& link =
      links_[StrCat(route.worker(), "\n", route.address(), "\n", route.certificate_sha256())];
  if (link == nullptr) {
    link =
        std::make_shared<WorkerLink>(route.worker(), route.address(), route.certificate_sha256());
  }
  return link;
}

}  // namespace hpcc
