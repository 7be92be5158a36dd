#include "compiler/include_scanner.h"

#include <cstring>

#include "base/strings.h"
#include "compiler/hidden_inputs.h"
#include "compiler/logical_line.h"

namespace hpcc {

namespace {

constexpr std::string_view kHasInclude = "__has_include";
constexpr std::string_view kHasIncludeNext = "__has_include_next";
constexpr std::string_view kHasEmbed = "__has_embed";

size_t FindChar(std::string_view text, char c, size_t from) {
  if (from >= text.size()) return std::string_view::npos;
  const void* found = std::memchr(text.data() + from, c, text.size() - from);
  if (found == nullptr) return std::string_view::npos;
  return static_cast<size_t>(static_cast<const char*>(found) - text.data());
}

// "name" or <name> at the start of `text`.
bool ParseHeaderName(std::string_view text, IncludeDirective* directive) {
  if (text.empty() || (text[0] != '"' && text[0] != '<')) return false;
  const char close = text[0] == '"' ? '"' : '>';
  const size_t end = text.find(close, 1);
  if (end == std::string_view::npos) return false;
  directive->angled = close == '>';
  directive->name = std::string(text.substr(1, end - 1));
  return !directive->name.empty();
}

bool IsTestedForBeingDefined(std::string_view before) {
  while (!before.empty() &&
         (before.back() == ' ' || before.back() == '\t' || before.back() == '(')) {
    before.remove_suffix(1);
  }
  return before.ends_with("defined");
}

// What is asked through `alias` in the condition of an #if.
void AliasCalls(std::string_view condition, std::string_view alias, ScannedText* scanned) {
  for (size_t at = FindWord(condition, alias, 0); at != std::string_view::npos;
       at = FindWord(condition, alias, at + 1)) {
    if (IsTestedForBeingDefined(condition.substr(0, at))) continue;
    std::string_view operand = SkipBlanks(condition.substr(at + alias.size()));
    if (operand.starts_with('(')) operand = SkipBlanks(operand.substr(1));
    IncludeDirective directive;
    // The macro may ask either question: the one about the next file covers both.
    directive.kind = IncludeDirective::Kind::kHasIncludeNext;
    if (ParseHeaderName(operand, &directive)) {
      scanned->directives.push_back(std::move(directive));
    } else {
      scanned->computed_has_include = true;
    }
  }
}

class Scanner {
 public:
  explicit Scanner(std::string_view text)
      : text_(text), names_has_(memmem(text.data(), text.size(), "__has_", 6) != nullptr) {}

  ScannedText Run(bool assembler) {
    for (size_t at = FindChar(text_, '#', 0); at != std::string_view::npos;
         at = FindChar(text_, '#', at + 1)) {
      if (StartsDirective(at)) Directive(at + 1);
    }
    // The digraph and trigraph spellings of the hash sign.
    for (size_t at = FindChar(text_, '%', 0); at != std::string_view::npos;
         at = FindChar(text_, '%', at + 1)) {
      if (text_.substr(at, 2) == "%:" && StartsDirective(at)) Directive(at + 2);
    }
    for (size_t at = FindChar(text_, '?', 0); at != std::string_view::npos;
         at = FindChar(text_, '?', at + 1)) {
      if (text_.substr(at, 3) == "\?\?=" && StartsDirective(at)) Directive(at + 3);
    }
    scanned_.names_date_or_time = NamesDateOrTime(text_);
    scanned_.embeds_files |= MayEmbedFiles(text_, assembler);
    scanned_.depends_on_stamps |= ComparesStamps(text_);
    // clang's pragma, or __pragma, that has another header read than the one named.
    scanned_.computed_include |= StrContains(text_, "include_alias");
    return std::move(scanned_);
  }

 private:
  // Taking a line apart costs far more than looking at it, and most say nothing of what is looked
  // for: conditions and macros matter only for __has_include and for names made by pasting.
  bool IsOfInterest(size_t offset) const {
    std::string_view rest = SkipBlanks(text_.substr(offset));
    if (rest.starts_with('\\') || rest.starts_with('/') || rest.starts_with('?')) return true;
    const std::string_view name = TakeWord(&rest);
    if (rest.starts_with('\\') || rest.starts_with('?')) return true;
    if (name == "if" || name == "elif" || name == "define") {
      if (names_has_) return true;
      const std::string_view line = RawLine(rest);
      return name == "define" ? StrContains(line, "##") : StrContains(line, "include");
    }
    return name == "include" || name == "import" || name == "include_next" || name == "embed" ||
           name == "pragma";
  }

