#include "remote/remote_dialer.h"

#include "base/private_directory.h"
#include "base/status.h"
#include "base/strings.h"
#include "config/runtime_directory.h"

namespace hpcc {

namespace {

constexpr std::chrono::milliseconds kLookEvery{5};
// How long a stranger's silence is remembered: nobody says when it ends.
constexpr std::chrono::milliseconds kStrangerSilence{30'000};

bool NobodyListens(const absl::Status& status) {
  return absl::IsNotFound(status) || absl::IsUnavailable(status);
}

}  // namespace

absl::StatusOr<Connection> RemoteDialer::Dial() {
  if (IsSilent()) return absl::UnavailableError("hpcc-remote does not answer");
  absl::StatusOr<Connection> connection = Connect();
  if (connection.ok() || !NobodyListens(connection.status())) return connection;
  return StartAndConnect();
}

absl::StatusOr<Connection> RemoteDialer::Connect() {
  // Somebody else's socket at a guessed place must not be handed credentials.
  HPCC_RETURN_IF_ERROR(CheckPrivateDirectory(place_.directory()));
  HPCC_ASSIGN_OR_RETURN(Connection connection, Connection::ToUnixSocket(place_.socket()));
  if (!connection.PeerIsThisUser()) {
    return absl::FailedPreconditionError(
        StrCat(place_.socket(), ": another user's program listens there"));
  }
  return connection;
}

void RemoteDialer::Prepare() {
  if (!IsSilent() && NobodyListens(Connect().status())) StartOnce().status().IgnoreError();
}

absl::StatusOr<RemoteDialer::Start> RemoteDialer::StartOnce() {
  HPCC_RETURN_IF_ERROR(RemoteProgram(fs_).status());
  HPCC_RETURN_IF_ERROR(PrepareRuntimeDirectory(fs_, place_.directory()));
  const std::string marker = place_.start_marker();
  FileStat started;
  const bool tried = fs_.Stat(marker.c_str(), /*follow_symlinks=*/false, &started) == 0;
  const std::chrono::nanoseconds age(tried ? clock_.NowNanoseconds() - started.modified_ns : 0);
  if (tried && age >= kRemoteStartPatience && age < kBetweenRemoteStarts) {
    return absl::UnavailableError("hpcc-remote did not start");
  }
  const bool again = tried && age >= kBetweenRemoteStarts;
  if (again) fs_.Remove(marker).IgnoreError();
  // Of the many that come at once one makes the file, and starts it.
  const bool first = (!tried || again) && MakeMarker(marker);
  if (first) HPCC_RETURN_IF_ERROR(StartRemote(fs_, environment_, place_));
  if (again) return absl::UnavailableError("hpcc-remote is being started again");
  return Start{.first = first, .left = kRemoteStartPatience - age};
}

absl::StatusOr<Connection> RemoteDialer::StartAndConnect() {
  HPCC_ASSIGN_OR_RETURN(const Start start, StartOnce());
  absl::StatusOr<Connection> connection = ConnectWithin(start.left);
  if (connection.ok() || !NobodyListens(connection.status())) return connection;
  constexpr std::string_view kLate = "hpcc-remote was not ready in time";
  return start.first ? absl::DeadlineExceededError(std::string(kLate))
                     : absl::UnavailableError(std::string(kLate));
}

absl::StatusOr<Connection> RemoteDialer::ConnectWithin(std::chrono::nanoseconds patience) {
  const int64_t deadline = clock_.MonotonicNanoseconds() + patience.count();
  while (true) {
    absl::StatusOr<Connection> connection = Connect();
    const bool again = !connection.ok() && NobodyListens(connection.status());
    if (!again || clock_.MonotonicNanoseconds() >= deadline) return connection;
    clock_.Sleep(kLookEvery);
  }
}

bool RemoteDialer::MakeMarker(const std::string& path) {
  const absl::StatusOr<std::unique_ptr<File>> marker = fs_.Create(path, 0600);
  return marker.ok() && (*marker)->Close().ok();
}

bool RemoteDialer::ProgramLives() {
  const absl::StatusOr<std::unique_ptr<File>> lock = fs_.OpenForReading(place_.lock_file());
  return lock.ok() && absl::IsUnavailable((*lock)->TryLock());
}

bool RemoteDialer::IsSilent() {
  const std::string marker = place_.silent_marker();
  FileStat stat;
  if (fs_.Stat(marker.c_str(), /*follow_symlinks=*/false, &stat) != 0) return false;
  if (ProgramLives()) return true;
  // Not hpcc-remote, then: it is gone, or what listens there never was one.
  const std::chrono::nanoseconds age(clock_.NowNanoseconds() - stat.modified_ns);
  if (age.count() >= 0 && age < kStrangerSilence && Connect().ok()) return true;
  fs_.Remove(marker).IgnoreError();
  return false;
}

bool RemoteDialer::NoteSilence() {
  return MakeMarker(place_.silent_marker());
}

}  // namespace hpcc
