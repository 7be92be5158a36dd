#include "remote/remote_session.h"

#include <unistd.h>

#include <utility>

#include "base/frame.h"
#include "base/strings.h"

namespace hpcc {

namespace {

using std::chrono::milliseconds;

constexpr milliseconds kStep{250};
constexpr milliseconds kFirstRequest{5000};  // a connection without one is closed after that
constexpr milliseconds kFrameTimeout{5000};  // of what has begun to come
constexpr milliseconds kValueTimeout{10'000};
constexpr milliseconds kSendTimeout{10'000};
constexpr milliseconds kFlushPatience{115'000};
constexpr int64_t kLookEvery = 2'000'000'000;   // nanoseconds
constexpr int64_t kWorkingEvery = 500'000'000;  // nanoseconds

// While it lives a request is in flight.
class InFlight {
 public:
  explicit InFlight(RemoteState& state) : state_(state) {
    ++state_.in_flight;
    ++state_.requests;
    Touch();
  }
  ~InFlight() {
    Touch();
    --state_.in_flight;
  }
  InFlight(const InFlight&) = delete;
  InFlight& operator=(const InFlight&) = delete;

 private:
  void Touch() { state_.last_request_ns = state_.clock.MonotonicNanoseconds(); }

  RemoteState& state_;
};

}  // namespace

void RemoteSession::Run() {
  if (!connection_.PeerIsThisUser()) {
    const absl::StatusOr<PeerCredentials> peer = connection_.Peer();
    state_.NoteSecurityEvent("remote-foreign-peer",
                             StrCat("user ", peer.ok() ? peer->user : 0, " connected"));
    return;
  }
  while (WaitForRequest()) {
    const InFlight in_flight(state_);
    const std::optional<remote_v1::Request> request = Receive();
    if (!request || !Serve(*request)) return;
  }
}

bool RemoteSession::WaitForRequest() {
  milliseconds waited{0};
  while (!connection_.WaitForInput(kStep)) {
    waited += kStep;
    if (state_.stopping || (!tier_ && waited >= kFirstRequest)) return false;
  }
  return !state_.stopping;
}

std::optional<remote_v1::Request> RemoteSession::Receive() {
  const absl::StatusOr<std::string> bytes =
      ReceiveFrame(connection_, kMaxRemoteFrameBytes, kFrameTimeout);
  absl::Status status = bytes.status();
  if (bytes.ok()) {
    absl::StatusOr<remote_v1::Request> request = ParseRemoteRequest(*bytes);
    if (request.ok()) return *std::move(request);
    status = request.status();
  }
  // To close between requests is how a connection ends.
  if (!absl::IsOutOfRange(status)) {
    state_.NoteSecurityEvent("remote-broken-protocol", std::string(status.message()));
  }
  return std::nullopt;
}

bool RemoteSession::Serve(const remote_v1::Request& request) {
  if (request.protocol_version() != kRemoteProtocolVersion) {
    Answer(absl::FailedPreconditionError(
        StrCat("this hpcc-remote (hpcc ", HPCC_VERSION, ") speaks version ", kRemoteProtocolVersion,
               " of the protocol, not ", request.protocol_version())));
    return false;
  }
  if (request.has_status()) return ServeStatus();
  if (request.has_stop()) {
    state_.told_to_end = true;
    return Answer(absl::OkStatus());
  }
  if (request.has_compile() && !tier_) return ServeCompile(request.compile());
  if (request.has_open() && !tier_) {
    open_ = request.open();
    LookAgain();
    return true;
  }
  if (request.has_open() || !tier_) {
    state_.NoteSecurityEvent("remote-broken-protocol", "a request out of turn");
    return false;
  }
  if (state_.clock.MonotonicNanoseconds() - looked_ns_ >= kLookEvery) LookAgain();
  // Its value comes in any case.
  if (request.has_put()) return ServePut(request.put());
  if (!tier_->ok()) return Answer(tier_->status());
  return ServeOpened(request, ***tier_);
}

void RemoteSession::LookAgain() {
  looked_ns_ = state_.clock.MonotonicNanoseconds();
  tier_ = state_.tiers.For(open_);
}

bool RemoteSession::ServeOpened(const remote_v1::Request& request, RemoteTier& tier) {
  switch (request.body_case()) {
    case remote_v1::Request::kGet:
      return ServeGet(request.get(), tier);
    case remote_v1::Request::kExists:
      return ServeExists(DecodeKey(request.exists().key()), tier);
    case remote_v1::Request::kRemove: {
      const StoreKey key = DecodeKey(request.remove().key());
      state_.queue.Drop(tier.objects(), key);
      return Answer(tier.objects().Remove(key));
    }
    case remote_v1::Request::kList:
      return ServeList(static_cast<StoreNamespace>(request.list().store_namespace()), tier);
    case remote_v1::Request::kCheck:
      return Answer(tier.objects().Check());
    case remote_v1::Request::kFlush:
      return Answer(state_.queue.Flush(kFlushPatience)
                        ? absl::OkStatus()
                        : absl::DeadlineExceededError("results still wait to be written"));
    default:
      state_.NoteSecurityEvent("remote-broken-protocol", "a request of no known kind");
      return false;
  }
}

bool RemoteSession::ServeGet(const remote_v1::Get& get, RemoteTier& tier) {
  const StoreKey key = DecodeKey(get.key());
  remote_v1::Response response;
  if (const std::shared_ptr<const std::string> waiting = state_.queue.Find(tier.objects(), key)) {
    response.mutable_found()->set_size(waiting->size());
    return Send(&response, *waiting);
  }
  const absl::StatusOr<std::string> sealed =
      get.walk() ? tier.objects().WalkGet(key) : tier.objects().Get(key);
  if (!sealed.ok()) return Answer(sealed.status());
  response.mutable_found()->set_size(sealed->size());
  return Send(&response, *sealed);
}

bool RemoteSession::ServeExists(const StoreKey& key, RemoteTier& tier) {
  const absl::StatusOr<bool> exists = tier.objects().WalkExists(key);
  if (!exists.ok()) return Answer(exists.status());
  return Answer(*exists ? absl::OkStatus() : absl::NotFoundError("there is no such value"));
}

bool RemoteSession::ServePut(const remote_v1::Put& put) {
  absl::StatusOr<std::string> sealed = ReceiveBytes(connection_, put.size(), kValueTimeout);
  if (!sealed.ok()) {
    // A wrapper may be killed at any time; one that lives and stops midway is none of ours.
    if (!absl::IsDataLoss(sealed.status()) && !absl::IsOutOfRange(sealed.status())) {
      state_.NoteSecurityEvent("remote-broken-protocol", "a value that did not come");
    }
    return false;
  }
  if (!tier_->ok()) return Answer(tier_->status());
  const std::shared_ptr<RemoteTier>& tier = **tier_;
  if (tier->description().read_only) {
    return Answer(absl::PermissionDeniedError("this cache is configured as read-only"));
  }
  const StoreKey key = DecodeKey(put.key());
  if (put.and_wait()) {
    state_.queue.Drop(tier->objects(), key);
    return Answer(tier->objects().WalkPut(key, *sealed));
  }
  const absl::Status taken = state_.queue.Add(ObjectsOf(tier), key, *std::move(sealed));
  if (!taken.ok()) tier->objects().CountDropped();
  return Answer(taken);
}

bool RemoteSession::ServeList(StoreNamespace ns, RemoteTier& tier) {
  remote_v1::Response page;
  bool connected = true;
  const absl::Status listed = tier.objects().ForEach(ns, [&](const RemoteObjects::Entry& entry) {
    if (page.listed().entries_size() >= kMaxListedEntries) {
      page.mutable_listed()->set_more(true);
      connected = Send(&page);
      page.Clear();
    }
    remote_v1::Listed::Entry& listed_entry = *page.mutable_listed()->add_entries();
    listed_entry.set_digest(std::string(entry.key.digest.bytes()));
    listed_entry.set_size(entry.size);
    return connected && !state_.stopping;
  });
  if (!connected || state_.stopping) return false;
  if (!listed.ok()) return Answer(listed);
  page.mutable_listed();
  return Send(&page);
}

bool RemoteSession::ServeStatus() {
  state_.tiers.SaveStatistics();
  remote_v1::Response response;
  remote_v1::StatusReport& report = *response.mutable_status();
  report.set_process(getpid());
  report.set_hpcc_version(HPCC_VERSION);
  report.set_started_ns(state_.started_ns);
  report.set_requests(state_.requests);
  report.set_queued_writes(state_.queue.values());
  report.set_queued_bytes(state_.queue.bytes());
  report.set_security_events(state_.security_events);
  return Send(&response);
}

// One request is all there is of such a connection: the thread's working directory has changed.
bool RemoteSession::ServeCompile(const remote_v1::Compile& compile) {
  remote_v1::Response response;
  if (state_.compiles == nullptr) {
    response.mutable_not_compiled()->set_cause(static_cast<uint32_t>(FallbackCause::kError));
    response.mutable_not_compiled()->set_message("this hpcc-remote does no remote compiles");
    Send(&response);
    return false;
  }
  int64_t told_ns = 0;
  const auto go_on = [this, &told_ns] {
    const int64_t now = state_.clock.MonotonicNanoseconds();
    if (state_.stopping || connection_.IsHungUp()) return false;
    if (now - told_ns < kWorkingEvery) return true;
    told_ns = now;
    remote_v1::Response working;
    working.mutable_working();
    return Send(&working);
  };
  if (!go_on()) return false;
  RemoteCompiles::Answer answer = state_.compiles->Compile(compile, go_on);
  if (answer.cause != FallbackCause::kNone) {
    response.mutable_not_compiled()->set_cause(static_cast<uint32_t>(answer.cause));
    response.mutable_not_compiled()->set_message(std::move(answer.message));
    Send(&response);
    return false;
  }
  *response.mutable_compiled() = std::move(answer.compiled);
  response.mutable_compiled()->set_size(answer.bundle.size());
  Send(&response, answer.bundle);
  return false;
}

bool RemoteSession::Answer(const absl::Status& status) {
  remote_v1::Response response;
  SetStatus(status, &response);
  return Send(&response);
}

bool RemoteSession::Send(remote_v1::Response* response, std::string_view value) {
  response->set_protocol_version(kRemoteProtocolVersion);
  return SendRemoteFrame(connection_, *response, value, kSendTimeout).ok();
}

}  // namespace hpcc
