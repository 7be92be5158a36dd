#ifndef HPCC_IMAGE_REGISTRY_ACCESS_H_
#define HPCC_IMAGE_REGISTRY_ACCESS_H_

// Requests to one registry with whatever it wants to see before it answers: where it is, tokens,
// basic authentication, redirects. registry_client.h says the rules.

#include <chrono>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "base/clock.h"
#include "image/docker_config.h"
#include "image/registry_challenge.h"
#include "store/http_transfer.h"

namespace hpcc {

// Thread-safe.
class RegistryAccess {
 public:
  // `host` as of ImageReference. `clock` outlives the object.
  RegistryAccess(const std::string& host, const std::string& repository,
                 const HttpTransferOptions& options, std::optional<RegistryCredentials> credentials,
                 Clock& clock);

  // A GET of `path` ("/v2/…"). `request` has headers, bound, max_body and take_body. The answer is
  // no 401 and no redirect, but may be any other.
  absl::StatusOr<HttpResponse> Get(const std::string& path, const HttpRequest& request);

 private:
  // How to prove who asks. Secret.
  struct Proof {
    std::string token;
    int64_t token_expires_ns = 0;  // monotonic
    bool basic = false;            // the registry asked for user and password
  };

  absl::StatusOr<std::string> Origin();
  absl::StatusOr<HttpResponse> AskOnce(const std::string& path, const HttpRequest& request,
                                       const Proof& proof);
  // `request`: what `response` answers; `without_proof`: the same as anybody else may see it.
  absl::StatusOr<HttpResponse> FollowRedirects(HttpRequest request, HttpResponse response,
                                               const HttpRequest& without_proof);
  absl::Status CheckTarget(const std::string& url) const;
  // A new proof in answer to `refusal` of `used`; or the one another thread has got meanwhile.
  absl::Status Renew(const HttpResponse& refusal, const Proof& used);
  absl::Status FetchToken(const AuthChallenge& challenge);
  absl::Status Refused(bool by_token_service) const;
  Proof CurrentProof();

  const std::string host_;
  const std::string repository_;
  const bool loopback_;
  const bool demands_tls_;
  const std::optional<RegistryCredentials> credentials_;
  Clock& clock_;
  HttpTransfer transfer_;

  std::mutex origin_mutex_;
  std::string origin_;  // "https://host"; empty: not known yet
  std::mutex proof_mutex_;
  std::mutex renew_mutex_;  // held while a token is fetched: one thread does
  Proof proof_;
};

}  // namespace hpcc

#endif  // HPCC_IMAGE_REGISTRY_ACCESS_H_
