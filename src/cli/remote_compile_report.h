#ifndef HPCC_CLI_REMOTE_COMPILE_REPORT_H_
#define HPCC_CLI_REMOTE_COMPILE_REPORT_H_

// What `hpcc stats` tells of compiles that workers did, or could have done.

#include "cache/statistics.h"
#include "cli/command.h"
#include "cli/json_output.h"
#include "cli/text.h"
#include "remote/notice_file.h"

namespace hpcc {

struct RemoteCompileReport {
  bool shown = false;  // remote compiles are configured, or there were some
  StatisticsSnapshot counts;
  Notice notice;  // the last one
};

RemoteCompileReport ReadRemoteCompileReport(const CommandContext& context,
                                            const StatisticsSnapshot& counts);

void AddRemoteCompiles(const RemoteCompileReport& report, int64_t now_ns, TextTable* table);
// null unless shown.
Json ToJson(const RemoteCompileReport& report);

}  // namespace hpcc

#endif  // HPCC_CLI_REMOTE_COMPILE_REPORT_H_
