#ifndef HPCC_BASE_TEXT_MAP_H_
#define HPCC_BASE_TEXT_MAP_H_

// Hash tables of strings in which a view finds what it spells.

#include <functional>
#include <string>
#include <string_view>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"

namespace hpcc {

struct TextHash {
  using is_transparent = void;
  size_t operator()(std::string_view text) const { return std::hash<std::string_view>()(text); }
};

template <typename Value>
using TextMap = absl::flat_hash_map<std::string, Value, TextHash, std::equal_to<>>;
using TextSet = absl::flat_hash_set<std::string, TextHash, std::equal_to<>>;

}  // namespace hpcc

#endif  // HPCC_BASE_TEXT_MAP_H_
