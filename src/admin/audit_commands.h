#ifndef HPCC_ADMIN_AUDIT_COMMANDS_H_
#define HPCC_ADMIN_AUDIT_COMMANDS_H_

// The commands of hpcc-audit, which `hpcc audit` hands over to.

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "cli/command.h"
#include "telemetry/audit_reader.h"

namespace hpcc {

extern const Command kAuditQueryCommand;
extern const Command kAuditVerifyCommand;
extern const Command kAuditReplayCommand;

inline constexpr OptionSpec kLogOption = {"--log", "FILE",
                                          "the audit log; default: $HPCC_AUDIT_LOG"};

// Of --log or HPCC_AUDIT_LOG, absolute. InvalidArgument: neither is set.
absl::StatusOr<std::string> AuditLogPath(const CommandContext& context,
                                         const ParsedOptions& options);

// The whole program: the value is its exit status.
int RunAudit(int argc, char** argv);

}  // namespace hpcc

#endif  // HPCC_ADMIN_AUDIT_COMMANDS_H_
