#include "compiler/hidden_inputs.h"

#include <gtest/gtest.h>

namespace hpcc {
namespace {

bool InSource(std::string_view text) {
  return MayEmbedFiles(text, /*assembler=*/false);
}

bool InAssembly(std::string_view text) {
  return MayEmbedFiles(text, /*assembler=*/true);
}

TEST(MayEmbedFilesTest, DirectiveInPiecesIsSeenWhereverItIsCut) {
  for (const std::string_view directive : {"incbin", "include"}) {
    for (size_t cut = 0; cut < directive.size(); ++cut) {
      for (const char* between : {"\" \"", "\"\"", "\"\n    \"", "\"\\\r\n\"", "\" \"\" \"",
                                  "\" /* of two\nlines */ \"", "\"  // the rest\n  \""}) {
        std::string text = "asm(\".";
        text.append(directive.substr(0, cut)).append(between).append(directive.substr(cut));
        text.append(" \\\"a.bin\\\"\");");
        EXPECT_TRUE(InSource(text)) << text;
      }
    }
  }
}

TEST(MayEmbedFilesTest, LiteralThatEndsLikeADirectiveAndGoesOnOtherwiseIsNone) {
  for (const char* text : {
           "/* opens the \".in\" file */",
           "puts(\"open a .in\"); /* file */",
           "return \".inc\";\n#define X\n",
           "#include \"config.in\"\n#include \"config.h\"\n",
           "printf(\"x.i\" \"s\");",
           "f(\".in\", \"cbin\");",
           "f(\".inc\" + \"bin\");",
           "f(\".inc\" /* \"bin\" */);",
           "printf(VERSION \".\" PATCH);",
           "puts(\"config.in\" SUFFIX);",
           "puts(\".in\\n\");",
           "puts(\"config.in\\0\");",
           "f(x.inc, y);",
           // What bison writes into every parser, and the name of a token.
           "/* Use api.header.include to #include this header */\nchar* a[] = {\"FOR\"};",
       }) {
    EXPECT_FALSE(InSource(text)) << text;
  }
}

TEST(MayEmbedFilesTest, DirectiveMadeByMacrosIsSeen) {
  for (const char* text : {
           "#define FRONT \".inc\"\nasm(FRONT \"bin \\\"a.bin\\\"\");",
           "#define FRONT \".inc\"\n#define BACK \"bin\"\n",
           "#define FRONT \".inc\"\n",
           "asm(\".inc\" BACK \" \\\"a.bin\\\"\");",
           "asm(\"nop\\n\\t.inc\" BACK \" \\\"a.bin\\\"\");",
           "asm(TEXT(PASTE(.inc, bin) \"a.bin\"));",
           "#define EMBED(x) TEXT(.inc##bin x)\n",
           "asm(TEXT(.WORD \"a.bin\"));\n#define WORD incbin\n",
           "asm(\".macro e d\\n.\\\\d \\\"a.bin\\\"\\n.endm\\ne incbin\");",
       }) {
    EXPECT_TRUE(InSource(text)) << text;
  }
  EXPECT_TRUE(InAssembly("#define EMBED(d) .d\nEMBED(incbin) \"a.bin\"\n"));
  EXPECT_TRUE(InAssembly("PASTE(.inc, bin) \"a.bin\"\n"));
}

TEST(MayEmbedFilesTest, DirectiveWrittenWithEscapesIsSeen) {
  for (const char* text : {"asm(\"\\x2eincbin \\\"a.bin\\\"\");", "asm(\"\\56incbin a\");",
                           "asm(\".inc\\142in a\");", "asm(\".inc\\x62in a\");"}) {
    EXPECT_TRUE(InSource(text)) << text;
  }
}

TEST(MayEmbedFilesTest, IncludeInASourceCountsOnlyAsAssemblyWouldSpellIt) {
  for (const char* text : {".include", ".include \\\"a.s\\\"", ".include\ta", ".INCLUDE \"a.s\"",
                           "asm(\".include\" \" \\\"a.s\\\"\");"}) {
    EXPECT_TRUE(InSource(text)) << text;
  }
  for (const char* text :
       {"set.includes(x)", "a.included = 1;", "x.include_dirs", "a.include(b)"}) {
    EXPECT_FALSE(InSource(text)) << text;
    EXPECT_TRUE(InAssembly(text)) << text;
  }
}

TEST(MayEmbedFilesTest, CommentMarksMeanNothingInAssembly) {
  EXPECT_FALSE(InSource("// .incbin \"a.bin\"\n"));
  EXPECT_TRUE(InAssembly("// .incbin \"a.bin\"\n"));
}

TEST(MayEmbedFilesTest, NothingBehindTheTextIsRead) {
  const std::string_view text = "asm(\".inc\" /* */ // x\n \\\n \"\" \"bin\\142\");";
  for (size_t size = 0; size < text.size(); ++size) {
    const std::string copy(text.substr(0, size));  // so that a sanitizer sees where it ends
    const bool embeds = InSource(copy);
    EXPECT_TRUE(embeds || size <= text.find("bin")) << copy;
    EXPECT_TRUE(!embeds || size > text.find("inc")) << copy;
  }
}

TEST(HiddenInputsTest, DateMacrosAreSeenByNameAndByPiece) {
  EXPECT_TRUE(NamesDateOrTime("f(__DATE__)"));
  EXPECT_TRUE(NamesDateOrTime("f(__TIMESTAMP__)"));
  EXPECT_FALSE(NamesDateOrTime("f(DATE)"));
  EXPECT_TRUE(NamesDateOrTimeToPaste("RESERVED(DATE)"));
  EXPECT_TRUE(NamesDateOrTimeToPaste("RESERVED(TIMESTAMP)"));
  EXPECT_FALSE(NamesDateOrTimeToPaste("UPDATED TIMES"));
}

TEST(HiddenInputsTest, StampsAreComparedByThePragmaOperatorToo) {
  EXPECT_TRUE(ComparesStamps("_Pragma(\"GCC dependency \\\"x.y\\\"\")"));
  EXPECT_TRUE(ComparesStamps("_Pragma(\"once\") _Pragma(\"GCC dependency \\\"x.y\\\"\")"));
  EXPECT_FALSE(ComparesStamps("_Pragma(\"GCC diagnostic push\")"));
  EXPECT_FALSE(ComparesStamps("a dependency"));
}

TEST(HiddenInputsTest, OnlyNamesThatAreOrCouldBecomeTheMacrosOfTimeCount) {
  for (const char* text : {"__TIME__", "f(__DATE__)", "__TIMESTAMP__", "__TIME", "__TIME ## __",
                           "__TIME_", "__TIMESTAMP", "a __TIMER b __TIME__", "__TIME\\\n__",
                           "x__DATE__", "__TIMES\\\nTAMP__", "PASTE(__TIME, __)", "PASTE(__TIME )",
                           "#define T __TIME\n", "__TIME %:%: __", "__TIME /* */ ## __"}) {
    EXPECT_TRUE(NamesDateOrTime(text)) << text;
  }
  for (const char* text : {"__TIMER_INITIALIZER(f)", "__TIMEOUT", "__TIMESPEC", "_TIME_", "time",
                           "/* Defines __TIME*_T_TYPE macros. */", "x = __TIME + __TIME_ ;"}) {
    EXPECT_FALSE(NamesDateOrTime(text)) << text;
  }
}

}  // namespace
}  // namespace hpcc
