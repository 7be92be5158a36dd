#include "store/http_url.h"

#include <arpa/inet.h>
#include <curl/curl.h>

#include <memory>

#include "base/strings.h"

namespace hpcc {

namespace {

struct UrlDeleter {
  void operator()(CURLU* url) const { curl_url_cleanup(url); }
};

// "" when there is no such part.
std::string Part(CURLU* url, CURLUPart part) {
  char* text = nullptr;
  if (curl_url_get(url, part, &text, 0) != CURLUE_OK) return {};
  std::string copy(text);
  curl_free(text);
  return copy;
}

}  // namespace

std::string HttpUrl::Origin() const {
  std::string origin = StrCat(scheme, "://");
  StrAppend(&origin, StrContains(host, ":") ? StrCat("[", host, "]") : host);
  if (!port.empty()) StrAppend(&origin, ":", port);
  return origin;
}

absl::StatusOr<HttpUrl> ParseHttpUrl(std::string_view text) {
  const absl::Status expected = absl::InvalidArgumentError(
      "expected an address such as \"https://host:port/path\", without user or fragment");
  if (!text.starts_with("http://") && !text.starts_with("https://")) return expected;
  const std::unique_ptr<CURLU, UrlDeleter> url(curl_url());
  if (!url || curl_url_set(url.get(), CURLUPART_URL, std::string(text).c_str(), CURLU_PATH_AS_IS) !=
                  CURLUE_OK) {
    return expected;
  }
  HttpUrl parsed;
  parsed.scheme = Part(url.get(), CURLUPART_SCHEME);
  parsed.host = AsciiLower(Part(url.get(), CURLUPART_HOST));
  parsed.port = Part(url.get(), CURLUPART_PORT);
  parsed.path = Part(url.get(), CURLUPART_PATH);
  parsed.query = Part(url.get(), CURLUPART_QUERY);
  // libcurl makes "/" of no path at all.
  if (parsed.path == "/") parsed.path.clear();
  if (parsed.host.starts_with('[') && parsed.host.ends_with(']')) {
    parsed.host = parsed.host.substr(1, parsed.host.size() - 2);
  }
  const bool has_more = !Part(url.get(), CURLUPART_USER).empty() ||
                        !Part(url.get(), CURLUPART_PASSWORD).empty() ||
                        !Part(url.get(), CURLUPART_FRAGMENT).empty();
  if (parsed.host.empty() || has_more) return expected;
  return parsed;
}

bool IsLoopbackHost(std::string_view host) {
  if (host == "localhost") return true;
  const std::string text(host);
  in6_addr six{};
  if (inet_pton(AF_INET6, text.c_str(), &six) == 1) return IN6_IS_ADDR_LOOPBACK(&six);
  in_addr four{};
  return inet_pton(AF_INET, text.c_str(), &four) == 1 && (ntohl(four.s_addr) >> 24) == 127;
}

std::string PrintableUrl(std::string_view url) {
  constexpr size_t kLongest = 200;
  std::string printable(url.substr(0, std::min(url.find('?'), kLongest)));
  for (char& c : printable) {
    if (c < ' ' || c > '~') c = '?';
  }
  // "user:password@" of a server's Location.
  const size_t host = printable.find("://");
  const size_t at = printable.find('@');
  if (host != std::string::npos && at != std::string::npos && at < printable.find('/', host + 3)) {
    printable.erase(host + 3, at - host - 2);
  }
  return printable;
}

}  // namespace hpcc
