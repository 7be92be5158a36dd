#include "sandbox/firecracker_api.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <functional>
#include <string>
#include <thread>

#include "base/socket.h"
#include "base/strings.h"

namespace hpcc {
namespace {

using std::chrono::milliseconds;
using ::testing::HasSubstr;

// Takes one request on a Unix socket and answers it with given bytes.
class OneAnswer {
 public:
  explicit OneAnswer(std::string answer, bool hang = false)
      : directory_(std::filesystem::path(::testing::TempDir()) /
                   ("api-" + std::to_string(reinterpret_cast<uintptr_t>(this)))) {
    std::filesystem::create_directory(directory_);
    listener_.emplace(*Listener::OnUnixSocket(path()));
    server_ = std::thread([this, answer = std::move(answer), hang] { Serve(answer, hang); });
  }
  ~OneAnswer() {
    done_ = true;
    server_.join();
    std::filesystem::remove_all(directory_);
  }

  std::string path() const { return (directory_ / "s").string(); }
  // Once the exchange is over.
  std::string request() {
    done_ = true;
    if (server_.joinable()) server_.join();
    server_ = std::thread([] {});
    return request_;
  }

 private:
  void Serve(const std::string& answer, bool hang) {
    absl::StatusOr<Connection> connection = listener_->Accept();
    while (!connection.ok() && !done_) connection = listener_->Accept();
    if (!connection.ok()) return;
    char byte;
    size_t end = std::string::npos;
    size_t body = 0;
    while (connection->Receive({&byte, 1}, milliseconds(2000)).ok()) {
      request_.push_back(byte);
      if (end == std::string::npos && request_.ends_with("\r\n\r\n")) {
        end = request_.size();
        const size_t length = request_.find("Content-Length: ");
        if (length != std::string::npos) body = std::stoul(request_.substr(length + 16));
      }
      if (end != std::string::npos && request_.size() == end + body) break;
    }
    while (hang && !done_) std::this_thread::sleep_for(milliseconds(5));
    (void)connection->Send(answer, milliseconds(2000));
  }

  const std::filesystem::path directory_;
  std::optional<Listener> listener_;
  std::string request_;
  std::atomic<bool> done_{false};
  std::thread server_;
};

constexpr char kDone[] = "HTTP/1.1 204 No Content\r\nServer: Firecracker API\r\n\r\n";

std::string Http(const std::string& status, const std::string& body) {
  return StrCat("HTTP/1.1 ", status, "\r\nContent-Length: ", body.size(), "\r\n\r\n", body);
}

TEST(FirecrackerApiTest, ARequestIsSentWithItsBodyAndLength) {
  OneAnswer server(kDone);
  const auto answer = FirecrackerApi(server.path()).Perform(StartInstance(), milliseconds(2000));
  ASSERT_TRUE(answer.ok()) << answer.status();
  const std::string request = server.request();
  EXPECT_TRUE(request.starts_with("PUT /actions HTTP/1.1\r\n")) << request;
  EXPECT_TRUE(request.ends_with("\r\n\r\n{\"action_type\":\"InstanceStart\"}")) << request;
  EXPECT_THAT(request, HasSubstr("Content-Length: 31\r\n"));
  EXPECT_THAT(request, HasSubstr("Content-Type: application/json\r\n"));
}

TEST(FirecrackerApiTest, ARefusalCarriesTheFaultMessageOnOneLine) {
  OneAnswer server(Http("400 Bad Request", R"({"fault_message":"no kernel\nat all"})"));
  const absl::Status status =
      FirecrackerApi(server.path()).Perform(StartInstance(), milliseconds(2000)).status();
  EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
  EXPECT_EQ(status.message(), "firecracker: PUT /actions: no kernel at all");
}

TEST(FirecrackerApiTest, ARefusalWithoutAReasonSaysItsStatus) {
  for (const std::string body : {"", "[]", "{", R"({"fault_message":7})"}) {
    OneAnswer server(Http("500 Internal Server Error", body));
    const absl::Status status =
        FirecrackerApi(server.path()).Perform(PauseVm(), milliseconds(2000)).status();
    EXPECT_TRUE(absl::IsInternal(status)) << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr("500"));
  }
}

TEST(FirecrackerApiTest, AVmmThatNeverAnswersIsGivenUpInTime) {
  OneAnswer server(kDone, /*hang=*/true);
  const auto start = std::chrono::steady_clock::now();
  const absl::Status status =
      FirecrackerApi(server.path()).Perform(PauseVm(), milliseconds(200)).status();
  EXPECT_TRUE(absl::IsDeadlineExceeded(status)) << status;
  EXPECT_LT(std::chrono::steady_clock::now() - start, milliseconds(1500));
}

TEST(FirecrackerApiTest, AnEndlessAnswerIsCutOff) {
  OneAnswer body(Http("200 OK", std::string(kFirecrackerAnswerBytes + 1, 'x')));
  EXPECT_TRUE(
      absl::IsResourceExhausted(FirecrackerApi(body.path()).Version(milliseconds(2000)).status()));
  OneAnswer header("HTTP/1.1 200 OK\r\nX: " + std::string(kFirecrackerAnswerBytes, 'x') +
                   "\r\n\r\n");
  EXPECT_FALSE(FirecrackerApi(header.path()).Version(milliseconds(2000)).ok());
}

TEST(FirecrackerApiTest, AHungUpOrAbsentVmmIsUnavailable) {
  OneAnswer server("");
  EXPECT_TRUE(absl::IsUnavailable(
      FirecrackerApi(server.path()).Perform(PauseVm(), milliseconds(2000)).status()));
  EXPECT_TRUE(absl::IsUnavailable(
      FirecrackerApi("/no/such/socket").Perform(PauseVm(), milliseconds(2000)).status()));
}

TEST(FirecrackerApiTest, WhatIsNoHttpIsAnError) {
  OneAnswer server("hello\n");
  EXPECT_FALSE(FirecrackerApi(server.path()).Version(milliseconds(2000)).ok());
}

TEST(FirecrackerApiTest, TheVersionIsReadFromTheAnswer) {
  OneAnswer server(Http("200 OK", R"({"firecracker_version":"1.16.1"})"));
  const auto version = FirecrackerApi(server.path()).Version(milliseconds(2000));
  ASSERT_TRUE(version.ok()) << version.status();
  EXPECT_EQ(*version, "1.16.1");
  EXPECT_THAT(server.request(), ::testing::StartsWith("GET /version HTTP/1.1\r\n"));
  OneAnswer none(Http("200 OK", "{}"));
  EXPECT_TRUE(absl::IsInternal(FirecrackerApi(none.path()).Version(milliseconds(2000)).status()));
}

}  // namespace
}  // namespace hpcc
