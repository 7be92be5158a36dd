#include "compiler/dependency_file.h"

#include "compiler/grammar_test_support.h"

namespace hpcc {
namespace {

using testing::ElementsAre;

std::vector<std::string> Parse(std::string_view text) {
  const absl::StatusOr<std::vector<std::string>> files = ParseDependencyFiles(text);
  return files.ok() ? *files : std::vector<std::string>{std::string(files.status().message())};
}

TEST(ParseDependencyFilesTest, FilesOfTheFirstRuleInOrder) {
  EXPECT_THAT(Parse("a.o: a.c b.h \\\n c.h\nb.h:\nc.h:\n"), ElementsAre("a.c", "b.h", "c.h"));
  EXPECT_THAT(Parse("a.o: a.c"), ElementsAre("a.c"));
  EXPECT_THAT(Parse("a.o:\n"), ElementsAre());
}

TEST(ParseDependencyFilesTest, TargetsAreSkippedHoweverManyAndHoweverSpelled) {
  EXPECT_THAT(Parse("a.o b.o \\\n c.o: a.c\n"), ElementsAre("a.c"));
  EXPECT_THAT(Parse("c:/a.o: a.c\n"), ElementsAre("a.c"));
  EXPECT_THAT(Parse("a\\ b.o: a.c\n"), ElementsAre("a.c"));
}

TEST(ParseDependencyFilesTest, EscapesAreUndone) {
  EXPECT_THAT(Parse("o: a\\ b.c"), ElementsAre("a b.c"));
  EXPECT_THAT(Parse("o: a$$b.c"), ElementsAre("a$b.c"));
  EXPECT_THAT(Parse("o: a\\#b.c"), ElementsAre("a#b.c"));
  EXPECT_THAT(Parse("o: a\\b.c"), ElementsAre("a\\b.c"));
  EXPECT_THAT(Parse("o: a\\\\\\ b.c"), ElementsAre("a\\ b.c"));
}

TEST(ParseDependencyFilesTest, LineEndsOfWindowsAreUnderstood) {
  EXPECT_THAT(Parse("a.o: a.c \\\r\n b.h\r\n"), ElementsAre("a.c", "b.h"));
}

TEST(ParseDependencyFilesTest, TextWithoutARuleIsRefused) {
  for (const char* text : {"", "a.o", "a.o a.c\n", "a:b\n"}) {
    EXPECT_TRUE(absl::IsInvalidArgument(ParseDependencyFiles(text).status())) << text;
  }
}

TEST(WriteDependencyFileTest, PhonyTargetsAreAllFilesButTheFirst) {
  const DependencyRule rule{
      .targets = {"a.o"}, .files = {"a.c", "b h.h", "c.h"}, .phony_targets = true};
  EXPECT_EQ(WriteDependencyFile(DependencyStyle::kGcc, rule),
            "a.o: a.c b\\ h.h c.h\nb\\ h.h:\nc.h:\n");
  EXPECT_EQ(WriteDependencyFile(DependencyStyle::kGccSpaced, rule),
            "a.o: a.c b\\ h.h c.h\n\nb\\ h.h:\n\nc.h:\n");
}

// A source of some name including headers of some names, compiled by a real compiler: what it
// writes is read, and written again by hpcc.
struct Case {
  const char* compiler;
  DependencyStyle style;
  DependencyStyle spaced_style;
};

class RealDependencyFileTest : public testing::TestWithParam<Case> {
 protected:
  void ExpectReproduced(const std::string& source, const std::vector<std::string>& headers,
                        const std::vector<std::string>& targets, bool phony) {
    std::string text;
    for (const std::string& header : headers) {
      directory_.Write(header, "");
      StrAppend(&text, "#include \"", header, "\"\n");
    }
    directory_.Write(source, text);
    std::string command = StrCat(GetParam().compiler, " -E -MD -MF out.d -o out.i '", source, "'");
    DependencyRule rule{.phony_targets = phony};
    for (const std::string& target : targets) {
      StrAppend(&command, " -MQ '", target, "'");
      rule.targets.push_back(EscapeDependencyTarget(target));
    }
    if (phony) command += " -MP";
    ASSERT_EQ(directory_.Run(command), 0) << command << directory_.Read("stderr.txt");
    const std::string written = directory_.Read("out.d");
    const absl::StatusOr<std::vector<std::string>> files = ParseDependencyFiles(written);
    ASSERT_TRUE(files.ok());
    rule.files = *files;
    EXPECT_EQ(files->front(), source);
    for (const std::string& header : headers) {
      EXPECT_THAT(*files, testing::Contains(header)) << written;
    }
    // The version decides between the two manners of its family.
    if (WriteDependencyFile(GetParam().style, rule) == written) return;
    EXPECT_EQ(WriteDependencyFile(GetParam().spaced_style, rule), written);
  }

  ScratchDirectory directory_;
};

TEST_P(RealDependencyFileTest, OrdinaryNames) {
  ExpectReproduced("m.c", {"a.h", "b.h", "sub/c.h"}, {"m.o"}, false);
}

TEST_P(RealDependencyFileTest, PhonyTargets) {
  ExpectReproduced("m.c", {"a.h", "b.h"}, {"m.o"}, true);
}

TEST_P(RealDependencyFileTest, NamesThatMakeWouldMisread) {
  ExpectReproduced("s p.c", {"a b.h", "c$d.h", "e#f.h", "g%h.h", "i:j.h", "k=l.h"}, {"m.o"}, true);
}

TEST_P(RealDependencyFileTest, TargetsThatMakeWouldMisread) {
  ExpectReproduced("m.c", {"a.h"}, {"t o", "d$e", "f#g"}, false);
}

TEST_P(RealDependencyFileTest, ManyTargets) {
  std::vector<std::string> targets;
  for (int i = 0; i < 30; ++i) targets.push_back(StrCat("target-number-", i, ".o"));
  ExpectReproduced("m.c", {"a.h"}, targets, false);
}

// Line breaking at its edge: names of every length around the width of a line.
TEST_P(RealDependencyFileTest, NamesOfEveryLengthUpToTwoLines) {
  std::vector<std::string> headers;
  for (size_t size = 1; size < 90; size += 3) headers.push_back(std::string(size, 'h') + ".h");
  ExpectReproduced("m.c", headers, {"m.o"}, true);
  for (size_t size = 50; size < 80; ++size) {
    ExpectReproduced("m.c", {std::string(size, 'x') + ".h", "b.h"}, {"m.o"}, false);
  }
}

TEST_P(RealDependencyFileTest, TargetsOfEveryLengthAroundTheWidthOfALine) {
  for (size_t size = 55; size < 80; ++size) {
    ExpectReproduced("m.c", {"a.h"}, {std::string(size, 't')}, false);
    ExpectReproduced("m.c", {"a.h"}, {"first", std::string(size, 't'), "third"}, false);
  }
}

INSTANTIATE_TEST_SUITE_P(
    Compilers, RealDependencyFileTest,
    testing::Values(Case{"gcc", DependencyStyle::kGcc, DependencyStyle::kGccSpaced},
                    Case{"clang", DependencyStyle::kClang, DependencyStyle::kClangSpaced}),
    [](const auto& info) { return std::string(info.param.compiler); });

}  // namespace
}  // namespace hpcc
