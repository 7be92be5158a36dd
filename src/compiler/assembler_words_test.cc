#include "compiler/assembler_words.h"

#include <gmock/gmock.h>

#include "compiler/embedded_files.h"
#include "compiler/grammar_test_support.h"

namespace hpcc {
namespace {

using testing::ElementsAre;
using E = AssemblerEffect;

E EffectOf(std::string_view word) {
  return AssemblerWordReader().Read(word).effect;
}

TEST(AssemblerWordsTest, KnownWordsAreKnownAsAWhole) {
  for (const char* word : {"--noexecstack", "-W", "--compress-debug-sections=zlib", "-march=i386",
                           "-mrelax-relocations=no", "-mbig-obj"}) {
    EXPECT_EQ(EffectOf(word), E::kPlain) << word;
  }
  for (const char* word :
       {"-g", "--gdwarf-5", "-gdwarf-4", "-L", "--keep-locals", "-n", "-O2", "-mtune=generic",
        "-mbranches-within-32B-boundaries", "--64", "--defsym=a=1", "-EL", "--alternate", "-f"}) {
    EXPECT_EQ(EffectOf(word), E::kOther) << word;
  }
}

TEST(AssemblerWordsTest, LettersThatStandTogetherAreNotTakenForTheFirst) {
  for (const char* word :
       {"-Wa=x", "-La=x", "-Lal=x", "-Jo", "-RWa=x", "-na=x", "-Da=x", "-fo", "-LI/proc/self",
        "-wXa=x", "-so", "-kMa", "-qV", "-KZ", "-Xv", "-Qya=x", "-O2a"}) {
    EXPECT_EQ(EffectOf(word), E::kUnknown) << word;
  }
}

TEST(AssemblerWordsTest, NamesThatAreCutShortAreNotKnown) {
  for (const char* word : {"--noexec", "--M", "--stat", "--vers", "--def", "--list", "--", "-", "",
                           "x.s", "--warnx", "--noexecstack=x", "--64x"}) {
    EXPECT_NE(EffectOf(word), E::kPlain) << word;
    EXPECT_NE(EffectOf(word), E::kOther) << word;
  }
}

TEST(AssemblerWordsTest, WhatWritesIsToldFromWhatIsUnknown) {
  for (const char* word : {"-a", "-a=x", "-adhln=x", "--a=x", "--al=x", "--MD", "--MD=x", "-MD",
                           "-o", "-ox", "--statistics", "-v", "--listing-lhs-width=2"}) {
    EXPECT_EQ(EffectOf(word), E::kWrites) << word;
  }
}

TEST(AssemblerWordsTest, OtherDirectivesAndLlvmsOptionsAreUnknown) {
  for (const char* word : {"-M", "--mri", "-mri", "-mr", "-m", "-mllvm"}) {
    EXPECT_EQ(EffectOf(word), E::kUnknown) << word;
  }
}

TEST(AssemblerWordsTest, AValueIsNoWordOfItsOwn) {
  AssemblerWordReader reader;
  EXPECT_EQ(reader.Read("--defsym").effect, E::kOther);
  EXPECT_TRUE(reader.value_is_missing());
  EXPECT_EQ(reader.Read("-a=x").effect, E::kOther);
  EXPECT_FALSE(reader.value_is_missing());
  EXPECT_EQ(reader.Read("-a=x").effect, E::kWrites);
  // But as expands these before it looks at options.
  EXPECT_EQ(reader.Read("--defsym").effect, E::kOther);
  EXPECT_EQ(reader.Read("@x").effect, E::kResponseFile);
}

class AssemblerSearchTest : public GrammarTest {};

TEST_F(AssemblerSearchTest, DirectoriesAreFoundAcrossArguments) {
  EXPECT_THAT(AssemblerSearchDirectories(
                  Gnu("-c -Ia -Wa,-Ib,-I,c -Wa,-I -Wa,d -Xassembler -I -Xassembler e,f d/foo.S "
                      "-Wa,--defsym,-Ig=1 --for-assembler=-Ih")),
              ElementsAre("a", "b", "c", "d", "e,f", "h"));
}

TEST_F(AssemblerSearchTest, AWordThatWouldTakeOneOfTheDriversIsRefused) {
  for (const char* args : {"-c foo.c -Wa,-I", "-c foo.c -Wa,--defsym -Wa,--defsym -Wa,-I",
                           "-c foo.c -Xassembler -I -O2"}) {
    EXPECT_EQ(RefusalName(Gnu(args)), "malformed-command") << args;
  }
  EXPECT_EQ(RefusalName(Gnu("-c foo.c -Wa,-I -O2 -Wa,x")), "none");
}

}  // namespace
}  // namespace hpcc
