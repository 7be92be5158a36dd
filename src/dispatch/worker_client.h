#ifndef HPCC_DISPATCH_WORKER_CLIENT_H_
#define HPCC_DISPATCH_WORKER_CLIENT_H_

// What a client says to one worker (proto/hpcc/worker/v1/worker.proto), over a connection that only
// the holder of one exact certificate can be at the other end of. Every call is bounded.

#include <atomic>
#include <chrono>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "base/digest.h"
#include "base/file_system.h"
#include "dispatch/grpc_call.h"
#include "hpcc/worker/v1/worker.grpc.pb.h"

namespace hpcc {

namespace worker_v1 = ::hpcc::worker::v1;

// A file whose content a worker lacks.
struct BlobSource {
  Digest digest;
  std::string path;
};

// Thread-safe.
class WorkerClient {
 public:
  // `fingerprint`: SHA-256 of the certificate's DER bytes, in hex. Connects with the first call.
  // Nothing is sent to anybody else than its holder: neither a token nor a source.
  WorkerClient(const std::string& address, const std::string& fingerprint);

  struct Reply {
    bool miss = false;
    std::vector<std::string> image_directories;  // of a miss
    std::string bundle;
    worker_v1::Finished finished;
  };
  // Errors as worker.proto has them; Unauthenticated also when the other end has another
  // certificate (WrongCertificate() is true then).
  absl::StatusOr<Reply> Probe(const std::string& token, const worker_v1::ProbeRequest& request,
                              const GoOn& go_on);
  absl::StatusOr<Reply> Compile(const std::string& token, const worker_v1::CompileRequest& request,
                                const GoOn& go_on);
  absl::StatusOr<std::vector<Digest>> FindMissing(const std::string& token,
                                                  const std::vector<Digest>& digests,
                                                  const GoOn& go_on);
  // Aborted: a file is no longer what its digest says.
  absl::Status Upload(const std::string& token, FileSystem& fs, std::span<const BlobSource> blobs,
                      const GoOn& go_on);

  bool WrongCertificate() const { return wrong_certificate_->load(); }
  uint64_t bytes_sent() const { return bytes_sent_; }  // of blobs, as sent

 private:
  template <typename Request, typename Start>
  absl::StatusOr<Reply> Ask(const std::string& token, std::chrono::milliseconds bound,
                            const Request& request, const GoOn& go_on, Start start);

  std::shared_ptr<std::atomic<bool>> wrong_certificate_;  // shared with what checks it
  std::unique_ptr<worker_v1::Worker::Stub> stub_;
  std::atomic<uint64_t> bytes_sent_ = 0;
};

}  // namespace hpcc

#endif  // HPCC_DISPATCH_WORKER_CLIENT_H_
