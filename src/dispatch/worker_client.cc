#include "dispatch/worker_client.h"

#include <grpcpp/security/tls_certificate_verifier.h>
#include <grpcpp/security/tls_credentials_options.h>
#include <zstd.h>

#include <algorithm>

#include "auth/certificate.h"
#include "base/status.h"
#include "base/strings.h"
#include "cache/result_bundle.h"
#include "cache/unit.h"

namespace hpcc {

namespace {

using std::chrono::milliseconds;

// Longer than it takes to find out that a worker is gone (below): one that is must be known as
// lost, or the others of a build would wait for it, too.
constexpr milliseconds kProbePatience{25'000};
constexpr milliseconds kFindPatience{25'000};
constexpr milliseconds kUploadPatience{300'000};
constexpr milliseconds kCompilePatience{900'000};  // beyond a worker's own limit for a compile
// A worker that is gone without a word, its host with it, is asked whether it is there: a call that
// waits for it ends within the sum of these.
constexpr int kPingEveryMs = 10'000;
constexpr int kPingPatienceMs = 10'000;
constexpr int kMaxReplyBytes = 8 << 20;  // of one message; bundles come in pieces
constexpr uint64_t kMaxBundleBytes = kMaxOutputBytes + (uint64_t{64} << 20);
constexpr int kMaxImageDirectories = 1000;
constexpr size_t kChunkBytes = size_t{512} << 10;
constexpr size_t kNotWorthCompressing = 128;
constexpr int kBlobLevel = 3;

// Compares the certificate at the other end with the one it must be.
class PinVerifier final : public grpc::experimental::ExternalCertificateVerifier {
 public:
  PinVerifier(std::string fingerprint, std::shared_ptr<std::atomic<bool>> wrong)
      : fingerprint_(std::move(fingerprint)), wrong_(std::move(wrong)) {}

  bool Verify(grpc::experimental::TlsCustomVerificationCheckRequest* request,
              std::function<void(grpc::Status)>, grpc::Status* status) override {
    const grpc::string_ref pem = request->peer_cert();
    const absl::StatusOr<std::string> found =
        CertificateFingerprint(std::string_view(pem.data(), pem.size()));
    const bool right =
        found.ok() && !fingerprint_.empty() && ConstantTimeEqual(*found, fingerprint_);
    wrong_->store(!right);
    *status = right ? grpc::Status::OK
                    : grpc::Status(grpc::StatusCode::UNAUTHENTICATED,
                                   "the worker has another certificate");
    return true;
  }
  void Cancel(grpc::experimental::TlsCustomVerificationCheckRequest*) override {}

 private:
  const std::string fingerprint_;
  const std::shared_ptr<std::atomic<bool>> wrong_;
};

std::shared_ptr<grpc::ChannelCredentials> PinnedCredentials(
    const std::string& fingerprint, const std::shared_ptr<std::atomic<bool>>& wrong) {
  grpc::experimental::TlsChannelCredentialsOptions options;
  // The one certificate is known: who signed it, when it ends and for which names says no more.
  options.set_verify_server_certs(false);
  options.set_check_call_host(false);
  options.set_certificate_verifier(
      grpc::experimental::ExternalCertificateVerifier::Create<PinVerifier>(
          NormalizeFingerprint(fingerprint), wrong));
  return grpc::experimental::TlsCredentials(options);
}

std::shared_ptr<grpc::Channel> PinnedChannel(const std::string& address,
                                             const std::string& fingerprint,
                                             const std::shared_ptr<std::atomic<bool>>& wrong) {
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(kMaxReplyBytes);
  arguments.SetMaxSendMessageSize(-1);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, kPingEveryMs);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, kPingPatienceMs);
  arguments.SetInt(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);  // a compile may take minutes
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, 1000);
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 500);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 5000);
  return grpc::CreateCustomChannel(address, PinnedCredentials(fingerprint, wrong), arguments);
}

// False: the reply is more than it may be, or none.
bool Take(worker_v1::CompileReply* message, WorkerClient::Reply* reply, bool* finished) {
  switch (message->body_case()) {
    case worker_v1::CompileReply::kBundle:
      reply->bundle.append(message->bundle());
      return reply->bundle.size() <= kMaxBundleBytes;
    case worker_v1::CompileReply::kFinished:
      reply->finished = std::move(*message->mutable_finished());
      reply->bundle.append(reply->finished.last_chunk());
      reply->finished.clear_last_chunk();
      *finished = true;
      return reply->bundle.size() <= kMaxBundleBytes;
    case worker_v1::CompileReply::kMiss:
      if (message->miss().image_directories_size() > kMaxImageDirectories) return false;
      reply->miss = true;
      reply->image_directories.assign(message->miss().image_directories().begin(),
                                      message->miss().image_directories().end());
      return true;
    default:
      return false;
  }
}

std::string Compressed(const std::string& bytes) {
  std::string frame(ZSTD_compressBound(bytes.size()), '\0');
  const size_t size =
      ZSTD_compress(frame.data(), frame.size(), bytes.data(), bytes.size(), kBlobLevel);
  if (ZSTD_isError(size) != 0 || size >= bytes.size()) return "";
  frame.resize(size);
  return frame;
}

}  // namespace

