#ifndef HPCC_COMPILER_ASSEMBLER_WORDS_H_
#define HPCC_COMPILER_ASSEMBLER_WORDS_H_

// What the words do that a driver hands on to the assembler (-Wa, and -Xassembler).
//
// GNU as reads them with getopt_long_only(): the letters of short options may stand together, so
// that "-Wa=x" is -W with -a=x and writes a listing, and long names may be cut short. A word is
// therefore known as a whole or not at all, but for options that take all of the rest of a word for
// their value. The options are those of GNU as 2.40 ("Command-Line Options" in its manual) and of
// clang's integrated assembler.

#include <cstdint>
#include <string_view>
#include <vector>

#include "compiler/invocation.h"

namespace hpcc {

enum class AssemblerEffect : uint8_t {
  kPlain,         // the object says nothing of the working directory for it
  kOther,         // neither reads nor writes a file
  kSearchPath,    // names a directory that .include and .incbin look into
  kWrites,        // prints or writes what hpcc doesn't keep: listings, dependencies, statistics
  kResponseFile,  // more words from a file
  kUnknown,
};

struct AssemblerWord {
  AssemblerEffect effect = AssemblerEffect::kUnknown;
  std::string_view directory;  // of kSearchPath
};

// Reads the words of one command in their order, whichever arguments they come in.
class AssemblerWordReader {
 public:
  AssemblerWord Read(std::string_view word);
  // The last word waits for its value, which would be one of the driver's own words.
  bool value_is_missing() const { return value_ != Value::kNone; }

 private:
  enum class Value : uint8_t { kNone, kWord, kDirectory };

  Value value_ = Value::kNone;  // what the next word is to the last
};

// The words that an argument has for the assembler.
std::vector<std::string_view> AssemblerWordsOf(const Argument& argument);

}  // namespace hpcc

#endif  // HPCC_COMPILER_ASSEMBLER_WORDS_H_
