#include "compiler/compiler_report.h"

#include "base/strings.h"

namespace hpcc {

namespace {

constexpr std::string_view kSearchStart = "#include <...> search starts here:";
constexpr std::string_view kSearchEnd = "End of search list.";
constexpr std::string_view kIgnored = "ignoring nonexistent directory \"";

// The text in the first pair of double quotes, or up to the first blank.
std::string FirstWord(std::string_view line) {
  line = StripBlanks(line);
  if (line.starts_with('"')) {
    const size_t end = line.find('"', 1);
    return std::string(line.substr(1, end == std::string_view::npos ? end : end - 1));
  }
  return std::string(line.substr(0, line.find(' ')));
}

std::string_view After(std::string_view line, std::string_view prefix) {
  return line.substr(prefix.size());
}

}  // namespace

CompilerReport ParseCompilerReport(std::string_view text) {
  CompilerReport report;
  for (const std::string_view line : StrSplit(text, '\n')) {
    if (line.starts_with(' ') && !line.starts_with(" (in-process)")) {
      report.commands.emplace_back(line);
      report.programs.push_back(FirstWord(line));
    } else if (line.starts_with("COLLECT_GCC=")) {
      report.collect_gcc = std::string(After(line, "COLLECT_GCC="));
    } else if (line.starts_with("gcc version ")) {
      report.family = CompilerFamily::kGcc;
      StrAppend(&report.version, line, "\n");
    } else if (StrContains(line, "clang version ") || StrContains(line, "DPC++/C++ Compiler")) {
      report.family = CompilerFamily::kClang;
      StrAppend(&report.version, line, "\n");
    } else if (line.starts_with("Target: ") || line.starts_with("Thread model: ")) {
      StrAppend(&report.version, line, "\n");
    } else if (line.starts_with("Reading specs from ")) {
      report.files.emplace_back(After(line, "Reading specs from "));
    } else if (line.starts_with("Configuration file: ")) {
      report.files.emplace_back(After(line, "Configuration file: "));
    }
  }
  return report;
}

std::vector<std::string> ParseGccInstallations(std::string_view text) {
  constexpr std::string_view kFound = "Found candidate GCC installation: ";
  std::vector<std::string> installations;
  for (const std::string_view line : StrSplit(text, '\n')) {
    if (line.starts_with(kFound)) installations.emplace_back(After(line, kFound));
  }
  return installations;
}

std::vector<std::string> ParseBuiltInSearch(std::string_view text) {
  std::vector<std::string> missing;
  std::vector<std::string> found;
  bool listing = false;
  for (const std::string_view line : StrSplit(text, '\n')) {
    if (line.starts_with(kIgnored) && line.ends_with('"')) {
      missing.emplace_back(line.substr(kIgnored.size(), line.size() - kIgnored.size() - 1));
    } else if (line == kSearchStart) {
      listing = true;
    } else if (line == kSearchEnd) {
      listing = false;
    } else if (listing && line.starts_with(' ') && !line.ends_with(" (framework directory)")) {
      found.emplace_back(line.substr(1));
    }
  }
  missing.insert(missing.end(), found.begin(), found.end());
  return missing;
}

}  // namespace hpcc
