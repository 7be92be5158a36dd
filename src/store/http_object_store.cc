#include "store/http_object_store.h"

#include <algorithm>
#include <atomic>

#include "base/status.h"
#include "base/strings.h"
#include "store/http_transfer.h"
#include "store/http_url.h"
#include "store/percent_encoding.h"

namespace hpcc {

namespace {

bool IsSuccess(const HttpResponse& response) {
  return response.status >= 200 && response.status < 300;
}

// Tokens and passwords become parts of header lines.
bool FitsInHeader(std::string_view text) {
  return std::none_of(text.begin(), text.end(),
                      [](char c) { return static_cast<uint8_t>(c) < ' ' || c == '\x7f'; });
}

class HttpObjectStore final : public ObjectStore {
 public:
  HttpObjectStore(const HttpOptions& options, std::string url, Clock& clock)
      : options_(options),
        url_(std::move(url)),
        clock_(clock),
        transfer_({options.ca_file, options.network}, clock) {}

  absl::StatusOr<Object> Get(std::string_view name) override {
    return GetWithin(name, options_.limits.read);
  }
  absl::Status Put(std::string_view name, std::string_view bytes) override {
    return PutWithin(name, bytes, options_.limits.write);
  }
  absl::StatusOr<bool> Exists(std::string_view name) override;
  absl::Status Remove(std::string_view name) override;
  absl::Status RemoveMany(std::span<const std::string> names) override;
  absl::Status Refresh(std::string_view) override {
    return absl::UnimplementedError("an HTTP cache can't refresh an object");
  }
  absl::StatusOr<ListPage> List(std::string_view, std::string_view) override {
    return absl::UnimplementedError(
        "an HTTP cache can't tell what it holds: it can be copied to, but not copied from or "
        "checked");
  }
  absl::Status Check(std::string_view prefix, bool write) override;
  std::string Description() const override { return url_; }

 private:
  absl::StatusOr<HttpResponse> Send(std::string_view method, std::string_view name,
                                    std::string_view body, std::chrono::milliseconds bound);
  absl::StatusOr<Object> GetWithin(std::string_view name, std::chrono::milliseconds bound);
  absl::Status PutWithin(std::string_view name, std::string_view bytes,
                         std::chrono::milliseconds bound);

