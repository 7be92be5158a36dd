#include "image/reference.h"

#include <algorithm>
#include <charconv>

#include "base/status.h"
#include "base/strings.h"
#include "image/oci_digest.h"

namespace hpcc {

namespace {

constexpr std::string_view kDockerHub = "docker.io";
constexpr std::string_view kOciLayout = "oci:";
constexpr std::string_view kDockerArchive = "docker-archive:";
constexpr size_t kMaxHostBytes = 253;  // of a domain name
constexpr size_t kMostShown = 200;

bool IsDigit(char c) {
  return c >= '0' && c <= '9';
}
bool IsLowerOrDigit(char c) {
  return IsDigit(c) || (c >= 'a' && c <= 'z');
}
bool IsLetterOrDigit(char c) {
  return IsLowerOrDigit(c) || (c >= 'A' && c <= 'Z');
}

std::string Quoted(std::string_view text) {
  std::string shown(text.substr(0, kMostShown));
  for (char& c : shown) {
    if (c < ' ' || c > '~') c = '?';
  }
  return StrCat("\"", shown, text.size() > kMostShown ? "…\"" : "\"");
}

template <typename... Pieces>
absl::Status Wrong(std::string_view text, const Pieces&... pieces) {
  return absl::InvalidArgumentError(StrCat("image reference ", Quoted(text), ": ", pieces...));
}

bool IsHostLabel(std::string_view label) {
  return !label.empty() && label.size() <= 63 && IsLetterOrDigit(label.front()) &&
         IsLetterOrDigit(label.back()) && std::all_of(label.begin(), label.end(), [](char c) {
           return IsLetterOrDigit(c) || c == '-';
         });
}

bool IsHostName(std::string_view host) {
  if (host.starts_with('[')) {
    return host.size() > 4 && host.ends_with(']') &&
           std::all_of(host.begin() + 1, host.end() - 1, [](char c) {
             return IsDigit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F') || c == ':' ||
                    c == '.';
           });
  }
  if (host.size() > kMaxHostBytes) return false;
  const std::vector<std::string_view> labels = StrSplit(host, '.');
  return std::all_of(labels.begin(), labels.end(), IsHostLabel);
}

bool IsPort(std::string_view port) {
  uint32_t number = 0;
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), number);
  return !port.empty() && IsDigit(port.front()) && error == std::errc() &&
         end == port.data() + port.size() && number > 0 && number < 65536;
}

bool IsHost(std::string_view text) {
  const size_t after_name = text.starts_with('[') ? text.find(']') : 0;
  const size_t colon = text.find(':', after_name == std::string_view::npos ? 0 : after_name);
  if (colon == std::string_view::npos) return IsHostName(text);
  return IsHostName(text.substr(0, colon)) && IsPort(text.substr(colon + 1));
}

bool LooksLikeHost(std::string_view component) {
  return component == "localhost" || component.find_first_of(".:[") != std::string_view::npos;
}

// alnum (separator alnum)*
bool IsComponent(std::string_view text) {
  if (text.empty() || !IsLowerOrDigit(text.front()) || !IsLowerOrDigit(text.back())) return false;
  for (size_t i = 0; i < text.size();) {
    if (IsLowerOrDigit(text[i])) {
      ++i;
      continue;
    }
    const size_t end = std::find_if(text.begin() + i, text.end(), IsLowerOrDigit) - text.begin();
    const std::string_view separator = text.substr(i, end - i);
    const bool dashes = separator.find_first_not_of('-') == std::string_view::npos;
    if (separator != "." && separator != "_" && separator != "__" && !dashes) return false;
    i = end;
  }
  return true;
}

bool IsTag(std::string_view tag) {
  if (tag.empty() || tag.size() > kMaxTagBytes) return false;
  if (tag.front() == '.' || tag.front() == '-') return false;
  return std::all_of(tag.begin(), tag.end(),
                     [](char c) { return IsLetterOrDigit(c) || c == '_' || c == '.' || c == '-'; });
}

// Takes "@digest" off the end of `*rest`.
absl::Status TakeDigest(std::string_view text, std::string_view* rest, std::string* digest) {
  const size_t at = rest->find('@');
  if (at == std::string_view::npos) return absl::OkStatus();
  *digest = rest->substr(at + 1);
  *rest = rest->substr(0, at);
  const absl::Status status = CheckOciDigest(*digest);
  return status.ok() ? status : Wrong(text, std::string(status.message()));
}

