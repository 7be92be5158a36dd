#include "store/s3_object_store.h"

#include <openssl/evp.h>

#include <algorithm>
#include <atomic>
#include <map>

#include "base/status.h"
#include "base/strings.h"
#include "store/base64.h"
#include "store/http_transfer.h"
#include "store/http_url.h"
#include "store/percent_encoding.h"
#include "store/s3_errors.h"
#include "store/s3_xml.h"

namespace hpcc {

namespace {

// How long it is known what "access denied" means, before it is asked again.
constexpr std::chrono::seconds kDenialsRemembered{60};

std::string Hash(const EVP_MD* kind, std::string_view bytes) {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  if (EVP_Digest(bytes.data(), bytes.size(), digest, &size, kind, nullptr) != 1) return {};
  return std::string(reinterpret_cast<char*>(digest), size);
}

std::string Sha256Hex(std::string_view bytes) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string hex;
  for (const char c : Hash(EVP_sha256(), bytes)) {
    hex.push_back(kDigits[static_cast<uint8_t>(c) >> 4]);
    hex.push_back(kDigits[static_cast<uint8_t>(c) & 15]);
  }
  return hex;
}

bool IsBucketName(std::string_view name) {
  if (name.size() < 3 || name.size() > 63) return false;
  return std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.';
  });
}

bool IsRegion(std::string_view name) {
  return name.size() <= 32 && std::all_of(name.begin(), name.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
         });
}

// Where the bucket is, without a slash at the end.
absl::StatusOr<std::string> BucketUrl(const S3Options& options, const std::string& region) {
  if (options.endpoint.empty()) {
    const std::string_view domain =
        region.starts_with("cn-") ? "amazonaws.com.cn" : "amazonaws.com";
    // A certificate's "*" doesn't match the dots of a bucket.
    if (StrContains(options.bucket, ".")) {
      return StrCat("https://s3.", region, ".", domain, "/", options.bucket);
    }
    return StrCat("https://", options.bucket, ".s3.", region, ".", domain);
  }
  const absl::StatusOr<HttpUrl> url = ParseHttpUrl(options.endpoint);
  if (!url.ok() || !url->query.empty()) {
    return absl::InvalidArgumentError(
        "endpoint: expected an address such as \"https://s3.example.com:9000\"");
  }
  std::string_view path = url->path;
  while (path.ends_with('/')) path.remove_suffix(1);
  return StrCat(url->Origin(), path, "/", options.bucket);
}

class S3ObjectStore final : public ObjectStore {
 public:
  S3ObjectStore(const S3Options& options, std::string region, std::string bucket_url,
                AwsCredentialProvider& credentials, Clock& clock)
      : options_(options),
        region_(std::move(region)),
        bucket_url_(std::move(bucket_url)),
        credentials_(credentials),
        clock_(clock),
        transfer_({options.ca_file, options.network}, clock) {}

  absl::StatusOr<Object> Get(std::string_view name) override;
  absl::Status Put(std::string_view name, std::string_view bytes) override;
  absl::StatusOr<bool> Exists(std::string_view name) override;
  absl::Status Remove(std::string_view name) override;
  absl::Status RemoveMany(std::span<const std::string> names) override;
  absl::Status Refresh(std::string_view name) override;
  absl::StatusOr<ListPage> List(std::string_view prefix, std::string_view continuation) override;
  absl::Status Check(std::string_view prefix, bool write) override;
  std::string Description() const override { return StrCat("s3://", options_.bucket); }

 private:
  using Deadline = int64_t;  // monotonic nanoseconds

  struct Operation {
    std::string method;
    std::string name;                          // of the object; empty: the bucket
    std::map<std::string, std::string> query;  // not yet encoded; sorted, as signing wants it
    std::vector<std::string> headers;
    std::string_view body;
    uint64_t max_body = kMaxS3Xml;
    std::string permission;  // what it takes
  };

  Deadline In(std::chrono::milliseconds bound) const {
    return clock_.MonotonicNanoseconds() + std::chrono::nanoseconds(bound).count();
  }
  std::chrono::milliseconds Left(Deadline deadline) const {
    const int64_t left_ns = deadline - clock_.MonotonicNanoseconds();
    return std::chrono::milliseconds(std::max<int64_t>(1, left_ns / 1'000'000));
  }

