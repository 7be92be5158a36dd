#ifndef HPCC_IMAGE_REGISTRY_CHALLENGE_H_
#define HPCC_IMAGE_REGISTRY_CHALLENGE_H_

// What a server wants to see before it answers: WWW-Authenticate, RFC 9110 section 11.6.1.
//
//   header    = challenge *("," challenge)
//   challenge = scheme [1*SP (token68 | parameter *("," parameter))]
//   parameter = token "=" (token | quoted-string)

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace hpcc {

inline constexpr size_t kMaxChallengeBytes = 8 << 10;

struct AuthChallenge {
  std::string scheme;                             // lower case: "bearer", "basic"
  std::map<std::string, std::string> parameters;  // names in lower case; the last of a name counts

  std::string Parameter(const std::string& name) const;
};

// As many as could be read before the first mistake; none of a header over kMaxChallengeBytes.
std::vector<AuthChallenge> ParseChallenges(std::string_view header);

}  // namespace hpcc

#endif  // HPCC_IMAGE_REGISTRY_CHALLENGE_H_
