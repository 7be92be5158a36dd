#ifndef HPCC_COMPILER_LOGICAL_LINE_H_
#define HPCC_COMPILER_LOGICAL_LINE_H_

// The first phases of translation (ISO C 5.1.1.2), as far as finding directives needs them.

#include <optional>
#include <string>
#include <string_view>

namespace hpcc {

// The logical line from `offset` on: continued lines joined, comments turned into a space, ended by
// a newline.
std::string LogicalLine(std::string_view text, size_t offset);

// Where the logical line around `offset` starts.
size_t LogicalLineStart(std::string_view text, size_t offset);

// `text` with continued lines joined, when some line is continued in the middle of a word; nothing
// otherwise, which is the rule.
std::optional<std::string> JoinBrokenWords(std::string_view text);

bool IsIdentifierCharacter(char c);
std::string_view SkipBlanks(std::string_view text);
// Takes the identifier at the start of `*text`; "" when there is none.
std::string_view TakeWord(std::string_view* text);
// The first place from `from` on where `word` stands as a whole word, or npos.
size_t FindWord(std::string_view text, std::string_view word, size_t from);
inline bool ContainsWord(std::string_view text, std::string_view word) {
  return FindWord(text, word, 0) != std::string_view::npos;
}

}  // namespace hpcc

#endif  // HPCC_COMPILER_LOGICAL_LINE_H_
