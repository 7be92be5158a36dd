#include "worker/host_toolchains.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <future>
#include <thread>

#include "base/strings.h"
#include "compiler/invocation.h"
#include "worker/worker_test_support.h"

namespace hpcc {
namespace {

class HostToolchainsTest : public testing::Test {
 protected:
  HostToolchainsTest() { std::filesystem::create_directories(image_); }

  // A program of the image that leaves a mark when it is run.
  std::string AddProgram(std::string_view name) {
    const std::string path = StrCat(image_, "/", name);
    std::ofstream(path) << "#!/bin/sh\ntouch " << mark_ << "\n";
    std::filesystem::permissions(path, std::filesystem::perms::owner_all);
    return path;
  }

  absl::Status Identify(
      const std::string& compiler,
      HostToolchains::WhileAnotherIsAsked manner = HostToolchains::WhileAnotherIsAsked::kWait) {
    WorkerCommand command;
    command.compiler = compiler;
    command.working_directory = "/";
    Invocation invocation;
    invocation.language = Language::kC;
    return toolchains_.Identify(command, invocation, manner).status();
  }
  bool WasRun() const { return std::filesystem::exists(mark_); }

  WorkerScratch scratch_;
  const std::string image_ = scratch_ / "image";
  const std::string mark_ = scratch_ / "was-run";
  HostToolchains toolchains_{{image_, "/usr/bin", "/usr/lib"}, FileSystem::Real(), Clock::Real()};
};

// It would run outside of any sandbox.
TEST_F(HostToolchainsTest, WhatIsNotCalledAsCompilersAreIsNeverRun) {
  for (const char* name : {"perl", "python3", "gcc-ar", "cc1"}) {
    const absl::Status status = Identify(AddProgram(name));
    EXPECT_EQ(status.code(), absl::StatusCode::kPermissionDenied) << status;
    EXPECT_TRUE(StrContains(std::string(status.message()), name)) << status;
    EXPECT_FALSE(WasRun()) << name;
  }
}

TEST_F(HostToolchainsTest, WhatIsCalledAsCompilersAreIsAskedWhatItIs) {
  const absl::Status status = Identify(AddProgram("aarch64-linux-gnu-gcc"));
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition) << status;
  EXPECT_TRUE(WasRun());
  EXPECT_TRUE(Identify("/usr/bin/gcc").ok());
}

// Or whoever has compilers asked that take their time would hold up all probes of all tenants.
TEST_F(HostToolchainsTest, WhoMayNotWaitIsToldThatAnotherIsBeingAsked) {
  const std::string slow = AddProgram("slow-gcc");
  const std::string go_on = scratch_ / "go-on";
  std::ofstream(slow) << "#!/bin/sh\ntouch " << mark_ << "\nwhile ! test -e " << go_on
                      << "; do sleep 0.01; done\n";
  auto asking = std::async(std::launch::async, [&] { return Identify(slow); });
  while (!WasRun()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  const auto give_up = HostToolchains::WhileAnotherIsAsked::kGiveUp;
  EXPECT_TRUE(absl::IsAborted(Identify("/usr/bin/gcc", give_up)));
  std::ofstream(go_on) << "";
  EXPECT_TRUE(absl::IsFailedPrecondition(asking.get()));
  EXPECT_TRUE(Identify("/usr/bin/gcc", give_up).ok());
}

}  // namespace
}  // namespace hpcc
