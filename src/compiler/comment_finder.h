#ifndef HPCC_COMPILER_COMMENT_FINDER_H_
#define HPCC_COMPILER_COMMENT_FINDER_H_

#include <cstddef>
#include <string_view>

namespace hpcc {

// Whether what stands at `position` is surely inside a comment. No is the answer to every doubt:
// quotes in front of a comment on its line, raw strings anywhere, lines continued in odd places.
// `line_comments`: // starts a comment, which isn't so in all assembly.
bool IsSurelyInComment(std::string_view text, size_t position, bool line_comments);

}  // namespace hpcc

#endif  // HPCC_COMPILER_COMMENT_FINDER_H_
