#include "config/config_values.h"

#include <optional>

#include "absl/status/status.h"
#include "base/home_directory.h"
#include "base/path.h"
#include "base/status.h"
#include "base/strings.h"

namespace hpcc {

namespace {

bool IsControl(char c) {
  return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
}

// `text` with every ${NAME} replaced. A "$" that begins no such thing is refused: a directory
// called "$USER" is never what was meant.
absl::StatusOr<std::string> ExpandVariables(std::string_view text, const Environment& environment) {
  std::string expanded;
  while (true) {
    const size_t dollar = text.find('$');
    expanded.append(text.substr(0, dollar));
    if (dollar == std::string_view::npos) return expanded;
    text.remove_prefix(dollar + 1);
    const size_t end = text.find('}');
    if (!text.starts_with('{') || end == std::string_view::npos || end == 1) {
      return absl::InvalidArgumentError("a \"$\" must begin a variable written as ${NAME}");
    }
    const std::string name(text.substr(1, end - 1));
    const std::string value = environment.GetOrEmpty(name);
    if (value.empty()) {
      return absl::InvalidArgumentError(StrCat("the variable ${", name, "} is not set"));
    }
    expanded.append(value);
    text.remove_prefix(end + 1);
  }
}

}  // namespace

std::string_view SourceModeName(SourceMode mode) {
  return mode == SourceMode::kDirect ? "direct" : "preprocessed";
}

std::string_view CompressionName(CacheTier::Compression compression) {
  return compression == CacheTier::Compression::kNone ? "none" : "zstd";
}

absl::StatusOr<SourceMode> ParseSourceMode(std::string_view text) {
  for (const SourceMode mode : {SourceMode::kDirect, SourceMode::kPreprocessed}) {
    if (text == SourceModeName(mode)) return mode;
  }
  return absl::InvalidArgumentError(
      StrCat(TomlString(text), " is no source mode; write \"direct\" or \"preprocessed\""));
}

std::string_view CacheTypeName(CacheTier::Type type) {
  switch (type) {
    case CacheTier::Type::kDisk:
      return "disk";
    case CacheTier::Type::kS3:
      return "s3";
    case CacheTier::Type::kHttp:
      return "http";
  }
  return "disk";
}

absl::StatusOr<CacheTier::Type> ParseCacheType(std::string_view text) {
  for (const auto type : {CacheTier::Type::kDisk, CacheTier::Type::kS3, CacheTier::Type::kHttp}) {
    if (text == CacheTypeName(type)) return type;
  }
  return absl::InvalidArgumentError(
      StrCat(TomlString(text), " is no type of cache; write \"disk\", \"s3\" or \"http\""));
}

absl::StatusOr<CacheTier::Compression> ParseCompression(std::string_view text) {
  for (const auto compression : {CacheTier::Compression::kNone, CacheTier::Compression::kZstd}) {
    if (text == CompressionName(compression)) return compression;
  }
  return absl::InvalidArgumentError(
      StrCat(TomlString(text), " is no compression; write \"zstd\" or \"none\""));
}

absl::StatusOr<bool> ParseSwitch(std::string_view text) {
  const std::string word = AsciiLower(StripBlanks(text));
  for (const std::string_view yes : {"1", "true", "yes", "on"}) {
    if (word == yes) return true;
  }
  for (const std::string_view no : {"", "0", "false", "no", "off"}) {
    if (word == no) return false;
  }
  return absl::InvalidArgumentError(
      StrCat(TomlString(text), " is neither yes nor no; write 1 or 0"));
}

absl::StatusOr<std::string> ExpandPath(std::string_view text, FileSystem& fs,
                                       const Environment& environment) {
  std::string home;
  if (text == "~" || text.starts_with("~/")) {
    absl::StatusOr<std::string> found = HomeDirectory(fs, environment);
    if (!found.ok()) return absl::FailedPreconditionError(found.status().message());
    home = *std::move(found);
    text.remove_prefix(1);
  }
  HPCC_ASSIGN_OR_RETURN(const std::string rest, ExpandVariables(text, environment));
  std::string expanded = home + rest;
  if (!path::IsAbsolute(expanded)) {
    return absl::InvalidArgumentError(
        StrCat(TomlString(expanded),
               " is not an absolute path; begin it with \"/\", \"~/\" or \"${NAME}/\""));
  }
  for (const char c : expanded) {
    if (IsControl(c)) {
      return absl::InvalidArgumentError(StrCat(TomlString(expanded), " holds a control character"));
    }
  }
  while (expanded.size() > 1 && expanded.back() == '/') expanded.pop_back();
  return expanded;
}

std::string TomlString(std::string_view value) {
  constexpr char kHex[] = "0123456789ABCDEF";
  std::string text = "\"";
  for (const char c : value) {
    if (c == '"' || c == '\\') {
      StrAppend(&text, '\\', c);
    } else if (c == '\n') {
      text.append("\\n");
    } else if (c == '\t') {
      text.append("\\t");
    } else if (IsControl(c)) {
      StrAppend(&text, "\\u00", kHex[c >> 4], kHex[c & 15]);
    } else {
      text.push_back(c);
    }
  }
  text.push_back('"');
  return text;
}

std::string TomlBool(bool value) {
  return value ? "true" : "false";
}

std::string TomlSize(uint64_t bytes) {
  constexpr std::string_view kLetters = "TGMk";
  int shift = 40;
  for (const char letter : kLetters) {
    if (bytes != 0 && bytes % (uint64_t{1} << shift) == 0) {
      return StrCat("\"", bytes >> shift, letter, "\"");
    }
    shift -= 10;
  }
  return StrCat(bytes);
}

}  // namespace hpcc