absl::Status CheckRepository(std::string_view text, std::string_view repository) {
  for (const std::string_view component : StrSplit(repository, '/')) {
    if (IsComponent(component)) continue;
    if (component.empty()) return Wrong(text, "has an empty component");
    const bool upper = AsciiLower(component) != component;
    return Wrong(text, Quoted(component), " is no part of a name: ",
                 upper ? "repositories are written in lower case"
                       : "a-z and 0-9, with \".\", \"_\", \"__\" or \"-\" between them");
  }
  return absl::OkStatus();
}

absl::StatusOr<ImageReference> ParseRegistryImage(std::string_view text) {
  ImageReference reference;
  std::string_view rest = text;
  HPCC_RETURN_IF_ERROR(TakeDigest(text, &rest, &reference.digest));
  const size_t slash = rest.find('/');
  if (slash != std::string_view::npos && LooksLikeHost(rest.substr(0, slash))) {
    reference.host = AsciiLower(rest.substr(0, slash));
    if (!IsHost(reference.host)) {
      return Wrong(text, Quoted(reference.host), " is no host, or no host:port, of a registry");
    }
    rest.remove_prefix(slash + 1);
  }
  const size_t colon = rest.find(':');
  if (colon != std::string_view::npos) {
    reference.tag = rest.substr(colon + 1);
    rest = rest.substr(0, colon);
    if (!IsTag(reference.tag)) {
      return Wrong(text, Quoted(reference.tag),
                   " is no tag: at most 128 letters, digits, \"_\", \".\" and \"-\"");
    }
  }
  HPCC_RETURN_IF_ERROR(CheckRepository(text, rest));
  reference.repository = rest;
  if (reference.host.empty()) reference.host = kDockerHub;
  if (reference.host == "index.docker.io") reference.host = kDockerHub;
  if (reference.host == kDockerHub && !StrContains(rest, "/")) {
    reference.repository = StrCat("library/", rest);
  }
  if (reference.host.size() + 1 + reference.repository.size() > kMaxRepositoryBytes) {
    return Wrong(text, "the name is longer than ", kMaxRepositoryBytes, " bytes");
  }
  if (reference.tag.empty() && reference.digest.empty()) reference.tag = "latest";
  return reference;
}

absl::StatusOr<ImageReference> ParseLocalImage(std::string_view text, ImageReference::Source source,
                                               std::string_view rest) {
  ImageReference reference;
  reference.source = source;
  if (source == ImageReference::Source::kOciLayout) {
    HPCC_RETURN_IF_ERROR(TakeDigest(text, &rest, &reference.digest));
  }
  const size_t colon = rest.find(':');
  reference.path = rest.substr(0, colon);
  if (reference.path.empty()) return Wrong(text, "names no path");
  if (StrContains(reference.path, "@")) return Wrong(text, "a path here must not hold \"@\"");
  if (colon == std::string_view::npos) return reference;
  reference.name = rest.substr(colon + 1);
  if (reference.name.empty()) return Wrong(text, "nothing stands after \":\"");
  return reference;
}

}  // namespace

std::string ImageReference::ToString() const {
  std::string text;
  switch (source) {
    case Source::kRegistry:
      text = StrCat(host, "/", repository);
      if (!tag.empty()) StrAppend(&text, ":", tag);
      break;
    case Source::kOciLayout:
    case Source::kDockerArchive:
      text = StrCat(source == Source::kOciLayout ? kOciLayout : kDockerArchive, path);
      if (!name.empty()) StrAppend(&text, ":", name);
      break;
  }
  if (!digest.empty()) StrAppend(&text, "@", digest);
  return text;
}

absl::StatusOr<ImageReference> ParseImageReference(std::string_view text) {
  if (text.empty()) return absl::InvalidArgumentError("the image reference is empty");
  if (text.size() > kMaxReferenceBytes) {
    return Wrong(text, "longer than ", kMaxReferenceBytes, " bytes");
  }
  const bool unprintable =
      std::any_of(text.begin(), text.end(), [](unsigned char c) { return c < ' ' || c == 0x7f; });
  if (unprintable) return Wrong(text, "holds a control character");
  if (text.starts_with(kOciLayout)) {
    return ParseLocalImage(text, ImageReference::Source::kOciLayout,
                           text.substr(kOciLayout.size()));
  }
  if (text.starts_with(kDockerArchive)) {
    return ParseLocalImage(text, ImageReference::Source::kDockerArchive,
                           text.substr(kDockerArchive.size()));
  }
  if (StrContains(text, "://")) {
    return Wrong(text, "an image is named without \"", text.substr(0, text.find("://") + 3), "\"");
  }
  return ParseRegistryImage(text);
}

}  // namespace hpcc