  // Up to the first newline that is not continued.
  static std::string_view RawLine(std::string_view text) {
    size_t end = FindChar(text, '\n', 0);
    while (end != std::string_view::npos && end > 0 && text[end - 1] == '\\') {
      end = FindChar(text, '\n', end + 1);
    }
    return text.substr(0, end);
  }

  // Whether nothing but blanks and the end of a comment stands before `at` on its line.
  bool StartsDirective(size_t at) const {
    while (at > 0) {
      const char c = text_[at - 1];
      if (c == '\n' || (c == '/' && at > 1 && text_[at - 2] == '*')) return true;
      if (c != ' ' && c != '\t' && c != '\f' && c != '\v' && c != '\r') return false;
      --at;
    }
    return true;
  }

  // `offset` is just behind the hash sign.
  void Directive(size_t offset) {
    if (!IsOfInterest(offset)) return;
    const std::string line = LogicalLine(text_, offset);
    std::string_view rest = SkipBlanks(line);
    const std::string_view name = TakeWord(&rest);
    if (name == "include" || name == "import" || name == "include_next") {
      Include(rest, name == "include_next");
      scanned_.once_only |= name == "import";
    } else if (name == "embed") {
      scanned_.embeds_files = true;
    } else if (name == "if" || name == "elif") {
      HasIncludes(rest);
    } else if (name == "define") {
      // A macro that expands to __has_include: what it is asked can't be told from here.
      if (StrContains(rest, kHasInclude) || StrContains(rest, kHasEmbed)) {
        DefinedHasInclude(rest);
      }
      if (StrContains(rest, "##")) Pasting(rest);
    } else if (name == "pragma") {
      if (StrContains(rest, "dependency")) scanned_.depends_on_stamps = true;
      if (StrContains(rest, "system_header")) scanned_.marks_system_header = true;
      if (ContainsWord(rest, "once")) scanned_.once_only = true;
    }
  }

  void Include(std::string_view rest, bool next) {
    IncludeDirective directive;
    directive.kind = next ? IncludeDirective::Kind::kIncludeNext : IncludeDirective::Kind::kInclude;
    rest = SkipBlanks(rest);
    if (ParseHeaderName(rest, &directive)) {
      scanned_.directives.push_back(std::move(directive));
    } else if (!rest.empty() && IsIdentifierCharacter(rest[0])) {
      scanned_.computed_include = true;
    }
  }

  // Every __has_include in the condition of an #if.
  void HasIncludes(std::string_view condition) {
    if (StrContains(condition, kHasEmbed)) scanned_.embeds_files = true;
    if (HasUnfinishedTest(condition)) scanned_.computed_has_include = true;
    scanned_.condition_names_include |=
        ContainsWord(condition, "include") || ContainsWord(condition, "include_next");
    ForEachTest(condition, [&](std::string_view before, bool next, std::string_view operand) {
      if (IsTestedForBeingDefined(before)) return;
      if (!AddTest(next, operand)) scanned_.computed_has_include = true;
    });
  }

  // A macro whose body asks: a literal name between angle brackets is asked for wherever the macro
  // is used; an argument is seen where the macro is used; anything else can't be followed.
  void DefinedHasInclude(std::string_view definition) {
    std::string_view body = SkipBlanks(definition);
    const std::string_view name = TakeWord(&body);
    if (StrContains(body, kHasEmbed)) scanned_.embeds_files = true;
    ForEachTest(body, [&](std::string_view before, bool next, std::string_view operand) {
      if (IsTestedForBeingDefined(before)) return;
      const std::string_view inner =
          operand.starts_with('(') ? SkipBlanks(operand.substr(1)) : operand;
      if (inner.starts_with('"') || name.empty()) {
        scanned_.computed_has_include = true;
      } else if (!AddTest(next, operand)) {
        scanned_.has_include_aliases.emplace_back(name);
      }
    });
  }

