#include "compiler/flag_table.h"

#include <algorithm>

namespace hpcc {
namespace {

bool TakesRestOfWord(ValueForm form) {
  return form == ValueForm::kJoined || form == ValueForm::kJoinedOrSeparate ||
         form == ValueForm::kCommaJoined;
}

}  // namespace

const FlagRow* FlagTable::Find(std::string_view word) const {
  std::string_view prefix = word;
  while (!prefix.empty()) {
    auto after = std::upper_bound(
        rows_.begin(), rows_.end(), prefix,
        [](std::string_view wanted, const FlagRow& row) { return wanted < row.name; });
    if (after == rows_.begin()) return nullptr;
    const FlagRow& row = *std::prev(after);
    // Every name that `prefix` begins with sorts between that name and `prefix`, so the row before
    // the bound shares at least that name with `prefix`: looking again for the shared part can't
    // step over a match.
    const auto difference =
        std::mismatch(prefix.begin(), prefix.end(), row.name.begin(), row.name.end());
    const size_t shared = static_cast<size_t>(difference.first - prefix.begin());
    if (shared < row.name.size()) {
      prefix = prefix.substr(0, shared);
      continue;
    }
    if (row.name.size() == word.size() || TakesRestOfWord(row.form)) return &row;
    prefix = prefix.substr(0, row.name.size() - 1);
  }
  return nullptr;
}

bool IsSortedAndUnique(std::span<const FlagRow> rows) {
  return std::adjacent_find(rows.begin(), rows.end(), [](const FlagRow& a, const FlagRow& b) {
           return a.name >= b.name;
         }) == rows.end();
}

}  // namespace hpcc
