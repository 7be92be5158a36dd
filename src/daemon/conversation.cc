#include "daemon/conversation.h"

#include <unistd.h>

#include <utility>

#include "base/logging.h"
#include "base/process_state.h"
#include "base/shared_bytes.h"
#include "base/status.h"
#include "base/strings.h"
#include "base/working_directory.h"
#include "client/daemon_place.h"
#include "remote/remote_client.h"

namespace hpcc {

namespace {

using std::chrono::milliseconds;

constexpr milliseconds kFirstFrameTimeout{5000};  // wrappers send theirs at once
constexpr milliseconds kSendTimeout{10'000};      // a wrapper that is stopped while it is answered
constexpr milliseconds kLearnTimeout{10'000};     // once its first byte is there
constexpr milliseconds kStep{250};                // of every longer wait
constexpr milliseconds kWaitingEvery{500};        // well within kDaemonPatience
// How long others wait for a compile: for as long as its processes get something done. Those that
// don't may have asked a worker, or be held up by whoever should read their diagnostics.
constexpr int64_t kPatienceWithIdleness = 10'000'000'000;
constexpr int64_t kMostPatience = 600'000'000'000;
// A compile that fails, or whose result is of no use to those who waited, is not waited for again
// and again.
constexpr int kMaxWaits = 2;
constexpr int kMaxLooks = 4;

std::string_view TransportName(Transport transport) {
  return transport == Transport::kUnix ? "Unix socket" : "loopback";
}

bool SameSurroundings(const daemon_v1::Surroundings& a, const daemon_v1::Surroundings& b) {
  return !a.mount_namespace().empty() && a.mount_namespace() == b.mount_namespace() &&
         a.root_device() == b.root_device() && a.root_inode() == b.root_inode();
}

CompileRequest TakeCommand(daemon_v1::LookUp* look_up) {
  CompileRequest command;
  command.compiler.path = look_up->compiler_path();
  command.compiler.called_as = look_up->called_as();
  command.compiler.name = look_up->compiler_name();
  for (std::string& word : *look_up->mutable_arguments()) {
    command.compiler.arguments.push_back(std::move(word));
  }
  for (const std::string& variable : look_up->environment()) {
    const size_t equals = variable.find('=');
    if (equals == std::string::npos) continue;
    command.environment.Set(variable.substr(0, equals), variable.substr(equals + 1));
  }
  command.cwd = look_up->working_directory();
  command.diagnostics_target = look_up->diagnostics_target();
  return command;
}

// Stands where the caller stands, and makes sure that the name it gives leads there too.
absl::Status EnterCallersDirectory(FileSystem& fs, const std::string& name,
                                   const std::vector<Descriptor>& descriptors) {
  if (!descriptors.empty()) {
    HPCC_RETURN_IF_ERROR(EnterDirectory(descriptors.front()));
  } else {
    HPCC_RETURN_IF_ERROR(EnterDirectory(name));
  }
  HPCC_ASSIGN_OR_RETURN(const FileStat here, StatFile(fs, "."));
  HPCC_ASSIGN_OR_RETURN(const FileStat named, StatFile(fs, name));
  if (here.device != named.device || here.inode != named.inode) {
    return absl::FailedPreconditionError("the working directory has another name by now");
  }
  return absl::OkStatus();
}

}  // namespace

void Conversation::Run() {
  if (transport_ == Transport::kUnix && !PeerIsThisUser()) return;
  std::optional<daemon_v1::Request> request = Receive(kFirstFrameTimeout);
  if (!request) return;
  ++state_.requests;
  // To stop is said in all versions alike: whoever brings the next one may end this one.
  if (request->protocol_version() != kDaemonProtocolVersion && !request->has_stop()) {
    Refuse(StrCat("this daemon (hpcc ", HPCC_VERSION, ") speaks version ", kDaemonProtocolVersion,
                  " of the protocol, not ", request->protocol_version()));
    return;
  }
  if (transport_ == Transport::kLoopback && !TokenIsRight(*request)) {
    state_.NoteSecurityEvent("a request over loopback with a wrong token");
    Refuse("wrong token");
    return;
  }
  switch (request->body_case()) {
    case daemon_v1::Request::kLookUp:
      AnswerLookUp(request->mutable_look_up());
      return;
    case daemon_v1::Request::kStatus:
      AnswerStatus();
      return;
    case daemon_v1::Request::kStop: {
      daemon_v1::Response response;
      response.mutable_stopping();
      Send(&response);
      state_.stopping = true;
      return;
    }
    default:
      state_.NoteSecurityEvent("a request out of turn");
      Refuse("no such request");
  }
}

void Conversation::TurnAway(std::string_view reason) {
  StayAlone(reason);
}

bool Conversation::PeerIsThisUser() {
  const absl::StatusOr<PeerCredentials> peer = connection_.Peer();
  if (peer.ok() && peer->user == geteuid()) {
    peer_process_ = peer->process;
    return true;
  }
  state_.NoteSecurityEvent(StrCat("user ", peer.ok() ? peer->user : 0, " connected"));
  return false;
}

std::optional<daemon_v1::Request> Conversation::Receive(milliseconds timeout) {
  const absl::StatusOr<std::string> bytes = ReceiveFrame(connection_, timeout);
  absl::Status status = bytes.status();
  if (bytes.ok()) {
    absl::StatusOr<daemon_v1::Request> request = ParseRequest(*bytes);
    if (request.ok()) return *std::move(request);
    status = request.status();
  }
  // To connect and leave is what those do who only look whether somebody listens.
  if (!absl::IsOutOfRange(status)) {
    state_.NoteSecurityEvent(StrCat("a peer over ", TransportName(transport_),
                                    " broke the protocol: ", std::string(status.message())));
  }
  return std::nullopt;
}

bool Conversation::TokenIsRight(const daemon_v1::Request& request) {
  // Compared as digests: the time says nothing of the size either.
  return TokensMatch(Digest::Of(request.token()).bytes(), Digest::Of(state_.token).bytes());
}

void Conversation::AnswerLookUp(daemon_v1::LookUp* look_up) {
  if (state_.stopping) return StayAlone("the daemon is leaving");
  if (!SameSurroundings(look_up->surroundings(), state_.surroundings)) {
    return StayAlone("paths mean something else to the daemon");
  }
  const absl::Status entered =
      EnterCallersDirectory(state_.fs, look_up->working_directory(), connection_.TakeDescriptors());
  if (!entered.ok()) return StayAlone(std::string(entered.message()));
  // The files that the answer hangs on, if it is what it was last time, are looked at while this
  // thread finds out what is asked.
  const Digest request = Digest::Of(look_up->SerializeAsString());
  const std::shared_ptr<HotUnit> guess = state_.hot_units.Guess(request);
  HelpedFileSystem::Expectation expectation(state_.helped,
                                            guess == nullptr ? nullptr : guess->Files());
  SharedCompile compile(state_, TakeCommand(look_up));
  const absl::Status prepared = compile.Prepare();
  if (!prepared.ok()) {
    return StayAlone(std::string(prepared.message()), absl::IsUnavailable(prepared));
  }

  if (AnswerFromMemory(compile)) {
    state_.hot_units.NoteRequest(request, compile.lease_key());
    return;
  }
  expectation.End();
  uint64_t instead_of = 0;
  for (int waits = 0, looks = 1;; ++looks) {
    const uint64_t ended = state_.leases.ended();
    const SharedCompile::Found found = LookUp(compile);
    if (found.hit) {
      std::optional<daemon_v1::Hit> answer = found.hit->AnswerFor(compile.unit());
      if (!answer) return StayAlone("a dependency file only the compiler can make");
      SendHit(*found.hit, *std::move(answer));
      return;
    }
    if (SharedCompile::NeedsWrapper(found.lookup)) {
      return StayAlone("only the compiler can tell");
    }
    LeaseTable::Outcome outcome =
        state_.leases.Take(compile.lease_key(), peer_process_, instead_of);
    if (!outcome.lease && waits < kMaxWaits) {
      if (!WaitFor(compile, outcome.holder)) return;
      instead_of = outcome.holder.lease;
      ++waits;
      continue;
    }
    if (!outcome.lease) {
      outcome = state_.leases.Take(compile.lease_key(), peer_process_, outcome.holder.lease);
    }
    if (!outcome.lease) return StayAlone("others compile it");
    // What ended since the look-up may have left just this result.
    if (looks < kMaxLooks && state_.leases.ended() != ended) continue;
    daemon_v1::Response response;
    response.mutable_lease()->set_newest_change_ns(found.lookup.newest_change_ns);
    if (Send(&response)) ServeLease(compile, found.lookup);
    return;
  }
}

// The wrapper writes the outputs aside while the closure is looked at: each takes as long as the
// other.
bool Conversation::AnswerFromMemory(SharedCompile& compile) {
  if (transport_ != Transport::kUnix) return false;
  const std::shared_ptr<HotUnit> hot = compile.FindHot();
  if (hot == nullptr || hot->output_bytes() > kMaxTentativeBytes) return false;
  std::optional<daemon_v1::Hit> answer = hot->AnswerFor(compile.unit());
  if (!answer) return false;
  answer->set_tentative(true);
  if (!SendHit(*hot, std::move(*answer))) return true;
  if (!compile.StillHits(*hot)) return false;
  daemon_v1::Response response;
  response.mutable_confirmed();
  Send(&response);
  return true;
}

// A remote cache may take its time; the wrapper is told that somebody is at work.
SharedCompile::Found Conversation::LookUp(SharedCompile& compile) {
  const ScopedWaitNotice notice([this] {
    daemon_v1::Response response;
    response.mutable_waiting();
    Send(&response);
  });
  return compile.LookUp();
}

bool Conversation::WaitFor(SharedCompile& compile, const LeaseTable::Holder& holder) {
  const int64_t started = state_.clock.MonotonicNanoseconds();
  int64_t seen_at_work = started;
  uint64_t ticks = 0;
  int64_t told = started;
  ++state_.waiting;
  bool connected = true;
  while (connected && !state_.stopping) {
    if (state_.leases.WaitForEndOf(compile.lease_key(), holder, kStep)) break;
    connected = !connection_.IsHungUp();
    const int64_t now = state_.clock.MonotonicNanoseconds();
    if (now - started > kMostPatience || IsStoppedOrGone(holder.process)) break;
    const uint64_t ticks_by_now = ProcessorTicksOf(holder.process);
    if (std::exchange(ticks, ticks_by_now) != ticks_by_now) seen_at_work = now;
    if (now - seen_at_work > kPatienceWithIdleness) break;
    if (now - told < std::chrono::nanoseconds(kWaitingEvery).count()) continue;
    daemon_v1::Response response;
    response.mutable_waiting();
    connected = connected && Send(&response);
    told = now;
  }
  --state_.waiting;
  return connected;
}

bool Conversation::SendHit(const HotUnit& hit, daemon_v1::Hit answer) {
  daemon_v1::Response response;
  response.mutable_hit()->Swap(&answer);
  if (!hit.outputs().valid()) return Send(&response);
  if (transport_ == Transport::kUnix) {
    const int descriptor = hit.outputs().get();
    return Send(&response, std::span(&descriptor, 1));
  }
  const absl::StatusOr<SharedBytes> bytes =
      SharedBytes::Map(hit.outputs(), response.hit().total_size());
  if (!bytes.ok()) {
    StayAlone(std::string(bytes.status().message()));
    return false;
  }
  return Send(&response) && connection_.Send(bytes->data(), kSendTimeout).ok();
}

void Conversation::ServeLease(SharedCompile& compile, const Lookup& lookup) {
  // As long as the compile takes, which is for the wrapper to say: its end closes the connection.
  while (!connection_.WaitForInput(kStep)) {
    if (state_.stopping && state_.hurry) return;
  }
  const std::optional<daemon_v1::Request> request = Receive(kLearnTimeout);
  if (!request) return;
  if (!request->has_learn() || request->protocol_version() != kDaemonProtocolVersion) {
    state_.NoteSecurityEvent("a request out of turn");
    return;
  }
  absl::StatusOr<SharedCompile::Outcome> outcome =
      compile.Learn(request->learn(), connection_.TakeDescriptors());
  daemon_v1::Response response;
  daemon_v1::Learned& learned = *response.mutable_learned();
  learned.set_kept(outcome.ok());
  if (!outcome.ok()) {
    Log(LogLevel::kInfo, StrCat("left to the wrapper: ", std::string(outcome.status().message())));
    Send(&response);
    // The wrapper stores the result itself; until then others wait.
    while (!connection_.WaitForInput(kStep) && !state_.stopping) {
    }
    return;
  }
  if (outcome->dependency_file) {
    learned.set_has_dependency_file(true);
    learned.set_dependency_file(*outcome->dependency_file);
  }
  // Kept before it is said: whoever looks once the wrapper has ended finds it, and finds it
  // counted.
  compile.Keep(lookup, *std::move(outcome));
  Send(&response);
}

void Conversation::AnswerStatus() {
  daemon_v1::Response response;
  daemon_v1::StatusReport& report = *response.mutable_status();
  const FileMemo::Size memo = state_.memo.size();
  report.set_process(getpid());
  report.set_hpcc_version(HPCC_VERSION);
  report.set_started_ns(state_.started_ns);
  report.set_requests(state_.requests);
  report.set_compiles_in_flight(state_.leases.held());
  report.set_waiting(state_.waiting);
  report.set_memo_files(memo.files);
  report.set_memo_bytes(memo.bytes);
  report.set_memo_limit_bytes(memo.limit_bytes);
  report.set_hot_bytes(state_.hot_units.bytes());
  report.set_security_events(state_.security_events);
  Send(&response);
}

void Conversation::Refuse(std::string_view reason) {
  daemon_v1::Response response;
  response.mutable_refused()->set_reason(std::string(reason));
  Send(&response);
}

void Conversation::StayAlone(std::string_view reason, bool compiler_unknown) {
  daemon_v1::Response response;
  response.mutable_alone()->set_reason(std::string(reason));
  response.mutable_alone()->set_compiler_unknown(compiler_unknown);
  Send(&response);
}

bool Conversation::Send(daemon_v1::Response* response, std::span<const int> descriptors) {
  response->set_protocol_version(kDaemonProtocolVersion);
  return SendFrame(connection_, *response, kSendTimeout, descriptors).ok();
}

}  // namespace hpcc
