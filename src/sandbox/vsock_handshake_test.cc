#include "sandbox/vsock_handshake.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <thread>

#include "base/strings.h"

namespace hpcc {
namespace {

using std::chrono::milliseconds;

class VsockHandshakeTest : public ::testing::Test {
 protected:
  VsockHandshakeTest() {
    int ends[2];
    EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    ours_.emplace(Descriptor(ends[0]));
    theirs_.emplace(Descriptor(ends[1]));
  }

  absl::Status Shake(milliseconds bound = milliseconds(2000)) {
    return ShakeVsockHands(*ours_, 1024, bound);
  }
  void Answer(std::string_view bytes) {
    ASSERT_TRUE(theirs_->Send(bytes, milliseconds(1000)).ok());
  }

  std::optional<Connection> ours_;
  std::optional<Connection> theirs_;
};

TEST_F(VsockHandshakeTest, ThePortIsAskedForAndNotOneByteOfTheGuestsIsEaten) {
  Answer("OK 1073741824\nPRI");
  ASSERT_TRUE(Shake().ok());
  std::string asked(13, '\0');
  ASSERT_TRUE(theirs_->Receive(asked, milliseconds(1000)).ok());
  EXPECT_EQ(asked, "CONNECT 1024\n");
  std::string guest(3, '\0');
  ASSERT_TRUE(ours_->Receive(guest, milliseconds(1000)).ok());
  EXPECT_EQ(guest, "PRI");
}

TEST_F(VsockHandshakeTest, AnAnswerInPiecesIsPutTogether) {
  std::thread slow([this] {
    for (const char byte : std::string("OK 4294967295\n")) {
      Answer({&byte, 1});
      std::this_thread::sleep_for(milliseconds(2));
    }
  });
  EXPECT_TRUE(Shake().ok());
  slow.join();
}

TEST_F(VsockHandshakeTest, ARefusalIsUnavailable) {
  theirs_.reset();
  EXPECT_TRUE(absl::IsUnavailable(Shake()));
}

TEST_F(VsockHandshakeTest, ARefusalAfterCONNECTWasReadIsUnavailable) {
  std::thread refusing([this] {
    std::string asked(13, '\0');
    EXPECT_TRUE(theirs_->Receive(asked, milliseconds(1000)).ok());
    theirs_.reset();
  });
  EXPECT_TRUE(absl::IsUnavailable(Shake()));
  refusing.join();
}

TEST_F(VsockHandshakeTest, HalfAHandshakeIsNamed) {
  Answer("OK 10");
  EXPECT_TRUE(absl::IsDeadlineExceeded(Shake(milliseconds(100))));
}

TEST_F(VsockHandshakeTest, AHangUpInTheMiddleIsDataLoss) {
  std::thread breaking([this] {
    std::string asked(13, '\0');
    EXPECT_TRUE(theirs_->Receive(asked, milliseconds(1000)).ok());
    Answer("OK 10");
    theirs_.reset();
  });
  EXPECT_TRUE(absl::IsDataLoss(Shake()));
  breaking.join();
}

TEST_F(VsockHandshakeTest, SilenceHasABound) {
  const auto start = std::chrono::steady_clock::now();
  EXPECT_TRUE(absl::IsDeadlineExceeded(Shake(milliseconds(100))));
  EXPECT_LT(std::chrono::steady_clock::now() - start, milliseconds(1000));
}

TEST_F(VsockHandshakeTest, AnEndlessLineIsCutOff) {
  Answer(std::string(kVsockAnswerBytes, '1'));
  EXPECT_TRUE(absl::IsInternal(Shake()));
}

TEST(VsockAnswerTest, OnlyOkAndANumberIsAnAnswer) {
  EXPECT_EQ(*ParseVsockAnswer("OK 0"), 0u);
  EXPECT_EQ(*ParseVsockAnswer("OK 4294967295"), 4294967295u);
  for (const char* line : {"", "OK", "OK ", "OK  1", "ok 1", "OK -1", "OK 1 ", "OK 1\r",
                           "OK 4294967296", "OK 0x1", "HTTP/1.1 200"}) {
    EXPECT_TRUE(absl::IsInternal(ParseVsockAnswer(line).status())) << line;
  }
}

}  // namespace
}  // namespace hpcc
