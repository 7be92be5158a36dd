#include "scheduler/names.h"

#include <algorithm>
#include <charconv>
#include <cstdint>

#include "scheduler/limits.h"

namespace hpcc {

namespace {

bool IsLower(char c) {
  return c >= 'a' && c <= 'z';
}
bool IsUpper(char c) {
  return c >= 'A' && c <= 'Z';
}
bool IsDigit(char c) {
  return c >= '0' && c <= '9';
}
bool IsMark(char c) {
  return c == '.' || c == '_' || c == '-';
}

bool IsName(std::string_view name, size_t most, bool upper) {
  const auto letter = [upper](char c) { return IsLower(c) || IsDigit(c) || (upper && IsUpper(c)); };
  return !name.empty() && name.size() <= most && letter(name[0]) &&
         std::all_of(name.begin(), name.end(), [&](char c) { return letter(c) || IsMark(c); });
}

}  // namespace

bool IsTenantName(std::string_view name) {
  return IsName(name, kMaxTenantName, /*upper=*/false);
}

bool IsWorkerName(std::string_view name) {
  return IsName(name, kMaxWorkerName, /*upper=*/true);
}

bool IsImageName(std::string_view name) {
  return !name.empty() && name.size() <= kMaxImageName &&
         std::all_of(name.begin(), name.end(), [](char c) { return c > ' ' && c <= '~'; });
}

bool IsUserName(std::string_view name) {
  return !name.empty() && name.size() <= kMaxUserName &&
         std::none_of(name.begin(), name.end(),
                      [](char c) { return static_cast<uint8_t>(c) < 0x20 || c == 0x7f; });
}

bool IsAddress(std::string_view text, bool any_port) {
  const size_t colon = text.rfind(':');
  if (text.size() > kMaxAddress || colon == std::string_view::npos || colon == 0) return false;
  std::string_view host = text.substr(0, colon);
  const std::string_view digits = text.substr(colon + 1);
  uint16_t port = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
  if (error != std::errc() || end != digits.data() + digits.size() || (port == 0 && !any_port)) {
    return false;
  }
  const bool bracketed = host.starts_with('[') && host.ends_with(']') && host.size() > 2;
  if (bracketed) host = host.substr(1, host.size() - 2);
  return std::all_of(host.begin(), host.end(), [bracketed](char c) {
    return IsLower(c) || IsUpper(c) || IsDigit(c) || IsMark(c) || (bracketed && c == ':');
  });
}

bool ImageMatches(std::string_view image, std::string_view pattern) {
  if (!pattern.ends_with('*')) return image == pattern;
  pattern.remove_suffix(1);
  return image.starts_with(pattern);
}

}  // namespace hpcc
