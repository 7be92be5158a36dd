#include "compiler/not_cacheable.h"

#include <array>

namespace hpcc {
namespace {

struct Row {
  NotCacheableReason reason;
  std::string_view name;
  std::string_view text;
};

using R = NotCacheableReason;

constexpr std::array<Row, kNotCacheableReasonCount> kRows = {{
    {R::kNotACompile, "not-a-compile",
     "The command asks the compiler for something other than compiling a source file."},
    {R::kLinks, "links", "The command links; only compiles (-c, -S) are cached."},
    {R::kPreprocessesOnly, "preprocesses-only", "The command stops after preprocessing."},
    {R::kDependenciesOnly, "dependencies-only", "The command writes dependencies and no object."},
    {R::kSeveralSources, "several-sources", "The command has more than one input file."},
    {R::kSourceFromStdin, "source-from-stdin", "The source is read from standard input."},
    {R::kSourceNotRegular, "source-not-regular",
     "The source is missing, or is not an ordinary file."},
    {R::kLanguage, "language", "The source is in a language hpcc does not cache."},
    {R::kHeaderOutput, "header-output", "The command makes a precompiled header."},
    {R::kModules, "modules", "The command uses C++20 or Clang modules."},
    {R::kOutputNotRegular, "output-not-regular",
     "The output is standard output, a device, or something else than an ordinary file."},
    {R::kExtraOutput, "extra-output", "A flag makes the compiler write files hpcc does not keep."},
    {R::kUnsupportedFlag, "unsupported-flag", "A flag has effects that can't be keyed soundly."},
    {R::kEnvironment, "environment",
     "An environment variable makes the compiler do something else than its arguments say."},
    {R::kResponseFile, "response-file",
     "A response file is missing, nested too deep, too large, or can't be read unambiguously."},
    {R::kMalformedCommand, "malformed-command", "The command line is incomplete."},
    {R::kSeveralArchitectures, "several-architectures",
     "The command compiles for several architectures at once."},
    {R::kCompilerUnknown, "compiler-unknown", "What this compiler is could not be found out."},
    {R::kUsesDateOrTime, "uses-date-or-time",
     "The source uses __DATE__, __TIME__ or __TIMESTAMP__."},
    {R::kEmbedsFiles, "embeds-files",
     "The source embeds files (by #embed or a directive of the assembler) that can't be told in "
     "advance."},
    {R::kChangedDuringCompile, "changed-during-compile",
     "A source file or header was written while the compiler ran."},
    {R::kClosureUnknown, "closure-unknown",
     "The compiler's dependency output could not be understood."},
    {R::kCompileFailed, "compile-failed", "The compiler failed; failures are not kept."},
    {R::kOutputMissing, "output-missing",
     "The compiler succeeded without writing a file it was expected to write."},
    {R::kTooLarge, "too-large", "An output or a stream is larger than hpcc keeps."},
    {R::kDisabled, "disabled", "hpcc is switched off (HPCC_DISABLE or disable = true)."},
    {R::kBadConfiguration, "bad-configuration", "The configuration could not be used."},
}};

constexpr bool InOrder() {
  for (size_t i = 0; i < kRows.size(); ++i) {
    if (static_cast<size_t>(kRows[i].reason) != i || kRows[i].name.empty()) return false;
  }
  return true;
}
static_assert(InOrder(), "one row for each reason, in the order of their numbers");

}  // namespace

std::string_view NotCacheableReasonName(NotCacheableReason reason) {
  return kRows[static_cast<size_t>(reason)].name;
}

std::string_view NotCacheableReasonText(NotCacheableReason reason) {
  return kRows[static_cast<size_t>(reason)].text;
}

}  // namespace hpcc
