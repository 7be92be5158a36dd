#include "sandbox/vm_channel.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <thread>

#include "base/posix_descriptor.h"

namespace hpcc {
namespace {

using std::chrono::milliseconds;
using Kind = VmGreeting::Kind;

const std::string kNonce = "0123456789abcdef";
const std::string kOther = "fedcba9876543210";

TEST(VmGreetingTest, AMessageIsWrittenAsItsGrammarSays) {
  EXPECT_EQ(EncodeVmGreeting({Kind::kHello, kNonce}),
            std::string("\xff\xff\xff\xffhpv\x01\x01", 9) + kNonce);
}

TEST(VmGreetingTest, MessagesAreFoundAmongOtherBytes) {
  VmGreetingScanner scanner;
  scanner.Add("rest of something\xff\xff\xff" + EncodeVmGreeting({Kind::kHello, kNonce}) + "\xff" +
              EncodeVmGreeting({Kind::kStart, kOther}) + "PRI * HTTP/2.0");
  EXPECT_EQ(scanner.Next(), (VmGreeting{Kind::kHello, kNonce}));
  EXPECT_EQ(scanner.Next(), (VmGreeting{Kind::kStart, kOther}));
  EXPECT_EQ(scanner.TakeRest(), "PRI * HTTP/2.0");
}

TEST(VmGreetingTest, AMessageInPiecesIsFound) {
  VmGreetingScanner scanner;
  const std::string bytes = "\xff\xff" + EncodeVmGreeting({Kind::kReady, kNonce});
  for (size_t i = 0; i + 1 < bytes.size(); ++i) {
    scanner.Add(bytes.substr(i, 1));
    EXPECT_FALSE(scanner.Next().has_value()) << i;
  }
  scanner.Add(bytes.substr(bytes.size() - 1));
  EXPECT_EQ(scanner.Next(), (VmGreeting{Kind::kReady, kNonce}));
}

TEST(VmGreetingTest, ALotOfGarbageIsNotKept) {
  VmGreetingScanner scanner;
  for (int i = 0; i < 1000; ++i) {
    scanner.Add(std::string(4096, '\xff'));
    EXPECT_FALSE(scanner.Next().has_value());
  }
  EXPECT_LT(scanner.TakeRest().size(), 32u);
}

TEST(VmGreetingTest, AnUnknownKindIsGarbage) {
  VmGreetingScanner scanner;
  scanner.Add(EncodeVmGreeting({static_cast<Kind>(9), kNonce}));
  EXPECT_FALSE(scanner.Next().has_value());
}

class GreetGuestTest : public ::testing::Test {
 protected:
  GreetGuestTest() {
    int ends[2];
    EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    worker_ = Descriptor(ends[0]);
    guest_ = Descriptor(ends[1]);
  }
  VmGreeting Hear() {
    for (;;) {
      if (std::optional<VmGreeting> greeting = heard_.Next()) return *greeting;
      char buffer[64];
      const ssize_t got = recv(guest_.get(), buffer, sizeof(buffer), 0);
      if (got <= 0) return {};
      heard_.Add({buffer, static_cast<size_t>(got)});
    }
  }
  void Say(const std::string& bytes) {
    EXPECT_EQ(send(guest_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(bytes.size()));
  }

  Descriptor worker_;
  Descriptor guest_;
  VmGreetingScanner heard_;
};

TEST_F(GreetGuestTest, WhatWasLeftFromBeforeIsSkipped) {
  std::thread guest([this] {
    Say("an old answer" + EncodeVmGreeting({Kind::kReady, kOther}));
    const VmGreeting hello = Hear();
    EXPECT_EQ(hello.kind, Kind::kHello);
    Say(EncodeVmGreeting({Kind::kReady, hello.nonce}));
    EXPECT_EQ(Hear(), (VmGreeting{Kind::kStart, hello.nonce}));
    Say("settings");
  });
  EXPECT_TRUE(GreetGuest(worker_.get(), AfterGreeting::kTalk, milliseconds(5000)).ok());
  guest.join();
  char buffer[64];
  EXPECT_EQ(recv(worker_.get(), buffer, sizeof(buffer), 0), 8);
}

TEST_F(GreetGuestTest, AHelloThatWasLostIsSaidAgainWithAnotherNonce) {
  std::thread guest([this] {
    const VmGreeting lost = Hear();
    const VmGreeting hello = Hear();
    EXPECT_NE(lost.nonce, hello.nonce);
    Say(EncodeVmGreeting({Kind::kReady, hello.nonce}));
  });
  EXPECT_TRUE(GreetGuest(worker_.get(), AfterGreeting::kPark, milliseconds(5000)).ok());
  guest.join();
}

TEST_F(GreetGuestTest, SilenceEndsAtTheBound) {
  const auto start = std::chrono::steady_clock::now();
  EXPECT_TRUE(
      absl::IsDeadlineExceeded(GreetGuest(worker_.get(), AfterGreeting::kTalk, milliseconds(300))));
  EXPECT_LT(std::chrono::steady_clock::now() - start, milliseconds(2000));
}

TEST_F(GreetGuestTest, AGuestThatIsGoneIsUnavailable) {
  guest_.Reset();
  EXPECT_TRUE(
      absl::IsUnavailable(GreetGuest(worker_.get(), AfterGreeting::kTalk, milliseconds(5000))));
}

TEST_F(GreetGuestTest, AGuestThatShoutsIsGivenUpAtTheBound) {
  std::thread guest([this] {
    while (send(guest_.get(), std::string(1000, 'x').data(), 1000, MSG_NOSIGNAL) > 0) {
    }
  });
  EXPECT_TRUE(
      absl::IsDeadlineExceeded(GreetGuest(worker_.get(), AfterGreeting::kTalk, milliseconds(600))));
  worker_.Reset();
  guest.join();
}

}  // namespace
}  // namespace hpcc
