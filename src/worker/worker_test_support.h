#ifndef HPCC_WORKER_WORKER_TEST_SUPPORT_H_
#define HPCC_WORKER_WORKER_TEST_SUPPORT_H_

// What the tests of this folder share: a scratch directory, a runtime that is no sandbox, and a
// worker on loopback with a client. Used by tests only.

#include <gmock/gmock.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <gtest/gtest.h>
#include <zstd.h>

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "auth/certificate.h"
#include "auth/routing_token.h"
#include "base/path.h"
#include "base/process.h"
#include "base/status.h"
#include "base/strings.h"
#include "cache/result_bundle.h"
#include "compiler/manifest.h"
#include "compiler/toolchain_question.h"
#include "telemetry/audit_reader.h"
#include "worker/argument_policy.h"
#include "worker/compile_exec.h"
#include "worker/worker_server.h"

namespace hpcc {

class WorkerScratch {
 public:
  WorkerScratch() {
    std::string name = testing::TempDir() + "hpcc-worker-XXXXXX";
    if (mkdtemp(name.data()) == nullptr) std::abort();
    path_ = std::filesystem::canonical(name).string();
  }
  ~WorkerScratch() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  WorkerScratch(const WorkerScratch&) = delete;
  WorkerScratch& operator=(const WorkerScratch&) = delete;

  const std::string& path() const { return path_; }
  std::string operator/(std::string_view name) const { return path::Join(path_, name); }

 private:
  std::string path_;
};

// A clock that stands still, ten minutes after the epoch's first billion seconds, until it is told.
class StandingClock final : public Clock {
 public:
  int64_t NowNanoseconds() override { return now_ns_; }
  int64_t FileStampNanoseconds() override { return now_ns_; }
  int64_t MonotonicNanoseconds() override { return now_ns_; }
  void Sleep(std::chrono::nanoseconds duration) override { now_ns_ += duration.count(); }

 private:
  std::atomic<int64_t> now_ns_{int64_t{1'000'000'600} * 1'000'000'000};
};

inline const std::vector<std::string>& TestImage() {
  static const std::vector<std::string> directories = {"/usr/bin",   "/usr/include", "/usr/lib",
                                                       "/usr/lib64", "/usr/libexec", "/bin",
                                                       "/lib",       "/lib64"};
  return directories;
}

// Runs commands on the machine as they are, in a directory below the test's scratch: no boundary at
// all, which its label says. Manifests must name files below that directory only.
class NoSandbox final : public Sandbox {
 public:
  struct Shared {
    std::string root;  // commands' files may lie below it only
    std::atomic<int> execs{0};
    std::atomic<int> questions{0};  // about toolchains, among execs
    std::atomic<int> running{0};
    std::atomic<bool> lost{false};     // the next exec finds the sandbox gone
    std::atomic<bool> blocked{false};  // execs wait until it is false, or they are cancelled
    std::atomic<ExceededLimit> exceeded{ExceededLimit::kNone};  // by every exec
    std::function<void(ExecRequest*)> before;
    absl::Status start_failure;  // what keeps sandboxes from starting
  };
  NoSandbox(SandboxSpec spec, Shared& shared) : spec_(std::move(spec)), shared_(shared) {}

  const SandboxSpec& spec() const override { return spec_; }
  std::string_view isolation() const override { return "none-test-only"; }
  std::vector<std::string> image_directories() const override { return TestImage(); }
  absl::Status Suspend() override { return absl::UnimplementedError("no"); }
  absl::Status Resume() override { return absl::UnimplementedError("no"); }
  void Stop() override { alive_ = false; }
  bool alive() const override { return alive_; }

  absl::StatusOr<ExecResult> Exec(const ExecRequest& asked, const BlobReader& read_blob,
                                  const std::function<bool()>& cancelled) override {
    const Running running(shared_.running);
    ExecRequest request = asked;
    if (shared_.before) shared_.before(&request);
    ++shared_.execs;
    if (shared_.lost.exchange(false)) {
      alive_ = false;
      return absl::UnavailableError("the sandbox is lost");
    }
    while (shared_.blocked) {
      if (cancelled && cancelled()) return absl::CancelledError("cancelled");
      Clock::Real().Sleep(std::chrono::milliseconds(5));
    }
    if (shared_.exceeded != ExceededLimit::kNone) return ExecResult{.exceeded = shared_.exceeded};
    if (request.arguments.size() > 1 && request.arguments[1] == kToolchainQuestionFlag) {
      return AnswerQuestion(request);
    }
    const std::lock_guard lock(mutex_);  // one root for all: one at a time
    HPCC_RETURN_IF_ERROR(Stage(request, read_blob));
    return RunStaged(request);
  }

