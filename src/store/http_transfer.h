#ifndef HPCC_STORE_HTTP_TRANSFER_H_
#define HPCC_STORE_HTTP_TRANSFER_H_

// One HTTP/1.1 exchange after another, over connections that are kept: libcurl behind bounds.
// Certificates are always verified, nothing is ever followed or unpacked, and what the server sends
// is cut off at the limits. Proxies are those of the NetworkSettings, and no others.

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "base/clock.h"
#include "store/network_settings.h"

namespace hpcc {

// Signs a request with AWS Signature Version 4. Secret.
struct RequestSigning {
  std::string region;
  std::string service;  // "s3"
  std::string access_key;
  std::string secret_key;
  std::string session_token;  // empty: none
};

struct HttpResponse;

struct HttpRequest {
  std::string method = "GET";         // or HEAD, PUT, POST, DELETE
  std::string url;                    // percent-encoded; with signing, the query is sorted
  std::vector<std::string> headers;   // "Name: value"
  std::string_view body;              // of PUT and POST; outlives the call
  std::chrono::milliseconds bound{};  // of everything, retries included
  int attempts = 3;                   // how often at most, within the bound
  uint64_t max_body = 0;              // bytes of a successful answer
  std::optional<RequestSigning> signing;
  std::string user;  // basic authentication; empty: none
  std::string password;
  // Takes the body of a 2xx piece by piece instead of HttpResponse::body; `head` has status and
  // headers. False ends the transfer: Cancelled. What was handed over can't be taken back, so such
  // a request is made once, whatever `attempts` says.
  std::function<bool(const HttpResponse& head, std::string_view piece)> take_body;
  // Ends a transfer that brought less than 1 KiB a second for so long; 0: only the bound does.
  std::chrono::seconds stall{0};
};

struct HttpResponse {
  int status = 0;
  // Of a 2xx, all of it; of anything else the first 64 KiB at most.
  std::string body;
  std::vector<std::pair<std::string, std::string>> headers;  // names in lower case

  // The value of the first such header; empty when there is none. `name` in lower case.
  std::string_view Header(std::string_view name) const;
};

struct HttpTransferOptions {
  std::string ca_file;  // PEM, instead of the system's authorities; empty: the system's
  NetworkSettings network;
};

// Thread-safe.
class HttpTransfer {
 public:
  HttpTransfer(const HttpTransferOptions& options, Clock& clock);
  ~HttpTransfer();

  // Whatever the server answers, with any status, is OK. Tries again, after a growing and random
  // pause, when it says 429, 500, 502, 503 or 504 or the connection breaks; the last answer counts.
  //
  // DeadlineExceeded: not done within the bound, or stalled. Unavailable: no connection, or it
  // broke. Unauthenticated: the server's certificate is not to be trusted. FailedPrecondition:
  // ca_file can't be read. ResourceExhausted: the body is larger than max_body. DataLoss: the body
  // ended before Content-Length. Messages name the host and what to do, and hold nothing secret.
  absl::StatusOr<HttpResponse> Perform(const HttpRequest& request);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// The contract of object_store.h for an answer that was no success: a redirect is
// FailedPrecondition and says where it leads; 401 and 407 Unauthenticated, 403 PermissionDenied,
// 404 and 410 NotFound, 413 ResourceExhausted, 429 and 5xx Unavailable. `what` begins the message.
absl::Status HttpError(const HttpResponse& response, std::string_view what);

// Seconds since the epoch of an HTTP date; nullopt for anything else.
std::optional<int64_t> ParseHttpDate(std::string_view text);

}  // namespace hpcc

#endif  // HPCC_STORE_HTTP_TRANSFER_H_
