#include <gtest/gtest.h>
#include <sys/stat.h>

#include "compiler/grammar_test_support.h"

namespace hpcc {
namespace {

class GnuRefusalsTest : public GrammarTest {
 protected:
  std::string Reason(std::string_view args, const char* compiler = "gcc") {
    return RefusalName(Gnu(args, compiler));
  }
};

TEST_F(GnuRefusalsTest, WhatIsNotOneCompile) {
  EXPECT_EQ(Reason(""), "not-a-compile");
  EXPECT_EQ(Reason("--version"), "not-a-compile");
  EXPECT_EQ(Reason("-dumpmachine"), "not-a-compile");
  EXPECT_EQ(Reason("-print-file-name=x"), "not-a-compile");
  EXPECT_EQ(Reason("-v"), "not-a-compile");
  EXPECT_EQ(Reason("-### -c foo.c"), "not-a-compile");
  EXPECT_EQ(Reason("-c foo.c -fsyntax-only"), "not-a-compile");
  EXPECT_EQ(Reason("--analyze foo.c", "clang"), "not-a-compile");
  EXPECT_EQ(Reason("-S d/foo.s"), "not-a-compile");
  EXPECT_EQ(Reason("foo.c -o foo"), "links");
  EXPECT_EQ(Reason("foo.o -shared -o foo.so"), "links");
  EXPECT_EQ(Reason("-E foo.c"), "preprocesses-only");
  EXPECT_EQ(Reason("-c foo.c -E"), "preprocesses-only");
  EXPECT_EQ(Reason("-S d/foo.S"), "preprocesses-only");
  EXPECT_EQ(Reason("-M foo.c"), "dependencies-only");
  EXPECT_EQ(Reason("-MM -MF dep foo.c"), "dependencies-only");
  EXPECT_EQ(Reason("-c foo.c two.c"), "several-sources");
  EXPECT_EQ(Reason("-c foo.c foo.o"), "several-sources");
  EXPECT_EQ(Reason("-c -x c -"), "source-from-stdin");
}

TEST_F(GnuRefusalsTest, PurposeIsToldBeforeItsFlags) {
  EXPECT_EQ(Reason("-save-temps -E foo.c"), "preprocesses-only");
  EXPECT_EQ(Reason("-save-temps foo.c -o foo"), "links");
  EXPECT_EQ(Reason("foo.c two.c -o foo"), "links");
}

TEST_F(GnuRefusalsTest, SourcesAndLanguages) {
  EXPECT_EQ(Reason("-c nowhere.c"), "source-not-regular");
  EXPECT_EQ(Reason("-c -x c /dev/null"), "source-not-regular");
  EXPECT_EQ(Reason("-c -x c d"), "source-not-regular");
  EXPECT_EQ(Reason("-c foo.f90"), "language");
  EXPECT_EQ(Reason("-c foo.cu", "clang"), "language");
  EXPECT_EQ(Reason("-c -x ada foo.c"), "language");
  EXPECT_EQ(Reason("-c foo.c", "nvcc"), "language");
  EXPECT_EQ(Reason("-xHost -c foo.c", "icx"), "language");
  EXPECT_EQ(Reason("-c inc.h"), "header-output");
  EXPECT_EQ(Reason("-x c++-header -c inc.h"), "header-output");
  EXPECT_EQ(Reason("-c foo.cppm", "clang"), "modules");
}

TEST_F(GnuRefusalsTest, HeadersAloneArePrecompiledAndNotLinked) {
  EXPECT_EQ(Reason("inc.h"), "header-output");
  EXPECT_EQ(Reason("inc.h -o pre.gch"), "header-output");
  EXPECT_EQ(Reason("-x c++-header foo.c"), "header-output");
  EXPECT_EQ(Reason("inc.h", "clang"), "header-output");
  EXPECT_EQ(Reason("inc.h inc.h"), "several-sources");
  EXPECT_EQ(Reason("inc.h foo.c"), "links");
  EXPECT_EQ(Reason("inc.h foo.o -o foo"), "links");
  EXPECT_EQ(Reason("-x c inc.h -o foo"), "links");
}

TEST_F(GnuRefusalsTest, Modules) {
  EXPECT_EQ(Reason("-c d/foo.cc -fmodules-ts"), "modules");
  EXPECT_EQ(Reason("-c foo.c -fmodules", "clang"), "modules");
  EXPECT_EQ(Reason("-c foo.c -fmodule-file=x.pcm", "clang"), "modules");
  EXPECT_EQ(Reason("-c foo.c -Xclang -fmodule-file=x.pcm", "clang"), "modules");
  EXPECT_EQ(Reason("-c foo.c -fno-modules", "clang"), "none");
}

TEST_F(GnuRefusalsTest, OutputsThatMustNotBeReplaced) {
  EXPECT_EQ(Reason("-c foo.c -o -"), "output-not-regular");
  EXPECT_EQ(Reason("-c foo.c -o /dev/null"), "output-not-regular");
  EXPECT_EQ(Reason("-c foo.c -o d"), "output-not-regular");
  EXPECT_EQ(Reason("-c foo.c -MD -MF /dev/null"), "output-not-regular");
  EXPECT_EQ(Reason("-c foo.c -MD -MF -"), "output-not-regular");
  EXPECT_EQ(Reason("-c foo.c -Wp,-MD,/dev/stdout"), "output-not-regular");
  ASSERT_EQ(mkfifo((directory_.path() + "/pipe.o").c_str(), 0600), 0);
  EXPECT_EQ(Reason("-c foo.c -o pipe.o"), "output-not-regular");
  ASSERT_EQ(mkfifo((directory_.path() + "/x.gcno").c_str(), 0600), 0);
  EXPECT_EQ(Reason("-c foo.c -o x.o --coverage"), "output-not-regular");
  EXPECT_EQ(Reason("-c foo.c -o foo.c"), "extra-output");
  EXPECT_EQ(Reason("-c foo.c -o x.o -MD -MF x.o"), "extra-output");
}

TEST_F(GnuRefusalsTest, FilesThatAreNotKept) {
  for (const char* flag : {"-save-temps",
                           "-save-temps=obj",
                           "--save-temps",
                           "-fdump-tree-all",
                           "-dP",
                           "-dynamic",
                           "-dM",
                           "-ftime-trace",
                           "-fsave-optimization-record",
                           "-fcallgraph-info=su",
                           "-fopt-info-vec=file",
                           "-aux-info x",
                           "-fprofile-note=x",
                           "-Wa,-adhln=x.lst",
                           "-Wa,-a",
                           "-Wa,-MD,x",
                           "-Xassembler -aln",
                           "-MJ x",
                           "-gen-cdb-fragment-path x",
                           "-index-store-path x",
                           "--serialize-diagnostics x",
                           "-fdiagnostics-format=sarif-file"}) {
    EXPECT_EQ(Reason(StrCat("-c foo.c ", flag)), "extra-output") << flag;
  }
  EXPECT_EQ(Reason("-c foo.c -fstack-usage -flto"), "extra-output");
  EXPECT_EQ(Reason("-c foo.c -fopt-info-vec"), "none");
}

TEST_F(GnuRefusalsTest, FlagsThatCantBeKeyed) {
  for (const char* flag : {"-v",
                           "-time",
                           "-ftime-report",
                           "-Q",
                           "-I-",
                           "-iprefix x",
                           "-iwithprefix x",
                           "-wrapper x",
                           "-remap",
                           "-fpreprocessed",
                           "-fwpa",
                           "-dumpbase x",
                           "-dumpdir x",
                           "-MD -MG",
                           "-F x",
                           "-ivfsoverlay x",
                           "-cxx-isystem x",
                           "--config x",
                           "-fplugin=nowhere.so",
                           "-specs=nowhere.specs",
                           "-fcompare-debug",
                           "-MF x",
                           "-MT x",
                           "-MP",
                           "-Wp,-MD,a,-MT,b",
                           "-Wp,-MD",
                           "-Wp,-MD,a -MD",
                           "-Wp,-MD,a -MF b",
                           "-Wp,-MD,a -Wp,-MMD,b",
                           "-Wp,-P",
                           "-Xpreprocessor -MD",
                           "-Wa,x.s",
                           "-Wa,-Wa=x.lst",
                           "-Wa,-La=x.lst",
                           "-Xassembler -La=x.lst",
                           "-Wa,-",
                           "-Wa,--unheard-of",
                           "-Xclang -o",
                           "-Xclang -dependency-file",
                           "-mllvm -stats",
                           "-o a.o -o b.o",
                           "-I ",
                           "-fplugin-arg-p-out=/tmp/x"}) {
    EXPECT_EQ(Reason(StrCat("-c foo.c ", flag)),
              flag == std::string("-I ") ? "malformed-command" : "unsupported-flag")
        << flag;
  }
  EXPECT_EQ(Reason("-c foo.c -frecord-command-line", "clang"), "unsupported-flag");
  EXPECT_EQ(Reason("-c foo.c -grecord-gcc-switches", "clang"), "unsupported-flag");
  EXPECT_EQ(Reason("-c foo.c -grecord-gcc-switches", "gcc"), "none");
  EXPECT_EQ(Reason("-c foo.c -MD -MMD", "clang"), "unsupported-flag");
}

TEST_F(GnuRefusalsTest, DoubleDashSpellingsOfGccAreSeenThrough) {
  EXPECT_EQ(Reason("-c foo.c --dump-tree-all"), "extra-output");
  EXPECT_EQ(Reason("-c foo.c --save-optimization-record"), "unsupported-flag");
  EXPECT_EQ(Reason("-c foo.c --stack-usage"), "unsupported-flag");
  EXPECT_EQ(Reason("-c foo.c --PIC"), "none");
}

TEST_F(GnuRefusalsTest, IncompleteCommands) {
  EXPECT_EQ(Reason("-c foo.c -o"), "malformed-command");
  EXPECT_EQ(Reason("-c foo.c -I"), "malformed-command");
  EXPECT_EQ(Reason("-c foo.c -MD -MF"), "malformed-command");
  EXPECT_EQ(Reason("-c foo.c -Xclang -include-pch", "clang"), "malformed-command");
  EXPECT_EQ(RefusalName(Gnu(std::vector<std::string>{"-c", "foo.c", "-o", ""})),
            "malformed-command");
}

TEST_F(GnuRefusalsTest, ResponseFilesThatCantBeRead) {
  EXPECT_EQ(Reason("-c foo.c @nowhere"), "response-file");
  directory_.Write("loop", "@loop");
  EXPECT_EQ(Reason("-c foo.c @loop"), "response-file");
  EXPECT_EQ(Reason("-c foo.c -Wa,@x"), "response-file");
}

TEST_F(GnuRefusalsTest, SeveralArchitectures) {
  EXPECT_EQ(Reason("-c foo.c -arch x86_64 -arch arm64", "clang"), "several-architectures");
  EXPECT_EQ(Reason("-c foo.c -arch arm64 -arch arm64", "clang"), "none");
}

TEST_F(GnuRefusalsTest, DecisiveVariables) {
  for (const char* name :
       {"DEPENDENCIES_OUTPUT", "SUNPRO_DEPENDENCIES", "CCC_OVERRIDE_OPTIONS", "CC_PRINT_OPTIONS",
        "CC_PRINT_HEADERS", "CC_LOG_DIAGNOSTICS", "GCC_COMPARE_DEBUG"}) {
    environment_ = Environment();
    environment_.Set(name, "x");
    const Invocation invocation = Gnu("-c foo.c");
    EXPECT_EQ(RefusalName(invocation), "environment");
    EXPECT_EQ(invocation.refusal->detail, name);
  }
  environment_ = Environment();
  environment_.Set("CPATH", "x");
  EXPECT_EQ(Reason("-c foo.c"), "none");
}

TEST_F(GnuRefusalsTest, DetailNamesWhatDecided) {
  EXPECT_EQ(Gnu("-c foo.c -fdump-rtl-all").refusal->detail, "-fdump-rtl-all");
  EXPECT_EQ(Gnu("-c foo.c two.c").refusal->detail, "two.c");
  EXPECT_EQ(Gnu("-c foo.c -o /dev/null").refusal->detail, "/dev/null");
}

}  // namespace
}  // namespace hpcc
