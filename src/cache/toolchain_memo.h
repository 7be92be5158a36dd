#ifndef HPCC_CACHE_TOOLCHAIN_MEMO_H_
#define HPCC_CACHE_TOOLCHAIN_MEMO_H_

// Remembers what was found out about compilers, so that it is asked once and not per compile, nor
// by several processes at once (asking_turn.h).

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "base/clock.h"
#include "base/file_system.h"
#include "compiler/toolchain.h"
#include "store/store.h"

namespace hpcc {

// Thread-safe.
class ToolchainMemo {
 public:
  // Whether a compiler that isn't known yet may be run to ask it.
  enum class Asking : uint8_t { kAllowed, kNever };

  // All outlive the memo. In `directory` those who share the store take turns at asking; nobody
  // does where it is "".
  ToolchainMemo(Store& store, FileSystem& fs, Clock& clock, Asking asking = Asking::kAllowed,
                std::string directory = "")
      : store_(store), fs_(fs), clock_(clock), asking_(asking), directory_(std::move(directory)) {}

  // The facts for `request`: remembered ones if what they rest on still holds, else the compiler is
  // asked. `arguments` are the compile's own: an opaque compiler is asked with them. Unavailable
  // when the program doesn't answer like a known compiler, or would have to be asked and may not.
  absl::StatusOr<ToolchainFacts> Identify(ToolchainRequest request,
                                          const std::vector<std::string>& arguments);

 private:
  absl::StatusOr<ToolchainFacts> FactsFor(const ToolchainRequest& request);
  absl::StatusOr<ToolchainFacts> AskAndRemember(const ToolchainRequest& request,
                                                const StoreKey& key);
  absl::StatusOr<ToolchainFacts> Probe(const ToolchainRequest& request);

  // Facts that still hold, or nothing.
  std::optional<ToolchainFacts> Recall(const ToolchainRequest& request, const Digest& key);
  std::optional<ToolchainFacts> Remembered(const ToolchainRequest& request, const StoreKey& key);

  Store& store_;
  FileSystem& fs_;
  Clock& clock_;
  Asking asking_;
  const std::string directory_;
  std::mutex mutex_;
  // As read from the store; guarded by mutex_.
  absl::flat_hash_map<Digest, std::shared_ptr<const ToolchainFacts>> recalled_;
};

}  // namespace hpcc

#endif  // HPCC_CACHE_TOOLCHAIN_MEMO_H_
