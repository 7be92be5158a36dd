#include "remote/compile_client.h"

#include "base/frame.h"
#include "base/logging.h"
#include "base/path.h"
#include "base/status.h"
#include "base/strings.h"
#include "remote/notice_file.h"

namespace hpcc {

namespace {

using std::chrono::milliseconds;

constexpr milliseconds kSendPatience{2000};
constexpr milliseconds kSilence{5000};  // one at work speaks every half second
constexpr milliseconds kValuePatience{30'000};
constexpr std::chrono::minutes kLongest{30};  // however often it says that it is at work
constexpr std::chrono::minutes kBetweenEqualNotices{10};

void FillInDestination(const RemoteSettings& remote, remote_v1::Destination* to) {
  to->set_scheduler(remote.scheduler);
  to->set_ca_file(remote.ca_file);
  to->set_tenant(remote.tenant);
  to->set_image(remote.image);
  to->set_grant(static_cast<uint32_t>(remote.grant));
  to->set_username(remote.username);
  to->set_password_file(remote.password_file);
  to->set_client_secret_file(remote.client_secret_file);
}

RemoteCompiles::Answer NotDone(FallbackCause cause, std::string message) {
  RemoteCompiles::Answer answer;
  answer.cause = cause;
  answer.message = std::move(message);
  return answer;
}

}  // namespace

CompileClient::CompileClient(const Config& config, const Environment& environment, FileSystem& fs,
                             Clock& clock)
    : config_(config),
      fs_(fs),
      clock_(clock),
      environment_(environment),
      place_(config, environment),
      dialer_(place_, environment_, fs, clock) {}

RemoteCompiles::Answer CompileClient::Compile(remote_v1::Compile request) {
  FillInDestination(config_.remote, request.mutable_destination());
  request.set_local_directory(config_.local_directory);
  remote_v1::Request message;
  message.set_protocol_version(kRemoteProtocolVersion);
  *message.mutable_compile() = std::move(request);
  if (message.ByteSizeLong() > kMaxRemoteFrameBytes) {
    return NotDone(FallbackCause::kUnsuitable, "the command is too long");
  }
  const absl::StatusOr<RemoteCompiles::Answer> answer = Ask(message);
  if (answer.ok()) return *answer;
  const std::string why(answer.status().message());
  // Unavailable: it is known already.
  if (!absl::IsUnavailable(answer.status())) {
    WriteCompileNotice(fs_, clock_, config_.local_directory, why);
  }
  return NotDone(FallbackCause::kUnreachable, why);
}

absl::StatusOr<RemoteCompiles::Answer> CompileClient::Ask(const remote_v1::Request& request) {
  HPCC_ASSIGN_OR_RETURN(Connection connection, dialer_.Dial());
  HPCC_RETURN_IF_ERROR(connection.Send(FrameOf(request), kSendPatience));
  absl::StatusOr<RemoteCompiles::Answer> answer = Receive(connection);
  if (absl::IsDeadlineExceeded(answer.status())) {
    constexpr std::string_view kSilent =
        "hpcc-remote does not answer; it is not asked until it goes on, or another is started";
    return dialer_.NoteSilence() ? absl::DeadlineExceededError(std::string(kSilent))
                                 : absl::UnavailableError(std::string(kSilent));
  }
  return answer;
}

absl::StatusOr<RemoteCompiles::Answer> CompileClient::Receive(Connection& connection) {
  const int64_t end = clock_.MonotonicNanoseconds() + std::chrono::nanoseconds(kLongest).count();
  while (clock_.MonotonicNanoseconds() < end) {
    HPCC_ASSIGN_OR_RETURN(const std::string bytes,
                          ReceiveFrame(connection, kMaxRemoteFrameBytes, kSilence));
    HPCC_ASSIGN_OR_RETURN(remote_v1::Response response, ParseRemoteResponse(bytes));
    HPCC_RETURN_IF_ERROR(StatusOf(response));
    if (response.has_working()) continue;
    if (response.has_not_compiled()) {
      const FallbackCause cause = FallbackCauseOf(response.not_compiled().cause());
      return NotDone(cause == FallbackCause::kNone ? FallbackCause::kError : cause,
                     response.not_compiled().message());
    }
    if (!response.has_compiled()) return absl::InternalError("hpcc-remote: another answer");
    RemoteCompiles::Answer answer;
    HPCC_ASSIGN_OR_RETURN(answer.bundle,
                          ReceiveBytes(connection, response.compiled().size(), kValuePatience));
    answer.compiled = std::move(*response.mutable_compiled());
    return answer;
  }
  return NotDone(FallbackCause::kTooSlow, "");
}

std::string CompileNoticeFile(const std::string& local_directory) {
  return path::Join(path::Join(local_directory, "remote"), "compiles.notice");
}

void WriteCompileNotice(FileSystem& fs, Clock& clock, const std::string& local_directory,
                        std::string_view text) {
  const std::string path = CompileNoticeFile(local_directory);
  const int64_t now = clock.NowNanoseconds();
  const Notice last = ReadNotice(fs, path);
  // Of a cause that holds for every compile of a build, one word every now and then is enough.
  if (last.text == text &&
      now - last.time_ns < std::chrono::nanoseconds(kBetweenEqualNotices).count()) {
    return;
  }
  Log(LogLevel::kWarning, StrCat("remote compiles: ", text));
  WriteNotice(fs, path, now, text);
}

}  // namespace hpcc
