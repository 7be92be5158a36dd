#include "compiler/include_scanner.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace hpcc {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using Kind = IncludeDirective::Kind;

ScannedText Scan(std::string_view text) {
  return ScanForIncludes(text, /*assembler=*/false);
}

IncludeDirective Quoted(std::string name, Kind kind = Kind::kInclude) {
  return {kind, /*angled=*/false, std::move(name)};
}

IncludeDirective Angled(std::string name, Kind kind = Kind::kInclude) {
  return {kind, /*angled=*/true, std::move(name)};
}

TEST(IncludeScannerTest, FindsEachFormOfTheDirective) {
  const ScannedText scanned = Scan(
      "#include \"a b.h\"\n  # \tinclude<b.h>\n#include_next <c.h>\r\n#import \"d.h\"\nint x;\n"
      "#include \"last.h\"");
  EXPECT_THAT(scanned.directives,
              ElementsAre(Quoted("a b.h"), Angled("b.h"), Angled("c.h", Kind::kIncludeNext),
                          Quoted("d.h"), Quoted("last.h")));
  EXPECT_TRUE(scanned.once_only) << "#import";
  EXPECT_FALSE(scanned.computed_include);
}

TEST(IncludeScannerTest, LinesContinuedAnywhereAreOneLine) {
  EXPECT_THAT(Scan("#\\\ninclude \"a.h\"\n").directives, ElementsAre(Quoted("a.h")));
  EXPECT_THAT(Scan("#incl\\\nude \"a.h\"\n").directives, ElementsAre(Quoted("a.h")));
  EXPECT_THAT(Scan("#include \\\r\n<a.h>\n").directives, ElementsAre(Angled("a.h")));
  EXPECT_THAT(Scan("#include \\ \t\n<a.h>\n").directives, ElementsAre(Angled("a.h")));
  EXPECT_THAT(Scan("#include ?\?/\n<a.h>\n").directives, ElementsAre(Angled("a.h")));
  EXPECT_THAT(Scan("#include \"long\\\nname.h\"\n").directives, ElementsAre(Quoted("longname.h")));
  EXPECT_TRUE(Scan("char t[] = __TI\\\nME__;\n").names_date_or_time);
}

TEST(IncludeScannerTest, CommentsAreBlanks) {
  EXPECT_THAT(Scan("/* c */ #include \"a.h\"\n").directives, ElementsAre(Quoted("a.h")));
  EXPECT_THAT(Scan("/* c\n   d */# /*e*/ include/*f\ng*/<b.h> // h\n").directives,
              ElementsAre(Angled("b.h")));
  EXPECT_THAT(Scan("#include <sys//a.h>\n").directives, ElementsAre(Angled("sys//a.h")))
      << "a header name holds no comment";
}

TEST(IncludeScannerTest, TextOfACommentWithAStarInFrontIsNoDirective) {
  EXPECT_THAT(
      Scan("/*\n * #include \"a.h\"\n *#include \"b.h\"\n */\n// #include \"c.h\"\n").directives,
      IsEmpty());
}

TEST(IncludeScannerTest, AHashElsewhereThanAtTheStartIsNoDirective) {
  const ScannedText scanned =
      Scan("int a; #include \"a.h\"\nconst char* s = \"#include <b.h>\";\n");
  EXPECT_THAT(scanned.directives, IsEmpty());
}

TEST(IncludeScannerTest, DigraphAndTrigraphStandForTheHash) {
  EXPECT_THAT(Scan("%:include \"a.h\"\n").directives, ElementsAre(Quoted("a.h")));
  EXPECT_THAT(Scan("?\?=include \"a.h\"\n").directives, ElementsAre(Quoted("a.h")));
  EXPECT_THAT(Scan("a %:include \"a.h\"\n").directives, IsEmpty());
}

TEST(IncludeScannerTest, BranchesNotTakenAreReportedToo) {
  EXPECT_THAT(Scan("#if 0\n#include \"a.h\"\n#endif\n").directives, ElementsAre(Quoted("a.h")));
}

TEST(IncludeScannerTest, IncludeOfAMacroIsComputed) {
  EXPECT_TRUE(Scan("#include CONFIG_HEADER\n").computed_include);
  EXPECT_FALSE(Scan("#include <config.h>\n").computed_include);
}

TEST(IncludeScannerTest, HasIncludeInAConditionIsATest) {
  const ScannedText scanned = Scan(
      "#if __has_include(<a.h>) && !__has_include( \"b.h\" )\n"
      "#elif defined(X) || __has_include_next(<c.h>)\n#endif\n");
  EXPECT_THAT(scanned.directives,
              ElementsAre(Angled("a.h", Kind::kHasInclude), Quoted("b.h", Kind::kHasInclude),
                          Angled("c.h", Kind::kHasIncludeNext)));
  EXPECT_FALSE(scanned.computed_has_include);
}

