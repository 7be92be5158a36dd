#include "cli/options.h"

#include "absl/status/status.h"
#include "base/nearest_name.h"
#include "base/strings.h"

namespace hpcc {

namespace {

const OptionSpec* FindOption(std::span<const OptionSpec> specs, std::string_view name) {
  const auto is_meant = [name](const OptionSpec& spec) {
    return spec.name == name || (spec.short_name != '\0' && name.size() == 2 && name[0] == '-' &&
                                 name[1] == spec.short_name);
  };
  if (is_meant(kHelpOption)) return &kHelpOption;
  for (const OptionSpec& spec : specs) {
    if (is_meant(spec)) return &spec;
  }
  return nullptr;
}

absl::Status UnknownOption(std::span<const OptionSpec> specs, std::string_view name) {
  std::vector<std::string_view> known = {kHelpOption.name};
  for (const OptionSpec& spec : specs) known.push_back(spec.name);
  const std::string_view nearest = NearestName(name, known);
  return absl::InvalidArgumentError(
      nearest.empty() ? StrCat("unknown option ", name)
                      : StrCat("unknown option ", name, "; did you mean ", nearest, "?"));
}

}  // namespace

std::optional<std::string> ParsedOptions::Value(std::string_view name) const {
  const auto found = values_.find(name);
  if (found == values_.end()) return std::nullopt;
  return found->second;
}

absl::StatusOr<ParsedOptions> ParseOptions(std::span<const OptionSpec> specs,
                                           std::span<const std::string> words) {
  ParsedOptions parsed;
  for (size_t i = 0; i < words.size(); ++i) {
    const std::string_view word = words[i];
    if (word == "--") {
      parsed.operands_.insert(parsed.operands_.end(), words.begin() + i + 1, words.end());
      break;
    }
    if (word.size() < 2 || word[0] != '-') {
      parsed.operands_.emplace_back(word);
      continue;
    }
    const size_t equals = word.starts_with("--") ? word.find('=') : std::string_view::npos;
    const std::string_view name = word.substr(0, equals);
    const OptionSpec* spec = FindOption(specs, name);
    if (spec == nullptr) return UnknownOption(specs, name);
    std::string value;
    if (equals != std::string_view::npos) {
      if (spec->value.empty()) {
        return absl::InvalidArgumentError(StrCat("option ", name, " takes no value"));
      }
      value = std::string(word.substr(equals + 1));
    } else if (!spec->value.empty()) {
      if (i + 1 == words.size()) {
        return absl::InvalidArgumentError(StrCat("option ", name, " needs a ", spec->value));
      }
      value = words[++i];
    }
    parsed.values_.insert_or_assign(std::string(spec->name), std::move(value));
  }
  return parsed;
}

}  // namespace hpcc
