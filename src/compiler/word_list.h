#ifndef HPCC_COMPILER_WORD_LIST_H_
#define HPCC_COMPILER_WORD_LIST_H_

// Whether a word stands in a list, or begins with one of it. For the short constant lists of words
// that the grammars and the policies go by.

#include <algorithm>
#include <iterator>
#include <string_view>

namespace hpcc {

template <typename List>
bool IsOneOf(std::string_view word, const List& list) {
  return std::find(std::begin(list), std::end(list), word) != std::end(list);
}

template <typename List>
bool BeginsWithOneOf(std::string_view word, const List& list) {
  return std::any_of(std::begin(list), std::end(list),
                     [&](std::string_view start) { return word.starts_with(start); });
}

}  // namespace hpcc

#endif  // HPCC_COMPILER_WORD_LIST_H_
