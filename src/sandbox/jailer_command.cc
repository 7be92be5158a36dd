#include "sandbox/jailer_command.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <fstream>
#include <iterator>

#include "base/path.h"
#include "base/process.h"
#include "base/status.h"
#include "base/strings.h"

namespace hpcc {

namespace {

constexpr size_t kMaxIdBytes = 64;
constexpr std::string_view kControllers[] = {"memory", "pids", "cpu"};
constexpr uint32_t kCpuPeriod = 100'000;  // microseconds: the kernel's own default
constexpr uint32_t kDescriptors = 1'024;
// A machine that compiles is a busy one.
constexpr CaptureLimits kVersionLimits{.timeout = std::chrono::seconds(20),
                                       .max_output_bytes = 64 << 10};

void AddLimits(int cgroups, const JailLimits& limits, std::vector<std::string>* arguments) {
  const uint64_t memory = limits.memory_bytes + kVmmMemoryBytes;
  const uint32_t quota = limits.cpus * kCpuPeriod;
  std::vector<std::string> files = {StrCat("pids.max=", limits.cpus + kVmmThreads)};
  if (cgroups == 1) {
    files.push_back(StrCat("memory.limit_in_bytes=", memory));
    files.push_back(StrCat("cpu.cfs_quota_us=", quota));
  } else {
    files.push_back(StrCat("memory.max=", memory));
    files.push_back(StrCat("cpu.max=", quota, " ", kCpuPeriod));
  }
  arguments->insert(arguments->end(), {"--cgroup-version", StrCat(cgroups), "--parent-cgroup",
                                       std::string(kJailParentCgroup)});
  for (std::string& file : files) {
    arguments->push_back("--cgroup");
    arguments->push_back(std::move(file));
  }
}

bool TakeNumber(std::string_view* text, uint32_t* number) {
  const char* const end = text->data() + text->size();
  const auto [stopped, error] = std::from_chars(text->data(), end, *number);
  if (error != std::errc()) return false;
  text->remove_prefix(static_cast<size_t>(stopped - text->data()));
  return true;
}

bool TakeDot(std::string_view* text) {
  if (!text->starts_with('.')) return false;
  text->remove_prefix(1);
  return true;
}

}  // namespace

int JailerCgroups(std::string_view mounts, std::string_view controllers) {
  const auto has_all = [](const std::vector<std::string_view>& words) {
    return std::all_of(std::begin(kControllers), std::end(kControllers), [&](const auto& wanted) {
      return std::find(words.begin(), words.end(), wanted) != words.end();
    });
  };
  if (has_all(StrSplit(StripBlanks(controllers), ' '))) return 2;
  std::vector<std::string_view> options;
  for (const std::string_view line : StrSplit(mounts, '\n')) {
    const std::vector<std::string_view> fields = StrSplit(line, ' ');
    if (fields.size() < 4 || fields[2] != "cgroup") continue;
    for (const std::string_view option : StrSplit(fields[3], ',')) options.push_back(option);
  }
  return has_all(options) ? 1 : 0;
}

int JailerCgroups() {
  const auto text = [](const char* path) {
    std::ifstream file(path);
    return std::string(std::istreambuf_iterator<char>(file), {});
  };
  return JailerCgroups(text("/proc/self/mounts"), text("/sys/fs/cgroup/cgroup.controllers"));
}

absl::Status CheckJailerSettings(const JailerSettings& settings) {
  for (const std::string& path : {settings.jailer, settings.firecracker, settings.base}) {
    if (!path::IsAbsolute(path)) {
      return absl::InvalidArgumentError(StrCat("firecracker: ", path, " is no absolute path"));
    }
  }
  if (!StrContains(path::Basename(settings.firecracker), "firecracker")) {
    return absl::InvalidArgumentError(
        StrCat("firecracker: ", settings.firecracker,
               ": the jailer runs only programs with \"firecracker\" in their name"));
  }
  return absl::OkStatus();
}

bool IsJailId(std::string_view id) {
  const auto plain = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-';
  };
  return !id.empty() && id.size() <= kMaxIdBytes && std::all_of(id.begin(), id.end(), plain);
}

std::vector<std::string> JailerArguments(const JailerSettings& settings, const std::string& id,
                                         uint32_t user, const JailLimits& limits) {
  std::vector<std::string> arguments = {
      settings.jailer, "--id", id, "--exec-file", settings.firecracker, "--uid", StrCat(user),
      "--gid", StrCat(user), "--chroot-base-dir", settings.base, "--new-pid-ns", "--resource-limit",
      StrCat("no-file=", kDescriptors),
      // Nothing it writes is larger than a snapshot's memory.
      "--resource-limit", StrCat("fsize=", limits.memory_bytes + kVmmMemoryBytes)};
  if (settings.cgroups != 0) AddLimits(settings.cgroups, limits, &arguments);
  arguments.insert(arguments.end(), {"--", "--api-sock", StrCat("/", kJailApiSocket)});
  return arguments;
}

std::string FirecrackerVersion::ToString() const {
  return StrCat(major, ".", minor, ".", patch, release ? "" : "-dev");
}

absl::StatusOr<FirecrackerVersion> ParseFirecrackerVersion(std::string_view text) {
  std::string_view rest = text;
  if (rest.starts_with('v')) rest.remove_prefix(1);
  FirecrackerVersion version;
  if (!TakeNumber(&rest, &version.major) || !TakeDot(&rest) || !TakeNumber(&rest, &version.minor) ||
      !TakeDot(&rest) || !TakeNumber(&rest, &version.patch) ||
      (!rest.empty() && rest.front() != '-')) {
    return absl::InvalidArgumentError("firecracker: what it says is no version");
  }
  version.release = rest.empty();
  return version;
}

absl::StatusOr<FirecrackerVersion> ParseVersionLine(std::string_view output,
                                                    std::string_view name) {
  const std::string_view line = StripBlanks(output.substr(0, output.find('\n')));
  if (!line.starts_with(name) || line.substr(name.size()).substr(0, 1) != " ") {
    return absl::InvalidArgumentError(StrCat(name, ": it doesn't say so of itself"));
  }
  return ParseFirecrackerVersion(line.substr(name.size() + 1));
}

absl::StatusOr<FirecrackerVersion> ProgramVersion(const std::string& program,
                                                  std::string_view name) {
  const absl::StatusOr<CapturedRun> run =
      RunCaptured({program, "--version"}, Environment(), kVersionLimits);
  if (!run.ok()) {
    return absl::Status(run.status().code(),
                        StrCat(program, ": ", std::string(run.status().message())));
  }
  if (!run->exit.success()) {
    return absl::FailedPreconditionError(StrCat(program, " --version fails"));
  }
  const absl::StatusOr<FirecrackerVersion> version = ParseVersionLine(run->out, name);
  if (!version.ok()) {
    return absl::FailedPreconditionError(
        StrCat(program, ": ", std::string(version.status().message())));
  }
  return version;
}

absl::Status CheckVersions(const FirecrackerVersion& firecracker,
                           const FirecrackerVersion& jailer) {
  if (firecracker < kLeastFirecracker) {
    return absl::FailedPreconditionError(StrCat(
        "firecracker ", firecracker.ToString(), " is too old: ", kLeastFirecracker.ToString(),
        " is the first whose vsock can be reached after a snapshot is loaded"));
  }
  if (firecracker != jailer) {
    return absl::FailedPreconditionError(StrCat("firecracker is ", firecracker.ToString(),
                                                " and jailer is ", jailer.ToString(),
                                                ": they must be of one version"));
  }
  return absl::OkStatus();
}

}  // namespace hpcc
