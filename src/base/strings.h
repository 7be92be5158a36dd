#ifndef HPCC_BASE_STRINGS_H_
#define HPCC_BASE_STRINGS_H_

// The few string operations hpcc needs, over std::string_view. Debian builds Abseil with a string
// view type of its own, so absl/strings functions don't take ours; Abseil's containers and status
// are used, its string functions are not.

#include <charconv>
#include <concepts>
#include <string>
#include <string_view>
#include <vector>

namespace hpcc {

inline void AppendPiece(std::string* out, std::string_view piece) {
  out->append(piece);
}
inline void AppendPiece(std::string* out, char piece) {
  out->push_back(piece);
}
template <std::integral T>
requires(!std::same_as<T, char> && !std::same_as<T, bool>) void AppendPiece(std::string* out,
                                                                            T number) {
  char digits[24];
  const std::to_chars_result result = std::to_chars(digits, digits + sizeof(digits), number);
  out->append(digits, result.ptr);
}

// How many bytes AppendPiece adds, at most.
inline size_t PieceSize(std::string_view piece) {
  return piece.size();
}
inline size_t PieceSize(char) {
  return 1;
}
template <std::integral T>
requires(!std::same_as<T, char> && !std::same_as<T, bool>) size_t PieceSize(T) {
  return 20;
}

// Appends strings, characters and integers, in order.
template <typename... Pieces>
void StrAppend(std::string* out, const Pieces&... pieces) {
  (AppendPiece(out, pieces), ...);
}

template <typename... Pieces>
std::string StrCat(const Pieces&... pieces) {
  std::string out;
  out.reserve((PieceSize(pieces) + ... + 0));
  StrAppend(&out, pieces...);
  return out;
}

inline bool StrContains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

// "a:b::c" at ':' -> {"a", "b", "", "c"}; "" -> {""}. The views point into `text`.
std::vector<std::string_view> StrSplit(std::string_view text, char separator);
// The views would outlive what they point into.
std::vector<std::string_view> StrSplit(std::string&& text, char separator) = delete;

template <typename Strings>
std::string StrJoin(const Strings& strings, std::string_view separator) {
  std::string out;
  bool first = true;
  for (const auto& string : strings) {
    if (!first) out.append(separator);
    first = false;
    AppendPiece(&out, string);
  }
  return out;
}

// Without the blanks (space, tab, CR, LF) at both ends.
std::string_view StripBlanks(std::string_view text);

// ASCII only.
std::string AsciiLower(std::string_view text);

}  // namespace hpcc

#endif  // HPCC_BASE_STRINGS_H_