 private:
  struct Running {
    explicit Running(std::atomic<int>& count) : count_(count) { ++count_; }
    ~Running() { --count_; }
    std::atomic<int>& count_;
  };

  // As the agent does, of this machine's compilers.
  absl::StatusOr<ExecResult> AnswerQuestion(const ExecRequest& request) {
    ++shared_.questions;
    ExecResult result;
    const auto facts =
        AnswerToolchainQuestion(FileSystem::Real(), EnvironmentOf(request),
                                {request.arguments.begin() + 2, request.arguments.end()});
    if (facts.ok()) result.standard_output = EncodeToolchainFacts(*facts);
    return result;
  }
  static Environment EnvironmentOf(const ExecRequest& request) {
    Environment environment;
    for (const std::string& variable : request.environment) {
      const size_t equals = variable.find('=');
      environment.Set(variable.substr(0, equals), variable.substr(equals + 1));
    }
    return environment;
  }

  absl::Status Stage(const ExecRequest& request, const BlobReader& read_blob) {
    const absl::StatusOr<SourceManifest> manifest = DecodeManifest(request.manifest);
    if (!manifest.ok()) return manifest.status();
    for (const ManifestEntry& entry : manifest->entries) {
      if (IsInImage(entry.path, TestImage())) continue;
      if (!path::IsBelow(entry.path, shared_.root)) {
        return absl::InvalidArgumentError("not below the test's directory");
      }
      std::filesystem::create_directories(std::string(path::Dirname(entry.path)));
      if (entry.kind == ManifestEntry::Kind::kLink) {
        std::filesystem::remove(entry.path);
        std::filesystem::create_symlink(entry.target, entry.path);
      } else if (entry.kind != ManifestEntry::Kind::kDirectory &&
                 entry.kind != ManifestEntry::Kind::kAbsent) {
        absl::StatusOr<std::string> bytes = read_blob(entry.digest);
        if (!bytes.ok()) return bytes.status();
        const absl::Status written = WriteFileAtomically(FileSystem::Real(), entry.path, *bytes);
        if (!written.ok()) return written;
      }
    }
    std::filesystem::create_directories(request.working_directory);
    return absl::OkStatus();
  }

  absl::StatusOr<ExecResult> RunStaged(const ExecRequest& request) {
    const std::string dependencies = path::Join(shared_.root, "dependencies.d");
    const auto real = [&](const std::string& path) {
      return path == kDependencyPath ? dependencies : path;
    };
    // The runtime's way into a directory: a shell that steps there first.
    std::vector<std::string> argv = {"/bin/sh", "-c", "cd \"$1\" && shift && exec \"$@\"", "sh",
                                     request.working_directory};
    for (const std::string& word : request.arguments) argv.push_back(real(word));
    HPCC_ASSIGN_OR_RETURN(const CapturedRun run, RunCaptured(argv, EnvironmentOf(request)));
    ExecResult result;
    result.exit_status = run.exit.code;
    result.signal = run.exit.signal;
    result.standard_output = run.out;
    result.standard_error = run.err;
    result.wall = std::chrono::milliseconds(1);
    if (request.stdio) {
      request.stdio(false, std::exchange(result.standard_output, ""));
      request.stdio(true, std::exchange(result.standard_error, ""));
    }
    for (const std::string& output : request.outputs) {
      absl::StatusOr<std::string> data = ReadFile(FileSystem::Real(), real(output), 1 << 30);
      if (data.ok()) result.outputs.push_back({output, *std::move(data), 0644});
      std::filesystem::remove(real(output));
    }
    // The next compile must not find this one's files.
    for (const auto& entry : std::filesystem::directory_iterator(shared_.root)) {
      std::filesystem::remove_all(entry.path());
    }
    return result;
  }

