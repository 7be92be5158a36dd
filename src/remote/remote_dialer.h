#ifndef HPCC_REMOTE_REMOTE_DIALER_H_
#define HPCC_REMOTE_REMOTE_DIALER_H_

// How to get a connection to hpcc-remote, and when not to try: the marks of remote_place.h.
//
// Somebody who finds nobody listening starts a program and waits for it for a second at most. While
// a start that came to nothing is less than half a minute old nobody waits or starts anything;
// after that somebody starts another, without waiting for it. So a program that can't start costs a
// build that second, once. One that is stopped or stuck costs what the first who ask wait; another
// program that holds the socket and says nothing costs the same, every half minute.

#include "absl/status/statusor.h"
#include "base/clock.h"
#include "base/environment.h"
#include "base/file_system.h"
#include "base/socket.h"
#include "remote/remote_place.h"

namespace hpcc {

inline constexpr std::chrono::milliseconds kRemoteStartPatience{1000};
inline constexpr std::chrono::milliseconds kBetweenRemoteStarts{30'000};

// Thread-safe.
class RemoteDialer {
 public:
  // All outlive it.
  RemoteDialer(const RemotePlace& place, const Environment& environment, FileSystem& fs,
               Clock& clock)
      : place_(place), environment_(environment), fs_(fs), clock_(clock) {}

  // Unavailable: it is not there, and this is known already. DeadlineExceeded, NotFound and others:
  // the same, and this call is the first to find out. FailedPrecondition: the place isn't this
  // user's alone.
  absl::StatusOr<Connection> Dial();
  // Starts a program where there is none, if Dial() would, and does not wait for it.
  void Prepare();
  // Without starting anything. NotFound, Unavailable: nobody listens.
  absl::StatusOr<Connection> Connect();

  // Whether somebody waited in vain, and what listens there has neither gone on nor ended since.
  bool IsSilent();
  // This caller has waited in vain. True: it is the first.
  bool NoteSilence();
  // Whether an hpcc-remote holds the place, listening or not.
  bool ProgramLives();

 private:
  // What came of an attempt to start one.
  struct Start {
    bool first = false;                // this caller did
    std::chrono::nanoseconds left{0};  // for which its being ready may be waited for
  };
  absl::StatusOr<Start> StartOnce();
  absl::StatusOr<Connection> StartAndConnect();
  absl::StatusOr<Connection> ConnectWithin(std::chrono::nanoseconds patience);
  bool MakeMarker(const std::string& path);

  const RemotePlace& place_;
  const Environment& environment_;
  FileSystem& fs_;
  Clock& clock_;
};

}  // namespace hpcc

#endif  // HPCC_REMOTE_REMOTE_DIALER_H_
