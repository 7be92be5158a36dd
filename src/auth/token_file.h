#ifndef HPCC_AUTH_TOKEN_FILE_H_
#define HPCC_AUTH_TOKEN_FILE_H_

// What a user is logged in with, one file per tenant, readable by its owner only:
//
//   file = JSON object: "version": 1, then texts "tenant", "issuer", "token_url", "client_id",
//          "scope", "audience", "user", "access_token", "id_token", "refresh_token", "session"
//          and whole numbers "expires_s", "session_expires_s" (seconds since the epoch, 0: unknown)
//
// Members that are missing are empty; unknown ones are ignored, and lost when it is written again.

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "base/file_system.h"

namespace hpcc {

inline constexpr uint64_t kMaxTokenFileBytes = 256 << 10;

// Secret: the four tokens.
struct StoredTokens {
  std::string tenant;
  std::string issuer;
  std::string token_url;
  std::string client_id;
  std::string scope;
  std::string audience;
  std::string user;  // as typed at login; for `hpcc auth status`
  std::string access_token;
  std::string id_token;
  std::string refresh_token;
  int64_t expires_s = 0;  // of the access token
  std::string session;    // the scheduler's
  int64_t session_expires_s = 0;
};

// NotFound: nobody is logged in. FailedPrecondition: the file, or the folder it is in, is open to
// others or is somebody else's. InvalidArgument: it is no such file.
absl::StatusOr<StoredTokens> ReadTokenFile(FileSystem& fs, const std::string& path);

// Replaces the file at once; makes its folder (0700) when there is none.
absl::Status WriteTokenFile(FileSystem& fs, const std::string& path, const StoredTokens& tokens);

// OK when there is none.
absl::Status RemoveTokenFile(FileSystem& fs, const std::string& path);

std::string FormatTokenFile(const StoredTokens& tokens);
absl::StatusOr<StoredTokens> ParseTokenFile(std::string_view text);

}  // namespace hpcc

#endif  // HPCC_AUTH_TOKEN_FILE_H_
