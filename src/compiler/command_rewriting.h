#ifndef HPCC_COMPILER_COMMAND_REWRITING_H_
#define HPCC_COMPILER_COMMAND_REWRITING_H_

// The commands hpcc runs in place of the user's. Each is the user's own, word for word, but for
// dependency output, which goes where hpcc can read it, and what the command's purpose changes.
// All return the words after the compiler.

#include <string>
#include <vector>

#include "compiler/invocation.h"

namespace hpcc {

// Whether the language is preprocessed at all: only then is there dependency output to ask for.
bool HasPreprocessor(Language language);

// The compile itself. When the language has a preprocessor, every file it reads is written to
// `dependency_file` (with -MP), under the targets the user's dependency file has or would have.
// `prefix_maps` are "old=new" pairs for -ffile-prefix-map; the user's own come later and win.
std::vector<std::string> CompileCommand(const Invocation& invocation,
                                        const std::string& dependency_file,
                                        const std::vector<std::string>& prefix_maps);

// The preprocessor alone, with macro definitions kept, to standard output; what it reads is written
// to `dependency_file`.
std::vector<std::string> PreprocessCommand(const Invocation& invocation,
                                           const std::string& dependency_file);

// The preprocessor of gcc alone, carrying out directives and expanding nothing, to standard output;
// what it reads is written to `dependency_file`. See compiler/unit_text.h.
std::vector<std::string> UnitTextCommand(const Invocation& invocation,
                                         const std::string& dependency_file);

// The preprocessor alone, warning (whatever the user's warning flags say) of each expansion of
// __DATE__, __TIME__ and __TIMESTAMP__.
std::vector<std::string> DateTimeCommand(const Invocation& invocation);

// Just the user's dependency file, written by the compiler as asked for, to `dependency_file`.
std::vector<std::string> DependencyCommand(const Invocation& invocation,
                                           const std::string& dependency_file);

// The targets of the user's dependency file as they stand in it.
std::vector<std::string> DependencyTargets(const Invocation& invocation);

}  // namespace hpcc

#endif  // HPCC_COMPILER_COMMAND_REWRITING_H_
