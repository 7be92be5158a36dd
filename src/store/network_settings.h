#ifndef HPCC_STORE_NETWORK_SETTINGS_H_
#define HPCC_STORE_NETWORK_SETTINGS_H_

// How the network is reached, as the environment of whoever asks says it. Never the environment of
// this process: hpcc-remote serves many.

#include <string>

#include "base/environment.h"

namespace hpcc {

// Secret: a proxy's address may hold a password.
struct NetworkSettings {
  std::string http_proxy;   // for http:// addresses, as curl(1) writes them; empty: none
  std::string https_proxy;  // for https:// addresses
  std::string no_proxy;     // hosts asked directly: names, domains and addresses, with commas
  // Where authorities are found instead of the system's places, when no ca_file is given. Empty:
  // there.
  std::string certificate_file;
  std::string certificate_directory;
};

// $http_proxy, $https_proxy, $all_proxy where these are not set, $no_proxy, $SSL_CERT_FILE and
// $SSL_CERT_DIR. The proxies' names may be upper-case, but for http_proxy: a CGI program's
// HTTP_PROXY is whatever its client sent.
NetworkSettings NetworkSettingsOf(const Environment& environment);

}  // namespace hpcc

#endif  // HPCC_STORE_NETWORK_SETTINGS_H_
