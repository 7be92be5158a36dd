#ifndef HPCC_DISPATCH_DISPATCH_TEST_SUPPORT_H_
#define HPCC_DISPATCH_DISPATCH_TEST_SUPPORT_H_

// Stand-ins for a scheduler and a worker, on loopback and over TLS: they speak the protocol and do
// nothing of what real ones do behind it.

#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>
#include <zstd.h>

#include <algorithm>
#include <atomic>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "auth/certificate.h"
#include "base/clock.h"
#include "base/strings.h"
#include "cache/result_bundle.h"
#include "compiler/manifest.h"
#include "dispatch/scheduler_client.h"
#include "dispatch/worker_client.h"

namespace hpcc {

inline CertificateAndKey MakeTestCertificate() {
  return *MakeSelfSignedCertificate({"localhost", "127.0.0.1"},
                                    Clock::Real().NowNanoseconds() / 1'000'000'000, 30);
}

// A service behind a certificate of its own.
class FakeServer {
 public:
  explicit FakeServer(grpc::Service* service) : certificate_(MakeTestCertificate()) {
    grpc::SslServerCredentialsOptions options(GRPC_SSL_DONT_REQUEST_CLIENT_CERTIFICATE);
    options.pem_key_cert_pairs.push_back({certificate_.key_pem, certificate_.certificate_pem});
    grpc::ServerBuilder builder;
    builder.AddListeningPort("127.0.0.1:0", grpc::SslServerCredentials(options), &port_);
    builder.RegisterService(service);
    server_ = builder.BuildAndStart();
  }
  ~FakeServer() { Stop(); }

  void Stop() {
    if (server_ != nullptr) server_->Shutdown(std::chrono::system_clock::now());
    server_.reset();
  }
  std::string address() const { return StrCat("127.0.0.1:", port_); }
  const CertificateAndKey& certificate() const { return certificate_; }

 private:
  const CertificateAndKey certificate_;
  int port_ = 0;
  std::unique_ptr<grpc::Server> server_;
};

// What a call is to be answered with before anything else happens; empty: it goes well.
class Failures {
 public:
  void Add(grpc::Status status) {
    const std::lock_guard lock(mutex_);
    statuses_.push_back(std::move(status));
  }
  grpc::Status Next() {
    const std::lock_guard lock(mutex_);
    if (statuses_.empty()) return grpc::Status::OK;
    grpc::Status status = statuses_.front();
    statuses_.pop_front();
    return status;
  }

 private:
  std::mutex mutex_;
  std::deque<grpc::Status> statuses_;
};

// Keeps blobs, "compiles" everything to the same object, and remembers results by manifest digest.
class FakeWorker final : public worker_v1::Worker::Service {
 public:
  FakeWorker() : server_(this) {}
  ~FakeWorker() override { server_.Stop(); }

  FakeServer& server() { return server_; }
  scheduler_v1::RouteResponse Route(const std::string& name) {
    scheduler_v1::RouteResponse route;
    route.set_worker(name);
    route.set_address(server_.address());
    route.set_certificate_sha256(server_.certificate().fingerprint);
    route.set_certificate_pem(server_.certificate().certificate_pem);
    route.set_token("route to " + name);
    route.set_expires_s(Clock::Real().NowNanoseconds() / 1'000'000'000 + 300);
    route.set_slots(4);
    return route;
  }
  void DropBlobs() {
    const std::lock_guard lock(mutex_);
    blobs_.clear();
  }
  std::map<std::string, std::string> blobs() {
    const std::lock_guard lock(mutex_);
    return blobs_;
  }
  worker_v1::CompileRequest last() {
    const std::lock_guard lock(mutex_);
    return last_;
  }

  Failures probe_failures;
  Failures upload_failures;
  Failures compile_failures;
  std::string retry_after_ms;            // goes with every failure; "": nothing
  std::function<void()> before_compile;  // in the call
  std::string diagnostics;               // of every compile
  std::vector<std::string> image = {"/usr"};
  std::atomic<int> calls = 0;
  std::atomic<int> probes = 0;
  std::atomic<int> uploaded = 0;  // blobs
  std::atomic<int> compiles = 0;
  std::atomic<bool> hangs = false;  // a compile until the client is gone
  std::atomic<bool> waits = false;  // a compile until this is false again
  std::atomic<int> waiting = 0;
  std::atomic<bool> was_cancelled = false;

  grpc::Status ProbeCompileCache(grpc::ServerContext* context,
                                 const worker_v1::ProbeRequest* request,
                                 grpc::ServerWriter<worker_v1::CompileReply>* writer) override {
    ++calls;
    ++probes;
    if (const grpc::Status status = Fail(context, probe_failures); !status.ok()) return status;
    worker_v1::CompileReply reply;
    const std::lock_guard lock(mutex_);
    if (results_.contains(request->manifest_digest())) {
      Answer(/*hit=*/true, writer);
      return grpc::Status::OK;
    }
    worker_v1::Miss& miss = *reply.mutable_miss();
    for (const std::string& directory : image) miss.add_image_directories(directory);
    writer->Write(reply);
    return grpc::Status::OK;
  }

  grpc::Status FindMissingBlobs(grpc::ServerContext*,
                                const worker_v1::FindMissingBlobsRequest* request,
                                worker_v1::FindMissingBlobsResponse* response) override {
    ++calls;
    const std::lock_guard lock(mutex_);
    for (const std::string& digest : request->digests()) {
      if (!blobs_.contains(digest)) response->add_digests(digest);
    }
    return grpc::Status::OK;
  }

  grpc::Status UploadBlobs(grpc::ServerContext* context,
                           grpc::ServerReader<worker_v1::UploadBlobsRequest>* reader,
                           worker_v1::UploadBlobsResponse*) override {
    ++calls;
    if (const grpc::Status status = Fail(context, upload_failures); !status.ok()) return status;
    worker_v1::UploadBlobsRequest message;
    std::string digest;
    std::string data;
    uint64_t size = 0;
    bool zstd = false;
    while (reader->Read(&message)) {
      if (!message.digest().empty()) {
        digest = message.digest();
        size = message.size();
        zstd = message.zstd();
        data.clear();
      }
      data.append(message.data());
      if (!message.last()) continue;
      std::string blob(size, '\0');
      if (zstd) ZSTD_decompress(blob.data(), blob.size(), data.data(), data.size());
      if (!zstd) blob = data;
      EXPECT_EQ(Digest::Of(blob).bytes(), digest);
      const std::lock_guard lock(mutex_);
      blobs_[digest] = std::move(blob);
      ++uploaded;
    }
    return grpc::Status::OK;
  }

  grpc::Status Compile(grpc::ServerContext* context, const worker_v1::CompileRequest* request,
                       grpc::ServerWriter<worker_v1::CompileReply>* writer) override {
    ++calls;
    if (before_compile) before_compile();
    while (hangs && !context->IsCancelled()) Clock::Real().Sleep(std::chrono::milliseconds(10));
    was_cancelled = context->IsCancelled();
    ++waiting;
    while (waits) Clock::Real().Sleep(std::chrono::milliseconds(5));
    --waiting;
    if (const grpc::Status status = Fail(context, compile_failures); !status.ok()) return status;
    const std::lock_guard lock(mutex_);
    ++compiles;
    last_ = *request;
    results_[request->digest()] = true;
    Answer(/*hit=*/false, writer);
    return grpc::Status::OK;
  }

  // The manifest of a request, as it must decode.
  static SourceManifest ManifestOf(const worker_v1::CompileRequest& request) {
    const std::string& frame = request.manifest();
    std::string bytes(ZSTD_getFrameContentSize(frame.data(), frame.size()), '\0');
    ZSTD_decompress(bytes.data(), bytes.size(), frame.data(), frame.size());
    EXPECT_EQ(ManifestDigest(bytes).bytes(), request.digest());
    return *DecodeManifest(bytes);
  }

 private:
  grpc::Status Fail(grpc::ServerContext* context, Failures& failures) {
    const grpc::Status status = failures.Next();
    if (!status.ok() && !retry_after_ms.empty()) {
      context->AddTrailingMetadata("hpcc-retry-after-ms", retry_after_ms);
    }
    return status;
  }
  void Answer(bool hit, grpc::ServerWriter<worker_v1::CompileReply>* writer) const {
    ResultBundle bundle;
    bundle.parts.push_back({static_cast<uint8_t>(OutputRole::kObject), "object"});
    if (!diagnostics.empty()) bundle.parts.push_back({kStderrPart, diagnostics});
    const std::string bytes = EncodeBundle(bundle, false);
    worker_v1::CompileReply reply;
    reply.set_bundle(bytes.substr(0, bytes.size() / 2));
    writer->Write(reply);
    reply.mutable_finished()->set_last_chunk(bytes.substr(bytes.size() / 2));
    reply.mutable_finished()->set_hit(hit);
    reply.mutable_finished()->set_job("job-1");
    writer->Write(reply);
  }

  std::mutex mutex_;
  std::map<std::string, std::string> blobs_;
  std::map<std::string, bool> results_;
  worker_v1::CompileRequest last_;
  FakeServer server_;
};

// Takes one token, knows sessions by name, and routes to what it is given.
class FakeScheduler final : public scheduler_v1::Scheduler::Service {
 public:
  FakeScheduler() : server_(this) {}
  ~FakeScheduler() override { server_.Stop(); }

  FakeServer& server() { return server_; }
  void SetRoutes(std::vector<scheduler_v1::RouteResponse> routes) {
    const std::lock_guard lock(mutex_);
    routes_ = std::move(routes);
  }

  std::string good_session = "session";
  std::string good_token = "a.b.c";
  std::atomic<bool> ignores_avoided = false;
  std::atomic<int> routed = 0;
  std::atomic<int> authenticated = 0;

  grpc::Status GetTenantIdP(grpc::ServerContext*, const scheduler_v1::GetTenantIdPRequest*,
                            scheduler_v1::GetTenantIdPResponse* response) override {
    response->set_issuer("http://127.0.0.1:9");
    response->set_token_url("http://127.0.0.1:9/token");
    response->set_client_id("hpcc");
    return grpc::Status::OK;
  }

  grpc::Status Authenticate(grpc::ServerContext*, const scheduler_v1::AuthenticateRequest* request,
                            scheduler_v1::AuthenticateResponse* response) override {
    ++authenticated;
    if (request->token() != good_token) return {grpc::StatusCode::UNAUTHENTICATED, "token"};
    response->set_session(good_session);
    response->set_expires_s(Clock::Real().NowNanoseconds() / 1'000'000'000 + 3600);
    return grpc::Status::OK;
  }

  grpc::Status Route(grpc::ServerContext* context, const scheduler_v1::RouteRequest* request,
                     scheduler_v1::RouteResponse* response) override {
    ++routed;
    const auto found = context->client_metadata().find("authorization");
    const std::string wanted = "Bearer " + good_session;
    if (found == context->client_metadata().end() || found->second != wanted) {
      return {grpc::StatusCode::UNAUTHENTICATED, "session"};
    }
    const std::lock_guard lock(mutex_);
    for (const scheduler_v1::RouteResponse& route : routes_) {
      const auto& others = request->avoid_workers();
      const bool avoided = route.worker() == request->avoid_worker() ||
                           std::find(others.begin(), others.end(), route.worker()) != others.end();
      if (avoided && !ignores_avoided) continue;
      *response = route;
      return grpc::Status::OK;
    }
    return {grpc::StatusCode::UNAVAILABLE, "no worker"};
  }

 private:
  std::mutex mutex_;
  std::vector<scheduler_v1::RouteResponse> routes_;
  FakeServer server_;
};

}  // namespace hpcc

#endif  // HPCC_DISPATCH_DISPATCH_TEST_SUPPORT_H_
