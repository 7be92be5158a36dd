#include "base/logging.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <ctime>

#include "base/status.h"
#include "base/strings.h"

namespace hpcc {

namespace {

constexpr size_t kMaxMessageBytes = 8192;
constexpr int kLowestDescriptor = 10;

// The one global of this program: every part may log, and passing the log to each of them would
// put it into every interface. Constant-initialised, so it costs nothing at start.
constinit std::atomic<int> g_descriptor{-1};

std::string_view LevelName(LogLevel level) {
  switch (level) {
    case LogLevel::kInfo:
      return "info";
    case LogLevel::kWarning:
      return "warning";
    case LogLevel::kError:
      return "error";
  }
  return "error";
}

std::string TimeStamp() {
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  tm parts{};
  gmtime_r(&now.tv_sec, &parts);
  char text[64];
  std::snprintf(text, sizeof(text), "%04d-%02d-%02dT%02d:%02d:%02d.%03ldZ", parts.tm_year + 1900,
                parts.tm_mon + 1, parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec,
                now.tv_nsec / 1'000'000);
  return text;
}

void AppendEscaped(std::string_view message, std::string* line) {
  for (const char c : message.substr(0, kMaxMessageBytes)) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '\n') {
      line->append("\\n");
    } else if (c == '\t') {
      line->append("\\t");
    } else if (byte < 0x20 || byte == 0x7f) {
      constexpr char kHex[] = "0123456789abcdef";
      StrAppend(line, "\\x", kHex[byte >> 4], kHex[byte & 15]);
    } else {
      line->push_back(c);
    }
  }
}

}  // namespace

absl::Status OpenLog(const std::string& path) {
  const int opened = open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY, 0666);
  if (opened < 0) return ErrnoStatus(errno, "cannot open log", path);
  const int moved = fcntl(opened, F_DUPFD_CLOEXEC, kLowestDescriptor);
  const int error = errno;
  close(opened);
  if (moved < 0) return ErrnoStatus(error, "cannot open log", path);
  const int before = g_descriptor.exchange(moved);
  if (before >= 0) close(before);
  return absl::OkStatus();
}

void CloseLog() {
  const int before = g_descriptor.exchange(-1);
  if (before >= 0) close(before);
}

bool LogIsOpen() {
  return g_descriptor.load(std::memory_order_relaxed) >= 0;
}

void Log(LogLevel level, std::string_view message) {
  const int descriptor = g_descriptor.load(std::memory_order_relaxed);
  if (descriptor < 0) return;
  const int saved_errno = errno;
  std::string line = StrCat(TimeStamp(), " ", getpid(), " ", LevelName(level), " ");
  AppendEscaped(message, &line);
  line.push_back('\n');
  // A rest is not written later: the other half of a line would stand alone among those of others.
  while (write(descriptor, line.data(), line.size()) < 0 && errno == EINTR) {
  }
  errno = saved_errno;
}

}  // namespace hpcc
