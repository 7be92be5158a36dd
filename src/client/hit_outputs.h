#ifndef HPCC_CLIENT_HIT_OUTPUTS_H_
#define HPCC_CLIENT_HIT_OUTPUTS_H_

// The files of one hit: written aside one by one, then put in place together.

#include <list>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "base/clock.h"
#include "base/file_system.h"
#include "client/output_writer.h"
#include "compiler/invocation.h"

namespace hpcc {

// How the compiler itself would put the output there.
OutputKind OutputKindOf(const Invocation& invocation, OutputRole role);

class HitOutputs {
 public:
  // Both outlive the object, as does the data added.
  HitOutputs(FileSystem& fs, Clock& clock) : fs_(fs), clock_(clock) {}

  // Objects that carry the time of their making get the present one, as from the compiler.
  absl::Status Add(const std::string& path, OutputData data, OutputKind kind);

  // In the order added; stops at the first that can't be put in place.
  absl::Status Commit();

 private:
  FileSystem& fs_;
  Clock& clock_;
  std::list<std::string> restamped_;
  std::list<PendingOutput> pending_;
};

}  // namespace hpcc

#endif  // HPCC_CLIENT_HIT_OUTPUTS_H_
