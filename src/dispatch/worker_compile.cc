#include "dispatch/worker_compile.h"

#include <zstd.h>

#include <algorithm>
#include <thread>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "base/path.h"
#include "base/status.h"
#include "base/strings.h"
#include "dispatch/fallback.h"

namespace hpcc {

namespace {

using std::chrono::milliseconds;

constexpr int kManifestLevel = 1;
// With workers. Only one may fail otherwise than by being busy before the compile is given up.
constexpr int kAttempts = 3;
constexpr int kRounds = 3;  // of claiming blobs that others failed to send
constexpr milliseconds kUploadPlacePatience{120'000};
constexpr int kUploadAttempts = 4;
constexpr milliseconds kLongestUploadPause{2000};
constexpr milliseconds kStep{100};

absl::StatusOr<std::string> CompressedManifest(const std::string& manifest) {
  std::string frame(ZSTD_compressBound(manifest.size()), '\0');
  const size_t size =
      ZSTD_compress(frame.data(), frame.size(), manifest.data(), manifest.size(), kManifestLevel);
  if (ZSTD_isError(size) != 0) return absl::InternalError("zstd");
  frame.resize(size);
  return frame;
}

// False: nobody waits any more.
bool Pause(milliseconds length, const GoOn& go_on) {
  for (milliseconds slept{0}; slept < length; slept += kStep) {
    if (!go_on()) return false;
    std::this_thread::sleep_for(kStep);
  }
  return true;
}

}  // namespace

absl::StatusOr<WorkerClient::Reply> WorkerCompile::Run(const GoOn& go_on) {
  std::vector<std::string> avoid;
  absl::Status failure;
  bool retried = false;
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    const absl::StatusOr<TakenRoute> taken = destination_.Route(avoid, go_on);
    if (!taken.ok()) {
      // There are only the workers that have just failed.
      const bool alone = CauseOf(taken.status()) == FallbackCause::kNoWorker ||
                         CauseOf(failure) == FallbackCause::kBusy;
      if (attempt == 0 || !alone) return taken.status();
      break;
    }
    const WorkerRoute& route = **taken;
    absl::StatusOr<WorkerClient::Reply> reply = RunOn(route, go_on);
    if (reply.ok()) {
      destination_.slots().WentWell();
      return reply;
    }
    if (route.link->client.WrongCertificate()) {
      destination_.Drop(route);
      return Fallback(FallbackCause::kCertificate,
                      StrCat("worker ", route.link->name, " has another certificate"));
    }
    failure = WorkerFallback(reply.status());
    const FallbackCause cause = CauseOf(failure);
    const bool busy = cause == FallbackCause::kBusy;
    const bool elsewhere =
        busy || cause == FallbackCause::kWorkerLost || CannotGetImage(reply.status());
    if (!elsewhere && cause != FallbackCause::kNotSignedIn) return failure;
    if (elsewhere) avoid.push_back(route.link->name);
    if (busy) {
      destination_.MarkBusy(route, reply.status());
    } else {
      destination_.Drop(route);
      if (std::exchange(retried, true)) break;
    }
    if (!go_on()) break;
  }
  if (CauseOf(failure) == FallbackCause::kBusy) destination_.slots().PushedBack();
  return failure;
}

absl::StatusOr<WorkerClient::Reply> WorkerCompile::RunOn(const WorkerRoute& route,
                                                         const GoOn& go_on) {
  worker_v1::ProbeRequest probe;
  *probe.mutable_command() = sent_.command;
  probe.set_manifest_digest(std::string(sent_.manifest_digest.bytes()));
  HPCC_ASSIGN_OR_RETURN(WorkerClient::Reply reply,
                        route.link->client.Probe(route.token, probe, go_on));
  if (!reply.miss) return reply;
  ListNeeded(reply.image_directories);
  HPCC_RETURN_IF_ERROR(Provide(route, go_on));
  absl::StatusOr<WorkerClient::Reply> compiled = Compile(route, go_on);
  if (!IsMissingBlobs(compiled.status())) return compiled;
  // It has dropped some since: what was believed of it is asked anew, once.
  route.link->blobs.Forget(needed_);
  HPCC_RETURN_IF_ERROR(Provide(route, go_on));
  return Compile(route, go_on);
}

void WorkerCompile::ListNeeded(const std::vector<std::string>& image_directories) {
  absl::flat_hash_set<Digest> seen;
  needed_.clear();
  for (const BlobSource& blob : sent_.blobs) {
    const bool in_image = std::any_of(
        image_directories.begin(), image_directories.end(),
        [&blob](const std::string& directory) { return path::IsBelow(blob.path, directory); });
    if (!in_image && seen.insert(blob.digest).second) needed_.push_back(blob.digest);
  }
}

absl::StatusOr<WorkerClient::Reply> WorkerCompile::Compile(const WorkerRoute& route,
                                                           const GoOn& go_on) {
  worker_v1::CompileRequest request;
  *request.mutable_command() = sent_.command;
  HPCC_ASSIGN_OR_RETURN(*request.mutable_manifest(), CompressedManifest(sent_.manifest));
  request.set_digest(std::string(sent_.manifest_digest.bytes()));
  return route.link->client.Compile(route.token, request, go_on);
}

absl::Status WorkerCompile::Provide(const WorkerRoute& route, const GoOn& go_on) {
  BlobTracker& tracker = route.link->blobs;
  for (int round = 0; round < kRounds; ++round) {
    const std::vector<Digest> claimed = tracker.Claim(needed_);
    const absl::Status sent =
        claimed.empty() ? absl::OkStatus() : SendMissing(route, claimed, go_on);
    tracker.Settle(claimed, sent.ok());
    HPCC_RETURN_IF_ERROR(sent);
    if (tracker.AwaitOthers(needed_, go_on)) return absl::OkStatus();
    if (!go_on()) return absl::CancelledError("nobody waits for it");
  }
  return absl::DeadlineExceededError("the sources did not get to the worker");
}

absl::Status WorkerCompile::SendMissing(const WorkerRoute& route,
                                        const std::vector<Digest>& claimed, const GoOn& go_on) {
  HPCC_ASSIGN_OR_RETURN(const std::vector<Digest> missing,
                        route.link->client.FindMissing(route.token, claimed, go_on));
  if (missing.empty()) return absl::OkStatus();
  absl::flat_hash_map<Digest, std::string> paths;
  for (const BlobSource& blob : sent_.blobs) paths.emplace(blob.digest, blob.path);
  std::vector<BlobSource> blobs;
  for (const Digest& digest : missing) {
    const auto found = paths.find(digest);
    if (found == paths.end()) return absl::InternalError("the worker lacks what it wasn't asked");
    blobs.push_back({digest, found->second});
  }
  return Upload(route, blobs, go_on);
}

absl::Status WorkerCompile::Upload(const WorkerRoute& route, const std::vector<BlobSource>& blobs,
                                   const GoOn& go_on) {
  const Slots::Slot place = route.link->uploads.Take(kUploadPlacePatience, go_on);
  if (!place) return absl::DeadlineExceededError("no upload came to its end");
  absl::Status status;
  for (int attempt = 0; attempt < kUploadAttempts; ++attempt) {
    status = route.link->client.Upload(route.token, fs_, blobs, go_on);
    // Others of this tenant may upload, too: then there is room again soon.
    const auto after = RetryAfter(status);
    if (!absl::IsResourceExhausted(status) || !after || *after > kLongestUploadPause) break;
    if (!Pause(*after, go_on)) break;
  }
  return status;
}

}  // namespace hpcc
