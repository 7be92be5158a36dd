#include "compiler/search_path.h"

#include "base/process.h"
#include "compiler/compiler_report.h"
#include "compiler/grammar_test_support.h"

namespace hpcc {
namespace {

class SearchPathTest : public GrammarTest {
 protected:
  SearchPathTest() {
    for (const char* name : {"a", "b", "c", "q", "s", "t", "after", "builtin"}) {
      directory_.Write(StrCat(name, "/", name, ".h"), "");
    }
  }

  // "q:quote" for -iquote, "s!" for system, "x?" for missing.
  std::string Path(std::string_view args, const std::vector<std::string>& built_in = {}) {
    const Invocation invocation = Gnu(args);
    std::string text;
    for (const SearchPathEntry& entry : BuildSearchPath(FileSystem::Real(), directory_.path(),
                                                        environment_, invocation, built_in)) {
      StrAppend(&text, text.empty() ? "" : " ", entry.directory, entry.quote_only ? ":quote" : "",
                entry.system ? "!" : "", entry.exists ? "" : "?");
    }
    return text;
  }
};

TEST_F(SearchPathTest, ChainsStandInTheOrderOfTheCompiler) {
  environment_.Set("CPATH", "c");
  environment_.Set("C_INCLUDE_PATH", "t");
  EXPECT_EQ(Path("-idirafter after -isystem s -Ia -iquote q -Ib -c foo.c", {"builtin"}),
            "q:quote a b c s! t! builtin! after!");
}

TEST_F(SearchPathTest, DirectoriesThatDoNotExistStay) {
  EXPECT_EQ(Path("-Ia -Igone -c foo.c"), "a gone?");
}

TEST_F(SearchPathTest, FirstOfTwoEqualDirectoriesCounts) {
  EXPECT_EQ(Path("-Ia -Ib -Ia -I./a -c foo.c"), "a b");
}

TEST_F(SearchPathTest, SystemDirectoryKeepsOnlyItsPlaceAmongThose) {
  EXPECT_EQ(Path("-Is -Ia -isystem s -c foo.c"), "a s!");
  EXPECT_EQ(Path("-Ibuiltin -Ia -c foo.c", {"builtin"}), "a builtin!");
}

TEST_F(SearchPathTest, VariableOfTheLanguageOnly) {
  environment_.Set("C_INCLUDE_PATH", "a");
  environment_.Set("CPLUS_INCLUDE_PATH", "b");
  EXPECT_EQ(Path("-c foo.c"), "a!");
  EXPECT_EQ(Path("-c d/foo.cc"), "b!");
}

TEST_F(SearchPathTest, EmptyDirectoryInAVariableIsTheWorkingDirectory) {
  environment_.Set("CPATH", ":a");
  EXPECT_EQ(Path("-c foo.c"), ". a");
  environment_.Set("CPATH", "");
  EXPECT_EQ(Path("-c foo.c"), "");
}

// The directories a real compiler says it searches for <…>, and those we say exist.
class RealSearchPathTest : public SearchPathTest, public testing::WithParamInterface<const char*> {
 protected:
  // Of two names for one directory clang prints the one it met first.
  std::string Real(std::string_view directory) {
    return std::filesystem::canonical(std::filesystem::path(directory_.path()) / directory);
  }
};

TEST_P(RealSearchPathTest, ListIsWhatTheCompilerPrints) {
  environment_.Set("PATH", Environment::OfThisProcess().GetOrEmpty("PATH"));
  directory_.Run("ln -s a link-to-a; ln -s s link-to-s");
  const std::string compiler = GetParam();
  for (const char* args : {
           "-c foo.c",
           "-Ia -Ib -c foo.c",
           "-Ia -Ib -Ia -c foo.c",
           "-Ia -Ilink-to-a -Ib -c foo.c",
           "-Ilink-to-a -Ib -Ia -c foo.c",
           "-Is -Ia -isystem s -c foo.c",
           "-Ilink-to-s -Ia -isystem s -c foo.c",
           "-isystem t -isystem s -isystem t -c foo.c",
           "-idirafter after -idirafter s -isystem s -c foo.c",
           "-Igone -Ia -isystem lost -c foo.c",
           "-I/usr/include -Ia -c foo.c",
           "-isystem /usr/include -Ia -c foo.c",
           "-idirafter /usr/include -Ia -c foo.c",
           "-Iafter -idirafter after -c foo.c",
           "-iquote a -Ia -Ib -c foo.c",
           "-I. -I./a -Ia -Ia/. -c foo.c",
           "-Ia -c d/foo.cc",
           "-nostdinc -Ia -isystem s -c foo.c",
       }) {
    SCOPED_TRACE(args);
    ASSERT_EQ(directory_.Run(StrCat(compiler, " -E -v ", args)), 0);
    const std::string report = directory_.Read("stderr.txt");
    std::vector<std::string> printed;
    bool listing = false;
    for (const std::string_view line : StrSplit(report, '\n')) {
      if (line == "End of search list.") listing = false;
      if (listing) printed.push_back(Real(StripBlanks(line)));
      if (line == "#include <...> search starts here:") listing = true;
    }
    // What it searches by itself, for the same language and without the directories asked for.
    const bool cxx = StrContains(args, ".cc");
    ASSERT_EQ(directory_.Run(StrCat(compiler, StrContains(args, "-nostdinc") ? " -nostdinc" : "",
                                    " -E -v -x ", cxx ? "c++" : "c", " /dev/null")),
              0);
    const Invocation invocation = Gnu(args, compiler.c_str());
    std::vector<std::string> ours;
    for (const SearchPathEntry& entry :
         BuildSearchPath(FileSystem::Real(), directory_.path(), environment_, invocation,
                         ParseBuiltInSearch(directory_.Read("stderr.txt")))) {
      if (entry.exists && !entry.quote_only) ours.push_back(Real(entry.directory));
    }
    EXPECT_EQ(ours, printed);
  }
}

INSTANTIATE_TEST_SUITE_P(Compilers, RealSearchPathTest, testing::Values("gcc", "clang"));

}  // namespace
}  // namespace hpcc
