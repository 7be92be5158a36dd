#include "base/frame.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include "base/strings.h"

namespace hpcc {
namespace {

constexpr std::chrono::milliseconds kTimeout{2000};
constexpr size_t kLimit = 1 << 20;

class FrameTest : public testing::Test {
 protected:
  FrameTest() {
    int ends[2];
    EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    writer_.emplace(Descriptor(ends[0]));
    reader_.emplace(Descriptor(ends[1]));
  }
  void Send(std::string_view bytes) { ASSERT_TRUE(writer_->Send(bytes, kTimeout).ok()); }

  std::optional<Connection> writer_;
  std::optional<Connection> reader_;
};

TEST_F(FrameTest, TheHeadIsTheSizeLittleEndian) {
  EXPECT_EQ(FrameHead(0x01020304), "\x04\x03\x02\x01");
}

TEST_F(FrameTest, FramesFollowEachOther) {
  Send(StrCat(FrameHead(3), "abc", FrameHead(0), FrameHead(2), "de"));
  EXPECT_EQ(*ReceiveFrame(*reader_, kLimit, kTimeout), "abc");
  EXPECT_EQ(*ReceiveFrame(*reader_, kLimit, kTimeout), "");
  EXPECT_EQ(*ReceiveFrame(*reader_, kLimit, kTimeout), "de");
}

TEST_F(FrameTest, AFrameOverTheLimitIsRefusedUnread) {
  Send(FrameHead(kLimit + 1));
  EXPECT_EQ(ReceiveFrame(*reader_, kLimit, kTimeout).status().code(),
            absl::StatusCode::kInvalidArgument);
}

TEST_F(FrameTest, AnEndBetweenFramesIsToldFromOneInside) {
  Send(StrCat(FrameHead(3), "ab"));
  writer_.reset();
  EXPECT_TRUE(absl::IsDataLoss(ReceiveFrame(*reader_, kLimit, kTimeout).status()));
  EXPECT_TRUE(absl::IsOutOfRange(ReceiveFrame(*reader_, kLimit, kTimeout).status()));
}

TEST_F(FrameTest, SilenceEndsWithTheTimeout) {
  Send(FrameHead(1000));
  EXPECT_TRUE(absl::IsDeadlineExceeded(
      ReceiveFrame(*reader_, kLimit, std::chrono::milliseconds(50)).status()));
}

}  // namespace
}  // namespace hpcc
