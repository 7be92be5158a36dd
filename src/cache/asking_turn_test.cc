#include "cache/asking_turn.h"

#include <atomic>
#include <optional>

#include "cache/cache_test_support.h"

namespace hpcc {
namespace {

class AskingTurnTest : public ProjectTest {
 protected:
  std::string Directory() const { return cwd_ + "/cache/turns"; }
  size_t Files() const {
    const std::filesystem::path directory(Directory());
    if (!std::filesystem::exists(directory)) return 0;
    return static_cast<size_t>(std::distance(std::filesystem::directory_iterator(directory), {}));
  }

  const Digest question_ = Digest::Of("what is gcc");
  FileSystem& fs_ = FileSystem::Real();
  Clock& clock_ = Clock::Real();
};

TEST_F(AskingTurnTest, TheFirstHasItAndLeavesNothingBehind) {
  {
    const AskingTurn turn(fs_, clock_, Directory(), question_);
    EXPECT_TRUE(turn.mine());
    EXPECT_EQ(Files(), 1U);
  }
  EXPECT_EQ(Files(), 0U);
}

TEST_F(AskingTurnTest, OthersWaitUntilItIsDoneAndDoNotTakeIt) {
  std::optional<AskingTurn> first(std::in_place, fs_, clock_, Directory(), question_);
  std::atomic<bool> done{false};
  std::vector<std::thread> others;
  for (int i = 0; i < 4; ++i) {
    others.emplace_back([&] {
      const AskingTurn turn(fs_, clock_, Directory(), question_);
      EXPECT_TRUE(done);
      EXPECT_FALSE(turn.mine());
    });
  }
  clock_.Sleep(std::chrono::milliseconds(50));
  done = true;
  first.reset();
  for (std::thread& other : others) other.join();
  EXPECT_EQ(Files(), 0U);
}

TEST_F(AskingTurnTest, OtherQuestionsAreNotWaitedFor) {
  const AskingTurn turn(fs_, clock_, Directory(), question_);
  const int64_t start = clock_.MonotonicNanoseconds();
  EXPECT_TRUE(AskingTurn(fs_, clock_, Directory(), Digest::Of("what is clang")).mine());
  EXPECT_LT(clock_.MonotonicNanoseconds() - start, std::chrono::nanoseconds(kTurnPatience).count());
}

TEST_F(AskingTurnTest, OneThatDoesNotEndIsWaitedForOnlySoLong) {
  const AskingTurn stuck(fs_, clock_, Directory(), question_);
  const int64_t start = clock_.MonotonicNanoseconds();
  EXPECT_FALSE(AskingTurn(fs_, clock_, Directory(), question_).mine());
  const auto waited = std::chrono::nanoseconds(clock_.MonotonicNanoseconds() - start);
  EXPECT_GE(waited, kTurnPatience);
  EXPECT_LT(waited, 20 * kTurnPatience);
}

TEST_F(AskingTurnTest, FileOfOneThatWasKilledIsNoTurn) {
  Write("cache/turns/asking-" + question_.ToHex().substr(0, 16), "");
  EXPECT_TRUE(AskingTurn(fs_, clock_, Directory(), question_).mine());
}

TEST_F(AskingTurnTest, WhereNoFileCanBeMadeNobodyWaits) {
  Write("cache", "a file");
  EXPECT_FALSE(AskingTurn(fs_, clock_, Directory(), question_).mine());
}

TEST_F(AskingTurnTest, LinkPutInItsPlaceDoesNotLeadToAFileThatIsChanged) {
  Write("precious", "text");
  std::filesystem::create_directories(Directory());
  std::filesystem::create_symlink(cwd_ + "/precious",
                                  Directory() + "/asking-" + question_.ToHex().substr(0, 16));
  { const AskingTurn turn(fs_, clock_, Directory(), question_); }
  EXPECT_EQ(*ReadFile(fs_, cwd_ + "/precious", 100), "text");
}

}  // namespace
}  // namespace hpcc
