#ifndef HPCC_DAEMON_SHARED_COMPILE_H_
#define HPCC_DAEMON_SHARED_COMPILE_H_

// One compile somebody asks about: what the daemon makes of the request, and what it learns after
// the wrapper has compiled. Starts no process and writes nothing but the caches.

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "base/posix_descriptor.h"
#include "cache/result_cache.h"
#include "cache/unit_record.h"
#include "client/compile_subject.h"
#include "client/daemon_protocol.h"
#include "daemon/cache_contexts.h"
#include "daemon/daemon_state.h"
#include "daemon/hot_units.h"

namespace hpcc {

class SharedCompile {
 public:
  // `state` outlives the object.
  SharedCompile(DaemonState& state, CompileRequest command);

  // Everything up to the keys. The error says why the wrapper must work alone; Unavailable: only
  // because the compiler isn't known yet. The calling thread
  // stands in the command's working directory.
  absl::Status Prepare();

  // Under which compiles of the same unit wait for each other.
  const Digest& lease_key() const { return lease_key_; }

  // What this unit was served with last, which may or may not hold; null: nothing.
  std::shared_ptr<HotUnit> FindHot();
  // Whether it holds. Counted if it does, and forgotten if not.
  bool StillHits(HotUnit& hot);

  struct Found {
    std::shared_ptr<HotUnit> hit;  // null: none; counted
    Lookup lookup;                 // what to go on with when there is none
  };
  // What the cache has.
  Found LookUp();
  // Whether only the wrapper can go on after this look-up, which has no hit.
  static bool NeedsWrapper(const Lookup& lookup) {
    return lookup.ask_preprocessor || lookup.refusal.has_value();
  }

  // What a compile left behind, in two steps: all that must happen before the wrapper leaves, and
  // keeping it. `outputs` are the files in the order the command names them.
  struct Outcome {
    CompileOutcome compile;
    CompilePlace place;
    ClosureResult closure;
    std::optional<std::string> dependency_file;
  };
  // The error says why the wrapper must find out by itself.
  absl::StatusOr<Outcome> Learn(const daemon_v1::Learn& learn,
                                const std::vector<Descriptor>& outputs);
  void Keep(const Lookup& lookup, Outcome outcome);

  const Invocation& invocation() const { return subject_.invocation(); }
  const Unit& unit() const { return subject_.unit(); }

 private:
  DaemonState& state_;
  const CompileRequest command_;
  void CountHit(const HotUnit& hit);

  CompileSubject subject_;
  std::shared_ptr<CacheContext> caches_;  // set by Prepare, as is the key
  Digest lease_key_;
};

}  // namespace hpcc

#endif  // HPCC_DAEMON_SHARED_COMPILE_H_
