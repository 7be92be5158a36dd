#include "worker/job_runner.h"

#include <utility>

#include "base/logging.h"
#include "base/status.h"
#include "base/strings.h"
#include "worker/argument_policy.h"
#include "worker/limits.h"
#include "worker/manifest_file_system.h"
#include "worker/manifest_frame.h"
#include "worker/retry_after.h"

namespace hpcc {

namespace {

constexpr std::chrono::milliseconds kRetryWhenFull{500};

absl::Status NoRoomForAnswers() {
  return RetryLater("too many answers of the tenant or the worker wait for their readers",
                    kRetryWhenFull);
}

// "00-<32 hex>-<16 hex>-<2 hex>" -> the 32 hex digits; "" for anything else.
std::string TraceIdOf(const std::string& traceparent) {
  if (traceparent.size() != 55 || traceparent[2] != '-' || traceparent[35] != '-') return "";
  const std::string id = traceparent.substr(3, 32);
  return id.find_first_not_of("0123456789abcdef") == std::string::npos ? id : "";
}

void KeepOnDisk(const JobRequest& request, const Digest& key, const std::string& encoded) {
  const absl::Status kept = request.tenant->results().Put({StoreNamespace::kResult, key}, encoded);
  if (!kept.ok()) Log(LogLevel::kWarning, StrCat("results: ", std::string(kept.message())));
}

}  // namespace

JobRunner::JobRunner(JobOptions options, const Parts& parts)
    : options_(std::move(options)),
      parts_(parts),
      recent_(kMaxRecentResultBytes),
      result_reads_(kMaxResultReads),
      answers_(kMaxAnswerBytes, kMaxAnswerBytesPerTenant) {}

void JobRunner::Report(SecurityEvent event, const JobRequest& request, const absl::Status& status) {
  parts_.events->Report(event, {.tenant = request.caller->tenant,
                                .user = request.caller->user,
                                .peer = request.caller->peer,
                                .detail = std::string(status.message())});
}

void JobRunner::ReportUnfinished(const JobRequest& request, const std::string& job,
                                 const absl::Status& status) {
  Report(SecurityEvent::kJobUnfinished, request,
         absl::Status(status.code(), StrCat("job ", job, ": ", std::string(status.message()))));
}

void JobRunner::ReportRefused(const JobRequest& request, const absl::Status& status) {
  const bool variable = std::string(status.message()).starts_with(kVariableRefused);
  Report(variable ? SecurityEvent::kEnvironmentRefused : SecurityEvent::kArgumentRefused, request,
         status);
}

absl::StatusOr<std::string> JobRunner::ImageOf(const JobRequest& request) const {
  const std::string& name = request.caller->image;
  if (name == kHostImage && !parts_.image->directories().empty()) return name;
  if (name != kHostImage && parts_.images != nullptr) return parts_.images->Find(name);
  return absl::FailedPreconditionError(StrCat(kImageNotHere, "this worker has ",
                                              name == kHostImage ? "no image host" : "no others"));
}

const std::vector<std::string>& JobRunner::ImageDirectories(const Caller& caller) const {
  static const std::vector<std::string> none;
  return caller.image == kHostImage ? parts_.image->directories() : none;
}

absl::Status JobRunner::CheckToolchain(const JobRequest& request, const Understood& understood) {
  if (understood.toolchain->identity == request.command.toolchain) return absl::OkStatus();
  const absl::Status status = absl::FailedPreconditionError(
      StrCat(request.command.compiler, ": this worker has another compiler of that name"));
  Report(SecurityEvent::kToolchainMismatch, request, status);
  return status;
}

// The key of another image than `host` is made with the identity the client claims: whether the
// image's compiler has it takes a sandbox to find out. Nothing is stored under such a key before
// that was found out, here or by the worker that shares it, so whoever claims something else finds
// nothing.
absl::StatusOr<JobRunner::Understood> JobRunner::Understand(
    const JobRequest& request, const Digest& manifest_digest, FileSystem& fs,
    HostToolchains::WhileAnotherIsAsked manner) {
  const WorkerCommand& command = request.command;
  HPCC_ASSIGN_OR_RETURN(std::string image, ImageOf(request));
  absl::StatusOr<UnderstoodCommand> known =
      image == kHostImage ? UnderstandCommand(command, *parts_.image, fs, manner, request.cancelled)
                          : UnderstandImageCommand(command, fs);
  if (absl::IsPermissionDenied(known.status())) ReportRefused(request, known.status());
  if (!known.ok()) return known.status();
  Understood understood{*std::move(known), std::move(image), Digest()};
  if (understood.toolchain) HPCC_RETURN_IF_ERROR(CheckToolchain(request, understood));
  understood.key = WorkerResultKey({.tenant = request.tenant->id(),
                                    .image = understood.image,
                                    .toolchain = command.toolchain,
                                    .command = CommandKey(command, understood.invocation),
                                    .manifest = manifest_digest});
  return understood;
}

std::optional<StoredResult> JobRunner::LookUpOnDisk(const JobRequest& request, const Digest& key) {
  const Turns::Turn turn = result_reads_.Take(kResultReadPatience, request.cancelled);
  if (!turn) return std::nullopt;
  absl::StatusOr<std::string> value = request.tenant->results().Get({StoreNamespace::kResult, key});
  if (!value.ok()) {
    if (!absl::IsNotFound(value.status())) {
      Log(LogLevel::kWarning, StrCat("results: ", std::string(value.status().message())));
    }
    return std::nullopt;
  }
  absl::StatusOr<StoredResult> decoded = DecodeStoredResult(*value);
  if (!decoded.ok()) return std::nullopt;
  return *std::move(decoded);
}

std::optional<StoredResult> JobRunner::LookUpShared(const JobRequest& request, const Digest& key,
                                                    SharedResults::Asker asker) {
  if (parts_.shared == nullptr) return std::nullopt;
  std::optional<StoredResult> found = parts_.shared->Find(key, asker);
  if (found) KeepOnDisk(request, key, EncodeStoredResult(*found));
  return found;
}

std::shared_ptr<const StoredResult> JobRunner::LookUp(const JobRequest& request, const Digest& key,
                                                      SharedResults::Asker asker) {
  const int64_t now_ns = parts_.clock->MonotonicNanoseconds();
  if (auto recent = recent_.Find(key, now_ns)) return recent;
  std::optional<StoredResult> found = LookUpOnDisk(request, key);
  if (!found) found = LookUpShared(request, key, asker);
  if (!found) return nullptr;
  return recent_.Add(key, std::make_shared<const StoredResult>(*std::move(found)), now_ns);
}

void JobRunner::Keep(const JobRequest& request, const Digest& key, const StoredResult& result) {
  const std::string encoded = EncodeStoredResult(result);
  KeepOnDisk(request, key, encoded);
  if (parts_.shared != nullptr) parts_.shared->Add(key, result, encoded);
}

void JobRunner::Probe(const JobRequest& request, const Digest& manifest_digest,
                      const ProbeDone& done) {
  const int64_t started_ns = parts_.clock->NowNanoseconds();
  AnythingFileSystem fs;
  // Probes have few threads. A compile has one of its own: it asks, and looks the result up again.
  const absl::StatusOr<Understood> understood =
      Understand(request, manifest_digest, fs, HostToolchains::WhileAnotherIsAsked::kGiveUp);
  if (absl::IsAborted(understood.status())) return done(std::nullopt);
  if (!understood.ok()) return done(understood.status());
  if (!answers_.HasRoom(request.tenant->id())) return done(NoRoomForAnswers());
  Finished finished;
  finished.result = LookUp(request, understood->key, SharedResults::Asker::kProbe);
  if (finished.result == nullptr) return done(std::nullopt);
  const auto places = std::make_shared<AnswerPlaces>();
  const absl::Status room = MakeRoom(request, finished.result, places.get());
  if (!room.ok()) return done(room);
  const JobFacts facts{.job = ids_.Next(),
                       .image = understood->image,
                       .manifest = manifest_digest,
                       .key = understood->key,
                       .hit = true,
                       .started_ns = started_ns};
  const auto answer = [this, &request, facts, finished, places, done](const absl::Status& written) {
    absl::StatusOr<JobAnswer> answer = Answer(request, facts, finished, places, written);
    if (!answer.ok()) return done(answer.status());
    done(*std::move(answer));
  };
  if (parts_.audit == nullptr) return answer(absl::OkStatus());
  parts_.audit->AppendLater(RowOf(request, facts, finished), answer);
}

// A tenant without a limit of its own leaves half of those who may wait to the others.
absl::StatusOr<std::shared_ptr<AnswerPlaces>> JobRunner::Admit(const JobRequest& request) {
  Tenant& tenant = *request.tenant;
  const uint32_t limit = tenant.limits().compiles_in_flight;
  const uint32_t most = limit != 0 ? limit : options_.slots + options_.waiting / 2;
  std::shared_ptr<AnswerPlaces> places(
      new AnswerPlaces{.worker = in_flight_.Enter(options_.slots + options_.waiting),
                       .tenant = tenant.compiles().Enter(most)});
  if (!places->worker) return RetryLater("this worker has enough to do", kRetryWhenFull);
  if (places->tenant) {
    if (!answers_.HasRoom(tenant.id())) return NoRoomForAnswers();
    return places;
  }
  const absl::Status refused =
      RetryLater("the tenant has as many compiles under way as it may", kRetryWhenFull);
  if (limit != 0) Report(SecurityEvent::kQuotaExceeded, request, refused);
  return refused;
}

absl::Status JobRunner::MakeRoom(const JobRequest& request,
                                 const std::shared_ptr<const StoredResult>& result,
                                 AnswerPlaces* places) {
  places->bytes = answers_.Enter(request.tenant->id(), result);
  return places->bytes ? absl::OkStatus() : NoRoomForAnswers();
}

absl::Status JobRunner::CheckBlobs(const JobRequest& request, const SourceManifest& manifest) {
  size_t missing = 0;
  for (const ManifestEntry& entry : manifest.entries) {
    const bool is_file =
        entry.kind == ManifestEntry::Kind::kFile || entry.kind == ManifestEntry::Kind::kExecutable;
    if (!is_file || IsInImage(entry.path, ImageDirectories(*request.caller))) continue;
    if (!request.tenant->blobs().Contains(entry.digest)) ++missing;
  }
  if (missing == 0) return absl::OkStatus();
  return absl::FailedPreconditionError(StrCat(kMissingBlobs, missing));
}

absl::StatusOr<JobRunner::SentManifest> JobRunner::OpenManifest(const JobRequest& request,
                                                                std::string_view frame,
                                                                const Digest& digest) {
  const auto refuse = [&](SecurityEvent event, const absl::Status& status) {
    Report(event, request, status);
    return status;
  };
  absl::StatusOr<std::string> bytes = ExpandManifest(frame);
  if (!bytes.ok()) return refuse(SecurityEvent::kManifestRefused, bytes.status());
  if (ManifestDigest(*bytes) != digest) {
    return refuse(SecurityEvent::kDigestMismatch,
                  absl::InvalidArgumentError("manifest: it has another digest"));
  }
  absl::StatusOr<SourceManifest> manifest = DecodeManifest(*bytes);
  if (!manifest.ok()) return refuse(SecurityEvent::kManifestRefused, manifest.status());
  return SentManifest{*std::move(bytes), *std::move(manifest)};
}

absl::StatusOr<JobAnswer> JobRunner::Compile(const JobRequest& request,
                                             std::string_view manifest_frame,
                                             const Digest& manifest_digest) {
  const int64_t started_ns = parts_.clock->NowNanoseconds();
  // First: a small frame may hold a large manifest.
  HPCC_ASSIGN_OR_RETURN(const std::shared_ptr<AnswerPlaces> places, Admit(request));
  HPCC_ASSIGN_OR_RETURN(const SentManifest sent,
                        OpenManifest(request, manifest_frame, manifest_digest));
  // The key is the one a probe makes; what the manifest says of files can only refuse the command.
  AnythingFileSystem anything;
  HPCC_ASSIGN_OR_RETURN(
      Understood understood,
      Understand(request, manifest_digest, anything, HostToolchains::WhileAnotherIsAsked::kWait));
  const bool is_host = understood.image == kHostImage;
  if (is_host) {
    ManifestFileSystem files(sent.manifest);
    absl::StatusOr<Invocation> invocation =
        CheckCommand({&request.command, &parts_.image->directories(), understood.is_clang}, files);
    if (!invocation.ok()) {
      ReportRefused(request, invocation.status());
      return invocation.status();
    }
    understood.invocation = *std::move(invocation);
  }

  CompileExec exec;
  exec.job = ids_.Next();
  exec.traceparent = request.traceparent;
  exec.read_blob = [tenant = request.tenant.get()](const Digest& digest) {
    return tenant->blobs().Read(digest);
  };
  exec.texts = &request.tenant->texts();
  exec.image = is_host ? parts_.image : nullptr;
  exec.command = &request.command;
  exec.invocation = &understood.invocation;
  exec.toolchain = understood.toolchain.get();
  exec.manifest = &sent.manifest;
  exec.limits = options_.limits;
  exec.cancelled = request.cancelled;
  bool hit = false;
  HPCC_ASSIGN_OR_RETURN(const Finished finished, CompileOrWait(request, understood, exec, &hit));
  if (!hit) {
    const absl::Status kept = request.tenant->manifests().Put(manifest_digest, sent.bytes);
    if (!kept.ok()) Log(LogLevel::kWarning, StrCat("manifest: ", std::string(kept.message())));
  }
  if (const absl::Status room = MakeRoom(request, finished.result, places.get()); !room.ok()) {
    if (!hit) ReportUnfinished(request, exec.job, room);
    return room;
  }
  const JobFacts facts{.job = exec.job,
                       .image = understood.image,
                       .manifest = manifest_digest,
                       .key = understood.key,
                       .hit = hit,
                       .started_ns = started_ns};
  const absl::Status written = parts_.audit == nullptr
                                   ? absl::OkStatus()
                                   : parts_.audit->Append(RowOf(request, facts, finished));
  return Answer(request, facts, finished, places, written);
}

absl::StatusOr<JobRunner::Finished> JobRunner::CompileOrWait(const JobRequest& request,
                                                             const Understood& understood,
                                                             const CompileExec& exec, bool* hit) {
  auto boarding = flights_.Board(understood.key, request.cancelled);
  *hit = true;
  if (boarding.result) return *boarding.result;
  if (!boarding.lead) return absl::CancelledError("the client went away");
  Finished finished;
  finished.result = LookUp(request, understood.key, SharedResults::Asker::kCompile);
  if (finished.result == nullptr) {
    *hit = false;
    HPCC_RETURN_IF_ERROR(CheckBlobs(request, *exec.manifest));
    bool began = false;
    absl::StatusOr<Finished> compiled = CompileNow(request, understood, exec, &began);
    if (!compiled.ok()) {
      if (began) ReportUnfinished(request, exec.job, compiled.status());
      return compiled.status();
    }
    finished = *std::move(compiled);
  }
  boarding.lead->Land(finished);
  return finished;
}

absl::StatusOr<SandboxPool::Lease> JobRunner::Lease(const JobRequest& request,
                                                    const std::string& image) {
  absl::StatusOr<SandboxPool::Lease> lease =
      parts_.pool->Acquire(request.tenant->id(), image, options_.patience, request.cancelled);
  if (absl::IsResourceExhausted(lease.status())) {
    return RetryLater(std::string(lease.status().message()), kRetryWhenFull);
  }
  if (lease.ok() || absl::IsCancelled(lease.status())) return lease;
  // Whatever keeps a sandbox from starting is this worker's trouble: nothing is wrong with the
  // command.
  const std::string why = StrCat("no sandbox: ", std::string(lease.status().message()));
  Log(LogLevel::kError, why);
  return absl::UnavailableError(why);
}

absl::Status JobRunner::AskImage(const JobRequest& request, Sandbox& sandbox,
                                 const CompileExec& exec, Understood* understood) {
  ManifestFileSystem files(*exec.manifest);
  const absl::Status status = FinishImageCommand({.command = &request.command,
                                                  .toolchains = parts_.toolchains,
                                                  .job = exec.job,
                                                  .limits = options_.limits,
                                                  .cancelled = request.cancelled},
                                                 sandbox, files, understood);
  if (absl::IsPermissionDenied(status)) ReportRefused(request, status);
  HPCC_RETURN_IF_ERROR(status);
  return CheckToolchain(request, *understood);
}

absl::StatusOr<JobRunner::Finished> JobRunner::CompileNow(const JobRequest& request,
                                                          const Understood& understood,
                                                          CompileExec exec, bool* began) {
  HPCC_ASSIGN_OR_RETURN(const SandboxPool::Lease lease, Lease(request, understood.image));
  Sandbox& sandbox = lease.sandbox();
  Understood asked = understood;
  if (!asked.toolchain) {
    HPCC_RETURN_IF_ERROR(AskImage(request, sandbox, exec, &asked));
    exec.invocation = &asked.invocation;
    exec.toolchain = asked.toolchain.get();
  }
  exec.began = began;
  absl::StatusOr<CompileOutcome> outcome = RunCompileExec(sandbox, exec);
  if (!outcome.ok()) {
    if (StrContains(std::string(outcome.status().message()), kUndeclared)) {
      Report(SecurityEvent::kDependencyUndeclared, request, outcome.status());
    }
    // A blob that was there a moment ago: the client may send it again.
    if (absl::IsNotFound(outcome.status())) {
      return absl::FailedPreconditionError(StrCat(kMissingBlobs, "one was evicted"));
    }
    return outcome.status();
  }
  const bool is_host = understood.image == kHostImage;
  if (is_host && !parts_.image->StillHolds(request.command, *understood.toolchain)) {
    return absl::FailedPreconditionError("the compiler was replaced during the compile");
  }
  Finished finished;
  finished.sandbox = sandbox.spec().id;
  finished.exit_status = outcome->exit_status;
  finished.wall = outcome->wall;
  finished.result = std::make_shared<const StoredResult>(std::move(outcome->result));
  if (outcome->storable) Keep(request, understood.key, *finished.result);
  return finished;
}

AuditRow JobRunner::RowOf(const JobRequest& request, const JobFacts& facts,
                          const Finished& finished) const {
  AuditRow row;
  row.time_ns = facts.started_ns;
  row.job_id = facts.job;
  row.tenant = request.caller->tenant;
  row.user = request.caller->user;
  row.worker = options_.worker;
  row.sandbox = facts.hit ? "" : finished.sandbox;
  row.isolation = finished.result->isolation;
  row.image_digest = facts.image;
  row.source_digest = facts.manifest;
  row.flags = request.command.arguments;
  row.cache_key = facts.key;
  row.hit = facts.hit;
  row.output_digests = finished.result->outputs;
  row.exit_status = finished.exit_status;
  row.duration_ns = parts_.clock->NowNanoseconds() - facts.started_ns;
  row.scheduler = request.caller->scheduler;
  row.trace_id = TraceIdOf(request.traceparent);
  row.compiler = request.command.compiler;
  row.working_directory = request.command.working_directory;
  row.environment = request.command.environment.ToStrings();
  return row;
}

absl::StatusOr<JobAnswer> JobRunner::Answer(const JobRequest& request, const JobFacts& facts,
                                            const Finished& finished,
                                            std::shared_ptr<const AnswerPlaces> places,
                                            const absl::Status& written) {
  if (!written.ok()) {
    Report(SecurityEvent::kAuditWriteFailed, request, written);
    return absl::InternalError("no audit row could be written, so there is no answer");
  }
  JobAnswer answer;
  answer.job = facts.job;
  answer.hit = facts.hit;
  answer.exit_status = finished.exit_status;
  answer.key = facts.key;
  answer.isolation = finished.result->isolation;
  answer.wall = facts.hit ? std::chrono::nanoseconds(0) : finished.wall;
  answer.bundle = {finished.result, &finished.result->bundle};
  answer.places = std::move(places);
  return answer;
}

}  // namespace hpcc
