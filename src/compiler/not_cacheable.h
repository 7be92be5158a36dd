#ifndef HPCC_COMPILER_NOT_CACHEABLE_H_
#define HPCC_COMPILER_NOT_CACHEABLE_H_

// Why a command is run plainly. Each reason is a rule a user can look up (docs/not-cacheable.md),
// a counter in `hpcc stats`, and what `hpcc explain` prints.

#include <cstdint>
#include <string>
#include <string_view>

namespace hpcc {

// The numbers are counter positions in a file: never changed, never used again. Append only.
enum class NotCacheableReason : uint8_t {
  kNotACompile = 0,        // no input, --version, -dumpmachine, -###
  kLinks = 1,              // no -c or -S: the command links
  kPreprocessesOnly = 2,   // -E
  kDependenciesOnly = 3,   // -M, -MM
  kSeveralSources = 4,     // more than one input
  kSourceFromStdin = 5,    // "-"
  kSourceNotRegular = 6,   // a device, a pipe, missing
  kLanguage = 7,           // a language hpcc doesn't know how to cache
  kHeaderOutput = 8,       // makes a precompiled header or a module
  kModules = 9,            // C++20 or clang modules
  kOutputNotRegular = 10,  // -o names a device, a pipe, standard output
  kExtraOutput = 11,       // a flag that writes files hpcc doesn't keep (-save-temps, -fdump-…)
  kUnsupportedFlag = 12,   // a flag whose effect can't be keyed soundly
  kEnvironment = 13,       // a variable that makes the compiler do something else
  kResponseFile = 14,      // @file missing, nested too deep or too large
  kMalformedCommand = 15,  // a flag without its value
  kSeveralArchitectures = 16,  // -arch given more than once
  kCompilerUnknown = 17,       // what the program is could not be found out
  kUsesDateOrTime = 18,        // __DATE__, __TIME__ or __TIMESTAMP__ reaches the output
  kEmbedsFiles = 19,           // .incbin, .include in assembly, #embed
  kChangedDuringCompile = 20,  // an input was written while the compiler ran
  kClosureUnknown = 21,        // the compiler's dependency output could not be understood
  kCompileFailed = 22,         // the compiler said so; failures are not kept
  kOutputMissing = 23,         // the compiler succeeded but an expected file isn't there
  kTooLarge = 24,              // outputs or streams over the limits
  kDisabled = 25,              // HPCC_DISABLE or disable = true
  kBadConfiguration = 26,      // kept for the audit of fallbacks
};
inline constexpr int kNotCacheableReasonCount = 27;

// Stable kebab-case name, such as "source-from-stdin".
std::string_view NotCacheableReasonName(NotCacheableReason reason);
// One sentence for a user.
std::string_view NotCacheableReasonText(NotCacheableReason reason);

struct NotCacheable {
  NotCacheableReason reason;
  std::string detail;  // the flag, file or variable that decided
};

}  // namespace hpcc

#endif  // HPCC_COMPILER_NOT_CACHEABLE_H_
