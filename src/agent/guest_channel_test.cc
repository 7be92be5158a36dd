#include "agent/guest_channel.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>

#include <atomic>
#include <thread>

#include "sandbox/vm_channel.h"

namespace hpcc {
namespace {

using std::chrono::milliseconds;

// A server that gives back what it gets, as `serve` of a channel.
class Echo {
 public:
  ~Echo() {
    for (std::thread& thread : threads_) thread.join();
  }
  void operator()(Descriptor stream) {
    threads_.emplace_back([this, stream = std::move(stream)] {
      char buffer[1000];
      for (;;) {
        pollfd waiting{stream.get(), POLLIN, 0};
        poll(&waiting, 1, -1);
        const ssize_t got = read(stream.get(), buffer, sizeof(buffer));
        if (got == 0) break;
        for (ssize_t sent = 0; sent < got;) {
          const ssize_t once = send(stream.get(), buffer + sent, got - sent, MSG_NOSIGNAL);
          if (once > 0) sent += once;
          if (once < 0 && errno != EAGAIN) return;
        }
        if (std::string_view(buffer, static_cast<size_t>(got)) == "bye") return;
      }
      ++ended_;
    });
  }
  int ended() const { return ended_; }

 private:
  std::vector<std::thread> threads_;
  std::atomic<int> ended_{0};
};

class GuestChannelTest : public ::testing::Test {
 protected:
  GuestChannelTest() {
    int ends[2];
    EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    worker_ = Descriptor(ends[0]);
    port_ = Descriptor(ends[1]);
    fcntl(port_.get(), F_SETFL, O_NONBLOCK);
  }
  void ServeInBackground() {
    guest_ = std::thread([this] { PortServer(port_.get(), std::ref(echo_)).ServeWhileThere(); });
  }
  ~GuestChannelTest() override {
    worker_.Reset();
    if (guest_.joinable()) guest_.join();
  }
  absl::Status Greet(AfterGreeting after) {
    return GreetGuest(worker_.get(), after, milliseconds(5000));
  }
  void Say(const std::string& bytes) {
    EXPECT_EQ(send(worker_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(bytes.size()));
  }
  std::string Hear(size_t size) {
    std::string bytes(size, '\0');
    const ssize_t got = recv(worker_.get(), bytes.data(), size, MSG_WAITALL);
    bytes.resize(got > 0 ? static_cast<size_t>(got) : 0);
    return bytes;
  }

  Descriptor worker_;
  Descriptor port_;
  Echo echo_;
  std::thread guest_;
};

TEST_F(GuestChannelTest, WhatComesBeforeAGreetingIsSkippedAndThenItIsAStream) {
  ServeInBackground();
  Say("rest of an old conversation");
  ASSERT_TRUE(Greet(AfterGreeting::kTalk).ok());
  Say("hello");
  EXPECT_EQ(Hear(5), "hello");
}

TEST_F(GuestChannelTest, MegabytesGoBothWaysUnchanged) {
  ServeInBackground();
  ASSERT_TRUE(Greet(AfterGreeting::kTalk).ok());
  std::string data;
  for (int i = 0; data.size() < (4 << 20); ++i) data += std::to_string(i);
  std::thread writer([&] {
    for (size_t sent = 0; sent < data.size();) {
      const ssize_t once = send(worker_.get(), data.data() + sent, data.size() - sent, 0);
      ASSERT_GT(once, 0);
      sent += static_cast<size_t>(once);
    }
  });
  EXPECT_EQ(Hear(data.size()), data);
  writer.join();
}

TEST_F(GuestChannelTest, AfterParkingTheNextGreetingIsAnswered) {
  ServeInBackground();
  ASSERT_TRUE(Greet(AfterGreeting::kPark).ok());
  ASSERT_TRUE(Greet(AfterGreeting::kTalk).ok());
  Say("x");
  EXPECT_EQ(Hear(1), "x");
}

TEST_F(GuestChannelTest, AServerThatEndsIsFollowedByAnotherConversation) {
  ServeInBackground();
  ASSERT_TRUE(Greet(AfterGreeting::kTalk).ok());
  Say("bye");
  EXPECT_EQ(Hear(3), "bye");
  ASSERT_TRUE(Greet(AfterGreeting::kTalk).ok());
  Say("again");
  EXPECT_EQ(Hear(5), "again");
}

TEST_F(GuestChannelTest, AWorkerThatGoesAwayEndsTheConversation) {
  ServeInBackground();
  ASSERT_TRUE(Greet(AfterGreeting::kTalk).ok());
  Say("x");
  EXPECT_EQ(Hear(1), "x");
  worker_.Reset();
  guest_.join();
  for (int i = 0; i < 500 && echo_.ended() == 0; ++i) {
    std::this_thread::sleep_for(milliseconds(10));
  }
  EXPECT_EQ(echo_.ended(), 1);
}

TEST_F(GuestChannelTest, AStartWithAnotherNonceStartsNothing) {
  ServeInBackground();
  ASSERT_TRUE(Greet(AfterGreeting::kPark).ok());
  Say(EncodeVmGreeting({VmGreeting::Kind::kStart, "0123456789abcdef"}));
  ASSERT_TRUE(Greet(AfterGreeting::kTalk).ok());
  Say("x");
  EXPECT_EQ(Hear(1), "x");
}

}  // namespace
}  // namespace hpcc