TEST(IncludeScannerTest, WhetherHasIncludeIsDefinedAsksForNoFile) {
  const ScannedText scanned =
      Scan("#ifdef __has_include\n#if defined(__has_include) || defined __has_include\n#endif\n");
  EXPECT_THAT(scanned.directives, IsEmpty());
  EXPECT_FALSE(scanned.computed_has_include);
}

TEST(IncludeScannerTest, HasIncludeOfAMacroIsComputed) {
  EXPECT_TRUE(Scan("#if __has_include(HEADER)\n").computed_has_include);
  EXPECT_TRUE(Scan("#if GLUE(__has_, include)(<a.h>)\n").computed_has_include);
}

TEST(IncludeScannerTest, AMacroThatAsksForALiteralNameIsATest) {
  const ScannedText scanned = Scan("#define HAS_A __has_include(<a.h>)\n");
  EXPECT_THAT(scanned.directives, ElementsAre(Angled("a.h", Kind::kHasInclude)));
  EXPECT_FALSE(scanned.computed_has_include);
  EXPECT_THAT(scanned.has_include_aliases, IsEmpty());
  // Between quotes the answer depends on the file that uses the macro.
  EXPECT_TRUE(Scan("#define HAS_B __has_include(\"b.h\")\n").computed_has_include);
}

TEST(IncludeScannerTest, MacrosThatPassOnAreAliasesWithAndWithoutParameters) {
  EXPECT_THAT(Scan("#define HAS(x) __has_include(x)\n").has_include_aliases, ElementsAre("HAS"));
  EXPECT_THAT(Scan("#define HAS __has_include\n").has_include_aliases, ElementsAre("HAS"));
  EXPECT_THAT(Scan("#define HAS __has_\\\ninclude_next\n").has_include_aliases, ElementsAre("HAS"));
}

TEST(IncludeScannerTest, WhatIsAskedThroughAnAliasIsFoundWhereItIsUsed) {
  ScannedText scanned;
  ScanForAliases(
      "// HAS(<no.h>)\n#if defined(HAS)\n#if HAS(<a.h>)\n# elif \\\n HAS (\"b.h\")\n#endif\n",
      {"HAS"}, &scanned);
  EXPECT_THAT(scanned.directives, ElementsAre(Angled("a.h", Kind::kHasIncludeNext),
                                              Quoted("b.h", Kind::kHasIncludeNext)));
  EXPECT_FALSE(scanned.computed_has_include);
}

TEST(IncludeScannerTest, AnAliasOfAnAliasOrOfAMacroCannotBeFollowed) {
  ScannedText second;
  ScanForAliases("#define ALSO(x) HAS(x)\n", {"HAS"}, &second);
  EXPECT_TRUE(second.computed_has_include);
  ScannedText macro;
  ScanForAliases("#if HAS(HEADER)\n", {"HAS"}, &macro);
  EXPECT_TRUE(macro.computed_has_include);
  ScannedText other;
  ScanForAliases("#define HAS(x) 0\n#if HASH(HEADER)\n", {"HAS"}, &other);
  EXPECT_FALSE(other.computed_has_include) << "its own definition, and a longer name";
}

TEST(IncludeScannerTest, PastingTogetherOfReservedNamesIsSeen) {
  EXPECT_TRUE(Scan("#define RESERVED(x) __##x##__\n").pastes_reserved_names);
  EXPECT_TRUE(Scan("#define RESERVED(x) __ ## x ## __\n").pastes_reserved_names);
  EXPECT_TRUE(Scan("#define RESERVED(e, x) e##__##x##__##e\n").pastes_reserved_names);
  EXPECT_FALSE(Scan("#define FIELD(x) m_##x##_\n").pastes_reserved_names);
  EXPECT_FALSE(Scan("#define TABLE(t, n) __mod_##t##__##n##_table\n").pastes_reserved_names);
}

TEST(IncludeScannerTest, EmbedDirectivesAndTestsEmbedFiles) {
  EXPECT_TRUE(Scan("#embed \"logo.png\"\n").embeds_files);
  EXPECT_TRUE(Scan("#if __has_embed(\"logo.png\")\n").embeds_files);
  EXPECT_TRUE(Scan("#define HAS(x) __has_embed(x)\n").embeds_files);
  EXPECT_FALSE(Scan("int embed;\n").embeds_files);
}

