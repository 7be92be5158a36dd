#ifndef HPCC_CLI_REMOTE_REPORT_H_
#define HPCC_CLI_REMOTE_REPORT_H_

// What `hpcc stats` tells of remote caches.

#include <vector>

#include "absl/status/statusor.h"
#include "cli/command.h"
#include "cli/json_output.h"
#include "cli/text.h"
#include "remote/tier_statistics.h"

namespace hpcc {

struct RemoteReport {
  const CacheTier* tier = nullptr;
  TierReport report;
};

// Of all remote caches. A running hpcc-remote is asked to write down what it has counted so far;
// none is started.
absl::StatusOr<std::vector<RemoteReport>> ReadRemoteReports(const CommandContext& context);
absl::Status ZeroRemoteReports(const CommandContext& context);

void AddRemote(const RemoteReport& remote, int64_t now_ns, TextTable* table);
Json ToJson(const RemoteReport& remote);

}  // namespace hpcc

#endif  // HPCC_CLI_REMOTE_REPORT_H_
