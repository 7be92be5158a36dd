#include "compiler/hidden_inputs.h"

#include <algorithm>
#include <cstring>

#include "compiler/comment_finder.h"
#include "compiler/logical_line.h"

namespace hpcc {

namespace {

// In pieces, or this file itself would seem to embed something.
constexpr std::string_view kIncbin =
    "inc"
    "bin";
constexpr std::string_view kEmbeddingDirectives[] = {kIncbin, "include"};

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

// `text` without what may stand between two pieces of a string literal: blanks, continued lines,
// comments and empty pieces.
std::string_view NextPiece(std::string_view text) {
  for (;;) {
    text.remove_prefix(std::min(text.find_first_not_of(" \t\r\n\v\f\\"), text.size()));
    size_t end = 0;
    if (text.starts_with("\"\"")) {
      end = 2;
    } else if (text.starts_with("//")) {
      end = text.find('\n');
    } else if (text.starts_with("/*")) {
      end = text.find("*/", 2);
      if (end != std::string_view::npos) end += 2;
    } else {
      return text;
    }
    text.remove_prefix(std::min(end, text.size()));
  }
}

// Whether the string literal that ends at the start of `text` goes on with `rest` in its next
// piece.
bool GoesOnInAnotherPiece(std::string_view text, std::string_view rest) {
  if (!text.starts_with('"')) return false;
  const std::string_view next = NextPiece(text.substr(1));
  return next.starts_with('"') && MatchingPrefix(next.substr(1), rest) > 0;
}

// The same where a macro stands for the next piece, or the literal is a macro's and its next piece
// stands where that is used.
bool GoesOnThroughMacro(std::string_view text) {
  if (!text.starts_with('"')) return false;
  const std::string_view next = NextPiece(text.substr(1));
  return next.empty() || next[0] == '#' || IsIdentifierCharacter(next[0]);
}

// Whether `text` goes on with a character written as a number.
bool GoesOnInAnEscape(std::string_view text) {
  if (text.size() < 3 || text[0] != '\\') return false;
  const bool octal = text[1] >= '0' && text[1] <= '7' && text[2] >= '0' && text[2] <= '7';
  return octal || text[1] == 'x' || text[1] == 'u' || text[1] == 'U';
}

// Whether a macro may paste `rest` on: ".inc##bin", or PASTE(.inc, bin).
bool GoesOnByPasting(std::string_view text, std::string_view rest) {
  text = SkipBlanks(text);
  const size_t operator_size = text.starts_with("##") ? 2 : text.starts_with(',') ? 1 : 0;
  return operator_size > 0 &&
         MatchingPrefix(SkipBlanks(text.substr(operator_size)), rest) == rest.size();
}

// Whether what follows `before` in a string may begin a statement of assembly.
bool BeginsStatement(std::string_view before) {
  return before.empty() || before.ends_with('"') || before.ends_with(' ') ||
         before.ends_with(';') || before.ends_with("\\n") || before.ends_with("\\t");
}

// Whether the dot at `position` may make a directive of what is behind it.
bool MayBeDirective(std::string_view text, size_t position, std::string_view directive,
                    bool assembler) {
  const std::string_view from_directive = text.substr(position + 1);
  const size_t size = MatchingPrefix(from_directive, directive);
  const std::string_view behind = from_directive.substr(size);
  if (size < directive.size()) {
    const std::string_view rest = directive.substr(size);
    if (size > 0 && GoesOnByPasting(behind, rest)) return true;
    if (assembler) return false;
    if (GoesOnInAnotherPiece(behind, rest) || GoesOnInAnEscape(behind)) return true;
    return size > 0 && BeginsStatement(text.substr(0, position)) && GoesOnThroughMacro(behind);
  }
  if (assembler || directive == kIncbin) return true;
  // Of ".include" in other text, only what assembly would look like.
  return behind.empty() || behind[0] == ' ' || behind[0] == '\t' || behind[0] == '\\' ||
         behind[0] == '"';
}

}  // namespace

bool MayEmbedFiles(std::string_view text, bool assembler) {
  for (size_t at = text.find('.'); at != std::string_view::npos; at = text.find('.', at + 1)) {
    const char next = at + 1 < text.size() ? Lower(text[at + 1]) : '\0';
    if (next != 'i' && next != '"') continue;
    for (const std::string_view directive : kEmbeddingDirectives) {
      if (MayBeDirective(text, at, directive, assembler) &&
          !IsSurelyInComment(text, at, !assembler)) {
        return true;
      }
    }
  }
  // The dot may be written as a number, or stand in a macro of the assembler.
  for (size_t at = text.find(kIncbin); at != std::string_view::npos;
       at = text.find(kIncbin, at + 1)) {
    if (!IsSurelyInComment(text, at, !assembler)) return true;
  }
  return false;
}

namespace {

// Whether what stands before `behind`, the beginning of a name, may be pasted to its end: "##"
// follows, or the word ends a macro's argument or body. glibc's <bits/types.h> has "__TIME*_T_TYPE"
// in a comment, and no C program does without that header.
bool MayBePastedOn(std::string_view behind) {
  const std::string_view rest = SkipBlanks(behind);
  constexpr std::string_view kEnds = "#%?,)\\/\r\n";
  return rest.empty() || kEnds.find(rest.front()) != std::string_view::npos;
}

}  // namespace

bool NamesDateOrTime(std::string_view text) {
  if (Contains(text, "__DATE__")) return true;
  constexpr std::string_view kStem = "__TIME";
  const char* const end = text.data() + text.size();
  for (const char* at = text.data(); at < end;) {
    at = static_cast<const char*>(
        memmem(at, static_cast<size_t>(end - at), kStem.data(), kStem.size()));
    if (at == nullptr) return false;
    // __TIMER_INITIALIZER is none; a part of the name may be made whole by pasting.
    std::string_view rest(at, static_cast<size_t>(end - at));
    const std::string_view word = TakeWord(&rest);
    for (const std::string_view name : {"__TIME__", "__TIMESTAMP__"}) {
      if (name == word || (name.starts_with(word) && MayBePastedOn(rest))) return true;
    }
    if (rest.starts_with('\\')) return true;  // goes on in the next line
    at += kStem.size();
  }
  return false;
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
