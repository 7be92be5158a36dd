#include <unistd.h>

#include "base/strings.h"
#include "cli/doctor_checks.h"
#include "cli/text.h"
#include "sandbox/isolation_probe.h"

namespace hpcc {

// A machine that is no worker needs none of these: what can't be is told, and is no warning.
void CheckIsolation(const CommandContext& context, std::vector<Finding>* findings) {
  const std::vector<IsolationFinding> isolations =
      ProbeIsolations(context.environment.GetOrEmpty("PATH"), /*root=*/geteuid() == 0, ProbeKvm());
  for (const IsolationFinding& isolation : isolations) {
    findings->push_back({Finding::Level::kOk, "isolation",
                         StrCat("a worker here ", isolation.usable ? "can" : "can't",
                                " have sandboxes of the kind ", isolation.isolation, ": ",
                                Printable(isolation.reason))});
  }
}

}  // namespace hpcc
