#include "compiler/toolchain_question.h"

#include "base/path.h"
#include "compiler/grammar_test_support.h"

namespace hpcc {
namespace {

using testing::ElementsAre;

class ToolchainQuestionTest : public GrammarTest {
 protected:
  ToolchainQuestionTest() { environment_.Set("PATH", "/usr/bin:/bin"); }

  // What the command's toolchain is, asked directly and by words.
  void ExpectTheSame(const std::string& compiler, const std::vector<std::string>& words) {
    const Invocation invocation =
        ParseGnu(Context(std::string(path::Basename(compiler)).c_str()), words);
    const auto direct = ProbeToolchain(
        FileSystem::Real(),
        {.path = compiler, .cwd = "/", .invocation = &invocation, .environment = &environment_});
    const auto asked = AnswerToolchainQuestion(FileSystem::Real(), environment_,
                                               ToolchainQuestion(compiler, invocation, false));
    ASSERT_TRUE(direct.ok()) << direct.status();
    ASSERT_TRUE(asked.ok()) << asked.status();
    EXPECT_EQ(asked->identity, direct->identity);
    EXPECT_EQ(asked->family, direct->family);
    EXPECT_EQ(asked->built_in_search, direct->built_in_search);
    EXPECT_FALSE(asked->identity.is_zero());
  }
};

TEST_F(ToolchainQuestionTest, TheAnswerIsThatOfTheCommandItself) {
  directory_.Write("a.c", "");
  directory_.Write("a.cc", "");
  directory_.Write("a.S", "");
  ExpectTheSame("/usr/bin/gcc", {"-O2", "-c", "a.c"});
  ExpectTheSame("/usr/bin/g++", {"-Wall", "-c", "a.cc", "-o", "a.o"});
  ExpectTheSame("/usr/bin/gcc", {"-c", "a.S"});
  ExpectTheSame("/usr/bin/gcc", {"-nostdinc", "--sysroot", "/usr/include", "-c", "a.c"});
}

TEST_F(ToolchainQuestionTest, OnlyWhatDecidesStandsInTheQuestion) {
  const Invocation invocation =
      ParseGnu(Context("gcc"), {"-O2", "-DX=1", "-m32", "-Iinclude", "-c", "a.c"});
  EXPECT_THAT(ToolchainQuestion("/usr/bin/gcc", invocation, false),
              ElementsAre("/usr/bin/gcc", "gcc", "c", "-m32"));
}

TEST_F(ToolchainQuestionTest, WhatIsNoQuestionIsRefused) {
  const std::vector<std::vector<std::string>> wrong = {{},
                                                       {"/usr/bin/gcc"},
                                                       {"/usr/bin/gcc", "gcc"},
                                                       {"gcc", "gcc", "c"},
                                                       {"/usr/bin/gcc", "icc", "c"},
                                                       {"/usr/bin/gcc", "gcc", "fortran"}};
  for (const auto& question : wrong) {
    EXPECT_TRUE(absl::IsInvalidArgument(
        AnswerToolchainQuestion(FileSystem::Real(), environment_, question).status()));
  }
}

}  // namespace
}  // namespace hpcc
