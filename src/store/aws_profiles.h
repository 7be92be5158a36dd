#ifndef HPCC_STORE_AWS_PROFILES_H_
#define HPCC_STORE_AWS_PROFILES_H_

// The files AWS's tools keep credentials and settings in.
// https://docs.aws.amazon.com/sdkref/latest/guide/file-format.html
//
//   file    = { line "\n" }
//   line    = blank | comment | section | setting | nested
//   comment = ( "#" | ";" ) …
//   section = "[" name "]" [ comment ]
//   setting = key "=" value           the value ends before blank "#" or blank ";"
//   nested  = blank …                 belongs to the setting before; passed over
//
// In the credentials file a section is named as the profile, in the config file "profile <name>" or
// "default"; other sections of it ("sso-session x") are passed over. Of a section or setting that
// comes twice, the later settings win.

#include <map>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace hpcc {

// A file longer than this is refused.
inline constexpr uint64_t kMaxAwsProfileFile = 1 << 20;

using AwsProfile = std::map<std::string, std::string, std::less<>>;  // keys in lower case
using AwsProfiles = std::map<std::string, AwsProfile, std::less<>>;

enum class AwsProfileFile : uint8_t { kCredentials, kConfig };

// InvalidArgument with the number of the line that is none of these. What stands there is not
// repeated: it may be a secret.
absl::StatusOr<AwsProfiles> ParseAwsProfiles(std::string_view text, AwsProfileFile kind);

}  // namespace hpcc

#endif  // HPCC_STORE_AWS_PROFILES_H_
