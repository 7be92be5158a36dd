#ifndef HPCC_DAEMON_HOT_UNITS_H_
#define HPCC_DAEMON_HOT_UNITS_H_

// What was served lately, unpacked and ready to be served again. Nothing here is taken on trust:
// each time the closure is checked against the files, and the result must still be in the store.
//
// Outputs are held while there is room that nobody used lately. A build whose outputs don't fit
// would push out each before it is asked for again; instead some are held, and of the others all
// but the outputs, which wrappers then read from the store themselves.

#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "base/clock.h"
#include "base/digest.h"
#include "base/posix_descriptor.h"
#include "cache/result_cache.h"
#include "client/daemon_protocol.h"

namespace hpcc {

// One result. Thread-safe where it changes.
class HotUnit {
 public:
  enum class Holds : uint8_t { kAll, kAllButOutputs };

  // From a direct hit. The error is that its outputs can't be shared.
  static absl::StatusOr<std::shared_ptr<HotUnit>> Make(Lookup lookup, Holds holds);

  // As ResultCache::StillHits, and with all that `unit` asks for.
  bool StillHits(ResultCache& cache, const Unit& unit);
  // The files that StillHits looks at, as of its last call; null: not called yet.
  std::shared_ptr<const StatPlan> Files() const;

  // The answer for a wrapper; the dependency file is made for `unit`. Nothing when it can't be.
  std::optional<daemon_v1::Hit> AnswerFor(const Unit& unit);

  // Of all outputs one after the other; not valid where they are in the answer itself or not held.
  const Descriptor& outputs() const { return outputs_; }
  uint64_t output_bytes() const { return answer_.total_size(); }
  uint64_t stored_bytes() const { return stored_bytes_; }
  int64_t compile_ns() const { return bundle_.compile_ns; }
  size_t memory() const { return memory_; }  // bytes, about

 private:
  std::optional<std::string> DependencyFile(const Unit& unit);

  ResultBundle bundle_;    // its output parts are empty
  daemon_v1::Hit answer_;  // without the dependency file
  Descriptor outputs_;
  uint64_t stored_bytes_ = 0;
  size_t memory_ = 0;
  mutable std::mutex mutex_;
  DirectRecord record_;  // guarded by mutex_, as is where its files are
  std::optional<ClosurePlan> plan_;
  std::shared_ptr<const StatPlan> files_;  // guarded by mutex_: a copy of the plan's, with its root
  std::string files_cwd_;
  std::string files_root_;
  std::string dependency_key_;  // guarded by mutex_: what dependency_text_ was made for
  std::string dependency_text_;
};

// Thread-safe.
class HotUnits {
 public:
  // The least recently used go beyond these. `clock` outlives the object.
  HotUnits(Clock& clock, size_t max_bytes, size_t max_units)
      : clock_(clock), max_bytes_(max_bytes), max_units_(max_units) {}

  std::shared_ptr<HotUnit> Find(const Digest& key);
  // Whether outputs of `bytes` fit in; makes room of what has not been used for a while.
  bool HasRoomFor(size_t bytes);
  void Keep(const Digest& key, std::shared_ptr<HotUnit> unit);
  // What was served to a request of this digest last; null: nothing known. A guess: nothing says
  // that the same words mean the same unit now.
  std::shared_ptr<HotUnit> Guess(const Digest& request);
  void NoteRequest(const Digest& request, const Digest& key);
  void Forget(const Digest& key);
  void DropAll();
  uint64_t bytes() const;

 private:
  struct Entry {
    Digest key;
    std::shared_ptr<HotUnit> unit;
    int64_t used_ns = 0;  // on the monotonic clock
  };

  void Drop(std::list<Entry>::iterator entry);

  Clock& clock_;
  const size_t max_bytes_;
  const size_t max_units_;
  mutable std::mutex mutex_;
  // All below are guarded by mutex_.
  std::list<Entry> units_;  // most recently used first
  absl::flat_hash_map<Digest, std::list<Entry>::iterator> by_key_;
  absl::flat_hash_map<Digest, Digest> key_of_request_;
  size_t bytes_ = 0;
};

}  // namespace hpcc

#endif  // HPCC_DAEMON_HOT_UNITS_H_
