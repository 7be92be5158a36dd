#ifndef HPCC_AGENT_EXEC_RESERVE_H_
#define HPCC_AGENT_EXEC_RESERVE_H_

// Worlds that are ready before there are execs for them. To make one (namespaces, mounts, a place
// to write to) and to take it apart again costs several times what an empty command does; here both
// happen when nobody waits for them. Each world serves one exec and is gone then.

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <set>
#include <thread>
#include <vector>

#include "absl/status/statusor.h"
#include "agent/exec_plan.h"
#include "agent/launcher.h"
#include "agent/stage.h"
#include "sandbox/image_layout.h"

namespace hpcc {

// Own identities are below this.
inline constexpr uint32_t kExecIds = 61'000;

// A world that waits for the plan of its command.
struct ReadyExec {
  ExecOwner owner;
  Stage stage;
  LaunchedExec exec;
  uint64_t memory_kills = 0;  // OutOfMemoryKills() at that time
  std::chrono::steady_clock::time_point made;
};

// Thread-safe.
class ExecReserve {
 public:
  // `kept` worlds are made ahead. Both references outlive it. `own_identities`: each has a user id
  // that nothing else in the sandbox has meanwhile.
  ExecReserve(const Launcher& launcher, const ImageLayout& image, bool own_identities, size_t kept);
  ~ExecReserve();

  // One that is ready, or is being made.
  absl::StatusOr<ReadyExec> Take();

  // After use, or instead of it: what is left of it goes, and another is made, neither in the
  // caller's time.
  void GiveBack(ReadyExec used);

 private:
  absl::StatusOr<ReadyExec> Make();
  ExecOwner NewOwner();
  void Dispose(std::vector<ReadyExec> used);
  void KeepReady();

  const Launcher& launcher_;
  const ImageLayout& image_;
  const bool own_identities_;
  const size_t kept_;

  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<ReadyExec> ready_;
  std::vector<ReadyExec> used_;
  std::set<uint32_t> users_;  // of all that are there
  uint32_t last_user_ = 0;
  bool stopping_ = false;
  std::thread keeper_;
};

}  // namespace hpcc

#endif  // HPCC_AGENT_EXEC_RESERVE_H_
