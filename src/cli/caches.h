#ifndef HPCC_CLI_CACHES_H_
#define HPCC_CLI_CACHES_H_

// The configured caches as the subcommands look into them: without changing anything there, so a
// damaged value is reported and left for the next compile to remove.

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "cache/unit_record.h"
#include "cli/command.h"
#include "store/disk_store.h"

namespace hpcc {

struct FoundValue {
  std::string value;
  std::string path;           // of the file that holds it, or the name of the remote cache
  uint64_t stored_bytes = 0;  // as kept, seal included
};

// The configured caches and, before them, the records that stand in where none is a disk.
std::vector<CacheTier> SearchedTiers(const Config& config);

// Asks the caches in order; of remote ones only what is shared. NotFound when none has it; DataLoss
// when the only one that has it holds it damaged.
absl::StatusOr<FoundValue> FindValue(const CommandContext& context, const StoreKey& key);

// The record of the last compile of a source or output file, named as the user spells it. Looked
// for under its path from $PWD, from the physical directory, and with symlinks resolved. NotFound
// is worded for the user.
absl::StatusOr<UnitRecord> FindUnitRecord(const CommandContext& context, const std::string& file);

DiskStore OpenDiskStore(const CommandContext& context, const CacheTier& tier);

}  // namespace hpcc

#endif  // HPCC_CLI_CACHES_H_
