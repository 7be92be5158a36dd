#include "sandbox/vm_socket.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <filesystem>

namespace hpcc {
namespace {

class VmSocketTest : public ::testing::Test {
 protected:
  // Longer than a socket's address has room for.
  VmSocketTest() : directory_(::testing::TempDir() + "vm_socket/" + std::string(150, 'd')) {
    std::filesystem::create_directories(directory_);
  }
  ~VmSocketTest() override { std::filesystem::remove_all(::testing::TempDir() + "vm_socket"); }

  const std::string directory_;
};

TEST_F(VmSocketTest, WhatIsListenedOnIsReachedAndNobodyElses) {
  const absl::StatusOr<Descriptor> listener = ListenOnUnixSocket(directory_, "s");
  ASSERT_TRUE(listener.ok()) << listener.status();
  struct stat facts;
  ASSERT_EQ(stat((directory_ + "/s").c_str(), &facts), 0);
  EXPECT_EQ(facts.st_mode & 0777, 0600u);
  const absl::StatusOr<Descriptor> connection = ConnectToUnixSocket(directory_, "s");
  ASSERT_TRUE(connection.ok()) << connection.status();
  const Descriptor accepted(accept4(listener->get(), nullptr, nullptr, SOCK_CLOEXEC));
  EXPECT_EQ(send(connection->get(), "x", 1, 0), 1);
  char c = 0;
  EXPECT_EQ(recv(accepted.get(), &c, 1, 0), 1);
}

TEST_F(VmSocketTest, ANameThatIsTakenIsNotReplaced) {
  const absl::StatusOr<Descriptor> listener = ListenOnUnixSocket(directory_, "s");
  EXPECT_TRUE(absl::IsAlreadyExists(ListenOnUnixSocket(directory_, "s").status()));
}

TEST_F(VmSocketTest, WhereNobodyListensIsUnavailableAndNothingIsNotFound) {
  { const absl::StatusOr<Descriptor> listener = ListenOnUnixSocket(directory_, "s"); }
  EXPECT_TRUE(absl::IsUnavailable(ConnectToUnixSocket(directory_, "s").status()));
  EXPECT_TRUE(absl::IsNotFound(ConnectToUnixSocket(directory_, "none").status()));
  EXPECT_TRUE(absl::IsNotFound(ConnectToUnixSocket("/no/such", "s").status()));
  EXPECT_TRUE(
      absl::IsInvalidArgument(ConnectToUnixSocket(directory_, std::string(200, 'n')).status()));
}

TEST_F(VmSocketTest, WhereTooManyWaitIsResourceExhaustedUntilOneWasAccepted) {
  const absl::StatusOr<Descriptor> listener = ListenOnUnixSocket(directory_, "s");
  ASSERT_TRUE(listener.ok()) << listener.status();
  ASSERT_EQ(listen(listener->get(), 0), 0);  // room for one
  const absl::StatusOr<Descriptor> waiting = ConnectToUnixSocket(directory_, "s");
  ASSERT_TRUE(waiting.ok()) << waiting.status();
  EXPECT_TRUE(absl::IsResourceExhausted(ConnectToUnixSocket(directory_, "s").status()));
  const Descriptor accepted(accept4(listener->get(), nullptr, nullptr, SOCK_CLOEXEC));
  EXPECT_TRUE(ConnectToUnixSocket(directory_, "s").ok());
}

}  // namespace
}  // namespace hpcc
