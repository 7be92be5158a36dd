#ifndef HPCC_STORE_S3_ERRORS_H_
#define HPCC_STORE_S3_ERRORS_H_

// What an S3 server's refusal means, in one line for the user.

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "store/http_transfer.h"

namespace hpcc {

struct S3Request {
  std::string bucket;       // "s3://bucket": begins every message
  std::string region;       // the one that was signed for
  std::string permission;   // what it takes: "s3:GetObject"
  std::string credentials;  // AwsCredentialProvider::Source()
};

// The status for an answer that was no success; codes as in object_store.h. `now_ns`: this
// machine's clock, to say how far it is off.
absl::Status S3ResponseError(const HttpResponse& response, const S3Request& request,
                             int64_t now_ns);
// The same, when only the code of S3 is known.
absl::Status S3CodeError(std::string_view code, const S3Request& request);

// Whether other credentials, asked of their source again, may do.
bool S3RefusesCredentials(const HttpResponse& response);

}  // namespace hpcc

#endif  // HPCC_STORE_S3_ERRORS_H_
