#include "client/daemon_client.h"

#include "base/clock.h"
#include "base/logging.h"
#include "base/private_directory.h"
#include "base/status.h"
#include "base/strings.h"
#include "base/working_directory.h"

namespace hpcc {

namespace {

constexpr std::chrono::milliseconds kConnectTimeout{500};
constexpr int64_t kSilenceNs = 60'000'000'000;
// For another's compile: no daemon of ours makes anybody wait for longer than ten minutes.
constexpr std::chrono::minutes kLongestWait{11};

// Whether somebody waited in vain a moment ago. A daemon that goes on removes the marker; one that
// was killed can't, and whoever starts daemons on demand (systemd) must be asked again some time.
bool IsSilent(FileSystem& fs, const DaemonPlace& place) {
  FileStat marker;
  if (fs.Stat(place.silent_marker().c_str(), /*follow_symlinks=*/false, &marker) != 0) return false;
  return Clock::Real().NowNanoseconds() - marker.modified_ns < kSilenceNs;
}

}  // namespace

daemon_v1::Surroundings DescribeSurroundings(FileSystem& fs) {
  daemon_v1::Surroundings surroundings;
  const absl::StatusOr<std::string> mounts = fs.ReadLink("/proc/self/ns/mnt");
  if (mounts.ok()) surroundings.set_mount_namespace(*mounts);
  FileStat root;
  if (fs.Stat("/", /*follow_symlinks=*/true, &root) == 0) {
    surroundings.set_root_device(root.device);
    surroundings.set_root_inode(root.inode);
  }
  return surroundings;
}

std::unique_ptr<DaemonClient> DaemonClient::Connect(FileSystem& fs, const DaemonPlace& place) {
  FileStat there;
  if (fs.Stat(place.socket().c_str(), /*follow_symlinks=*/false, &there) == 0) {
    // Somebody else's socket at a guessed place must not learn what is compiled here.
    if (!CheckPrivateDirectory(place.directory()).ok()) return nullptr;
    if (IsSilent(fs, place)) return nullptr;
    absl::StatusOr<Connection> connection = Connection::ToUnixSocket(place.socket());
    // The directory was looked at by its name; who listens behind it the kernel knows.
    if (connection.ok() && connection->PeerIsThisUser()) {
      return std::unique_ptr<DaemonClient>(
          new DaemonClient(fs, place, *std::move(connection), std::string()));
    }
  }
  if (fs.Stat(place.address_file().c_str(), /*follow_symlinks=*/false, &there) != 0) return nullptr;
  if (IsSilent(fs, place)) return nullptr;
  absl::StatusOr<DaemonAddress> address = ReadDaemonAddress(fs, place);
  if (!address.ok()) {
    Log(LogLevel::kWarning, std::string(address.status().message()));
    return nullptr;
  }
  absl::StatusOr<Connection> connection = Connection::ToLoopback(address->port, kConnectTimeout);
  // The file of a daemon that died. Somebody else may have its port by now, and must neither learn
  // what is compiled here nor answer.
  if (!connection.ok() || !ThisUserListensOnLoopback(address->port)) return nullptr;
  return std::unique_ptr<DaemonClient>(
      new DaemonClient(fs, place, *std::move(connection), std::move(address->token)));
}

absl::Status DaemonClient::Send(daemon_v1::Request* request, std::span<const int> descriptors) {
  request->set_protocol_version(kDaemonProtocolVersion);
  if (!token_.empty()) request->set_token(token_);
  const absl::Status status = SendFrame(connection_, *request, kDaemonPatience, descriptors);
  if (absl::IsDeadlineExceeded(status)) NoteSilence();
  return status;
}

absl::StatusOr<daemon_v1::Response> DaemonClient::Receive(std::chrono::milliseconds patience) {
  const absl::StatusOr<std::string> bytes = ReceiveFrame(connection_, patience);
  if (absl::IsDeadlineExceeded(bytes.status())) NoteSilence();
  if (!bytes.ok()) return bytes.status();
  HPCC_ASSIGN_OR_RETURN(daemon_v1::Response response, ParseResponse(*bytes));
  if (response.has_refused()) return absl::FailedPreconditionError(response.refused().reason());
  if (response.protocol_version() != kDaemonProtocolVersion && !response.has_stopping()) {
    return absl::FailedPreconditionError(StrCat("it speaks version ", response.protocol_version()));
  }
  return response;
}

// Whoever comes next need not wait as long as this wrapper did. A daemon that goes on removes the
// marker.
void DaemonClient::NoteSilence() {
  Log(LogLevel::kWarning, "the daemon does not answer; working without it");
  const absl::StatusOr<std::unique_ptr<File>> marker = fs_.Create(place_.silent_marker(), 0600);
  if (marker.ok()) (*marker)->Close().IgnoreError();
}

DaemonClient::Answer DaemonClient::LookUp(const CompileRequest& command) {
  daemon_v1::Request request;
  daemon_v1::LookUp& look_up = *request.mutable_look_up();
  look_up.set_compiler_path(command.compiler.path);
  look_up.set_called_as(command.compiler.called_as);
  look_up.set_compiler_name(command.compiler.name);
  for (const std::string& word : command.compiler.arguments) look_up.add_arguments(word);
  for (std::string& variable : command.environment.ToStrings()) {
    look_up.add_environment(std::move(variable));
  }
  look_up.set_working_directory(command.cwd);
  look_up.set_diagnostics_target(command.diagnostics_target);
  *look_up.mutable_surroundings() = DescribeSurroundings(fs_);

  std::vector<int> descriptors;
  absl::StatusOr<Descriptor> directory = OpenWorkingDirectory();
  if (!directory.ok()) return {};
  if (token_.empty()) descriptors.push_back(directory->get());
  if (!Send(&request, descriptors).ok()) return {};
  return ReceiveAnswer();
}

DaemonClient::Answer DaemonClient::AfterTentative() {
  Answer answer = ReceiveAnswer();
  if (answer.hit && answer.hit->message.tentative()) return {};
  return answer;
}

DaemonClient::Answer DaemonClient::ReceiveAnswer() {
  const auto deadline = std::chrono::steady_clock::now() + kLongestWait;
  while (std::chrono::steady_clock::now() < deadline) {
    absl::StatusOr<daemon_v1::Response> response = Receive(kDaemonPatience);
    if (!response.ok()) {
      Log(LogLevel::kInfo, StrCat("daemon: ", std::string(response.status().message())));
      return {};
    }
    if (response->has_waiting()) continue;
    Answer answer;
    answer.confirmed = response->has_confirmed();
    if (response->has_hit()) answer.hit = TakeHit(&*response);
    if (response->has_lease()) answer.lease = Lease{response->lease().newest_change_ns()};
    if (response->has_alone()) {
      answer.compiler_unknown = response->alone().compiler_unknown();
      Log(LogLevel::kInfo, StrCat("without the daemon: ", response->alone().reason()));
    }
    return answer;
  }
  return {};
}

std::unique_ptr<DaemonClient::Hit> DaemonClient::TakeHit(daemon_v1::Response* response) {
  auto hit = std::make_unique<Hit>();
  hit->message.Swap(response->mutable_hit());
  const size_t size = hit->message.total_size();
  if (hit->message.small_outputs().size() == size) return hit;
  if (token_.empty()) {
    std::vector<Descriptor> descriptors = connection_.TakeDescriptors();
    if (descriptors.size() != 1) return nullptr;
    if (!CheckShared(descriptors.front(), size).ok()) return nullptr;
    hit->shared = std::move(descriptors.front());
    return hit;
  }
  hit->received.resize(size);
  if (!connection_.Receive(hit->received, kDaemonPatience).ok()) return nullptr;
  return hit;
}

std::optional<daemon_v1::Learned> DaemonClient::Learn(const Invocation& invocation,
                                                      const CompileRun& run,
                                                      const CompilePlace& place) {
  if (!token_.empty() || !run.process.complete || !run.dependencies) return std::nullopt;
  daemon_v1::Request request;
  daemon_v1::Learn& learn = *request.mutable_learn();
  learn.set_started_ns(run.started_ns);
  learn.set_compile_ns(run.process.wall_nanoseconds);
  learn.set_dependency_output(*run.dependencies);
  learn.set_standard_output(run.process.out);
  learn.set_standard_error(run.process.err);
  learn.set_place(static_cast<uint32_t>(place.kind));
  learn.set_fallback_cause(place.cause);
  learn.set_fallback_detail(place.detail.substr(0, kMaxDetailBytes));
  std::vector<Descriptor> opened;
  std::vector<int> descriptors;
  for (const Output& output : invocation.outputs) {
    learn.add_outputs(static_cast<uint32_t>(output.role));
    absl::StatusOr<Descriptor> descriptor = OpenReadOnly(output.path);
    if (!descriptor.ok()) return std::nullopt;
    descriptors.push_back(descriptor->get());
    opened.push_back(*std::move(descriptor));
  }
  if (!Send(&request, descriptors).ok()) return std::nullopt;
  absl::StatusOr<daemon_v1::Response> response = Receive(kKeepingPatience);
  if (!response.ok() || !response->learned().kept()) return std::nullopt;
  return std::move(*response->mutable_learned());
}

absl::StatusOr<daemon_v1::Response> DaemonClient::Ask(daemon_v1::Request request) {
  HPCC_RETURN_IF_ERROR(Send(&request, {}));
  return Receive(kDaemonPatience);
}

}  // namespace hpcc
