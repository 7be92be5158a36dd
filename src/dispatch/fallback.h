#ifndef HPCC_DISPATCH_FALLBACK_H_
#define HPCC_DISPATCH_FALLBACK_H_

// Errors that say which fallback they lead to.

#include <string_view>

#include "absl/status/status.h"
#include "remote/fallback_cause.h"

namespace hpcc {

absl::Status Fallback(FallbackCause cause, std::string_view message);
// kError for an error that Fallback did not make.
FallbackCause CauseOf(const absl::Status& status);

// What a call to a worker that ended with `status` leads to (worker.proto says how workers put it).
FallbackCause CauseOfWorkerError(const absl::Status& status);
absl::Status WorkerFallback(const absl::Status& status);
// What a worker says in front when it lacks blobs it was believed to have.
bool IsMissingBlobs(const absl::Status& status);
// Of WorkerFallback()'s: that the image has something else where the client's compile found, or
// didn't find, a file.
bool ImageHasOtherFiles(const absl::Status& fallback);
// That it can't get the image of the client's configuration; another worker may.
bool CannotGetImage(const absl::Status& status);

}  // namespace hpcc

#endif  // HPCC_DISPATCH_FALLBACK_H_
