#include "client/daemon_start.h"

#include <poll.h>
#include <unistd.h>

#include "base/detached_process.h"
#include "base/logging.h"
#include "base/path.h"
#include "base/private_directory.h"
#include "base/status.h"
#include "base/strings.h"

namespace hpcc {

namespace {

constexpr size_t kMaxComplaint = 4096;
constexpr int64_t kBetweenAttempts = 10'000'000'000;  // nanoseconds

// The first line that is written to `pipe`, or all when it ends before one does.
std::string FirstLine(const Descriptor& pipe, std::chrono::milliseconds timeout) {
  std::string text;
  const auto deadline = std::chrono::steady_clock::now() + timeout;
  while (text.find('\n') == std::string::npos && text.size() < kMaxComplaint) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
        deadline - std::chrono::steady_clock::now());
    pollfd poll_descriptor = {pipe.get(), POLLIN, 0};
    if (left.count() <= 0 || poll(&poll_descriptor, 1, static_cast<int>(left.count())) <= 0) break;
    char buffer[512];
    const ssize_t got = read(pipe.get(), buffer, sizeof buffer);
    if (got <= 0) break;
    text.append(buffer, static_cast<size_t>(got));
  }
  return text.substr(0, text.find('\n'));
}

}  // namespace

absl::StatusOr<std::string> DaemonProgram(FileSystem& fs) {
  HPCC_ASSIGN_OR_RETURN(const std::string own, fs.ReadLink("/proc/self/exe"));
  std::string program = path::Join(path::Dirname(own), "hpcc-daemon");
  if (FileExists(fs, program)) return program;
  return absl::NotFoundError(
      StrCat(program, " is missing: hpcc and hpcc-daemon are installed side by side"));
}

absl::StatusOr<std::string> StartDaemonInBackground(FileSystem& fs, const Environment& environment,
                                                    std::chrono::milliseconds timeout) {
  HPCC_ASSIGN_OR_RETURN(const std::string program, DaemonProgram(fs));
  HPCC_ASSIGN_OR_RETURN(Pipe pipe, OpenPipe());
  HPCC_RETURN_IF_ERROR(StartDetached({program}, environment, pipe.write_end));
  pipe.write_end.Reset();
  std::string line = FirstLine(pipe.read_end, timeout);
  if (StrContains(line, ": ready, ")) return line;
  constexpr std::string_view kPrefix = "hpcc-daemon: ";
  if (line.starts_with(kPrefix)) line.erase(0, kPrefix.size());
  return absl::UnavailableError(line.empty() ? "the daemon was not ready in time" : line);
}

void AutostartDaemon(FileSystem& fs, Clock& clock, const DaemonPlace& place,
                     const Environment& environment) {
  const absl::StatusOr<std::string> program = DaemonProgram(fs);
  if (!program.ok() || !PrepareDaemonDirectory(fs, place).ok()) return;
  // Of the many wrappers of a parallel build one makes the file, and tries.
  FileStat tried;
  if (fs.Stat(place.start_marker().c_str(), /*follow_symlinks=*/false, &tried) == 0) {
    if (clock.NowNanoseconds() - tried.modified_ns < kBetweenAttempts) return;
    fs.Remove(place.start_marker()).IgnoreError();
  }
  const absl::StatusOr<std::unique_ptr<File>> marker = fs.Create(place.start_marker(), 0600);
  if (!marker.ok()) return;
  (*marker)->Close().IgnoreError();
  const absl::Status started = StartDetached({*program}, environment, Descriptor());
  if (!started.ok()) Log(LogLevel::kWarning, std::string(started.message()));
}

}  // namespace hpcc
