#include "client/remote_compile.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "base/strings.h"
#include "cache/cache_test_support.h"

namespace hpcc {
namespace {

class WhyNotRemoteTest : public testing::Test {
 protected:
  WhyNotRemoteTest() {
    std::string pattern = testing::TempDir() + "/hpcc-remote-XXXXXX";
    root_ = mkdtemp(pattern.data());
    std::ofstream(root_ + "/a.c") << "int a;\n";
    command_.cwd = root_;
    command_.compiler = {.path = "/usr/bin/gcc", .called_as = "gcc", .name = "gcc"};
    command_.environment.Set("PATH", "/usr/bin:/bin");
  }
  ~WhyNotRemoteTest() override { std::filesystem::remove_all(root_); }

  std::optional<std::string> Why(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), {"-c", root_ + "/a.c", "-o", root_ + "/a.o"});
    command_.compiler.arguments = std::move(arguments);
    CompileSubject subject(FileSystem::Real(), command_);
    ToolchainMemo memo(store_, FileSystem::Real(), Clock::Real());
    EXPECT_FALSE(subject.Understand());
    EXPECT_FALSE(subject.Identify(memo));
    EXPECT_FALSE(subject.Prepare());
    return WhyNotRemote(subject);
  }

  std::string root_;
  MemoryStore store_;
  CompileRequest command_;
};

TEST_F(WhyNotRemoteTest, AnOrdinaryCompileCanBeAWorkers) {
  EXPECT_EQ(Why({"-O2", "-g", "-Wall", "-MD", "-I.", "-DX=1"}), std::nullopt);
  command_.environment.Set("LC_ALL", "C");
  EXPECT_EQ(Why({}), std::nullopt);
}

TEST_F(WhyNotRemoteTest, WhatMeansThisMachineStaysHere) {
  EXPECT_TRUE(Why({"-march=native"}));
  EXPECT_TRUE(Why({"-fsome-flag-nobody-knows"}));
  command_.environment.Set("COMPILER_PATH", "/opt/bin");
  EXPECT_EQ(Why({}), "COMPILER_PATH");
}

}  // namespace
}  // namespace hpcc
