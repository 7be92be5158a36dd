#include "compiler/compiler_report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace hpcc {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

// What the compilers of Debian 12 print; options cut short where they repeat themselves.

constexpr std::string_view kGcc =
    R"(Using built-in specs.
COLLECT_GCC=/usr/bin/gcc
OFFLOAD_TARGET_NAMES=nvptx-none:amdgcn-amdhsa
Target: x86_64-linux-gnu
Configured with: ../src/configure -v --with-pkgversion='Debian 12.2.0-14+deb12u1'
Thread model: posix
Supported LTO compression algorithms: zlib zstd
gcc version 12.2.0 (Debian 12.2.0-14+deb12u1) 
COLLECT_GCC_OPTIONS='-c' '-mtune=generic' '-march=x86-64'
 /usr/lib/gcc/x86_64-linux-gnu/12/cc1 -quiet -imultiarch x86_64-linux-gnu a.c "-mtune=generic"
COLLECT_GCC_OPTIONS='-c' '-mtune=generic' '-march=x86-64'
 as --64 -o a.o /tmp/ccJhIg7X.s
COMPILER_PATH=/usr/lib/gcc/x86_64-linux-gnu/12/:/usr/lib/gcc/x86_64-linux-gnu/
LIBRARY_PATH=/usr/lib/gcc/x86_64-linux-gnu/12/:/lib/x86_64-linux-gnu/
COLLECT_GCC_OPTIONS='-c' '-mtune=generic' '-march=x86-64'
)";

constexpr std::string_view kClang =
    R"(Debian clang version 14.0.6
Target: x86_64-pc-linux-gnu
Thread model: posix
InstalledDir: /usr/bin
 (in-process)
 "/usr/lib/llvm-14/bin/clang" "-cc1" "-triple" "x86_64-pc-linux-gnu" "-o" "a.o" "-x" "c" "a.c"
)";

TEST(CompilerReportTest, GccTellsItsNameAndThePrograms) {
  const CompilerReport report = ParseCompilerReport(kGcc);
  EXPECT_EQ(report.family, CompilerFamily::kGcc);
  EXPECT_EQ(report.collect_gcc, "/usr/bin/gcc");
  EXPECT_THAT(report.programs, ElementsAre("/usr/lib/gcc/x86_64-linux-gnu/12/cc1", "as"));
  EXPECT_THAT(report.commands, ElementsAre(HasSubstr("-imultiarch x86_64-linux-gnu a.c"),
                                           " as --64 -o a.o /tmp/ccJhIg7X.s"));
  EXPECT_THAT(report.files, IsEmpty());
  EXPECT_EQ(report.version,
            "Target: x86_64-linux-gnu\nThread model: posix\n"
            "gcc version 12.2.0 (Debian 12.2.0-14+deb12u1) \n");
}

TEST(CompilerReportTest, ClangRunsItselfAndInProcessIsNoProgram) {
  const CompilerReport report = ParseCompilerReport(kClang);
  EXPECT_EQ(report.family, CompilerFamily::kClang);
  EXPECT_EQ(report.collect_gcc, "");
  EXPECT_THAT(report.programs, ElementsAre("/usr/lib/llvm-14/bin/clang"));
  EXPECT_EQ(report.version,
            "Debian clang version 14.0.6\nTarget: x86_64-pc-linux-gnu\nThread model: posix\n");
}

TEST(CompilerReportTest, ProgramNameInQuotesMayHoldBlanks) {
  EXPECT_THAT(ParseCompilerReport(" \"/opt/my tools/clang\" \"-cc1\"\n").programs,
              ElementsAre("/opt/my tools/clang"));
  EXPECT_THAT(ParseCompilerReport(" \"/opt/unfinished\n").programs, ElementsAre("/opt/unfinished"));
}

TEST(CompilerReportTest, FilesThatWereReadAreListed) {
  const CompilerReport report = ParseCompilerReport(
      "Reading specs from /opt/gcc/lib/gcc/arm-none-eabi/12/specs\nReading specs from my.specs\n"
      "Configuration file: /etc/clang/clang.cfg\n");
  EXPECT_THAT(report.files, ElementsAre("/opt/gcc/lib/gcc/arm-none-eabi/12/specs", "my.specs",
                                        "/etc/clang/clang.cfg"));
}

TEST(CompilerReportTest, OtherProgramsAreOfNoKnownFamily) {
  for (const char* text : {"", "usage: tool [options]\n", "tool: error: unknown option -###\n",
                           "TCC version 0.9.27 (x86_64 Linux)\n"}) {
    EXPECT_EQ(ParseCompilerReport(text).family, CompilerFamily::kUnknown) << text;
  }
}

TEST(BuiltInSearchTest, MissingDirectoriesOfGccComeFirst) {
  EXPECT_THAT(
      ParseBuiltInSearch(R"(ignoring nonexistent directory "/usr/local/include/x86_64-linux-gnu"
ignoring duplicate directory "/usr/include"
#include "..." search starts here:
 /quote/only
#include <...> search starts here:
 /usr/lib/gcc/x86_64-linux-gnu/12/include
 /usr/local/include
 /with a blank
End of search list.
 /not/in/the/list
COMPILER_PATH=/usr/lib/gcc/x86_64-linux-gnu/12/
)"),
      ElementsAre("/usr/local/include/x86_64-linux-gnu", "/usr/lib/gcc/x86_64-linux-gnu/12/include",
                  "/usr/local/include", "/with a blank"));
}

TEST(BuiltInSearchTest, DirectoriesOfClangAreFoundAndFrameworksAreNot) {
  EXPECT_THAT(ParseBuiltInSearch(R"(clang -cc1 version 14.0.6 based upon LLVM 14.0.6
ignoring nonexistent directory "/include"
#include "..." search starts here:
#include <...> search starts here:
 /usr/lib/llvm-14/lib/clang/14.0.6/include
 /usr/include
 /System/Library/Frameworks (framework directory)
End of search list.
)"),
              ElementsAre("/include", "/usr/lib/llvm-14/lib/clang/14.0.6/include", "/usr/include"));
}

TEST(BuiltInSearchTest, NothingIsFoundInOtherText) {
  EXPECT_THAT(ParseBuiltInSearch("error\n /usr/include\n"), IsEmpty());
}

}  // namespace
}  // namespace hpcc
