#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <set>

#include "compiler/command_rewriting.h"
#include "compiler/grammar_test_support.h"

namespace hpcc {
namespace {

using testing::ElementsAre;

class MsvcGrammarTest : public GrammarTest {
 protected:
  std::string Reason(std::string_view args) { return RefusalName(Msvc(args)); }
};

TEST_F(MsvcGrammarTest, PlainCompileIsUnderstood) {
  const Invocation invocation =
      Msvc("/nologo /c /O2 /W4 /Ia -I b /imsvc c /external:I e /DX /FIinc.h /Foo/ d/foo.cc");
  EXPECT_EQ(RefusalName(invocation), "none");
  EXPECT_EQ(invocation.grammar, Grammar::kMsvc);
  EXPECT_EQ(invocation.source, "d/foo.cc");
  EXPECT_EQ(invocation.language, Language::kCxx);
  EXPECT_EQ(invocation.output, "o/foo.obj");
  EXPECT_FALSE(invocation.cwd_reaches_output);
  ASSERT_EQ(invocation.search.size(), 4U);
  EXPECT_EQ(invocation.search[1].path, "b");
  EXPECT_EQ(invocation.search[2].chain, SearchDirectory::Chain::kSystem);
  EXPECT_EQ(invocation.forced_includes.at(0).path, "inc.h");
}

TEST_F(MsvcGrammarTest, LanguageByFlagForOneSourceOrForAll) {
  EXPECT_EQ(Msvc("/c foo.c").language, Language::kC);
  EXPECT_EQ(Msvc("/c /TP foo.c").language, Language::kCxx);
  EXPECT_EQ(Msvc("/c /Tpfoo.c").language, Language::kCxx);
  EXPECT_EQ(Msvc("/c /Tp foo.c").source, "foo.c");
  EXPECT_EQ(Msvc("-c -TC d/foo.cc").language, Language::kC);
}

TEST_F(MsvcGrammarTest, ColonAfterFoIsPartOfTheNameForClangOnly) {
  EXPECT_EQ(Msvc("/c foo.c /Fo:x.obj", "clang-cl").output, ":x.obj");
  EXPECT_EQ(Msvc("/c foo.c /Fo:x.obj", "cl").output, "x.obj");
}

TEST_F(MsvcGrammarTest, DebugInformationNeedsTheWorkingDirectory) {
  EXPECT_TRUE(Msvc("/c foo.c /Z7").cwd_reaches_output);
  EXPECT_TRUE(Msvc("/c foo.c /Zi").debug_info);
  EXPECT_TRUE(Msvc("/c foo.c -gdwarf").debug_info);
  EXPECT_EQ(RefusalName(Msvc("/c foo.c /Zi", "cl")), "extra-output");
}

TEST_F(MsvcGrammarTest, ShowIncludesIsNoticed) {
  EXPECT_TRUE(Msvc("/c foo.c /showIncludes").show_includes);
  EXPECT_FALSE(Msvc("/c foo.c").show_includes);
}

TEST_F(MsvcGrammarTest, ClangsOwnDependencyFlagsBehindTheirPrefix) {
  const DependencyRequest request =
      Msvc("/c foo.c /clang:-MMD /clang:-MF /clang:dep /clang:-MTx /clang:-MP /Foo/y.obj")
          .dependencies;
  EXPECT_EQ(request.kind, DependencyRequest::Kind::kUserHeaders);
  EXPECT_EQ(request.file, "dep");
  EXPECT_EQ(request.targets.at(0).text, "x");
  EXPECT_TRUE(request.phony_targets);
  EXPECT_EQ(Msvc("/c foo.c /MD").dependencies.kind, DependencyRequest::Kind::kNone);
}

TEST_F(MsvcGrammarTest, Refusals) {
  EXPECT_EQ(Reason("/?"), "not-a-compile");
  EXPECT_EQ(Reason("/c"), "not-a-compile");
  EXPECT_EQ(Reason("/Zs foo.c"), "not-a-compile");
  EXPECT_EQ(Reason("foo.c"), "links");
  EXPECT_EQ(Reason("foo.c /link /OUT:x"), "links");
  EXPECT_EQ(Reason("/E foo.c"), "preprocesses-only");
  EXPECT_EQ(Reason("/P /c foo.c"), "preprocesses-only");
  EXPECT_EQ(Reason("/c foo.c two.c"), "several-sources");
  EXPECT_EQ(Reason("/c foo.c /unknown"), "several-sources");
  EXPECT_EQ(Reason("/c nowhere.c"), "source-not-regular");
  EXPECT_EQ(Reason("/c foo.c /FA"), "extra-output");
  EXPECT_EQ(Reason("/c foo.c /Fax.asm"), "extra-output");
  EXPECT_EQ(Reason("/c foo.c --coverage"), "extra-output");
  EXPECT_EQ(Reason("/c foo.c -ftime-trace"), "extra-output");
  EXPECT_EQ(Reason("/c foo.c /Ycinc.h"), "header-output");
  EXPECT_EQ(Reason("/c foo.c /Yuinc.h"), "unsupported-flag");
  EXPECT_EQ(Reason("/c foo.c /clang:-S"), "unsupported-flag");
  EXPECT_EQ(Reason("/c foo.c /clang:-o /clang:x"), "unsupported-flag");
  EXPECT_EQ(Reason("/c foo.c /clang:-MFx"), "unsupported-flag");
  EXPECT_EQ(Reason("/c foo.c /clang:-MD /clang:-MF"), "malformed-command");
  EXPECT_EQ(Reason("/c foo.c /interface"), "modules");
  ASSERT_EQ(mkfifo((directory_.path() + "/pipe.obj").c_str(), 0600), 0);
  EXPECT_EQ(Reason("/c foo.c /Fopipe"), "output-not-regular");
  EXPECT_EQ(Reason("/c foo.c /I"), "malformed-command");
  EXPECT_EQ(Reason("/c foo.c @nowhere"), "response-file");
}

TEST_F(MsvcGrammarTest, AbsolutePathsAreFilesUnlessTheyCouldBeFlags) {
  const std::string source = directory_.path() + "/foo.c";
  EXPECT_EQ(Msvc(StrCat("/c ", source)).source, source);
  EXPECT_EQ(Reason(StrCat("/c ", source)), "none");
}

TEST_F(MsvcGrammarTest, ResponseFilesInUtf16) {
  directory_.Write("args.rsp", std::string("\xFF\xFE/\0c\0 \0f\0o\0o\0.\0c\0", 18));
  const Invocation invocation = Msvc("@args.rsp");
  EXPECT_EQ(RefusalName(invocation), "none");
  EXPECT_EQ(invocation.source, "foo.c");
}

TEST_F(MsvcGrammarTest, VariablesAddMeaningButNoWords) {
  environment_.Set("CL", "/c /DX#1 /Ifirst");
  environment_.Set("_CL_", "/Ilast /Z7");
  const Invocation invocation = Msvc("foo.c /Imiddle");
  EXPECT_EQ(RefusalName(invocation), "none");
  EXPECT_EQ(invocation.arguments.size(), 2U);
  std::vector<std::string> paths;
  for (const SearchDirectory& directory : invocation.search) paths.push_back(directory.path);
  EXPECT_THAT(paths, ElementsAre("first", "middle", "last"));
  EXPECT_TRUE(invocation.debug_info);
}

TEST_F(MsvcGrammarTest, VariablesThatNameFilesAreRefused) {
  for (const char* value : {"/Foo/", "two.c", "/clang:-MD", "-fsurprise", "\"open"}) {
    environment_.Set("CL", value);
    EXPECT_EQ(Reason("/c foo.c"), "environment") << value;
  }
}

TEST_F(MsvcGrammarTest, ClangClWritesTheFilesTheGrammarNames) {
  for (const char* args :
       {"/c d/foo.c", "-c d/foo.c /Fox.obj", "/c d/foo.c /Fo:x.obj", "/c d/foo.c /Foo/",
        "/c d/foo.c /Foo/x", "/c d/foo.c /Foo/x.", "/c d/foo.c /Foo/x.y.obj", "/c d/foo.c -o o/x.o",
        "/c d/foo.c /o o/x", "/c /Tpd/foo.c", "/c d/foo.bar.c /Z7 /Fdx.pdb", "/c d/foo.c -Fo-",
        "/c d/foo.c /clang:-MD", "/c d/foo.c /clang:-MD /Foo/x.obj",
        "/c d/foo.c /clang:-MMD /clang:-MF /clang:o/dep /Foo/x.obj",
        "/c d/foo.c /clang:-MD /clang:-MTx /clang:-MQ$y", "-c -- d/foo.c", "/c d/foo.S"}) {
    const ScratchDirectory directory;
    const Environment environment;
    const Invocation invocation = ParseMsvc(
        {FileSystem::Real(), environment, directory.path(), "clang-cl-14", true}, Words(args));
    ASSERT_EQ(RefusalName(invocation), "none") << args;
    std::string command = "clang-cl-14 --target=x86_64-pc-windows-msvc";
    for (const std::string& word : Words(args)) StrAppend(&command, " '", word, "'");
    const std::set<std::string> before = directory.Files();
    ASSERT_EQ(directory.Run(command), 0) << args << directory.Read("stderr.txt");
    std::set<std::string> written;
    for (const std::string& file : directory.Files()) {
      const bool ours = file == "stdout.txt" || file == "stderr.txt";
      if (!before.contains(file) && !ours) written.insert(file);
    }
    std::set<std::string> named = {invocation.output};
    const std::string& dependencies = invocation.dependencies.file;
    if (!dependencies.empty()) {
      named.insert(dependencies);
      const std::string text = directory.Read(dependencies);
      EXPECT_EQ(text.substr(0, text.find(": ")), StrJoin(DependencyTargets(invocation), " "));
    }
    EXPECT_EQ(named, written) << args;
  }
}

}  // namespace
}  // namespace hpcc
