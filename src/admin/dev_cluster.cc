#include "admin/dev_cluster.h"

#include <chrono>

#include "base/digest.h"
#include "base/path.h"
#include "base/private_directory.h"
#include "base/signals.h"
#include "base/socket.h"
#include "base/status.h"
#include "base/strings.h"

namespace hpcc {

namespace {

using std::chrono::milliseconds;

constexpr milliseconds kReadyPatience{30'000};
constexpr milliseconds kReadyStep{50};
constexpr milliseconds kStopPatience{15'000};
constexpr uint64_t kMaxLogBytes = uint64_t{16} << 20;
constexpr std::string_view kAudience = "hpcc-dev";
constexpr std::string_view kClient = "hpcc-dev-client";
constexpr std::string_view kScheduler = "hpcc-scheduler";
constexpr std::string_view kWorker = "hpcc-worker";

// A basic string of TOML. Paths with control characters were refused before.
std::string Toml(std::string_view text) {
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') quoted += '\\';
    quoted += c;
  }
  return quoted + "\"";
}

absl::StatusOr<std::string> NewSecret() {
  HPCC_ASSIGN_OR_RETURN(const std::string bytes, SecretBytes(Digest::kSize));
  return Digest::FromBytes(bytes)->ToHex();
}

// A port nobody listens on at this moment. It stands in configurations, so that a program that is
// started again has the same.
absl::StatusOr<std::string> FreeAddress() {
  HPCC_ASSIGN_OR_RETURN(const Listener listener, Listener::OnLoopback());
  return StrCat("127.0.0.1:", listener.port());
}

std::string HowItEnded(const ExitStatus& exit) {
  if (exit.signal != 0) return StrCat("was ended by signal ", exit.signal);
  return StrCat("ended with status ", exit.code);
}

// What the files, names and audiences of the second tenant, and of those after it, end with.
std::string SuffixOf(int tenant) {
  return tenant == 1 ? "" : StrCat(tenant);
}

// "hpcc-worker" -> "worker": what its files are called.
std::string ShortName(std::string_view program) {
  return std::string(program.substr(program.find('-') + 1));
}

}  // namespace

std::string DevCluster::In(std::string_view name) const {
  return path::Join(options_.directory, name);
}

std::string DevCluster::client_config() const {
  return In("client.toml");
}

absl::StatusOr<std::unique_ptr<DevCluster>> DevCluster::Start(const Options& options,
                                                              FileSystem& fs, Clock& clock,
                                                              const Environment& environment) {
  std::unique_ptr<DevCluster> cluster(new DevCluster(options, fs, clock, environment));
  HPCC_RETURN_IF_ERROR(cluster->StartAll());
  return cluster;
}

DevCluster::~DevCluster() {
  Stop();
}

absl::Status DevCluster::StartAll() {
  HPCC_RETURN_IF_ERROR(Prepare());
  HPCC_RETURN_IF_ERROR(StartIdentityProvider());
  HPCC_RETURN_IF_ERROR(StartScheduler());
  HPCC_RETURN_IF_ERROR(StartWorker());
  for (int tenant = 1; tenant <= options_.tenants; ++tenant) {
    HPCC_RETURN_IF_ERROR(WriteClientConfig(tenant));
  }
  return absl::OkStatus();
}

absl::Status DevCluster::Prepare() {
  for (const char c : options_.directory) {
    if (static_cast<unsigned char>(c) >= 0x20 && c != 0x7f) continue;
    return absl::InvalidArgumentError("the folder's name has control characters");
  }
  HPCC_RETURN_IF_ERROR(MakeDirectories(fs_, options_.directory, 0700));
  return CheckPrivateDirectory(options_.directory);
}

absl::Status DevCluster::StartIdentityProvider() {
  DevAccounts accounts;
  accounts.user = kDevUser;
  accounts.client_id = kClient;
  for (int tenant = 1; tenant <= options_.tenants; ++tenant) {
    accounts.audiences.push_back(StrCat(kAudience, SuffixOf(tenant)));
  }
  HPCC_ASSIGN_OR_RETURN(accounts.password, NewSecret());
  HPCC_RETURN_IF_ERROR(
      WriteFileAtomically(fs_, In("password"), StrCat(accounts.password, "\n"), 0600));
  HPCC_ASSIGN_OR_RETURN(identity_provider_, DevIdentityProvider::Start(accounts, 0, clock_));
  return absl::OkStatus();
}

absl::Status DevCluster::StartScheduler() {
  HPCC_ASSIGN_OR_RETURN(scheduler_address_, FreeAddress());
  HPCC_ASSIGN_OR_RETURN(const std::string secret, NewSecret());
  HPCC_RETURN_IF_ERROR(WriteFileAtomically(fs_, In("worker-secret"), StrCat(secret, "\n"), 0600));
  std::string config =
      StrCat("# For development only; made by `hpcc cluster dev`.\n",
             "listen = ", Toml(scheduler_address_),
             "\nname = \"dev-scheduler\"\nstate_dir = ", Toml(In("scheduler")),
             "\n\n[tls]\nhosts = [\"127.0.0.1\", \"localhost\"]\n",
             "\n[workers]\nsecret_file = ", Toml(In("worker-secret")), "\nheartbeat = \"1s\"\n");
  for (int tenant = 1; tenant <= options_.tenants; ++tenant) {
    StrAppend(&config, "\n[[tenant]]\nid = ", Toml(StrCat(kDevTenant, SuffixOf(tenant))),
              "\nissuer = ", Toml(identity_provider_->issuer()),
              "\naudience = ", Toml(StrCat(kAudience, SuffixOf(tenant))),
              "\nclient_id = ", Toml(kClient), "\nimages = [\"host\"]\n");
  }
  HPCC_RETURN_IF_ERROR(WriteFileAtomically(fs_, In("scheduler.toml"), config, 0600));
  return Launch(std::string(kScheduler));
}

absl::Status DevCluster::StartWorker() {
  HPCC_ASSIGN_OR_RETURN(const std::string address, FreeAddress());
  const std::string config = StrCat("# For development only; made by `hpcc cluster dev`.\n",
                                    "name = \"dev-worker\"\nlisten = ", Toml(address),
                                    "\nstate_dir = ", Toml(In("worker")),
                                    "\n\n[scheduler]\naddress = ", Toml(scheduler_address_),
                                    "\nca_file = ", Toml(In("scheduler/certificate.pem")),
                                    "\nsecret_file = ", Toml(In("worker-secret")), "\n");
  HPCC_RETURN_IF_ERROR(WriteFileAtomically(fs_, In("worker.toml"), config, 0600));
  return Launch(std::string(kWorker));
}

absl::Status DevCluster::WriteClientConfig(int tenant) {
  const std::string suffix = SuffixOf(tenant);
  const std::string config =
      StrCat("# For development only; made by `hpcc cluster dev`.\n",
             "[[cache]]\ntype = \"disk\"\nlocation = ", Toml(In(StrCat("cache", suffix))),
             "\n\n[remote]\nscheduler = ", Toml(scheduler_address_),
             "\nca_file = ", Toml(In("scheduler/certificate.pem")),
             "\ntenant = ", Toml(StrCat(kDevTenant, suffix)),
             "\nimage = \"host\"\nusername = ", Toml(kDevUser),
             "\npassword_file = ", Toml(In("password")), "\n");
  return WriteFileAtomically(fs_, In(StrCat("client", suffix, ".toml")), config, 0600);
}

absl::Status DevCluster::Launch(const std::string& name) {
  const std::string log = In(StrCat(ShortName(name), ".log"));
  // The log is of this run: what an earlier one said of being ready doesn't count.
  if (FileExists(fs_, log)) HPCC_RETURN_IF_ERROR(fs_.Remove(log));
  const std::string program = path::Join(options_.programs, name);
  HPCC_ASSIGN_OR_RETURN(
      SupervisedProcess process,
      SupervisedProcess::Start({program, "--config", In(StrCat(ShortName(name), ".toml"))},
                               environment_, log));
  children_.push_back({name, log, std::move(process)});
  for (milliseconds waited{0}; waited < kReadyPatience; waited += kReadyStep) {
    HPCC_RETURN_IF_ERROR(Check());
    const absl::StatusOr<std::string> said = ReadFile(fs_, log, kMaxLogBytes);
    if (said.ok() && StrContains(*said, "ready")) return absl::OkStatus();
    if (WaitForSignal(kReadyStep) != 0) return absl::CancelledError("told to end");
  }
  return absl::DeadlineExceededError(
      StrCat(name, " was not ready within ", kReadyPatience.count() / 1000, " s; see ", log));
}

absl::Status DevCluster::Check() {
  for (Child& child : children_) {
    const std::optional<ExitStatus> ended = child.process.Poll();
    if (!ended) continue;
    return absl::UnavailableError(
        StrCat(child.name, " ", HowItEnded(*ended), "; its last words are in ", child.log));
  }
  return absl::OkStatus();
}

void DevCluster::Stop() {
  while (!children_.empty()) {
    children_.back().process.Stop(kStopPatience);
    children_.pop_back();
  }
  identity_provider_ = nullptr;
}

}  // namespace hpcc
