#ifndef HPCC_STORE_AWS_CREDENTIAL_SOURCES_H_
#define HPCC_STORE_AWS_CREDENTIAL_SOURCES_H_

// The single sources of the chain that aws_credentials.h describes. Each answers nullopt when it is
// not configured, and an error when it is and gives nothing.

#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "base/clock.h"
#include "base/environment.h"
#include "base/file_system.h"
#include "store/aws_credentials.h"
#include "store/http_transfer.h"

namespace hpcc {

struct SourcedCredentials {
  AwsCredentials credentials;
  std::string source;      // "environment", "profile 'ci'"
  bool can_change = true;  // whether asking again may give others
};
using SourceAnswer = absl::StatusOr<std::optional<SourcedCredentials>>;

// What a source has to work with. Everything outlives the call.
struct SourceContext {
  const AwsCredentialOptions& options;
  const Environment& environment;
  FileSystem& fs;
  Clock& clock;
  HttpTransfer& link;     // to addresses of this machine and link: without a proxy
  HttpTransfer& network;  // to STS and containers' https addresses
  int64_t deadline_ns;    // monotonic

  std::chrono::milliseconds Left() const;
};

// Nothing in it would break out of a header line, where such texts go.
bool FitsInHeader(std::string_view text);

SourceAnswer CredentialsOfConfiguration(const SourceContext& context);
SourceAnswer CredentialsOfEnvironment(const SourceContext& context);
SourceAnswer CredentialsOfProfile(const SourceContext& context);
SourceAnswer CredentialsOfWebIdentity(const SourceContext& context);
SourceAnswer CredentialsOfContainer(const SourceContext& context);
SourceAnswer CredentialsOfInstance(const SourceContext& context);

// STS AssumeRoleWithWebIdentity. `session_name` may be empty.
absl::StatusOr<AwsCredentials> AssumeRoleWithWebIdentity(const SourceContext& context,
                                                         const std::string& role_arn,
                                                         const std::string& token_file,
                                                         const std::string& session_name);

// The answer of STS to that, without blanks around what it says. Unauthenticated for anything else.
absl::StatusOr<AwsCredentials> ParseStsAnswer(std::string_view xml);

// {"AccessKeyId": …, "SecretAccessKey": …, "Token": …, "Expiration": …} of containers and
// instances. InvalidArgument for anything else.
absl::StatusOr<AwsCredentials> ParseCredentialsJson(std::string_view json);

}  // namespace hpcc

#endif  // HPCC_STORE_AWS_CREDENTIAL_SOURCES_H_
