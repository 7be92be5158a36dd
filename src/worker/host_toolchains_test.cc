#include "worker/host_toolchains.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <future>
#include <thread>

#include "base/strings.h"
#include "compiler/invocation.h"
#include "worker/retry_after.h"
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
      HostToolchains::WhileAnotherIsAsked manner = HostToolchains::WhileAnotherIsAsked::kWait,
      const std::function<bool()>& cancelled = nullptr) {
    WorkerCommand command;
    command.compiler = compiler;
    command.working_directory = "/";
    Invocation invocation;
    invocation.language = Language::kC;
    return toolchains_.Identify(command, invocation, manner, cancelled).status();
  }
  bool WasRun() const { return std::filesystem::exists(mark_); }
  // A compiler that is asked until LetGo().
  std::string AddSlowProgram() {
    const std::string slow = AddProgram("slow-gcc");
    std::ofstream(slow) << "#!/bin/sh\ntouch " << mark_ << "\nwhile ! test -e " << go_on_
                        << "; do sleep 0.01; done\n";
    return slow;
  }
  std::future<absl::Status> BeginAsking(const std::string& compiler) {
    auto asking = std::async(std::launch::async, [this, compiler] { return Identify(compiler); });
    while (!WasRun()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    return asking;
  }
  void LetGo() { std::ofstream(go_on_) << ""; }

  WorkerScratch scratch_;
  const std::string image_ = scratch_ / "image";
  const std::string mark_ = scratch_ / "was-run";
  const std::string go_on_ = scratch_ / "go-on";
  StandingClock clock_;
  HostToolchains toolchains_{
      {image_, "/usr/bin", "/usr/lib"}, FileSystem::Real(), clock_, std::chrono::milliseconds(300)};
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
  auto asking = BeginAsking(AddSlowProgram());
  const auto give_up = HostToolchains::WhileAnotherIsAsked::kGiveUp;
  EXPECT_TRUE(absl::IsAborted(Identify("/usr/bin/gcc", give_up)));
  LetGo();
  EXPECT_TRUE(absl::IsFailedPrecondition(asking.get()));
  EXPECT_TRUE(Identify("/usr/bin/gcc", give_up).ok());
}

TEST_F(HostToolchainsTest, WhoeverWaitsDoesNotWaitForEver) {
  auto asking = BeginAsking(AddSlowProgram());
  const absl::Status waited = Identify("/usr/bin/gcc");
  EXPECT_TRUE(absl::IsResourceExhausted(waited)) << waited;
  EXPECT_TRUE(RetryAfterOf(waited).has_value());
  const absl::Status cancelled =
      Identify("/usr/bin/gcc", HostToolchains::WhileAnotherIsAsked::kWait, [] { return true; });
  EXPECT_TRUE(absl::IsCancelled(cancelled)) << cancelled;
  LetGo();
  EXPECT_TRUE(absl::IsFailedPrecondition(asking.get()));
  EXPECT_TRUE(Identify("/usr/bin/gcc").ok());
}

// Or each of a client's commands with -mbogus would run two compilers.
TEST_F(HostToolchainsTest, WhatCouldNotBeToldIsNotAskedAgainAtOnce) {
  const std::string program = AddProgram("gcc-12");
  EXPECT_TRUE(absl::IsFailedPrecondition(Identify(program)));
  ASSERT_TRUE(std::filesystem::remove(mark_));
  EXPECT_TRUE(absl::IsFailedPrecondition(Identify(program)));
  EXPECT_FALSE(WasRun());
  clock_.Sleep(HostToolchains::kRememberFailure);
  EXPECT_TRUE(absl::IsFailedPrecondition(Identify(program)));
  EXPECT_TRUE(WasRun());
}

}  // namespace
}  // namespace hpcc
