#ifndef HPCC_CLIENT_DAEMON_CLIENT_H_
#define HPCC_CLIENT_DAEMON_CLIENT_H_

// The wrapper's side of a conversation with the per-user daemon. Nothing here can fail a build: a
// daemon that isn't there, refuses, dies or falls silent means working alone, and every wait is
// bounded.

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/file_system.h"
#include "base/shared_bytes.h"
#include "base/socket.h"
#include "cache/result_bundle.h"
#include "cache/unit_record.h"
#include "client/compile_run.h"
#include "client/compile_subject.h"
#include "client/daemon_place.h"
#include "client/daemon_protocol.h"

namespace hpcc {

// How long a wrapper waits for the daemon to say something. A daemon at work says so every half a
// second, so one that is silent for this long is stopped or stuck.
inline constexpr std::chrono::milliseconds kDaemonPatience{2000};
// The same while it keeps a result, which may mean evicting others on a slow disk.
inline constexpr std::chrono::milliseconds kKeepingPatience{5000};

class DaemonClient {
 public:
  // Null when no daemon can be asked. Prefers the Unix socket; where there is none, tries the port
  // that daemon.json names.
  static std::unique_ptr<DaemonClient> Connect(FileSystem& fs, const DaemonPlace& place);

  struct Hit {
    daemon_v1::Hit message;
    // All outputs, one after the other, unless they are in a file: then that is `shared`.
    std::string_view outputs() const {
      return received.empty() ? message.small_outputs() : received;
    }
    Descriptor shared;  // not valid: there is none
    std::string received;
    std::optional<ResultBundle> stored;  // of message.stored_result, once it has been read
  };
  struct Lease {
    int64_t newest_change_ns = 0;
  };
  struct Answer {
    std::unique_ptr<Hit> hit;
    std::optional<Lease> lease;
    bool confirmed = false;  // the tentative hit before is right
    // None of them: work alone; but once the cache knows the compiler, ask again.
    bool compiler_unknown = false;
  };
  // Waits while somebody else compiles the same unit.
  Answer LookUp(const CompileRequest& command);
  // After a hit that was tentative: whether it is right, or else another answer, never tentative.
  Answer AfterTentative();

  // After a lease: what the compile left behind. Nothing when the daemon does not keep it and the
  // wrapper must.
  std::optional<daemon_v1::Learned> Learn(const Invocation& invocation, const CompileRun& run,
                                          const CompilePlace& place);

  // For the commands. Errors say why there is no answer.
  absl::StatusOr<daemon_v1::Response> Ask(daemon_v1::Request request);

 private:
  DaemonClient(FileSystem& fs, DaemonPlace place, Connection connection, std::string token)
      : fs_(fs),
        place_(std::move(place)),
        connection_(std::move(connection)),
        token_(std::move(token)) {}

  absl::Status Send(daemon_v1::Request* request, std::span<const int> descriptors);
  absl::StatusOr<daemon_v1::Response> Receive(std::chrono::milliseconds patience);
  Answer ReceiveAnswer();
  std::unique_ptr<Hit> TakeHit(daemon_v1::Response* response);
  void NoteSilence();

  FileSystem& fs_;
  DaemonPlace place_;
  Connection connection_;
  std::string token_;  // "" over the Unix socket
};

// What paths mean to this process.
daemon_v1::Surroundings DescribeSurroundings(FileSystem& fs);

}  // namespace hpcc

#endif  // HPCC_CLIENT_DAEMON_CLIENT_H_
