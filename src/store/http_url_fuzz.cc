// Whatever a configuration or a server names as a URL, a time or an object: it is read or refused,
// and what was read has one form.

#include <cstdint>
#include <cstdlib>

#include "base/strings.h"
#include "store/http_transfer.h"
#include "store/http_url.h"
#include "store/object_names.h"
#include "store/percent_encoding.h"

namespace {

void Require(bool condition) {
  if (!condition) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto url = hpcc::ParseHttpUrl(text); url.ok()) {
    Require(url->scheme == "http" || url->scheme == "https");
    Require(!url->host.empty() && (url->path.empty() || url->path.front() == '/'));
    const auto again = hpcc::ParseHttpUrl(url->Origin());
    Require(again.ok() && again->Origin() == url->Origin());
  }
  Require(hpcc::PrintableUrl(text).size() <= 210);
  hpcc::ParseHttpDate(text);
  if (const auto key = hpcc::ParseObjectName("n", text)) {
    Require(hpcc::ObjectName("n", *key) == text);
  }
  Require(hpcc::PercentDecode(hpcc::PercentEncode(text)) == text);
  hpcc::PercentDecode(text);
  return 0;
}