  const HttpOptions options_;
  const std::string url_;  // without a slash at the end
  Clock& clock_;
  HttpTransfer transfer_;
  std::atomic<bool> knows_head_{true};
};

absl::StatusOr<HttpResponse> HttpObjectStore::Send(std::string_view method, std::string_view name,
                                                   std::string_view body,
                                                   std::chrono::milliseconds bound) {
  HPCC_RETURN_IF_ERROR(CheckObjectName(name));
  HttpRequest request;
  request.method = method;
  request.url = StrCat(url_, "/", PercentEncodePath(name));
  request.body = body;
  request.bound = bound;
  request.max_body = options_.limits.max_body;
  request.user = options_.user;
  request.password = options_.password;
  if (method == "PUT") request.headers.push_back("Content-Type: application/octet-stream");
  if (!options_.bearer_token.empty()) {
    request.headers.push_back(StrCat("Authorization: Bearer ", options_.bearer_token));
  }
  return transfer_.Perform(request);
}

absl::StatusOr<Object> HttpObjectStore::GetWithin(std::string_view name,
                                                  std::chrono::milliseconds bound) {
  HPCC_ASSIGN_OR_RETURN(HttpResponse response, Send("GET", name, {}, bound));
  if (response.status != 200) return HttpError(response, url_);
  const std::optional<int64_t> modified = ParseHttpDate(response.Header("last-modified"));
  return Object{std::move(response.body), modified.value_or(0) * 1'000'000'000};
}

absl::Status HttpObjectStore::PutWithin(std::string_view name, std::string_view bytes,
                                        std::chrono::milliseconds bound) {
  if (bytes.size() > options_.limits.max_body) {
    return absl::ResourceExhaustedError(
        StrCat(url_, ": larger than ", options_.limits.max_body, " bytes"));
  }
  HPCC_ASSIGN_OR_RETURN(const HttpResponse response, Send("PUT", name, bytes, bound));
  if (IsSuccess(response)) return absl::OkStatus();
  const absl::Status status = HttpError(response, url_);
  // Nobody asked whether there is something: that nothing can be put there is what it means.
  if (!absl::IsNotFound(status)) return status;
  return absl::FailedPreconditionError(
      StrCat(url_, ": the server answered ", response.status, " to PUT: nothing can be put there"));
}

absl::StatusOr<bool> HttpObjectStore::Exists(std::string_view name) {
  const int64_t began = clock_.MonotonicNanoseconds();
  std::chrono::milliseconds left = options_.limits.exists;
  if (knows_head_) {
    HPCC_ASSIGN_OR_RETURN(const HttpResponse response, Send("HEAD", name, {}, left));
    if (IsSuccess(response)) return true;
    const absl::Status status = HttpError(response, url_);
    if (absl::IsNotFound(status)) return false;
    if (!absl::IsUnimplemented(status)) return status;
    knows_head_ = false;
    left -= std::chrono::milliseconds((clock_.MonotonicNanoseconds() - began) / 1'000'000);
  }
  const absl::Status status =
      GetWithin(name, std::max(left, std::chrono::milliseconds(1))).status();
  if (absl::IsNotFound(status)) return false;
  if (!status.ok()) return status;
  return true;
}

absl::Status HttpObjectStore::Remove(std::string_view name) {
  HPCC_ASSIGN_OR_RETURN(const HttpResponse response,
                        Send("DELETE", name, {}, options_.limits.write));
  if (IsSuccess(response)) return absl::OkStatus();
  const absl::Status status = HttpError(response, url_);
  return absl::IsNotFound(status) ? absl::OkStatus() : status;
}

absl::Status HttpObjectStore::RemoveMany(std::span<const std::string> names) {
  for (const std::string& name : names) HPCC_RETURN_IF_ERROR(Remove(name));
  return absl::OkStatus();
}

absl::Status HttpObjectStore::Check(std::string_view prefix, bool write) {
  const std::string probe = StrCat(prefix, "hpcc-check");
  const int64_t began = clock_.MonotonicNanoseconds();
  const absl::Status read = GetWithin(probe, options_.limits.start).status();
  if (!read.ok() && !absl::IsNotFound(read)) return read;
  if (!write) return absl::OkStatus();
  const std::chrono::milliseconds used((clock_.MonotonicNanoseconds() - began) / 1'000'000);
  return PutWithin(probe, "hpcc was here\n",
                   std::max(options_.limits.start - used, std::chrono::milliseconds(1)));
}

}  // namespace

absl::StatusOr<std::unique_ptr<ObjectStore>> MakeHttpObjectStore(const HttpOptions& options,
                                                                 Clock& clock) {
  const absl::StatusOr<HttpUrl> url = ParseHttpUrl(options.url);
  if (!url.ok() || !url->query.empty()) {
    return absl::InvalidArgumentError(
        "url: expected an address such as \"https://cache.example.com/hpcc\", without user or "
        "query");
  }
  if (!options.user.empty() && !options.bearer_token.empty()) {
    return absl::InvalidArgumentError("user and bearer_token: only one of them can be used");
  }
  if (options.user.empty() && !options.password.empty()) {
    return absl::InvalidArgumentError("password: it needs a user");
  }
  if (StrContains(options.user, ":") || !FitsInHeader(options.user) ||
      !FitsInHeader(options.password) || !FitsInHeader(options.bearer_token)) {
    return absl::InvalidArgumentError(
        "user, password, bearer_token: control characters, and a colon in user, can't be sent");
  }
  const bool secret = !options.user.empty() || !options.bearer_token.empty();
  if (secret && !url->is_https() && !IsLoopbackHost(url->host)) {
    return absl::FailedPreconditionError(
        "url: a password or token is sent over https only; use an https:// address");
  }
  std::string_view path = url->path;
  while (path.ends_with('/')) path.remove_suffix(1);
  return std::make_unique<HttpObjectStore>(options, StrCat(url->Origin(), path), clock);
}

}  // namespace hpcc
