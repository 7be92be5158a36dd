#include "compiler/unit_text.h"

#include <algorithm>

#include "base/strings.h"
#include "compiler/hidden_inputs.h"

namespace hpcc {

namespace {

// Of the part in which the command line's own definitions and includes stand.
constexpr std::string_view kCommandLine = "\"<command-line>\"";

// Macros in debug information are told with the files and lines that define them.
bool RecordsMacros(const Argument& argument) {
  return argument.effect == FlagEffect::kDebug &&
         std::any_of(argument.words.begin(), argument.words.end(), [](const std::string& word) {
           return word.ends_with('3') || StrContains(word, "macro");
         });
}

// The length of a line marker's start, `# 33 "`; 0 for another line.
size_t MarkerStart(std::string_view line) {
  if (!line.starts_with("# ")) return 0;
  const size_t end = line.find_first_not_of("0123456789", 2);
  if (end == std::string_view::npos || end == 2 || !line.substr(end).starts_with(" \"")) return 0;
  return end + 2;
}

// With its end.
std::string_view TakeLine(std::string_view* text) {
  const size_t end = text->find('\n');
  const std::string_view line = text->substr(0, end == std::string_view::npos ? end : end + 1);
  text->remove_prefix(line.size());
  return line;
}

}  // namespace

std::optional<std::string_view> WhyNoUnitText(const Invocation& invocation,
                                              CompilerFamily compiler) {
  if (compiler != CompilerFamily::kGcc) return "its compiler";
  switch (invocation.language) {
    case Language::kC:
    case Language::kCxx:
    case Language::kObjectiveC:
    case Language::kObjectiveCxx:
      break;
    default:
      return "its language";
  }
  if (!invocation.forced_includes.empty()) return "it includes by a flag";
  if (!invocation.content_inputs.empty()) return "it reads other files, too";
  if (invocation.outputs.size() != 1 || invocation.output_path_reaches_output) {
    return "it has other outputs, too";
  }
  if (invocation.source.find_first_of("\"\\\n") != std::string::npos) return "its name";
  const auto& arguments = invocation.arguments;
  if (std::any_of(arguments.begin(), arguments.end(), RecordsMacros)) {
    return "macros in its debug information";
  }
  return std::nullopt;
}

absl::StatusOr<std::string> CutUnitText(std::string_view printed, const Invocation& invocation) {
  const std::string begin = StrCat("# 1 \"", invocation.source, "\"\n");
  bool in_command_line = false;
  while (!printed.empty()) {
    if (in_command_line && printed.starts_with(begin)) return std::string(printed);
    const std::string_view line = TakeLine(&printed);
    const size_t name = MarkerStart(line);
    in_command_line |= name != 0 && line.substr(name - 1).starts_with(kCommandLine);
  }
  return absl::InvalidArgumentError("the preprocessor doesn't say where the source begins");
}

std::optional<std::string_view> WhyTextDiffers(std::string_view text, const ScannedText& scanned) {
  if (scanned.names_date_or_time ||
      (scanned.pastes_reserved_names && NamesDateOrTimeToPaste(text))) {
    return "it may name the time";
  }
  if (scanned.embeds_files) return "it may embed files";
  if (scanned.depends_on_stamps) return "it may compare the times of files";
  return std::nullopt;
}

std::optional<std::string> MapUnitText(std::string_view text, std::string_view root,
                                       std::string_view to) {
  std::string mapped;
  mapped.reserve(text.size() + 4096);
  while (!text.empty()) {
    std::string_view line = TakeLine(&text);
    const size_t name = MarkerStart(line);
    const std::string_view rest = line.substr(name);
    if (name != 0 && rest.starts_with(root) && rest.substr(root.size()).starts_with('/')) {
      StrAppend(&mapped, line.substr(0, name), to);
      line = rest.substr(root.size());
    }
    if (StrContains(line, root)) return std::nullopt;
    mapped.append(line);
  }
  return mapped;
}

}  // namespace hpcc
