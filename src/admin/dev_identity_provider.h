#ifndef HPCC_ADMIN_DEV_IDENTITY_PROVIDER_H_
#define HPCC_ADMIN_DEV_IDENTITY_PROVIDER_H_

// An OpenID Connect identity provider for development, on a loopback address only: discovery, key
// set and token endpoint over HTTP. It has one user and one program, knows no sessions and no
// consent, and forgets everything when it ends. Never for a tenant whose code matters.

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "admin/dev_token_desk.h"
#include "base/clock.h"

namespace hpcc {

inline constexpr size_t kMaxTokenFormBytes = 64 << 10;

class DevIdentityProvider {
 public:
  // Serves in a thread of its own until it is destroyed, on `port` of 127.0.0.1; 0: a free one.
  // `clock` outlives it. Unavailable: the port is taken.
  static absl::StatusOr<std::unique_ptr<DevIdentityProvider>> Start(const DevAccounts& accounts,
                                                                    uint16_t port, Clock& clock);
  ~DevIdentityProvider();
  DevIdentityProvider(const DevIdentityProvider&) = delete;
  DevIdentityProvider& operator=(const DevIdentityProvider&) = delete;

  const std::string& issuer() const;  // "http://127.0.0.1:<port>"

 private:
  struct State;
  explicit DevIdentityProvider(std::unique_ptr<State> state);

  std::unique_ptr<State> state_;
};

}  // namespace hpcc

#endif  // HPCC_ADMIN_DEV_IDENTITY_PROVIDER_H_
