#include "remote/remote_client.h"

#include <algorithm>
#include <utility>

#include "base/frame.h"
#include "base/logging.h"
#include "base/status.h"
#include "base/strings.h"

namespace hpcc {

namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

// A little more than the bounds of ObjectLimits, which hpcc-remote keeps: whoever waits longer
// waits for a program that is stopped or stuck.
constexpr milliseconds kReadPatience{2500};
constexpr milliseconds kTakePatience{2000};  // until a value is taken
constexpr milliseconds kRemovePatience{5500};
constexpr milliseconds kWritePatience{15'000};
constexpr milliseconds kFlushPatience{120'000};
constexpr milliseconds kListPatience{35'000};  // for each page
constexpr milliseconds kCheckPatience{12'000};
constexpr milliseconds kStatusPatience{2000};
// What is in flight and what is still to be written get ten seconds.
constexpr milliseconds kStopPatience{15'000};
constexpr milliseconds kLookEvery{50};

constexpr milliseconds kNoticeEvery{250};
constexpr size_t kMaxIdleLines = 64;
constexpr size_t kMaxExpected = 16;
constexpr std::chrono::minutes kBetweenEqualNotices{10};

thread_local const std::function<void()>* wait_notice = nullptr;

milliseconds Left(steady_clock::time_point deadline) {
  const auto left = std::chrono::ceil<milliseconds>(deadline - steady_clock::now());
  return std::max(left, milliseconds(0));
}

// The other end is gone: it ended, or was ended, and another may be found.
bool IsGone(const absl::Status& status) {
  return absl::IsOutOfRange(status) || absl::IsDataLoss(status) || absl::IsUnavailable(status);
}

std::string Message(const absl::Status& status) {
  return std::string(status.message());
}

remote_v1::Request ForKey(const StoreKey& key, remote_v1::Key* (*part)(remote_v1::Request*)) {
  remote_v1::Request request;
  *part(&request) = EncodeKey(key);
  return request;
}

remote_v1::Request GetRequest(const StoreKey& key) {
  return ForKey(key,
                [](remote_v1::Request* message) { return message->mutable_get()->mutable_key(); });
}

}  // namespace

ScopedWaitNotice::ScopedWaitNotice(std::function<void()> notice) : notice_(std::move(notice)) {
  wait_notice = &notice_;
}
ScopedWaitNotice::~ScopedWaitNotice() {
  wait_notice = nullptr;
}

// One connection, for one request at a time.
class RemoteClient::Line {
 public:
  explicit Line(Connection connection_in) : connection(std::move(connection_in)) {}

  Connection connection;
  bool opened = false;  // the Open has been sent
};

RemoteClient::RemoteClient(const CacheTier& tier, const Config& config,
                           const Environment& environment, FileSystem& fs, Clock& clock)
    : tier_(tier),
      signing_(config.signing),
      local_directory_(config.local_directory),
      environment_(environment),
      fs_(fs),
      clock_(clock),
      place_(config, environment),
      dialer_(place_, environment_, fs, clock) {}

RemoteClient::~RemoteClient() = default;

absl::StatusOr<std::string> RemoteClient::Get(const StoreKey& key) {
  std::optional<absl::StatusOr<Answer>> expected = TakeExpected(key);
  return ValueOf(expected ? *std::move(expected) : Ask(GetRequest(key), {}, kReadPatience));
}

absl::StatusOr<std::string> RemoteClient::WalkGet(const StoreKey& key) {
  remote_v1::Request request = GetRequest(key);
  request.mutable_get()->set_walk(true);
  return ValueOf(Ask(request, {}, kReadPatience));
}

absl::StatusOr<bool> RemoteClient::WalkExists(const StoreKey& key) {
  const remote_v1::Request request = ForKey(
      key, [](remote_v1::Request* message) { return message->mutable_exists()->mutable_key(); });
  HPCC_ASSIGN_OR_RETURN(const Answer answer, Ask(request, {}, kReadPatience));
  const absl::Status status = StatusOf(answer.response);
  if (absl::IsNotFound(status)) return false;
  HPCC_RETURN_IF_ERROR(status);
  return true;
}

absl::StatusOr<std::string> RemoteClient::ValueOf(absl::StatusOr<Answer> answered) {
  HPCC_ASSIGN_OR_RETURN(Answer answer, std::move(answered));
  HPCC_RETURN_IF_ERROR(StatusOf(answer.response));
  if (!answer.response.has_found()) return absl::InternalError("hpcc-remote: another answer");
  return std::move(answer.value);
}

void RemoteClient::Expect(const StoreKey& key) {
  absl::StatusOr<std::unique_ptr<Line>> line = TakeLine();
  if (!line.ok()) return;
  const Deadline soon = steady_clock::now() + kNoticeEvery;
  if (!Send(**line, GetRequest(key), {}, soon).ok()) return;
  std::unique_ptr<Line> given_up;  // closed without the lock
  const std::lock_guard lock(mutex_);
  expected_.emplace_back(key, *std::move(line));
  if (expected_.size() <= kMaxExpected) return;
  given_up = std::move(expected_.front().second);
  expected_.pop_front();
}

std::optional<absl::StatusOr<RemoteClient::Answer>> RemoteClient::TakeExpected(
    const StoreKey& key) {
  std::unique_ptr<Line> line;
  {
    const std::lock_guard lock(mutex_);
    const auto found = std::find_if(expected_.begin(), expected_.end(),
                                    [&key](const auto& one) { return one.first == key; });
    if (found == expected_.end()) return std::nullopt;
    line = std::move(found->second);
    expected_.erase(found);
  }
  absl::StatusOr<Answer> answer = Receive(*line, steady_clock::now() + kReadPatience);
  if (answer.ok()) {
    KeepLine(std::move(line));
    return answer;
  }
  if (absl::IsDeadlineExceeded(answer.status())) return NoteSilence();
  return std::nullopt;
}

absl::Status RemoteClient::Put(const StoreKey& key, std::string_view sealed) {
  if (sealed.size() > kMaxRemoteValueBytes) return absl::ResourceExhaustedError("too large");
  remote_v1::Request request;
  *request.mutable_put()->mutable_key() = EncodeKey(key);
  request.mutable_put()->set_size(sealed.size());
  HPCC_ASSIGN_OR_RETURN(const Answer answer, Ask(request, sealed, kTakePatience));
  return StatusOf(answer.response);
}

absl::Status RemoteClient::PutAndWait(const StoreKey& key, std::string_view sealed) {
  if (sealed.size() > kMaxRemoteValueBytes) return absl::ResourceExhaustedError("too large");
  remote_v1::Request request;
  *request.mutable_put()->mutable_key() = EncodeKey(key);
  request.mutable_put()->set_size(sealed.size());
  request.mutable_put()->set_and_wait(true);
  HPCC_ASSIGN_OR_RETURN(const Answer answer, Ask(request, sealed, kWritePatience));
  return StatusOf(answer.response);
}

// Reading is what renews a value there (store/object_eviction.h).
absl::Status RemoteClient::Touch(const StoreKey&) {
  return absl::OkStatus();
}

absl::Status RemoteClient::Remove(const StoreKey& key) {
  const remote_v1::Request request = ForKey(
      key, [](remote_v1::Request* message) { return message->mutable_remove()->mutable_key(); });
  HPCC_ASSIGN_OR_RETURN(const Answer answer, Ask(request, {}, kRemovePatience));
  return StatusOf(answer.response);
}

absl::Status RemoteClient::Check() {
  remote_v1::Request request;
  request.mutable_check();
  HPCC_ASSIGN_OR_RETURN(const Answer answer, Ask(request, {}, kCheckPatience));
  return StatusOf(answer.response);
}

absl::Status RemoteClient::Flush() {
  remote_v1::Request request;
  request.mutable_flush();
  HPCC_ASSIGN_OR_RETURN(const Answer answer, Ask(request, {}, kFlushPatience));
  return StatusOf(answer.response);
}

absl::StatusOr<std::vector<RemoteClient::Entry>> RemoteClient::List(StoreNamespace ns) {
  HPCC_ASSIGN_OR_RETURN(std::unique_ptr<Line> line, TakeLine());
  remote_v1::Request request;
  request.mutable_list()->set_store_namespace(static_cast<uint32_t>(ns));
  HPCC_RETURN_IF_ERROR(Send(*line, std::move(request), {}, steady_clock::now() + kListPatience));
  std::vector<Entry> entries;
  while (true) {
    HPCC_ASSIGN_OR_RETURN(const Answer page, Receive(*line, steady_clock::now() + kListPatience));
    HPCC_RETURN_IF_ERROR(StatusOf(page.response));
    for (const remote_v1::Listed::Entry& entry : page.response.listed().entries()) {
      entries.push_back({*Digest::FromBytes(entry.digest()), entry.size()});
    }
    if (!page.response.listed().more()) break;
  }
  KeepLine(std::move(line));
  return entries;
}

absl::StatusOr<RemoteClient::Answer> RemoteClient::Ask(const remote_v1::Request& request,
                                                       std::string_view value,
                                                       milliseconds patience) {
  const Deadline deadline = steady_clock::now() + patience;
  absl::Status failure;
  // A line that was kept may be that of a program which has ended since, as may a new one by
  // bad luck; more than that is not luck.
  for (int attempt = 0; attempt < 2; ++attempt) {
    absl::StatusOr<std::unique_ptr<Line>> line = TakeLine();
    if (!line.ok()) return NoteUnreachable(line.status());
    failure = Send(**line, request, value, deadline);
    if (failure.ok()) {
      absl::StatusOr<Answer> answer = Receive(**line, deadline);
      if (answer.ok()) {
        KeepLine(*std::move(line));
        return answer;
      }
      failure = answer.status();
    }
    if (absl::IsDeadlineExceeded(failure)) return NoteSilence();
    if (!IsGone(failure)) break;
    const std::lock_guard lock(mutex_);
    idle_.clear();
  }
  return NoteUnreachable(absl::UnavailableError(StrCat("hpcc-remote: ", Message(failure))));
}

absl::Status RemoteClient::Send(Line& line, remote_v1::Request request, std::string_view value,
                                Deadline deadline) {
  std::string frames;
  if (!line.opened) {
    remote_v1::Request first;
    first.set_protocol_version(kRemoteProtocolVersion);
    HPCC_ASSIGN_OR_RETURN(*first.mutable_open(),
                          EncodeOpen(tier_, signing_, local_directory_, environment_));
    frames = FrameOf(first);
    line.opened = true;
  }
  request.set_protocol_version(kRemoteProtocolVersion);
  frames.append(FrameOf(request));
  HPCC_RETURN_IF_ERROR(line.connection.Send(frames, Left(deadline)));
  return value.empty() ? absl::OkStatus() : line.connection.Send(value, Left(deadline));
}

absl::Status RemoteClient::AwaitAnswer(Line& line, Deadline deadline) {
  while (!line.connection.WaitForInput(std::min(Left(deadline), kNoticeEvery))) {
    if (Left(deadline).count() == 0) return absl::DeadlineExceededError("no answer");
    if (wait_notice != nullptr) (*wait_notice)();
    // Others have waited long enough for all.
    if (dialer_.IsSilent()) return absl::AbortedError("it does not answer");
  }
  return absl::OkStatus();
}

absl::StatusOr<RemoteClient::Answer> RemoteClient::Receive(Line& line, Deadline deadline) {
  HPCC_RETURN_IF_ERROR(AwaitAnswer(line, deadline));
  HPCC_ASSIGN_OR_RETURN(const std::string bytes,
                        ReceiveFrame(line.connection, kMaxRemoteFrameBytes, Left(deadline)));
  Answer answer;
  HPCC_ASSIGN_OR_RETURN(answer.response, ParseRemoteResponse(bytes));
  if (answer.response.protocol_version() != kRemoteProtocolVersion) {
    return absl::FailedPreconditionError(
        StrCat("it speaks version ", answer.response.protocol_version(), " of the protocol, not ",
               kRemoteProtocolVersion, "; it is another version of hpcc"));
  }
  if (answer.response.has_found()) {
    HPCC_ASSIGN_OR_RETURN(
        answer.value,
        ReceiveBytes(line.connection, answer.response.found().size(), Left(deadline)));
  }
  return answer;
}

absl::StatusOr<std::unique_ptr<RemoteClient::Line>> RemoteClient::TakeLine() {
  {
    const std::lock_guard lock(mutex_);
    if (!idle_.empty()) {
      std::unique_ptr<Line> line = std::move(idle_.back());
      idle_.pop_back();
      // The program may be stopped although the line is whole.
      if (!dialer_.IsSilent()) return line;
      return absl::UnavailableError("hpcc-remote does not answer");
    }
  }
  HPCC_ASSIGN_OR_RETURN(Connection connection, dialer_.Dial());
  return std::make_unique<Line>(std::move(connection));
}

void RemoteClient::KeepLine(std::unique_ptr<Line> line) {
  const std::lock_guard lock(mutex_);
  if (idle_.size() < kMaxIdleLines) idle_.push_back(std::move(line));
}

absl::Status RemoteClient::NoteUnreachable(const absl::Status& why) {
  if (!absl::IsUnavailable(why)) Publish(Message(why));
  const std::lock_guard lock(mutex_);
  if (statistics_ == nullptr) {
    absl::StatusOr<std::unique_ptr<TierStatistics>> opened =
        TierStatistics::Open(fs_, local_directory_, tier_);
    if (opened.ok()) statistics_ = *std::move(opened);
  }
  if (statistics_ != nullptr) statistics_->Add(TierCounter::kUnreachable);
  return absl::UnavailableError(Message(why));
}

absl::Status RemoteClient::NoteSilence() {
  constexpr std::string_view kSilent = "hpcc-remote does not answer";
  if (dialer_.NoteSilence()) {
    Publish(StrCat(kSilent, "; it is not asked until it goes on, or another is started"));
  }
  return NoteUnreachable(absl::UnavailableError(std::string(kSilent)));
}

void RemoteClient::Publish(std::string_view notice) {
  const std::string line = StrCat(tier_.Name(), " is not used: ", notice);
  const int64_t now = clock_.NowNanoseconds();
  // Of a cause that holds for every compile of a build, one word every now and then is enough.
  const absl::StatusOr<TierReport> last = ReadTierReport(fs_, local_directory_, tier_);
  if (last.ok() && last->notice == line &&
      now - last->notice_ns < std::chrono::nanoseconds(kBetweenEqualNotices).count()) {
    return;
  }
  Log(LogLevel::kWarning, line);
  WriteTierNotice(fs_, local_directory_, tier_, now, line);
}

namespace {

// Of a connection of its own, to a program that isn't started for it.
absl::StatusOr<remote_v1::Response> AskRunning(RemoteDialer& dialer, remote_v1::Request request) {
  if (dialer.IsSilent()) return absl::UnavailableError("hpcc-remote does not answer");
  HPCC_ASSIGN_OR_RETURN(Connection connection, dialer.Connect());
  request.set_protocol_version(kRemoteProtocolVersion);
  HPCC_RETURN_IF_ERROR(connection.Send(FrameOf(request), kStatusPatience));
  HPCC_ASSIGN_OR_RETURN(const std::string bytes,
                        ReceiveFrame(connection, kMaxRemoteFrameBytes, kStatusPatience));
  HPCC_ASSIGN_OR_RETURN(remote_v1::Response response, ParseRemoteResponse(bytes));
  HPCC_RETURN_IF_ERROR(StatusOf(response));
  return response;
}

}  // namespace

absl::StatusOr<remote_v1::StatusReport> QueryRemote(FileSystem& fs, const RemotePlace& place) {
  const Environment none;
  RemoteDialer dialer(place, none, fs, Clock::Real());
  remote_v1::Request request;
  request.mutable_status();
  HPCC_ASSIGN_OR_RETURN(remote_v1::Response response, AskRunning(dialer, std::move(request)));
  return std::move(*response.mutable_status());
}

absl::Status StopRemote(FileSystem& fs, const RemotePlace& place, Clock& clock) {
  const Environment none;
  RemoteDialer dialer(place, none, fs, clock);
  if (!dialer.ProgramLives()) return absl::NotFoundError("no hpcc-remote runs");
  remote_v1::Request request;
  request.mutable_stop();
  HPCC_RETURN_IF_ERROR(AskRunning(dialer, std::move(request)).status());
  const int64_t deadline =
      clock.MonotonicNanoseconds() + std::chrono::nanoseconds(kStopPatience).count();
  while (dialer.ProgramLives()) {
    if (clock.MonotonicNanoseconds() >= deadline) {
      return absl::DeadlineExceededError("hpcc-remote was told to end and is still there");
    }
    clock.Sleep(kLookEvery);
  }
  return absl::OkStatus();
}

}  // namespace hpcc
