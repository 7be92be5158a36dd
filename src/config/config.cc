#include "config/config.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <functional>
#include <map>
#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "base/home_directory.h"
#include "base/path.h"
#include "base/status.h"
#include "base/strings.h"
#include "base/units.h"
#include "config/cache_keys.h"
#include "config/config_file.h"
#include "config/config_values.h"
#include "config/remote_keys.h"
#include "config/sourced.h"

namespace hpcc {

namespace {

constexpr std::array<std::string_view, 12> kVariables = {
    "HPCC_CONFIG",      "HPCC_CACHE_DIR", "HPCC_MAX_SIZE",         "HPCC_COMPRESSION",
    "HPCC_READ_ONLY",   "HPCC_DISABLE",   "HPCC_DAEMON_AUTOSTART", "HPCC_DAEMON",
    "HPCC_SOURCE_MODE", "HPCC_LOG_FILE",  "HPCC_RUNTIME_DIR",      "HPCC_REMOTE"};

struct SourcedTier {
  Sourced<CacheTier::Type> type;
  Sourced<uint64_t> max_size{CacheTier().max_size};
  Sourced<CacheTier::Compression> compression{CacheTier().compression};
  Sourced<bool> read_only;
  Sourced<bool> auto_create;
  // By key, those that are set; a disk without "location" gets the default.
  std::map<std::string, Sourced<std::string>, std::less<>> texts;

  bool is_disk() const { return type.value == CacheTier::Type::kDisk; }
  std::string Text(std::string_view key) const {
    const auto found = texts.find(key);
    return found == texts.end() ? std::string() : found->second.value;
  }
};

// Merges the sources in their order, then turns into a Config.
class Merger {
 public:
  Merger(FileSystem& fs, const Environment& environment) : fs_(fs), environment_(environment) {}

  // `required`: a missing file is a mistake, not an absence.
  absl::Status AddFile(const std::string& path, bool required);
  absl::Status AddVariables();
  absl::StatusOr<Config> Finish();

 private:
  std::optional<std::string> Variable(std::string_view name) const;
  template <typename T, typename Parse>
  absl::Status AddVariable(std::string_view name, Parse parse,
                           const std::function<void(const T&, std::string_view)>& apply);
  absl::Status AddSwitch(std::string_view name, Sourced<bool>* to);
  absl::Status AddBlock(const CacheBlock& block, size_t index, const std::string& path);
  absl::Status AddSigning(const ConfigFile& file, const std::string& path);
  // Expands the path of `key` in place.
  absl::Status Expand(std::string_view key, Sourced<std::string>* text) const;
  SourcedTier* FirstDisk();
  absl::StatusOr<Sourced<std::string>> DefaultLocation() const;
  absl::Status FillInLocalDirectory();
  absl::Status CheckLocationsDiffer() const;
  absl::Status CheckParanoid() const;
  CacheTier Resolve(const SourcedTier& from) const;
  void NoteTier(const SourcedTier& from, const CacheTier& tier, std::string_view prefix,
                Config* config) const;

