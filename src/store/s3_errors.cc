#include "store/s3_errors.h"

#include <cstdlib>
#include <optional>

#include "base/strings.h"
#include "base/units.h"
#include "store/s3_xml.h"

namespace hpcc {

namespace {

using absl::StatusCode;

struct CodeRow {
  std::string_view s3;
  StatusCode code;
  std::string_view meaning;
};

// https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html#ErrorCodeList
constexpr CodeRow kCodes[] = {
    {"NoSuchKey", StatusCode::kNotFound, "no such object"},
    {"NoSuchBucket", StatusCode::kFailedPrecondition,
     "there is no such bucket; create it, or set auto_create = true"},
    {"InvalidBucketName", StatusCode::kInvalidArgument,
     "the server does not accept this bucket name"},
    {"InvalidObjectName", StatusCode::kInvalidArgument,
     "the server does not accept this object name"},
    {"SignatureDoesNotMatch", StatusCode::kUnauthenticated,
     "the secret key is not that of the access key"},
    {"InvalidAccessKeyId", StatusCode::kUnauthenticated,
     "the server does not know this access key"},
    {"ExpiredToken", StatusCode::kUnauthenticated,
     "the session token has expired; get new credentials"},
    {"TokenRefreshRequired", StatusCode::kUnauthenticated,
     "the session token has expired; get new credentials"},
    {"InvalidToken", StatusCode::kUnauthenticated,
     "the session token is not valid; get new credentials"},
    {"AccountProblem", StatusCode::kPermissionDenied, "there is a problem with this account"},
    {"AllAccessDisabled", StatusCode::kPermissionDenied, "access to the bucket is disabled"},
    {"QuotaExceeded", StatusCode::kPermissionDenied,
     "the quota is used up; set max_size, or remove objects"},
    {"EntityTooLarge", StatusCode::kResourceExhausted, "larger than the server accepts"},
    {"SlowDown", StatusCode::kUnavailable, "the server asks for fewer requests"},
    {"ServiceUnavailable", StatusCode::kUnavailable, "the server is not available"},
    {"InternalError", StatusCode::kUnavailable, "an error inside the server"},
    {"OperationAborted", StatusCode::kUnavailable, "another request was in the way"},
    {"RequestTimeout", StatusCode::kUnavailable, "the server did not get the request in time"},
    {"BadDigest", StatusCode::kUnavailable, "the object was damaged on its way"},
    {"XAmzContentSHA256Mismatch", StatusCode::kUnavailable, "the object was damaged on its way"},
};

std::string WithCredentials(const S3Request& request) {
  return StrCat(" (credentials: ", request.credentials, "; S3 says ");
}

absl::Status Denied(std::string_view code, const S3Request& request) {
  return absl::PermissionDeniedError(StrCat(request.bucket, ": access denied: it takes ",
                                            request.permission, WithCredentials(request), code,
                                            ")"));
}

absl::Status Skewed(const HttpResponse& response, const S3Request& request, int64_t now_ns) {
  std::string how = "differs too much from";
  if (const std::optional<int64_t> server = ParseHttpDate(response.Header("date"))) {
    const int64_t ahead_ns = now_ns - *server * 1'000'000'000;
    how = StrCat("is ", FormatDuration(std::chrono::nanoseconds(std::llabs(ahead_ns))),
                 ahead_ns > 0 ? " ahead of" : " behind");
  }
  return absl::UnauthenticatedError(StrCat(request.bucket, ": this machine's clock ", how,
                                           " the server's; set the clock (RequestTimeTooSkewed)"));
}

absl::Status WrongRegion(const HttpResponse& response, const S3Error& error,
                         const S3Request& request) {
  const std::string_view header = response.Header("x-amz-bucket-region");
  const std::string region(error.region.empty() ? header.substr(0, 32) : error.region);
  if (region.empty() || region == request.region) {
    return absl::FailedPreconditionError(StrCat(request.bucket, ": the bucket is not in region \"",
                                                request.region, "\": set region to its own (",
                                                error.code, ")"));
  }
  return absl::FailedPreconditionError(StrCat(request.bucket, ": the bucket is in region \"",
                                              region, "\", not \"", request.region,
                                              "\": set region = \"", region, "\""));
}

}  // namespace

absl::Status S3CodeError(std::string_view code, const S3Request& request) {
  if (code == "AccessDenied") return Denied(code, request);
  for (const CodeRow& row : kCodes) {
    if (row.s3 != code) continue;
    const bool theirs = row.code == StatusCode::kUnauthenticated;
    return absl::Status(row.code,
                        StrCat(request.bucket, ": ", row.meaning,
                               theirs ? WithCredentials(request) : std::string(" ("), code, ")"));
  }
  return absl::FailedPreconditionError(
      StrCat(request.bucket, ": the server refused the request (", code, ")"));
}

absl::Status S3ResponseError(const HttpResponse& response, const S3Request& request,
                             int64_t now_ns) {
  const S3Error error = ParseS3Error(response.body).value_or(S3Error());
  if (error.code == "RequestTimeTooSkewed") return Skewed(response, request, now_ns);
  if (error.code == "PermanentRedirect" || error.code == "TemporaryRedirect" ||
      error.code == "AuthorizationHeaderMalformed" ||
      (response.status == 301 && !response.Header("x-amz-bucket-region").empty())) {
    return WrongRegion(response, error, request);
  }
  absl::Status status =
      error.code.empty() ? HttpError(response, request.bucket) : S3CodeError(error.code, request);
  // A code that is not in the table: the status of HTTP tells what kind it is.
  if (absl::IsFailedPrecondition(status) && error.code != "NoSuchBucket" && !error.code.empty()) {
    return absl::Status(
        HttpError(response, "").code(),
        StrCat(request.bucket, ": the server answered ", response.status, " (", error.code, ")"));
  }
  return status;
}

bool S3RefusesCredentials(const HttpResponse& response) {
  if (response.status != 400 && response.status != 403) return false;
  const std::optional<S3Error> error = ParseS3Error(response.body);
  return error && (error->code == "ExpiredToken" || error->code == "TokenRefreshRequired" ||
                   error->code == "InvalidToken" || error->code == "InvalidAccessKeyId");
}

}  // namespace hpcc
