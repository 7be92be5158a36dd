#include <array>
#include <vector>

#include "base/strings.h"
#include "cli/caches.h"
#include "cli/command.h"
#include "cli/doctor_checks.h"
#include "cli/json_output.h"
#include "cli/text.h"

namespace hpcc {

namespace {

constexpr std::array kOptions = {kJsonOption};

TextStyle StyleOf(Finding::Level level) {
  switch (level) {
    case Finding::Level::kOk:
      return TextStyle::kGreen;
    case Finding::Level::kWarn:
      return TextStyle::kYellow;
    case Finding::Level::kFail:
      return TextStyle::kRed;
  }
  return TextStyle::kPlain;
}

// Folds `text` at blanks so that no line reaches `columns`; later lines begin below the first.
std::string Folded(std::string_view text, size_t indent, size_t columns) {
  std::string folded;
  size_t column = indent;
  for (const std::string_view word : StrSplit(text, ' ')) {
    if (column > indent && column + 1 + word.size() >= columns) {
      StrAppend(&folded, "\n", std::string(indent, ' '));
      column = indent;
    } else if (column > indent) {
      folded.push_back(' ');
      ++column;
    }
    folded.append(word);
    column += word.size();
  }
  return folded;
}

std::string ToText(const std::vector<Finding>& findings, const Terminal& terminal) {
  constexpr size_t kIndent = 7;
  const size_t columns = terminal.columns < 40 ? 40 : terminal.columns;
  std::string text;
  for (const Finding& finding : findings) {
    const std::string level = StrCat("[", FindingLevelName(finding.level), "]");
    StrAppend(&text, Styled(level, StyleOf(finding.level), terminal.colors),
              std::string(kIndent - level.size(), ' '), Folded(finding.text, kIndent, columns),
              "\n");
  }
  return text;
}

Json ToJson(const std::vector<Finding>& findings, bool failed) {
  Json json;
  json["ok"] = !failed;
  json["findings"] = Json::array();
  for (const Finding& finding : findings) {
    json["findings"].push_back({{"level", std::string(FindingLevelName(finding.level))},
                                {"check", finding.check},
                                {"text", finding.text}});
  }
  return json;
}

int Run(const CommandContext& context, const ParsedOptions& options) {
  std::vector<Finding> findings;
  CheckSettings(context, &findings);
  CheckVariables(context, &findings);
  for (const CacheTier& tier : SearchedTiers(context.config)) {
    if (tier.remote()) {
      CheckRemoteCache(context, tier, &findings);
    } else {
      CheckCache(context, tier, &findings);
    }
  }
  CheckDaemon(context, &findings);
  CheckCompilers(context, &findings);
  CheckIsolation(context, &findings);
  bool failed = false;
  for (const Finding& finding : findings) {
    failed = failed || finding.level == Finding::Level::kFail;
  }
  context.console.Out(options.Has(kJsonOption.name)
                          ? JsonText(ToJson(findings, failed))
                          : ToText(findings, context.console.out_terminal));
  return failed ? kExitFailed : kExitOk;
}

}  // namespace

constexpr Command kDoctorCommand = {
    .name = "doctor",
    .summary = "what would go wrong here, in plain words",
    .description =
        "Checks the configuration, the cache directories, their room and clocks, the daemon, the\n"
        "compilers on PATH, and which sandboxes a worker could have here. Exits with 1 when\n"
        "something doesn't work. Writes and removes a probe file in each cache directory, and "
        "asks\n"
        "each remote cache whether it can be used.",
    .options = kOptions,
    .run = Run,
};

}  // namespace hpcc
