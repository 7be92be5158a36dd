#include "compiler/comment_finder.h"

#include <algorithm>

#include "base/strings.h"
#include "compiler/logical_line.h"

namespace hpcc {

namespace {

constexpr size_t kNone = std::string_view::npos;

bool IsContinued(std::string_view line) {
  return line.ends_with('\\') || line.ends_with("\\\r") || line.ends_with("\?\?/") ||
         line.ends_with("\?\?/\r");
}

size_t LineStart(std::string_view text, size_t position) {
  const size_t newline = position == 0 ? kNone : text.rfind('\n', position - 1);
  return newline == kNone ? 0 : newline + 1;
}

// Whether the line that starts at `start` goes on from the one above.
bool ContinuesAbove(std::string_view text, size_t start) {
  if (start == 0) return false;
  const std::string_view above = text.substr(0, start - 1);
  return IsContinued(above);
}

// `before` is what stands on the line in front of something that looks like a comment's start:
// whether it surely is one.
bool SurelyStartsComment(std::string_view before) {
  if (before.find_first_of("\"'") != kNone || StrContains(before, "//")) return false;
  // The name between the brackets of an include may hold anything.
  return !StrContains(before, "<") || !StripBlanks(before).starts_with('#');
}

// Walks over the comments of /* and */ in front of a position.
class BlockComments {
 public:
  explicit BlockComments(std::string_view text) : text_(text) {}

  bool Contain(size_t position) {
    size_t from = 0;
    while (true) {
      const size_t open = text_.find("/*", from);
      if (open == kNone || open >= position) return false;
      const size_t close = text_.find("*/", open + 2);
      const size_t end = close == kNone ? text_.size() : close + 2;
      if (IsSure(from, open, end)) {
        if (position < end) return true;
        from = end;
        continue;
      }
      // Comment or string, it ends with its line if nothing else starts there.
      const size_t line_end = std::min(text_.find('\n', open), text_.size());
      const std::string_view rest = text_.substr(std::min(end, line_end), line_end - end);
      if (end > line_end || position < line_end || StrContains(rest, "/*") ||
          IsContinued(text_.substr(0, line_end))) {
        return false;
      }
      from = line_end;
    }
  }

 private:
  // `from` is the end of the comment before.
  bool IsSure(size_t from, size_t open, size_t end) const {
    const size_t start = LineStart(text_, open);
    if (ContinuesAbove(text_, start)) return false;
    const size_t visible = std::max(from, start);
    if (!SurelyStartsComment(text_.substr(visible, open - visible))) return false;
    // The end may be written across two lines.
    const std::string_view body = text_.substr(open, end - open);
    return !StrContains(body, "*\\\n") && !StrContains(body, "*\\\r") &&
           !StrContains(body, "*\?\?/");
  }

  std::string_view text_;
};

bool InLineComment(std::string_view text, size_t position) {
  const size_t start = LineStart(text, position);
  if (ContinuesAbove(text, start)) return false;
  const std::string_view line = text.substr(start, position - start);
  const size_t comment = line.find("//");
  if (comment == kNone || line.substr(0, comment).find_first_of("\"'") != kNone) return false;
  // It may stand inside a comment of the other kind that ends before `position`.
  return !StrContains(line.substr(comment), "*/");
}

// Whether a raw string may begin somewhere: R", with or without an encoding in front, that is no
// end of a longer name. ("FOR" is none, and every parser made by bison has it.)
bool MayHoldRawString(std::string_view text) {
  constexpr std::string_view kEncodings[] = {"", "u8", "u", "U", "L"};
  for (size_t at = text.find("R\""); at != kNone; at = text.find("R\"", at + 1)) {
    const std::string_view before = text.substr(0, at);
    for (const std::string_view encoding : kEncodings) {
      if (!before.ends_with(encoding)) continue;
      const std::string_view outside = before.substr(0, before.size() - encoding.size());
      if (outside.empty() || !IsIdentifierCharacter(outside.back())) return true;
    }
  }
  return false;
}

}  // namespace

bool IsSurelyInComment(std::string_view text, size_t position, bool line_comments) {
  if (MayHoldRawString(text)) return false;
  if (line_comments && InLineComment(text, position)) return true;
  return BlockComments(text).Contain(position);
}

}  // namespace hpcc
