#ifndef HPCC_COMPILER_INVOCATION_H_
#define HPCC_COMPILER_INVOCATION_H_

// What a compiler's command line means. Made by one of the two grammars (gnu_grammar.h,
// msvc_grammar.h) from arguments, environment and working directory; everything after that, from
// keys to rewritten commands, works on this and never looks at raw arguments again.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/environment.h"
#include "base/file_system.h"
#include "compiler/not_cacheable.h"

namespace hpcc {

enum class Grammar : uint8_t { kGnu, kMsvc };

enum class Language : uint8_t {
  kUnknown,
  kC,
  kCxx,
  kObjectiveC,
  kObjectiveCxx,
  kPreprocessedC,     // .i
  kPreprocessedCxx,   // .ii
  kAssembler,         // .s
  kAssemblerWithCpp,  // .S
  kCuda,
  kHeader,  // c-header, c++-header: makes a precompiled header
};

// What a flag touches. Decides where its words go: the key, the search-path probe, nowhere.
enum class FlagEffect : uint8_t {
  kCodegen,        // may change the object; says nothing about where things lie
  kWarning,        // changes diagnostics only
  kDefine,         // -D, -U
  kDebug,          // -g and kin: working directory and paths reach the output
  kPathsInOutput,  // coverage, prefix maps, -Wa, unknown: working directory may reach the output
  kSearchPath,     // -I, -iquote, -isystem, -idirafter: one directory of the include search
  kSearchRoot,     // --sysroot, -B, -nostdinc, --target, -m32, -stdlib=, -gsplit-dwarf: shapes the
                   // built-in search, or which programs the driver runs
  kForcedInclude,  // -include, -imacros
  kContent,        // names a file whose content is part of the key
  kLanguage,       // -x, /TC, /TP
  kMode,           // -c, -S, -E
  kOutput,         // -o, /Fo
  kDependency,     // -MD, -MF, -MT, …
  kLinkOnly,       // -l, -L, -Wl,: unused in a compile (yet in the key: clang warns of it)
  kNative,         // -march=native and kin: resolved on this machine
  kUnknown,        // not in the table: kept in place, in the key, trusted for nothing
};

// One flag with its value(s), or one input, in the order of the command line with response files
// expanded.
struct Argument {
  // The words as they go to the compiler: {"-O2"}, {"-I", "include"}, {"-Iinclude"}, {"a.c"}.
  std::vector<std::string> words;
  std::string flag;   // canonical name: "-I"; empty for an input
  std::string value;  // "include"; empty when there is none
  FlagEffect effect = FlagEffect::kUnknown;
};

// One directory named by a flag of kSearchPath.
struct SearchDirectory {
  enum class Chain : uint8_t { kQuote, kBracket, kSystem, kAfter };
  Chain chain;
  std::string path;  // as the compiler will use it (a leading "=" or $SYSROOT already replaced)
};

struct ForcedInclude {
  std::string path;
  bool macros_only = false;  // -imacros
};

// Sources that are never preprocessed (.i, .ii, .s) have none, whatever was asked for: compilers
// write no file then. `default_target` is set for every request, kNone included.
struct DependencyRequest {
  enum class Kind : uint8_t { kNone, kUserHeaders, kAllHeaders };
  Kind kind = Kind::kNone;
  // The file the user gets: given or derived. Relative paths as spelled.
  std::string file;
  // -MT and -MQ in the order the compiler writes them, as it writes them before it escapes: gcc
  // puts those of -MT first and drops "./" in front. Empty: the compiler's own, `default_target`,
  // which is escaped like one of -MQ.
  struct Target {
    std::string text;
    bool quote = false;  // -MQ: escaped for make
  };
  std::vector<Target> targets;
  std::string default_target;
  bool phony_targets = false;         // -MP
  bool through_preprocessor = false;  // asked for as -Wp,-MD,file
};

// The part an output file plays. Values are written to disk: never changed, append only.
enum class OutputRole : uint8_t {
  kObject = 0,         // -c; or the text of -S
  kDwo = 1,            // -gsplit-dwarf
  kCoverageNotes = 2,  // .gcno
  kStackUsage = 3,     // .su
};
inline constexpr int kOutputRoleCount = 4;
std::string_view OutputRoleName(OutputRole role);

struct Output {
  OutputRole role;
  std::string path;  // as the compiler will open it, relative to the working directory
};

struct Invocation {
  Grammar grammar = Grammar::kGnu;
  // Set: run plainly, for this reason. Then nothing below is to be relied on except `arguments`
  // as far as they were understood, `source` and `output`.
  std::optional<NotCacheable> refusal;

  // All of them, in order; without those from the variables CL and _CL_, which stay there.
  std::vector<Argument> arguments;
  bool had_response_file = false;

  std::string source;  // as spelled
  Language language = Language::kUnknown;
  bool assembly_output = false;  // -S
  std::string output;            // the object or assembly file: given or derived
  bool output_is_explicit = false;
  std::vector<Output> outputs;  // all files but the dependency file; the first is `output`
  DependencyRequest dependencies;

  std::vector<SearchDirectory> search;  // in the order given
  std::vector<ForcedInclude> forced_includes;
  bool standard_includes = true;  // false: -nostdinc
  // Files whose content is part of the key, as spelled, relative to the working directory. All were
  // ordinary files when the command was read; what a flag implies and isn't there is not listed.
  std::vector<std::string> content_inputs;

  bool debug_info = false;  // -g other than -g0
  bool cwd_reaches_output = false;
  bool output_path_reaches_output = false;  // coverage, split DWARF
  bool uses_native = false;
  // The words of the command line are written into the output (CodeView debug information): the
  // compiler must get exactly the user's own.
  bool records_command_line = false;
  bool show_includes = false;  // /showIncludes
  // A quoted include is looked for beside every file of the include stack, as MSVC does.
  bool searches_include_stack = false;
};

struct ParseContext {
  FileSystem& fs;
  const Environment& environment;
  std::string cwd;            // absolute
  std::string compiler_name;  // base name the compiler is called by: decides C or C++ of gcc/g++
  bool is_clang = false;      // where gcc and clang derive names differently
};

// `args` are the words after the compiler. Never fails: what can't be understood is a refusal.
Invocation ParseGnu(const ParseContext& context, const std::vector<std::string>& args);
Invocation ParseMsvc(const ParseContext& context, const std::vector<std::string>& args);

}  // namespace hpcc

#endif  // HPCC_COMPILER_INVOCATION_H_
