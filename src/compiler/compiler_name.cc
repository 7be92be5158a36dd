#include "compiler/compiler_name.h"

#include <algorithm>
#include <array>
#include <string>

#include "base/strings.h"

namespace hpcc {

namespace {

constexpr std::array<std::string_view, 9> kCompilers = {"cc",      "c++", "gcc",  "g++", "clang",
                                                        "clang++", "icx", "icpx", "cl"};

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

bool LooksLikeCompiler(std::string_view name) {
  std::string stem = Stem(name);
  // Debian's two builds of MinGW's compilers: "gcc-12-posix".
  for (const std::string_view threads : {"-posix", "-win32"}) {
    if (stem.ends_with(threads)) stem = Stem(stem.substr(0, stem.size() - threads.size()));
  }
  const std::string last = stem.substr(stem.rfind('-') + 1);  // npos + 1 is the whole
  return std::find(kCompilers.begin(), kCompilers.end(), last) != kCompilers.end();
}

bool LooksLikeClang(std::string_view name) {
  const std::string stem = Stem(name);
  return StrContains(stem, "clang") || stem == "icx" || stem == "icpx";
}

}  // namespace hpcc
