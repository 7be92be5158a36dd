#ifndef HPCC_DAEMON_DAEMON_STATE_H_
#define HPCC_DAEMON_DAEMON_STATE_H_

// What all conversations of one daemon share.

#include <atomic>
#include <string>

#include "base/clock.h"
#include "base/file_system.h"
#include "cache/directory_memo.h"
#include "cache/file_memo.h"
#include "client/daemon_protocol.h"
#include "daemon/cache_contexts.h"
#include "daemon/helped_file_system.h"
#include "daemon/hot_units.h"
#include "daemon/lease_table.h"

namespace hpcc {

// Thread-safe where it changes.
struct DaemonState {
  // `memory` bounds what is remembered, in bytes; one half is for the memo, the other for results.
  DaemonState(FileSystem& fs_in, Clock& clock_in, size_t memory, size_t max_hot_units)
      : fs(fs_in),
        clock(clock_in),
        memo(memory / 2),
        hot_units(clock_in, memory / 2, max_hot_units),
        contexts(fs_in, clock_in, memo) {}

  FileSystem& fs;
  HelpedFileSystem* helped = nullptr;  // `fs`, where it is one
  Clock& clock;
  FileMemo memo;
  DirectoryMemo directories;
  HotUnits hot_units;
  CacheContexts contexts;
  LeaseTable leases;

  // Set before the first conversation.
  std::string token;
  daemon_v1::Surroundings surroundings;
  int64_t started_ns = 0;  // since the epoch

  std::atomic<bool> stopping = false;  // no new work; what is in flight is finished
  std::atomic<bool> hurry = false;     // what is in flight has had its time
  std::atomic<uint64_t> requests = 0;
  std::atomic<uint64_t> waiting = 0;  // conversations that wait for another's lease
  std::atomic<uint64_t> security_events = 0;

  // Something that no program of ours does. Logged as "security: <what>".
  void NoteSecurityEvent(std::string_view what);
};

}  // namespace hpcc

#endif  // HPCC_DAEMON_DAEMON_STATE_H_
