// Jobs of which something ran, and which nobody was answered: they have no audit row, and a
// security event says so.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "worker/worker_test_support.h"

namespace hpcc {
namespace {

using grpc::StatusCode;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;
using testing::StartsWith;

class UnfinishedJobTest : public testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(worker_.UploadAll("acme", unit_).ok()); }

  // There is one event, no row, and the reason stands in it.
  void CheckEvent(const std::string& why) {
    const std::vector<SecurityEventRow> events = worker_.Events(SecurityEvent::kJobUnfinished);
    ASSERT_THAT(events, SizeIs(1));
    EXPECT_EQ(events[0].tenant, "acme");
    EXPECT_EQ(events[0].user, "user-of-acme");
    EXPECT_NE(events[0].peer, "");
    EXPECT_THAT(events[0].detail, StartsWith("job "));
    EXPECT_THAT(events[0].detail, HasSubstr(why));
    EXPECT_THAT(worker_.Rows(), IsEmpty());
  }

  TestWorker worker_;
  TestUnit unit_{worker_.unit_root()};
};

TEST_F(UnfinishedJobTest, ALimitThatWasReached) {
  worker_.sandboxes().exceeded = ExceededLimit::kMemory;
  EXPECT_EQ(worker_.Compile("acme", unit_).status.error_code(), StatusCode::FAILED_PRECONDITION);
  CheckEvent("limit of memory");
}

TEST_F(UnfinishedJobTest, ASignal) {
  worker_.sandboxes().before = [](ExecRequest* request) {
    request->arguments = {"/bin/sh", "-c", "kill -SEGV $$"};
  };
  EXPECT_EQ(worker_.Compile("acme", unit_).status.error_code(), StatusCode::FAILED_PRECONDITION);
  CheckEvent("signal 11");
}

TEST_F(UnfinishedJobTest, ALostSandbox) {
  worker_.sandboxes().lost = true;
  EXPECT_EQ(worker_.Compile("acme", unit_).status.error_code(), StatusCode::UNAVAILABLE);
  CheckEvent("lost");
}

TEST_F(UnfinishedJobTest, AClientThatWentAway) {
  worker_.sandboxes().blocked = true;
  const auto context = worker_.Call("acme");
  const auto reader = worker_.stub().Compile(context.get(), TestWorker::CompileRequestOf(unit_));
  while (worker_.sandboxes().running == 0) std::this_thread::yield();
  context->TryCancel();
  const auto patience = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (worker_.server().jobs().in_flight() != 0 && std::chrono::steady_clock::now() < patience) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  CheckEvent("cancelled");
}

TEST_F(UnfinishedJobTest, WhatNeverRanIsNoneAndWhatIsAnsweredIsNone) {
  TestUnit missing = unit_;
  missing.Add("unit.c", "int other;\n");
  EXPECT_EQ(worker_.Compile("acme", missing).status.error_code(), StatusCode::FAILED_PRECONDITION);
  worker_.sandboxes().start_failure = absl::UnavailableError("no namespaces");
  EXPECT_EQ(worker_.Compile("acme", unit_).status.error_code(), StatusCode::UNAVAILABLE);
  worker_.sandboxes().start_failure = absl::OkStatus();
  EXPECT_TRUE(worker_.Compile("acme", unit_).finished.has_value());
  EXPECT_THAT(worker_.Events(SecurityEvent::kJobUnfinished), IsEmpty());
  EXPECT_THAT(worker_.Rows(), SizeIs(1));
}

TEST_F(UnfinishedJobTest, ALimitOnCompilesIsAQuotaThatIsRecordedOnce) {
  worker_.server().tenants().SetLimits({{"acme", {0, 1, 0}}});
  worker_.sandboxes().blocked = true;
  std::thread first([&] { EXPECT_TRUE(worker_.Compile("acme", unit_).finished.has_value()); });
  while (worker_.sandboxes().running == 0) std::this_thread::yield();
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(worker_.Compile("acme", unit_).status.error_code(), StatusCode::RESOURCE_EXHAUSTED);
  }
  EXPECT_EQ(worker_.server().events().count(SecurityEvent::kQuotaExceeded), 5U);
  EXPECT_THAT(worker_.Events(SecurityEvent::kQuotaExceeded), SizeIs(1));
  worker_.sandboxes().blocked = false;
  first.join();
}

// It has no limit of its own, so it has exceeded none: the worker is full, or keeps room for
// others.
TEST_F(UnfinishedJobTest, AFullWorkerIsNoQuota) {
  worker_.sandboxes().blocked = true;
  std::vector<std::thread> clients;
  std::atomic<int> refused{0};
  for (int i = 0; i < 12; ++i) {  // 4 slots, and half of the 8 who may wait
    clients.emplace_back([&, i] {
      TestUnit unit = unit_;
      unit.arguments.push_back(StrCat("-DN=", i));
      const StatusCode code = worker_.Compile("acme", unit).status.error_code();
      if (code == StatusCode::RESOURCE_EXHAUSTED) ++refused;
    });
  }
  const auto patience = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (refused < 4 && std::chrono::steady_clock::now() < patience) std::this_thread::yield();
  EXPECT_EQ(refused, 4);
  worker_.sandboxes().blocked = false;
  for (std::thread& client : clients) client.join();
  EXPECT_EQ(worker_.server().events().count(SecurityEvent::kQuotaExceeded), 0U);
}

}  // namespace
}  // namespace hpcc
