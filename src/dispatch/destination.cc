#include "dispatch/destination.h"

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
constexpr int64_t kLastsSeconds = 30;  // a route that ends sooner is renewed
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
      outage_(kFirstPause, kLongestPause) {}

std::optional<absl::Status> Destination::Blocked() {
  return outage_.Ask(clock_.MonotonicNanoseconds());
}

void Destination::Report(const absl::Status& status) {
  if (status.ok()) {
    if (outage_.Succeeded()) Note("workers compile again");
    return;
  }
  const FallbackCause cause = CauseOf(status);
  const std::string text = StrCat(FallbackCauseText(cause), ": ", MessageOf(status));
  if (!ConcernsAll(cause)) {
    // Whoever was to find out whether the outage is over got as far as a worker.
    if (cause != FallbackCause::kError) outage_.Succeeded();
    if (IsNoteworthy(cause)) Note(FallbackCauseText(cause));
    return;
  }
  const milliseconds pause = RetryAfter(status).value_or(milliseconds(0));
  if (outage_.Failed(status, clock_.MonotonicNanoseconds(), pause)) Note(text);
}

void Destination::Note(std::string_view text) {
  WriteCompileNotice(fs_, clock_, local_directory_, StrCat(settings_.scheduler, ": ", text));
}

absl::StatusOr<WorkerRoute> Destination::Route(const std::string& avoid, const GoOn& go_on) {
  std::unique_lock lock(mutex_, std::defer_lock);
  while (!lock.try_lock_for(kStep)) {
    if (!go_on()) return Fallback(FallbackCause::kError, "nobody waits for it");
  }
  const int64_t now_s = clock_.NowNanoseconds() / 1'000'000'000;
  const bool good = route_.link != nullptr && route_.expires_s - kLastsSeconds > now_s &&
                    (avoid.empty() || route_.link->name != avoid);
  if (good) return route_;
  absl::StatusOr<WorkerRoute> route = AskScheduler(avoid, go_on);
  if (route.ok()) route_ = *route;
  return route;
}

void Destination::Drop(const WorkerRoute& route) {
  const std::unique_lock lock(mutex_, kStep);
  // Whoever holds it this long is getting another.
  if (lock.owns_lock() && route_.token == route.token) route_ = WorkerRoute();
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

absl::StatusOr<scheduler_v1::RouteResponse> Destination::AskForRoute(const std::string& avoid,
                                                                     const GoOn& go_on) {
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

absl::StatusOr<WorkerRoute> Destination::AskScheduler(const std::string& avoid, const GoOn& go_on) {
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
  slots_.SetCapacity(static_cast<int>(std::min<uint32_t>(route.slots(), kMostSlots)));
  return WorkerRoute{LinkTo(route), route.token(), route.expires_s()};
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
