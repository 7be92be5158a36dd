#include "sandbox/sandbox_cgroup.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <fstream>
#include <string_view>
#include <thread>
#include <utility>

#include "base/posix_descriptor.h"
#include "base/strings.h"

namespace hpcc {

namespace {

constexpr uint64_t kCpuPeriod = 100'000;  // microseconds
// The kernel takes a group's processes out of it a moment after they have ended.
constexpr int kRemovals = 50;
constexpr std::chrono::milliseconds kBetweenRemovals{20};

bool WriteFile(const std::string& path, const std::string& text) {
  const Descriptor file(open(path.c_str(), O_WRONLY | O_CLOEXEC));
  return file.valid() &&
         write(file.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size());
}

// One controller's knob.
struct Setting {
  std::string_view controller;
  std::string file;
  std::string value;
};

std::vector<Setting> SettingsV1(const CgroupLimits& limits) {
  return {{"memory", "memory.limit_in_bytes", StrCat(limits.memory_bytes)},
          {"pids", "pids.max", StrCat(limits.tasks)},
          {"cpu", "cpu.cfs_quota_us", StrCat(limits.cpus * kCpuPeriod)}};
}

std::vector<Setting> SettingsV2(const CgroupLimits& limits) {
  return {{"memory", "memory.max", StrCat(limits.memory_bytes)},
          {"pids", "pids.max", StrCat(limits.tasks)},
          {"cpu", "cpu.max", StrCat(limits.cpus * kCpuPeriod, " ", kCpuPeriod)}};
}

// Where this process stands: cgroups(7), "/proc/[pid]/cgroup".
struct Membership {
  std::vector<std::string> controllers;  // none: version 2
  std::string path;
};

std::vector<Membership> OwnMemberships() {
  std::vector<Membership> memberships;
  std::ifstream lines("/proc/self/cgroup");
  for (std::string line; std::getline(lines, line);) {
    const size_t first = line.find(':');
    const size_t second = line.find(':', first + 1);
    if (first == std::string::npos || second == std::string::npos) continue;
    Membership membership{.path = line.substr(second + 1)};
    const std::string names = line.substr(first + 1, second - first - 1);
    if (!names.empty()) {
      for (std::string_view name : StrSplit(names, ',')) membership.controllers.emplace_back(name);
    }
    memberships.push_back(std::move(membership));
  }
  return memberships;
}

std::string MountOf(const Membership& membership) {
  if (!membership.controllers.empty()) {
    return "/sys/fs/cgroup/" + StrJoin(membership.controllers, ",");
  }
  const bool unified = access("/sys/fs/cgroup/cgroup.controllers", F_OK) == 0;
  return unified ? "/sys/fs/cgroup" : "/sys/fs/cgroup/unified";
}

bool IsOf(const Membership& membership, std::string_view controller) {
  const std::vector<std::string>& names = membership.controllers;
  return names.empty() || std::find(names.begin(), names.end(), controller) != names.end();
}

// Groups are named hpcc-<worker's process>-<sandbox>. One with processes in it can't be removed,
// whoever's it is.
void RemoveLeftovers(const std::string& parent) {
  constexpr std::string_view kPrefix = "hpcc-";
  const std::unique_ptr<DIR, int (*)(DIR*)> stream(opendir(parent.c_str()), closedir);
  if (stream == nullptr) return;
  while (const dirent* entry = readdir(stream.get())) {
    const std::string_view name = entry->d_name;
    if (!name.starts_with(kPrefix)) continue;
    pid_t worker = 0;
    const char* digits = name.data() + kPrefix.size();
    const auto [end, error] = std::from_chars(digits, name.data() + name.size(), worker);
    if (error != std::errc() || end == digits || *end != '-' || worker <= 0) continue;
    if (kill(worker, 0) != 0 && errno == ESRCH) rmdir(StrCat(parent, "/", name).c_str());
  }
}

}  // namespace

std::unique_ptr<SandboxCgroup> SandboxCgroup::Make(const std::string& id,
                                                   const CgroupLimits& limits, pid_t process) {
  std::unique_ptr<SandboxCgroup> cgroup(new SandboxCgroup);
  for (const Membership& membership : OwnMemberships()) {
    const std::vector<Setting> settings =
        membership.controllers.empty() ? SettingsV2(limits) : SettingsV1(limits);
    const std::string parent =
        StrCat(MountOf(membership), membership.path == "/" ? "" : membership.path);
    const std::string directory = StrCat(parent, "/hpcc-", getpid(), "-", id);
    const bool wanted = std::any_of(settings.begin(), settings.end(), [&](const Setting& setting) {
      return IsOf(membership, setting.controller);
    });
    if (!wanted) continue;
    RemoveLeftovers(parent);
    if (mkdir(directory.c_str(), 0755) != 0) continue;
    cgroup->directories_.push_back(directory);
    std::vector<std::string> held;
    for (const Setting& setting : settings) {
      if (!IsOf(membership, setting.controller)) continue;
      if (WriteFile(StrCat(directory, "/", setting.file), setting.value)) {
        held.emplace_back(setting.controller);
      }
    }
    if (held.empty() || !WriteFile(directory + "/cgroup.procs", StrCat(process))) continue;
    cgroup->controllers_.insert(cgroup->controllers_.end(), held.begin(), held.end());
  }
  return cgroup;
}

SandboxCgroup::~SandboxCgroup() {
  for (const std::string& directory : directories_) {
    for (int i = 0; i < kRemovals && rmdir(directory.c_str()) != 0 && errno == EBUSY; ++i) {
      std::this_thread::sleep_for(kBetweenRemovals);
    }
  }
}

}  // namespace hpcc
