#include "compiler/command_rewriting.h"

#include "compiler/grammar_test_support.h"

namespace hpcc {
namespace {

using testing::ElementsAre;
using testing::ElementsAreArray;

using CommandRewritingTest = GrammarTest;

TEST_F(CommandRewritingTest, CompileIsTheUsersOwnWithDependencyOutputInFront) {
  const Invocation invocation = Gnu("-O2 -Iinclude -DX=1 -c foo.c -o o/foo.o");
  ASSERT_EQ(RefusalName(invocation), "none");
  EXPECT_THAT(CompileCommand(invocation, "/t/x.d", {}),
              ElementsAreArray(Words("-MD -MF /t/x.d -MP -MQ o/foo.o -O2 -Iinclude -DX=1 -c foo.c "
                                     "-o o/foo.o")));
}

TEST_F(CommandRewritingTest, UsersDependencyWordsGiveWayButTheirTargetsStay) {
  const Invocation invocation =
      Gnu("-MMD -MF my.d -MP -MT plain -MQ $(quoted) -Wall -c foo.c -o foo.o");
  ASSERT_EQ(RefusalName(invocation), "none");
  EXPECT_THAT(CompileCommand(invocation, "/t/x.d", {}),
              ElementsAreArray(Words("-MD -MF /t/x.d -MP -MT plain -MQ $(quoted) -Wall -c foo.c "
                                     "-o foo.o")));
  EXPECT_THAT(DependencyTargets(invocation), ElementsAre("plain", "$$(quoted)"));
}

TEST_F(CommandRewritingTest, DependencyWordsForThePreprocessorGiveWayToo) {
  const Invocation invocation = Gnu("-Wp,-MD,my.d -c foo.c");
  ASSERT_EQ(RefusalName(invocation), "none");
  const std::vector<std::string> command = CompileCommand(invocation, "/t/x.d", {});
  EXPECT_THAT(command, Not(testing::Contains(testing::HasSubstr("my.d"))));
  EXPECT_THAT(command, testing::Contains("/t/x.d"));
}

TEST_F(CommandRewritingTest, PrefixMapsStandInFrontOfTheUsersOwn) {
  const Invocation invocation = Gnu("-g -ffile-prefix-map=/a=/b -c foo.c");
  ASSERT_EQ(RefusalName(invocation), "none");
  const std::vector<std::string> command = CompileCommand(invocation, "x.d", {"/root=.", "/x=y"});
  ASSERT_GE(command.size(), 2U);
  EXPECT_EQ(command[0], "-ffile-prefix-map=/root=.");
  EXPECT_EQ(command[1], "-ffile-prefix-map=/x=y");
  EXPECT_EQ(command[command.size() - 3], "-ffile-prefix-map=/a=/b");
}

TEST_F(CommandRewritingTest, SourceWithoutPreprocessorGetsNoDependencyOutput) {
  const Invocation invocation = Gnu("-O2 -c d/foo.i -o foo.o");
  ASSERT_EQ(RefusalName(invocation), "none");
  EXPECT_FALSE(HasPreprocessor(invocation.language));
  EXPECT_THAT(CompileCommand(invocation, "x.d", {"/root=."}),
              ElementsAreArray(Words("-ffile-prefix-map=/root=. -O2 -c d/foo.i -o foo.o")));
}

TEST_F(CommandRewritingTest, PreprocessingDropsModeAndOutput) {
  const Invocation invocation = Gnu("-MD -O2 -c -o o/foo.o -DX foo.c");
  ASSERT_EQ(RefusalName(invocation), "none");
  EXPECT_THAT(PreprocessCommand(invocation, "/t/x.d"),
              ElementsAreArray(Words("-E -dD -MD -MF /t/x.d -MP -MQ o/foo.o -O2 -DX foo.c")));
}

TEST_F(CommandRewritingTest, DateTimeCommandIsDeafToTheUsersWarningFlags) {
  const Invocation invocation = Gnu("-w -Wno-date-time -O2 -c foo.c -o foo.o");
  ASSERT_EQ(RefusalName(invocation), "none");
  EXPECT_THAT(DateTimeCommand(invocation),
              ElementsAreArray(Words("-E -Wdate-time -Wsystem-headers -O2 foo.c")));
}

TEST_F(CommandRewritingTest, DependencyCommandAsksAsTheUserDid) {
  const Invocation user_headers = Gnu("-MMD -MP -MT t -c foo.c -o foo.o");
  EXPECT_THAT(DependencyCommand(user_headers, "x.d"),
              ElementsAreArray(Words("-MM -MF x.d -MP -MT t foo.c")));
  const Invocation all_headers = Gnu("-MD -c foo.c -o foo.o");
  EXPECT_THAT(DependencyCommand(all_headers, "x.d"),
              ElementsAreArray(Words("-M -MF x.d -MQ foo.o foo.c")));
}

TEST_F(CommandRewritingTest, DefaultTargetIsEscapedForMake) {
  const Invocation invocation =
      Gnu(std::vector<std::string>{"-MD", "-c", "foo.c", "-o", "o/a b.o"});
  ASSERT_EQ(RefusalName(invocation), "none");
  EXPECT_THAT(DependencyTargets(invocation), ElementsAre("o/a\\ b.o"));
  EXPECT_THAT(CompileCommand(invocation, "x.d", {}), testing::Contains("o/a b.o").Times(2));
}

TEST_F(CommandRewritingTest, ClangClTakesGnuFlagsBehindAPrefix) {
  const Invocation invocation = Msvc("/O2 /c foo.c /Foo/foo.obj");
  ASSERT_EQ(RefusalName(invocation), "none");
  // clang's default target takes no notice of /Fo.
  EXPECT_THAT(CompileCommand(invocation, "/t/x.d", {"/root=."}),
              ElementsAreArray(Words("/clang:-ffile-prefix-map=/root=. /clang:-MD "
                                     "/clang:-MF/t/x.d /clang:-MP /clang:-MQfoo.o "
                                     "/O2 /c foo.c /Foo/foo.obj")));
}

}  // namespace
}  // namespace hpcc
