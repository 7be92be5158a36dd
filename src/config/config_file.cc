#include "config/config_file.h"

#include <algorithm>
#include <array>
#include <utility>

// toml++ is a header of many thousand lines: this is the one file that pays for it. Without
// exceptions it reports a malformed document as a value.
#define TOML_EXCEPTIONS 0
#define TOML_ENABLE_FORMATTERS 0
#include <toml++/toml.h>

#include "absl/status/status.h"
#include "base/nearest_name.h"
#include "base/status.h"
#include "base/strings.h"
#include "base/units.h"
#include "config/cache_keys.h"
#include "config/config_values.h"
#include "config/remote_keys.h"

namespace hpcc {

namespace {

constexpr std::array<std::string_view, 8> kTopKeys = {
    "source_mode", "disable", "log_file", "paranoid", "daemon", "signing", "remote", "cache"};
constexpr std::array<std::string_view, 3> kDaemonKeys = {"use", "autostart", "memory"};
constexpr std::array<std::string_view, 2> kSigningKeys = {"key_file", "trusted_keys"};

// Where a value stands, for its messages.
struct Place {
  std::string_view file;
  int line = 0;
  std::string key;  // in full: "cache[0].max_size"

  absl::Status Wrong(std::string_view what) const {
    return absl::InvalidArgumentError(StrCat(file, ":", line, ": ", key, ": ", what));
  }
};

int LineOf(const toml::source_region& region) {
  return static_cast<int>(region.begin.line);
}

std::string_view TypeWord(const toml::node& node) {
  switch (node.type()) {
    case toml::node_type::string:
      return "text";
    case toml::node_type::integer:
      return "a whole number";
    case toml::node_type::floating_point:
      return "a number with a fraction";
    case toml::node_type::boolean:
      return "a boolean";
    case toml::node_type::table:
      return "a table";
    case toml::node_type::array:
      return "an array";
    default:
      return "a date or time";
  }
}

absl::Status WrongType(const Place& place, const toml::node& node, std::string_view wanted) {
  return place.Wrong(StrCat("is ", TypeWord(node), "; write ", wanted));
}

// Reads text and lets `parse` make the value of it.
template <typename T, typename Parse>
absl::Status ReadWord(const toml::node& node, const Place& place, std::string_view wanted,
                      Parse parse, std::optional<Located<T>>* out) {
  const toml::value<std::string>* text = node.as_string();
  if (text == nullptr) return WrongType(place, node, wanted);
  absl::StatusOr<T> value = parse(std::string_view(text->get()));
  if (!value.ok()) return place.Wrong(std::string(value.status().message()));
  *out = Located<T>{*std::move(value), place.line};
  return absl::OkStatus();
}

absl::Status ReadText(const toml::node& node, const Place& place, std::string_view wanted,
                      std::optional<Located<std::string>>* out) {
  return ReadWord(
      node, place, wanted,
      [](std::string_view text) -> absl::StatusOr<std::string> { return std::string(text); }, out);
}

absl::Status ReadPath(const toml::node& node, const Place& place,
                      std::optional<Located<std::string>>* out) {
  return ReadText(node, place, "a path in quotes", out);
}

absl::Status ReadBool(const toml::node& node, const Place& place,
                      std::optional<Located<bool>>* out) {
  const toml::value<bool>* value = node.as_boolean();
  if (value == nullptr) return WrongType(place, node, "true or false");
  *out = Located<bool>{value->get(), place.line};
  return absl::OkStatus();
}

absl::Status ReadSize(const toml::node& node, const Place& place,
                      std::optional<Located<uint64_t>>* out) {
  if (const toml::value<int64_t>* bytes = node.as_integer(); bytes != nullptr) {
    if (bytes->get() < 0) return place.Wrong("is negative; write 0 for no limit");
    *out = Located<uint64_t>{static_cast<uint64_t>(bytes->get()), place.line};
    return absl::OkStatus();
  }
  return ReadWord(node, place, "a size such as \"10G\", or bytes as a whole number", ParseByteSize,
                  out);
}

absl::Status UnknownKey(const Place& place, std::string_view name,
                        std::span<const std::string_view> known) {
  const std::string_view nearest = NearestName(name, known);
  if (!nearest.empty()) return place.Wrong(StrCat("unknown key; did you mean ", nearest, "?"));
  return place.Wrong(StrCat("unknown key; the keys known here are ", StrJoin(known, ", ")));
}

// toml++ keeps tables in order of name; mistakes are reported in the order of the file.
struct Entry {
  std::string_view name;
  int line;
  const toml::node* node;
};

std::vector<Entry> EntriesInFileOrder(const toml::table& table) {
  std::vector<Entry> entries;
  for (const auto& [key, node] : table) {
    entries.push_back({key.str(), LineOf(key.source()), &node});
  }
  std::stable_sort(entries.begin(), entries.end(),
                   [](const Entry& a, const Entry& b) { return a.line < b.line; });
  return entries;
}

// A key as it can be printed on one line.
std::string Printable(std::string_view key) {
  const bool plain = std::all_of(key.begin(), key.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-';
  });
  return plain && !key.empty() ? std::string(key) : TomlString(key);
}

absl::Status ReadCacheKey(const Entry& entry, const Place& place, CacheBlock* block) {
  if (entry.name == "type") {
    return ReadWord(*entry.node, place, "\"disk\", \"s3\" or \"http\"", ParseCacheType,
                    &block->type);
  }
  if (entry.name == "max_size") return ReadSize(*entry.node, place, &block->max_size);
  if (entry.name == "compression") {
    return ReadWord(*entry.node, place, "\"zstd\" or \"none\"", ParseCompression,
                    &block->compression);
  }
  if (entry.name == "read_only") return ReadBool(*entry.node, place, &block->read_only);
  if (entry.name == "auto_create") return ReadBool(*entry.node, place, &block->auto_create);
  if (!IsCacheKey(entry.name)) return UnknownKey(place, entry.name, CacheKeys());
  std::optional<Located<std::string>> text;
  HPCC_RETURN_IF_ERROR(ReadText(*entry.node, place, "text in quotes", &text));
  block->texts.emplace(entry.name, *std::move(text));
  return absl::OkStatus();
}

// Keys that go with another type of cache, once it is known which type this one is.
absl::Status CheckKeysFit(const std::vector<Entry>& entries, std::string_view name,
                          const CacheBlock& block, std::string_view file) {
  const CacheTier::Type type = block.type ? block.type->value : CacheTier::Type::kDisk;
  for (const Entry& entry : entries) {
    if (CacheKeyFits(entry.name, type)) continue;
    return Place{file, entry.line, StrCat(name, ".", Printable(entry.name))}.Wrong(
        StrCat("is no key of a cache of type ", TomlString(CacheTypeName(type)), "; it goes with ",
               TypesWithKey(entry.name)));
  }
  return absl::OkStatus();
}

absl::Status ReadCaches(const toml::node& node, const Place& place,
                        std::vector<CacheBlock>* caches) {
  const toml::array* blocks = node.as_array();
  if (blocks == nullptr) {
    return WrongType(place, node, "[[cache]], with two brackets, above the keys of each cache");
  }
  if (blocks->empty()) return place.Wrong("is empty; write at least one [[cache]] block");
  for (size_t i = 0; i < blocks->size(); ++i) {
    const toml::node& element = *blocks->get(i);
    const std::string name = StrCat("cache[", i, "]");
    const toml::table* table = element.as_table();
    const int line = LineOf(element.source());
    if (table == nullptr) return WrongType({place.file, line, name}, element, "[[cache]] blocks");
    CacheBlock block;
    block.line = line;
    const std::vector<Entry> entries = EntriesInFileOrder(*table);
    for (const Entry& entry : entries) {
      const Place at{place.file, entry.line, StrCat(name, ".", Printable(entry.name))};
      HPCC_RETURN_IF_ERROR(ReadCacheKey(entry, at, &block));
    }
    HPCC_RETURN_IF_ERROR(CheckKeysFit(entries, name, block, place.file));
    caches->push_back(std::move(block));
  }
  return absl::OkStatus();
}

absl::Status ReadDaemon(const toml::node& node, const Place& place, ConfigFile* file) {
  const toml::table* table = node.as_table();
  if (table == nullptr) return WrongType(place, node, "[daemon] above its keys");
  for (const Entry& entry : EntriesInFileOrder(*table)) {
    const Place at{place.file, entry.line, StrCat("daemon.", Printable(entry.name))};
    if (entry.name == "use") {
      HPCC_RETURN_IF_ERROR(ReadBool(*entry.node, at, &file->daemon_use));
    } else if (entry.name == "autostart") {
      HPCC_RETURN_IF_ERROR(ReadBool(*entry.node, at, &file->daemon_autostart));
    } else if (entry.name == "memory") {
      HPCC_RETURN_IF_ERROR(ReadSize(*entry.node, at, &file->daemon_memory));
    } else {
      return UnknownKey(at, entry.name, kDaemonKeys);
    }
  }
  return absl::OkStatus();
}

absl::Status ReadTexts(const toml::node& node, const Place& place,
                       std::optional<Located<std::vector<std::string>>>* out) {
  const toml::array* array = node.as_array();
  if (array == nullptr) return WrongType(place, node, "an array of text, as [\"…\", \"…\"]");
  *out = Located<std::vector<std::string>>{{}, place.line};
  for (const toml::node& element : *array) {
    const toml::value<std::string>* text = element.as_string();
    if (text == nullptr) return WrongType(place, element, "text in quotes");
    (*out)->value.push_back(text->get());
  }
  return absl::OkStatus();
}

absl::Status ReadSigning(const toml::node& node, const Place& place, ConfigFile* file) {
  const toml::table* table = node.as_table();
  if (table == nullptr) return WrongType(place, node, "[signing] above its keys");
  for (const Entry& entry : EntriesInFileOrder(*table)) {
    const Place at{place.file, entry.line, StrCat("signing.", Printable(entry.name))};
    if (entry.name == "key_file") {
      HPCC_RETURN_IF_ERROR(ReadPath(*entry.node, at, &file->signing_key_file));
    } else if (entry.name == "trusted_keys") {
      HPCC_RETURN_IF_ERROR(ReadTexts(*entry.node, at, &file->signing_trusted_keys));
    } else {
      return UnknownKey(at, entry.name, kSigningKeys);
    }
  }
  return absl::OkStatus();
}

absl::Status ReadRemote(const toml::node& node, const Place& place, RemoteBlock* block) {
  const toml::table* table = node.as_table();
  if (table == nullptr) return WrongType(place, node, "[remote] above its keys");
  const std::span<const std::string_view> known = RemoteKeys();
  for (const Entry& entry : EntriesInFileOrder(*table)) {
    const Place at{place.file, entry.line, StrCat("remote.", Printable(entry.name))};
    if (entry.name == "use") {
      HPCC_RETURN_IF_ERROR(ReadBool(*entry.node, at, &block->use));
      continue;
    }
    if (std::find(known.begin(), known.end(), entry.name) == known.end()) {
      return UnknownKey(at, entry.name, known);
    }
    std::optional<Located<std::string>> text;
    HPCC_RETURN_IF_ERROR(ReadText(*entry.node, at, "text in quotes", &text));
    block->texts.emplace(entry.name, *std::move(text));
  }
  return absl::OkStatus();
}

absl::Status ReadTopKey(const Entry& entry, const Place& place, ConfigFile* file) {
  if (entry.name == "source_mode") {
    return ReadWord(*entry.node, place, "\"direct\" or \"preprocessed\"", ParseSourceMode,
                    &file->source_mode);
  }
  if (entry.name == "disable") return ReadBool(*entry.node, place, &file->disable);
  if (entry.name == "log_file") return ReadPath(*entry.node, place, &file->log_file);
  if (entry.name == "paranoid") return ReadBool(*entry.node, place, &file->paranoid);
  if (entry.name == "daemon") return ReadDaemon(*entry.node, place, file);
  if (entry.name == "signing") return ReadSigning(*entry.node, place, file);
  if (entry.name == "remote") return ReadRemote(*entry.node, place, &file->remote);
  if (entry.name == "cache") return ReadCaches(*entry.node, place, &file->cache);
  // The commonest slip: a key of a cache written above or below its block.
  if (IsCacheKey(entry.name)) {
    return place.Wrong("belongs to a cache; write it below a [[cache]] line");
  }
  return UnknownKey(place, entry.name, kTopKeys);
}

// A value without quotes that was meant as text: 10G, direct, ~/cache.
bool IsBareWord(std::string_view value) {
  if (value.empty() || value == "true" || value == "false") return false;
  return std::all_of(value.begin(), value.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           StrContains("~/$._-{}", std::string_view(&c, 1));
  });
}

