#include "worker/worker_images.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>

#include "worker/image_test_parts.h"
#include "worker/retry_after.h"
#include "worker/worker_test_support.h"

namespace hpcc {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;
using testing::StartsWith;

constexpr char kName[] = "allowed.example/gcc:12";

class WorkerImagesTest : public testing::Test {
 protected:
  std::unique_ptr<WorkerImages> Open(uint64_t pulls = 2) {
    return std::make_unique<WorkerImages>(std::make_unique<FakeImageSupply>(fake_),
                                          WorkerImagesOptions{.pulls = pulls}, clock_);
  }
  // What it comes to, once nothing is under way any more.
  static absl::StatusOr<std::string> Settled(WorkerImages& images, const std::string& name) {
    for (int i = 0; i < 5000; ++i) {
      const absl::StatusOr<std::string> digest = images.Find(name);
      if (!absl::IsResourceExhausted(digest.status())) return digest;
      Clock::Real().Sleep(std::chrono::milliseconds(1));
    }
    return absl::DeadlineExceededError("never");
  }
  template <typename Condition>
  static void Await(const Condition& condition) {
    for (int i = 0; i < 5000 && !condition(); ++i) {
      Clock::Real().Sleep(std::chrono::milliseconds(1));
    }
    EXPECT_TRUE(condition());
  }

