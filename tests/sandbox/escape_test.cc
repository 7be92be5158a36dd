// What a command in a sandbox sees, and all it can't do there.

#include <fcntl.h>
#include <unistd.h>

#include <fstream>
#include <set>
#include <thread>

#include "compiler/toolchain_question.h"
#include "sandbox_test_support.h"

namespace hpcc {
namespace {

int CountOf(const std::string& text, const std::string& part) {
  int count = 0;
  for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++count;
  return count;
}

TEST_F(SandboxTest, NoWayToBecomeMoreIsOpen) {
  const std::string told = Probe({"escape"});
  EXPECT_EQ(CountOf(told, ": ok\n"), 0) << told;
  EXPECT_GE(CountOf(told, "\n"), 20) << told;
}

TEST_F(SandboxTest, ACommandIsNobodyWithoutACapability) {
  const std::string status = Say({"/bin/cat", "/proc/self/status"});
  for (const char* line : {"CapInh:\t0000000000000000\n", "CapPrm:\t0000000000000000\n",
                           "CapEff:\t0000000000000000\n", "CapBnd:\t0000000000000000\n",
                           "CapAmb:\t0000000000000000\n", "NoNewPrivs:\t1\n", "Seccomp:\t2\n"}) {
    EXPECT_EQ(CountOf(status, line), 1) << line << status;
  }
}

TEST_F(SandboxTest, TwoExecsHaveDifferentUsersAndNeitherIsRoot) {
  if (!HasManyIds()) GTEST_SKIP() << "an unprivileged user's sandbox has one id";
  const std::string first = Say({"/usr/bin/id", "-u"});
  const std::string second = Say({"/usr/bin/id", "-u"});
  EXPECT_NE(first, "0\n");
  EXPECT_NE(first, second);
  EXPECT_EQ(Say({"/usr/bin/id", "-G"}).find(' '), std::string::npos);
}

TEST_F(SandboxTest, ThereIsNoNetwork) {
  if (IsVirtualMachine()) GTEST_SKIP() << "VirtualMachineTest.ItsKernelKnowsNoNetwork";
  const std::string net = StrCat("/proc/", Agents().at(0), "/net/");
  std::ifstream devices(net + "dev");
  std::string line;
  std::vector<std::string> names;
  while (std::getline(devices, line)) {
    if (const size_t colon = line.find(':'); colon != std::string::npos) {
      names.emplace_back(StripBlanks(std::string_view(line).substr(0, colon)));
    }
  }
  EXPECT_EQ(names, std::vector<std::string>{"lo"});
  std::ifstream routes(net + "route");
  int lines = 0;
  while (std::getline(routes, line)) ++lines;
  EXPECT_LE(lines, 1) << line;                // the heading
  std::ifstream addresses(net + "if_inet6");  // what is up has one
  EXPECT_FALSE(std::getline(addresses, line)) << line;
  // Of the agent's own /proc commands see nothing; the namespace is the agent's.
  EXPECT_EQ(Probe({"open", "/proc/net/dev", "/proc/net/route", "/sys/class/net"}),
            "/proc/net/dev: No such file or directory\n"
            "/proc/net/route: No such file or directory\n"
            "/sys/class/net: No such file or directory\n");
}

TEST_F(SandboxTest, OnlyFiveDevicesExist) {
  EXPECT_EQ(Shell("ls /dev"), "full\nnull\nrandom\nurandom\nzero\n");
  EXPECT_EQ(Shell("echo x > /dev/null; head -c 4 /dev/zero | od -An -tx1; "
                  "head -c 8 /dev/urandom | wc -c"),
            " 00 00 00 00\n8\n");
}

TEST_F(SandboxTest, TheRootIsReadOnlyButForTheStagesOwnDirectories) {
  AddFile("/work/src/a.c", "int a;\n");
  const std::string told =
      Probe({"write", "/new", "/work/new", "/work/src/new", "/work/src/a.c", "/usr/new",
             "/usr/bin/gcc", "/usr/include/stdio.h", "/etc/ld.so.cache", "/dev/new", "/proc/new",
             "/bin/new", "/lib/new"});
  EXPECT_EQ(CountOf(told, ": ok\n"), 0) << told;
  EXPECT_EQ(Probe({"write", "/work/build/new", "/tmp/new"}), "/work/build/new: ok\n/tmp/new: ok\n");
}

TEST_F(SandboxTest, NothingOfTheHostIsThereButTheImage) {
  std::ofstream(std::string(::testing::TempDir()) + "/secret") << "secret";
  const std::string told =
      Probe({"open", "/root", "/home", "/work/wt-sandbox", "/var", "/opt/q", "/etc/passwd",
             "/etc/shadow", "/sys", "/run", "/usr/src", "/.hpcc", "/image", "/exec",
             std::string(::testing::TempDir()) + "/secret"});
  EXPECT_EQ(CountOf(told, ": ok\n"), 0) << told;
  std::set<std::string> expected = {"dev", "proc", "tmp", "work", "opt"};  // opt: the probe
  for (const std::string& path : sandbox_->image_directories()) {
    expected.insert(path.substr(1, path.find('/', 1) - 1));
  }
  EXPECT_EQ(Shell("ls -A /"), StrCat(StrJoin(expected, "\n"), "\n"));
}

TEST_F(SandboxTest, OtherProcessesAreNotToBeSeen) {
  // The supervisor is the first process; all else is the command's own.
  EXPECT_EQ(Shell("ls /proc | grep -c '^[0-9]'; true").size(), 2u);
  const std::string told =
      Probe({"open", "/proc/1/mem", "/proc/1/environ", "/proc/1/root/", "/proc/1/fd/0",
             "/proc/1/cwd/", "/proc/kcore", "/proc/sysrq-trigger", "/proc/sys/kernel/hostname"});
  EXPECT_EQ(CountOf(told, ": ok\n"), 0) << told;
}

TEST_F(SandboxTest, NoMountHonoursSetuidBits) {
  const std::string mounts = Say({"/bin/cat", "/proc/self/mounts"});
  for (const std::string_view line : StrSplit(std::string_view(mounts), '\n')) {
    EXPECT_TRUE(line.empty() || StrContains(line, "nosuid")) << line;
  }
}

TEST_F(SandboxTest, AnotherExecsFilesCannotBeSeen) {
  AddFile("/work/src/mine.c", "int mine;\n");
  std::thread other([this] { Shell("echo x > /tmp/mine; echo x > mine; sleep 1"); });
  const SourceManifest mine = std::exchange(manifest_, {});
  std::this_thread::sleep_for(std::chrono::milliseconds(400));
  EXPECT_EQ(Shell("ls /tmp /work/build; ls /work; find / -name 'mine*' -not -path '/proc/*' "
                  "-not -path '/usr/*' 2>/dev/null; true"),
            "/tmp:\n\n/work/build:\nbuild\n");
  other.join();
  EXPECT_EQ(Shell("ls /tmp /work/build"), "/tmp:\n\n/work/build:\n");
}

TEST_F(SandboxTest, TheBlobStoreHasNoName) {
  const std::string data = "a blob that only its own exec may read";
  AddFile("/work/src/a", data);
  Say({"/bin/true"});
  manifest_.entries.clear();
  const std::string name = Digest::Of(data).ToHex();
  EXPECT_EQ(Shell("find / -name '" + name + "' 2>/dev/null; ls /proc/self/fd | wc -l"), "4\n");
}

TEST_F(SandboxTest, NoDescriptorOfTheAgentIsOpen) {
  EXPECT_EQ(Shell("for fd in 3 4 5 6 7 8 9; do test -e /proc/$$/fd/$fd && echo $fd; done; true"),
            "");
}

TEST_F(SandboxTest, LinksThatAreLeftAsOutputsAreNone) {
  ExecRequest request = Command({"/bin/sh", "-c",
                                 "ln -s /usr/bin/gcc a; ln -s /proc/1/environ b; mkfifo c; "
                                 "mkdir d; echo x > e; ln -s . f; mkdir -p /tmp/g; echo y > h"});
  request.outputs = {"/work/build/a", "/work/build/b",    "/work/build/c", "/work/build/d",
                     "/work/build/e", "/work/build/none", "/work/build/h"};
  const absl::StatusOr<ExecResult> result = Exec(request);
  ASSERT_TRUE(result.ok()) << result.status();
  ASSERT_EQ(result->outputs.size(), 2u) << result->standard_error;
  EXPECT_EQ(result->outputs[0].path, "/work/build/e");
  EXPECT_EQ(result->outputs[1].data, "y\n");
}

TEST_F(SandboxTest, ADirectoryReplacedByALinkLeadsNowhereElse) {
  ExecRequest request = Command({"/bin/sh", "-c",
                                 "mkdir /tmp/o && cd /tmp/o && rmdir /tmp/out 2>/dev/null; "
                                 "ln -s /etc /tmp/o/sub; true"});
  request.outputs = {"/tmp/o/sub/ld.so.cache", "/tmp/o/sub/../../../../../etc/passwd"};
  EXPECT_TRUE(absl::IsInvalidArgument(Exec(request).status()));
  // The link leads to the stage's own /etc, where the image's part is mounted for commands only.
  request.outputs.pop_back();
  const absl::StatusOr<ExecResult> result = Exec(request);
  ASSERT_TRUE(result.ok()) << result.status();
  for (const ExecOutput& output : result->outputs) EXPECT_EQ(output.data, "");
}

TEST_F(SandboxTest, HostileHeadersAreRefusedByNameAndTheNextExecIsServed) {
  const auto refused = [this](const std::function<void(ExecRequest&)>& change) {
    ExecRequest request = Command({"/bin/true"});
    change(request);
    const absl::Status status = Exec(request).status();
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << status;
    Say({"/bin/true"});
  };
  refused([](ExecRequest& request) { request.arguments.clear(); });
  refused([](ExecRequest& request) { request.arguments = {"true"}; });
  refused([](ExecRequest& request) { request.arguments[0] = "/bin/../bin/true"; });
  refused([](ExecRequest& request) { request.environment.push_back("no value"); });
  refused([](ExecRequest& request) { request.environment.push_back(std::string("A=\0B", 4)); });
  refused([](ExecRequest& request) { request.arguments.push_back(std::string(2 << 20, 'x')); });
  refused([](ExecRequest& request) { request.working_directory = "/work/../etc"; });
  refused([](ExecRequest& request) { request.working_directory = "/proc/1/root"; });
  refused([](ExecRequest& request) { request.outputs = {"/dev/null"}; });
  refused([](ExecRequest& request) { request.outputs = {"/a.o"}; });
  refused([](ExecRequest& request) { request.outputs = {"/usr/lib/a.o"}; });
  refused([](ExecRequest& request) { request.outputs.assign(65, "/work/a.o"); });
  refused([](ExecRequest& request) { request.limits.wall = std::chrono::hours(1000); });
  refused([](ExecRequest& request) { request.limits.stage_bytes = uint64_t{1} << 50; });
  refused([](ExecRequest& request) { request.manifest = "garbage"; });
}

TEST_F(SandboxTest, NothingStagedIsRunButTheQuestionAboutAToolchain) {
  using Kind = ManifestEntry::Kind;
  const std::string question(kToolchainQuestionProgram);
  const std::string flag(kToolchainQuestionFlag);
  const Digest script = blobs_.Add("#!/bin/sh\necho ran\n");
  for (const std::string& path : {question, question + "2", std::string("/work/build/own")}) {
    manifest_.entries.push_back(
        {.path = path, .kind = Kind::kExecutable, .digest = script, .target = ""});
  }
  for (const std::vector<std::string>& arguments :
       std::vector<std::vector<std::string>>{{question},
                                             {question, "--version"},
                                             {question, "--version", flag},
                                             {question, flag + "s"},
                                             {question + "2", flag},
                                             {"/work/build/own"},
                                             {"/work/build/own", flag}}) {
    const absl::Status status = Exec(Command(arguments)).status();
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << arguments.front() << ": " << status;
  }
  EXPECT_EQ(Say({question, flag}), "ran\n");  // with no more rights than any command
}

// EncodeManifest refuses to write these, so they are written by hand.
std::string EncodedByHand(const std::vector<ManifestEntry>& entries) {
  ByteWriter writer;
  writer.Fixed8(1);
  writer.Varint(entries.size());
  for (const ManifestEntry& entry : entries) {
    writer.String(entry.path);
    writer.Fixed8(static_cast<uint8_t>(entry.kind));
    if (entry.kind == ManifestEntry::Kind::kLink) writer.String(entry.target);
    if (entry.kind == ManifestEntry::Kind::kFile) writer.DigestBytes(entry.digest);
  }
  return writer.Take();
}

TEST_F(SandboxTest, HostileManifestsAreRefusedAndTheNextExecIsServed) {
  const Digest blob = blobs_.Add("x");
  const auto refused = [&](const std::vector<ManifestEntry>& entries) {
    ExecRequest request = Command({"/bin/true"});
    request.manifest = EncodedByHand(entries);
    const absl::Status status = Exec(request).status();
    EXPECT_TRUE(absl::IsInvalidArgument(status) || absl::IsFailedPrecondition(status)) << status;
    Say({"/bin/true"});
  };
  using Kind = ManifestEntry::Kind;
  refused({{.path = "/work/../../etc/cron.d/x", .digest = blob}});
  refused({{.path = "work/a", .digest = blob}});
  refused({{.path = std::string("/work/a\0b", 9), .digest = blob}});
  refused({{.path = "/proc/sys/kernel/core_pattern", .digest = blob}});
  refused({{.path = "/dev/mem", .digest = blob}});
  refused({{.path = "/.hpcc/agent", .digest = blob}});
  refused({{.path = "/usr", .kind = Kind::kLink, .target = "/tmp"}});
  refused({{.path = "/usr/bin", .kind = Kind::kLink, .target = "/tmp"}});
  refused({{.path = "/lib", .kind = Kind::kLink, .target = "/tmp"}});
  refused({{.path = "/tmp", .kind = Kind::kLink, .target = "/usr"}});
  refused({{.path = "/work/l", .kind = Kind::kLink, .target = "/etc"},
           {.path = "/work/l/x", .digest = blob}});
  refused({{.path = "/work/build", .digest = blob}});

  std::vector<ManifestEntry> many(1'000'000);
  for (size_t i = 0; i < many.size(); ++i) {
    many[i] = {.path = StrCat("/work/", 1'000'000 + i), .kind = Kind::kDirectory};
  }
  refused(many);
}

TEST_F(SandboxTest, AbsoluteLinksOfAManifestStayInside) {
  manifest_.entries.push_back(
      {.path = "/work/l", .kind = ManifestEntry::Kind::kLink, .target = "/root/.ssh"});
  manifest_.entries.push_back(
      {.path = "/work/up", .kind = ManifestEntry::Kind::kLink, .target = "../../../../../../home"});
  EXPECT_EQ(Probe({"open", "/work/l/id_rsa", "/work/up"}),
            "/work/l/id_rsa: No such file or directory\n"
            "/work/up: No such file or directory\n");
}

}  // namespace
}  // namespace hpcc
