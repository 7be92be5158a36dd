// A user's compiles that are more than one worker takes.

#include <gmock/gmock.h>

#include <thread>
#include <vector>

#include "dispatch/dispatcher_test_support.h"

namespace hpcc {
namespace {

using std::chrono::milliseconds;

class SeveralWorkersTest : public DispatcherTest {
 protected:
  SeveralWorkersTest() { scheduler_.SetRoutes({Route(worker_, "one"), Route(second_, "two")}); }
  ~SeveralWorkersTest() override { EndAll(); }

  // With one place.
  static scheduler_v1::RouteResponse Route(FakeWorker& worker, const std::string& name) {
    scheduler_v1::RouteResponse route = worker.Route(name);
    route.set_slots(1);
    return route;
  }

  // A source that nobody has compiled.
  remote_v1::Compile NewRequest() {
    const std::string project = StrCat("p", ++projects_);
    Write(project + "/a.c", StrCat("int v", projects_, ";\n"));
    return Request(project);
  }
  FallbackCause CompileNew() { return dispatcher_.Compile(NewRequest(), Forever).cause; }
  // A compile that goes on until EndAll().
  void Begin() {
    threads_.emplace_back([this, request = NewRequest()] {
      ended_well_ += dispatcher_.Compile(request, Forever).cause == FallbackCause::kNone;
    });
  }
  void EndAll() {
    worker_.waits = second_.waits = false;
    for (std::thread& thread : threads_) thread.join();
    threads_.clear();
  }
  static void Await(const std::atomic<int>& counter, int value) {
    for (int i = 0; i < 1000 && counter != value; ++i) Clock::Real().Sleep(milliseconds(10));
    EXPECT_EQ(counter, value);
  }

  FakeWorker second_;
  std::vector<std::thread> threads_;
  std::atomic<int> ended_well_ = 0;
  int projects_ = 0;
};

grpc::Status Busy() {
  return {grpc::StatusCode::RESOURCE_EXHAUSTED, "enough to do"};
}

TEST_F(SeveralWorkersTest, WhatTheFirstHasNoPlaceForGoesToAnother) {
  worker_.waits = second_.waits = true;
  Begin();
  Await(worker_.waiting, 1);
  Begin();
  Await(second_.waiting, 1);
  // There is no third.
  EXPECT_EQ(CompileNew(), FallbackCause::kBusy);
  const int routed = scheduler_.routed;
  EXPECT_EQ(CompileNew(), FallbackCause::kBusy);
  EXPECT_EQ(scheduler_.routed, routed);
  EndAll();
  EXPECT_EQ(ended_well_, 2);
  // The first has a place again.
  EXPECT_EQ(CompileNew(), FallbackCause::kNone);
  EXPECT_EQ(worker_.compiles, 2);
  EXPECT_EQ(second_.compiles, 1);
  EXPECT_EQ(Notice(), "");
}

TEST_F(SeveralWorkersTest, ABurstUsesBothAtOnce) {
  worker_.waits = second_.waits = true;
  Begin();
  Begin();
  Await(worker_.waiting, 1);
  Await(second_.waiting, 1);
}

TEST_F(SeveralWorkersTest, WhoSaysThatItIsBusyIsPassedOverForAWhile) {
  worker_.retry_after_ms = "500";
  worker_.compile_failures.Add(Busy());
  EXPECT_EQ(CompileNew(), FallbackCause::kNone);
  EXPECT_EQ(CompileNew(), FallbackCause::kNone);
  EXPECT_EQ(second_.compiles, 2);
  EXPECT_EQ(scheduler_.routed, 2);
  Clock::Real().Sleep(milliseconds(600));
  EXPECT_EQ(CompileNew(), FallbackCause::kNone);
  EXPECT_EQ(worker_.compiles, 1);
  EXPECT_EQ(scheduler_.routed, 2);
}

TEST_F(SeveralWorkersTest, WhenAllAreBusyTheCompileIsTheClients) {
  worker_.compile_failures.Add(Busy());
  second_.compile_failures.Add(Busy());
  EXPECT_EQ(CompileNew(), FallbackCause::kBusy);
  EXPECT_EQ(scheduler_.routed, 3);
  EXPECT_EQ(Notice(), "");
  EXPECT_EQ(CompileNew(), FallbackCause::kNone);
}

TEST_F(SeveralWorkersTest, TheOneAtHandTakesOverFromALostOne) {
  worker_.compile_failures.Add(Busy());
  EXPECT_EQ(CompileNew(), FallbackCause::kNone);
  worker_.server().Stop();
  Clock::Real().Sleep(milliseconds(600));
  EXPECT_EQ(CompileNew(), FallbackCause::kNone);
  EXPECT_EQ(second_.compiles, 2);
  EXPECT_EQ(scheduler_.routed, 2);
  EXPECT_EQ(Notice(), "");
}

TEST_F(SeveralWorkersTest, AnOlderSchedulerThatNamesTheSameAgainMeansThatThereAreNoMore) {
  scheduler_.SetRoutes({Route(worker_, "one")});
  scheduler_.ignores_avoided = true;
  worker_.compile_failures.Add(Busy());
  EXPECT_EQ(CompileNew(), FallbackCause::kBusy);
  EXPECT_EQ(CompileNew(), FallbackCause::kNone);
}

}  // namespace
}  // namespace hpcc
