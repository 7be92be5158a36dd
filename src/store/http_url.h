#ifndef HPCC_STORE_HTTP_URL_H_
#define HPCC_STORE_HTTP_URL_H_

// The http and https addresses that configuration and environment name.

#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace hpcc {

struct HttpUrl {
  std::string scheme;  // "http" or "https"
  std::string host;    // lower case; an IPv6 address without its brackets
  std::string port;    // empty: the scheme's
  std::string path;    // "" or "/…", as it was written
  std::string query;   // without '?'

  bool is_https() const { return scheme == "https"; }
  // "https://host:port", without a path.
  std::string Origin() const;
};

// InvalidArgument for anything else, and for one with a user, a password or a fragment: they are
// given apart, and the message doesn't repeat them.
absl::StatusOr<HttpUrl> ParseHttpUrl(std::string_view text);

// "localhost", 127.0.0.0/8, ::1.
bool IsLoopbackHost(std::string_view host);

// For messages: control characters become '?', anything after a '?' (signatures travel there) goes,
// and 200 bytes are enough.
std::string PrintableUrl(std::string_view url);

}  // namespace hpcc

#endif  // HPCC_STORE_HTTP_URL_H_
