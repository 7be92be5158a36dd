#ifndef HPCC_COMPILER_FLAG_TABLE_H_
#define HPCC_COMPILER_FLAG_TABLE_H_

// The table behind each grammar: one row for each flag, saying how it takes its value, what it
// touches, and what the parser has to do about it. A grammar is its table plus the meaning of the
// actions; to teach hpcc a flag, add a row.

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "compiler/invocation.h"
#include "compiler/not_cacheable.h"

namespace hpcc {

enum class ValueForm : uint8_t {
  kNone,              // -c
  kJoined,            // -O, -O2: the rest of the word, may be empty
  kSeparate,          // -Xclang word
  kJoinedOrSeparate,  // -Idir, -I dir
  kCommaJoined,       // -Wp,a,b: the rest of the word holds a list
};

// What a parser does with a flag beyond recording it.
enum class FlagAction : uint8_t {
  kNone,
  // Modes.
  kCompile,
  kAssembly,
  kRefuse,  // for FlagRow::reason
  kOutput,
  kLanguage,
  kArchitecture,
  // Search, includes and files that are read.
  kSearchQuote,
  kSearchBracket,
  kSearchSystem,
  kSearchAfter,
  kSystemRoot,
  kHeaderRoot,  // -isysroot: goes before --sysroot
  kNoStandardIncludes,
  kInclude,
  kMacros,
  kContent,
  kPlugin,
  kPluginArgument,
  kSpecs,
  kProfileUse,
  kProfileUseOff,
  kProfileSample,
  // Debug information and files beside the object.
  kDebug,
  kSplitDwarf,
  kSplitDwarfOff,
  kCoverage,
  kTestCoverage,
  kTestCoverageOff,
  kStackUsage,
  kLinkTime,
  kLinkTimeOff,
  kEmitLlvm,
  kOutputPathMatters,
  // Dependencies.
  kAllDependencies,
  kUserDependencies,
  kDependencyFile,
  kDependencyTarget,
  kDependencyTargetQuoted,
  kPhonyTargets,
  // Words for another program.
  kForPreprocessor,
  kForAssembler,
  kForFrontend,
  kForLlvm,
  // Machine.
  kMachine,         // -march= and kin: "native" is resolved on this machine
  kOptInfo,         // writes a file when it says so
  kRecordsCommand,  // the object records the command line
  // Only in the MSVC grammar.
  kMsvcOutput,
  kSourceC,
  kSourceCxx,
  kAllC,
  kAllCxx,
  kShowIncludes,
  kGnuFlag,  // /clang:
  kLink,
  kDebugMsvc,
};

struct FlagRow {
  std::string_view name;
  ValueForm form = ValueForm::kNone;
  FlagEffect effect = FlagEffect::kCodegen;
  FlagAction action = FlagAction::kNone;
  // The name under which the flag is recorded; empty: `name` without a trailing "=".
  std::string_view canonical = {};
  std::optional<NotCacheableReason> reason = std::nullopt;

  std::string_view CanonicalName() const {
    if (!canonical.empty()) return canonical;
    std::string_view text = name;
    if (text.size() > 1 && text.back() == '=') text.remove_suffix(1);
    return text;
  }
};

// A view on rows sorted by name, each name once. Cheap to copy; thread-safe.
class FlagTable {
 public:
  explicit constexpr FlagTable(std::span<const FlagRow> rows) : rows_(rows) {}

  // The row with the longest name that `word` begins with and whose form allows what follows the
  // name; null when there is none. Takes time logarithmic in the number of rows.
  const FlagRow* Find(std::string_view word) const;

  std::span<const FlagRow> rows() const { return rows_; }

 private:
  std::span<const FlagRow> rows_;
};

// Whether the rows are in order and no name is there twice.
bool IsSortedAndUnique(std::span<const FlagRow> rows);

// The tables (gnu_flags.cc, msvc_flags.cc). MSVC names are written with "/" in the table and are
// looked up in that spelling.
FlagTable GnuFlags();
FlagTable MsvcFlags();

}  // namespace hpcc

#endif  // HPCC_COMPILER_FLAG_TABLE_H_
