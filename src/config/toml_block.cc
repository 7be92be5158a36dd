#include "config/toml_block.h"

#include <algorithm>
#include <map>
#include <utility>

#define TOML_EXCEPTIONS 0
#define TOML_ENABLE_FORMATTERS 0
#include <toml++/toml.h>

#include "base/nearest_name.h"
#include "base/strings.h"
#include "base/units.h"
#include "config/config_values.h"

namespace hpcc {

struct TomlBlock::Node {
  const toml::table* table = nullptr;  // null: the block is not in the file
  std::string name;                    // "tenant[0]."; "" for the top
  int line = 0;
  std::vector<std::string> asked;
};

struct TomlBlock::File {
  std::string name;
  toml::table root;
  std::vector<std::shared_ptr<Node>> nodes;  // every block somebody has
  absl::Status mistake;                      // the first

  void Note(int line, std::string_view key, std::string_view what) {
    if (mistake.ok()) {
      mistake = absl::InvalidArgumentError(StrCat(name, ":", line, ": ", key, ": ", what));
    }
  }
};

namespace {

int LineOf(const toml::source_region& region) {
  return static_cast<int>(region.begin.line);
}

// A key as it can be printed on one line.
std::string Printable(std::string_view key) {
  const bool plain = !key.empty() && std::all_of(key.begin(), key.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-';
  });
  return plain ? std::string(key) : TomlString(key);
}

}  // namespace

absl::StatusOr<TomlBlock> TomlBlock::Parse(std::string_view text, std::string_view file) {
  toml::parse_result parsed = toml::parse(text);
  if (!parsed) {
    return absl::InvalidArgumentError(
        StrCat(file, ":", LineOf(parsed.error().source()), ": ", parsed.error().description()));
  }
  auto whole = std::make_shared<File>();
  whole->name = file;
  whole->root = std::move(parsed).table();
  auto top = std::make_shared<Node>();
  top->table = &whole->root;
  top->line = 1;
  whole->nodes.push_back(top);
  return TomlBlock(std::move(whole), std::move(top));
}

// The value of a key, which has been asked for now; null when it is missing.
static const toml::node* Ask(const toml::table* table, std::vector<std::string>* asked,
                             std::string_view key) {
  asked->emplace_back(key);
  return table == nullptr ? nullptr : table->get(key);
}

void TomlBlock::Fail(std::string_view key, std::string_view what) {
  const toml::node* node = node_->table == nullptr ? nullptr : node_->table->get(key);
  const int line = node == nullptr ? node_->line : LineOf(node->source());
  file_->Note(line, StrCat(node_->name, key), what);
}

bool TomlBlock::Has(std::string_view key) const {
  return node_->table != nullptr && node_->table->contains(key);
}

std::optional<std::string> TomlBlock::Text(std::string_view key) {
  const toml::node* node = Ask(node_->table, &node_->asked, key);
  if (node == nullptr) return std::nullopt;
  const toml::value<std::string>* text = node->as_string();
  if (text == nullptr) {
    Fail(key, "write text in quotes");
  } else if (text->get().empty()) {
    Fail(key, "is empty; leave the key out instead");
  } else {
    return text->get();
  }
  return std::nullopt;
}

std::optional<bool> TomlBlock::Switch(std::string_view key) {
  const toml::node* node = Ask(node_->table, &node_->asked, key);
  if (node == nullptr) return std::nullopt;
  if (const toml::value<bool>* value = node->as_boolean(); value != nullptr) return value->get();
  Fail(key, "write true or false");
  return std::nullopt;
}

std::optional<uint64_t> TomlBlock::Number(std::string_view key, uint64_t least, uint64_t most) {
  const toml::node* node = Ask(node_->table, &node_->asked, key);
  if (node == nullptr) return std::nullopt;
  const toml::value<int64_t>* value = node->as_integer();
  const bool fits = value != nullptr && value->get() >= 0 &&
                    static_cast<uint64_t>(value->get()) >= least &&
                    static_cast<uint64_t>(value->get()) <= most;
  if (fits) return static_cast<uint64_t>(value->get());
  Fail(key, StrCat("write a whole number from ", least, " to ", most));
  return std::nullopt;
}

