#include "sandbox/qmp_client.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <thread>
#include <vector>

#include "base/socket.h"

namespace hpcc {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr milliseconds kLong{5000};
constexpr char kGreeting[] = "{\"QMP\": {\"version\": {}, \"capabilities\": []}}\r\n";

// The other end, which says what a test wants said.
class QmpClientTest : public ::testing::Test {
 protected:
  QmpClientTest() {
    int ends[2];
    EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    client_ = std::make_unique<QmpClient>(Descriptor(ends[0]));
    qemu_ = Descriptor(ends[1]);
  }
  ~QmpClientTest() override {
    if (answering_.joinable()) answering_.join();
  }
  void Say(const std::string& bytes) {
    EXPECT_EQ(send(qemu_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(bytes.size()));
  }
  std::string Hear() {
    std::string line;
    char c = 0;
    while (recv(qemu_.get(), &c, 1, 0) == 1 && c != '\n') line.push_back(c);
    return line;
  }
  // Answers one command after the other with these.
  void Answer(std::vector<std::string> answers) {
    answering_ = std::thread([this, answers = std::move(answers)] {
      for (const std::string& answer : answers) {
        heard_.push_back(Hear());
        Say(answer);
      }
    });
  }

  std::unique_ptr<QmpClient> client_;
  Descriptor qemu_;
  std::vector<std::string> heard_;
  std::thread answering_;
};

TEST_F(QmpClientTest, ItTakesTheGreetingAndBegins) {
  Say(kGreeting);
  Answer({"{\"return\": {}}\r\n"});
  EXPECT_TRUE(client_->Begin(kLong).ok());
  answering_.join();
  EXPECT_EQ(heard_, std::vector<std::string>{"{\"execute\":\"qmp_capabilities\",\"id\":1}"});
}

TEST_F(QmpClientTest, EventsArePassedOver) {
  Answer({"{\"event\": \"STOP\"}\r\n{\"event\": \"X\"}\r\n{\"return\": {\"a\": 1}}\r\n"});
  const absl::StatusOr<std::string> value = client_->Execute("stop", "{\"x\":1}", kLong);
  ASSERT_TRUE(value.ok()) << value.status();
  EXPECT_EQ(*value, "{\"a\":1}");
  answering_.join();
  EXPECT_EQ(heard_[0], "{\"execute\":\"stop\",\"arguments\":{\"x\":1},\"id\":1}");
}

// To print as many levels would take more stack than a thread has.
TEST_F(QmpClientTest, AnAnswerAsDeepAsALineIsLongIsRefused) {
  const size_t levels = kMaxQmpLineBytes / 2 - 100;
  Answer({"{\"return\": " + std::string(levels, '[') + std::string(levels, ']') + "}\n"});
  const absl::Status status = client_->Execute("stop", "", kLong).status();
  EXPECT_TRUE(absl::IsInternal(status)) << status;
}

TEST_F(QmpClientTest, ARefusalIsInvalidArgumentWithItsWords) {
  Answer({"{\"error\": {\"class\": \"GenericError\", \"desc\": \"no such thing\"}}\r\n"});
  const absl::Status status = client_->Execute("stop", "", kLong).status();
  EXPECT_TRUE(absl::IsInvalidArgument(status)) << status;
  EXPECT_EQ(status.message(), "qemu: stop: no such thing");
}

TEST_F(QmpClientTest, ADescriptorTravelsAlong) {
  std::vector<Descriptor> came;
  answering_ = std::thread([&] {
    Connection connection{Descriptor(dup(qemu_.get()))};
    std::string command(std::string("{\"execute\":\"getfd\",\"id\":1}\n").size(), '\0');
    EXPECT_TRUE(connection.Receive(command, kLong).ok());
    came = connection.TakeDescriptors();
    Say("{\"return\": {}}\n");
  });
  EXPECT_TRUE(client_->Execute("getfd", "", kLong, STDERR_FILENO).ok());
  answering_.join();
  EXPECT_EQ(came.size(), 1u);
}

TEST_F(QmpClientTest, SilenceEndsAtTheBound) {
  const auto start = steady_clock::now();
  EXPECT_TRUE(absl::IsDeadlineExceeded(client_->Begin(milliseconds(200))));
  EXPECT_LT(steady_clock::now() - start, milliseconds(2000));
}

TEST_F(QmpClientTest, AnAnswerThatCameTooLateIsNotTakenForTheNextCommands) {
  EXPECT_TRUE(absl::IsDeadlineExceeded(client_->Execute("migrate", "", milliseconds(50)).status()));
  EXPECT_EQ(Hear(), "{\"execute\":\"migrate\",\"id\":1}");
  Say("{\"return\": {\"late\": 1}, \"id\": 1}\r\n");
  Answer({"{\"return\": {\"a\": 1}, \"id\": 2}\r\n"});
  const absl::StatusOr<std::string> value = client_->Execute("cont", "", kLong);
  ASSERT_TRUE(value.ok()) << value.status();
  EXPECT_EQ(*value, "{\"a\":1}");
}

TEST_F(QmpClientTest, EventsWithoutEndDoNotHoldItBeyondTheBound) {
  answering_ = std::thread([this] {
    const std::string event = "{\"event\": \"X\"}\r\n";
    while (send(qemu_.get(), event.data(), event.size(), MSG_NOSIGNAL) > 0) {
    }
  });
  EXPECT_TRUE(absl::IsDeadlineExceeded(client_->Execute("stop", "", milliseconds(300)).status()));
  client_.reset();
}

TEST_F(QmpClientTest, AnEndlessLineIsRefused) {
  answering_ = std::thread([this] {
    const std::string part(4096, 'x');
    while (send(qemu_.get(), part.data(), part.size(), MSG_NOSIGNAL) > 0) {
    }
  });
  EXPECT_TRUE(absl::IsInternal(client_->Begin(kLong)));
  client_.reset();
}

TEST_F(QmpClientTest, WhatIsNoJsonIsRefused) {
  for (const char* line : {"[]\n", "{\n", "\n", "{\"QMP\"\n", "7\n"}) {
    Say(line);
    EXPECT_TRUE(absl::IsInternal(client_->Begin(kLong))) << line;
  }
}

TEST_F(QmpClientTest, ItsEndIsUnavailable) {
  qemu_.Reset();
  EXPECT_TRUE(absl::IsUnavailable(client_->Begin(kLong)));
}

TEST_F(QmpClientTest, AStatusIsAwaited) {
  Answer({"{\"return\": {\"status\": \"active\"}}\n", "{\"return\": {}}\n",
          "{\"return\": {\"status\": \"completed\"}}\n"});
  EXPECT_TRUE(client_->AwaitStatus("query-migrate", "completed", kLong).ok());
  answering_.join();
  Answer({"{\"return\": {\"status\": \"failed\", \"error-desc\": \"disk full\"}}\n"});
  const absl::Status failed = client_->AwaitStatus("query-migrate", "completed", kLong);
  EXPECT_TRUE(absl::IsFailedPrecondition(failed)) << failed;
  answering_.join();
  answering_ = std::thread([this] {
    const std::string active = "{\"return\": {\"status\": \"active\"}}\n";
    while (!Hear().empty()) send(qemu_.get(), active.data(), active.size(), MSG_NOSIGNAL);
  });
  EXPECT_TRUE(absl::IsDeadlineExceeded(
      client_->AwaitStatus("query-migrate", "completed", milliseconds(100))));
  client_.reset();
}

}  // namespace
}  // namespace hpcc
