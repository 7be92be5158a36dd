#include "base/process_state.h"

#include <string>

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

// The letter of proc(5) for the state of a process, or 0 when there is none.
char StateOf(const std::string& process) {
  const std::string stat = ReadShortFile(StrCat("/proc/", process, "/stat"));
  // The name before it is in parentheses and may hold any character, ')' too.
  const size_t behind_name = stat.rfind(") ");
  return behind_name == std::string::npos ? '\0' : stat[behind_name + 2];
}

bool IsStopped(char state) {
  return state == 'T' || state == 't';
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
  const std::string children = ReadShortFile(StrCat("/proc/", name, "/task/", name, "/children"));
  for (const std::string_view child : StrSplit(children, ' ')) {
    if (!child.empty() && IsStopped(StateOf(std::string(child)))) return true;
  }
  return false;
}

}  // namespace hpcc
