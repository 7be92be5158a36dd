#ifndef HPCC_STORE_AWS_CREDENTIALS_H_
#define HPCC_STORE_AWS_CREDENTIALS_H_

// Where AWS credentials come from: the chain that AWS's own tools use, first found wins.
//
//   1. access_key and secret_key of hpcc's configuration, for development
//   2. AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN
//   3. the profile ($AWS_PROFILE, else "default") in the shared credentials and config files
//      (aws_profiles.h); web_identity_token_file and role_arn there count as in 4
//   4. web identity: AWS_WEB_IDENTITY_TOKEN_FILE and AWS_ROLE_ARN, by STS AssumeRoleWithWebIdentity
//   5. container: AWS_CONTAINER_CREDENTIALS_RELATIVE_URI or _FULL_URI, with the token of
//      AWS_CONTAINER_AUTHORIZATION_TOKEN(_FILE); over https, or from loopback or the addresses of
//      ECS and EKS agents only
//   6. the instance metadata service, version 2 (a token is asked for first); not with
//      AWS_EC2_METADATA_DISABLED=true. AWS_EC2_METADATA_SERVICE_ENDPOINT says where else it is
//
// A profile named by AWS_PROFILE that is not there is an error, and ends the chain; so does a
// source that is configured and fails. What a profile can ask for and hpcc does not do
// (credential_process, sso, source_profile) is an error that says so.
// https://docs.aws.amazon.com/sdkref/latest/guide/standardized-credentials.html

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "base/clock.h"
#include "base/environment.h"
#include "base/file_system.h"

namespace hpcc {

// Secret. There is no way to print one, and none is ever part of a message.
struct AwsCredentials {
  std::string access_key;
  std::string secret_key;
  std::string session_token;  // empty: none
  int64_t expires_ns = 0;     // since the epoch; 0: never
};

// Thread-safe.
class AwsCredentialProvider {
 public:
  virtual ~AwsCredentialProvider() = default;

  // Credentials that are valid now. Waits at most `patience`, and only when there are none yet or
  // they are about to expire; half a second at most while they are still good. Several who ask at
  // once wait for one answer. Unauthenticated: none
  // were found, or their source refused; one line that says which source and why.
  // DeadlineExceeded, Unavailable: the source did not answer.
  virtual absl::StatusOr<AwsCredentials> Get(std::chrono::milliseconds patience) = 0;

  // The server refused what Get() gave, as expired or unknown: the next Get() asks the source
  // again, if it can give others. No more often than once in ten seconds.
  virtual void Refused() = 0;

  // Which source it is, for messages and `hpcc doctor`: "environment", "profile 'ci'", "none
  // found". Never asks a network. "not asked yet" before the first Get().
  virtual std::string Source() = 0;
};

struct AwsCredentialOptions {
  std::string access_key;  // development only; both or neither
  std::string secret_key;
  std::string region;   // where STS is asked; empty: "us-east-1"
  std::string ca_file;  // PEM of private authorities, for STS; empty: the system's
  // Where to ask STS instead of https://sts.<region>.amazonaws.com; empty: there, or at
  // $AWS_ENDPOINT_URL_STS. http only for this machine.
  std::string sts_endpoint;
};

// Reads nothing and connects to nothing until Get(). `environment` is copied: it is that of whoever
// wants something stored, not of this process. `fs` and `clock` outlive the provider.
std::unique_ptr<AwsCredentialProvider> MakeAwsCredentialProvider(
    const AwsCredentialOptions& options, const Environment& environment, FileSystem& fs,
    Clock& clock);

// What of the environment decides about credentials: for telling whether two users of one program
// can share a provider. A digest, not the values.
std::string AwsCredentialFingerprint(const AwsCredentialOptions& options,
                                     const Environment& environment);

}  // namespace hpcc

#endif  // HPCC_STORE_AWS_CREDENTIALS_H_
