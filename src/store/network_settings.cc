#include "store/network_settings.h"

#include <initializer_list>

namespace hpcc {

namespace {

// Of the first variable that is set, even if to nothing: so somebody turns off what another says.
std::string FirstOf(const Environment& environment, std::initializer_list<std::string_view> names) {
  for (const std::string_view name : names) {
    if (std::optional<std::string> value = environment.Get(name)) return *std::move(value);
  }
  return "";
}

}  // namespace

NetworkSettings NetworkSettingsOf(const Environment& environment) {
  return {
      .http_proxy = FirstOf(environment, {"http_proxy", "all_proxy", "ALL_PROXY"}),
      .https_proxy = FirstOf(environment, {"https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"}),
      .no_proxy = FirstOf(environment, {"no_proxy", "NO_PROXY"}),
      .certificate_file = FirstOf(environment, {"SSL_CERT_FILE"}),
      .certificate_directory = FirstOf(environment, {"SSL_CERT_DIR"}),
  };
}

}  // namespace hpcc
