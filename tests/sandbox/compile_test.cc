// Compiles in a sandbox are what they would be outside: the same bytes, whatever the command is.

#include <fstream>
#include <sstream>

#include "base/process.h"
#include "base/strings.h"
#include "sandbox_test_support.h"

namespace hpcc {
namespace {

using std::chrono::steady_clock;

constexpr char kHeader[] = "#pragma once\nint twice(int);\n";
constexpr char kSource[] =
    "#include \"a.h\"\n#include <stdio.h>\n"
    "int twice(int n) { printf(\"%d\\n\", n); return 2 * n; }\n";
constexpr char kSourceInCpp[] =
    "#include \"a.h\"\n#include <iostream>\n#include <map>\n"
    "int twice(int n) { std::map<int, int> m; m[n] = 2 * n;\n"
    "  std::cout << n; return m[n]; }\n";

// In this process's own directory for temporary files.
std::string CompileHere(const std::string& compiler, const std::string& name,
                        const std::string& source) {
  const std::string root = ::testing::TempDir() + "/compile_here";
  const std::string script =
      StrCat("rm -rf ", root, " && mkdir -p ", root, "/src ", root, "/build && cd ", root,
             "/build && cat > ../src/", name, " <<'END'\n", source,
             "END\ncat > ../src/a.h <<'END'\n", kHeader, "END\n", compiler,
             " -O2 -ffile-prefix-map=", root, "=/work -c ../src/", name, " -o a.o\n");
  const absl::StatusOr<CapturedRun> run =
      RunCaptured({"/bin/sh", "-c", script}, Environment::OfThisProcess(),
                  {.timeout = std::chrono::minutes(10)});
  if (!run.ok() || !run->exit.success()) {
    ADD_FAILURE() << (run.ok() ? run->err : run.status().ToString());
    return "";
  }
  std::ifstream file(root + "/build/a.o", std::ios::binary);
  std::stringstream object;
  object << file.rdbuf();
  return object.str();
}

TEST_F(SandboxTest, AProgramRuns) {
  const absl::StatusOr<ExecResult> result = Exec(Command({"/bin/true"}));
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->exit_status, 0);
  EXPECT_EQ(result->signal, 0);
  EXPECT_GT(result->wall.count(), 0);
}

TEST_F(SandboxTest, StreamsStatusAndEnvironmentComeBackAsTheyAre) {
  ExecRequest request = Command({"/bin/sh", "-c", "echo out; echo err >&2; exit 7"});
  const absl::StatusOr<ExecResult> result = Exec(request);
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->exit_status, 7);
  EXPECT_EQ(result->standard_error, "err\n");
  EXPECT_EQ(result->standard_output, "out\n");

  request.arguments = {"/usr/bin/env"};
  request.environment = {"B=2", "A=1 and more"};
  const absl::StatusOr<ExecResult> variables = Exec(request);
  ASSERT_TRUE(variables.ok()) << variables.status();
  EXPECT_EQ(variables->standard_output, "B=2\nA=1 and more\nTZ=UTC\n");
}

// In virtual machines the image says otherwise (vm/qemu_sandbox_test.sh).
TEST_F(SandboxTest, TheTimeZoneIsUtcWhateverTheImageSays) {
  if (IsVirtualMachine()) {
    EXPECT_TRUE(StrContains(Shell("TZ=:/etc/localtime date +%Z%z"), "JST+0900"));
  }
  EXPECT_EQ(Shell("date +%Z%z"), "UTC+0000\n");
  ExecRequest request = Command({"/bin/date", "+%Z%z"});
  request.environment.push_back("TZ=ABC-3");
  const absl::StatusOr<ExecResult> result = Exec(request);
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->standard_output, "ABC+0300\n");
}

TEST_F(SandboxTest, ASignalThatEndedTheCommandIsReported) {
  const absl::StatusOr<ExecResult> result = Exec(Command({kProbe, "abort"}));
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->signal, SIGABRT);
}

TEST_F(SandboxTest, AnObjectInCIsTheLocalOne) {
  AddFile("/work/src/a.c", kSource);
  AddFile("/work/src/a.h", kHeader);
  ExecRequest request = Command(
      {"/usr/bin/gcc", "-O2", "-ffile-prefix-map=/work=/work", "-c", "../src/a.c", "-o", "a.o"});
  request.outputs = {"/work/build/a.o", "/work/build/a.gcno"};
  const absl::StatusOr<ExecResult> result = Exec(request);
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->exit_status, 0) << result->standard_error;
  EXPECT_EQ(result->signal, 0);
  ASSERT_EQ(result->outputs.size(), 1u);
  EXPECT_EQ(result->outputs[0].path, "/work/build/a.o");
  EXPECT_EQ(result->outputs[0].mode, 0644u);
  EXPECT_EQ(result->outputs[0].data, CompileHere("/usr/bin/gcc", "a.c", kSource));
}

