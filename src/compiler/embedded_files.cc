#include "compiler/embedded_files.h"

#include "base/strings.h"
#include "compiler/assembler_words.h"

namespace hpcc {

namespace {

// Without the dot in front of them, or this file itself would seem to embed something.
constexpr std::string_view kBytesDirective =
    "inc"
    "bin";
constexpr std::string_view kSourceDirective = "include";

bool IsWordCharacter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         c == '.' || c == '$';
}

std::string_view SkipBlanks(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  return text;
}

// False: something is named that can't be followed.
bool Find(std::string_view text, std::string_view lower, std::string_view directive,
          std::vector<EmbeddedFile>* files) {
  for (size_t at = lower.find(directive); at != std::string_view::npos;
       at = lower.find(directive, at + 1)) {
    std::string_view rest = text.substr(at + directive.size());
    const bool dotted = at > 0 && text[at - 1] == '.';
    const bool whole = (at < 2 || !IsWordCharacter(text[at - 2])) &&
                       (rest.empty() || !IsWordCharacter(rest.front()));
    if (!dotted || !whole) continue;
    rest = SkipBlanks(rest);
    if (!rest.starts_with('"')) return false;
    const size_t end = rest.find('"', 1);
    if (end == std::string_view::npos) return false;
    const std::string_view name = rest.substr(1, end - 1);
    if (name.empty() || name.find_first_of("\\\n") != std::string_view::npos) return false;
    files->push_back({std::string(name), directive == kSourceDirective});
  }
  return true;
}

}  // namespace

std::optional<std::vector<EmbeddedFile>> FindEmbeddedFiles(std::string_view text) {
  const std::string lower = AsciiLower(text);
  std::vector<EmbeddedFile> files;
  if (!Find(text, lower, kBytesDirective, &files)) return std::nullopt;
  if (!Find(text, lower, kSourceDirective, &files)) return std::nullopt;
  return files;
}

std::vector<std::string> AssemblerSearchDirectories(const Invocation& invocation) {
  std::vector<std::string> directories;
  for (const SearchDirectory& directory : invocation.search) directories.push_back(directory.path);
  AssemblerWordReader reader;
  for (const Argument& argument : invocation.arguments) {
    for (const std::string_view text : AssemblerWordsOf(argument)) {
      const AssemblerWord word = reader.Read(text);
      if (word.effect == AssemblerEffect::kSearchPath) directories.emplace_back(word.directory);
    }
  }
  return directories;
}

}  // namespace hpcc
