#ifndef HPCC_REMOTE_REMOTE_STATE_H_
#define HPCC_REMOTE_REMOTE_STATE_H_

// What all connections of one hpcc-remote share.

#include <atomic>
#include <cstdint>
#include <string_view>

#include "base/clock.h"
#include "base/file_system.h"
#include "remote/remote_compiles.h"
#include "remote/remote_tiers.h"
#include "remote/write_queue.h"

namespace hpcc {

inline constexpr uint64_t kMaxQueuedBytes = uint64_t{256} << 20;
inline constexpr int kWriteThreads = 4;

// Thread-safe where it changes.
struct RemoteState {
  RemoteState(FileSystem& fs, Clock& clock_in)
      : clock(clock_in), tiers(fs, clock_in), queue(kMaxQueuedBytes, kWriteThreads) {}

  Clock& clock;
  RemoteTiers tiers;
  WriteQueue queue;
  RemoteCompiles* compiles = nullptr;  // null: none are done; set before the first connection

  int64_t started_ns = 0;  // since the epoch; set before the first connection

  std::atomic<bool> told_to_end = false;
  std::atomic<bool> stopping = false;  // no new requests; what is in flight is finished
  std::atomic<uint64_t> requests = 0;
  std::atomic<uint64_t> in_flight = 0;
  std::atomic<int64_t> last_request_ns = 0;  // monotonic
  std::atomic<uint64_t> security_events = 0;

  // Something that no program of ours does. Logged as "security: <name>: <what>".
  void NoteSecurityEvent(std::string_view name, std::string_view what);
};

}  // namespace hpcc

#endif  // HPCC_REMOTE_REMOTE_STATE_H_
