#ifndef HPCC_WORKER_JOB_RUNNER_H_
#define HPCC_WORKER_JOB_RUNNER_H_

// The way of one request through a worker, after its token was checked and without the wire: judge
// the command, derive the key, look the result up, else compile it in a sandbox of the tenant and
// keep it; write the audit row; answer.

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "base/clock.h"
#include "compiler/manifest.h"
#include "sandbox/sandbox_pool.h"
#include "telemetry/audit_log.h"
#include "telemetry/security_events.h"
#include "worker/answer_budget.h"
#include "worker/compile_exec.h"
#include "worker/flights.h"
#include "worker/host_toolchains.h"
#include "worker/image_toolchains.h"
#include "worker/job_ids.h"
#include "worker/result_memo.h"
#include "worker/shared_results.h"
#include "worker/tenant.h"
#include "worker/turns.h"
#include "worker/understood_command.h"
#include "worker/worker_command.h"
#include "worker/worker_images.h"

namespace hpcc {

// Whoever a checked routing token speaks for.
struct Caller {
  std::string tenant;
  std::string user;
  std::string image;
  std::string scheduler;  // that sent it here
  std::string peer;       // address of the other end, for records
};

struct JobOptions {
  std::string worker;    // its name
  uint32_t slots = 1;    // compiles at once
  uint32_t waiting = 0;  // requests that may wait for one of them; more are refused at once
  std::chrono::milliseconds patience{10'000};  // of those
  ExecLimits limits;
};

struct JobRequest {
  const Caller* caller = nullptr;
  std::shared_ptr<Tenant> tenant;
  WorkerCommand command;
  std::string traceparent;
  std::function<bool()> cancelled;  // asked often; may be empty
};

// What an answer takes of a worker until it has been sent.
struct AnswerPlaces {
  Gauge::Place worker, tenant;  // among compiles; none for a probe
  AnswerBudget::Share bytes;
};

struct JobAnswer {
  std::string job;  // id of the audit row
  bool hit = false;
  int exit_status = 0;
  Digest key;
  std::string isolation;
  std::chrono::nanoseconds wall{0};  // of the exec; 0 for a hit
  std::shared_ptr<const std::string> bundle;
  // Given back with the last copy of the answer: whoever sends it keeps one until it has left.
  std::shared_ptr<const AnswerPlaces> places;
};

// Thread-safe.
class JobRunner {
 public:
  // All outlive the runner. `audit` may be null in tests of other things.
  struct Parts {
    HostToolchains* image = nullptr;        // without directories: there is no image `host`
    WorkerImages* images = nullptr;         // null: there are no others
    ImageToolchains* toolchains = nullptr;  // of those
    SandboxPool* pool = nullptr;
    SharedResults* shared = nullptr;  // null: this worker has its results for itself
    AuditLog* audit = nullptr;
    SecurityEvents* events = nullptr;
    Clock* clock = nullptr;
  };
  JobRunner(JobOptions options, const Parts& parts);

  // Looks a result up. `done` is called once: from this thread, or from the audit log's, which it
  // may not hold up, when the row of a hit is on the disk. `request` lives until then. Nothing: a
  // miss. PermissionDenied: the command is refused. FailedPrecondition: the client's compiler is
  // another than the worker's. FailedPrecondition, ResourceExhausted, with a message that begins
  // with kImageNotHere: the image can't be had, or not yet. Internal: no audit row could be
  // written.
  using ProbeDone = std::function<void(absl::StatusOr<std::optional<JobAnswer>>)>;
  void Probe(const JobRequest& request, const Digest& manifest_digest, const ProbeDone& done);

  // `manifest_frame` holds a manifest (worker/manifest_frame.h) with digest `manifest_digest`. As
  // Probe, and:
  //  - InvalidArgument: the manifest is none, or has another digest.
  //  - FailedPrecondition: blobs are missing (kMissingBlobs), or the client must compile it.
  //  - ResourceExhausted, with a time to retry: no room.
  //  - Cancelled; Unavailable: the sandbox was lost; Internal: no audit row could be written.
  absl::StatusOr<JobAnswer> Compile(const JobRequest& request, std::string_view manifest_frame,
                                    const Digest& manifest_digest);

