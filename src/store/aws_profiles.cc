#include "store/aws_profiles.h"

#include "base/strings.h"

namespace hpcc {

namespace {

bool IsBlank(char c) {
  return c == ' ' || c == '\t';
}

absl::Status Wrong(int line, std::string_view expected) {
  return absl::InvalidArgumentError(StrCat("line ", line, ": expected ", expected));
}

// "[profile ci]" -> "profile ci"; empty for anything else.
std::string_view SectionName(std::string_view line) {
  const size_t end = line.find(']');
  if (end == std::string_view::npos) return {};
  const std::string_view rest = StripBlanks(line.substr(end + 1));
  if (!rest.empty() && rest[0] != '#' && rest[0] != ';') return {};
  return StripBlanks(line.substr(1, end - 1));
}

// The profile that a section describes; empty when it is no profile.
std::string_view ProfileName(std::string_view section, AwsProfileFile kind) {
  if (kind == AwsProfileFile::kCredentials || section == "default") return section;
  constexpr std::string_view kWord = "profile";
  if (!section.starts_with(kWord)) return {};
  const std::string_view rest = section.substr(kWord.size());
  return !rest.empty() && IsBlank(rest[0]) ? StripBlanks(rest) : std::string_view();
}

std::string_view WithoutComment(std::string_view value) {
  for (size_t i = 1; i < value.size(); ++i) {
    if ((value[i] == '#' || value[i] == ';') && IsBlank(value[i - 1])) {
      return StripBlanks(value.substr(0, i));
    }
  }
  return StripBlanks(value);
}

}  // namespace

absl::StatusOr<AwsProfiles> ParseAwsProfiles(std::string_view text, AwsProfileFile kind) {
  if (text.size() > kMaxAwsProfileFile) return absl::InvalidArgumentError("too long");
  AwsProfiles profiles;
  AwsProfile* profile = nullptr;  // null: in a section that is passed over
  bool in_section = false;
  int number = 0;
  for (const std::string_view raw : StrSplit(text, '\n')) {
    ++number;
    const std::string_view line = StripBlanks(raw);
    if (line.empty() || line[0] == '#' || line[0] == ';') continue;
    if (IsBlank(raw[0]) && in_section) continue;
    if (line[0] == '[') {
      const std::string_view section = SectionName(line);
      if (section.empty()) return Wrong(number, "\"[name]\"");
      const std::string_view name = ProfileName(section, kind);
      profile = name.empty() ? nullptr : &profiles[std::string(name)];
      in_section = true;
      continue;
    }
    const size_t equals = line.find('=');
    const std::string_view key = StripBlanks(line.substr(0, equals));
    if (equals == std::string_view::npos || key.empty()) return Wrong(number, "\"key = value\"");
    if (!in_section) return Wrong(number, "\"[name]\" before the first setting");
    if (profile == nullptr) continue;
    (*profile)[AsciiLower(key)] = WithoutComment(line.substr(equals + 1));
  }
  return profiles;
}

}  // namespace hpcc