  FileSystem& fs_;
  const Environment& environment_;
  Sourced<SourceMode> source_mode_;
  Sourced<bool> disable_;
  Sourced<std::string> log_file_;
  Sourced<bool> daemon_use_{DaemonSettings().use};
  Sourced<bool> daemon_autostart_{DaemonSettings().autostart};
  Sourced<uint64_t> daemon_memory_{DaemonSettings().memory};
  Sourced<std::string> signing_key_file_;
  Sourced<std::vector<std::string>> trusted_keys_;
  Sourced<std::string> local_directory_;  // HPCC_CACHE_DIR's, where no tier is a disk
  RemoteMerger remote_;
  Sourced<bool> paranoid_;
  std::string caches_origin_;  // where [[cache]] blocks are written; "": nowhere
  std::vector<SourcedTier> tiers_ = {SourcedTier()};
  std::vector<std::string> files_;
};

template <typename T>
void Take(const std::optional<Located<T>>& from, const std::string& path, Sourced<T>* to) {
  if (from) to->Set(from->value, FileAndLine(path, from->line));
}

absl::Status Merger::AddFile(const std::string& path, bool required) {
  // /dev/null is the usual way to say "no file".
  if (path.empty() || path == "/dev/null") return absl::OkStatus();
  // Looked for first: wording an error for a file that usually isn't there costs more than that.
  FileStat there;
  if (!required && fs_.Stat(path.c_str(), /*follow_symlinks=*/true, &there) == ENOENT) {
    return absl::OkStatus();
  }
  const absl::StatusOr<std::string> text = ReadFile(fs_, path, kMaxConfigBytes);
  if (!text.ok()) {
    FileStat stat;
    const bool missing =
        absl::IsNotFound(text.status()) || fs_.Stat(path.c_str(), true, &stat) != 0;
    if (missing && !required) return absl::OkStatus();
    if (missing) {
      return absl::InvalidArgumentError(
          StrCat("HPCC_CONFIG: ", path, " does not exist; name a file or unset the variable"));
    }
    if (absl::IsResourceExhausted(text.status())) {
      return absl::InvalidArgumentError(
          StrCat(path, ": is larger than ", FormatBytes(kMaxConfigBytes), "; this is no config"));
    }
    if (!stat.is_regular()) {
      return absl::InvalidArgumentError(StrCat(
          path, ": is ", stat.is_directory() ? "a directory" : "no regular file", "; name a file"));
    }
    return WithPlace(text.status(), path);
  }
  files_.push_back(path);
  HPCC_ASSIGN_OR_RETURN(const ConfigFile file, ParseConfigFile(*text, path));
  Take(file.source_mode, path, &source_mode_);
  Take(file.disable, path, &disable_);
  Take(file.daemon_use, path, &daemon_use_);
  Take(file.daemon_autostart, path, &daemon_autostart_);
  Take(file.daemon_memory, path, &daemon_memory_);
  if (file.log_file) {
    const std::string place = FileAndLine(path, file.log_file->line);
    // Nothing in quotes takes back the log of an earlier file.
    absl::StatusOr<std::string> expanded = std::string();
    if (!file.log_file->value.empty()) {
      expanded = ExpandPath(file.log_file->value, fs_, environment_);
    }
    if (!expanded.ok()) return WithPlace(expanded.status(), StrCat(place, ": log_file"));
    log_file_.Set(*std::move(expanded), place);
  }
  HPCC_RETURN_IF_ERROR(AddSigning(file, path));
  Take(file.paranoid, path, &paranoid_);
  HPCC_RETURN_IF_ERROR(remote_.Add(file.remote, path, fs_, environment_));
  if (!file.cache.empty()) {
    tiers_.clear();
    caches_origin_ = FileAndLine(path, file.cache.front().line);
  }
  for (const CacheBlock& block : file.cache) {
    HPCC_RETURN_IF_ERROR(AddBlock(block, tiers_.size(), path));
  }
  return absl::OkStatus();
}

absl::Status Merger::Expand(std::string_view key, Sourced<std::string>* text) const {
  absl::StatusOr<std::string> expanded = ExpandPath(text->value, fs_, environment_);
  if (!expanded.ok()) return WithPlace(expanded.status(), StrCat(text->origin, ": ", key));
  text->value = *std::move(expanded);
  return absl::OkStatus();
}

absl::Status Merger::AddSigning(const ConfigFile& file, const std::string& path) {
  if (file.signing_key_file) {
    Take(file.signing_key_file, path, &signing_key_file_);
    // Nothing in quotes takes back the key of an earlier file.
    if (!signing_key_file_.value.empty()) {
      HPCC_RETURN_IF_ERROR(Expand("signing.key_file", &signing_key_file_));
    }
  }
  if (!file.signing_trusted_keys) return absl::OkStatus();
  Take(file.signing_trusted_keys, path, &trusted_keys_);
  for (std::string& key : trusted_keys_.value) {
    if (key.starts_with("ed25519:")) continue;
    Sourced<std::string> key_path{key, trusted_keys_.origin};
    HPCC_RETURN_IF_ERROR(Expand("signing.trusted_keys", &key_path));
    key = key_path.value;
  }
  return absl::OkStatus();
}

absl::Status Merger::AddBlock(const CacheBlock& block, size_t index, const std::string& path) {
  const std::string name = StrCat("cache[", index, "]");
  SourcedTier tier;
  Take(block.type, path, &tier.type);
  if (!tier.is_disk()) {
    HPCC_RETURN_IF_ERROR(CheckRemoteBlock(block, path, name));
    tier.max_size.value = 0;
  }
  Take(block.max_size, path, &tier.max_size);
  Take(block.compression, path, &tier.compression);
  Take(block.read_only, path, &tier.read_only);
  Take(block.auto_create, path, &tier.auto_create);
  for (const auto& [key, located] : block.texts) {
    Sourced<std::string> text{located.value, FileAndLine(path, located.line)};
    if (IsPathKey(key)) HPCC_RETURN_IF_ERROR(Expand(StrCat(name, ".", key), &text));
    tier.texts.emplace(key, std::move(text));
  }
  if (tier.is_disk() && block.Text("location") == nullptr && FirstDisk() != nullptr) {
    return absl::InvalidArgumentError(
        StrCat(FileAndLine(path, block.line), ": ", name,
               ".location: is missing; only the first disk cache has a default location"));
  }
  tiers_.push_back(std::move(tier));
  return absl::OkStatus();
}

SourcedTier* Merger::FirstDisk() {
  for (SourcedTier& tier : tiers_) {
    if (tier.is_disk()) return &tier;
  }
  return nullptr;
}

std::optional<std::string> Merger::Variable(std::string_view name) const {
  std::optional<std::string> value = environment_.Get(name);
  // CI systems export variables empty to unset them.
  if (value && value->empty()) return std::nullopt;
  return value;
}

template <typename T, typename Parse>
absl::Status Merger::AddVariable(std::string_view name, Parse parse,
                                 const std::function<void(const T&, std::string_view)>& apply) {
  const std::optional<std::string> text = Variable(name);
  if (!text) return absl::OkStatus();
  const absl::StatusOr<T> value = parse(*text);
  if (!value.ok()) return WithPlace(value.status(), name);
  apply(*value, name);
  return absl::OkStatus();
}

absl::Status Merger::AddSwitch(std::string_view name, Sourced<bool>* to) {
  return AddVariable<bool>(name, ParseSwitch, [to](const bool& value, std::string_view origin) {
    to->Set(value, origin);
  });
}

absl::Status Merger::AddVariables() {
  const auto expand = [this](std::string_view text) { return ExpandPath(text, fs_, environment_); };
  HPCC_RETURN_IF_ERROR(AddVariable<std::string>(
      "HPCC_CACHE_DIR", expand, [this](const std::string& value, std::string_view origin) {
        SourcedTier* disk = FirstDisk();
        (disk != nullptr ? disk->texts["location"] : local_directory_).Set(value, origin);
      }));
  HPCC_RETURN_IF_ERROR(AddVariable<uint64_t>(
      "HPCC_MAX_SIZE", ParseByteSize, [this](const uint64_t& value, std::string_view origin) {
        if (SourcedTier* disk = FirstDisk(); disk != nullptr) disk->max_size.Set(value, origin);
      }));
  HPCC_RETURN_IF_ERROR(AddVariable<CacheTier::Compression>(
      "HPCC_COMPRESSION", ParseCompression,
      [this](const CacheTier::Compression& value, std::string_view origin) {
        for (SourcedTier& tier : tiers_) tier.compression.Set(value, origin);
      }));
  HPCC_RETURN_IF_ERROR(AddVariable<bool>("HPCC_READ_ONLY", ParseSwitch,
                                         [this](const bool& value, std::string_view origin) {
                                           for (SourcedTier& tier : tiers_)
                                             tier.read_only.Set(value, origin);
                                         }));
  HPCC_RETURN_IF_ERROR(
      AddVariable<SourceMode>("HPCC_SOURCE_MODE", ParseSourceMode,
                              [this](const SourceMode& value, std::string_view origin) {
                                source_mode_.Set(value, origin);
                              }));
  HPCC_RETURN_IF_ERROR(AddSwitch("HPCC_DISABLE", &disable_));
  HPCC_RETURN_IF_ERROR(AddSwitch("HPCC_REMOTE", remote_.use()));
  HPCC_RETURN_IF_ERROR(AddSwitch("HPCC_DAEMON", &daemon_use_));
  HPCC_RETURN_IF_ERROR(AddSwitch("HPCC_DAEMON_AUTOSTART", &daemon_autostart_));
  return AddVariable<std::string>(
      "HPCC_LOG_FILE", expand,
      [this](const std::string& value, std::string_view origin) { log_file_.Set(value, origin); });
}

absl::StatusOr<Sourced<std::string>> Merger::DefaultLocation() const {
  const std::string xdg = environment_.GetOrEmpty("XDG_CACHE_HOME");
  if (path::IsAbsolute(xdg)) {
    return Sourced<std::string>{path::Join(xdg, "hpcc"), "default (XDG_CACHE_HOME)"};
  }
  const absl::StatusOr<std::string> home = HomeDirectory(fs_, environment_);
  if (!home.ok()) {
    return absl::FailedPreconditionError(
        StrCat("no place for the cache: ", std::string(home.status().message()),
               "; set HPCC_CACHE_DIR to an absolute path"));
  }
  return Sourced<std::string>{path::Join(*home, ".cache/hpcc"), "default"};
}

// Only the first disk may be without a location: AddBlock sees to the others.
absl::Status Merger::FillInLocalDirectory() {
  SourcedTier* disk = FirstDisk();
  Sourced<std::string>& location = disk != nullptr ? disk->texts["location"] : local_directory_;
  if (location.value.empty()) {
    HPCC_ASSIGN_OR_RETURN(location, DefaultLocation());
  }
  local_directory_ = location;
  return absl::OkStatus();
}

// One place under two names would be asked, and written to, twice.
absl::Status Merger::CheckLocationsDiffer() const {
  for (size_t i = 1; i < tiers_.size(); ++i) {
    for (size_t j = 0; j < i; ++j) {
      if (tiers_[i].type.value != tiers_[j].type.value) continue;
      if (Resolve(tiers_[i]).Name() != Resolve(tiers_[j]).Name()) continue;
      const std::string_view key = tiers_[i].is_disk()                            ? "location"
                                   : tiers_[i].type.value == CacheTier::Type::kS3 ? "bucket"
                                                                                  : "url";
      return absl::InvalidArgumentError(StrCat(tiers_[i].texts.find(key)->second.origin, ": cache[",
                                               i, "].", key, ": is the same as that of cache[", j,
                                               "]; write each place once"));
    }
  }
  return absl::OkStatus();
}

// Whoever wrote both meant one of them to hold.
absl::Status Merger::CheckParanoid() const {
  if (!paranoid_.value || caches_origin_.empty()) return absl::OkStatus();
  return absl::InvalidArgumentError(StrCat(paranoid_.origin,
                                           ": paranoid: keeps nothing, but there are caches at ",
                                           caches_origin_, "; remove one of the two"));
}

CacheTier Merger::Resolve(const SourcedTier& from) const {
  CacheTier tier;
  tier.type = from.type.value;
  tier.max_size = from.max_size.value;
  tier.read_only = from.read_only.value;
  tier.location = from.Text("location");
  tier.compression = from.compression.value;
  if (tier.type == CacheTier::Type::kDisk) return tier;
  if (std::string name = from.Text("namespace"); !name.empty()) tier.name_space = std::move(name);
  tier.ca_file = from.Text("ca_file");
  tier.s3 = {.bucket = from.Text("bucket"),
             .region = from.Text("region"),
             .endpoint = from.Text("endpoint"),
             .auto_create = from.auto_create.value,
             .access_key = from.Text("access_key"),
             .secret_key = from.Text("secret_key")};
  tier.http = {.url = from.Text("url"),
               .username = from.Text("username"),
               .password = from.Text("password"),
               .password_file = from.Text("password_file"),
               .bearer_token = from.Text("bearer_token"),
               .bearer_token_file = from.Text("bearer_token_file")};
  while (tier.http.url.ends_with('/')) tier.http.url.pop_back();
  return tier;
}

void Merger::NoteTier(const SourcedTier& from, const CacheTier& tier, std::string_view prefix,
                      Config* config) const {
  const auto note = [&](std::string_view key, std::string value, const std::string& origin) {
    config->settings.push_back({StrCat(prefix, key), std::move(value), origin});
  };
  const auto note_text = [&](std::string_view key) {
    const auto found = from.texts.find(key);
    if (found == from.texts.end()) return;
    note(key, IsSecretKey(key) ? std::string(kHiddenValue) : TomlString(found->second.value),
         found->second.origin);
  };
  note("type", TomlString(CacheTypeName(tier.type)), from.type.origin);
  note_text("location");
  for (const std::string_view key : {"bucket", "region", "endpoint", "url"}) note_text(key);
  if (tier.remote() && from.texts.find("namespace") == from.texts.end()) {
    note("namespace", TomlString(tier.name_space), "default");
  }
  note_text("namespace");
  note("max_size", TomlSize(tier.max_size), from.max_size.origin);
  if (!tier.remote()) {
    note("compression", TomlString(CompressionName(tier.compression)), from.compression.origin);
  }
  note("read_only", TomlBool(tier.read_only), from.read_only.origin);
  if (tier.type == CacheTier::Type::kS3) {
    note("auto_create", TomlBool(tier.s3.auto_create), from.auto_create.origin);
  }
  for (const std::string_view key :
       {"access_key", "secret_key", "username", "password", "password_file", "bearer_token",
        "bearer_token_file", "ca_file"}) {
    note_text(key);
  }
}

absl::StatusOr<Config> Merger::Finish() {
  HPCC_RETURN_IF_ERROR(FillInLocalDirectory());
  HPCC_RETURN_IF_ERROR(CheckLocationsDiffer());
  HPCC_RETURN_IF_ERROR(CheckParanoid());
  Config config;
  const auto note = [&config](std::string key, std::string value, const std::string& origin) {
    config.settings.push_back({std::move(key), std::move(value), origin});
  };
  config.source_mode = source_mode_.value;
  config.disable = disable_.value;
  config.log_file = log_file_.value;
  note("source_mode", TomlString(SourceModeName(config.source_mode)), source_mode_.origin);
  note("disable", TomlBool(config.disable), disable_.origin);
  note("log_file", TomlString(config.log_file), log_file_.origin);
  config.daemon = {daemon_use_.value, daemon_autostart_.value, daemon_memory_.value};
  note("daemon.use", TomlBool(config.daemon.use), daemon_use_.origin);
  note("daemon.autostart", TomlBool(config.daemon.autostart), daemon_autostart_.origin);
  note("daemon.memory", TomlSize(config.daemon.memory), daemon_memory_.origin);
  config.local_directory = local_directory_.value;
  config.signing = {signing_key_file_.value, trusted_keys_.value};
  if (!signing_key_file_.is_default()) {
    note("signing.key_file", TomlString(config.signing.key_file), signing_key_file_.origin);
  }
  if (!trusted_keys_.is_default()) {
    std::vector<std::string> quoted;
    for (const std::string& key : config.signing.trusted_keys) quoted.push_back(TomlString(key));
    note("signing.trusted_keys", StrCat("[", StrJoin(quoted, ", "), "]"), trusted_keys_.origin);
  }
  HPCC_ASSIGN_OR_RETURN(config.remote, remote_.Finish(&config.settings));
  config.paranoid = paranoid_.value;
  if (!paranoid_.is_default()) note("paranoid", TomlBool(config.paranoid), paranoid_.origin);
  for (size_t i = 0; i < tiers_.size() && !config.paranoid; ++i) {
    CacheTier tier = Resolve(tiers_[i]);
    NoteTier(tiers_[i], tier, StrCat("cache[", i, "]."), &config);
    config.cache.push_back(std::move(tier));
  }
  config.files = std::move(files_);
  return config;
}

}  // namespace

std::string CacheTier::Name() const {
  switch (type) {
    case Type::kDisk:
      return location;
    case Type::kS3:
      return StrCat("s3://", s3.bucket, "/cache/", name_space,
                    s3.endpoint.empty() ? "" : StrCat(" at ", s3.endpoint));
    case Type::kHttp:
      return StrCat(http.url, "/cache/", name_space);
  }
  return location;
}

const CacheTier* Config::first_disk() const {
  for (const CacheTier& tier : cache) {
    if (!tier.remote()) return &tier;
  }
  return nullptr;
}

bool Config::has_remote() const {
  return std::any_of(cache.begin(), cache.end(),
                     [](const CacheTier& tier) { return tier.remote(); });
}

bool Config::compresses() const {
  const CacheTier* disk = first_disk();
  return disk == nullptr || disk->compression == CacheTier::Compression::kZstd;
}

std::string UserConfigFile(FileSystem& fs, const Environment& environment) {
  if (std::string named = environment.GetOrEmpty("HPCC_CONFIG"); !named.empty()) return named;
  const std::string xdg = environment.GetOrEmpty("XDG_CONFIG_HOME");
  if (path::IsAbsolute(xdg)) return path::Join(xdg, "hpcc/config.toml");
  const absl::StatusOr<std::string> home = HomeDirectory(fs, environment);
  return home.ok() ? path::Join(*home, ".config/hpcc/config.toml") : std::string();
}

absl::StatusOr<Config> LoadConfig(FileSystem& fs, const Environment& environment,
                                  const std::string& system_file) {
  Merger merger(fs, environment);
  HPCC_RETURN_IF_ERROR(merger.AddFile(system_file, /*required=*/false));
  HPCC_RETURN_IF_ERROR(merger.AddFile(UserConfigFile(fs, environment),
                                      /*required=*/!environment.GetOrEmpty("HPCC_CONFIG").empty()));
  HPCC_RETURN_IF_ERROR(merger.AddVariables());
  return merger.Finish();
}

std::span<const std::string_view> ConfigVariables() {
  return kVariables;
}

}  // namespace hpcc
