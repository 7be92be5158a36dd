#include "compiler/compiler_name.h"

#include <string>

#include "base/strings.h"

namespace hpcc {

namespace {

// Without ".exe" and a version at the end: "clang-cl-14.exe" -> "clang-cl".
std::string Stem(std::string_view name) {
  std::string stem = AsciiLower(name);
  if (stem.ends_with(".exe")) stem.resize(stem.size() - 4);
  const size_t last = stem.find_last_not_of("0123456789.");
  if (last != std::string::npos && stem[last] == '-') stem.resize(last);
  return stem;
}

}  // namespace

Grammar GuessGrammar(std::string_view name) {
  const std::string stem = Stem(name);
  return stem == "cl" || stem.ends_with("clang-cl") ? Grammar::kMsvc : Grammar::kGnu;
}

bool LooksLikeClang(std::string_view name) {
  const std::string stem = Stem(name);
  return StrContains(stem, "clang") || stem == "icx" || stem == "icpx";
}

}  // namespace hpcc