  const SandboxSpec spec_;
  Shared& shared_;
  std::mutex mutex_;
  std::atomic<bool> alive_{true};
};

class NoSandboxRuntime final : public Runtime {
 public:
  explicit NoSandboxRuntime(const std::string& root) {
    shared.root = root;
    std::filesystem::create_directories(root);
  }
  std::string_view isolation() const override { return "none-test-only"; }
  absl::StatusOr<std::unique_ptr<Sandbox>> Start(const SandboxSpec& spec,
                                                 std::chrono::milliseconds) override {
    if (!shared.start_failure.ok()) return shared.start_failure;
    return std::make_unique<NoSandbox>(spec, shared);
  }
  NoSandbox::Shared shared;
};

// A compile of one source with one header, as a client would send it.
struct TestUnit {
  explicit TestUnit(const std::string& root) : root(root) {
    Add("unit.c", "#include \"unit.h\"\nint f(void) { return VALUE; }\n");
    Add("unit.h", "#define VALUE 42\n");
    // gcc reads it before everything else.
    AddImageFile("/usr/include/stdc-predef.h");
    arguments = {"-O1", "-c", "unit.c", "-o", "unit.o"};
  }

  void Add(std::string_view name, std::string_view text) {
    const std::string path = path::Join(root, name);
    std::erase_if(manifest.entries, [&](const ManifestEntry& e) { return e.path == path; });
    manifest.entries.push_back({path, ManifestEntry::Kind::kFile, Digest::Of(text), ""});
    blobs.emplace_back(text);
  }

  void AddImageFile(const std::string& path) {
    const std::string text = ReadFile(FileSystem::Real(), path, 1 << 20).value();
    manifest.entries.push_back({path, ManifestEntry::Kind::kFile, Digest::Of(text), ""});
  }

  std::string Manifest() const { return EncodeManifest(manifest).value(); }
  Digest ManifestName() const { return ManifestDigest(Manifest()); }

  std::string root;
  std::string compiler = "/usr/bin/gcc";
  std::vector<std::string> arguments;
  std::vector<std::string> environment;
  SourceManifest manifest;
  std::vector<std::string> blobs;
};

inline Digest ToolchainIdentityOf(const std::string& compiler) {
  Environment environment;
  environment.Set("PATH", "/usr/bin:/bin");
  Invocation invocation;
  invocation.language = Language::kC;
  const auto facts = ProbeToolchain(
      FileSystem::Real(),
      {.path = compiler, .cwd = "/", .invocation = &invocation, .environment = &environment});
  return facts.ok() ? facts->identity : Digest();
}

inline worker::v1::Command CommandOf(const TestUnit& unit) {
  static const Digest gcc = ToolchainIdentityOf("/usr/bin/gcc");
  worker::v1::Command command;
  command.set_compiler(unit.compiler);
  command.set_toolchain_identity(StrCat(gcc.bytes()));
  for (const std::string& word : unit.arguments) command.add_arguments(word);
  for (const std::string& variable : unit.environment) command.add_environment(variable);
  command.set_working_directory(unit.root);
  return command;
}

inline std::string Zstd(std::string_view bytes, int level = 3) {
  std::string frame(ZSTD_compressBound(bytes.size()), '\0');
  frame.resize(ZSTD_compress(frame.data(), frame.size(), bytes.data(), bytes.size(), level));
  return frame;
}

// A worker that serves on loopback, and clients of any tenant.
class TestWorker {
 public:
  explicit TestWorker(const std::function<void(WorkerConfig*)>& change = nullptr,
                      std::unique_ptr<ImageSupply> supply = nullptr,
                      const std::vector<std::string>& image_directories = TestImage())
      : runtime_(scratch_ / "stage"), key_(SigningKey::Generate().value()) {
    WorkerConfig config;
    config.name = "worker-1";
    config.listen = "127.0.0.1:0";
    config.state_directory = scratch_ / "state";
    config.slots = 4;
    config.sandbox_cpus = 4;
    config.waiting = 8;
    config.scheduler_address = "127.0.0.1:1";
    if (change) change(&config);
    certificate_ = MakeSelfSignedCertificate({"localhost", "127.0.0.1"}, NowSeconds(), 30).value();
    WorkerServer::Parts parts;
    parts.runtime = &runtime_;
    parts.image_directories = image_directories;
    if (supply != nullptr) {
      images_ =
          std::make_unique<WorkerImages>(std::move(supply), WorkerImagesOptions(), Clock::Real());
      parts.images = images_.get();
      parts.agent = scratch_ / "agent";
      EXPECT_TRUE(WriteFileAtomically(FileSystem::Real(), parts.agent, "an agent").ok());
    }
    parts.certificate = certificate_;
    parts.on_lost = [this](const PooledSandbox&) { ++lost_; };
    parts.fs = &FileSystem::Real();
    parts.clock = &Clock::Real();
    absl::StatusOr<std::unique_ptr<WorkerServer>> server = WorkerServer::Start(config, parts);
    if (!server.ok()) {
      ADD_FAILURE() << server.status();
      std::abort();
    }
    server_ = *std::move(server);
    const std::vector<SigningKey> keys = {key_};
    EXPECT_TRUE(server_->callers().SetKeys(JwksDocument(keys)).ok());
    grpc::SslCredentialsOptions ssl;
    ssl.pem_root_certs = certificate_.certificate_pem;
    grpc::ChannelArguments arguments;
    arguments.SetSslTargetNameOverride("localhost");
    arguments.SetMaxReceiveMessageSize(-1);
    channel_ = grpc::CreateCustomChannel(server_->address(), grpc::SslCredentials(ssl), arguments);
    stub_ = worker::v1::Worker::NewStub(channel_);
  }