TEST(IncludeScannerTest, IncbinIsFoundInEitherCaseAndInPieces) {
  for (const char* text : {
           "asm(\".incbin \\\"a.bin\\\"\");",
           "asm(\".IncBin \\\"a.bin\\\"\");",
           "asm(\".inc\" \"bin \\\"a.bin\\\"\");",
           "asm(\".\" \"incbin \\\"a.bin\\\"\");",
           "asm(\".in\"\n    \"cbin \\\"a.bin\\\"\");",
           "asm(\".include \\\"a.s\\\"\");",
           "asm(\".INCLUDE \\\"a.s\\\"\");",
       }) {
    EXPECT_TRUE(Scan(text).embeds_files) << text;
  }
  for (const char* text : {"a.includes(b);", "x.index = 1;", "puts(\"the end.\");", "1.i"}) {
    EXPECT_FALSE(Scan(text).embeds_files) << text;
  }
}

TEST(IncludeScannerTest, IncbinInALineCommentEmbedsNothing) {
  for (const char* text : {
           "// what .incbin embeds\n",
           "int a;\n  // .incbin\n",
           "kEmbedsFiles = 19,  // .incbin, .include in assembly\n",
           "/*\n * from C via asm(\".include <a.h>\") but let's not\n */\n",
       }) {
    EXPECT_FALSE(Scan(text).embeds_files) << text;
  }
  for (const char* text : {
           "/* // */ asm(\".incbin \\\"a.bin\\\"\");",
           "/*\n// a comment */ asm(\".incbin \\\"a.bin\\\"\");",
           "asm(\"//\\n.incbin \\\"a.bin\\\"\");",
           "asm(\"nop \\\n// .incbin \\\"a.bin\\\"\");",
           "asm(\"nop \?\?/\n// .incbin \\\"a.bin\\\"\");",
           "asm(R\"(\n// nop\n// .incbin \"a.bin\"\n)\");",
           "EMBED(.incbin \"a.bin\")  // embeds",
       }) {
    EXPECT_TRUE(Scan(text).embeds_files) << text;
  }
}

TEST(IncludeScannerTest, IncludeOfTheAssemblerCountsInAssembly) {
  EXPECT_TRUE(ScanForIncludes(".include\"a.s\"\n", /*assembler=*/true).embeds_files);
  EXPECT_FALSE(ScanForIncludes(".globl main\n", /*assembler=*/true).embeds_files);
}

TEST(IncludeScannerTest, DateMacrosAreFoundAnywhere) {
  EXPECT_TRUE(Scan("const char* built = __DATE__;\n").names_date_or_time);
  EXPECT_TRUE(Scan("#define NOW __TIME__\n").names_date_or_time);
  EXPECT_TRUE(Scan("f(__TIMESTAMP__)").names_date_or_time);
  EXPECT_FALSE(Scan("int DATE, __DATE, TIME__;\n").names_date_or_time);
}

TEST(IncludeScannerTest, PragmasThatMatterAreSeen) {
  EXPECT_TRUE(Scan("#pragma once\n").once_only);
  EXPECT_FALSE(Scan("#pragma nonce\n").once_only);
  EXPECT_TRUE(Scan("#pragma GCC system_header\n").marks_system_header);
  EXPECT_TRUE(Scan("#pragma GCC dependency \"a.y\"\n").depends_on_stamps);
  EXPECT_TRUE(Scan("_Pragma(\"GCC dependency \\\"a.y\\\"\")\n").depends_on_stamps);
  const ScannedText none = Scan("#pragma omp parallel\n");
  EXPECT_FALSE(none.once_only || none.marks_system_header || none.depends_on_stamps);
}

TEST(IncludeScannerTest, AnAliasOfAHeaderMakesEveryIncludeAComputedOne) {
  EXPECT_TRUE(Scan("#pragma include_alias(\"a.h\", \"b.h\")\n").computed_include);
  EXPECT_TRUE(Scan("__pragma(include_alias(<a.h>, <b.h>))\n").computed_include);
}

TEST(IncludeScannerTest, TextCutAtAnyPlaceIsScanned) {
  const std::string text =
      "/* c */ # include \\\n\"a.h\"\n%:if __has_include(<b.h>)\n?\?=define HAS(x) "
      "__has_include(x)\nasm(\".inc\" \"bin\");\n";
  for (size_t size = 0; size < text.size(); ++size) {
    EXPECT_LE(Scan(text.substr(0, size)).directives.size(), 2U);
  }
  EXPECT_THAT(Scan(text).directives, ElementsAre(Quoted("a.h"), Angled("b.h", Kind::kHasInclude)));
}

TEST(IncludeScannerTest, MacroWithAnUnusualNameIsFollowedOrLeftToThePreprocessor) {
  EXPECT_THAT(Scan("#define $HAS(x) __has_include(x)\n").has_include_aliases, ElementsAre("$HAS"));
  EXPECT_TRUE(Scan("#define @(x) __has_include(x)\n").computed_has_include);
  EXPECT_TRUE(Scan("#define @(x) __has_include(x)\n").has_include_aliases.empty());
}

}  // namespace
}  // namespace hpcc
