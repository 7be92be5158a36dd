#include <algorithm>
#include <array>

#include "base/strings.h"
#include "cli/command.h"
#include "cli/json_output.h"
#include "cli/text.h"

namespace hpcc {

namespace {

constexpr std::array kOptions = {kJsonOption};

Json ToJson(const Config& config) {
  Json json;
  json["files"] = config.files;
  json["source_mode"] = std::string(SourceModeName(config.source_mode));
  json["disable"] = config.disable;
  json["log_file"] = config.log_file;
  json["cache"] = Json::array();
  for (const CacheTier& tier : config.cache) {
    json["cache"].push_back({{"type", "disk"},
                             {"location", tier.location},
                             {"max_size", tier.max_size},
                             {"compression", std::string(CompressionName(tier.compression))},
                             {"read_only", tier.read_only}});
  }
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
        "a configuration file, with the origin of each value beside it.",
    .options = kOptions,
    .run = Run,
};

}  // namespace hpcc
