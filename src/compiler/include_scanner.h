#ifndef HPCC_COMPILER_INCLUDE_SCANNER_H_
#define HPCC_COMPILER_INCLUDE_SCANNER_H_

// Finds, in the text of a source or header, everything that makes a compile depend on more than
// that text: include directives, __has_include, embedded files, date and time macros.
//
// The scanner doesn't preprocess. It reports directives in branches that are not taken and in
// comments, never the other way round: what a compiler could act on is reported. Whoever uses the
// result combines it with what the compiler says it read (include_closure.h).

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace hpcc {

struct IncludeDirective {
  enum class Kind : uint8_t { kInclude, kIncludeNext, kHasInclude, kHasIncludeNext };
  Kind kind = Kind::kInclude;
  bool angled = false;
  std::string name;  // between the quotes or angle brackets

  bool is_test() const { return kind == Kind::kHasInclude || kind == Kind::kHasIncludeNext; }
  friend bool operator==(const IncludeDirective&, const IncludeDirective&) = default;
};

struct ScannedText {
  std::vector<IncludeDirective> directives;
  bool computed_include = false;  // #include MACRO
  // Macros that pass their argument on to __has_include. What they are asked stands where they are
  // used: see ScanForAliases.
  std::vector<std::string> has_include_aliases;
  bool computed_has_include = false;  // __has_include(MACRO), or something as hard to follow
  // A macro that makes __has_include of its argument, and a condition that could give it that
  // argument. Together, in any files of a unit, they ask what can't be followed.
  bool pastes_has_include = false;
  bool condition_names_include = false;
  bool pastes_reserved_names = false;  // a macro puts "__" around its argument
  bool names_date_or_time = false;     // __DATE__, __TIME__ or __TIMESTAMP__ stands somewhere
  bool embeds_files = false;           // .incbin, #embed; in assembly also .include
  bool once_only = false;  // #pragma once or #import: copies of a file are told by their times
  bool marks_system_header = false;  // #pragma GCC system_header: what follows counts as system
  bool depends_on_stamps = false;    // #pragma GCC dependency: compares modification times
};

// Raised whenever the same text is reported differently: what was kept of a scan by another version
// is worthless.
inline constexpr uint8_t kIncludeScannerVersion = 3;

// `assembler`: the text is assembly, where .include pulls in a file too.
ScannedText ScanForIncludes(std::string_view text, bool assembler);

// Adds to `scanned`, made from the same text, what is asked through `aliases`: macros that any file
// of the unit defines in terms of __has_include.
void ScanForAliases(std::string_view text, const std::vector<std::string>& aliases,
                    ScannedText* scanned);

}  // namespace hpcc

#endif  // HPCC_COMPILER_INCLUDE_SCANNER_H_
