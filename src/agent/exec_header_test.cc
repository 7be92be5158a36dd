#include "agent/exec_header.h"

#include <gtest/gtest.h>

#include <functional>

#include "base/strings.h"
#include "sandbox/agent_limits.h"

namespace hpcc {
namespace {

constexpr uint64_t kShare = uint64_t{1} << 30;

agent_v1::ExecHeader Header() {
  agent_v1::ExecHeader header;
  header.set_job("job");
  header.add_arguments("/usr/bin/gcc");
  header.add_arguments("-c");
  header.add_environment("LC_ALL=C");
  header.set_working_directory("/work");
  header.add_outputs("/work/a.o");
  SourceManifest manifest;
  manifest.entries.push_back({.path = "/work/a.c", .digest = Digest::Of("x")});
  header.set_manifest(EncodeManifest(manifest).value());
  return header;
}

// What is said about a header with one change.
absl::Status With(const std::function<void(agent_v1::ExecHeader&)>& change) {
  agent_v1::ExecHeader header = Header();
  change(header);
  return CheckExecHeader(header, kShare).status();
}

std::string ManifestWith(const std::string& path, ManifestEntry::Kind kind) {
  SourceManifest manifest;
  manifest.entries.push_back({.path = path, .kind = kind, .target = "/elsewhere"});
  if (kind != ManifestEntry::Kind::kLink) manifest.entries[0].target.clear();
  return EncodeManifest(manifest).value();
}

TEST(ExecHeaderTest, TheTimeZoneIsUtcUnlessTheExecBringsOne) {
  agent_v1::ExecHeader header = Header();
  header.add_environment("TZ=JST-9");
  EXPECT_EQ(CheckExecHeader(header, kShare)->environment,
            (std::vector<std::string>{"LC_ALL=C", "TZ=JST-9"}));
}

TEST(ExecHeaderTest, AnHonestHeaderIsTakenAsItIs) {
  const absl::StatusOr<ExecCommand> command = CheckExecHeader(Header(), kShare);
  ASSERT_TRUE(command.ok()) << command.status();
  EXPECT_EQ(command->arguments, (std::vector<std::string>{"/usr/bin/gcc", "-c"}));
  EXPECT_EQ(command->environment, (std::vector<std::string>{"LC_ALL=C", "TZ=UTC"}));
  EXPECT_EQ(command->working_directory, "/work");
  EXPECT_EQ(command->outputs, (std::vector<std::string>{"/work/a.o"}));
  ASSERT_EQ(command->manifest.entries.size(), 1u);
}

TEST(ExecHeaderTest, WithoutAWordEveryLimitHasADefault) {
  const ExecBounds bounds = CheckExecHeader(Header(), kShare)->bounds;
  EXPECT_EQ(bounds.wall, kExecWall);
  EXPECT_EQ(bounds.memory_bytes, kShare);
  EXPECT_EQ(bounds.processes, kExecProcesses);
  EXPECT_EQ(bounds.stage_bytes, kExecStageBytes);
  EXPECT_EQ(bounds.stdio_bytes, kExecStdioBytes);
  EXPECT_GT(bounds.cpu.count(), 0);
}

TEST(ExecHeaderTest, LimitsThatAreAskedForHold) {
  agent_v1::ExecHeader header = Header();
  header.mutable_limits()->set_wall_ms(5);
  header.mutable_limits()->set_cpu_seconds(7);
  header.mutable_limits()->set_memory_bytes(uint64_t{99} << 20);
  header.mutable_limits()->set_processes(3);
  const ExecBounds bounds = CheckExecHeader(header, kShare)->bounds;
  EXPECT_EQ(bounds.wall.count(), 5);
  EXPECT_EQ(bounds.cpu.count(), 7000);
  EXPECT_EQ(bounds.memory_bytes, uint64_t{99} << 20);
  EXPECT_EQ(bounds.processes, 3u);
}

TEST(ExecHeaderTest, MoreThanAnyExecCanHaveIsRefused) {
  using Limits = agent_v1::ExecLimits;
  for (void (Limits::*set)(uint64_t) :
       {&Limits::set_wall_ms, &Limits::set_cpu_seconds, &Limits::set_memory_bytes,
        &Limits::set_file_bytes, &Limits::set_processes, &Limits::set_stage_bytes,
        &Limits::set_stdio_bytes}) {
    EXPECT_TRUE(absl::IsInvalidArgument(
        With([set](auto& header) { (header.mutable_limits()->*set)(UINT64_MAX); })));
  }
}

TEST(ExecHeaderTest, WordsThatCannotBeOnesAreRefused) {
  EXPECT_FALSE(With([](auto& header) { header.clear_arguments(); }).ok());
  for (const std::string& program :
       {std::string("gcc"), std::string(""), std::string("/usr/../bin/gcc"), std::string("/"),
        std::string("/usr/bin/gcc\0x", 14)}) {
    EXPECT_FALSE(With([&](auto& header) { header.set_arguments(0, program); }).ok()) << program;
  }
  for (const std::string& variable :
       {std::string("A"), std::string("=x"), std::string(""), std::string("A=\0", 3)}) {
    EXPECT_FALSE(With([&](auto& header) { header.add_environment(variable); }).ok()) << variable;
  }
  EXPECT_FALSE(
      With([](auto& header) { header.add_arguments(std::string(kAgentCommandBytes, 'x')); }).ok());
  EXPECT_FALSE(With([](auto& header) {
                 for (size_t i = 0; i < kAgentArguments; ++i) header.add_arguments("");
               }).ok());
  EXPECT_FALSE(With([](auto& header) {
                 for (size_t i = 0; i < kAgentVariables; ++i) header.add_environment("A=");
               }).ok());
  EXPECT_FALSE(With([](auto& header) { header.set_job(std::string(300, 'x')); }).ok());
  EXPECT_FALSE(With([](auto& header) { header.set_traceparent(std::string(300, 'x')); }).ok());
}

TEST(ExecHeaderTest, PathsThatLeaveTheStageAreRefusedWhereverTheyStand) {
  for (const char* path :
       {"/work/..", "/work/../a", "/work//a", "/work/a/", "work", "", "/./a", "/proc",
        "/proc/1/mem", "/dev/null", "/sys/x", "/.hpcc", "/.hpcc/agent"}) {
    EXPECT_FALSE(With([&](auto& header) { header.set_working_directory(path); }).ok()) << path;
    EXPECT_FALSE(With([&](auto& header) { header.set_outputs(0, path); }).ok()) << path;
  }
  for (const char* path : {"/proc/x", "/dev/x", "/sys", "/.hpcc/x"}) {
    for (const auto kind : {ManifestEntry::Kind::kFile, ManifestEntry::Kind::kDirectory}) {
      EXPECT_FALSE(With([&](auto& header) { header.set_manifest(ManifestWith(path, kind)); }).ok())
          << path;
    }
  }
  EXPECT_FALSE(With([](auto& header) { header.set_outputs(0, "/a.o"); }).ok());
  EXPECT_FALSE(With([](auto& header) { header.add_outputs("/work/a.o"); }).ok());
  EXPECT_TRUE(With([](auto& header) { header.set_working_directory("/.hpcc/root/build"); }).ok());
  EXPECT_TRUE(With([](auto& header) { header.set_working_directory("/"); }).ok());
  EXPECT_TRUE(With([](auto& header) { header.set_outputs(0, "/process/a.o"); }).ok());
}

TEST(ExecHeaderTest, TheDirectoryForTemporaryFilesIsNoFileAndNoLink) {
  for (const auto kind : {ManifestEntry::Kind::kFile, ManifestEntry::Kind::kLink}) {
    EXPECT_FALSE(With([&](auto& header) { header.set_manifest(ManifestWith("/tmp", kind)); }).ok());
  }
}

TEST(ExecHeaderTest, ABrokenManifestIsRefused) {
  EXPECT_FALSE(With([](auto& header) { header.set_manifest(""); }).ok());
  EXPECT_FALSE(With([](auto& header) { header.mutable_manifest()->push_back('x'); }).ok());
}

}  // namespace
}  // namespace hpcc