std::optional<uint64_t> TomlBlock::Size(std::string_view key) {
  const toml::node* node = Ask(node_->table, &node_->asked, key);
  if (node == nullptr) return std::nullopt;
  if (const toml::value<int64_t>* bytes = node->as_integer(); bytes != nullptr) {
    if (bytes->get() >= 0) return static_cast<uint64_t>(bytes->get());
  } else if (const toml::value<std::string>* text = node->as_string(); text != nullptr) {
    const absl::StatusOr<uint64_t> size = ParseByteSize(text->get());
    if (size.ok()) return *size;
  }
  Fail(key, "write a size such as \"10G\", or bytes as a whole number");
  return std::nullopt;
}

std::optional<std::chrono::milliseconds> TomlBlock::Duration(std::string_view key,
                                                             std::chrono::milliseconds least,
                                                             std::chrono::milliseconds most) {
  const toml::node* node = Ask(node_->table, &node_->asked, key);
  if (node == nullptr) return std::nullopt;
  if (const toml::value<std::string>* text = node->as_string(); text != nullptr) {
    const absl::StatusOr<std::chrono::milliseconds> duration = ParseDuration(text->get());
    if (duration.ok() && *duration >= least && *duration <= most) return *duration;
  }
  Fail(key, StrCat("write a time from \"", least.count(), "ms\" to \"", most.count(),
                   "ms\", such as \"30s\" or \"12h\""));
  return std::nullopt;
}

std::vector<std::string> TomlBlock::Texts(std::string_view key) {
  const toml::node* node = Ask(node_->table, &node_->asked, key);
  if (node == nullptr) return {};
  std::vector<std::string> texts;
  const toml::array* array = node->as_array();
  for (size_t i = 0; array != nullptr && i < array->size(); ++i) {
    const toml::value<std::string>* text = array->get(i)->as_string();
    if (text == nullptr || text->get().empty()) {
      array = nullptr;
    } else {
      texts.push_back(text->get());
    }
  }
  if (array != nullptr) return texts;
  Fail(key, "write an array of texts in quotes");
  return {};
}

TomlBlock TomlBlock::Sub(std::shared_ptr<Node> node) {
  file_->nodes.push_back(node);
  return TomlBlock(file_, std::move(node));
}

TomlBlock TomlBlock::Block(std::string_view key) {
  const toml::node* found = Ask(node_->table, &node_->asked, key);
  auto node = std::make_shared<Node>();
  node->name = StrCat(node_->name, key, ".");
  node->line = node_->line;
  if (found != nullptr) {
    node->line = LineOf(found->source());
    node->table = found->as_table();
    if (node->table == nullptr) Fail(key, StrCat("write [", key, "] above its keys"));
  }
  return Sub(std::move(node));
}

std::vector<TomlBlock> TomlBlock::Blocks(std::string_view key) {
  const toml::node* found = Ask(node_->table, &node_->asked, key);
  if (found == nullptr) return {};
  std::vector<TomlBlock> blocks;
  const toml::array* array = found->as_array();
  for (size_t i = 0; array != nullptr && i < array->size(); ++i) {
    auto node = std::make_shared<Node>();
    node->name = StrCat(node_->name, key, "[", i, "].");
    node->line = LineOf(array->get(i)->source());
    node->table = array->get(i)->as_table();
    if (node->table == nullptr) {
      array = nullptr;
    } else {
      blocks.push_back(Sub(std::move(node)));
    }
  }
  if (array == nullptr) {
    Fail(key, StrCat("write [[", key, "]], with two brackets, above the keys of each"));
  }
  return blocks;
}

absl::Status TomlBlock::Finish() const {
  // An unknown key is most often a known one mistyped, and then what seems missing is not.
  for (const std::shared_ptr<Node>& node : file_->nodes) {
    if (node->table == nullptr) continue;
    for (const auto& [key, value] : *node->table) {
      const std::string_view name = key.str();
      if (std::find(node->asked.begin(), node->asked.end(), name) != node->asked.end()) continue;
      const std::vector<std::string_view> known(node->asked.begin(), node->asked.end());
      const std::string_view nearest = NearestName(name, known);
      return absl::InvalidArgumentError(
          StrCat(file_->name, ":", LineOf(key.source()), ": ", node->name, Printable(name),
                 ": unknown key; ",
                 nearest.empty() ? StrCat("the keys known here are ", StrJoin(known, ", "))
                                 : StrCat("did you mean ", nearest, "?")));
    }
  }
  return file_->mistake;
}

}  // namespace hpcc
