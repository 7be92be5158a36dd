#include "agent/process_watch.h"

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>

#include "base/posix_descriptor.h"
#include "base/strings.h"

namespace hpcc {

namespace {

constexpr size_t kMaxTextBytes = 4096;

// One read: these files are short. "" when the process is gone.
std::string ReadText(const std::string& path) {
  const Descriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.valid()) return "";
  char text[kMaxTextBytes];
  const ssize_t got = read(file.get(), text, sizeof(text));
  return got > 0 ? std::string(text, static_cast<size_t>(got)) : "";
}

// Until `each` returns false.
template <typename Each>
void ForEachProcess(Each each) {
  const std::unique_ptr<DIR, int (*)(DIR*)> proc(opendir("/proc"), closedir);
  if (proc == nullptr) return;
  while (const dirent* entry = readdir(proc.get())) {
    const std::string_view name = entry->d_name;
    if (name.front() < '1' || name.front() > '9' || name == "1") continue;
    if (!each(StrCat("/proc/", name))) return;
  }
}

uint64_t Number(std::string_view text) {
  return std::strtoull(std::string(text).c_str(), nullptr, 10);
}

// proc(5): after the name in parentheses, which may hold anything, field 3 and those that follow.
std::vector<std::string_view> FieldsOfStat(const std::string& text) {
  const size_t name_end = text.rfind(')');
  if (name_end == std::string::npos || name_end + 2 > text.size()) return {};
  return StrSplit(std::string_view(text).substr(name_end + 2), ' ');
}

// "name:   12 kB", in bytes; 0 where there is no such line.
uint64_t KilobytesAt(std::string_view text, std::string_view name) {
  const size_t found = text.find(name);
  return found == std::string_view::npos ? 0 : 1024 * Number(text.substr(found + name.size(), 32));
}

// Memory that isn't a file's: nothing can be done without it when there is no room.
uint64_t UncachedMemory(std::string_view text, std::string_view anonymous,
                        std::string_view shared) {
  return KilobytesAt(text, anonymous) + KilobytesAt(text, shared);
}

}  // namespace

ProcessUsage SampleProcesses(uint64_t max_tasks) {
  static const uint64_t ticks = static_cast<uint64_t>(sysconf(_SC_CLK_TCK));
  ProcessUsage usage;
  // Names alone first, which cost a tenth of what is in the files.
  ForEachProcess([&](const std::string&) { return ++usage.tasks <= max_tasks; });
  if (usage.tasks > max_tasks) return usage;
  usage.tasks = 0;
  uint64_t cpu_ticks = 0;
  ForEachProcess([&](const std::string& process) {
    const std::string stat = ReadText(process + "/stat");
    const std::vector<std::string_view> fields = FieldsOfStat(stat);
    if (fields.size() < 18) return true;
    for (size_t field = 14; field <= 17; ++field) cpu_ticks += Number(fields[field - 3]);
    usage.tasks += Number(fields[20 - 3]);
    usage.memory_bytes += UncachedMemory(ReadText(process + "/status"), "RssAnon:", "RssShmem:");
    return usage.tasks <= max_tasks;
  });
  usage.cpu = std::chrono::milliseconds(cpu_ticks * 1000 / ticks);
  return usage;
}

uint64_t ProportionalMemory() {
  uint64_t bytes = 0;
  ForEachProcess([&](const std::string& process) {
    bytes += UncachedMemory(ReadText(process + "/smaps_rollup"), "Pss_Anon:", "Pss_Shmem:");
    return true;
  });
  return bytes;
}

}  // namespace hpcc
