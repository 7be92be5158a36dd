#include "compiler/invocation.h"

namespace hpcc {

std::string_view OutputRoleName(OutputRole role) {
  switch (role) {
    case OutputRole::kObject:
      return "object";
    case OutputRole::kDwo:
      return "dwo";
    case OutputRole::kCoverageNotes:
      return "coverage-notes";
    case OutputRole::kStackUsage:
      return "stack-usage";
  }
  return "unknown";
}

}  // namespace hpcc
