#include "dispatch/fallback.h"

#include "absl/strings/cord.h"
#include "base/strings.h"
#include "dispatch/grpc_call.h"

namespace hpcc {

namespace {

constexpr char kPayload[] = "hpcc.fallback-cause";
constexpr std::string_view kMissingBlobs = "blobs are missing";
constexpr std::string_view kImageHasOther = "the image has something else at ";
constexpr std::string_view kImageNotHere = "the image is not here: ";
// A refusal that ends sooner is about room, a later one about a quota.
constexpr std::chrono::milliseconds kRoomComesBack{6000};

std::string_view MessageOf(const absl::Status& status) {
  return {status.message().data(), status.message().size()};
}

// Of those that send the compile back: most say that worker and client have different worlds.
FallbackCause CauseOfPrecondition(std::string_view message) {
  if (StrContains(message, kMissingBlobs)) return FallbackCause::kMissingBlobs;
  if (StrContains(message, "limit of") || StrContains(message, "signal") ||
      StrContains(message, "less than it was asked")) {
    return FallbackCause::kOddResult;
  }
  if (StrContains(message, "__DATE__") || StrContains(message, "the time is used")) {
    return FallbackCause::kUnsuitable;
  }
  return FallbackCause::kImageDiffers;
}

}  // namespace

absl::Status Fallback(FallbackCause cause, std::string_view message) {
  absl::Status status = absl::UnavailableError(StrCat(message));
  status.SetPayload(kPayload, absl::Cord(StrCat(static_cast<int>(cause))));
  return status;
}

FallbackCause CauseOf(const absl::Status& status) {
  const auto payload = status.GetPayload(kPayload);
  if (!payload) return FallbackCause::kError;
  return FallbackCauseOf(static_cast<uint32_t>(std::stoul(std::string(*payload))));
}

bool IsMissingBlobs(const absl::Status& status) {
  return absl::IsFailedPrecondition(status) && StrContains(MessageOf(status), kMissingBlobs);
}

bool ImageHasOtherFiles(const absl::Status& fallback) {
  return CauseOf(fallback) == FallbackCause::kImageDiffers &&
         StrContains(MessageOf(fallback), kImageHasOther);
}

bool CannotGetImage(const absl::Status& status) {
  return absl::IsFailedPrecondition(status) && MessageOf(status).starts_with(kImageNotHere);
}

FallbackCause CauseOfWorkerError(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kUnavailable:
    case absl::StatusCode::kCancelled:
      return FallbackCause::kWorkerLost;
    case absl::StatusCode::kDeadlineExceeded:
      return FallbackCause::kTooSlow;
    case absl::StatusCode::kUnauthenticated:
      return FallbackCause::kNotSignedIn;
    case absl::StatusCode::kPermissionDenied:
      return FallbackCause::kRefused;
    case absl::StatusCode::kResourceExhausted: {
      if (MessageOf(status).starts_with(kImageNotHere)) return FallbackCause::kNoImage;
      const auto after = RetryAfter(status);
      return after && *after > kRoomComesBack ? FallbackCause::kQuota : FallbackCause::kBusy;
    }
    case absl::StatusCode::kFailedPrecondition:
      if (CannotGetImage(status)) return FallbackCause::kNoImage;
      return CauseOfPrecondition(MessageOf(status));
    case absl::StatusCode::kAborted:
      return FallbackCause::kChanged;
    default:
      return FallbackCause::kError;
  }
}

absl::Status WorkerFallback(const absl::Status& status) {
  absl::Status fallback = Fallback(CauseOfWorkerError(status), MessageOf(status));
  status.ForEachPayload(
      [&fallback](auto name, const absl::Cord& value) { fallback.SetPayload(name, value); });
  return fallback;
}

}  // namespace hpcc
