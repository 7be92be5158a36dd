#include "sandbox/watched_process.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <string_view>
#include <utility>

namespace hpcc {

namespace {
constexpr size_t kKeptBytes = 4096;
}  // namespace

WatchedProcess::WatchedProcess(Descriptor process, Descriptor messages)
    : process_(std::move(process)), messages_(std::move(messages)) {
  fcntl(messages_.get(), F_SETFL, O_NONBLOCK);
  watcher_ = std::thread([this] { Watch(); });
}

WatchedProcess::~WatchedProcess() {
  Kill();
  watcher_.join();
}

bool WatchedProcess::ReadMessages() {
  char buffer[kKeptBytes];
  const ssize_t got = read(messages_.get(), buffer, sizeof(buffer));
  if (got < 0 && (errno == EINTR || errno == EAGAIN)) return true;
  if (got <= 0) return false;
  const std::lock_guard lock(mutex_);
  said_.append(buffer, static_cast<size_t>(got));
  if (said_.size() > kKeptBytes) said_.erase(0, said_.size() - kKeptBytes);
  return true;
}

void WatchedProcess::Watch() {
  for (;;) {
    pollfd waiting[2] = {{process_.get(), POLLIN, 0}, {messages_.get(), POLLIN, 0}};
    if (poll(waiting, 2, -1) < 0 && errno != EINTR) break;
    if (waiting[1].revents != 0 && !ReadMessages()) messages_.Reset();
    if ((waiting[0].revents & POLLIN) != 0) break;
  }
  if (messages_.valid()) ReadMessages();
  siginfo_t info{};
  while (waitid(P_PIDFD, static_cast<id_t>(process_.get()), &info, WEXITED) != 0 &&
         errno == EINTR) {
  }
  alive_ = false;
  alive_.notify_all();
}

std::string WatchedProcess::Said() const {
  const std::lock_guard lock(mutex_);
  std::string line = said_;
  while (!line.empty() && line.back() == '\n') line.pop_back();
  for (char& c : line) {
    if (static_cast<unsigned char>(c) < ' ') c = ' ';
  }
  return line;
}

void WatchedProcess::Kill() {
  if (!alive_) return;
  syscall(SYS_pidfd_send_signal, process_.get(), SIGKILL, nullptr, 0);
  alive_.wait(true);
}

}  // namespace hpcc
