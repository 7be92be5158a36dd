#include "worker/cache_file.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "base/status.h"
#include "base/strings.h"
#include "config/config_file.h"

namespace hpcc {

namespace {

absl::Status Wrong(std::string_view path, int line, std::string_view key, std::string_view what) {
  return absl::InvalidArgumentError(StrCat(path, ":", line, ": ", key, ": ", what));
}

// What a client's file may hold and this one may not.
absl::Status CheckNothingElse(const ConfigFile& file, std::string_view path) {
  const auto out_of_place = [&](const auto& value, std::string_view key) {
    return value ? Wrong(path, value->line, key,
                         "is a client's; here stand [[cache]] blocks and [signing] only")
                 : absl::OkStatus();
  };
  HPCC_RETURN_IF_ERROR(out_of_place(file.source_mode, "source_mode"));
  HPCC_RETURN_IF_ERROR(out_of_place(file.disable, "disable"));
  HPCC_RETURN_IF_ERROR(out_of_place(file.log_file, "log_file"));
  HPCC_RETURN_IF_ERROR(out_of_place(file.paranoid, "paranoid"));
  HPCC_RETURN_IF_ERROR(out_of_place(file.daemon_use, "daemon.use"));
  HPCC_RETURN_IF_ERROR(out_of_place(file.daemon_autostart, "daemon.autostart"));
  HPCC_RETURN_IF_ERROR(out_of_place(file.daemon_memory, "daemon.memory"));
  HPCC_RETURN_IF_ERROR(out_of_place(file.remote.use, "remote.use"));
  for (const auto& [key, text] : file.remote.texts) {
    HPCC_RETURN_IF_ERROR(out_of_place(&text, StrCat("remote.", key)));
  }
  return absl::OkStatus();
}

absl::Status CheckBlocks(const ConfigFile& file, std::string_view path) {
  if (file.cache.empty()) {
    return Wrong(path, 1, "cache", "is missing; write at least one [[cache]] block");
  }
  for (size_t i = 0; i < file.cache.size(); ++i) {
    const CacheBlock& block = file.cache[i];
    if (block.type && block.type->value != CacheTier::Type::kDisk) continue;
    return Wrong(path, block.type ? block.type->line : block.line, StrCat("cache[", i, "].type"),
                 "write \"s3\" or \"http\"; a worker's disk is its state_dir");
  }
  return absl::OkStatus();
}

Environment ForPaths(const Environment& environment, const std::string& file) {
  Environment only_paths = environment;
  for (const std::string_view variable : ConfigVariables()) only_paths.Unset(variable);
  only_paths.Set("HPCC_CONFIG", file);
  // No disk is among the caches. Without this a user without a home would be told to name one.
  only_paths.Set("HPCC_CACHE_DIR", "/nonexistent");
  return only_paths;
}

}  // namespace

absl::StatusOr<CacheFile> LoadCacheFile(FileSystem& fs, const std::string& path,
                                        const Environment& environment) {
  const absl::StatusOr<std::string> text = ReadFile(fs, path, kMaxConfigBytes);
  if (absl::IsNotFound(text.status())) {
    return absl::NotFoundError(StrCat(path, " does not exist"));
  }
  if (!text.ok()) {
    return absl::FailedPreconditionError(
        StrCat(path, " can't be read: ", std::string(text.status().message())));
  }
  HPCC_ASSIGN_OR_RETURN(const ConfigFile file, ParseConfigFile(*text, path));
  HPCC_RETURN_IF_ERROR(CheckNothingElse(file, path));
  HPCC_RETURN_IF_ERROR(CheckBlocks(file, path));
  HPCC_ASSIGN_OR_RETURN(Config config,
                        LoadConfig(fs, ForPaths(environment, path), /*system_file=*/""));
  return CacheFile{path, std::move(config.cache), std::move(config.signing)};
}

std::vector<std::string> WarningsOf(const CacheFile& file) {
  std::vector<std::string> warnings;
  if (file.tiers.empty()) return warnings;
  const bool writes = std::any_of(file.tiers.begin(), file.tiers.end(),
                                  [](const CacheTier& tier) { return !tier.read_only; });
  if (file.signing.trusted_keys.empty()) {
    warnings.push_back(
        StrCat(file.path,
               ": without signing.trusted_keys everybody who may write to the shared "
               "cache decides what every tenant's builds get"));
  } else if (writes && file.signing.key_file.empty()) {
    warnings.push_back(
        StrCat(file.path,
               ": signing.trusted_keys without signing.key_file: no worker that asks "
               "for signatures will use what this one writes"));
  }
  return warnings;
}

}  // namespace hpcc
