#include "base/units.h"

#include <array>
#include <cstdio>
#include <limits>
#include <optional>

#include "absl/status/status.h"
#include "base/strings.h"

namespace hpcc {

namespace {

bool IsDigit(char c) {
  return c >= '0' && c <= '9';
}

char AsciiLowerCase(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

// A decimal number split at its point, and what follows it.
struct Quantity {
  uint64_t whole = 0;
  uint64_t millionths = 0;  // digits beyond the sixth are below anything a unit here resolves
  bool has_fraction = false;
  std::string_view suffix;
};

// Nullopt when `text` doesn't begin with a digit, or the number is too large to hold.
std::optional<Quantity> SplitQuantity(std::string_view text) {
  text = StripBlanks(text);
  Quantity quantity;
  size_t at = 0;
  for (; at < text.size() && IsDigit(text[at]); ++at) {
    const uint64_t digit = text[at] - '0';
    if (quantity.whole > (std::numeric_limits<uint64_t>::max() - digit) / 10) return std::nullopt;
    quantity.whole = quantity.whole * 10 + digit;
  }
  if (at == 0) return std::nullopt;
  if (at < text.size() && text[at] == '.') {
    const size_t point = at++;
    quantity.has_fraction = true;
    uint64_t scale = 100'000;
    for (; at < text.size() && IsDigit(text[at]); ++at, scale /= 10) {
      quantity.millionths += scale * (text[at] - '0');
    }
    if (at == point + 1) return std::nullopt;
  }
  quantity.suffix = StripBlanks(text.substr(at));
  return quantity;
}

// whole * unit + fraction * unit, or nullopt when that is beyond 64 bits. `unit` is at most 2^40,
// so a million of it still fits.
std::optional<uint64_t> Scale(const Quantity& quantity, uint64_t unit) {
  const uint64_t fraction = quantity.millionths * unit / 1'000'000;
  if (quantity.whole > (std::numeric_limits<uint64_t>::max() - fraction) / unit) {
    return std::nullopt;
  }
  return quantity.whole * unit + fraction;
}

// The unit a size's suffix stands for, or nullopt.
std::optional<uint64_t> ByteUnit(std::string_view suffix) {
  if (!suffix.empty() && AsciiLowerCase(suffix.back()) == 'b') suffix.remove_suffix(1);
  if (suffix.empty()) return 1;
  if (suffix.size() == 2 && suffix[1] == 'i') suffix.remove_suffix(1);
  if (suffix.size() != 1) return std::nullopt;
  constexpr std::string_view kLetters = "kmgt";
  const size_t power = kLetters.find(AsciiLowerCase(suffix[0]));
  if (power == std::string_view::npos) return std::nullopt;
  return uint64_t{1} << (10 * (power + 1));
}

// Milliseconds in one of a duration's unit, or nullopt.
std::optional<uint64_t> DurationUnit(std::string_view suffix) {
  if (suffix == "ms") return 1;
  if (suffix == "s") return 1000;
  if (suffix == "m" || suffix == "min") return 60'000;
  if (suffix == "h") return 3'600'000;
  if (suffix == "d") return 86'400'000;
  if (suffix == "w") return 7 * uint64_t{86'400'000};
  return std::nullopt;
}

// "3.4", "12", "512": one decimal unless it is zero or the number is long without it.
std::string OneDecimal(double value) {
  char digits[32];
  std::snprintf(digits, sizeof(digits), value >= 99.95 ? "%.0f" : "%.1f", value);
  std::string text = digits;
  if (text.ends_with(".0")) text.resize(text.size() - 2);
  return text;
}

std::string TwoUnits(uint64_t large, std::string_view large_name, uint64_t small,
                     std::string_view small_name) {
  if (small == 0) return StrCat(large, " ", large_name);
  return StrCat(large, " ", large_name, " ", small, " ", small_name);
}

}  // namespace

absl::StatusOr<uint64_t> ParseByteSize(std::string_view text) {
  const auto wrong = [text] {
    return absl::InvalidArgumentError(StrCat(
        "\"", text, "\" is not a size; write a number with k, M, G or T behind it, such as 10G"));
  };
  const std::optional<Quantity> quantity = SplitQuantity(text);
  if (!quantity) return wrong();
  const std::optional<uint64_t> unit = ByteUnit(quantity->suffix);
  if (!unit || (*unit == 1 && quantity->has_fraction)) return wrong();
  const std::optional<uint64_t> bytes = Scale(*quantity, *unit);
  if (!bytes) return wrong();
  return *bytes;
}

absl::StatusOr<std::chrono::milliseconds> ParseDuration(std::string_view text) {
  const auto wrong = [text] {
    return absl::InvalidArgumentError(StrCat(
        "\"", text,
        "\" is not a duration; write a number with ms, s, m, h, d or w behind it, such as 30d"));
  };
  const std::optional<Quantity> quantity = SplitQuantity(text);
  if (!quantity) return wrong();
  const std::optional<uint64_t> unit = DurationUnit(quantity->suffix);
  if (!unit) return wrong();
  const std::optional<uint64_t> milliseconds = Scale(*quantity, *unit);
  // Callers count in nanoseconds: what doesn't fit there is no sensible duration.
  constexpr uint64_t kMaxMilliseconds = std::numeric_limits<int64_t>::max() / 1'000'000;
  if (!milliseconds || *milliseconds > kMaxMilliseconds) return wrong();
  return std::chrono::milliseconds(*milliseconds);
}

std::string FormatBytes(uint64_t bytes) {
  constexpr std::array<std::string_view, 7> kUnits = {"B",   "KiB", "MiB", "GiB",
                                                      "TiB", "PiB", "EiB"};
  double value = static_cast<double>(bytes);
  size_t unit = 0;
  // 1023.96 KiB would be printed as 1024 KiB: go on to the next unit before that.
  while (unit + 1 < kUnits.size() && value >= (unit == 0 ? 1024 : 1023.5)) {
    value /= 1024;
    ++unit;
  }
  return StrCat(OneDecimal(value), " ", kUnits[unit]);
}

std::string FormatDuration(std::chrono::nanoseconds duration) {
  if (duration.count() < 0) {
    // The most negative count has no positive twin.
    if (duration == std::chrono::nanoseconds::min()) duration += std::chrono::nanoseconds(1);
    return StrCat("-", FormatDuration(-duration));
  }
  const double count = static_cast<double>(duration.count());
  if (duration.count() == 0) return "0 s";
  if (duration.count() < 1000) return StrCat(duration.count(), " ns");
  if (count < 999.5e3) return StrCat(OneDecimal(count / 1e3), " us");
  if (count < 999.5e6) return StrCat(OneDecimal(count / 1e6), " ms");
  if (count < 59.95e9) return StrCat(OneDecimal(count / 1e9), " s");
  const uint64_t seconds = (static_cast<uint64_t>(duration.count()) + 500'000'000) / 1'000'000'000;
  if (seconds < 3600) return TwoUnits(seconds / 60, "min", seconds % 60, "s");
  if (seconds < 86'400) return TwoUnits(seconds / 3600, "h", seconds % 3600 / 60, "min");
  return TwoUnits(seconds / 86'400, "d", seconds % 86'400 / 3600, "h");
}

}  // namespace hpcc