  static int64_t NowSeconds() { return Clock::Real().NowNanoseconds() / 1'000'000'000; }

  std::string Token(std::string_view tenant) const {
    return Token(tenant, key_, NowSeconds(), "worker-1", image);
  }
  static std::string Token(std::string_view tenant, const SigningKey& key, int64_t now_s,
                           std::string_view worker = "worker-1", std::string_view image = "host") {
    RoutingGrant grant;
    grant.tenant = tenant;
    grant.user = StrCat("user-of-", tenant);
    grant.image = image;
    grant.worker = worker;
    grant.scheduler = "scheduler-1";
    return MakeRoutingToken(key, grant, now_s);
  }

  std::unique_ptr<grpc::ClientContext> Call(std::string_view tenant) const {
    return CallWith(Token(tenant));
  }
  static std::unique_ptr<grpc::ClientContext> CallWith(const std::string& token) {
    auto context = std::make_unique<grpc::ClientContext>();
    context->set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(60));
    context->AddMetadata("authorization", StrCat("Bearer ", token));
    return context;
  }

  struct Reply {
    grpc::Status status;
    bool miss = false;
    std::vector<std::string> image_directories;
    std::string bundle;
    std::optional<worker::v1::Finished> finished;
    std::string retry_after_ms;
  };

  Reply Probe(std::string_view tenant, const TestUnit& unit) const {
    worker::v1::ProbeRequest request;
    *request.mutable_command() = CommandOf(unit);
    request.set_manifest_digest(StrCat(unit.ManifestName().bytes()));
    const auto context = Call(tenant);
    return ReadReply(*context, *stub_->ProbeCompileCache(context.get(), request));
  }

  static worker::v1::CompileRequest CompileRequestOf(const TestUnit& unit) {
    worker::v1::CompileRequest request;
    *request.mutable_command() = CommandOf(unit);
    request.set_manifest(Zstd(unit.Manifest()));
    request.set_digest(StrCat(unit.ManifestName().bytes()));
    return request;
  }
  Reply Compile(std::string_view tenant, const TestUnit& unit) const {
    return Compile(tenant, CompileRequestOf(unit));
  }
  Reply Compile(std::string_view tenant, const worker::v1::CompileRequest& request) const {
    const auto context = Call(tenant);
    return ReadReply(*context, *stub_->Compile(context.get(), request));
  }

  std::vector<std::string> Missing(std::string_view tenant,
                                   const std::vector<Digest>& digests) const {
    worker::v1::FindMissingBlobsRequest request;
    for (const Digest& digest : digests) request.add_digests(StrCat(digest.bytes()));
    worker::v1::FindMissingBlobsResponse response;
    const auto context = Call(tenant);
    EXPECT_TRUE(stub_->FindMissingBlobs(context.get(), request, &response).ok());
    return {response.digests().begin(), response.digests().end()};
  }

