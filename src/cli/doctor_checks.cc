#include "cli/doctor_checks.h"

#include <cstdlib>

#include "base/mounted_file_system.h"
#include "base/nearest_name.h"
#include "base/path.h"
#include "base/status.h"
#include "base/strings.h"
#include "base/units.h"
#include "cli/text.h"
#include "store/disk_store.h"

namespace hpcc {

namespace {

using Level = Finding::Level;

// Apart by more than this, a file's stamp and the clock are two clocks.
constexpr int64_t kClockToleranceNanoseconds = 2'000'000'000;
constexpr uint32_t kWritableByOthers = 0002;
constexpr uint32_t kSticky = 01000;

std::string Message(const absl::Status& status) {
  return std::string(status.message());
}

// Writes a probe file as a compile would write a result, and reports the stamp it got.
absl::StatusOr<FileStat> WriteProbe(FileSystem& fs, const std::string& directory) {
  constexpr std::string_view kText = "hpcc doctor\n";
  HPCC_RETURN_IF_ERROR(MakeDirectories(fs, directory));
  const std::string probe = path::Join(directory, "doctor");
  HPCC_RETURN_IF_ERROR(WriteFileAtomically(fs, probe, kText));
  FileStat stat;
  const absl::StatusOr<std::string> text = ReadFileAndStat(fs, probe, kText.size(), &stat);
  const absl::Status removed = fs.Remove(probe);
  HPCC_RETURN_IF_ERROR(text.status());
  HPCC_RETURN_IF_ERROR(removed);
  if (*text != kText) return absl::DataLossError("what was written was not read back");
  return stat;
}

void CheckStamps(const FileStat& probe, int64_t now_ns, const std::string& location,
                 std::vector<Finding>* findings) {
  constexpr std::string_view kCheck = "clock";
  const int64_t apart = std::llabs(now_ns - probe.modified_ns);
  if (apart > kClockToleranceNanoseconds) {
    findings->push_back(
        {Level::kWarn, std::string(kCheck),
         StrCat(
             "files in ", location, " are stamped ",
             FormatDuration(std::chrono::nanoseconds(apart)),
             " apart from this machine's clock; eviction order and --max-age go by these stamps. "
             "Set both clocks by NTP")});
    return;
  }
  findings->push_back({Level::kOk, std::string(kCheck),
                       StrCat("files in ", location, " are stamped by this machine's clock")});
}

void CheckRoom(const CommandContext& context, const CacheTier& tier,
               const MountedFileSystem& mounted, std::vector<Finding>* findings) {
  const absl::StatusOr<DiskUsage> usage =
      DiskStore({.root = tier.location, .max_size = tier.max_size}, context.fs, context.clock)
          .Usage();
  const uint64_t used = usage.ok() ? usage->bytes : 0;
  const std::string free = StrCat(FormatBytes(mounted.free_bytes), " free on this ", mounted.type);
  if (tier.max_size == 0) {
    findings->push_back({Level::kWarn, "room",
                         StrCat(tier.location, " has no size limit, with ", free,
                                ". Set max_size unless something else keeps it small")});
    return;
  }
  const uint64_t growth = tier.max_size > used ? tier.max_size - used : 0;
  if (growth > mounted.free_bytes) {
    findings->push_back(
        {Level::kWarn, "room",
         StrCat(tier.location, " holds ", FormatBytes(used), " and may grow to ",
                FormatBytes(tier.max_size), ", but there is only ", free,
                ". Lower max_size, or results stop being kept when the disk is full")});
    return;
  }
  findings->push_back({Level::kOk, "room",
                       StrCat(tier.location, " holds ", FormatBytes(used), " of at most ",
                              FormatBytes(tier.max_size), ", with ", free)});
}

void CheckMount(const CacheTier& tier, const MountedFileSystem& mounted,
                std::vector<Finding>* findings) {
  if (mounted.is_network) {
    findings->push_back({Level::kWarn, "file-system",
                         StrCat(tier.location, " is on ", mounted.type,
                                ", which may be another machine's: its latency is paid on every "
                                "hit, and counts kept by several machines at once may be wrong. "
                                "A local directory is better")});
  } else if (mounted.is_memory) {
    findings->push_back({Level::kWarn, "file-system",
                         StrCat(tier.location, " is on ", mounted.type,
                                ": it takes memory and is gone after a reboot")});
  }
}

void CheckWhoCanWrite(const CommandContext& context, const CacheTier& tier,
                      std::vector<Finding>* findings) {
  FileStat stat;
  if (context.fs.Stat(tier.location.c_str(), /*follow_symlinks=*/true, &stat) != 0) return;
  if ((stat.mode & kWritableByOthers) == 0) return;
  findings->push_back(
      {Level::kWarn, "permissions",
       StrCat("every user of this machine can write to ", tier.location,
              (stat.mode & kSticky) != 0 ? " (though not replace what others own)" : "",
              ", and so decide what your compiles produce. Run: chmod o-w ",
              ShellWords({tier.location}))});
}

struct Program {
  std::string path;      // as PATH finds it
  std::string resolved;  // with symlinks resolved
};

std::vector<Program> FindOnPath(const CommandContext& context, std::string_view name) {
  std::vector<Program> found;
  const std::string path_variable = context.environment.GetOrEmpty("PATH");
  for (const std::string_view directory : StrSplit(path_variable, ':')) {
    const std::string candidate =
        path::Join(context.cwd, path::Join(directory.empty() ? "." : directory, name));
    FileStat stat;
    if (context.fs.Stat(candidate.c_str(), /*follow_symlinks=*/true, &stat) != 0) continue;
    if (!stat.is_regular() || (stat.mode & 0111) == 0) continue;
    found.push_back({candidate, context.fs.RealPath(candidate).value_or(candidate)});
  }
  return found;
}

// The name of a program that runs compilers for others, or "".
std::string_view OtherWrapper(const Program& program) {
  const std::string_view name = path::Basename(program.resolved);
  for (const std::string_view wrapper :
       {"ccache", "sccache", "distcc", "icecc", "fastbuild", "colorgcc", "buildcache"}) {
    if (name.starts_with(wrapper)) return wrapper;
  }
  return {};
}

// What runs, in order, when a compiler is called by its name.
struct Chain {
  std::string text;  // the programs up to the real compiler
  bool has_hpcc = false;
  bool has_real = false;
  std::string_view wrapper;  // of another maker, in front of the compiler
  bool hpcc_behind = false;  // a link to hpcc stands behind the compiler: it is never run
};

Chain ChainOf(const CommandContext& context, const std::vector<Program>& programs) {
  Chain chain;
  for (const Program& program : programs) {
    const bool is_hpcc = !context.program.empty() && program.resolved == context.program;
    if (chain.has_real) {
      chain.hpcc_behind = chain.hpcc_behind || is_hpcc;
      continue;
    }
    const std::string_view other = is_hpcc ? std::string_view() : OtherWrapper(program);
    StrAppend(&chain.text, chain.text.empty() ? "" : ", then ", Printable(program.path));
    if (is_hpcc) {
      chain.has_hpcc = true;
      chain.text.append(" (hpcc)");
    } else if (other.empty()) {
      chain.has_real = true;
    } else {
      StrAppend(&chain.text, " (", other, ")");
      if (chain.wrapper.empty()) chain.wrapper = other;
    }
  }
  return chain;
}

// Whether there is one of that name at all.
bool CheckCompiler(const CommandContext& context, std::string_view name,
                   std::vector<Finding>* findings) {
  const std::vector<Program> programs = FindOnPath(context, name);
  if (programs.empty()) return false;
  const Chain chain = ChainOf(context, programs);
  const auto report = [&](Level level, std::string_view what) {
    findings->push_back({level, StrCat("compiler-", name), StrCat(name, " is ", chain.text, what)});
  };
  if (!chain.has_real) {
    report(Level::kFail, StrCat(": no real compiler stands behind ",
                                chain.has_hpcc ? "hpcc" : chain.wrapper, " on PATH"));
  } else if (!chain.wrapper.empty()) {
    report(Level::kWarn,
           StrCat(": ", chain.wrapper, " stands in front of the compiler; two caches do the work ",
                  "twice. Take its directory out of PATH, or call the compiler by its path"));
  } else if (chain.hpcc_behind && !chain.has_hpcc) {
    report(Level::kWarn,
           ": a link to hpcc stands behind it on PATH and is never run. Put the link's directory "
           "first");
  } else {
    report(Level::kOk, "");
  }
  return true;
}

}  // namespace

std::string_view FindingLevelName(Level level) {
  switch (level) {
    case Level::kOk:
      return "ok";
    case Level::kWarn:
      return "warn";
    case Level::kFail:
      return "fail";
  }
  return "fail";
}

void CheckSettings(const CommandContext& context, std::vector<Finding>* findings) {
  const Config& config = context.config;
  std::string files;
  for (const std::string& file : config.files) {
    StrAppend(&files, files.empty() ? "" : ", ", Printable(file));
  }
  findings->push_back({Level::kOk, "configuration",
                       files.empty() ? std::string("no configuration file; the defaults hold")
                                     : StrCat("read from ", files)});
  const auto origin = [&config](std::string_view key) -> std::string {
    for (const Config::Setting& setting : config.settings) {
      if (setting.key == key) return setting.origin;
    }
    return "default";
  };
  if (config.disable) {
    findings->push_back({Level::kWarn, "disabled",
                         StrCat("the cache is switched off by ", Printable(origin("disable")),
                                "; every compile runs plainly")});
  }
  if (config.source_mode == SourceMode::kPreprocessed) {
    findings->push_back(
        {Level::kWarn, "source-mode",
         StrCat("source_mode is \"preprocessed\" (", Printable(origin("source_mode")),
                "): every lookup runs the preprocessor, which is slower than the "
                "direct mode and no safer")});
  }
  if (!config.log_file.empty()) {
    FileStat stat;
    const std::string directory(path::Dirname(config.log_file));
    if (context.fs.Stat(directory.c_str(), /*follow_symlinks=*/true, &stat) != 0) {
      findings->push_back({Level::kWarn, "log-file",
                           StrCat("nothing is logged: the directory of ",
                                  Printable(config.log_file), " does not exist")});
    }
  }
}

// What hpcc's other programs read, of no configuration.
constexpr std::string_view kVariablesOfOthers[] = {"HPCC_AUDIT_LOG", "HPCC_IMAGE_DIR",
                                                   "HPCC_WORKER_SECRET"};

void CheckVariables(const CommandContext& context, std::vector<Finding>* findings) {
  for (const auto& [name, value] : context.environment.variables()) {
    if (!name.starts_with("HPCC_")) continue;
    bool known = false;
    for (const std::string_view variable : ConfigVariables()) known = known || variable == name;
    for (const std::string_view variable : kVariablesOfOthers) known = known || variable == name;
    if (known) continue;
    const std::string_view nearest = NearestName(name, ConfigVariables());
    findings->push_back({Level::kWarn, "variables",
                         StrCat(Printable(name), " is set, but hpcc reads no such variable",
                                nearest.empty() ? "" : StrCat("; did you mean ", nearest, "?"))});
  }
}

void CheckCache(const CommandContext& context, const CacheTier& tier,
                std::vector<Finding>* findings) {
  const std::string location = Printable(tier.location);
  if (tier.read_only) {
    const absl::StatusOr<std::vector<std::string>> names = context.fs.List(tier.location);
    findings->push_back(names.ok()
                            ? Finding{Level::kOk, "cache-directory",
                                      StrCat(location, " is readable, and configured as read-only")}
                            : Finding{Level::kFail, "cache-directory",
                                      StrCat(location,
                                             " is configured as read-only, but can't be "
                                             "read: ",
                                             Message(names.status()))});
    return;
  }
  const absl::StatusOr<FileStat> probe = WriteProbe(context.fs, tier.location);
  if (!probe.ok()) {
    findings->push_back(
        {Level::kFail, "cache-directory",
         StrCat("nothing can be kept in ", location, ": ", Printable(Message(probe.status())),
                ". Make it writable, or set HPCC_CACHE_DIR to another directory")});
    return;
  }
  findings->push_back({Level::kOk, "cache-directory", StrCat(location, " can be written to")});
  CheckStamps(*probe, context.clock.NowNanoseconds(), location, findings);
  CheckWhoCanWrite(context, tier, findings);
  const absl::StatusOr<MountedFileSystem> mounted = DescribeFileSystem(tier.location);
  if (!mounted.ok()) {
    findings->push_back({Level::kWarn, "file-system", Printable(Message(mounted.status()))});
    return;
  }
  CheckMount(tier, *mounted, findings);
  CheckRoom(context, tier, *mounted, findings);
}

void CheckCompilers(const CommandContext& context, std::vector<Finding>* findings) {
  bool any = false;
  for (const std::string_view name : {"cc", "c++", "gcc", "g++", "clang", "clang++"}) {
    any = CheckCompiler(context, name, findings) || any;
  }
  if (!any) {
    findings->push_back(
        {Level::kWarn, "compilers", "none of cc, c++, gcc, g++, clang and clang++ is on PATH"});
  }
}

}  // namespace hpcc
