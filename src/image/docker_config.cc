#include "image/docker_config.h"

#include <vector>

#include "auth/strict_json.h"
#include "base/home_directory.h"
#include "base/path.h"
#include "base/status.h"
#include "base/strings.h"
#include "store/base64.h"

namespace hpcc {

namespace {

using nlohmann::json;

// What a registry may be called in the file.
std::vector<std::string> NamesOf(std::string_view host) {
  if (host == "docker.io") {
    return {"https://index.docker.io/v1/", "docker.io", "index.docker.io", "registry-1.docker.io"};
  }
  std::vector<std::string> names = {std::string(host)};
  for (const std::string_view scheme : {"https://", "http://"}) {
    for (const std::string_view rest : {"", "/", "/v1/", "/v2/"}) {
      names.push_back(StrCat(scheme, host, rest));
    }
  }
  return names;
}

// The member of `object`.`section` that is of this registry.
const json* Find(const json& object, const char* section, std::string_view host) {
  const auto found = object.find(section);
  if (found == object.end() || !found->is_object()) return nullptr;
  for (const std::string& name : NamesOf(host)) {
    if (const auto entry = found->find(name); entry != found->end()) return &*entry;
  }
  return nullptr;
}

absl::Status Wrong(const std::string& path, std::string_view host, std::string_view why) {
  return absl::FailedPreconditionError(StrCat(path, ": the login of ", host, " ", why));
}

absl::Status InHelper(const std::string& path, std::string_view host, const std::string& helper) {
  return Wrong(path, host,
               StrCat("is kept by the credential helper ", JsonQuoted(helper),
                      ", and hpcc runs none; log in with a DOCKER_CONFIG directory whose "
                      "config.json has no credsStore and no credHelpers"));
}

absl::StatusOr<std::optional<RegistryCredentials>> ReadEntry(const json& entry,
                                                             const std::string& path,
                                                             std::string_view host) {
  if (!entry.is_object()) return Wrong(path, host, "is no object");
  RegistryCredentials credentials{JsonText(entry, "username"), JsonText(entry, "password")};
  if (const std::string encoded = JsonText(entry, "auth"); !encoded.empty()) {
    const std::optional<std::string> decoded = Base64Decode(encoded);
    const size_t colon = decoded ? decoded->find(':') : std::string::npos;
    if (colon == std::string::npos) {
      return Wrong(path, host, "is not the base64 of user:password");
    }
    credentials = {decoded->substr(0, colon), decoded->substr(colon + 1)};
  }
  if (!credentials.user.empty()) return credentials;
  if (!JsonText(entry, "identitytoken").empty() || !JsonText(entry, "registrytoken").empty()) {
    return Wrong(path, host, "is a token, which hpcc can't use; log in with a user and password");
  }
  return std::nullopt;
}

}  // namespace

absl::StatusOr<std::optional<RegistryCredentials>> FindRegistryCredentials(
    FileSystem& fs, const Environment& environment, std::string_view host) {
  std::string directory = environment.GetOrEmpty("DOCKER_CONFIG");
  if (directory.empty()) {
    const absl::StatusOr<std::string> home = HomeDirectory(fs, environment);
    if (!home.ok()) return std::nullopt;
    directory = path::Join(*home, ".docker");
  }
  return ReadRegistryCredentials(fs, path::Join(directory, "config.json"), host);
}

absl::StatusOr<std::optional<RegistryCredentials>> ReadRegistryCredentials(FileSystem& fs,
                                                                           const std::string& path,
                                                                           std::string_view host) {
  const absl::StatusOr<std::string> text = ReadFile(fs, path, kMaxDockerConfigBytes);
  if (absl::IsNotFound(text.status())) return std::nullopt;
  if (!text.ok()) return text.status();
  const absl::StatusOr<json> document = ReadJsonObject(*text, path);
  if (!document.ok()) {
    return absl::FailedPreconditionError(std::string(document.status().message()));
  }
  if (const json* helper = Find(*document, "credHelpers", host); helper != nullptr) {
    return InHelper(path, host, helper->is_string() ? helper->get<std::string>() : "?");
  }
  const json* entry = Find(*document, "auths", host);
  if (entry == nullptr) return std::nullopt;
  HPCC_ASSIGN_OR_RETURN(std::optional<RegistryCredentials> credentials,
                        ReadEntry(*entry, path, host));
  // `docker login` with a store leaves an empty entry behind.
  if (const std::string store = JsonText(*document, "credsStore"); !credentials && !store.empty()) {
    return InHelper(path, host, store);
  }
  return credentials;
}

}  // namespace hpcc
