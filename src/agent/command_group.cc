#include "agent/command_group.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <string_view>

#include "base/strings.h"

namespace hpcc {

namespace {

constexpr size_t kMostEventBytes = 4096;

// The number behind `name` in lines of a name and a number each.
uint64_t NumberOf(std::string_view text, std::string_view name) {
  for (const std::string_view line : StrSplit(text, '\n')) {
    if (!line.starts_with(name) || line.substr(name.size(), 1) != " ") continue;
    const std::string_view digits = line.substr(name.size() + 1);
    uint64_t number = 0;
    std::from_chars(digits.data(), digits.data() + digits.size(), number);
    return number;
  }
  return 0;
}

}  // namespace

uint64_t CommandGroupBytes(uint64_t memory_bytes, uint32_t cpus) {
  const uint64_t execs = std::max<uint32_t>(1, cpus);
  return memory_bytes - (execs - 1) * (memory_bytes / (2 * execs));
}

CommandGroup::~CommandGroup() {
  if (!made()) return;
  directory_.Reset();
  unlinkat(parent_, name_.c_str(), AT_REMOVEDIR);
}

bool CommandGroup::Write(const char* file, const std::string& text) const {
  const Descriptor opened(openat(directory_.get(), file, O_WRONLY | O_CLOEXEC));
  return opened.valid() &&
         write(opened.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size());
}

FailedStep CommandGroup::Make(int parent, const std::string& name, uint64_t memory_bytes) {
  const auto failed = [] { return FailedStep{.step = "make a cgroup", .error = errno}; };
  unlinkat(parent, name.c_str(), AT_REMOVEDIR);  // a killed supervisor left it behind
  if (mkdirat(parent, name.c_str(), 0755) != 0) return failed();
  parent_ = parent;
  name_ = name;
  directory_ = Descriptor(openat(parent, name.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!directory_.valid() || !Limit(memory_bytes) || !Write("memory.oom.group", "1")) {
    return failed();
  }
  return {};
}

bool CommandGroup::Limit(uint64_t memory_bytes) const {
  return Write("memory.max", StrCat(memory_bytes));
}

bool CommandGroup::RanOutOfMemory() const {
  const Descriptor events(openat(directory_.get(), "memory.events", O_RDONLY | O_CLOEXEC));
  char text[kMostEventBytes];
  const ssize_t got = events.valid() ? read(events.get(), text, sizeof(text)) : -1;
  return got > 0 && NumberOf({text, static_cast<size_t>(got)}, "oom_kill") != 0;
}

}  // namespace hpcc
