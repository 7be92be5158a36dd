#include "compiler/logical_line.h"

#include <cstring>

namespace hpcc {

namespace {

bool IsBlank(char c) {
  return c == ' ' || c == '\t' || c == '\f' || c == '\v';
}

// The offset behind a line continuation that starts at `at` (a backslash, or its trigraph, blanks,
// and the end of the line), or `at` when there is none.
size_t BehindContinuation(std::string_view text, size_t at) {
  size_t next = at;
  if (text[at] == '\\') {
    next = at + 1;
  } else if (text.substr(at, 3) == "\?\?/") {
    next = at + 3;
  } else {
    return at;
  }
  // Compilers accept blanks between the backslash and the end of the line.
  while (next < text.size() && IsBlank(text[next])) ++next;
  if (next < text.size() && text[next] == '\r') ++next;
  return next < text.size() && text[next] == '\n' ? next + 1 : at;
}

// The length of what must be taken verbatim at `at`: a string, a character, or a header name in
// angle brackets; 0 for anything else. None of them goes beyond the line.
size_t VerbatimLength(std::string_view text, size_t at) {
  const char open = text[at];
  if (open == '<') {
    const size_t end = text.find_first_of("> \t\r\n", at + 1);
    return end != std::string_view::npos && text[end] == '>' ? end + 1 - at : 0;
  }
  if (open != '"' && open != '\'') return 0;
  for (size_t i = at + 1; i < text.size() && text[i] != '\n'; ++i) {
    if (text[i] == '\\') {
      ++i;
      if (i < text.size() && text[i] == '\n') return 0;
    } else if (text[i] == open) {
      return i + 1 - at;
    }
  }
  return 0;  // an apostrophe, as in the text of an #error
}

}  // namespace

std::string LogicalLine(std::string_view text, size_t offset) {
  std::string line;
  bool in_comment = false;
  for (size_t i = offset; i < text.size(); ++i) {
    const size_t behind = BehindContinuation(text, i);
    if (behind != i) {
      i = behind - 1;
      continue;
    }
    const std::string_view two = text.substr(i, 2);
    if (in_comment) {
      if (two == "*/") {
        in_comment = false;
        line.push_back(' ');
        ++i;
      }
      continue;
    }
    if (text[i] == '\n' || two == "//") break;
    if (two == "/*") {
      in_comment = true;
      ++i;
      continue;
    }
    const size_t verbatim = VerbatimLength(text, i);
    if (verbatim != 0) {
      line.append(text.substr(i, verbatim));
      i += verbatim - 1;
      continue;
    }
    if (text[i] == '\r') continue;
    // A run of characters that mean nothing here; at least this one.
    size_t end = text.find_first_of("\\?\n/\"'<\r", i + 1);
    if (end == std::string_view::npos) end = text.size();
    line.append(text.substr(i, end - i));
    i = end - 1;
  }
  return line;
}

size_t LogicalLineStart(std::string_view text, size_t offset) {
  while (offset > 0) {
    const size_t newline = text.rfind('\n', offset - 1);
    if (newline == std::string_view::npos) return 0;
    size_t before = newline;
    while (before > 0 && (text[before - 1] == '\r' || IsBlank(text[before - 1]))) --before;
    if (before == 0 || (text[before - 1] != '\\' && text[before - 1] != '/')) return newline + 1;
    if (BehindContinuation(text, before - 1) == before - 1 &&
        (before < 3 || BehindContinuation(text, before - 3) == before - 3)) {
      return newline + 1;
    }
    offset = newline;
  }
  return 0;
}

std::optional<std::string> JoinBrokenWords(std::string_view text) {
  bool broken = false;
  for (size_t at = text.find("\\\n"); at != std::string_view::npos && !broken;
       at = text.find("\\\n", at + 2)) {
    broken = at > 0 && at + 2 < text.size() && IsIdentifierCharacter(text[at - 1]) &&
             IsIdentifierCharacter(text[at + 2]);
  }
  if (!broken) return std::nullopt;
  std::string joined;
  joined.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    const size_t behind = BehindContinuation(text, i);
    if (behind != i) {
      i = behind - 1;
    } else {
      joined.push_back(text[i]);
    }
  }
  return joined;
}

bool IsIdentifierCharacter(char c) {
  // Compilers take a dollar sign, and most of what is not ASCII, for letters.
  return c == '$' || static_cast<unsigned char>(c) >= 0x80 || (c >= 'a' && c <= 'z') ||
         (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

std::string_view SkipBlanks(std::string_view text) {
  while (!text.empty() && IsBlank(text[0])) text.remove_prefix(1);
  return text;
}

std::string_view TakeWord(std::string_view* text) {
  size_t size = 0;
  while (size < text->size() && IsIdentifierCharacter((*text)[size])) ++size;
  const std::string_view word = text->substr(0, size);
  text->remove_prefix(size);
  return word;
}

size_t FindWord(std::string_view text, std::string_view word, size_t from) {
  for (size_t at = text.find(word, from); at != std::string_view::npos;
       at = text.find(word, at + 1)) {
    const bool starts = at == 0 || !IsIdentifierCharacter(text[at - 1]);
    const size_t end = at + word.size();
    if (starts && (end == text.size() || !IsIdentifierCharacter(text[end]))) return at;
  }
  return std::string_view::npos;
}

}  // namespace hpcc
