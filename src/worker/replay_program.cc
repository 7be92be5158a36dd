#include "worker/replay_program.h"

#include <unistd.h>

#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/path.h"
#include "base/status.h"
#include "base/strings.h"
#include "telemetry/audit_reader.h"
#include "worker/image_supply.h"
#include "worker/image_toolchains.h"
#include "worker/replay.h"
#include "worker/worker_runtime.h"

namespace hpcc {

namespace {

constexpr int kFailed = 1;

// What a runtime makes there goes with its machines; the directory itself goes with this.
class OwnDirectory {
 public:
  OwnDirectory(FileSystem& fs, std::string path) : fs_(fs), path_(std::move(path)) {}
  ~OwnDirectory() { fs_.RemoveDirectory(path_).IgnoreError(); }
  OwnDirectory(const OwnDirectory&) = delete;
  OwnDirectory& operator=(const OwnDirectory&) = delete;

  const std::string& path() const { return path_; }

 private:
  FileSystem& fs_;
  const std::string path_;
};

absl::StatusOr<ReplayReport> Replay(const WorkerConfig& config, const ReplayOptions& options,
                                    FileSystem& fs) {
  const std::string log =
      options.log.empty() ? path::Join(config.state_directory, "audit.db") : options.log;
  HPCC_ASSIGN_OR_RETURN(const std::unique_ptr<AuditReader> reader, AuditReader::Open(log));
  HPCC_ASSIGN_OR_RETURN(const AuditRow row, reader->Find(options.job));
  if (IsOperatorCommand(row)) {
    return absl::FailedPreconditionError(
        StrCat("it is a command of the worker's operator (hpcc exec, by ", row.user,
               "), no compile: there is nothing to compile again"));
  }
  std::unique_ptr<ImageSupply> images;
  std::string agent;
  WorkerRuntimeParts runtime_parts;
  // Not the directory of the worker, which may be at work.
  const OwnDirectory own(
      fs, path::Join(config.state_directory, StrCat("replay-", static_cast<int64_t>(getpid()))));
  runtime_parts.name = std::string(path::Basename(own.path()));
  if (config.pulls_images()) {
    HPCC_ASSIGN_OR_RETURN(agent, WorkerAgent(config, fs));
    HPCC_ASSIGN_OR_RETURN(
        images, OpenImageSupply(config.images, agent, NetworkSettings(), fs, Clock::Real()));
    runtime_parts.find_image = [&images](const std::string& digest) {
      return images->Root(digest);
    };
  }
  HPCC_ASSIGN_OR_RETURN(const std::unique_ptr<Runtime> runtime,
                        MakeWorkerRuntime(config, fs, std::move(runtime_parts)));
  HostToolchains image(HostImageDirectories(config), fs, Clock::Real());
  ImageToolchains toolchains(agent, fs, Clock::Real());
  ReplayParts parts;
  parts.state_directory = config.state_directory;
  parts.runtime = runtime.get();
  parts.image = &image;
  parts.toolchains = images == nullptr ? nullptr : &toolchains;
  parts.fs = &fs;
  parts.sandbox = WorkerSandboxSpec(config);
  parts.sandbox.id = StrCat("replay-", static_cast<int64_t>(getpid()));
  parts.limits = WorkerExecLimits(config);
  parts.start = WorkerStartBound(*runtime);
  return ReplayJob(row, parts);
}

std::string JsonOf(const std::string& job, const ReplayReport& report) {
  nlohmann::ordered_json json = {{"job_id", job},
                                 {"verdict", std::string(ReplayVerdictName(report.verdict))},
                                 {"findings", report.findings}};
  json["output_digests"] = nlohmann::ordered_json::array();
  for (const AuditOutput& output : report.outputs) {
    json["output_digests"].push_back({{"role", output.role}, {"digest", output.digest.ToHex()}});
  }
  return json.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

// Findings may quote what a client sent.
std::string Printable(std::string_view text) {
  std::string printable(text);
  for (char& c : printable) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = '?';
  }
  return printable;
}

std::string TextOf(const std::string& job, const ReplayReport& report) {
  std::string text = StrCat("job ", Printable(job), ": ", ReplayVerdictName(report.verdict), "\n");
  for (const std::string& finding : report.findings) {
    StrAppend(&text, "  ", Printable(finding), "\n");
  }
  for (const AuditOutput& output : report.outputs) {
    StrAppend(&text, "  ", Printable(output.role), " ", output.digest.ToHex(), "\n");
  }
  return text;
}

}  // namespace

int RunReplay(const WorkerConfig& config, const ReplayOptions& options, FileSystem& fs) {
  const absl::StatusOr<ReplayReport> report = Replay(config, options, fs);
  if (!report.ok()) {
    const std::string line = StrCat("hpcc-worker: replay of ", Printable(options.job), ": ",
                                    std::string(report.status().message()), "\n");
    fwrite(line.data(), 1, line.size(), stderr);
    return kFailed;
  }
  const std::string text =
      options.json ? JsonOf(options.job, *report) : TextOf(options.job, *report);
  const bool written = fwrite(text.data(), 1, text.size(), stdout) == text.size();
  if (fflush(stdout) != 0 || !written) return kFailed;
  return report->verdict == ReplayVerdict::kEqual ? 0 : kFailed;
}

}  // namespace hpcc
