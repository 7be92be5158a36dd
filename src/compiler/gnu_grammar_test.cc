#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "compiler/gnu_languages.h"
#include "compiler/grammar_test_support.h"

namespace hpcc {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::Field;
using testing::IsEmpty;

using Chain = SearchDirectory::Chain;

class GnuGrammarTest : public GrammarTest {
 protected:
  // The effect of the only argument with that flag.
  FlagEffect EffectOf(std::string_view flag, std::string_view args) {
    const Invocation invocation = Gnu(StrCat("-c foo.c ", args));
    for (const Argument& argument : invocation.arguments) {
      if (argument.flag == flag) return argument.effect;
    }
    ADD_FAILURE() << flag << " not found in " << args;
    return FlagEffect::kMode;
  }
};

TEST_F(GnuGrammarTest, PlainCompileIsUnderstood) {
  const Invocation invocation = Gnu("-O2 -Iinclude -c d/foo.c -o o/foo.o");
  EXPECT_EQ(RefusalName(invocation), "none");
  EXPECT_EQ(invocation.source, "d/foo.c");
  EXPECT_EQ(invocation.language, Language::kC);
  EXPECT_EQ(invocation.output, "o/foo.o");
  EXPECT_TRUE(invocation.output_is_explicit);
  EXPECT_FALSE(invocation.assembly_output);
  EXPECT_FALSE(invocation.cwd_reaches_output);
  EXPECT_FALSE(invocation.output_path_reaches_output);
  EXPECT_FALSE(invocation.debug_info);
  EXPECT_TRUE(invocation.standard_includes);
  EXPECT_THAT(OutputPaths(invocation), ElementsAre("o/foo.o"));
}

TEST_F(GnuGrammarTest, ArgumentsKeepTheirWordsAndOrder) {
  const std::string line =
      "-I a -Ib -DX -D Y -unknown -c foo.c --weird=1 -Wl,-z,now -Xlinker x -o foo.o -MD -MF dep";
  std::vector<std::string> words;
  for (const Argument& argument : Gnu(line).arguments) {
    words.insert(words.end(), argument.words.begin(), argument.words.end());
  }
  EXPECT_EQ(words, Words(line));
}

TEST_F(GnuGrammarTest, NamesAreCanonicalAndValuesApart) {
  const Invocation invocation = Gnu("--include-directory=a -I b -Ic -c foo.c");
  std::vector<std::string> seen;
  for (const Argument& argument : invocation.arguments) {
    seen.push_back(StrCat(argument.flag, "|", argument.value));
  }
  EXPECT_THAT(seen, ElementsAre("-I|a", "-I|b", "-I|c", "-c|", "|foo.c"));
}

TEST_F(GnuGrammarTest, EffectsOfFlags) {
  EXPECT_EQ(EffectOf("-O", "-O2"), FlagEffect::kCodegen);
  EXPECT_EQ(EffectOf("-fPIC", "-fPIC"), FlagEffect::kCodegen);
  EXPECT_EQ(EffectOf("-fno-exceptions", "-fno-exceptions"), FlagEffect::kCodegen);
  EXPECT_EQ(EffectOf("-std", "-std=c11"), FlagEffect::kCodegen);
  EXPECT_EQ(EffectOf("-W", "-Wall"), FlagEffect::kWarning);
  EXPECT_EQ(EffectOf("-fdiagnostics-", "-fdiagnostics-color=always"), FlagEffect::kWarning);
  EXPECT_EQ(EffectOf("-D", "-DX=1"), FlagEffect::kDefine);
  EXPECT_EQ(EffectOf("-g3", "-g3"), FlagEffect::kDebug);
  EXPECT_EQ(EffectOf("-ffile-prefix-map", "-ffile-prefix-map=a=b"), FlagEffect::kPathsInOutput);
  EXPECT_EQ(EffectOf("-isystem", "-isystem x"), FlagEffect::kSearchPath);
  EXPECT_EQ(EffectOf("-m", "-m32"), FlagEffect::kSearchRoot);
  EXPECT_EQ(EffectOf("--sysroot", "--sysroot=/x"), FlagEffect::kSearchRoot);
  EXPECT_EQ(EffectOf("-include", "-include inc.h"), FlagEffect::kForcedInclude);
  EXPECT_EQ(EffectOf("-l", "-lm"), FlagEffect::kLinkOnly);
  EXPECT_EQ(EffectOf("-Wl,", "-Wl,-O1"), FlagEffect::kLinkOnly);
  EXPECT_EQ(EffectOf("-march", "-march=native"), FlagEffect::kNative);
  EXPECT_EQ(EffectOf("-march", "-march=armv8-a"), FlagEffect::kSearchRoot);
  EXPECT_EQ(EffectOf("-fsurprise", "-fsurprise"), FlagEffect::kUnknown);
  EXPECT_EQ(EffectOf("-MD", "-MD"), FlagEffect::kDependency);
  EXPECT_EQ(EffectOf("-Wp,", "-Wp,-MMD,dep"), FlagEffect::kDependency);
  EXPECT_EQ(EffectOf("-Wp,", "-Wp,-D_FORTIFY_SOURCE=2"), FlagEffect::kDefine);
}

TEST_F(GnuGrammarTest, InputsAreNotDroppedWithModes) {
  for (const Argument& argument : Gnu("-c foo.c").arguments) {
    if (argument.flag.empty()) {
      EXPECT_EQ(argument.effect, FlagEffect::kLanguage);
    }
  }
}

TEST_F(GnuGrammarTest, SuffixDecidesTheLanguage) {
  const std::pair<const char*, Language> kCases[] = {{"a.c", Language::kC},
                                                     {"a.cc", Language::kCxx},
                                                     {"a.C", Language::kCxx},
                                                     {"a.CPP", Language::kCxx},
                                                     {"a.c++", Language::kCxx},
                                                     {"a.m", Language::kObjectiveC},
                                                     {"a.mm", Language::kObjectiveCxx},
                                                     {"a.i", Language::kPreprocessedC},
                                                     {"a.ii", Language::kPreprocessedCxx},
                                                     {"a.s", Language::kAssembler},
                                                     {"a.S", Language::kAssemblerWithCpp},
                                                     {"a.sx", Language::kAssemblerWithCpp}};
  for (const auto& [file, language] : kCases) {
    directory_.Write(file, "");
    const Invocation invocation = Gnu(StrCat("-c ", file));
    EXPECT_EQ(invocation.language, language) << file;
    EXPECT_EQ(RefusalName(invocation), "none") << file;
  }
}

TEST_F(GnuGrammarTest, CxxDriversTakeCForCxx) {
  EXPECT_EQ(Gnu("-c foo.c", "x86_64-linux-gnu-g++-12").language, Language::kCxx);
  EXPECT_EQ(Gnu("-c foo.c", "clang++-14").language, Language::kCxx);
  EXPECT_EQ(Gnu("-c d/foo.i", "c++").language, Language::kPreprocessedCxx);
  EXPECT_EQ(Gnu("-x c -c foo.c", "g++").language, Language::kC);
  EXPECT_FALSE(IsCxxDriver("gcc-12"));
  EXPECT_FALSE(IsCxxDriver("x86_64-linux-gnu-gcc"));
  EXPECT_TRUE(IsCxxDriver("g++-12.2"));
  EXPECT_TRUE(IsCxxDriver("mpicxx"));
}

TEST_F(GnuGrammarTest, LanguageFlagAppliesToTheInputsBehindIt) {
  EXPECT_EQ(Gnu("-xc++ -c foo.c").language, Language::kCxx);
  EXPECT_EQ(Gnu("-x c++ -x none -c foo.c").language, Language::kC);
  EXPECT_EQ(Gnu("-c foo.c -x c++").language, Language::kC);
  EXPECT_EQ(Gnu("-c -x c d/foo").language, Language::kC);
}

TEST_F(GnuGrammarTest, DoubleDashEndsOptionsForClang) {
  directory_.Write("-odd.c", "");
  const Invocation invocation = Gnu("-c -- -odd.c", "clang");
  EXPECT_EQ(RefusalName(invocation), "none");
  EXPECT_EQ(invocation.source, "-odd.c");
  EXPECT_EQ(RefusalName(Gnu("-c -- foo.c", "gcc")), "malformed-command");
}

TEST_F(GnuGrammarTest, ResponseFilesAreExpandedInPlace) {
  directory_.Write("args", "-DQ='a b' -c");
  const Invocation invocation = Gnu("-O2 @args foo.c");
  EXPECT_EQ(RefusalName(invocation), "none");
  EXPECT_TRUE(invocation.had_response_file);
  EXPECT_THAT(invocation.arguments, Contains(Field(&Argument::words, ElementsAre("-DQ=a b"))));
  EXPECT_FALSE(Gnu("-c foo.c").had_response_file);
}

TEST_F(GnuGrammarTest, SearchDirectoriesComeInOrderWithTheirChains) {
  const Invocation invocation =
      Gnu("-Ia -isystem b -iquotec -idirafter d -I e --include-directory-after=f -c foo.c");
  std::vector<std::pair<Chain, std::string>> found;
  for (const SearchDirectory& directory : invocation.search) {
    found.emplace_back(directory.chain, directory.path);
  }
  EXPECT_THAT(found, ElementsAre(std::pair(Chain::kBracket, "a"), std::pair(Chain::kSystem, "b"),
                                 std::pair(Chain::kQuote, "c"), std::pair(Chain::kAfter, "d"),
                                 std::pair(Chain::kBracket, "e"), std::pair(Chain::kAfter, "f")));
}

TEST_F(GnuGrammarTest, SystemRootTakesThePlaceOfEqualsSign) {
  const auto first = [&](std::string_view args, const char* compiler) {
    return Gnu(StrCat("-c foo.c ", args), compiler).search.front().path;
  };
  EXPECT_EQ(first("-I=/d --sysroot=/r/", "gcc"), "/r/d");
  EXPECT_EQ(first("-I=d --sysroot=/r", "gcc"), "/rd");
  EXPECT_EQ(first("-isystem =/d --sysroot /r", "gcc"), "/r/d");
  EXPECT_EQ(first("-iquote $SYSROOT/d --sysroot /r -isysroot /h", "gcc"), "/h/d");
  EXPECT_EQ(first("-I=/d", "gcc"), "=/d");
  EXPECT_EQ(first("-I=d --sysroot=/r", "clang"), "/r/d");
  EXPECT_EQ(first("-I=/d --sysroot=/r", "clang"), "/r/d");
  EXPECT_EQ(first("-isystem=/d --sysroot=/r", "clang"), "=/d");
  EXPECT_EQ(first("-I$SYSROOT/d --sysroot=/r", "clang"), "$SYSROOT/d");
}

TEST_F(GnuGrammarTest, ForcedIncludesAndNostdinc) {
  const Invocation invocation = Gnu("-nostdinc -include inc.h -imacros two.c -c foo.c");
  ASSERT_EQ(invocation.forced_includes.size(), 2U);
  EXPECT_EQ(invocation.forced_includes[0].path, "inc.h");
  EXPECT_FALSE(invocation.forced_includes[0].macros_only);
  EXPECT_TRUE(invocation.forced_includes[1].macros_only);
  EXPECT_FALSE(invocation.standard_includes);
  EXPECT_TRUE(Gnu("-nostdinc++ -c foo.c", "g++").standard_includes);
}

TEST_F(GnuGrammarTest, LastDebugFlagWins) {
  EXPECT_TRUE(Gnu("-g -c foo.c").debug_info);
  EXPECT_TRUE(Gnu("-g0 -ggdb3 -c foo.c").debug_info);
  EXPECT_TRUE(Gnu("-gdwarf-5 -c foo.c").debug_info);
  EXPECT_FALSE(Gnu("-g -g0 -c foo.c").debug_info);
  EXPECT_FALSE(Gnu("-g -ggdb0 -c foo.c").debug_info);
  EXPECT_FALSE(Gnu("-gz -gno-column-info -c foo.c").debug_info);
}

TEST_F(GnuGrammarTest, WorkingDirectoryIsKeyedWhereItMayReachTheOutput) {
  for (const char* args : {"-g", "-fsurprise", "--coverage", "-ffile-prefix-map=a=b", "-Wa,-g",
                           "-Xassembler --gdwarf-5", "-flto", "-fprofile-generate",
                           "-fworking-directory", "-Xclang -fno-pch-timestamp"}) {
    EXPECT_TRUE(Gnu(StrCat("-c foo.c ", args)).cwd_reaches_output) << args;
  }
  EXPECT_TRUE(Gnu("-c d/foo.S").cwd_reaches_output);
  for (const char* args :
       {"-g -g0", "-Wall -Wextra -O3 -fPIC -std=c99 -pthread -march=native", "-Wa,--noexecstack",
        "-lm -Lx -Wl,-O1", "-MD -MP", "-DX -Ix -include inc.h", "-Wp,-D_FORTIFY_SOURCE=2"}) {
    EXPECT_FALSE(Gnu(StrCat("-c foo.c ", args)).cwd_reaches_output) << args;
  }
}

TEST_F(GnuGrammarTest, OutputPathIsKeyedForCoverageAndSplitDwarf) {
  EXPECT_TRUE(Gnu("-c foo.c --coverage").output_path_reaches_output);
  EXPECT_TRUE(Gnu("-c foo.c -g -gsplit-dwarf").output_path_reaches_output);
  EXPECT_TRUE(Gnu("-c foo.c -fprofile-arcs").output_path_reaches_output);
  EXPECT_FALSE(Gnu("-c foo.c -g -fstack-usage").output_path_reaches_output);
}

TEST_F(GnuGrammarTest, NativeIsNoticed) {
  EXPECT_TRUE(Gnu("-c foo.c -march=native").uses_native);
  EXPECT_TRUE(Gnu("-c foo.c -mtune=native").uses_native);
  EXPECT_TRUE(Gnu("-c foo.c -mcpu=native").uses_native);
  EXPECT_FALSE(Gnu("-c foo.c -march=x86-64-v3").uses_native);
}

TEST_F(GnuGrammarTest, DependencyFileThroughThePreprocessor) {
  const DependencyRequest request = Gnu("-Wp,-MMD,o/.foo.o.d -c foo.c -o o/foo.o").dependencies;
  EXPECT_EQ(request.kind, DependencyRequest::Kind::kUserHeaders);
  EXPECT_EQ(request.file, "o/.foo.o.d");
  EXPECT_EQ(request.default_target, "foo.o");
  EXPECT_TRUE(request.through_preprocessor);
  EXPECT_EQ(Gnu("-Wp,-MMD,x -c foo.c -o o/foo.o", "clang").dependencies.default_target, "o/foo.o");
}

TEST_F(GnuGrammarTest, ContentInputs) {
  const auto inputs = [&](std::string_view args, const char* compiler = "gcc") {
    const Invocation invocation = Gnu(StrCat("-c foo.c ", args), compiler);
    EXPECT_EQ(RefusalName(invocation), "none") << args;
    return invocation.content_inputs;
  };
  directory_.Write("p.so", "x");
  directory_.Write("conf", "x");
  directory_.Write("x.specs", "*cc1:\n+ -O2\n");
  directory_.Write("default.profdata", "x");
  directory_.Write("prof/default.profdata", "x");
  EXPECT_THAT(inputs("-fplugin=p.so -fplugin-arg-p-conf=conf -fplugin-arg-p-level=3"),
              ElementsAre("p.so", "conf"));
  EXPECT_THAT(inputs("-specs=x.specs"), ElementsAre("x.specs"));
  EXPECT_THAT(inputs("-fsanitize-ignorelist=conf", "clang"), ElementsAre("conf"));
  EXPECT_THAT(inputs("-Xclang -include-pch -Xclang conf", "clang"), ElementsAre("conf"));
  EXPECT_THAT(inputs("-include-pch conf", "clang"), ElementsAre("conf"));
  EXPECT_THAT(inputs("-Xclang -load -Xclang p.so -Xclang -add-plugin -Xclang x", "clang"),
              ElementsAre("p.so"));
  EXPECT_THAT(inputs("-Xclang -fdebug-compilation-dir -Xclang /x", "clang"), IsEmpty());
  EXPECT_THAT(inputs("-fprofile-use", "clang"), ElementsAre("default.profdata"));
  EXPECT_THAT(inputs("-fprofile-use=prof", "clang"), ElementsAre("prof/default.profdata"));
  EXPECT_THAT(inputs("-fprofile-instr-use=conf", "clang"), ElementsAre("conf"));
  EXPECT_THAT(inputs("-fsurprise=conf"), ElementsAre("conf"));
  EXPECT_THAT(inputs("-fsurprise=nofile"), IsEmpty());
}

TEST_F(GnuGrammarTest, ProfilesThatGccReads) {
  directory_.Write("o/x.gcda", "x");
  EXPECT_THAT(Gnu("-c foo.c -o o/x.o -fprofile-use").content_inputs, ElementsAre("o/x.gcda"));
  EXPECT_THAT(Gnu("-c foo.c -o o/x.o -fprofile-use -fno-profile-use").content_inputs, IsEmpty());
  EXPECT_THAT(Gnu("-c foo.c -o o/y.o -fbranch-probabilities").content_inputs, IsEmpty());
  std::string mangled = directory_.path() + "/o/x.gcda";
  for (char& c : mangled) {
    if (c == '/') c = '#';
  }
  directory_.Write("prof/" + mangled, "x");
  EXPECT_THAT(Gnu("-c foo.c -o o/x.o -fprofile-use=prof").content_inputs,
              ElementsAre("prof/" + mangled));
}

TEST_F(GnuGrammarTest, ManyArgumentsAreReadQuickly) {
  std::vector<std::string> args = {"-c", "foo.c"};
  for (int i = 0; i < 20'000; ++i) args.push_back(StrCat("-Wflag", i));
  const auto start = std::chrono::steady_clock::now();
  EXPECT_EQ(RefusalName(Gnu(args)), "none");
  // A hundred times what it takes, so that only a wrong order of growth shows.
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(5));
}

TEST_F(GnuGrammarTest, ClangSearchesTheIncludeStackWhereItIsToBeLikeMsvc) {
  for (const char* args : {"-fms-compatibility -c foo.c", "-target i686-pc-win32 -c foo.c",
                           "--target=x86_64-pc-windows-msvc -c foo.c"}) {
    EXPECT_TRUE(Gnu(args, "clang").searches_include_stack) << args;
    EXPECT_FALSE(Gnu(args, "gcc").searches_include_stack) << args;
  }
  EXPECT_TRUE(Gnu("-c foo.c", "x86_64-pc-windows-msvc-clang").searches_include_stack);
  EXPECT_FALSE(Gnu("-c foo.c", "clang").searches_include_stack);
  EXPECT_FALSE(Gnu("-Iwindows -c foo.c", "clang").searches_include_stack);
}

}  // namespace
}  // namespace hpcc