  std::string UrlOf(const Operation& operation) const;
  absl::Status Error(const HttpResponse& response, const Operation& operation) const;
  absl::StatusOr<HttpResponse> SendOnce(const Operation& operation, Deadline deadline);
  // With new credentials or a new bucket, if that is what was missing. Any answer is OK.
  absl::StatusOr<HttpResponse> SendAndMend(const Operation& operation, Deadline deadline);
  // Only a success is OK.
  absl::StatusOr<HttpResponse> Send(const Operation& operation, Deadline deadline);
  absl::Status CreateBucket(Deadline deadline);
  absl::Status RemoveBatch(std::span<const std::string> names);

  absl::StatusOr<Object> GetUntil(std::string_view name, Deadline deadline);
  // Whether "access denied" means that there is no such object.
  bool DenialIsMiss(std::string_view name, Deadline deadline);
  absl::Status PutUntil(std::string_view name, std::string_view bytes, Deadline deadline);
  absl::StatusOr<ListPage> ListUntil(std::string_view prefix, std::string_view continuation,
                                     size_t max_keys, Deadline deadline);

  const S3Options options_;
  const std::string region_;
  const std::string bucket_url_;
  AwsCredentialProvider& credentials_;
  Clock& clock_;
  HttpTransfer transfer_;
  std::atomic<Deadline> denials_are_misses_until_{0};
};

std::string S3ObjectStore::UrlOf(const Operation& operation) const {
  // With no object the path is "/bucket" or "/": both are what servers sign.
  std::string url = StrCat(bucket_url_, "/", PercentEncodePath(operation.name));
  char separator = '?';
  for (const auto& [key, value] : operation.query) {
    StrAppend(&url, separator, PercentEncode(key), "=", PercentEncode(value));
    separator = '&';
  }
  return url;
}

absl::Status S3ObjectStore::Error(const HttpResponse& response, const Operation& operation) const {
  return S3ResponseError(response,
                         {Description(), region_, operation.permission, credentials_.Source()},
                         clock_.NowNanoseconds());
}

absl::StatusOr<HttpResponse> S3ObjectStore::SendOnce(const Operation& operation,
                                                     Deadline deadline) {
  HPCC_ASSIGN_OR_RETURN(const AwsCredentials credentials, credentials_.Get(Left(deadline)));
  HttpRequest request;
  request.method = operation.method;
  request.url = UrlOf(operation);
  request.headers = operation.headers;
  request.headers.push_back(StrCat("x-amz-content-sha256: ", Sha256Hex(operation.body)));
  if (!operation.body.empty()) {
    request.headers.push_back("Content-Type: application/octet-stream");
  }
  request.body = operation.body;
  request.bound = Left(deadline);
  request.max_body = operation.max_body;
  request.signing = RequestSigning{region_, "s3", credentials.access_key, credentials.secret_key,
                                   credentials.session_token};
  return transfer_.Perform(request);
}

absl::StatusOr<HttpResponse> S3ObjectStore::SendAndMend(const Operation& operation,
                                                        Deadline deadline) {
  absl::StatusOr<HttpResponse> response = SendOnce(operation, deadline);
  if (!response.ok()) return response;
  if (S3RefusesCredentials(*response)) {
    credentials_.Refused();
    return SendOnce(operation, deadline);
  }
  if (options_.auto_create && response->status == 404) {
    const std::optional<S3Error> error = ParseS3Error(response->body);
    if (error && error->code == "NoSuchBucket") {
      HPCC_RETURN_IF_ERROR(CreateBucket(deadline));
      return SendOnce(operation, deadline);
    }
  }
  return response;
}

absl::StatusOr<HttpResponse> S3ObjectStore::Send(const Operation& operation, Deadline deadline) {
  HPCC_ASSIGN_OR_RETURN(HttpResponse response, SendAndMend(operation, deadline));
  if (response.status < 200 || response.status >= 300) return Error(response, operation);
  return response;
}

absl::Status S3ObjectStore::CreateBucket(Deadline deadline) {
  Operation operation{.method = "PUT", .permission = "s3:CreateBucket"};
  std::string body;
  // Servers other than Amazon's have one region, and names for it of their own.
  if (options_.endpoint.empty() && region_ != "us-east-1") {
    body = StrCat(
        "<CreateBucketConfiguration xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">"
        "<LocationConstraint>",
        region_, "</LocationConstraint></CreateBucketConfiguration>");
  }
  operation.body = body;
  HPCC_ASSIGN_OR_RETURN(const HttpResponse response, SendOnce(operation, deadline));
  if (response.status >= 200 && response.status < 300) return absl::OkStatus();
  const std::optional<S3Error> error = ParseS3Error(response.body);
  if (error && error->code == "BucketAlreadyOwnedByYou") return absl::OkStatus();
  return Error(response, operation);
}

