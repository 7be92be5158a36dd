#include "agent/exec_session.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <optional>
#include <set>
#include <thread>
#include <utility>

#include "agent/blob_intake.h"
#include "agent/memory_kills.h"
#include "base/status.h"
#include "base/strings.h"
#include "compiler/toolchain_question.h"
#include "hpcc/agent/v1/agent.grpc.pb.h"
#include "sandbox/agent_limits.h"

namespace hpcc {

namespace {

constexpr int kPollMilliseconds = 50;
// For room that others leave as they end, or that waits to be taken apart. Less than the next exec
// waits for a place.
constexpr std::chrono::milliseconds kRoomPatience{1'500};
constexpr std::chrono::milliseconds kBetweenLooks{20};
// Of a manifest, between two questions whether anybody still waits.
constexpr size_t kEntriesPerQuestion = 32;
// What a pipe holds unless somebody made it larger (pipe(7)).
constexpr size_t kPipeBytes = size_t{64} << 10;
// To read the kernel's counter takes a while, and a world that was made a moment ago knows it.
constexpr std::chrono::seconds kCounterAge{1};

bool IsFile(const ManifestEntry& entry) {
  return entry.kind == ManifestEntry::Kind::kFile || entry.kind == ManifestEntry::Kind::kExecutable;
}

absl::Status NotStarted(const ExecReport& report, const ExecCommand& command) {
  const std::string what = StrCat("exec: ", report.step, ": ", std::strerror(report.error));
  // The command's own paths are the worker's doing; all else is this sandbox's.
  if (std::string_view(report.step) == "run the program") {
    return absl::InvalidArgumentError(StrCat(what, ": ", command.arguments.front()));
  }
  if (std::string_view(report.step) == "enter the working directory") {
    return absl::InvalidArgumentError(StrCat(what, ": ", command.working_directory));
  }
  return absl::InternalError(what);
}

bool IsToolchainQuestion(const std::vector<std::string>& arguments) {
  return arguments.size() > 1 && arguments[0] == kToolchainQuestionProgram &&
         arguments[1] == kToolchainQuestionFlag;
}

}  // namespace

ExecSession::~ExecSession() {
  if (world_) room_.reserve.GiveBack(*std::move(world_));
}

absl::Status ExecSession::Run() {
  HPCC_RETURN_IF_ERROR(ReadHeader());
  HPCC_RETURN_IF_ERROR(CompareWithImage());
  HPCC_RETURN_IF_ERROR(GatherBlobs());
  HPCC_RETURN_IF_ERROR(Prepare());
  HPCC_ASSIGN_OR_RETURN(ExecReport report, RunCommand());
  if (context_.IsCancelled()) return absl::CancelledError("exec: cancelled");
  if (report.outcome == ExecReport::Outcome::kNotStarted) return NotStarted(report, command_);
  if (too_much_stdio_) report.exceeded = agent_v1::ExecResult::STDIO;
  // A compiler whose child was killed for want of memory reports a failure like any other. Whoever
  // was killed, a failure meanwhile is not to be believed.
  const bool failed = report.exit_status != 0 || report.signal != 0;
  if (report.exceeded == agent_v1::ExecResult::NONE && failed && report.memory_told == 0 &&
      OutOfMemoryKills() != memory_kills_before_) {
    report.exceeded = agent_v1::ExecResult::MEMORY;
  }
  return SendResult(report);
}

absl::Status ExecSession::ReadHeader() {
  agent_v1::ExecRequest request;
  if (!stream_.Read(&request) || !request.has_header()) {
    return absl::InvalidArgumentError("exec: the first message is a header");
  }
  HPCC_ASSIGN_OR_RETURN(command_, CheckExecHeader(request.header(), room_.memory_share));
  const std::string& program = command_.arguments.front();
  if (!room_.image.layout().Covers(program) && !IsToolchainQuestion(command_.arguments)) {
    return absl::InvalidArgumentError(StrCat("exec: ", program, " is not in the image"));
  }
  return absl::OkStatus();
}

absl::Status ExecSession::CompareWithImage() {
  size_t looked = 0;
  for (const ManifestEntry& entry : command_.manifest.entries) {
    // Files of the image that were never looked at are read: a long manifest takes a while. To ask
    // takes longer than to look at one that is known.
    const bool ask = looked++ % kEntriesPerQuestion == 0;
    if (ask && context_.IsCancelled()) return absl::CancelledError("exec: cancelled");
    bool staged = false;
    HPCC_RETURN_IF_ERROR(room_.image.Check(entry, &staged));
    if (staged) staged_.push_back(&entry);
  }
  return absl::OkStatus();
}

absl::Status ExecSession::GatherBlobs() {
  std::set<Digest> missing;
  agent_v1::ExecResponse response;
  agent_v1::MissingBlobs& told = *response.mutable_missing();
  for (const ManifestEntry* entry : staged_) {
    if (!IsFile(*entry) || missing.contains(entry->digest) || pins_.Add(entry->digest)) continue;
    missing.insert(entry->digest);
    told.add_digests(std::string(entry->digest.bytes()));
  }
  if (missing.empty()) return absl::OkStatus();
  if (!Send(response)) return absl::CancelledError("exec: cancelled");

  BlobIntake intake(room_.blobs, &pins_);
  agent_v1::ExecRequest request;
  while (stream_.Read(&request)) {
    if (!request.has_input()) return absl::InvalidArgumentError("exec: a second header");
    HPCC_RETURN_IF_ERROR(intake.Take(request.input()));
  }
  if (context_.IsCancelled()) return absl::CancelledError("exec: cancelled");
  HPCC_RETURN_IF_ERROR(intake.End());
  for (const Digest& digest : missing) {
    if (!pins_.Add(digest)) {
      return absl::NotFoundError(StrCat("exec: blob ", digest.ToHex(), " is missing"));
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<BlobStore::Room> ExecSession::RoomForSources(uint64_t bytes) {
  const auto give_up = std::chrono::steady_clock::now() + kRoomPatience;
  for (;;) {
    absl::StatusOr<BlobStore::Room> room = room_.blobs.TakeRoom(bytes, pins_);
    const bool may_come = absl::IsResourceExhausted(room.status());
    if (room.ok()) return room;
    if (context_.IsCancelled()) return absl::CancelledError("exec: cancelled");
    if (!may_come || std::chrono::steady_clock::now() >= give_up) {
      return absl::Status(room.status().code(),
                          StrCat("exec: its sources: ", std::string(room.status().message())));
    }
    std::this_thread::sleep_for(kBetweenLooks);
  }
}

absl::Status ExecSession::Prepare() {
  const Stage::Size size = Stage::SizeOf(staged_, room_.blobs);
  HPCC_ASSIGN_OR_RETURN(BlobStore::Room room, RoomForSources(size.bytes));
  HPCC_ASSIGN_OR_RETURN(world_, room_.reserve.Take());
  HPCC_RETURN_IF_ERROR(world_->stage.Fill(command_, staged_, room_.blobs, size, std::move(room)));
  pins_.Clear();  // the command has copies
  const bool old = std::chrono::steady_clock::now() - world_->made > kCounterAge;
  memory_kills_before_ = old ? OutOfMemoryKills() : world_->memory_kills;
  return absl::OkStatus();
}

bool ExecSession::Send(const agent_v1::ExecResponse& response, bool last) {
  grpc::WriteOptions options;
  if (last) options.set_last_message();
  if (!worker_gone_ && !stream_.Write(response, options)) worker_gone_ = true;
  return !worker_gone_;
}

ExecSession::Heard ExecSession::PassOn(const Descriptor& pipe, bool error) {
  if (heard_ == nullptr) heard_ = std::make_unique_for_overwrite<char[]>(kPipeBytes);
  ssize_t got;
  do {
    got = read(pipe.get(), heard_.get(), kPipeBytes);
  } while (got < 0 && errno == EINTR);
  if (got <= 0) return got < 0 && errno == EAGAIN ? Heard::kNothing : Heard::kEnd;
  const std::string_view data(heard_.get(), static_cast<size_t>(got));
  stdio_bytes_ += data.size();
  if (stdio_bytes_ > command_.bounds.stdio_bytes) {
    too_much_stdio_ = true;  // and what comes from now on is dropped
    return Heard::kSomething;
  }
  agent_v1::ExecResponse response;
  response.mutable_stdio()->set_error(error);
  response.mutable_stdio()->set_data(data.data(), data.size());
  Send(response);
  return Heard::kSomething;
}

void ExecSession::EndCommand() {
  if (std::exchange(told_to_end_, true)) return;
  const char byte = 0;
  send(world_->exec.control.get(), &byte, 1, MSG_NOSIGNAL);
}

absl::StatusOr<ExecReport> ExecSession::RunCommand() {
  const ExecPlan plan{.arguments = command_.arguments,
                      .environment = command_.environment,
                      .working_directory = command_.working_directory,
                      .writable = world_->stage.writable(),
                      .bounds = command_.bounds,
                      .stage_bytes_before = world_->stage.bytes_before(),
                      .start = std::chrono::steady_clock::now().time_since_epoch()};
  LaunchedExec& exec = world_->exec;
  // Of a supervisor that takes none the report says why, or the end of `control` that there is
  // none.
  const absl::Status sent = SendExecPlan(EncodeExecPlan(plan), exec.control);
  if (!sent.ok() && !absl::IsUnavailable(sent)) return sent;
  bool over = false;
  // Its supervisor holds the streams, too, until it has reported. Where it is lost, they end when
  // all their writers are gone.
  while (!over || exec.standard_output.valid() || exec.standard_error.valid()) {
    pollfd waiting[3] = {{exec.standard_output.get(), POLLIN, 0},
                         {exec.standard_error.get(), POLLIN, 0},
                         {over ? -1 : exec.control.get(), POLLIN, 0}};
    if (poll(waiting, 3, kPollMilliseconds) < 0 && errno != EINTR) {
      return ErrnoStatus(errno, "wait for", "a command");
    }
    if (waiting[2].revents != 0) {
      ExecReport report;
      over = true;
      if (recv(exec.control.get(), &report, sizeof(report), MSG_WAITALL) == sizeof(report)) {
        // Nothing is left that could write: what there is to hear is there.
        while (PassOn(exec.standard_output, false) == Heard::kSomething) {
        }
        while (PassOn(exec.standard_error, true) == Heard::kSomething) {
        }
        return report;
      }
    }
    if (waiting[0].revents != 0 && PassOn(exec.standard_output, false) == Heard::kEnd) {
      exec.standard_output.Reset();
    }
    if (waiting[1].revents != 0 && PassOn(exec.standard_error, true) == Heard::kEnd) {
      exec.standard_error.Reset();
    }
    if (too_much_stdio_ || worker_gone_ || context_.IsCancelled()) EndCommand();
  }
  return absl::InternalError("exec: its supervisor was lost");
}

absl::Status ExecSession::SendResult(const ExecReport& report) {
  HPCC_ASSIGN_OR_RETURN(const std::vector<StagedOutput> outputs,
                        world_->stage.Outputs(command_.outputs));
  agent_v1::ExecResponse response;
  agent_v1::ExecResult& result = *response.mutable_result();
  result.set_exit_status(report.exit_status);
  result.set_signal(report.signal);
  result.set_exceeded(static_cast<agent_v1::ExecResult::Limit>(report.exceeded));
  result.set_wall_ns(report.wall_ns);
  result.set_cpu_ns(report.cpu_ns);
  result.set_peak_memory_bytes(report.peak_memory_bytes);
  // What a command that was ended left behind is no output of anything.
  if (report.exceeded != agent_v1::ExecResult::NONE) {
    return Send(response, true) ? absl::OkStatus() : absl::CancelledError("exec: cancelled");
  }
  uint64_t bytes = 0;
  for (const StagedOutput& output : outputs) {
    agent_v1::OutputInfo& info = *result.add_outputs();
    info.set_path(command_.outputs[output.index]);
    info.set_size(output.size);
    info.set_mode(output.mode);
    bytes += output.size;
  }
  // A sparse file is larger than any stage.
  if (bytes > kAgentOutputBytes) return absl::ResourceExhaustedError("exec: outputs too large");
  if (!Send(response, bytes == 0)) return absl::CancelledError("exec: cancelled");
  for (size_t i = 0; i < outputs.size(); ++i) {
    bytes -= outputs[i].size;
    HPCC_RETURN_IF_ERROR(SendOutput(static_cast<uint32_t>(i), outputs[i], bytes == 0));
  }
  return absl::OkStatus();
}

absl::Status ExecSession::SendOutput(uint32_t index, const StagedOutput& output, bool last) {
  agent_v1::ExecResponse response;
  for (uint64_t offset = 0; offset < output.size;) {
    const uint64_t size = std::min<uint64_t>(kAgentChunkBytes, output.size - offset);
    HPCC_ASSIGN_OR_RETURN(std::string data, ReadDescriptorAt(output.file, offset, size));
    if (data.size() != size) return absl::DataLossError("exec: an output became shorter");
    response.mutable_output()->set_index(index);
    response.mutable_output()->set_data(std::move(data));
    offset += size;
    if (!Send(response, last && offset == output.size)) {
      return absl::CancelledError("exec: cancelled");
    }
  }
  return absl::OkStatus();
}

}  // namespace hpcc
