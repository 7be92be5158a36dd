#include "compiler/gnu_languages.h"

#include <span>

#include "base/path.h"

namespace hpcc {
namespace {

using L = Language;
using R = NotCacheableReason;

struct Row {
  std::string_view name;
  Language language;
  std::optional<R> refusal = std::nullopt;
};

constexpr Row kSuffixes[] = {
    {".c", L::kC},
    {".i", L::kPreprocessedC},
    {".ii", L::kPreprocessedCxx},
    {".cc", L::kCxx},
    {".cp", L::kCxx},
    {".cxx", L::kCxx},
    {".cpp", L::kCxx},
    {".c++", L::kCxx},
    {".C", L::kCxx},
    {".CC", L::kCxx},
    {".CPP", L::kCxx},
    {".m", L::kObjectiveC},
    {".mm", L::kObjectiveCxx},
    {".M", L::kObjectiveCxx},
    {".s", L::kAssembler},
    {".S", L::kAssemblerWithCpp},
    {".mi", L::kUnknown, R::kLanguage},
    {".mii", L::kUnknown, R::kLanguage},
    {".cu", L::kCuda, R::kLanguage},
    {".hip", L::kCuda, R::kLanguage},
    {".h", L::kHeader, R::kHeaderOutput},
    {".H", L::kHeader, R::kHeaderOutput},
    {".hh", L::kHeader, R::kHeaderOutput},
    {".hp", L::kHeader, R::kHeaderOutput},
    {".hxx", L::kHeader, R::kHeaderOutput},
    {".hpp", L::kHeader, R::kHeaderOutput},
    {".HPP", L::kHeader, R::kHeaderOutput},
    {".h++", L::kHeader, R::kHeaderOutput},
    {".tcc", L::kHeader, R::kHeaderOutput},
    {".cppm", L::kUnknown, R::kModules},
    {".ccm", L::kUnknown, R::kModules},
    {".cxxm", L::kUnknown, R::kModules},
    {".c++m", L::kUnknown, R::kModules},
    {".ixx", L::kUnknown, R::kModules},
    {".pcm", L::kUnknown, R::kModules},
};

constexpr Row kNames[] = {
    {"c", L::kC},
    {"c++", L::kCxx},
    {"objective-c", L::kObjectiveC},
    {"objective-c++", L::kObjectiveCxx},
    {"cpp-output", L::kPreprocessedC},
    {"c++-cpp-output", L::kPreprocessedCxx},
    {"assembler", L::kAssembler},
    {"assembler-with-cpp", L::kAssemblerWithCpp},
    {"c-header", L::kHeader, R::kHeaderOutput},
    {"c++-header", L::kHeader, R::kHeaderOutput},
    {"objective-c-header", L::kHeader, R::kHeaderOutput},
    {"objective-c++-header", L::kHeader, R::kHeaderOutput},
    {"c++-system-header", L::kHeader, R::kHeaderOutput},
    {"c++-user-header", L::kHeader, R::kHeaderOutput},
    {"c++-module", L::kUnknown, R::kModules},
    {"cuda", L::kCuda, R::kLanguage},
    {"cu", L::kCuda, R::kLanguage},
    {"hip", L::kCuda, R::kLanguage},
};

LanguageChoice Lookup(std::span<const Row> rows, std::string_view name) {
  for (const Row& row : rows) {
    if (row.name == name) return {row.language, row.refusal};
  }
  return {L::kUnknown, R::kLanguage};
}

}  // namespace

bool IsCxxDriver(std::string_view compiler_name) {
  std::string_view name = compiler_name;
  if (name.ends_with(".exe")) name.remove_suffix(4);
  const size_t last = name.find_last_not_of("0123456789.");
  if (last != std::string_view::npos && last + 1 < name.size() && name[last] == '-') {
    name = name.substr(0, last);
  }
  return name.ends_with("++") || name.ends_with("mpicxx") || name.ends_with("mpiCC") ||
         name.ends_with("icpx") || name.ends_with("icpc") || name.ends_with("dpcpp");
}

LanguageChoice LanguageOfFile(std::string_view path, bool cxx_driver, bool is_clang) {
  const std::string_view suffix = path::Extension(path);
  // gcc knows .sx; to clang it is something for the linker.
  if (suffix == ".sx" && !is_clang) return {L::kAssemblerWithCpp, std::nullopt};
  LanguageChoice choice = Lookup(kSuffixes, suffix);
  if (cxx_driver && choice.language == L::kC) choice.language = L::kCxx;
  if (cxx_driver && choice.language == L::kPreprocessedC) choice.language = L::kPreprocessedCxx;
  return choice;
}

LanguageChoice LanguageNamed(std::string_view name) {
  return Lookup(kNames, name);
}

bool IsPreprocessed(Language language) {
  return language == L::kPreprocessedC || language == L::kPreprocessedCxx ||
         language == L::kAssembler;
}

bool IsAssembler(Language language) {
  return language == L::kAssembler || language == L::kAssemblerWithCpp;
}

}  // namespace hpcc
