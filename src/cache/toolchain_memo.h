#ifndef HPCC_CACHE_TOOLCHAIN_MEMO_H_
#define HPCC_CACHE_TOOLCHAIN_MEMO_H_

// Remembers what was found out about compilers, so that it is asked once and not per compile.

#include "absl/status/statusor.h"
#include "base/clock.h"
#include "base/file_system.h"
#include "compiler/toolchain.h"
#include "store/store.h"

namespace hpcc {

class ToolchainMemo {
 public:
  // All outlive the memo.
  ToolchainMemo(Store& store, FileSystem& fs, Clock& clock)
      : store_(store), fs_(fs), clock_(clock) {}

  // The facts for `request`: remembered ones if what they rest on still holds, else the compiler is
  // asked. `arguments` are the compile's own: an opaque compiler is asked with them. Unavailable
  // when the program doesn't answer like a known compiler.
  absl::StatusOr<ToolchainFacts> Identify(ToolchainRequest request,
                                          const std::vector<std::string>& arguments);

 private:
  absl::StatusOr<ToolchainFacts> FactsFor(const ToolchainRequest& request);

  Store& store_;
  FileSystem& fs_;
  Clock& clock_;
};

}  // namespace hpcc

#endif  // HPCC_CACHE_TOOLCHAIN_MEMO_H_
