#include "worker/replay_program.h"

#include <unistd.h>

#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>

#include "base/path.h"
#include "base/status.h"
#include "base/strings.h"
#include "telemetry/audit_reader.h"
#include "worker/replay.h"
#include "worker/worker_runtime.h"

namespace hpcc {

namespace {

constexpr int kFailed = 1;

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
  HPCC_ASSIGN_OR_RETURN(const std::unique_ptr<Runtime> runtime, MakeWorkerRuntime(config, fs));
  HostToolchains image(HostImageDirectories(), fs, Clock::Real());
  ReplayParts parts;
  parts.state_directory = config.state_directory;
  parts.runtime = runtime.get();
  parts.image = &image;
  parts.fs = &fs;
  parts.sandbox = WorkerSandboxSpec(config);
  parts.sandbox.id = StrCat("replay-", static_cast<int64_t>(getpid()));
  parts.limits = WorkerExecLimits(config);
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
