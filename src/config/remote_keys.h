#ifndef HPCC_CONFIG_REMOTE_KEYS_H_
#define HPCC_CONFIG_REMOTE_KEYS_H_

// The keys of [remote], where compiles are sent that no cache has: which there are, what each may
// hold, and how the blocks of several files become one. One table (remote_keys.cc): a new key is a
// row there.

#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/environment.h"
#include "base/file_system.h"
#include "config/config.h"
#include "config/config_file.h"
#include "config/sourced.h"

namespace hpcc {

std::span<const std::string_view> RemoteKeys();

// Not thread-safe.
class RemoteMerger {
 public:
  // A later block's keys over those of an earlier one. InvalidArgument: "<file>:<line>:
  // remote.<key>: <what is wrong>".
  absl::Status Add(const RemoteBlock& block, const std::string& file, FileSystem& fs,
                   const Environment& environment);
  Sourced<bool>* use() { return &use_; }

  // Also notes what was set in `settings`. InvalidArgument: a key lacks its companion.
  absl::StatusOr<RemoteSettings> Finish(std::vector<Config::Setting>* settings) const;

 private:
  std::string Text(std::string_view key) const;
  absl::Status CheckCompanions() const;

  Sourced<bool> use_{RemoteSettings().use};
  std::map<std::string, Sourced<std::string>, std::less<>> texts_;  // those that are set
};

}  // namespace hpcc

#endif  // HPCC_CONFIG_REMOTE_KEYS_H_