  grpc::Status Upload(std::string_view tenant,
                      const std::vector<worker::v1::UploadBlobsRequest>& messages,
                      std::string* retry_after_ms = nullptr) const {
    const auto context = Call(tenant);
    worker::v1::UploadBlobsResponse response;
    const auto writer = stub_->UploadBlobs(context.get(), &response);
    for (const auto& message : messages) {
      if (!writer->Write(message)) break;
    }
    writer->WritesDone();
    grpc::Status status = writer->Finish();
    if (retry_after_ms != nullptr) *retry_after_ms = Trailer(*context);
    return status;
  }
  static worker::v1::UploadBlobsRequest Blob(std::string_view bytes) {
    worker::v1::UploadBlobsRequest message;
    message.set_digest(StrCat(Digest::Of(bytes).bytes()));
    message.set_size(bytes.size());
    message.set_data(StrCat(bytes));
    message.set_last(true);
    return message;
  }
  grpc::Status UploadAll(std::string_view tenant, const TestUnit& unit) const {
    std::vector<worker::v1::UploadBlobsRequest> messages;
    for (const std::string& blob : unit.blobs) messages.push_back(Blob(blob));
    return Upload(tenant, messages);
  }

  std::vector<AuditRow> Rows() const {
    std::vector<AuditRow> rows;
    const auto add = [&](uint64_t, const AuditRow& row) {
      rows.push_back(row);
      return true;
    };
    EXPECT_TRUE(Log()->ForEach({}, add).ok());
    return rows;
  }
  // Of one name.
  std::vector<SecurityEventRow> Events(SecurityEvent event) const {
    std::vector<SecurityEventRow> rows;
    const auto add = [&](uint64_t, const SecurityEventRow& row) {
      if (row.event == SecurityEventName(event)) rows.push_back(row);
      return true;
    };
    EXPECT_TRUE(Log()->ForEachEvent({}, add).ok());
    return rows;
  }

  std::string unit_root() const { return scratch_ / "stage/project"; }
  const std::string& address() const { return server_->address(); }
  const std::string& certificate_pem() const { return certificate_.certificate_pem; }
  WorkerServer& server() { return *server_; }
  NoSandbox::Shared& sandboxes() { return runtime_.shared; }
  worker::v1::Worker::Stub& stub() { return *stub_; }
  const SigningKey& key() const { return key_; }
  int lost() const { return lost_; }

  std::string image = "host";  // of the tokens of all calls

 private:
  std::unique_ptr<AuditReader> Log() const {
    auto reader = AuditReader::Open(path::Join(server_->config().state_directory, "audit.db"));
    EXPECT_TRUE(reader.ok()) << reader.status();
    return *std::move(reader);
  }
  static std::string Trailer(const grpc::ClientContext& context) {
    const auto& trailers = context.GetServerTrailingMetadata();
    const auto found = trailers.find("hpcc-retry-after-ms");
    return found == trailers.end() ? "" : std::string(found->second.data(), found->second.size());
  }
  static Reply ReadReply(const grpc::ClientContext& context,
                         grpc::ClientReader<worker::v1::CompileReply>& reader) {
    Reply reply;
    worker::v1::CompileReply message;
    while (reader.Read(&message)) {
      if (message.has_miss()) {
        reply.miss = true;
        reply.image_directories = {message.miss().image_directories().begin(),
                                   message.miss().image_directories().end()};
      }
      reply.bundle += message.bundle();
      if (!message.has_finished()) continue;
      reply.finished = message.finished();
      reply.bundle += message.finished().last_chunk();
    }
    reply.status = reader.Finish();
    reply.retry_after_ms = Trailer(context);
    return reply;
  }

  WorkerScratch scratch_;
  std::unique_ptr<WorkerImages> images_;
  NoSandboxRuntime runtime_;
  SigningKey key_;
  CertificateAndKey certificate_;
  std::atomic<int> lost_{0};
  std::unique_ptr<WorkerServer> server_;
  std::shared_ptr<grpc::Channel> channel_;
  std::unique_ptr<worker::v1::Worker::Stub> stub_;
};

}  // namespace hpcc

#endif  // HPCC_WORKER_WORKER_TEST_SUPPORT_H_
