#include "base/process_state.h"

#include <cstdlib>
#include <string>
#include <vector>

#include "base/file_system.h"
#include "base/posix_descriptor.h"
#include "base/strings.h"

namespace hpcc {

namespace {

// Files of /proc have no size; these are far shorter.
std::string ReadShortFile(const std::string& path) {
  const absl::StatusOr<Descriptor> descriptor = OpenReadOnly(path);
  if (!descriptor.ok()) return "";
  char buffer[4096];
  const ssize_t got = read(descriptor->get(), buffer, sizeof buffer);
  return got > 0 ? std::string(buffer, static_cast<size_t>(got)) : "";
}

// What proc(5) has of a process from its state on, the third field; "" when there is none.
std::string StatOf(const std::string& process) {
  const std::string stat = ReadShortFile(StrCat("/proc/", process, "/stat"));
  // The name before it is in parentheses and may hold any character, ')' too.
  const size_t behind_name = stat.rfind(") ");
  return behind_name == std::string::npos ? "" : stat.substr(behind_name + 2);
}

// The letter for the state of a process, or 0 when there is none.
char StateOf(const std::string& process) {
  const std::string stat = StatOf(process);
  return stat.empty() ? '\0' : stat.front();
}

bool IsStopped(char state) {
  return state == 'T' || state == 't';
}

std::vector<std::string> ChildrenOf(const std::string& process) {
  const std::string list = ReadShortFile(StrCat("/proc/", process, "/task/", process, "/children"));
  std::vector<std::string> children;
  for (const std::string_view child : StrSplit(list, ' ')) {
    if (!child.empty()) children.emplace_back(child);
  }
  return children;
}

// Of a compiler's driver the compiler is a child; a few more may stand between.
constexpr int kGenerations = 4;

bool IsStoppedBelow(const std::string& process, int generations) {
  if (generations == 0) return false;
  for (const std::string& child : ChildrenOf(process)) {
    if (IsStopped(StateOf(child)) || IsStoppedBelow(child, generations - 1)) return true;
  }
  return false;
}

uint64_t TicksOf(const std::string& process, int generations) {
  const std::string stat = StatOf(process);
  uint64_t ticks = 0;
  size_t field = 3;
  for (const std::string_view word : StrSplit(stat, ' ')) {
    // utime, stime, cutime and cstime: its own, and its children's that have ended.
    if (field >= 14 && field <= 17) ticks += std::strtoull(std::string(word).c_str(), nullptr, 10);
    ++field;
  }
  if (generations == 0) return ticks;
  for (const std::string& child : ChildrenOf(process)) ticks += TicksOf(child, generations - 1);
  return ticks;
}

}  // namespace

bool IsStoppedOrGone(int64_t process) {
  if (process <= 0) return false;
  const std::string name = StrCat(process);
  const char state = StateOf(name);
  if (state == '\0') {
    FileStat proc;
    return FileSystem::Real().Stat("/proc/self/stat", /*follow_symlinks=*/true, &proc) == 0;
  }
  if (state == 'Z' || state == 'X' || IsStopped(state)) return true;
  return IsStoppedBelow(name, kGenerations);
}

uint64_t ProcessorTicksOf(int64_t process) {
  return process <= 0 ? 0 : TicksOf(StrCat(process), kGenerations);
}

}  // namespace hpcc