  StandingClock clock_;
  FakeImages fake_;
};

TEST_F(WorkerImagesTest, WhoAsksFirstIsToldToComeAgainAndThenItIsThere) {
  const std::string digest = fake_.Add(kName);
  const auto images = Open();
  EXPECT_THAT(images->Ready(), IsEmpty());
  const absl::Status first = images->Find(kName).status();
  EXPECT_TRUE(absl::IsResourceExhausted(first));
  EXPECT_THAT(std::string(first.message()), StartsWith(std::string(kImageNotHere)));
  EXPECT_TRUE(RetryAfterOf(first).has_value());
  EXPECT_EQ(Settled(*images, kName).value(), digest);
  EXPECT_THAT(images->Ready(), ElementsAre(kName));
  EXPECT_TRUE(images->Root(digest).ok());
  EXPECT_EQ(fake_.fetches, 1);
}

TEST_F(WorkerImagesTest, ManyWhoAskForOneImageHaveItGotOnce) {
  fake_.Add(kName);
  fake_.blocked = true;
  const auto images = Open();
  for (int i = 0; i < 50; ++i) EXPECT_FALSE(images->Find(kName).ok());
  fake_.blocked = false;
  EXPECT_TRUE(Settled(*images, kName).ok());
  EXPECT_EQ(fake_.fetches, 1);
}

TEST_F(WorkerImagesTest, NoMoreAreGotAtOnceThanAllowed) {
  fake_.blocked = true;
  const auto images = Open(2);
  for (int i = 0; i < 6; ++i) {
    const std::string name = StrCat("allowed.example/gcc:", i);
    fake_.Add(name);
    EXPECT_FALSE(images->Find(name).ok());
  }
  Await([&] { return fake_.under_way == 2; });
  fake_.blocked = false;
  for (int i = 0; i < 6; ++i) {
    EXPECT_TRUE(Settled(*images, StrCat("allowed.example/gcc:", i)).ok());
  }
  EXPECT_EQ(fake_.most_under_way, 2);
}

TEST_F(WorkerImagesTest, WhatFailedSaysWhyAndIsTriedAgainLater) {
  fake_.failure = absl::UnavailableError("nobody accepts connections");
  const auto images = Open();
  const absl::Status failed = Settled(*images, kName).status();
  EXPECT_TRUE(absl::IsFailedPrecondition(failed));
  EXPECT_EQ(failed.message(), StrCat(kImageNotHere, "nobody accepts connections"));
  EXPECT_EQ(images->Find(kName).status(), failed);
  EXPECT_EQ(fake_.fetches, 1);

  fake_.failure = absl::OkStatus();
  const std::string digest = fake_.Add(kName);
  clock_.Sleep(std::chrono::seconds(61));
  EXPECT_EQ(Settled(*images, kName).value(), digest);
  EXPECT_EQ(fake_.fetches, 2);
}

TEST_F(WorkerImagesTest, WhatIsNotAllowedIsNeverAskedFor) {
  const auto images = Open();
  for (const char* name : {"other.example/gcc:12", "gcc", "Not A Name", "oci:/etc"}) {
    const absl::Status refused = images->Find(name).status();
    EXPECT_TRUE(absl::IsFailedPrecondition(refused)) << name;
    EXPECT_THAT(std::string(refused.message()), StartsWith(std::string(kImageNotHere)));
  }
  EXPECT_EQ(fake_.fetches, 0);
}

TEST_F(WorkerImagesTest, ATagIsLookedUpAgainAfterAWhileAndLeadsWhereItLedUntilThen) {
  const std::string old = fake_.Add(kName);
  const auto images = Open();
  ASSERT_EQ(Settled(*images, kName).value(), old);
  {
    const std::lock_guard lock(fake_.mutex);
    fake_.registry[kName] = "sha256:another";
  }
  EXPECT_EQ(images->Find(kName).value(), old);
  EXPECT_EQ(fake_.fetches, 1);
  clock_.Sleep(std::chrono::seconds(601));
  fake_.blocked = true;
  EXPECT_EQ(images->Find(kName).value(), old);
  fake_.blocked = false;
  Await([&] { return images->Find(kName).value() == "sha256:another"; });
  EXPECT_EQ(fake_.fetches, 2);

  // A registry that is gone takes nothing away.
  {
    const std::lock_guard lock(fake_.mutex);
    fake_.failure = absl::UnavailableError("gone");
  }
  clock_.Sleep(std::chrono::seconds(601));
  EXPECT_EQ(images->Find(kName).value(), "sha256:another");
  Await([&] { return fake_.fetches == 3; });
  EXPECT_EQ(images->Find(kName).value(), "sha256:another");
}

TEST_F(WorkerImagesTest, ADigestIsLookedUpOnce) {
  const std::string name = StrCat("allowed.example/gcc@sha256:", std::string(64, 'a'));
  fake_.Add(name);
  const auto images = Open();
  ASSERT_TRUE(Settled(*images, name).ok());
  clock_.Sleep(std::chrono::hours(24));
  EXPECT_TRUE(images->Find(name).ok());
  EXPECT_EQ(fake_.fetches, 1);
}

TEST_F(WorkerImagesTest, WhatIsThereFromBeforeIsReadyAtOnce) {
  fake_.prepared[kName] = "sha256:old";
  fake_.prepared["forbidden.example/gcc:12"] = "sha256:no";
  const auto images = Open();
  EXPECT_THAT(images->Ready(), ElementsAre(kName));
  EXPECT_EQ(images->Find(kName).value(), "sha256:old");
  EXPECT_EQ(fake_.fetches, 0);
}

TEST_F(WorkerImagesTest, AnImageWhoseRootIsGoneIsGotAgain) {
  const std::string digest = fake_.Add(kName);
  const auto images = Open();
  ASSERT_TRUE(Settled(*images, kName).ok());
  {
    const std::lock_guard lock(fake_.mutex);
    fake_.prepared.clear();
  }
  EXPECT_TRUE(absl::IsNotFound(images->Root(digest).status()));
  EXPECT_THAT(images->Ready(), IsEmpty());
  EXPECT_EQ(Settled(*images, kName).value(), digest);
  EXPECT_EQ(fake_.fetches, 2);
}

TEST_F(WorkerImagesTest, OneThatBecomesReadyWhileAnotherLooksForLostOnesIsKept) {
  const std::string other = "allowed.example/gcc:13";
  fake_.Add(kName);
  fake_.Add(other);
  const auto images = Open();
  std::atomic<int> looks = 0;
  std::atomic<bool> done = false;
  fake_.after_look = [&] {
    if (looks++ != 0) return;
    EXPECT_TRUE(Settled(*images, other).ok());
    done = true;
  };
  EXPECT_TRUE(Settled(*images, kName).ok());
  Await([&] { return done.load(); });
  Clock::Real().Sleep(std::chrono::milliseconds(20));
  EXPECT_THAT(images->Ready(), SizeIs(2));
}

TEST_F(WorkerImagesTest, NamesAreBounded) {
  const auto images = Open(8);
  for (int i = 0; i < 2 * static_cast<int>(kMaxWorkerImages); ++i) {
    const std::string name = StrCat("allowed.example/gcc:", i);
    fake_.Add(name);
    clock_.Sleep(std::chrono::seconds(1));
    ASSERT_TRUE(Settled(*images, name).ok());
  }
  EXPECT_THAT(images->Ready(), SizeIs(kMaxWorkerImages));
}

TEST_F(WorkerImagesTest, AnEndDoesNotWaitForWhatIsUnderWay) {
  fake_.blocked = true;
  const auto images = Open();
  EXPECT_FALSE(images->Find(kName).ok());
  Await([&] { return fake_.under_way == 1; });
  // The destructor ends it.
}

}  // namespace
}  // namespace hpcc
