#include "client/dependency_output.h"

#include "cache/cache_test_support.h"

namespace hpcc {
namespace {

using testing::ElementsAre;

Invocation AskingFor(DependencyRequest::Kind kind) {
  Invocation invocation;
  invocation.dependencies.kind = kind;
  invocation.dependencies.default_target = "m.o";
  return invocation;
}

const std::vector<BundleDependency> kDependencies = {
    {"m.c", UserHeader::kYes}, {"s/system.h", UserHeader::kNo}, {"a/own.h", UserHeader::kYes}};

TEST(MakeDependencyFileTest, KindDecidesWhichHeadersAreListed) {
  EXPECT_EQ(MakeDependencyFile(AskingFor(DependencyRequest::Kind::kAllHeaders),
                               DependencyStyle::kGcc, kDependencies, ProjectRoot()),
            "m.o: m.c s/system.h a/own.h\n");
  EXPECT_EQ(MakeDependencyFile(AskingFor(DependencyRequest::Kind::kUserHeaders),
                               DependencyStyle::kGcc, kDependencies, ProjectRoot()),
            "m.o: m.c a/own.h\n");
}

TEST(MakeDependencyFileTest, PhonyTargetsAndTargetsAreThoseAskedForNow) {
  Invocation invocation = AskingFor(DependencyRequest::Kind::kUserHeaders);
  invocation.dependencies.phony_targets = true;
  invocation.dependencies.targets = {{"$(OUT)/m.o", false}, {"$x", true}};
  EXPECT_EQ(MakeDependencyFile(invocation, DependencyStyle::kGcc, kDependencies, ProjectRoot()),
            "$(OUT)/m.o $$x: m.c a/own.h\na/own.h:\n");
}

TEST(MakeDependencyFileTest, DoubtAboutAHeaderMattersOnlyWhereItCouldBeLeftOut) {
  std::vector<BundleDependency> dependencies = kDependencies;
  dependencies[1].user = UserHeader::kUnknown;
  EXPECT_EQ(MakeDependencyFile(AskingFor(DependencyRequest::Kind::kUserHeaders),
                               DependencyStyle::kGcc, dependencies, ProjectRoot()),
            std::nullopt);
  EXPECT_NE(MakeDependencyFile(AskingFor(DependencyRequest::Kind::kAllHeaders),
                               DependencyStyle::kGcc, dependencies, ProjectRoot()),
            std::nullopt);
}

TEST(MakeDependencyFileTest, NothingIsMadeInAStyleThatWasNotReproduced) {
  EXPECT_EQ(MakeDependencyFile(AskingFor(DependencyRequest::Kind::kAllHeaders),
                               DependencyStyle::kNone, kDependencies, ProjectRoot()),
            std::nullopt);
}

TEST(MakeDependencyFileTest, PathsBelowTheProjectRootAreThoseOfThisCheckout) {
  const ProjectRoot there("/there");
  const ProjectRoot here("/here");
  EXPECT_EQ(
      MakeDependencyFile(AskingFor(DependencyRequest::Kind::kAllHeaders), DependencyStyle::kGcc,
                         {{"m.c", UserHeader::kYes},
                          {there.ToPortable("/there/a/own.h"), UserHeader::kYes},
                          {"/usr/include/x.h", UserHeader::kNo}},
                         here),
      "m.o: m.c /here/a/own.h /usr/include/x.h\n");
}

TEST(DescribeDependenciesTest, EachFileHasTheVerdictOfItsClosureAndOthersNone) {
  Unit unit;
  unit.root = ProjectRoot("/root");
  ClosureResult closure;
  closure.files = {{.path = "m.c"}, {.path = unit.root.ToPortable("/root/s/x.h")}};
  closure.user_headers = {UserHeader::kYes, UserHeader::kNo};
  const std::vector<BundleDependency> described =
      DescribeDependencies(unit, {"/root/s/x.h", "m.c", "./m.c"}, closure);
  ASSERT_EQ(described.size(), 3U);
  EXPECT_EQ(described[0].user, UserHeader::kNo);
  EXPECT_EQ(described[1].user, UserHeader::kYes);
  EXPECT_EQ(described[2].user, UserHeader::kUnknown);
}

// A compile by a real compiler, and the dependency file it writes by itself.
class RealDependencyOutputTest : public ProjectTest,
                                 public testing::WithParamInterface<const char*> {
 protected:
  RealDependencyOutputTest() {
    Write("a/own.h", "#include <stddef.h>\n");
    Write("s/system.h", "");
    Write("a/a name with blanks.h", "");
    Write("m.c", "#include <own.h>\n#include <system.h>\n#include \"a/a name with blanks.h\"\n");
    environment_.Set("TMPDIR", cwd_);
  }

  std::vector<std::string> Args(std::vector<std::string> more) {
    more.insert(more.end(), {"-Ia", "-isystem", "s", "-c", "m.c", "-o", "m.o"});
    return more;
  }

  // What the compiler writes when it runs as hpcc runs it.
  std::string OutputOf(const RecordedCompile& compile) {
    std::vector<std::string> argv = {compile.unit().request.compiler};
    for (std::string& word : CompileCommand(compile.invocation(), cwd_ + "/hpcc.d", {})) {
      argv.push_back(std::move(word));
    }
    const absl::StatusOr<CapturedRun> run = RunCaptured(argv, environment_);
    EXPECT_TRUE(run.ok() && run->exit.success());
    return Content("hpcc.d");
  }

  std::string Content(const std::string& path) {
    const absl::StatusOr<std::string> content = ReadFile(FileSystem::Real(), path, 1 << 20);
    EXPECT_TRUE(content.ok()) << content.status();
    return content.ok() ? *content : "";
  }

  size_t FileCount() const {
    return static_cast<size_t>(std::distance(std::filesystem::directory_iterator(cwd_), {}));
  }
};

TEST_P(RealDependencyOutputTest, FileMadeIsTheOneTheCompilerWouldHaveWritten) {
  for (const std::vector<std::string>& flags :
       {std::vector<std::string>{"-MD"},
        {"-MMD"},
        {"-MMD", "-MP"},
        {"-MD", "-MF", "m.d", "-MT", "$(OUT)", "-MQ", "$x"}}) {
    SCOPED_TRACE(testing::PrintToString(flags));
    RecordedCompile compile(GetParam(), Args(flags), cwd_, environment_);
    ASSERT_NO_FATAL_FAILURE(compile.Record());
    const absl::StatusOr<ReadDependencies> read =
        ReadDependencyOutput(compile.unit(), OutputOf(compile));
    ASSERT_TRUE(read.ok()) << read.status();
    EXPECT_NE(read->style, DependencyStyle::kNone);
    const std::optional<std::string> made = MakeDependencyFile(
        compile.invocation(), read->style,
        DescribeDependencies(compile.unit(), read->files, compile.closure()), compile.unit().root);
    compile.PlainOutput();
    EXPECT_EQ(made, Content("m.d"));
  }
}

TEST_P(RealDependencyOutputTest, CompilerAskedForTheFileWritesTheSame) {
  for (const std::vector<std::string>& flags :
       {std::vector<std::string>{"-MD"}, {"-MMD", "-MP"}, {"-MD", "-MT", "$(OUT)"}}) {
    SCOPED_TRACE(testing::PrintToString(flags));
    RecordedCompile compile(GetParam(), Args(flags), cwd_, environment_);
    ASSERT_NO_FATAL_FAILURE(compile.Record());
    compile.PlainOutput();
    const std::string plain = Content("m.d");
    Remove("m.d");
    Remove("m.o");
    const size_t before = FileCount();
    const absl::StatusOr<std::string> asked = AskForDependencyFile(
        FileSystem::Real(), compile.unit(), {.path = compile.unit().request.compiler});
    ASSERT_TRUE(asked.ok()) << asked.status();
    EXPECT_EQ(*asked, plain);
    EXPECT_EQ(FileCount(), before) << "a file was left behind";
  }
}

TEST_P(RealDependencyOutputTest, FilesAreReadFromTextOfAnotherStyleThatIsNotTrusted) {
  RecordedCompile compile(GetParam(), Args({"-MD"}), cwd_, environment_);
  ASSERT_NO_FATAL_FAILURE(compile.Record());
  const absl::StatusOr<ReadDependencies> read =
      ReadDependencyOutput(compile.unit(), "m.o : m.c \\\n\t\ta/own.h\n");
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->style, DependencyStyle::kNone);
  EXPECT_THAT(read->files, ElementsAre("m.c", "a/own.h"));
  EXPECT_FALSE(ReadDependencyOutput(compile.unit(), "").ok());
}

TEST_P(RealDependencyOutputTest, UnitThatNoLongerPreprocessesIsAnErrorAndLeavesNothingBehind) {
  RecordedCompile compile(GetParam(), Args({"-MD"}), cwd_, environment_);
  ASSERT_NO_FATAL_FAILURE(compile.Record());
  Remove("a/own.h");
  const size_t before = FileCount();
  EXPECT_TRUE(absl::IsUnavailable(AskForDependencyFile(FileSystem::Real(), compile.unit(),
                                                       {.path = compile.unit().request.compiler})
                                      .status()));
  EXPECT_EQ(FileCount(), before);
}

INSTANTIATE_TEST_SUITE_P(Compilers, RealDependencyOutputTest, testing::Values("gcc", "clang"));

}  // namespace
}  // namespace hpcc
