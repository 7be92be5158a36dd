#include "config/remote_keys.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "base/status.h"
#include "config/config_values.h"

namespace hpcc {

namespace {

// InvalidArgument says what to write instead.
absl::Status CheckNothing(std::string_view) {
  return absl::OkStatus();
}

absl::Status CheckScheduler(std::string_view text) {
  const size_t colon = text.rfind(':');
  const std::string_view host = text.substr(0, colon);
  const std::string_view digits =
      colon == std::string_view::npos ? std::string_view() : text.substr(colon + 1);
  const bool bracketed = host.starts_with('[') && host.ends_with(']');
  uint16_t port = 0;
  const std::from_chars_result parsed =
      std::from_chars(digits.data(), digits.data() + digits.size(), port);
  const bool port_fits =
      parsed.ec == std::errc() && parsed.ptr == digits.data() + digits.size() && port != 0;
  const bool host_fits = !host.empty() && (bracketed || host.find(':') == std::string_view::npos) &&
                         std::none_of(host.begin(), host.end(), [](char c) {
                           return static_cast<unsigned char>(c) <= 0x20 || c == '/';
                         });
  if (port_fits && host_fits) return absl::OkStatus();
  return absl::InvalidArgumentError(
      StrCat(TomlString(text), " is no address; write \"host:port\""));
}

absl::Status CheckGrant(std::string_view text) {
  return ParseRemoteGrant(text).status();
}

struct Key {
  std::string_view name;
  bool is_path;
  absl::Status (*check)(std::string_view);
};

constexpr std::array<Key, 8> kTexts = {{
    {"scheduler", false, CheckScheduler},
    {"ca_file", true, CheckNothing},
    {"tenant", false, CheckNothing},
    {"image", false, CheckNothing},
    {"grant", false, CheckGrant},
    {"username", false, CheckNothing},
    {"password_file", true, CheckNothing},
    {"client_secret_file", true, CheckNothing},
}};

constexpr std::array<std::string_view, 9> kNames = {
    "use",      "scheduler",     "ca_file",           "tenant", "image", "grant",
    "username", "password_file", "client_secret_file"};
static_assert(kNames.size() == kTexts.size() + 1);

constexpr std::array<std::string_view, 3> kGrantNames = {"password", "device",
                                                         "client-credentials"};

}  // namespace

std::span<const std::string_view> RemoteKeys() {
  return kNames;
}

std::string_view RemoteGrantName(RemoteSettings::Grant grant) {
  return kGrantNames[static_cast<size_t>(grant)];
}

absl::StatusOr<RemoteSettings::Grant> ParseRemoteGrant(std::string_view text) {
  for (const auto grant : {RemoteSettings::Grant::kPassword, RemoteSettings::Grant::kDevice,
                           RemoteSettings::Grant::kClientCredentials}) {
    if (text == RemoteGrantName(grant)) return grant;
  }
  return absl::InvalidArgumentError(StrCat(
      TomlString(text), " is no grant; write \"password\", \"device\" or \"client-credentials\""));
}

absl::Status RemoteMerger::Add(const RemoteBlock& block, const std::string& file, FileSystem& fs,
                               const Environment& environment) {
  if (block.use) use_.Set(block.use->value, FileAndLine(file, block.use->line));
  for (const Key& key : kTexts) {
    const auto found = block.texts.find(key.name);
    if (found == block.texts.end()) continue;
    const std::string& text = found->second.value;
    const std::string origin = FileAndLine(file, found->second.line);
    const std::string place = StrCat(origin, ": remote.", key.name);
    if (text.empty()) {
      return absl::InvalidArgumentError(StrCat(place, ": is empty; leave the key out instead"));
    }
    if (const absl::Status status = key.check(text); !status.ok()) {
      return WithPlace(status, place);
    }
    absl::StatusOr<std::string> value = text;
    if (key.is_path) value = ExpandPath(text, fs, environment);
    if (!value.ok()) return WithPlace(value.status(), place);
    texts_[std::string(key.name)].Set(*std::move(value), origin);
  }
  return absl::OkStatus();
}

std::string RemoteMerger::Text(std::string_view key) const {
  const auto found = texts_.find(key);
  return found == texts_.end() ? std::string() : found->second.value;
}

absl::Status RemoteMerger::CheckCompanions() const {
  const auto wrong = [this](std::string_view key, std::string_view what) {
    return absl::InvalidArgumentError(
        StrCat(texts_.find(key)->second.origin, ": remote.", key, ": ", what));
  };
  const auto has = [this](std::string_view key) { return texts_.find(key) != texts_.end(); };
  if (has("scheduler") && !has("tenant")) {
    return wrong("scheduler", "goes with tenant, which is missing");
  }
  if (has("tenant") && !has("scheduler")) {
    return wrong("tenant", "goes with scheduler, which is missing");
  }
  if (has("password_file") && !has("username")) {
    return wrong("password_file", "goes with username, which is missing");
  }
  if (Text("grant") == "client-credentials" && !has("client_secret_file")) {
    return wrong("grant", "goes with client_secret_file, which is missing");
  }
  return absl::OkStatus();
}

absl::StatusOr<RemoteSettings> RemoteMerger::Finish(std::vector<Config::Setting>* settings) const {
  HPCC_RETURN_IF_ERROR(CheckCompanions());
  RemoteSettings remote{.use = use_.value,
                        .scheduler = Text("scheduler"),
                        .ca_file = Text("ca_file"),
                        .tenant = Text("tenant"),
                        .username = Text("username"),
                        .password_file = Text("password_file"),
                        .client_secret_file = Text("client_secret_file")};
  if (std::string image = Text("image"); !image.empty()) remote.image = std::move(image);
  if (const std::string grant = Text("grant"); !grant.empty()) {
    HPCC_ASSIGN_OR_RETURN(remote.grant, ParseRemoteGrant(grant));
  }
  if (!use_.is_default() || !texts_.empty()) {
    settings->push_back({"remote.use", TomlBool(remote.use), use_.origin});
  }
  for (const Key& key : kTexts) {
    const auto found = texts_.find(key.name);
    if (found == texts_.end()) continue;
    settings->push_back(
        {StrCat("remote.", key.name), TomlString(found->second.value), found->second.origin});
  }
  return remote;
}

}  // namespace hpcc