TEST_F(SandboxTest, AnObjectInCppIsTheLocalOne) {
  AddFile("/work/src/a.cc", kSourceInCpp);
  AddFile("/work/src/a.h", kHeader);
  ExecRequest request = Command(
      {"/usr/bin/g++", "-O2", "-ffile-prefix-map=/work=/work", "-c", "../src/a.cc", "-o", "a.o"});
  request.outputs = {"/work/build/a.o"};
  const absl::StatusOr<ExecResult> result = Exec(request);
  ASSERT_TRUE(result.ok()) << result.status();
  ASSERT_EQ(result->outputs.size(), 1u) << result->standard_error;
  EXPECT_EQ(result->outputs[0].data, CompileHere("/usr/bin/g++", "a.cc", kSourceInCpp));
}

TEST_F(SandboxTest, AHeaderIsSentOnceForTwoExecs) {
  AddFile("/work/src/a.h", kHeader);
  Say({"/bin/cat", "../src/a.h"});
  AddFile("/work/src/b.h", "b");
  EXPECT_EQ(Say({"/bin/cat", "../src/a.h", "../src/b.h"}), StrCat(kHeader, "b"));
  EXPECT_EQ(blobs_.asked(Digest::Of(kHeader)), 1);
  EXPECT_EQ(blobs_.asked(Digest::Of("b")), 1);
}

TEST_F(SandboxTest, ABlobLargerThanAMessageArrivesWhole) {
  std::string data;
  for (int i = 0; data.size() < (size_t{9} << 20); ++i) data += std::to_string(i);
  AddFile("/work/src/big", data);
  ExecRequest request = Command({"/bin/cp", "/work/src/big", "copy"});
  request.outputs = {"/work/build/copy"};
  const absl::StatusOr<ExecResult> result = Exec(request);
  ASSERT_TRUE(result.ok()) << result.status();
  ASSERT_EQ(result->outputs.size(), 1u) << result->standard_error;
  EXPECT_TRUE(result->outputs[0].data == data);
}

TEST_F(SandboxTest, LinksAndEmptyDirectoriesOfTheManifestAreThere) {
  AddFile("/data/project/a.c", "int a;\n");
  manifest_.entries.push_back(
      {.path = "/home/user", .kind = ManifestEntry::Kind::kLink, .target = "/data"});
  manifest_.entries.push_back({.path = "/work/empty", .kind = ManifestEntry::Kind::kDirectory});
  ExecRequest request =
      Command({"/bin/sh", "-c", "pwd -P; test -d /work/empty && cat a.c && cp a.c b.c"});
  request.working_directory = "/home/user/project";
  request.outputs = {"/home/user/project/b.c"};
  const absl::StatusOr<ExecResult> result = Exec(request);
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->standard_output, "/data/project\nint a;\n") << result->standard_error;
  ASSERT_EQ(result->outputs.size(), 1u);
  EXPECT_EQ(result->outputs[0].path, "/home/user/project/b.c");
}

TEST_F(SandboxTest, AnEntryThatIsTheImagesOwnIsNeverAskedFor) {
  std::ifstream file("/usr/include/stdio.h");
  std::stringstream text;
  text << file.rdbuf();
  manifest_.entries.push_back({.path = "/usr/include/stdio.h", .digest = Digest::Of(text.str())});
  Say({"/bin/true"});
  EXPECT_EQ(blobs_.asked(Digest::Of(text.str())), 0);
}

TEST_F(SandboxTest, AnEntryThatDiffersFromTheImageIsAFailedPrecondition) {
  AddFile("/usr/include/stdio.h", "other\n");
  EXPECT_TRUE(absl::IsFailedPrecondition(Exec(Command({"/bin/true"})).status()));
  manifest_.entries.clear();
  AddFile("/usr/include/no_such_header.h", "x\n");
  EXPECT_TRUE(absl::IsFailedPrecondition(Exec(Command({"/bin/true"})).status()));
}

TEST_F(SandboxTest, AMissingBlobIsNotFoundAndTheNextExecIsServed) {
  manifest_.entries.push_back({.path = "/work/a.c", .digest = Digest::Of("nobody has it")});
  EXPECT_TRUE(absl::IsNotFound(Exec(Command({"/bin/true"})).status()));
  manifest_.entries.clear();
  Say({"/bin/true"});
}

TEST_F(SandboxTest, AProgramThatIsNotThereIsAnInvalidArgument) {
  EXPECT_TRUE(absl::IsInvalidArgument(Exec(Command({"/usr/bin/no-such"})).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(Exec(Command({"/work/a.out"})).status()));
}

TEST_F(SandboxTest, HostNameAndTimeZoneAreTheSandboxes) {
  EXPECT_EQ(Say({"/bin/uname", "-n"}), "hpcc\n");
  EXPECT_EQ(Say({"/bin/date", "+%Z"}), "UTC\n");
}

}  // namespace
}  // namespace hpcc