  // Whether a piece of the word stands by itself, to be made whole by a macro.
  static bool HasUnfinishedTest(std::string_view text) {
    for (size_t at = text.find("__has_"); at != std::string_view::npos;
         at = text.find("__has_", at + 1)) {
      std::string_view rest = text.substr(at);
      const std::string_view word = TakeWord(&rest);
      if (word.size() < kHasInclude.size() && kHasInclude.starts_with(word)) return true;
    }
    return false;
  }

  // Whether two underscores, a word by themselves, are pasted in front of something and another two
  // behind it.
  static bool PutsUnderscoresAround(std::string_view body) {
    constexpr std::string_view kUnderscores = "__";
    constexpr std::string_view kPaste = "##";
    bool in_front = false;
    for (size_t at = FindWord(body, kUnderscores, 0); at != std::string_view::npos;
         at = FindWord(body, kUnderscores, at + kUnderscores.size())) {
      if (in_front && StripBlanks(body.substr(0, at)).ends_with(kPaste)) return true;
      in_front |= SkipBlanks(body.substr(at + kUnderscores.size())).starts_with(kPaste);
    }
    return false;
  }

  // A macro that makes one of the words looked for out of pieces.
  void Pasting(std::string_view body) {
    scanned_.pastes_reserved_names |= PutsUnderscoresAround(body);
    for (size_t at = body.find("__has_"); at != std::string_view::npos;
         at = body.find("__has_", at + 1)) {
      std::string_view rest = body.substr(at);
      const std::string_view word = TakeWord(&rest);
      if (SkipBlanks(rest).starts_with("##") && kHasIncludeNext.starts_with(word)) {
        scanned_.pastes_has_include = true;
      }
    }
  }

  // Calls `visit` with the text before, whether it is the _next form, and the text behind.
  template <typename Visit>
  static void ForEachTest(std::string_view text, Visit visit) {
    for (size_t at = text.find(kHasInclude); at != std::string_view::npos;
         at = text.find(kHasInclude, at + 1)) {
      std::string_view rest = text.substr(at);
      const std::string_view word = TakeWord(&rest);
      if (word != kHasInclude && word != kHasIncludeNext) continue;
      visit(text.substr(0, at), word == kHasIncludeNext, SkipBlanks(rest));
    }
  }

  // False unless `operand` is a literal header name, in parentheses or not.
  bool AddTest(bool next, std::string_view operand) {
    if (operand.starts_with('(')) operand = SkipBlanks(operand.substr(1));
    IncludeDirective directive;
    directive.kind =
        next ? IncludeDirective::Kind::kHasIncludeNext : IncludeDirective::Kind::kHasInclude;
    if (!ParseHeaderName(operand, &directive)) return false;
    scanned_.directives.push_back(std::move(directive));
    return true;
  }

  std::string_view text_;
  bool names_has_;  // "__has_" stands somewhere
  ScannedText scanned_;
};

}  // namespace

ScannedText ScanForIncludes(std::string_view text, bool assembler) {
  const std::optional<std::string> joined = JoinBrokenWords(text);
  return Scanner(joined ? std::string_view(*joined) : text).Run(assembler);
}

void ScanForAliases(std::string_view text, const std::vector<std::string>& aliases,
                    ScannedText* scanned) {
  for (const std::string& alias : aliases) {
    for (size_t at = text.find(alias); at != std::string_view::npos;
         at = text.find(alias, at + alias.size())) {
      const std::string line = LogicalLine(text, LogicalLineStart(text, at));
      std::string_view rest = SkipBlanks(line);
      if (!rest.starts_with('#')) continue;  // a comment, or text that can't ask
      rest = SkipBlanks(rest.substr(1));
      const std::string_view directive = TakeWord(&rest);
      if (directive == "if" || directive == "elif") {
        AliasCalls(rest, alias, scanned);
      } else if (directive == "define") {
        rest = SkipBlanks(rest);
        const std::string_view defined = TakeWord(&rest);
        // Another macro in terms of this one.
        if (defined != alias && ContainsWord(rest, alias)) scanned->computed_has_include = true;
      }
    }
  }
}

}  // namespace hpcc
