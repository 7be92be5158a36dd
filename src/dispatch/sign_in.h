#ifndef HPCC_DISPATCH_SIGN_IN_H_
#define HPCC_DISPATCH_SIGN_IN_H_

// Who this user is to a scheduler: a session, got with a token of the tenant's identity provider.
//
// What is known is kept in a file of the user's own (auth/token_file.h), so that the next
// hpcc-remote, and `hpcc auth`, go on with it:
//
//   <local directory>/auth/<16 hex digits of the digest of scheduler and tenant>.json

#include <mutex>
#include <string>

#include "absl/status/statusor.h"
#include "auth/oauth_client.h"
#include "auth/token_file.h"
#include "base/clock.h"
#include "base/file_system.h"
#include "config/config.h"
#include "dispatch/scheduler_client.h"

namespace hpcc {

std::string TokenFilePath(const std::string& local_directory, const RemoteSettings& remote);

// What the scheduler says of the tenant's identity provider, with what the settings add.
absl::StatusOr<OAuthProvider> ProviderOf(FileSystem& fs, const RemoteSettings& remote,
                                         const scheduler_v1::GetTenantIdPResponse& said);

// The token of several that a scheduler can verify.
std::string TokenForScheduler(const StoredTokens& tokens);

// Thread-safe.
class SignIn {
 public:
  // All outlive it.
  SignIn(FileSystem& fs, Clock& clock, const RemoteSettings& remote,
         const std::string& local_directory);

  // A session that lasts for another minute at least: the one at hand, or a new one for the stored
  // token, a refreshed one, or one for the configured credentials. Unauthenticated: nobody is
  // signed in, or the provider or the scheduler refuses what there is; says what to do.
  absl::StatusOr<std::string> Session(SchedulerClient& scheduler, const GoOn& go_on);

  // The scheduler no longer takes it.
  void Forget(const std::string& session);

 private:
  absl::StatusOr<std::string> Renew(SchedulerClient& scheduler, const GoOn& go_on);
  absl::StatusOr<std::string> Authenticate(SchedulerClient& scheduler, const GoOn& go_on);
  absl::StatusOr<OAuthTokens> NewTokens(const OAuthProvider& provider, const GoOn& go_on);
  absl::StatusOr<OAuthTokens> AskProvider(const OAuthProvider& provider,
                                          const std::string& ca_file);
  bool IsGood(int64_t expires_s) const;

  FileSystem& fs_;
  Clock& clock_;
  const RemoteSettings remote_;
  const std::string file_;
  std::mutex mutex_;     // each step of signing in is bounded
  StoredTokens tokens_;  // guarded by mutex_
  std::string refused_;  // guarded by mutex_: a session not to be taken from the file again
};

}  // namespace hpcc

#endif  // HPCC_DISPATCH_SIGN_IN_H_
