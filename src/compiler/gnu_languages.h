#ifndef HPCC_COMPILER_GNU_LANGUAGES_H_
#define HPCC_COMPILER_GNU_LANGUAGES_H_

// Which language an input is in, by its suffix or by what -x said, as gcc and clang decide it.

#include <optional>
#include <string_view>

#include "compiler/invocation.h"
#include "compiler/not_cacheable.h"

namespace hpcc {

struct LanguageChoice {
  Language language = Language::kUnknown;
  // Set for languages that are not cached.
  std::optional<NotCacheableReason> refusal;
};

// Whether a compiler called by this base name takes C sources for C++: g++,
// x86_64-linux-gnu-g++-12, c++, clang++-14, mpic++, mpicxx, icpx.
bool IsCxxDriver(std::string_view compiler_name);

// By the suffix of the file's name. `cxx_driver`: .c and .i are C++, as IsCxxDriver() says.
LanguageChoice LanguageOfFile(std::string_view path, bool cxx_driver, bool is_clang);

// By the value of -x, other than "none".
LanguageChoice LanguageNamed(std::string_view name);

// Whether the preprocessor never runs on such a source.
bool IsPreprocessed(Language language);
bool IsAssembler(Language language);

}  // namespace hpcc

#endif  // HPCC_COMPILER_GNU_LANGUAGES_H_
