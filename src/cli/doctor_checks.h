#ifndef HPCC_CLI_DOCTOR_CHECKS_H_
#define HPCC_CLI_DOCTOR_CHECKS_H_

// What `hpcc doctor` looks at, each check by itself. None of them changes anything but for a probe
// file in the cache directory, which is removed again, a small object in each remote cache, and the
// mark that spares wrappers the wait for a daemon that does not answer.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "cli/command.h"

namespace hpcc {

struct Finding {
  enum class Level : uint8_t {
    kOk,
    kWarn,  // works, but not as well as it could
    kFail,  // doesn't work
  };
  Level level = Level::kOk;
  std::string check;  // "cache-directory"
  std::string text;   // what was found and, unless it is fine, what to do
};

std::string_view FindingLevelName(Finding::Level level);  // "ok", "warn", "fail"

// What the configuration says that a user may have forgotten.
void CheckSettings(const CommandContext& context, std::vector<Finding>* findings);
// HPCC_* variables nobody reads.
void CheckVariables(const CommandContext& context, std::vector<Finding>* findings);
// One cache: that it can be written to and read back, by whom, on what file system, with what clock
// and how much room.
void CheckCache(const CommandContext& context, const CacheTier& tier,
                std::vector<Finding>* findings);
// One remote cache: its start-up check, made through hpcc-remote, which is started for it; what was
// last heard of it; secrets that should stand elsewhere.
void CheckRemoteCache(const CommandContext& context, const CacheTier& tier,
                      std::vector<Finding>* findings);
// The per-user daemon: whether one can be reached, and what keeps wrappers from asking it.
void CheckDaemon(const CommandContext& context, std::vector<Finding>* findings);
// Which kinds of sandboxes a worker on this machine could have. Tries KVM, on a processor of its
// own.
void CheckIsolation(const CommandContext& context, std::vector<Finding>* findings);
// The compilers on PATH, and what stands before them.
void CheckCompilers(const CommandContext& context, std::vector<Finding>* findings);

}  // namespace hpcc

#endif  // HPCC_CLI_DOCTOR_CHECKS_H_
