#include "image/registry_client.h"

#include <algorithm>
#include <charconv>

#include "auth/strict_json.h"
#include "base/status.h"
#include "base/strings.h"
#include "image/registry_access.h"

namespace hpcc {

namespace {

constexpr std::chrono::milliseconds kDocumentBound{60'000};
constexpr std::chrono::milliseconds kBlobBound{3'600'000};
constexpr std::chrono::seconds kStall{30};
constexpr size_t kMaxErrorCode = 40;

// The registry's own word for what is wrong, such as " (MANIFEST_UNKNOWN)"; "" when it has none.
std::string ErrorCode(const HttpResponse& response) {
  nlohmann::json body;
  if (ParseJsonObject(response.body, &body) != JsonProblem::kNone) return "";
  const auto errors = body.find("errors");
  if (errors == body.end() || !errors->is_array() || errors->empty()) return "";
  if (!errors->front().is_object()) return "";
  const std::string code = JsonText(errors->front(), "code");
  const bool is_code = !code.empty() && code.size() <= kMaxErrorCode &&
                       std::all_of(code.begin(), code.end(),
                                   [](char c) { return (c >= 'A' && c <= 'Z') || c == '_'; });
  return is_code ? StrCat(" (", code, ")") : "";
}

absl::Status AnswerError(const HttpResponse& response, const std::string& what) {
  const std::string code = ErrorCode(response);
  if (response.status == 404) {
    return absl::NotFoundError(StrCat(what, ": the registry has none", code));
  }
  if (response.status == 403) {
    return absl::PermissionDeniedError(
        StrCat(what, ": this user may not read it, or there is none", code));
  }
  return HttpError(response, StrCat(what, code));
}

// "bytes 5-9/10" -> 5.
std::optional<uint64_t> RangeStart(std::string_view content_range) {
  constexpr std::string_view kUnit = "bytes ";
  if (!content_range.starts_with(kUnit)) return std::nullopt;
  content_range.remove_prefix(kUnit.size());
  uint64_t start = 0;
  const auto [end, error] =
      std::from_chars(content_range.data(), content_range.data() + content_range.size(), start);
  if (error != std::errc() || end == content_range.data() + content_range.size() || *end != '-') {
    return std::nullopt;
  }
  return start;
}

// Passes on the bytes of an answer from `offset` of the blob on, whether the server began there or,
// knowing no ranges, at the beginning.
class BlobReceiver {
 public:
  BlobReceiver(std::string what, uint64_t offset, uint64_t size, const BlobSink& sink)
      : what_(std::move(what)), offset_(offset), left_(size - offset), sink_(sink) {}

  const absl::Status& status() const { return status_; }

  bool Take(const HttpResponse& head, std::string_view piece) {
    if (!began_) {
      began_ = true;
      status_ = Begin(head);
      if (!status_.ok()) return false;
    }
    const size_t skipped = std::min<uint64_t>(to_skip_, piece.size());
    piece.remove_prefix(skipped);
    to_skip_ -= skipped;
    if (piece.size() > left_) {
      status_ = absl::ResourceExhaustedError(
          StrCat(what_, ": more bytes came than it has by its manifest"));
      return false;
    }
    left_ -= piece.size();
    if (!piece.empty()) status_ = sink_(piece);
    return status_.ok();
  }

 private:
  absl::Status Begin(const HttpResponse& head) {
    if (head.status == 200) {
      to_skip_ = offset_;
      return absl::OkStatus();
    }
    if (head.status == 206 && RangeStart(head.Header("content-range")) == offset_) {
      return absl::OkStatus();
    }
    return absl::FailedPreconditionError(
        StrCat(what_, ": the registry sent another range than the one asked for"));
  }

  const std::string what_;
  const uint64_t offset_;
  uint64_t left_;
  const BlobSink& sink_;
  bool began_ = false;
  uint64_t to_skip_ = 0;
  absl::Status status_;
};

class RegistrySource final : public ImageSource {
 public:
  RegistrySource(const ImageReference& reference, RegistryOptions options, Clock& clock)
      : reference_(reference),
        access_(reference.host, reference.repository, {options.ca_file, options.network},
                std::move(options.credentials), clock) {}

  std::string Name() const override { return StrCat(reference_.host, "/", reference_.repository); }

  absl::StatusOr<ManifestDocument> TopManifest() override {
    return FetchManifest(reference_.digest.empty() ? reference_.tag : reference_.digest,
                         reference_.ToString());
  }

  absl::StatusOr<ManifestDocument> Manifest(const OciDescriptor& descriptor) override {
    return FetchManifest(descriptor.digest, StrCat(Name(), "@", descriptor.digest));
  }

  absl::Status ReadBlob(const OciDescriptor& descriptor, uint64_t offset,
                        const BlobSink& sink) override {
    const std::string what = StrCat(Name(), "@", descriptor.digest);
    BlobReceiver receiver(what, offset, descriptor.size, sink);
    HttpRequest request;
    // Else a server may pack what is packed already, and libcurl isn't asked to unpack.
    request.headers = {"Accept-Encoding: identity"};
    if (offset > 0) request.headers.push_back(StrCat("Range: bytes=", offset, "-"));
    request.bound = kBlobBound;
    request.stall = kStall;
    request.max_body = descriptor.size;
    request.take_body = [&](const HttpResponse& head, std::string_view piece) {
      return receiver.Take(head, piece);
    };
    const absl::StatusOr<HttpResponse> response =
        access_.Get(StrCat("/v2/", reference_.repository, "/blobs/", descriptor.digest), request);
    if (!receiver.status().ok()) return receiver.status();
    if (absl::IsResourceExhausted(response.status())) {
      return absl::ResourceExhaustedError(
          StrCat(what, ": more bytes came than it has by its manifest"));
    }
    if (!response.ok()) return response.status();
    if (response->status == 200 || response->status == 206) return absl::OkStatus();
    return AnswerError(*response, what);
  }

 private:
  absl::StatusOr<ManifestDocument> FetchManifest(const std::string& name, const std::string& what) {
    HttpRequest request;
    // In one line: some look at the first of several only.
    request.headers = {StrCat("Accept: ", kOciIndexType, ", ", kOciManifestType, ", ",
                              kDockerIndexType, ", ", kDockerManifestType)};
    request.bound = kDocumentBound;
    request.max_body = kMaxOciManifestBytes;
    HPCC_ASSIGN_OR_RETURN(
        HttpResponse response,
        access_.Get(StrCat("/v2/", reference_.repository, "/manifests/", name), request));
    if (response.status != 200) return AnswerError(response, what);
    absl::StatusOr<std::string> type =
        ManifestTypeOf(response.Header("content-type"), response.body);
    if (!type.ok()) {
      return absl::Status(type.status().code(),
                          StrCat(what, ": ", std::string(type.status().message())));
    }
    return ManifestDocument{*std::move(type), std::move(response.body)};
  }

  const ImageReference reference_;
  RegistryAccess access_;
};

}  // namespace

std::unique_ptr<ImageSource> MakeRegistrySource(const ImageReference& reference,
                                                RegistryOptions options, Clock& clock) {
  return std::make_unique<RegistrySource>(reference, std::move(options), clock);
}

}  // namespace hpcc
