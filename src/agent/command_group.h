#ifndef HPCC_AGENT_COMMAND_GROUP_H_
#define HPCC_AGENT_COMMAND_GROUP_H_

// The cgroup (v2) of one exec in a virtual machine: its processes, and what they write to files in
// memory, count there and are bounded there. Whoever would take more is ended with all its
// processes, and nobody else is: the kernel looks for a victim inside the group only.

#include <cstdint>
#include <string>

#include "agent/exec_world.h"
#include "base/posix_descriptor.h"

namespace hpcc {

// What one of `cpus` execs may have of `memory_bytes`: all but half of an equal share for each of
// the others, which is theirs whatever this one does.
uint64_t CommandGroupBytes(uint64_t memory_bytes, uint32_t cpus);

// Not thread-safe.
class CommandGroup {
 public:
  CommandGroup() = default;  // none
  CommandGroup(const CommandGroup&) = delete;
  CommandGroup& operator=(const CommandGroup&) = delete;
  ~CommandGroup();  // removes it; nothing runs in it

  // `parent`: open on the directory of the group it is made in, and stays so. `name` is no other
  // group's there at this time.
  FailedStep Make(int parent, const std::string& name, uint64_t memory_bytes);
  bool made() const { return directory_.valid(); }

  // Less memory than it was made with. False: errno says why.
  bool Limit(uint64_t memory_bytes) const;
  // Open on its directory, for a process to be started in it (clone3).
  int directory() const { return directory_.get(); }
  // Whether the kernel has ended a process in it for want of memory.
  bool RanOutOfMemory() const;

 private:
  bool Write(const char* file, const std::string& text) const;

  int parent_ = -1;
  std::string name_;
  Descriptor directory_;
};

}  // namespace hpcc

#endif  // HPCC_AGENT_COMMAND_GROUP_H_
