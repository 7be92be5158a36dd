#include <array>
#include <chrono>

#include "base/status.h"
#include "base/strings.h"
#include "base/units.h"
#include "cli/caches.h"
#include "cli/command.h"
#include "cli/json_output.h"
#include "cli/progress.h"
#include "cli/text.h"

namespace hpcc {

namespace {

constexpr OptionSpec kMaxSize = {"--max-size", "SIZE", "evict until at most SIZE is left (5G)"};
constexpr OptionSpec kMaxAge = {"--max-age", "AGE", "evict what was not used for AGE (30d)"};
constexpr OptionSpec kAll = {"--all", "", "evict everything"};
constexpr std::array kOptions = {kMaxSize, kMaxAge, kAll, kJsonOption};

constexpr int kShards = 256;
absl::StatusOr<DiskStore::CleanOptions> WhatToClean(const ParsedOptions& options) {
  DiskStore::CleanOptions wanted;
  wanted.all = options.Has(kAll.name);
  if (const auto text = options.Value(kMaxSize.name)) {
    const absl::StatusOr<uint64_t> size = ParseByteSize(*text);
    if (!size.ok()) {
      return absl::InvalidArgumentError(
          StrCat(kMaxSize.name, ": ", std::string(size.status().message())));
    }
    wanted.max_size = *size;
  }
  if (const auto text = options.Value(kMaxAge.name)) {
    const absl::StatusOr<std::chrono::milliseconds> age = ParseDuration(*text);
    if (!age.ok()) {
      return absl::InvalidArgumentError(
          StrCat(kMaxAge.name, ": ", std::string(age.status().message())));
    }
    wanted.max_age = *age;
  }
  return wanted;
}

std::string ToText(const CacheTier& tier, const CleanReport& report) {
  std::string text =
      StrCat(Printable(tier.location), ": removed ", Counted(report.removed.files, "file", "files"),
             " (", FormatBytes(report.removed.bytes), ")");
  if (report.temporary_files != 0) {
    StrAppend(&text, " and ", Counted(report.temporary_files, "leftover", "leftovers"),
              " of killed writers");
  }
  StrAppend(&text, ", kept ", Counted(report.kept.files, "file", "files"), " (",
            FormatBytes(report.kept.bytes), ")\n");
  return text;
}

Json ToJson(const CacheTier& tier, const CleanReport& report) {
  return {{"location", tier.location},
          {"removed_files", report.removed.files},
          {"removed_bytes", report.removed.bytes},
          {"temporary_files", report.temporary_files},
          {"files", report.kept.files},
          {"cache_bytes", report.kept.bytes}};
}

int Run(const CommandContext& context, const ParsedOptions& options) {
  const absl::StatusOr<DiskStore::CleanOptions> wanted = WhatToClean(options);
  if (!wanted.ok()) {
    return Complain(context, kCleanCommand, std::string(wanted.status().message()), kExitUsage);
  }
  int exit_code = kExitOk;
  Json caches = Json::array();
  std::string text;
  for (const CacheTier& tier : context.config.cache) {
    if (tier.remote()) {
      StrAppend(&text, Printable(tier.Name()),
                ": left alone, a remote cache is kept to its max_size by those who write to it\n");
      continue;
    }
    if (tier.read_only) {
      StrAppend(&text, Printable(tier.location), ": left alone, it is configured as read-only\n");
      continue;
    }
    FileStat stat;
    if (context.fs.Stat(tier.location.c_str(), /*follow_symlinks=*/true, &stat) != 0) {
      StrAppend(&text, Printable(tier.location), ": nothing there yet\n");
      continue;
    }
    DiskStore store = OpenDiskStore(context, tier);
    DiskStore::CleanOptions clean = *wanted;
    if (!clean.max_size && tier.max_size != 0) clean.max_size = tier.max_size;
    absl::StatusOr<CleanReport> report;
    {
      Progress progress(context, StrCat("Cleaning ", Printable(tier.location)));
      clean.progress = [&](int done) { progress.Show(static_cast<uint64_t>(done), kShards); };
      report = store.Clean(clean);
    }
    if (!report.ok()) {
      exit_code = Complain(context, kCleanCommand, std::string(report.status().message()));
      continue;
    }
    StrAppend(&text, ToText(tier, *report));
    caches.push_back(ToJson(tier, *report));
  }
  context.console.Out(options.Has(kJsonOption.name) ? JsonText({{"caches", caches}}) : text);
  return exit_code;
}

}  // namespace

constexpr Command kCleanCommand = {
    .name = "clean",
    .summary = "evict results, and remove what killed processes left behind",
    .description =
        "Evicts what was not used for longest, down to --max-size or else to the configured "
        "limit,\n"
        "and removes the unfinished files of writers that were killed. Safe while builds run.",
    .options = kOptions,
    .run = Run,
};

}  // namespace hpcc
