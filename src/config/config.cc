#include "config/config.h"

#include <array>
#include <cerrno>
#include <functional>
#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "base/home_directory.h"
#include "base/path.h"
#include "base/status.h"
#include "base/strings.h"
#include "base/units.h"
#include "config/config_file.h"
#include "config/config_values.h"

namespace hpcc {

namespace {

constexpr std::array<std::string_view, 11> kVariables = {
    "HPCC_CONFIG",      "HPCC_CACHE_DIR", "HPCC_MAX_SIZE",         "HPCC_COMPRESSION",
    "HPCC_READ_ONLY",   "HPCC_DISABLE",   "HPCC_DAEMON_AUTOSTART", "HPCC_DAEMON",
    "HPCC_SOURCE_MODE", "HPCC_LOG_FILE",  "HPCC_RUNTIME_DIR"};

// A value on its way into the Config, with what set it last.
template <typename T>
struct Sourced {
  T value{};
  std::string origin = "default";

  void Set(T new_value, std::string_view new_origin) {
    value = std::move(new_value);
    origin = std::string(new_origin);
  }
};

struct SourcedTier {
  Sourced<CacheTier::Type> type;
  Sourced<std::string> location;  // "" until the default is filled in
  Sourced<uint64_t> max_size{CacheTier().max_size};
  Sourced<CacheTier::Compression> compression{CacheTier().compression};
  Sourced<bool> read_only;
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
  absl::Status FillInDefaultLocation();
  absl::Status CheckLocationsDiffer() const;

  FileSystem& fs_;
  const Environment& environment_;
  Sourced<SourceMode> source_mode_;
  Sourced<bool> disable_;
  Sourced<std::string> log_file_;
  Sourced<bool> daemon_use_{DaemonSettings().use};
  Sourced<bool> daemon_autostart_{DaemonSettings().autostart};
  Sourced<uint64_t> daemon_memory_{DaemonSettings().memory};
  std::vector<SourcedTier> tiers_ = {SourcedTier()};
  std::vector<std::string> files_;
};

absl::Status WithPlace(const absl::Status& status, std::string_view place) {
  return absl::Status(status.code(), StrCat(place, ": ", std::string(status.message())));
}

std::string FileAndLine(std::string_view path, int line) {
  return StrCat(path, ":", line);
}

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
  if (!file.cache.empty()) tiers_.clear();
  for (const CacheBlock& block : file.cache) {
    HPCC_RETURN_IF_ERROR(AddBlock(block, tiers_.size(), path));
  }
  return absl::OkStatus();
}

absl::Status Merger::AddBlock(const CacheBlock& block, size_t index, const std::string& path) {
  SourcedTier tier;
  Take(block.type, path, &tier.type);
  Take(block.max_size, path, &tier.max_size);
  Take(block.compression, path, &tier.compression);
  Take(block.read_only, path, &tier.read_only);
  if (block.location) {
    const std::string place = FileAndLine(path, block.location->line);
    absl::StatusOr<std::string> expanded = ExpandPath(block.location->value, fs_, environment_);
    if (!expanded.ok()) {
      return WithPlace(expanded.status(), StrCat(place, ": cache[", index, "].location"));
    }
    tier.location.Set(*std::move(expanded), place);
  } else if (index > 0) {
    return absl::InvalidArgumentError(
        StrCat(FileAndLine(path, block.line), ": cache[", index,
               "].location: is missing; only the first cache has a default location"));
  }
  tiers_.push_back(std::move(tier));
  return absl::OkStatus();
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
        tiers_.front().location.Set(value, origin);
      }));
  HPCC_RETURN_IF_ERROR(AddVariable<uint64_t>(
      "HPCC_MAX_SIZE", ParseByteSize, [this](const uint64_t& value, std::string_view origin) {
        tiers_.front().max_size.Set(value, origin);
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
  HPCC_RETURN_IF_ERROR(AddSwitch("HPCC_DAEMON", &daemon_use_));
  HPCC_RETURN_IF_ERROR(AddSwitch("HPCC_DAEMON_AUTOSTART", &daemon_autostart_));
  return AddVariable<std::string>(
      "HPCC_LOG_FILE", expand,
      [this](const std::string& value, std::string_view origin) { log_file_.Set(value, origin); });
}

// Only the first cache may be without a location: AddBlock sees to the others.
absl::Status Merger::FillInDefaultLocation() {
  Sourced<std::string>& location = tiers_.front().location;
  if (!location.value.empty()) return absl::OkStatus();
  const std::string xdg = environment_.GetOrEmpty("XDG_CACHE_HOME");
  if (path::IsAbsolute(xdg)) {
    location.Set(path::Join(xdg, "hpcc"), "default (XDG_CACHE_HOME)");
    return absl::OkStatus();
  }
  const absl::StatusOr<std::string> home = HomeDirectory(fs_, environment_);
  if (!home.ok()) {
    return absl::FailedPreconditionError(
        StrCat("no place for the cache: ", std::string(home.status().message()),
               "; set HPCC_CACHE_DIR to an absolute path"));
  }
  location.Set(path::Join(*home, ".cache/hpcc"), "default");
  return absl::OkStatus();
}

absl::Status Merger::CheckLocationsDiffer() const {
  for (size_t i = 1; i < tiers_.size(); ++i) {
    for (size_t j = 0; j < i; ++j) {
      if (tiers_[i].location.value != tiers_[j].location.value) continue;
      return absl::InvalidArgumentError(StrCat(tiers_[i].location.origin, ": cache[", i,
                                               "].location: is the same as that of cache[", j,
                                               "]; write each place once"));
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<Config> Merger::Finish() {
  HPCC_RETURN_IF_ERROR(FillInDefaultLocation());
  HPCC_RETURN_IF_ERROR(CheckLocationsDiffer());
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
  for (size_t i = 0; i < tiers_.size(); ++i) {
    const SourcedTier& from = tiers_[i];
    CacheTier tier;
    tier.type = from.type.value;
    tier.location = from.location.value;
    tier.max_size = from.max_size.value;
    tier.compression = from.compression.value;
    tier.read_only = from.read_only.value;
    const std::string prefix = StrCat("cache[", i, "].");
    note(StrCat(prefix, "type"), "\"disk\"", from.type.origin);
    note(StrCat(prefix, "location"), TomlString(tier.location), from.location.origin);
    note(StrCat(prefix, "max_size"), TomlSize(tier.max_size), from.max_size.origin);
    note(StrCat(prefix, "compression"), TomlString(CompressionName(tier.compression)),
         from.compression.origin);
    note(StrCat(prefix, "read_only"), TomlBool(tier.read_only), from.read_only.origin);
    config.cache.push_back(std::move(tier));
  }
  config.files = std::move(files_);
  return config;
}

}  // namespace

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
