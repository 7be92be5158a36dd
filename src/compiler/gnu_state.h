#ifndef HPCC_COMPILER_GNU_STATE_H_
#define HPCC_COMPILER_GNU_STATE_H_

// What is collected while a GNU command line is read, before it is known what the command as a
// whole means. Shared by the files of the GNU grammar and by nobody else.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "compiler/assembler_words.h"
#include "compiler/flag_table.h"
#include "compiler/invocation.h"

namespace hpcc {

struct GnuInput {
  std::string path;
  std::string language;  // what -x said when it came; empty: by suffix
};

struct GnuState {
  explicit GnuState(const ParseContext& parse_context) : context(parse_context) {}

  const ParseContext& context;
  Invocation invocation;

  std::vector<GnuInput> inputs;
  std::string language;  // the current -x
  std::vector<std::string> architectures;

  bool compile = false;
  bool assembly = false;
  bool emit_llvm = false;
  std::optional<std::string> output;

  std::optional<std::string> system_root;
  std::optional<std::string> header_root;

  bool split_dwarf = false;
  bool coverage = false;       // --coverage: can't be switched off again
  bool test_coverage = false;  // -ftest-coverage
  bool stack_usage = false;
  bool link_time = false;

  bool all_dependencies = false;
  bool user_dependencies = false;
  std::optional<std::string> dependency_file;
  bool phony_targets = false;
  struct PreprocessorDependencies {
    bool all = false;
    std::string file;
  };
  std::optional<PreprocessorDependencies> preprocessor_dependencies;

  // -fprofile-use and -fprofile-instr-use, in effect: the path given, or "".
  std::optional<std::string> profile_use;
  bool profile_use_is_file = false;              // -fprofile-instr-use=: never a directory
  std::optional<std::string> profile_directory;  // -fprofile-dir=

  // What the next word for clang's frontend is.
  enum class FrontendValue { kNone, kWord, kDirectory, kContent, kLlvm };
  FrontendValue frontend_value = FrontendValue::kNone;
  AssemblerWordReader assembler;

  // The first refusal stays, except that what the command is for goes before how it does it.
  void Refuse(NotCacheableReason reason, std::string_view detail);

  // Adds a file to the content inputs. A refusal when it isn't an ordinary file: then what the
  // compiler would make of the name is its own affair.
  void AddContent(const std::string& path, std::string_view flag);
  // Adds it when it is an ordinary file.
  bool AddContentIfFile(const std::string& path);
  bool IsDirectory(const std::string& path) const;
};

// gnu_nested.cc: words for the preprocessor, the assembler, clang's frontend and LLVM. `words` are
// the pieces of one argument: of -Wp,a,b two, of -Xpreprocessor a one. Each may change
// `argument->effect`.
void ReadPreprocessorWords(GnuState* state, const std::vector<std::string_view>& words,
                           Argument* argument);
void ReadAssemblerWords(GnuState* state, const std::vector<std::string_view>& words,
                        Argument* argument);
void ReadFrontendWord(GnuState* state, std::string_view word);
void ReadLlvmWord(GnuState* state, std::string_view word);

// gnu_content.cc: files that flags name or imply.
void ReadSpecs(GnuState* state, const std::string& path);
void ReadPluginArgument(GnuState* state, std::string_view value);
// Needs source and output settled.
void AddProfiles(GnuState* state);

// gnu_result.cc: what the command as a whole means.
void SettleResult(GnuState* state);

}  // namespace hpcc

#endif  // HPCC_COMPILER_GNU_STATE_H_
