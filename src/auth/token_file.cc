#include "auth/token_file.h"

#include <openssl/crypto.h>

#include <array>

#include "absl/status/status.h"
#include "auth/strict_json.h"
#include "base/path.h"
#include "base/private_directory.h"
#include "base/status.h"
#include "base/strings.h"

namespace hpcc {

namespace {

constexpr int kVersion = 1;

struct TextMember {
  const char* name;
  std::string StoredTokens::*member;
};
constexpr std::array<TextMember, 11> kTexts = {{
    {"tenant", &StoredTokens::tenant},
    {"issuer", &StoredTokens::issuer},
    {"token_url", &StoredTokens::token_url},
    {"client_id", &StoredTokens::client_id},
    {"scope", &StoredTokens::scope},
    {"audience", &StoredTokens::audience},
    {"user", &StoredTokens::user},
    {"access_token", &StoredTokens::access_token},
    {"id_token", &StoredTokens::id_token},
    {"refresh_token", &StoredTokens::refresh_token},
    {"session", &StoredTokens::session},
}};

struct TimeMember {
  const char* name;
  int64_t StoredTokens::*member;
};
constexpr std::array<TimeMember, 2> kTimes = {{
    {"expires_s", &StoredTokens::expires_s},
    {"session_expires_s", &StoredTokens::session_expires_s},
}};

}  // namespace

std::string FormatTokenFile(const StoredTokens& tokens) {
  nlohmann::json object = {{"version", kVersion}};
  for (const TextMember& text : kTexts) object[text.name] = tokens.*text.member;
  for (const TimeMember& time : kTimes) object[time.name] = tokens.*time.member;
  return JsonDocument(object) + "\n";
}

absl::StatusOr<StoredTokens> ParseTokenFile(std::string_view text) {
  HPCC_ASSIGN_OR_RETURN(const nlohmann::json object, ReadJsonObject(text, "the file of tokens"));
  const auto version = object.find("version");
  if (version == object.end() || *version != kVersion) {
    return absl::InvalidArgumentError("the file of tokens is of a version not known here");
  }
  StoredTokens tokens;
  for (const TextMember& each : kTexts) tokens.*each.member = JsonText(object, each.name);
  for (const TimeMember& each : kTimes) {
    const auto found = object.find(each.name);
    if (found != object.end()) tokens.*each.member = JsonSeconds(*found).value_or(0);
  }
  return tokens;
}

absl::StatusOr<StoredTokens> ReadTokenFile(FileSystem& fs, const std::string& path) {
  HPCC_RETURN_IF_ERROR(CheckPrivateFile(path));
  HPCC_ASSIGN_OR_RETURN(std::string text, ReadFile(fs, path, kMaxTokenFileBytes));
  absl::StatusOr<StoredTokens> tokens = ParseTokenFile(text);
  OPENSSL_cleanse(text.data(), text.size());
  if (tokens.ok()) return tokens;
  return absl::InvalidArgumentError(StrCat(path, ": ", std::string(tokens.status().message())));
}

absl::Status WriteTokenFile(FileSystem& fs, const std::string& path, const StoredTokens& tokens) {
  const std::string folder(path::Dirname(path));
  HPCC_RETURN_IF_ERROR(MakeDirectories(fs, folder, 0700));
  HPCC_RETURN_IF_ERROR(CheckPrivateDirectory(folder));
  std::string text = FormatTokenFile(tokens);
  const absl::Status written = WriteFileAtomically(fs, path, text, 0600);
  OPENSSL_cleanse(text.data(), text.size());
  return written;
}

absl::Status RemoveTokenFile(FileSystem& fs, const std::string& path) {
  const absl::Status removed = fs.Remove(path);
  return absl::IsNotFound(removed) ? absl::OkStatus() : removed;
}

}  // namespace hpcc