WorkerClient::WorkerClient(const std::string& address, const std::string& fingerprint)
    : wrong_certificate_(std::make_shared<std::atomic<bool>>(false)),
      stub_(worker_v1::Worker::NewStub(PinnedChannel(address, fingerprint, wrong_certificate_))) {}

template <typename Request, typename Start>
absl::StatusOr<WorkerClient::Reply> WorkerClient::Ask(const std::string& token, milliseconds bound,
                                                      const Request& request, const GoOn& go_on,
                                                      Start start) {
  const auto context = MakeCallContext(bound, token);
  CallEvents events(*context, go_on);
  auto reader = start(context.get(), request, events.queue());
  reader->StartCall(&events);
  Reply reply;
  bool finished = false;
  bool sound = true;
  if (events.Await()) {
    worker_v1::CompileReply message;
    while (true) {
      reader->Read(&message, &events);
      if (!events.Await()) break;
      if (sound) sound = Take(&message, &reply, &finished);
      if (!sound) context->TryCancel();
    }
  }
  grpc::Status status;
  reader->Finish(&status, &events);
  events.Await();
  if (!sound) return absl::InternalError("the worker's answer is beyond all limits, or none");
  HPCC_RETURN_IF_ERROR(StatusOfCall(status, *context));
  if (!finished && !reply.miss) return absl::InternalError("the worker's answer is incomplete");
  return reply;
}

absl::StatusOr<WorkerClient::Reply> WorkerClient::Probe(const std::string& token,
                                                        const worker_v1::ProbeRequest& request,
                                                        const GoOn& go_on) {
  return Ask(token, kProbePatience, request, go_on, [this](auto* context, auto& message, auto* to) {
    return stub_->PrepareAsyncProbeCompileCache(context, message, to);
  });
}

absl::StatusOr<WorkerClient::Reply> WorkerClient::Compile(const std::string& token,
                                                          const worker_v1::CompileRequest& request,
                                                          const GoOn& go_on) {
  return Ask(token, kCompilePatience, request, go_on,
             [this](auto* context, auto& message, auto* to) {
               return stub_->PrepareAsyncCompile(context, message, to);
             });
}

absl::StatusOr<std::vector<Digest>> WorkerClient::FindMissing(const std::string& token,
                                                              const std::vector<Digest>& digests,
                                                              const GoOn& go_on) {
  const auto context = MakeCallContext(kFindPatience, token);
  worker_v1::FindMissingBlobsRequest request;
  for (const Digest& digest : digests) request.add_digests(std::string(digest.bytes()));
  worker_v1::FindMissingBlobsResponse response;
  HPCC_RETURN_IF_ERROR(RunUnaryCall(
      *context, go_on,
      [&](grpc::CompletionQueue* queue) {
        return stub_->AsyncFindMissingBlobs(context.get(), request, queue);
      },
      &response));
  std::vector<Digest> missing;
  for (const std::string& bytes : response.digests()) {
    const std::optional<Digest> digest = Digest::FromBytes(bytes);
    if (!digest) return absl::InternalError("the worker's answer holds no digests");
    missing.push_back(*digest);
  }
  return missing;
}

absl::Status WorkerClient::Upload(const std::string& token, FileSystem& fs,
                                  std::span<const BlobSource> blobs, const GoOn& go_on) {
  const auto context = MakeCallContext(kUploadPatience, token);
  CallEvents events(*context, go_on);
  worker_v1::UploadBlobsResponse response;
  auto writer = stub_->PrepareAsyncUploadBlobs(context.get(), &response, events.queue());
  writer->StartCall(&events);
  bool open = events.Await();
  absl::Status failure;
  for (const BlobSource& blob : blobs) {
    if (!open || !failure.ok()) break;
    const absl::StatusOr<std::string> content = ReadFile(fs, blob.path, kMaxSourceBytes);
    if (!content.ok() || Digest::Of(*content) != blob.digest) {
      failure = absl::AbortedError(StrCat(blob.path, " changed"));
      break;
    }
    const std::string frame =
        content->size() > kNotWorthCompressing ? Compressed(*content) : std::string();
    const std::string& data = frame.empty() ? *content : frame;
    size_t start = 0;
    do {
      worker_v1::UploadBlobsRequest message;
      if (start == 0) {
        message.set_digest(std::string(blob.digest.bytes()));
        message.set_size(content->size());
        message.set_zstd(!frame.empty());
      }
      message.set_data(data.substr(start, kChunkBytes));
      start += message.data().size();
      message.set_last(start >= data.size());
      bytes_sent_ += message.data().size();
      writer->Write(message, &events);
      open = events.Await();
    } while (open && start < data.size());
  }
  if (!failure.ok()) {
    context->TryCancel();
  } else if (open) {
    writer->WritesDone(&events);
    events.Await();
  }
  grpc::Status status;
  writer->Finish(&status, &events);
  events.Await();
  HPCC_RETURN_IF_ERROR(failure);
  return StatusOfCall(status, *context);
}

}  // namespace hpcc
