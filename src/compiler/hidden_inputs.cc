#include "compiler/hidden_inputs.h"

#include <cstring>

#include "compiler/logical_line.h"

namespace hpcc {

namespace {

constexpr std::string_view kEmbeddingDirectives[] = {"incbin", "include"};

bool Contains(std::string_view text, std::string_view word) {
  return memmem(text.data(), text.size(), word.data(), word.size()) != nullptr;
}

char Lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

// How many characters of `directive` stand at the start of `text`, in either case.
size_t MatchingPrefix(std::string_view text, std::string_view directive) {
  size_t size = 0;
  while (size < directive.size() && size < text.size() && Lower(text[size]) == directive[size]) {
    ++size;
  }
  return size;
}

// Whether the string literal that ends at the start of `text` goes on in another piece.
bool GoesOnInAnotherPiece(std::string_view text, std::string_view rest_of_directive) {
  if (!text.starts_with('"')) return false;
  text.remove_prefix(1);
  while (!text.empty() && (text[0] == ' ' || text[0] == '\t' || text[0] == '\n' ||
                           text[0] == '\r' || text[0] == '\\')) {
    text.remove_prefix(1);
  }
  if (text.empty()) return false;
  return text[0] == '"' && MatchingPrefix(text.substr(1), rest_of_directive) > 0;
}

// `text` starts behind a dot.
bool MayBeDirective(std::string_view text, std::string_view directive, bool assembler) {
  const size_t size = MatchingPrefix(text, directive);
  const std::string_view behind = text.substr(size);
  if (size < directive.size()) {
    return !assembler && GoesOnInAnotherPiece(behind, directive.substr(size));
  }
  if (assembler || directive == "incbin") return true;
  // Of ".include" in other text, only what assembly would look like.
  return behind.empty() || behind[0] == ' ' || behind[0] == '\t' || behind[0] == '\\' ||
         behind[0] == '"';
}

// Whether what stands at `position` is surely text of a // comment: no string can reach there.
bool InLineComment(std::string_view text, size_t position) {
  const size_t newline = text.rfind('\n', position);
  const size_t start = newline == std::string_view::npos ? 0 : newline + 1;
  const std::string_view above = text.substr(0, newline == std::string_view::npos ? 0 : newline);
  if (above.ends_with('\\') || above.ends_with("\\\r") || above.ends_with("\?\?/")) return false;
  const std::string_view line = text.substr(start, position - start);
  const size_t comment = line.find("//");
  if (comment == std::string_view::npos) return false;
  if (line.substr(0, comment).find_first_of("\"'") != std::string_view::npos) return false;
  // The comment may stand inside another that ends before `position`, or inside a raw string.
  return !Contains(line.substr(comment), "*/") && !Contains(text, "R\"");
}

}  // namespace

bool MayEmbedFiles(std::string_view text, bool assembler) {
  const char* const end = text.data() + text.size();
  for (const char* at = text.data(); at < end; ++at) {
    at = static_cast<const char*>(std::memchr(at, '.', static_cast<size_t>(end - at)));
    if (at == nullptr) return false;
    const std::string_view behind(at + 1, static_cast<size_t>(end - at - 1));
    if (behind.empty() || (Lower(behind[0]) != 'i' && behind[0] != '"')) continue;
    for (const std::string_view directive : kEmbeddingDirectives) {
      if (MayBeDirective(behind, directive, assembler) &&
          (assembler || !InLineComment(text, static_cast<size_t>(at - text.data())))) {
        return true;
      }
    }
  }
  return false;
}

bool NamesDateOrTime(std::string_view text) {
  return Contains(text, "__DATE__") || Contains(text, "__TIME");
}

bool NamesDateOrTimeToPaste(std::string_view text) {
  return ContainsWord(text, "DATE") || ContainsWord(text, "TIME") ||
         ContainsWord(text, "TIMESTAMP");
}

bool ComparesStamps(std::string_view text) {
  for (size_t at = text.find("_Pragma"); at != std::string_view::npos;
       at = text.find("_Pragma", at + 1)) {
    constexpr size_t kReach = 100;  // of what stands between the operator and the word
    if (Contains(text.substr(at, kReach), "dependency")) return true;
  }
  return false;
}

}  // namespace hpcc
