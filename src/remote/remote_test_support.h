#ifndef HPCC_REMOTE_REMOTE_TEST_SUPPORT_H_
#define HPCC_REMOTE_REMOTE_TEST_SUPPORT_H_

// What the tests of this room share: a directory of their own, and an HTTP cache in this process.

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/strings.h"
#include "config/config.h"

namespace hpcc {

class RemoteScratch {
 public:
  RemoteScratch() {
    std::string name = testing::TempDir() + "/hpcc-remote-XXXXXX";
    if (mkdtemp(name.data()) == nullptr) std::abort();
    path_ = std::filesystem::canonical(name);
  }
  ~RemoteScratch() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  RemoteScratch(const RemoteScratch&) = delete;
  RemoteScratch& operator=(const RemoteScratch&) = delete;

  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

// GET, PUT, HEAD and DELETE of objects in memory, one request to a connection.
class FakeHttpCache {
 public:
  FakeHttpCache() {
    listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    if (bind(listener_, reinterpret_cast<sockaddr*>(&address), size) != 0 ||
        listen(listener_, 64) != 0 ||
        getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
      std::abort();
    }
    port_ = ntohs(address.sin_port);
    accepting_ = std::thread([this] { Accept(); });
  }
  ~FakeHttpCache() {
    shutdown(listener_, SHUT_RDWR);
    accepting_.join();
    close(listener_);
    for (std::thread& thread : serving_) thread.join();
  }

  std::string url() const { return StrCat("http://127.0.0.1:", port_); }
  std::map<std::string, std::string> objects() const {
    const std::lock_guard lock(mutex_);
    return objects_;
  }
  void Replace(const std::string& name, std::string bytes) {
    const std::lock_guard lock(mutex_);
    objects_[name] = std::move(bytes);
  }

  std::atomic<int> status{0};     // answered to everything, unless 0
  std::atomic<bool> hang{false};  // answers nothing for a while
  std::atomic<int> requests{0};
  // Whoever doesn't send it gets 401, unless empty; in lower case. Set before the first request.
  std::string wanted_header;

 private:
  void Accept() {
    while (true) {
      const int connection = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
      if (connection < 0) return;
      serving_.emplace_back([this, connection] {
        Serve(connection);
        close(connection);
      });
    }
  }
  static bool ReadUntil(int connection, std::string* bytes, size_t size) {
    char buffer[65536];
    while (bytes->size() < size) {
      const ssize_t got = recv(connection, buffer, sizeof buffer, 0);
      if (got <= 0) return false;
      bytes->append(buffer, static_cast<size_t>(got));
    }
    return true;
  }
  static size_t LengthIn(const std::string& head) {
    const std::string lower = AsciiLower(head);
    const size_t at = lower.find("content-length:");
    return at == std::string::npos ? 0 : std::strtoul(lower.c_str() + at + 15, nullptr, 10);
  }
  void Serve(int connection) {
    std::string bytes;
    size_t end = std::string::npos;
    while ((end = bytes.find("\r\n\r\n")) == std::string::npos) {
      if (!ReadUntil(connection, &bytes, bytes.size() + 1)) return;
    }
    ++requests;
    const std::string head = bytes.substr(0, end);
    if (AsciiLower(head).find("expect: 100-continue") != std::string::npos) {
      SendAll(connection, "HTTP/1.1 100 Continue\r\n\r\n");
    }
    const size_t length = LengthIn(head);
    if (!ReadUntil(connection, &bytes, end + 4 + length)) return;
    for (int i = 0; hang && i < 100; ++i) usleep(50'000);
    const size_t space = head.find(' ');
    const std::string method = head.substr(0, space);
    const std::string name = head.substr(space + 2, head.find(' ', space + 1) - space - 2);
    if (AsciiLower(head).find(wanted_header) == std::string::npos) {
      SendAll(connection, Response(401, ""));
      return;
    }
    SendAll(connection, AnswerTo(method, name, bytes.substr(end + 4, length)));
  }
  std::string AnswerTo(const std::string& method, const std::string& name, std::string body) {
    const std::lock_guard lock(mutex_);
    if (status != 0) return Response(status, "");
    if (method == "PUT") {
      objects_[name] = std::move(body);
      return Response(201, "");
    }
    if (method == "DELETE") return Response(objects_.erase(name) == 0 ? 404 : 204, "");
    const auto found = objects_.find(name);
    if (found == objects_.end()) return Response(404, "");
    return Response(200, found->second, method == "HEAD");
  }
  static std::string Response(int code, const std::string& body, bool head = false) {
    return StrCat("HTTP/1.1 ", code, " x\r\nContent-Length: ", body.size(),
                  "\r\nConnection: close\r\n\r\n", head ? std::string() : body);
  }
  static void SendAll(int connection, std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t sent = send(connection, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) return;
      bytes.remove_prefix(static_cast<size_t>(sent));
    }
  }

  int listener_ = -1;
  int port_ = 0;
  mutable std::mutex mutex_;
  std::map<std::string, std::string> objects_;  // guarded by mutex_
  std::thread accepting_;
  std::vector<std::thread> serving_;  // of the accepting thread
};

// A configuration with nothing but one HTTP cache.
inline Config HttpConfig(const RemoteScratch& scratch, const std::string& url) {
  Config config;
  config.local_directory = scratch.path() + "/local";
  config.cache.emplace_back();
  config.cache.back().type = CacheTier::Type::kHttp;
  config.cache.back().max_size = 0;
  config.cache.back().http.url = url;
  return config;
}

}  // namespace hpcc

#endif  // HPCC_REMOTE_REMOTE_TEST_SUPPORT_H_
