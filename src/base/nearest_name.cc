#include "base/nearest_name.h"

#include <algorithm>
#include <array>

namespace hpcc {

namespace {

constexpr size_t kMaxLength = 64;

char Fold(char c) {
  if (c == '_') return '-';
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

// Edits between two names of at most kMaxLength, by the usual table of which three rows are alive.
size_t EditDistance(std::string_view a, std::string_view b) {
  using Row = std::array<size_t, kMaxLength + 1>;
  Row before_last{};
  Row last{};
  Row current{};
  for (size_t j = 0; j <= b.size(); ++j) last[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    current[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const bool same = Fold(a[i - 1]) == Fold(b[j - 1]);
      current[j] = std::min({last[j] + 1, current[j - 1] + 1, last[j - 1] + (same ? 0 : 1)});
      if (i > 1 && j > 1 && Fold(a[i - 1]) == Fold(b[j - 2]) && Fold(a[i - 2]) == Fold(b[j - 1])) {
        current[j] = std::min(current[j], before_last[j - 2] + 1);
      }
    }
    before_last = last;
    last = current;
  }
  return last[b.size()];
}

bool StartsWithFolded(std::string_view name, std::string_view word) {
  return name.size() >= word.size() &&
         std::equal(word.begin(), word.end(), name.begin(),
                    [](char a, char b) { return Fold(a) == Fold(b); });
}

}  // namespace

std::string_view NearestName(std::string_view word, std::span<const std::string_view> candidates) {
  if (word.empty() || word.size() > kMaxLength) return {};
  std::string_view nearest;
  size_t allowed = std::max<size_t>(1, word.size() / 3);
  for (const std::string_view candidate : candidates) {
    if (candidate.size() > kMaxLength) continue;
    const size_t distance = EditDistance(word, candidate);
    // A name all of whose letters would change is not meant, however short it is.
    if (distance > allowed || distance >= candidate.size()) continue;
    // A word left unfinished is likelier than a letter forgotten in the middle.
    const bool better_of_equals =
        StartsWithFolded(candidate, word) && !StartsWithFolded(nearest, word);
    if (nearest.empty() || distance < allowed || better_of_equals) nearest = candidate;
    allowed = distance;
  }
  return nearest;
}

}  // namespace hpcc
