#include "agent/memory_kills.h"

#include <fstream>
#include <string>

namespace hpcc {

uint64_t OutOfMemoryKills() {
  std::ifstream counters("/proc/vmstat");
  std::string name;
  uint64_t value = 0;
  while (counters >> name >> value) {
    if (name == "oom_kill") return value;
  }
  return 0;
}

}  // namespace hpcc
