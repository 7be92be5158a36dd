#ifndef HPCC_BASE_NEAREST_NAME_H_
#define HPCC_BASE_NEAREST_NAME_H_

// "Did you mean": the known name a mistyped one most likely stands for.

#include <span>
#include <string_view>

namespace hpcc {

// The candidate with the fewest edits (insert, drop, replace, swap of neighbours; case and '-'
// against '_' count as no edit) from `word`, or "" when none is near enough to be meant: a third of
// the word's letters may be wrong, at least one. Of equals one that starts with `word`, else the
// first. Names over 64 characters are never near.
std::string_view NearestName(std::string_view word, std::span<const std::string_view> candidates);

}  // namespace hpcc

#endif  // HPCC_BASE_NEAREST_NAME_H_