  // What of a client's files the image of its token has, so that they need not be sent.
  const std::vector<std::string>& ImageDirectories(const Caller& caller) const;

  uint32_t in_flight() const { return in_flight_.count(); }   // compiles, until they are answered
  uint64_t answer_bytes() const { return answers_.bytes(); }  // that wait for their readers

 private:
  struct Understood : UnderstoodCommand {
    std::string image;  // "host", or its digest
    Digest key;
  };
  // A result with what an audit row of it says.
  struct Finished {
    std::shared_ptr<const StoredResult> result;
    std::string sandbox;
    int exit_status = 0;
    std::chrono::nanoseconds wall{0};
  };
  struct SentManifest {
    std::string bytes;
    SourceManifest manifest;
  };

  absl::StatusOr<std::string> ImageOf(const JobRequest& request) const;
  absl::StatusOr<Understood> Understand(const JobRequest& request, const Digest& manifest_digest,
                                        FileSystem& fs, HostToolchains::WhileAnotherIsAsked manner);
  // In memory, on the disk, and in the shared cache, whose hits are kept on the disk.
  std::shared_ptr<const StoredResult> LookUp(const JobRequest& request, const Digest& key,
                                             SharedResults::Asker asker);
  std::optional<StoredResult> LookUpOnDisk(const JobRequest& request, const Digest& key);
  std::optional<StoredResult> LookUpShared(const JobRequest& request, const Digest& key,
                                           SharedResults::Asker asker);
  // Of a compile that may be stored.
  void Keep(const JobRequest& request, const Digest& key, const StoredResult& result);
  // The places of a compile, until it has been answered.
  absl::StatusOr<std::shared_ptr<AnswerPlaces>> Admit(const JobRequest& request);
  // For `result` as an answer.
  absl::Status MakeRoom(const JobRequest& request,
                        const std::shared_ptr<const StoredResult>& result, AnswerPlaces* places);
  absl::StatusOr<SentManifest> OpenManifest(const JobRequest& request, std::string_view frame,
                                            const Digest& digest);
  absl::Status CheckBlobs(const JobRequest& request, const SourceManifest& manifest);
  absl::StatusOr<Finished> CompileOrWait(const JobRequest& request, const Understood& understood,
                                         const CompileExec& exec, bool* hit);
  // `began`: whether something ran in a sandbox.
  absl::StatusOr<Finished> CompileNow(const JobRequest& request, const Understood& understood,
                                      CompileExec exec, bool* began);
  absl::StatusOr<SandboxPool::Lease> Lease(const JobRequest& request, const std::string& image);
  // What of a command could not be told outside of its image.
  absl::Status AskImage(const JobRequest& request, Sandbox& sandbox, const CompileExec& exec,
                        Understood* understood);
  absl::Status CheckToolchain(const JobRequest& request, const Understood& understood);
  // What a row says of a job.
  struct JobFacts {
    std::string job;
    std::string image;
    Digest manifest, key;
    bool hit = false;
    int64_t started_ns = 0;
  };
  AuditRow RowOf(const JobRequest& request, const JobFacts& facts, const Finished& finished) const;
  // The answer, once its row was written or not.
  absl::StatusOr<JobAnswer> Answer(const JobRequest& request, const JobFacts& facts,
                                   const Finished& finished,
                                   std::shared_ptr<const AnswerPlaces> places,
                                   const absl::Status& written);
  // A job of which something ran, without an answer and therefore without a row.
  void ReportUnfinished(const JobRequest& request, const std::string& job,
                        const absl::Status& status);
  void ReportRefused(const JobRequest& request, const absl::Status& status);
  void Report(SecurityEvent event, const JobRequest& request, const absl::Status& status);

  const JobOptions options_;
  const Parts parts_;
  JobIds ids_;
  Gauge in_flight_;
  Flights<Finished> flights_;
  ResultMemo recent_;
  Turns result_reads_;
  AnswerBudget answers_;
};

inline constexpr std::string_view kMissingBlobs = "blobs are missing: ";

}  // namespace hpcc

#endif  // HPCC_WORKER_JOB_RUNNER_H_