absl::StatusOr<Object> S3ObjectStore::GetUntil(std::string_view name, Deadline deadline) {
  HPCC_RETURN_IF_ERROR(CheckObjectName(name));
  absl::StatusOr<HttpResponse> response = Send({.method = "GET",
                                                .name = std::string(name),
                                                .max_body = options_.limits.max_body,
                                                .permission = "s3:GetObject"},
                                               deadline);
  if (absl::IsPermissionDenied(response.status()) && DenialIsMiss(name, deadline)) {
    return absl::NotFoundError(StrCat(Description(), ": no such object"));
  }
  if (!response.ok()) return response.status();
  const std::optional<int64_t> modified = ParseHttpDate(response->Header("last-modified"));
  return Object{std::move(response->body), modified.value_or(0) * 1'000'000'000};
}

// To those who may not list, S3 does not tell that an object is missing; and a permission to list
// that is for a prefix only doesn't count, since GET carries no prefix. The list itself tells.
bool S3ObjectStore::DenialIsMiss(std::string_view name, Deadline deadline) {
  const Deadline now = clock_.MonotonicNanoseconds();
  if (now < denials_are_misses_until_) return true;
  const absl::StatusOr<ListPage> page = ListUntil(name, {}, 1, deadline);
  if (!page.ok() || (!page->objects.empty() && page->objects.front().name == name)) return false;
  denials_are_misses_until_ = now + std::chrono::nanoseconds(kDenialsRemembered).count();
  return true;
}

absl::StatusOr<Object> S3ObjectStore::Get(std::string_view name) {
  return GetUntil(name, In(options_.limits.read));
}

absl::Status S3ObjectStore::PutUntil(std::string_view name, std::string_view bytes,
                                     Deadline deadline) {
  HPCC_RETURN_IF_ERROR(CheckObjectName(name));
  if (bytes.size() > options_.limits.max_body) {
    return absl::ResourceExhaustedError(
        StrCat(Description(), ": larger than ", options_.limits.max_body, " bytes"));
  }
  return Send({.method = "PUT",
               .name = std::string(name),
               .body = bytes,
               .permission = "s3:PutObject"},
              deadline)
      .status();
}

absl::Status S3ObjectStore::Put(std::string_view name, std::string_view bytes) {
  return PutUntil(name, bytes, In(options_.limits.write));
}

absl::StatusOr<bool> S3ObjectStore::Exists(std::string_view name) {
  HPCC_RETURN_IF_ERROR(CheckObjectName(name));
  const Deadline deadline = In(options_.limits.exists);
  Operation operation{.method = "HEAD", .name = std::string(name), .permission = "s3:GetObject"};
  HPCC_ASSIGN_OR_RETURN(HttpResponse response, SendAndMend(operation, deadline));
  if (response.status >= 200 && response.status < 300) return true;
  if (response.status == 404) return false;
  // The answer to HEAD has no body that says why; the same asked by GET has.
  operation.method = "GET";
  operation.headers.push_back("Range: bytes=0-0");
  HPCC_ASSIGN_OR_RETURN(response, SendAndMend(operation, deadline));
  if (response.status >= 200 && response.status < 300) return true;
  const absl::Status status = Error(response, operation);
  if (absl::IsNotFound(status)) return false;
  if (absl::IsPermissionDenied(status) && DenialIsMiss(name, deadline)) return false;
  return status;
}

absl::Status S3ObjectStore::Remove(std::string_view name) {
  HPCC_RETURN_IF_ERROR(CheckObjectName(name));
  const absl::Status status =
      Send({.method = "DELETE", .name = std::string(name), .permission = "s3:DeleteObject"},
           In(options_.limits.write))
          .status();
  return absl::IsNotFound(status) ? absl::OkStatus() : status;
}

absl::Status S3ObjectStore::RemoveMany(std::span<const std::string> names) {
  if (names.size() > kMaxS3Keys) return absl::InvalidArgumentError("more than 1000 at once");
  std::vector<std::string> batch;
  for (const std::string& name : names) {
    HPCC_RETURN_IF_ERROR(CheckObjectName(name));
    if (FitsInXml(name)) {
      batch.push_back(name);
    } else {
      HPCC_RETURN_IF_ERROR(Remove(name));
    }
  }
  return batch.empty() ? absl::OkStatus() : RemoveBatch(batch);
}

absl::Status S3ObjectStore::RemoveBatch(std::span<const std::string> names) {
  const std::string body = S3DeleteRequest(names);
  Operation operation{.method = "POST",
                      .query = {{"delete", ""}},
                      .headers = {StrCat("Content-MD5: ", Base64Encode(Hash(EVP_md5(), body)))},
                      .body = body,
                      .permission = "s3:DeleteObject"};
  HPCC_ASSIGN_OR_RETURN(const HttpResponse response, Send(operation, In(options_.limits.list)));
  HPCC_ASSIGN_OR_RETURN(const S3Error error, ParseS3DeleteResult(response.body));
  if (error.code.empty() || error.code == "NoSuchKey") return absl::OkStatus();
  return S3CodeError(error.code,
                     {Description(), region_, operation.permission, credentials_.Source()});
}

absl::Status S3ObjectStore::Refresh(std::string_view name) {
  HPCC_RETURN_IF_ERROR(CheckObjectName(name));
  // A copy onto itself is allowed when it replaces something, and the time is always replaced.
  Operation operation{
      .method = "PUT",
      .name = std::string(name),
      .headers = {StrCat("x-amz-copy-source: /", options_.bucket, "/", PercentEncodePath(name)),
                  "x-amz-metadata-directive: REPLACE"},
      .permission = "s3:GetObject and s3:PutObject"};
  HPCC_ASSIGN_OR_RETURN(const HttpResponse response, Send(operation, In(options_.limits.write)));
  // A copy that fails late has answered 200 already.
  if (ParseS3Error(response.body)) return Error(response, operation);
  return absl::OkStatus();
}

absl::StatusOr<ListPage> S3ObjectStore::ListUntil(std::string_view prefix,
                                                  std::string_view continuation, size_t max_keys,
                                                  Deadline deadline) {
  Operation operation{.method = "GET",
                      .query = {{"list-type", "2"},
                                {"encoding-type", "url"},
                                {"max-keys", StrCat(max_keys)},
                                {"prefix", std::string(prefix)}},
                      .permission = "s3:ListBucket"};
  if (!continuation.empty()) operation.query["continuation-token"] = continuation;
  HPCC_ASSIGN_OR_RETURN(const HttpResponse response, Send(operation, deadline));
  HPCC_ASSIGN_OR_RETURN(ListPage page, ParseS3List(response.body));
  // Whoever lists may go on to remove: nothing else is ever let through.
  for (const ObjectInfo& object : page.objects) {
    if (!object.name.starts_with(prefix)) {
      return absl::DataLossError("the server's list: an object that was not asked for");
    }
  }
  return page;
}

absl::StatusOr<ListPage> S3ObjectStore::List(std::string_view prefix,
                                             std::string_view continuation) {
  return ListUntil(prefix, continuation, kMaxS3Keys, In(options_.limits.list));
}

absl::Status S3ObjectStore::Check(std::string_view prefix, bool write) {
  const Deadline deadline = In(options_.limits.start);
  HPCC_RETURN_IF_ERROR(ListUntil(prefix, {}, 1, deadline).status());
  const std::string probe = StrCat(prefix, "hpcc-check");
  const absl::Status read = GetUntil(probe, deadline).status();
  if (!read.ok() && !absl::IsNotFound(read)) return read;
  if (!write) return absl::OkStatus();
  return PutUntil(probe, "hpcc was here\n", deadline);
}

}  // namespace

absl::StatusOr<std::unique_ptr<ObjectStore>> MakeS3ObjectStore(const S3Options& options,
                                                               AwsCredentialProvider& credentials,
                                                               Clock& clock) {
  if (!IsBucketName(options.bucket)) {
    return absl::InvalidArgumentError("bucket: expected 3 to 63 of a-z, 0-9, '-' and '.'");
  }
  const std::string region = options.region.empty() ? "us-east-1" : options.region;
  if (!IsRegion(region)) {
    return absl::InvalidArgumentError("region: expected a name such as \"eu-central-1\"");
  }
  HPCC_ASSIGN_OR_RETURN(std::string bucket_url, BucketUrl(options, region));
  return std::make_unique<S3ObjectStore>(options, region, std::move(bucket_url), credentials,
                                         clock);
}

}  // namespace hpcc
