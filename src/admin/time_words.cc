#include "admin/time_words.h"

#include <chrono>
#include <optional>

#include "base/strings.h"
#include "base/units.h"

namespace hpcc {

namespace {

// "18" at `*text`'s beginning, which it is taken off; nothing unless there are just so many digits.
std::optional<int> TakeNumber(std::string_view* text, size_t digits) {
  if (text->size() < digits) return std::nullopt;
  int number = 0;
  for (const char c : text->substr(0, digits)) {
    if (c < '0' || c > '9') return std::nullopt;
    number = number * 10 + (c - '0');
  }
  text->remove_prefix(digits);
  return number;
}

bool TakeOneOf(std::string_view* text, std::string_view characters) {
  if (text->empty() || !StrContains(characters, text->substr(0, 1))) return false;
  text->remove_prefix(1);
  return true;
}

std::optional<std::chrono::sys_days> TakeDate(std::string_view* text) {
  const std::optional<int> year = TakeNumber(text, 4);
  if (!year || !TakeOneOf(text, "-")) return std::nullopt;
  const std::optional<int> month = TakeNumber(text, 2);
  if (!month || !TakeOneOf(text, "-")) return std::nullopt;
  const std::optional<int> day = TakeNumber(text, 2);
  if (!day) return std::nullopt;
  const std::chrono::year_month_day date(std::chrono::year(*year),
                                         std::chrono::month(static_cast<unsigned>(*month)),
                                         std::chrono::day(static_cast<unsigned>(*day)));
  // Nanoseconds in 64 bits end in 2262.
  if (!date.ok() || *year < 1970 || *year > 2261) return std::nullopt;
  return std::chrono::sys_days(date);
}

// Seconds since midnight.
std::optional<int> TakeTime(std::string_view* text) {
  const std::optional<int> hour = TakeNumber(text, 2);
  if (!hour || *hour > 23 || !TakeOneOf(text, ":")) return std::nullopt;
  const std::optional<int> minute = TakeNumber(text, 2);
  if (!minute || *minute > 59) return std::nullopt;
  std::optional<int> second = 0;
  if (TakeOneOf(text, ":")) second = TakeNumber(text, 2);
  if (!second || *second > 59) return std::nullopt;
  return (*hour * 60 + *minute) * 60 + *second;
}

std::optional<int64_t> ParseDateAndTime(std::string_view text) {
  const std::optional<std::chrono::sys_days> date = TakeDate(&text);
  if (!date) return std::nullopt;
  std::optional<int> seconds = 0;
  if (TakeOneOf(&text, "T ")) {
    seconds = TakeTime(&text);
    TakeOneOf(&text, "Z");
  }
  if (!seconds || !text.empty()) return std::nullopt;
  return std::chrono::nanoseconds(date->time_since_epoch() + std::chrono::seconds(*seconds))
      .count();
}

}  // namespace

absl::StatusOr<int64_t> ParseMoment(std::string_view text, int64_t now_ns) {
  if (const std::optional<int64_t> moment = ParseDateAndTime(text)) return *moment;
  const absl::StatusOr<std::chrono::milliseconds> ago = ParseDuration(text);
  if (ago.ok()) return now_ns - std::chrono::nanoseconds(*ago).count();
  return absl::InvalidArgumentError(
      StrCat("\"", text,
             "\" is no time; write 2026-11-22T18:05:01Z, 2026-11-22, or 2h for two "
             "hours ago"));
}

}  // namespace hpcc
