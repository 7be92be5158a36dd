#include "scheduler/state_directory.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "auth/auth_test_support.h"
#include "store/store_test_util.h"

namespace hpcc {
namespace {

class StateDirectoryTest : public testing::Test {
 protected:
  absl::StatusOr<StateDirectory> Open() {
    return StateDirectory::Open(FileSystem::Real(), clock_, path_);
  }

  StandingClock clock_;
  const ScratchDirectory scratch_;
  const std::string path_ = scratch_.path() + "/above/state";
};

TEST_F(StateDirectoryTest, WhatIsKeptIsTheSameInTheNextLife) {
  absl::StatusOr<StateDirectory> first = Open();
  ASSERT_TRUE(first.ok()) << first.status();
  const SchedulerConfig config{.listen = "127.0.0.1:7443", .name = "s1"};
  const std::string jwks = first->Keys()->jwks();
  const std::string secret = *first->DecoySecret();
  const std::string fingerprint = first->Certificate(config)->fingerprint;
  EXPECT_EQ(secret.size(), 32u);
  absl::StatusOr<StateDirectory> second = Open();
  EXPECT_EQ(second->Keys()->jwks(), jwks);
  EXPECT_EQ(*second->DecoySecret(), secret);
  EXPECT_EQ(second->Certificate(config)->fingerprint, fingerprint);
}

TEST_F(StateDirectoryTest, IsOneSchedulersAtATime) {
  absl::StatusOr<StateDirectory> first = Open();
  ASSERT_TRUE(first->Lock().ok());
  absl::StatusOr<StateDirectory> second = Open();
  EXPECT_TRUE(absl::IsAlreadyExists(second->Lock()));
}

TEST_F(StateDirectoryTest, OpenToOthersIsRefused) {
  ASSERT_TRUE(Open().ok());
  chmod(path_.c_str(), 0755);
  EXPECT_TRUE(absl::IsFailedPrecondition(Open().status()));
}

TEST_F(StateDirectoryTest, KeysAreNotRotatedFromUnderSessionsUnlessForced) {
  absl::StatusOr<StateDirectory> state = Open();
  const std::string first = state->Keys()->current().key_id();
  clock_.Advance(std::chrono::hours(7));
  EXPECT_TRUE(absl::IsFailedPrecondition(state->RotateKeys(std::chrono::hours(8), false)));
  EXPECT_EQ(state->Keys()->current().key_id(), first);
  clock_.Advance(std::chrono::hours(1));
  EXPECT_TRUE(state->RotateKeys(std::chrono::hours(8), false).ok());
  const std::string second = state->Keys()->current().key_id();
  EXPECT_NE(second, first);
  EXPECT_TRUE(state->RotateKeys(std::chrono::hours(8), true).ok());
  EXPECT_NE(state->Keys()->current().key_id(), second);
}

TEST_F(StateDirectoryTest, ADamagedSecretIsTold) {
  absl::StatusOr<StateDirectory> state = Open();
  ASSERT_TRUE(WriteFileAtomically(FileSystem::Real(), path_ + "/decoy-secret", "short", 0600).ok());
  EXPECT_TRUE(absl::IsInvalidArgument(state->DecoySecret().status()));
}

}  // namespace
}  // namespace hpcc
