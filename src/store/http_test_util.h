#ifndef HPCC_STORE_HTTP_TEST_UTIL_H_
#define HPCC_STORE_HTTP_TEST_UTIL_H_

// An HTTP server on loopback that answers as a test says.

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "base/socket.h"
#include "base/strings.h"

namespace hpcc {

struct FakeRequest {
  std::string method;
  std::string target;                          // as it was sent: path and query
  std::map<std::string, std::string> headers;  // names in lower case
  std::string body;
};

struct FakeAnswer {
  int status = 200;
  std::string body;
  std::vector<std::string> headers = {};
  std::chrono::milliseconds delay{0};  // before the first byte
  std::string raw = {};                // sent as it is, instead of all that; then closed
  bool hang_up = false;                // instead of any answer
  std::chrono::milliseconds drip{0};   // between any two bytes of `raw`
  bool head_apart = false;             // head and body are sent apart
};

class FakeHttpServer {
 public:
  using Handler = std::function<FakeAnswer(const FakeRequest&)>;

  // `handler` is called from several threads.
  explicit FakeHttpServer(Handler handler)
      : handler_(std::move(handler)), listener_(*Listener::OnLoopback()) {
    acceptor_ = std::thread([this] { AcceptUntilStopped(); });
  }
  ~FakeHttpServer() {
    stopped_ = true;
    // Wakes the acceptor.
    const auto last = Connection::ToLoopback(listener_.port(), kPatience);
    acceptor_.join();
    for (std::thread& thread : connections_) thread.join();
  }

  std::string url() const { return StrCat("http://127.0.0.1:", listener_.port()); }
  int connections() const { return accepted_; }
  std::vector<FakeRequest> requests() const {
    const std::lock_guard lock(mutex_);
    return requests_;
  }

 private:
  static constexpr std::chrono::milliseconds kPatience{5000};

  void AcceptUntilStopped() {
    while (!stopped_) {
      absl::StatusOr<Connection> connection = listener_.Accept();
      if (!connection.ok()) continue;
      ++accepted_;
      connections_.emplace_back(
          [this, served = std::make_shared<Connection>(*std::move(connection))] {
            while (!stopped_ && ServeOne(*served)) {
            }
          });
    }
  }

  bool ServeOne(Connection& connection) {
    while (!connection.WaitForInput(std::chrono::milliseconds(50))) {
      if (stopped_) return false;
    }
    FakeRequest request;
    if (!ReadRequest(connection, &request)) return false;
    {
      const std::lock_guard lock(mutex_);
      requests_.push_back(request);
    }
    const FakeAnswer answer = handler_(request);
    std::this_thread::sleep_for(answer.delay);
    if (answer.hang_up) return false;
    if (!answer.raw.empty()) {
      SendRaw(connection, answer);
      return false;
    }
    std::string bytes =
        StrCat("HTTP/1.1 ", answer.status, " Fake\r\nContent-Length: ", answer.body.size(), "\r\n");
    for (const std::string& header : answer.headers) StrAppend(&bytes, header, "\r\n");
    bytes += "\r\n";
    if (answer.head_apart) {
      if (!connection.Send(bytes, kPatience).ok()) return false;
      bytes.clear();
    }
    if (request.method != "HEAD") bytes += answer.body;
    return connection.Send(bytes, kPatience).ok();
  }

  void SendRaw(Connection& connection, const FakeAnswer& answer) {
    if (answer.drip.count() == 0) {
      connection.Send(answer.raw, kPatience).IgnoreError();
      return;
    }
    for (const char byte : answer.raw) {
      if (stopped_ || !connection.Send({&byte, 1}, kPatience).ok()) return;
      std::this_thread::sleep_for(answer.drip);
    }
  }

  static bool ReadRequest(Connection& connection, FakeRequest* request) {
    std::string head;
    while (!head.ends_with("\r\n\r\n")) {
      char byte;
      if (!connection.Receive({&byte, 1}, kPatience).ok()) return false;
      head.push_back(byte);
    }
    const std::vector<std::string_view> lines = StrSplit(head, '\n');
    const std::vector<std::string_view> words = StrSplit(lines[0], ' ');
    request->method = words[0];
    request->target = words[1];
    for (const std::string_view line : lines) {
      const size_t colon = line.find(':');
      if (colon == std::string_view::npos || &line == &lines[0]) continue;
      request->headers[AsciiLower(line.substr(0, colon))] = StripBlanks(line.substr(colon + 1));
    }
    request->body.resize(std::strtoull(request->headers["content-length"].c_str(), nullptr, 10));
    return request->body.empty() || connection.Receive(request->body, kPatience).ok();
  }

  const Handler handler_;
  const Listener listener_;
  std::atomic<bool> stopped_{false};
  std::atomic<int> accepted_{0};
  mutable std::mutex mutex_;
  std::vector<FakeRequest> requests_;
  std::vector<std::thread> connections_;  // of acceptor_, until it has been joined
  std::thread acceptor_;
};

// A port of this machine where nobody listened a moment ago.
class ClosedPort {
 public:
  ClosedPort() {
    const Listener listener = *Listener::OnLoopback();
    port_ = listener.port();
  }
  std::string url() const { return StrCat("http://127.0.0.1:", port_); }

 private:
  uint16_t port_ = 0;
};

// How long `call` took, by the real clock.
inline std::chrono::milliseconds TimeOf(const std::function<void()>& call) {
  const int64_t began = Clock::Real().MonotonicNanoseconds();
  call();
  return std::chrono::milliseconds((Clock::Real().MonotonicNanoseconds() - began) / 1'000'000);
}

}  // namespace hpcc

#endif  // HPCC_STORE_HTTP_TEST_UTIL_H_
