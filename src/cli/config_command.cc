#include <algorithm>
#include <array>

#include "base/strings.h"
#include "cli/command.h"
#include "cli/json_output.h"
#include "cli/text.h"

namespace hpcc {

namespace {

constexpr std::array kOptions = {kJsonOption};

constexpr std::string_view kHidden = "(hidden)";

// Secrets are told from none, and no more.
std::string Hidden(const std::string& secret) {
  return secret.empty() ? "" : std::string(kHidden);
}

Json TierJson(const CacheTier& tier) {
  Json json = {{"type", std::string(CacheTypeName(tier.type))}};
  if (!tier.remote()) json["location"] = tier.location;
  json["max_size"] = tier.max_size;
  if (!tier.remote()) json["compression"] = std::string(CompressionName(tier.compression));
  json["read_only"] = tier.read_only;
  if (!tier.remote()) return json;
  json["namespace"] = tier.name_space;
  json["ca_file"] = tier.ca_file;
  if (tier.type == CacheTier::Type::kS3) {
    json["bucket"] = tier.s3.bucket;
    json["region"] = tier.s3.region;
    json["endpoint"] = tier.s3.endpoint;
    json["auto_create"] = tier.s3.auto_create;
    json["access_key"] = Hidden(tier.s3.access_key);
    json["secret_key"] = Hidden(tier.s3.secret_key);
  } else {
    json["url"] = tier.http.url;
    json["username"] = tier.http.username;
    json["password"] = Hidden(tier.http.password);
    json["password_file"] = tier.http.password_file;
    json["bearer_token"] = Hidden(tier.http.bearer_token);
    json["bearer_token_file"] = tier.http.bearer_token_file;
  }
  return json;
}

Json ToJson(const Config& config) {
  Json json;
  json["files"] = config.files;
  json["source_mode"] = std::string(SourceModeName(config.source_mode));
  json["disable"] = config.disable;
  json["log_file"] = config.log_file;
  json["cache"] = Json::array();
  for (const CacheTier& tier : config.cache) json["cache"].push_back(TierJson(tier));
  json["signing"] = {{"key_file", config.signing.key_file},
                     {"trusted_keys", config.signing.trusted_keys}};
  json["local_directory"] = config.local_directory;
  json["origins"] = Json::object();
  for (const Config::Setting& setting : config.settings) {
    json["origins"][setting.key] = setting.origin;
  }
  return json;
}

// A configuration file that would give the same values, with the origin of each as a comment.
std::string ToText(const CommandContext& context) {
  const Config& config = context.config;
  std::string text;
  if (config.files.empty()) {
    const std::string user_file = UserConfigFile(context.fs, context.environment);
    StrAppend(
        &text, "# No configuration file was found. Looked for ", kSystemConfigFile,
        user_file.empty() || user_file == "/dev/null" ? "" : StrCat(" and ", Printable(user_file)),
        ".\n");
  }
  for (const std::string& file : config.files) StrAppend(&text, "# read ", Printable(file), "\n");
  if (config.first_disk() == nullptr) {
    StrAppend(&text, "# No cache is a disk; hpcc's own records are in ",
              Printable(config.local_directory), ".\n");
  }
  for (const CacheTier& tier : config.cache) {
    if (tier.s3.secret_key.empty()) continue;
    StrAppend(&text, "# access_key and secret_key of ", Printable(tier.Name()),
              " stand in a file: for development only.\n");
  }

  std::vector<std::pair<std::string, std::string>> lines;  // assignment, origin
  std::string block;
  for (const Config::Setting& setting : config.settings) {
    const size_t dot = setting.key.find("].");
    std::string name = setting.key;
    if (dot != std::string::npos) {
      const std::string this_block = setting.key.substr(0, dot);
      if (this_block != block) lines.emplace_back("\n[[cache]]", "");
      block = this_block;
      name = setting.key.substr(dot + 2);
    }
    lines.emplace_back(StrCat(name, " = ", setting.value), setting.origin);
  }
  size_t width = 0;
  for (const auto& [assignment, origin] : lines) width = std::max(width, assignment.size());
  for (const auto& [assignment, origin] : lines) {
    StrAppend(&text, assignment);
    if (!origin.empty()) {
      StrAppend(&text, std::string(width - assignment.size() + 2, ' '), "# ", Printable(origin));
    }
    StrAppend(&text, "\n");
  }
  return text;
}

int Run(const CommandContext& context, const ParsedOptions& options) {
  context.console.Out(options.Has(kJsonOption.name) ? JsonText(ToJson(context.config))
                                                    : ToText(context));
  return kExitOk;
}

}  // namespace

constexpr Command kConfigCommand = {
    .name = "config",
    .summary = "the settings in effect, and where each came from",
    .description =
        "Prints every setting as it is after all configuration files and variables, in the form "
        "of\n"
        "a configuration file, with the origin of each value beside it. Secrets are hidden.",
    .options = kOptions,
    .run = Run,
};

}  // namespace hpcc
