#include "base/socket.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <filesystem>
#include <thread>

#include "base/shared_bytes.h"
#include "base/strings.h"

namespace hpcc {
namespace {

using std::chrono::milliseconds;
constexpr milliseconds kSoon{50};
constexpr milliseconds kLong{5000};

class SocketTest : public testing::Test {
 protected:
  SocketTest() {
    char name[] = "/tmp/hpcc-socket-test-XXXXXX";
    directory_ = mkdtemp(name);
    int ends[2];
    EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    near_.emplace(Descriptor(ends[0]));
    far_.emplace(Descriptor(ends[1]));
  }
  ~SocketTest() override { std::filesystem::remove_all(directory_); }

  static std::string Receive(Connection& connection, size_t size) {
    std::string data(size, '\0');
    const absl::Status status = connection.Receive(data, kLong);
    EXPECT_TRUE(status.ok()) << status;
    return data;
  }

  std::string directory_;
  std::optional<Connection> near_;
  std::optional<Connection> far_;
};

TEST_F(SocketTest, WhatIsSentArrivesWhole) {
  const std::string large(3'000'000, 'x');
  std::thread sender([&] { EXPECT_TRUE(near_->Send(large, kLong).ok()); });
  EXPECT_EQ(Receive(*far_, large.size()), large);
  sender.join();
}

TEST_F(SocketTest, SilenceEndsAWaitInTime) {
  char data[1];
  EXPECT_TRUE(absl::IsDeadlineExceeded(near_->Receive(data, kSoon)));
  EXPECT_FALSE(near_->WaitForInput(kSoon));
}

TEST_F(SocketTest, AReaderThatDoesNotReadEndsASendInTime) {
  const std::string large(30'000'000, 'x');
  EXPECT_TRUE(near_->WaitForRoom(kSoon));
  EXPECT_TRUE(absl::IsDeadlineExceeded(near_->Send(large, kSoon)));
  EXPECT_FALSE(near_->WaitForRoom(kSoon));
}

TEST_F(SocketTest, TheEndIsToldFromAnEndMidway) {
  EXPECT_TRUE(near_->Send("ab", kLong).ok());
  near_.reset();
  EXPECT_TRUE(far_->IsHungUp());
  char data[4];
  EXPECT_TRUE(absl::IsDataLoss(far_->Receive(data, kLong)));
  EXPECT_TRUE(absl::IsOutOfRange(far_->Receive(data, kLong)));
  EXPECT_TRUE(absl::IsUnavailable(far_->Send("x", kLong)));
}

TEST_F(SocketTest, DescriptorsTravelWithTheFirstByte) {
  const absl::StatusOr<Descriptor> shared = ShareBytes("across");
  ASSERT_TRUE(shared.ok());
  const int descriptor = shared->get();
  ASSERT_TRUE(near_->Send("ab", kLong, std::span(&descriptor, 1)).ok());
  EXPECT_EQ(Receive(*far_, 1), "a");
  const std::vector<Descriptor> received = far_->TakeDescriptors();
  ASSERT_EQ(received.size(), 1u);
  EXPECT_EQ(SharedBytes::Map(received[0], 6)->data(), "across");
  EXPECT_EQ(Receive(*far_, 1), "b");
  EXPECT_TRUE(far_->TakeDescriptors().empty());
}

TEST_F(SocketTest, MoreDescriptorsThanAllowedAreRefusedAndNotKept) {
  const std::vector<int> many(kMaxDescriptorsPerMessage, 1);
  ASSERT_TRUE(near_->Send("a", kLong, many).ok());
  ASSERT_TRUE(near_->Send("b", kLong, many).ok());
  char data[2];
  EXPECT_TRUE(absl::IsInvalidArgument(far_->Receive(data, kLong)));
  EXPECT_TRUE(absl::IsInvalidArgument(
      near_->Send("c", kLong, std::vector<int>(kMaxDescriptorsPerMessage + 1, 1))));
}

TEST_F(SocketTest, UnixSocketIsReachedByItsNameHoweverLong) {
  for (const size_t length : {size_t{1}, size_t{90}, size_t{200}}) {
    const std::string deep = StrCat(directory_, "/", std::string(length, 'd'));
    std::filesystem::create_directory(deep);
    const std::string path = deep + "/socket";
    const absl::StatusOr<Listener> listener = Listener::OnUnixSocket(path);
    ASSERT_TRUE(listener.ok()) << listener.status();
    EXPECT_TRUE(absl::IsAlreadyExists(Listener::OnUnixSocket(path).status()));
    ASSERT_TRUE(listener->Accept().ok());  // the second attempt looked whether somebody listens
    absl::StatusOr<Connection> client = Connection::ToUnixSocket(path);
    ASSERT_TRUE(client.ok()) << client.status();
    absl::StatusOr<Connection> served = listener->Accept();
    ASSERT_TRUE(served.ok()) << served.status();
    ASSERT_TRUE(client->Send("hello", kLong).ok());
    EXPECT_EQ(Receive(*served, 5), "hello");
    EXPECT_EQ(served->Peer()->user, geteuid());
    EXPECT_EQ(served->Peer()->process, getpid());
    EXPECT_EQ(std::filesystem::status(path).permissions(), std::filesystem::perms(0600));
  }
}

TEST_F(SocketTest, SocketOfADeadProcessIsReplaced) {
  const std::string path = directory_ + "/socket";
  { const absl::StatusOr<Listener> dead = Listener::OnUnixSocket(path); }
  EXPECT_TRUE(absl::IsUnavailable(Connection::ToUnixSocket(path).status()));
  EXPECT_TRUE(Listener::OnUnixSocket(path).ok());
}

TEST_F(SocketTest, NoSocketIsNotFound) {
  EXPECT_TRUE(absl::IsNotFound(Connection::ToUnixSocket(directory_ + "/none").status()));
}

TEST_F(SocketTest, AFullQueueDoesNotHoldUpWhoConnects) {
  const std::string path = directory_ + "/socket";
  const absl::StatusOr<Listener> listener = Listener::OnUnixSocket(path);
  ASSERT_TRUE(listener.ok());
  std::vector<Connection> waiting;
  absl::Status status;
  while (waiting.size() < 5000) {
    absl::StatusOr<Connection> connection = Connection::ToUnixSocket(path);
    status = connection.status();
    if (!status.ok()) break;
    waiting.push_back(*std::move(connection));
  }
  EXPECT_FALSE(status.ok());
}

TEST_F(SocketTest, LoopbackPortIsReachedAndAnUnusedOneIsNot) {
  uint16_t port = 0;
  {
    const absl::StatusOr<Listener> listener = Listener::OnLoopback();
    ASSERT_TRUE(listener.ok());
    port = listener->port();
    absl::StatusOr<Connection> client = Connection::ToLoopback(port, kLong);
    ASSERT_TRUE(client.ok()) << client.status();
    absl::StatusOr<Connection> served = listener->Accept();
    ASSERT_TRUE(served.ok());
    ASSERT_TRUE(client->Send("hello", kLong).ok());
    EXPECT_EQ(Receive(*served, 5), "hello");
  }
  EXPECT_TRUE(absl::IsUnavailable(Connection::ToLoopback(port, kLong).status()));
}

TEST_F(SocketTest, WhoListensOnLoopbackIsKnown) {
  uint16_t port = 0;
  {
    const absl::StatusOr<Listener> listener = Listener::OnLoopback();
    ASSERT_TRUE(listener.ok());
    port = listener->port();
    EXPECT_TRUE(ThisUserListensOnLoopback(port));
  }
  EXPECT_FALSE(ThisUserListensOnLoopback(port));
}

TEST_F(SocketTest, AListenerOfAnotherUserIsNotOurs) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root to become another user";
  // A socket belongs to whoever made it.
  ASSERT_EQ(seteuid(65534), 0);
  const absl::StatusOr<Listener> listener = Listener::OnLoopback();
  ASSERT_EQ(seteuid(0), 0);
  ASSERT_TRUE(listener.ok());
  EXPECT_FALSE(ThisUserListensOnLoopback(listener->port()));
}

TEST_F(SocketTest, ThePeerOfAUnixSocketIsOfThisUser) {
  EXPECT_TRUE(near_->PeerIsThisUser());
}

TEST_F(SocketTest, AcceptReturnsWhenNobodyConnects) {
  const absl::StatusOr<Listener> listener = Listener::OnUnixSocket(directory_ + "/socket");
  ASSERT_TRUE(listener.ok());
  EXPECT_TRUE(absl::IsDeadlineExceeded(listener->Accept().status()));
}

TEST_F(SocketTest, OnlyAListeningSocketIsTakenOver) {
  EXPECT_TRUE(absl::IsInvalidArgument(
      Listener::FromDescriptor(Descriptor(socket(AF_UNIX, SOCK_STREAM, 0))).status()));
  EXPECT_FALSE(Listener::FromDescriptor(Descriptor(open("/dev/null", O_RDONLY))).ok());
}

TEST_F(SocketTest, NoSocketIsTakenWhereNoneWasPassed) {
  EXPECT_TRUE(absl::IsNotFound(PassedSocket().status()));
  setenv("LISTEN_PID", "1", 1);
  setenv("LISTEN_FDS", "1", 1);
  EXPECT_TRUE(absl::IsNotFound(PassedSocket().status()));
  unsetenv("LISTEN_PID");
  unsetenv("LISTEN_FDS");
}

}  // namespace
}  // namespace hpcc
