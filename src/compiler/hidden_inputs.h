#ifndef HPCC_COMPILER_HIDDEN_INPUTS_H_
#define HPCC_COMPILER_HIDDEN_INPUTS_H_

// Signs, anywhere in a text, of inputs that no dependency output names: files embedded by the
// assembler, the time of day, the stamps of files. Each function errs on the side of yes.

#include <string_view>

namespace hpcc {

// .incbin or .include, in either case, as assembly or in a string that may become assembly, also
// when the string is written in pieces, by macros or with escapes. `assembler`: the text is
// assembly itself. What surely is a comment doesn't count.
bool MayEmbedFiles(std::string_view text, bool assembler);

// __DATE__, __TIME__ or __TIMESTAMP__, or what looks like one of them.
bool NamesDateOrTime(std::string_view text);
// DATE, TIME or TIMESTAMP as a word, which a macro could put underscores around.
bool NamesDateOrTimeToPaste(std::string_view text);

// The GCC pragma that compares the modification times of files, as directive or operator.
bool ComparesStamps(std::string_view text);

}  // namespace hpcc

#endif  // HPCC_COMPILER_HIDDEN_INPUTS_H_
