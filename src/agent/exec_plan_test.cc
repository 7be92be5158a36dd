#include "agent/exec_plan.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <cerrno>
#include <string>
#include <thread>

namespace hpcc {
namespace {

ExecPlan SomePlan() {
  ExecPlan plan{.arguments = {"/usr/bin/gcc", "-c", ""},
                .environment = {"A=b"},
                .working_directory = "/work",
                .writable = {"/tmp", "/work"}};
  plan.bounds.wall = std::chrono::milliseconds(1);
  plan.bounds.cpu = std::chrono::milliseconds(2);
  plan.bounds.memory_bytes = 3;
  plan.bounds.file_bytes = 4;
  plan.bounds.processes = 5;
  plan.bounds.stage_bytes = 6;
  plan.stage_bytes_before = 7;
  plan.start = std::chrono::nanoseconds(8);
  return plan;
}

void ExpectSomePlan(const ExecPlan& plan) {
  EXPECT_EQ(EncodeExecPlan(plan), EncodeExecPlan(SomePlan()));
  EXPECT_EQ(plan.arguments, SomePlan().arguments);
  EXPECT_EQ(plan.writable, SomePlan().writable);
  EXPECT_EQ(plan.bounds.processes, 5u);
  EXPECT_EQ(plan.stage_bytes_before, 7u);
  EXPECT_EQ(plan.start, std::chrono::nanoseconds(8));
}

class ExecPlanTest : public ::testing::Test {
 protected:
  ExecPlanTest() {
    int ends[2];
    EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    ours_ = Descriptor(ends[0]);
    theirs_ = Descriptor(ends[1]);
  }

  Descriptor ours_;
  Descriptor theirs_;
};

TEST_F(ExecPlanTest, APlanIsReadAsItWasWritten) {
  const absl::StatusOr<ExecPlan> plan = DecodeExecPlan(EncodeExecPlan(SomePlan()));
  ASSERT_TRUE(plan.ok()) << plan.status();
  ExpectSomePlan(*plan);
  EXPECT_FALSE(DecodeExecPlan(EncodeExecPlan(SomePlan()) + "x").ok());
  EXPECT_FALSE(DecodeExecPlan("").ok());
}

TEST_F(ExecPlanTest, ItArrivesWhileTheSocketStaysOpen) {
  ASSERT_TRUE(SendExecPlan(EncodeExecPlan(SomePlan()), ours_).ok());
  const absl::StatusOr<std::string> encoded = ReceiveExecPlan(theirs_);
  ASSERT_TRUE(encoded.ok()) << encoded.status();
  EXPECT_EQ(*encoded, EncodeExecPlan(SomePlan()));
}

TEST_F(ExecPlanTest, OneThatIsLargerThanASocketHoldsArrives) {
  ExecPlan large = SomePlan();
  large.arguments.push_back(std::string(2 << 20, 'x'));
  std::thread sender([&] { EXPECT_TRUE(SendExecPlan(EncodeExecPlan(large), ours_).ok()); });
  const absl::StatusOr<std::string> encoded = ReceiveExecPlan(theirs_);
  sender.join();
  ASSERT_TRUE(encoded.ok()) << encoded.status();
  EXPECT_EQ(*encoded, EncodeExecPlan(large));
}

TEST_F(ExecPlanTest, WhereNobodyIsAtTheOtherEndThereIsNone) {
  ours_.Reset();
  EXPECT_FALSE(ReceiveExecPlan(theirs_).ok());
  EXPECT_TRUE(absl::IsUnavailable(SendExecPlan("x", theirs_)));
}

TEST_F(ExecPlanTest, ALengthThatNoPlanHasIsRefused) {
  const std::string prefix(8, '\x7f');
  ASSERT_EQ(send(ours_.get(), prefix.data(), prefix.size(), MSG_NOSIGNAL), 8);
  EXPECT_TRUE(absl::IsInternal(ReceiveExecPlan(theirs_).status()));
}

TEST(ExecReportTest, AStepThatIsTooLongIsCutOff) {
  ExecReport report;
  report.outcome = ExecReport::Outcome::kEnded;
  report.NoteFailure(std::string(100, 'x'), ENOENT);
  EXPECT_EQ(report.step, std::string(sizeof(report.step) - 1, 'x'));
  report.NoteFailure("short", EPERM);
  EXPECT_STREQ(report.step, "short");
  EXPECT_EQ(report.error, EPERM);
  EXPECT_EQ(report.outcome, ExecReport::Outcome::kNotStarted);
}

}  // namespace
}  // namespace hpcc
