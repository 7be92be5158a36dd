#include "cli/text.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <ctime>

#include "base/strings.h"
#include "base/units.h"

namespace hpcc {

namespace {

constexpr int64_t kNanosecondsPerSecond = 1'000'000'000;

std::string FormatUtc(int64_t nanoseconds, const char* format) {
  const std::time_t seconds = nanoseconds / kNanosecondsPerSecond;
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  char text[64];
  return std::string(text, std::strftime(text, sizeof(text), format, &parts));
}

bool NeedsQuotes(std::string_view word) {
  if (word.empty()) return true;
  constexpr std::string_view kSafe =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-+=/.,:@%^";
  return word.find_first_not_of(kSafe) != std::string_view::npos;
}

}  // namespace

void TextTable::Row(std::string_view label, std::string_view value, int indent) {
  rows_.emplace_back(StrCat(std::string(2 * indent, ' '), label), std::string(value));
}

std::string TextTable::ToString() const {
  size_t width = 0;
  for (const auto& [label, value] : rows_) width = std::max(width, label.size());
  std::string text;
  for (const auto& [label, value] : rows_) {
    if (value.empty()) {
      StrAppend(&text, label, "\n");
    } else {
      StrAppend(&text, label, std::string(width - label.size() + 2, ' '), value, "\n");
    }
  }
  return text;
}

std::string FormatTime(int64_t nanoseconds_since_epoch) {
  return FormatUtc(nanoseconds_since_epoch, "%Y-%m-%d %H:%M:%S UTC");
}

std::string FormatIsoTime(int64_t nanoseconds_since_epoch) {
  return FormatUtc(nanoseconds_since_epoch, "%Y-%m-%dT%H:%M:%SZ");
}

std::string FormatTimeAndAge(int64_t nanoseconds_since_epoch, int64_t now_nanoseconds) {
  const std::string time = FormatTime(nanoseconds_since_epoch);
  if (nanoseconds_since_epoch > now_nanoseconds) return time;
  const int64_t seconds = (now_nanoseconds - nanoseconds_since_epoch) / kNanosecondsPerSecond;
  if (seconds == 0) return StrCat(time, " (just now)");
  return StrCat(time, " (", FormatDuration(std::chrono::seconds(seconds)), " ago)");
}

std::string FormatShare(uint64_t part, uint64_t whole) {
  if (whole == 0) return "-";
  char text[32];
  std::snprintf(text, sizeof(text), "%.1f%%",
                100.0 * static_cast<double>(part) / static_cast<double>(whole));
  return text;
}

std::string Counted(uint64_t count, std::string_view singular, std::string_view plural) {
  return StrCat(count, " ", count == 1 ? singular : plural);
}

std::string Printable(std::string_view text) {
  constexpr char kHex[] = "0123456789abcdef";
  std::string printable;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7f) {
      StrAppend(&printable, "\\x", kHex[byte >> 4], kHex[byte & 15]);
    } else {
      printable.push_back(c);
    }
  }
  return printable;
}

std::string ShellWords(const std::vector<std::string>& words) {
  std::string line;
  for (const std::string& word : words) {
    if (!line.empty()) line.push_back(' ');
    if (!NeedsQuotes(word)) {
      line.append(word);
      continue;
    }
    line.push_back('\'');
    for (const char c : word) {
      if (c == '\'') {
        line.append("'\\''");
      } else {
        line.push_back(c);
      }
    }
    line.push_back('\'');
  }
  return line;
}

}  // namespace hpcc