// The words for a document that isn't TOML. The parser knows the place only; which key it is about
// and what was likely meant is read off the line.
absl::Status SyntaxError(std::string_view text, std::string_view file,
                         const toml::parse_error& error) {
  const int line_number = std::max(1, LineOf(error.source()));
  std::string_view line;
  int number = 1;
  for (const std::string_view candidate : StrSplit(text, '\n')) {
    line = candidate;
    if (number++ == line_number) break;
  }
  std::string_view what = error.description();
  if (what.starts_with("Error while parsing ")) {
    what.remove_prefix(std::min(what.size(), what.find(": ") + 2));
  }
  Place place{file, line_number, ""};
  const size_t equals = line.find('=');
  const std::string_view key = StripBlanks(line.substr(0, equals));
  if (equals == std::string_view::npos || key.empty() || !IsBareWord(key)) {
    return absl::InvalidArgumentError(StrCat(file, ":", line_number, ": not TOML: ", what));
  }
  place.key = std::string(key);
  const std::string_view value =
      StripBlanks(line.substr(equals + 1, line.find('#', equals) - equals - 1));
  std::string hint;
  if (IsBareWord(value)) {
    hint = StrCat("; text stands in quotes: write ", key, " = ", TomlString(value));
  }
  return place.Wrong(StrCat("not TOML: ", what, hint));
}

}  // namespace

absl::StatusOr<ConfigFile> ParseConfigFile(std::string_view text, std::string_view path) {
  const toml::parse_result result = toml::parse(text);
  if (!result) return SyntaxError(text, path, result.error());
  ConfigFile file;
  for (const Entry& entry : EntriesInFileOrder(result.table())) {
    HPCC_RETURN_IF_ERROR(ReadTopKey(entry, Place{path, entry.line, Printable(entry.name)}, &file));
  }
  return file;
}

}  // namespace hpcc
