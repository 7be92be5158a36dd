// The subcommands against real caches in a temporary directory.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "base/path.h"
#include "base/strings.h"
#include "cache/direct_entry.h"
#include "cache/result_bundle.h"
#include "cache/statistics.h"
#include "cache/unit_record.h"
#include "cli/completion_scripts.h"
#include "cli/json_output.h"
#include "cli/subcommand.h"
#include "store/disk_store.h"
#include "store/verified_store.h"

namespace hpcc {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

class CommandsTest : public testing::Test {
 protected:
  CommandsTest() {
    std::string pattern = testing::TempDir() + "/hpcc-cli-XXXXXX";
    root_ = std::filesystem::canonical(mkdtemp(pattern.data()));
    environment_.Set("HOME", root_);
    environment_.Set("PATH", root_ + "/bin");
    Reload();
  }
  ~CommandsTest() override { std::filesystem::remove_all(root_); }

  void Reload() {
    absl::StatusOr<Config> config =
        LoadConfig(FileSystem::Real(), environment_, root_ + "/system.toml");
    ASSERT_TRUE(config.ok()) << config.status();
    config_ = *std::move(config);
  }
  std::string CacheRoot() const { return config_.cache.front().location; }

  int Run(std::string_view name, const std::vector<std::string>& words) {
    console_.out.clear();
    console_.err.clear();
    const CommandContext context{
        FileSystem::Real(),         Clock::Real(), environment_, config_, root_,
        root_ + "/bin/hpcc-itself", console_};
    const Command* command = FindCommand(name);
    return command == nullptr ? -1 : RunCommand(*command, context, words);
  }
  Json RunJson(std::string_view name, std::vector<std::string> words) {
    words.push_back("--json");
    EXPECT_EQ(Run(name, words), kExitOk) << console_.err;
    return Json::parse(console_.out, nullptr, /*allow_exceptions=*/false);
  }

  void Put(const StoreKey& key, std::string_view value) {
    DiskStore disk({.root = CacheRoot(), .max_size = 0}, FileSystem::Real(), Clock::Real());
    const absl::Status status = VerifiedStore(disk).Put(key, value);
    ASSERT_TRUE(status.ok()) << status;
  }
  // A unit that missed because of a header, with a direct entry and a result.
  UnitRecord PutUnit() {
    UnitRecord record;
    record.time_ns = 1'700'000'000'000'000'000;
    record.cwd = root_;
    record.source = root_ + "/a.c";
    record.output = root_ + "/out/a.o";
    record.compiler = "/usr/bin/gcc";
    record.reason = {MissReason::Kind::kHeaderChanged, "include/x.h", "", ""};
    record.arguments = {"-c", "-DX=a b"};
    record.direct_key = Digest::Of("direct");
    record.result_key = Digest::Of("result");

    DirectRecord direct;
    direct.result_key = record.result_key;
    direct.files.push_back({.path = "include/x.h", .digest = Digest::Of("x")});
    direct.directories.push_back(
        {.path = "first", .trusted = false, .stamp = {}, .names = {{.name = "x.h"}}});

    ResultBundle bundle;
    bundle.created_ns = record.time_ns;
    bundle.compile_ns = 1'200'000'000;
    bundle.compiler = record.compiler;
    bundle.source = "a.c";
    bundle.dependencies.push_back({.path = "include/x.h"});
    bundle.parts.push_back({static_cast<uint8_t>(OutputRole::kObject), std::string(2048, 'o')});
    bundle.parts.push_back({kStderrPart, "warning"});

    const std::string encoded = EncodeUnitRecord(record);
    Put(UnitKey(record.source), encoded);
    Put(UnitKey(record.output), encoded);
    Put({StoreNamespace::kDirect, record.direct_key}, EncodeDirectEntry({{direct}}));
    Put({StoreNamespace::kResult, record.result_key}, EncodeBundle(bundle, /*compress=*/true));
    return record;
  }
  void MakeProgram(const std::string& path) {
    std::filesystem::create_directories(std::filesystem::path(path).parent_path());
    std::ofstream(path) << "#!/bin/sh\n";
    std::filesystem::permissions(path, std::filesystem::perms(0755));
  }
  // The level and text of a doctor's check, or "" when it wasn't made.
  std::string Doctor(std::string_view check) {
    Run("doctor", {"--json"});
    const Json json = Json::parse(console_.out, nullptr, false);
    std::string all;
    for (const Json& finding : json["findings"]) {
      if (finding["check"] != std::string(check)) continue;
      StrAppend(&all, finding["level"].get<std::string>(), ": ", finding["text"].get<std::string>(),
                "\n");
    }
    return all;
  }

  std::string root_;
  Environment environment_;
  Config config_;
  StringConsole console_;
};

TEST_F(CommandsTest, EveryCommandHasHelpThatNamesItsOptions) {
  for (const Command* command : AllCommands()) {
    EXPECT_EQ(Run(command->name, {"--help"}), kExitOk);
    EXPECT_THAT(console_.out, StartsWith(StrCat("Usage: hpcc ", command->name)));
    for (const OptionSpec& option : command->options) {
      EXPECT_THAT(console_.out, HasSubstr(std::string(option.name)));
    }
    EXPECT_THAT(OverviewHelp(), HasSubstr(std::string(command->summary)));
    for (const std::string_view line : StrSplit(console_.out, '\n')) {
      EXPECT_LE(line.size(), 100u) << line;
    }
  }
  EXPECT_EQ(Run("help", {"wrap"}), kExitOk) << console_.err;
  EXPECT_THAT(console_.out, StartsWith("Usage: hpcc wrap <compiler>"));
}

TEST_F(CommandsTest, EveryCommandAndOptionIsCompletedAndDescribedInTheManual) {
  std::ifstream in(HPCC_MAN_PAGE);
  std::stringstream text;
  text << in.rdbuf();
  std::string manual;
  for (const char c : text.str()) {
    if (c != '\\') manual.push_back(c);
  }
  ASSERT_FALSE(manual.empty());
  for (const Command* command : AllCommands()) {
    const std::string name(command->name);
    EXPECT_THAT(manual, HasSubstr("\n.BR " + name + " ")) << name;
    EXPECT_THAT(std::string(BashCompletionScript()), HasSubstr(" " + name + " ")) << name;
    EXPECT_THAT(std::string(ZshCompletionScript()), HasSubstr("'" + name + ":")) << name;
    for (const OptionSpec& option : command->options) {
      EXPECT_THAT(manual, HasSubstr(std::string(option.name))) << name;
      EXPECT_THAT(std::string(BashCompletionScript()), HasSubstr(std::string(option.name))) << name;
      EXPECT_THAT(std::string(ZshCompletionScript()), HasSubstr(std::string(option.name))) << name;
    }
  }
  for (const std::string_view variable : ConfigVariables()) {
    EXPECT_THAT(manual, HasSubstr("\n.B " + std::string(variable) + "\n"));
  }
}

TEST_F(CommandsTest, AWrongCommandLineExitsWithTwoAndSuggests) {
  EXPECT_EQ(Run("stats", {"--jsno"}), kExitUsage);
  EXPECT_EQ(console_.err,
            "hpcc stats: unknown option --jsno; did you mean --json?\n"
            "Try 'hpcc stats --help'.\n");
  EXPECT_EQ(Run("stats", {"extra"}), kExitUsage);
  EXPECT_THAT(console_.err, HasSubstr("\"extra\" is one word too many"));
  EXPECT_EQ(Run("explain", {}), kExitUsage);
  EXPECT_THAT(console_.err, HasSubstr("<source or output file> is missing"));
  EXPECT_EQ(Run("clean", {"--max-size", "big"}), kExitUsage);
  EXPECT_THAT(console_.err, HasSubstr("--max-size: \"big\" is not a size"));
  EXPECT_EQ(Run("clean", {"--max-age=1y"}), kExitUsage);
  EXPECT_THAT(console_.err, HasSubstr("--max-age: \"1y\" is not a duration"));
  EXPECT_EQ(Run("help", {"stat"}), kExitUsage);
  EXPECT_THAT(console_.err, HasSubstr("did you mean stats?"));
  EXPECT_EQ(Run("help", {"wrpa"}), kExitUsage);
  EXPECT_THAT(console_.err, HasSubstr("did you mean wrap?"));
  EXPECT_EQ(Run("completion", {"fish"}), kExitUsage);
}

TEST_F(CommandsTest, StatsOfAnUnusedCacheAreZeroAndMakeNothing) {
  const Json json = RunJson("stats", {});
  for (const char* key : {"hits", "misses", "not_cacheable", "errors", "cache_bytes", "files",
                          "direct_hits", "preprocessed_hits", "store_errors", "corrupt_entries"}) {
    EXPECT_EQ(json[key], 0) << key;
  }
  EXPECT_EQ(json["hit_rate"], nullptr);
  EXPECT_EQ(json["max_size"], uint64_t{10} << 30);
  EXPECT_EQ(json["not_cacheable_by_reason"], Json::object());
  EXPECT_FALSE(std::filesystem::exists(CacheRoot()));
}

TEST_F(CommandsTest, StatsCountWhatWasAdded) {
  auto statistics = Statistics::Open(FileSystem::Real(), CacheRoot());
  ASSERT_TRUE(statistics.ok());
  (*statistics)->Add(Counter::kDirectHit, 3);
  (*statistics)->Add(Counter::kMiss);
  (*statistics)->Add(Counter::kTimeSavedNanoseconds, 1'500'000'000);
  (*statistics)->Add(NotCacheableReason::kLinks);
  Put({StoreNamespace::kResult, Digest::Of("a")}, "value");

  const Json json = RunJson("stats", {});
  EXPECT_EQ(json["hits"], 3);
  EXPECT_EQ(json["misses"], 1);
  EXPECT_EQ(json["hit_rate"], 0.75);
  EXPECT_EQ(json["time_saved_seconds"], 1.5);
  EXPECT_EQ(json["not_cacheable"], 1);
  EXPECT_EQ(json["not_cacheable_by_reason"],
            Json({{std::string(NotCacheableReasonName(NotCacheableReason::kLinks)), 1}}));
  EXPECT_EQ(json["cache_bytes"], 4096);
  EXPECT_EQ(json["files"], 1);
  EXPECT_EQ(json["caches"][0]["location"], CacheRoot());

  EXPECT_EQ(Run("stats", {}), kExitOk);
  EXPECT_THAT(console_.out, HasSubstr("3 of 4 (75.0%)"));
  EXPECT_THAT(console_.out, HasSubstr("1.5 s"));
  EXPECT_THAT(console_.out, HasSubstr("4 KiB of 10 GiB"));
}

TEST_F(CommandsTest, ZeroClearsTheCountersAfterPrintingThemAsJson) {
  auto statistics = Statistics::Open(FileSystem::Real(), CacheRoot());
  ASSERT_TRUE(statistics.ok());
  (*statistics)->Add(Counter::kMiss, 7);
  EXPECT_EQ(RunJson("stats", {"--zero"})["misses"], 7);
  const Json json = RunJson("stats", {});
  EXPECT_EQ(json["misses"], 0);
  EXPECT_NE(json["zeroed_at"], nullptr);
  EXPECT_EQ(Run("stats", {"--zero"}), kExitOk);
  EXPECT_EQ(console_.out, "The counters are zero.\n");
}

TEST_F(CommandsTest, ADamagedStatisticsFileIsReportedAndReplacedByZero) {
  std::filesystem::create_directories(CacheRoot());
  std::ofstream(StatisticsFile(CacheRoot())) << "junk";
  EXPECT_EQ(Run("stats", {}), kExitFailed);
  EXPECT_THAT(console_.err, HasSubstr("'hpcc stats --zero' makes a new one"));
  EXPECT_EQ(Run("stats", {"--zero"}), kExitOk);
  EXPECT_EQ(Run("stats", {}), kExitOk);
}

TEST_F(CommandsTest, CleanAllLeavesNothingButTheCounters) {
  Put({StoreNamespace::kResult, Digest::Of("a")}, "value");
  Put({StoreNamespace::kDirect, Digest::Of("b")}, "value");
  ASSERT_TRUE(Statistics::Open(FileSystem::Real(), CacheRoot()).ok());
  const Json json = RunJson("clean", {"--all"});
  ASSERT_EQ(json["caches"].size(), 1u);
  EXPECT_EQ(json["caches"][0]["removed_files"], 2);
  EXPECT_EQ(json["caches"][0]["removed_bytes"], 8192);
  EXPECT_EQ(json["caches"][0]["files"], 0);
  EXPECT_TRUE(std::filesystem::exists(StatisticsFile(CacheRoot())));
  EXPECT_EQ(RunJson("stats", {})["cache_bytes"], 0);
}

TEST_F(CommandsTest, CleanKeepsTheLimitItIsGivenOrTheConfiguredOne) {
  for (int i = 0; i < 8; ++i) {
    Put({StoreNamespace::kResult, Digest::Of(StrCat(i))}, "value");
  }
  EXPECT_EQ(RunJson("clean", {})["caches"][0]["removed_files"], 0);
  EXPECT_LE(RunJson("clean", {"--max-size", "16k"})["caches"][0]["cache_bytes"], 16384);
  environment_.Set("HPCC_MAX_SIZE", "8k");
  Reload();
  EXPECT_LE(RunJson("clean", {})["caches"][0]["cache_bytes"], 8192);
}

TEST_F(CommandsTest, CleanLeavesReadOnlyAndMissingCachesAlone) {
  EXPECT_EQ(Run("clean", {"--all"}), kExitOk);
  EXPECT_THAT(console_.out, HasSubstr("nothing there yet"));
  Put({StoreNamespace::kResult, Digest::Of("a")}, "value");
  environment_.Set("HPCC_READ_ONLY", "1");
  Reload();
  EXPECT_EQ(Run("clean", {"--all"}), kExitOk);
  EXPECT_THAT(console_.out, HasSubstr("read-only"));
  EXPECT_EQ(RunJson("stats", {})["files"], 1);
}

TEST_F(CommandsTest, ExplainTellsTheReasonBySourceAndByOutput) {
  PutUnit();
  for (const std::string& name :
       {root_ + "/a.c", std::string("a.c"), std::string("./x/../a.c"), std::string("out/a.o")}) {
    EXPECT_EQ(Run("explain", {name}), kExitOk) << console_.err;
    EXPECT_THAT(console_.out, HasSubstr("\n  A header changed: include/x.h.\n")) << name;
    EXPECT_THAT(console_.out, HasSubstr("/usr/bin/gcc")) << name;
  }
  const Json json = RunJson("explain", {"a.c"});
  EXPECT_EQ(json["reason"]["kind"], "header-changed");
  EXPECT_EQ(json["reason"]["subject"], "include/x.h");
  EXPECT_EQ(json["time"], "2023-11-14T22:13:20Z");
  EXPECT_EQ(json["output"], root_ + "/out/a.o");
  EXPECT_EQ(json["arguments"], Json({"-c", "-DX=a b"}));
}

TEST_F(CommandsTest, ExplainFindsAUnitThroughASymlink) {
  PutUnit();
  std::ofstream(root_ + "/a.c") << "int a;\n";
  std::filesystem::create_symlink(root_ + "/a.c", root_ + "/link.c");
  EXPECT_EQ(Run("explain", {"link.c"}), kExitOk) << console_.err;
}

TEST_F(CommandsTest, AFileThatWasNeverCompiledIsAFailureInWords) {
  for (const char* command : {"explain", "inspect"}) {
    EXPECT_EQ(Run(command, {"never.c"}), kExitFailed);
    EXPECT_THAT(console_.err, HasSubstr("nothing is recorded of never.c"));
    EXPECT_EQ(console_.out, "");
  }
}

TEST_F(CommandsTest, InspectShowsUnitDirectEntryAndResult) {
  const UnitRecord record = PutUnit();
  const Json json = RunJson("inspect", {"a.c"});
  EXPECT_EQ(json["unit"]["compiler"], "/usr/bin/gcc");
  EXPECT_EQ(json["unit"]["result_key"], record.result_key.ToHex());
  EXPECT_EQ(json["direct"]["key"], record.direct_key.ToHex());
  EXPECT_EQ(json["direct"]["records"][0]["files"][0]["path"], "include/x.h");
  EXPECT_EQ(json["direct"]["records"][0]["directories"][0]["names"][0]["exists"], false);
  EXPECT_EQ(json["result"]["compile_seconds"], 1.2);
  EXPECT_EQ(json["result"]["parts"][0]["name"], std::string(OutputRoleName(OutputRole::kObject)));
  EXPECT_EQ(json["result"]["parts"][0]["bytes"], 2048);
  EXPECT_EQ(json["result"]["parts"][0]["digest"], Digest::Of(std::string(2048, 'o')).ToHex());
  EXPECT_EQ(json["result"]["parts"][1]["name"], "stderr");
  EXPECT_EQ(json["result"]["dependencies"], Json::array({"include/x.h"}));

  EXPECT_EQ(Run("inspect", {"a.c"}), kExitOk);
  EXPECT_THAT(console_.out, HasSubstr("2 KiB"));
  EXPECT_THAT(console_.out, Not(HasSubstr("include/x.h")));
  EXPECT_EQ(Run("inspect", {"-v", "a.c"}), kExitOk);
  EXPECT_THAT(console_.out, HasSubstr("include/x.h"));
}

TEST_F(CommandsTest, InspectTakesTheKeyOfAnyOfThem) {
  const UnitRecord record = PutUnit();
  EXPECT_TRUE(RunJson("inspect", {record.result_key.ToHex()}).contains("result"));
  EXPECT_TRUE(RunJson("inspect", {record.direct_key.ToHex()}).contains("direct"));
  EXPECT_TRUE(RunJson("inspect", {UnitKey(record.source).digest.ToHex()}).contains("unit"));
  EXPECT_EQ(Run("inspect", {Digest::Of("none").ToHex()}), kExitFailed);
  EXPECT_THAT(console_.err, HasSubstr("no entry has the key"));
}

TEST_F(CommandsTest, InspectSaysWhenTheResultWasEvicted) {
  const UnitRecord record = PutUnit();
  DiskStore disk({.root = CacheRoot(), .max_size = 0}, FileSystem::Real(), Clock::Real());
  ASSERT_TRUE(disk.Remove({StoreNamespace::kResult, record.result_key}).ok());
  EXPECT_EQ(Run("inspect", {"a.c"}), kExitOk) << console_.err;
  EXPECT_THAT(console_.out, HasSubstr("The result is no longer in the cache."));
}

TEST_F(CommandsTest, InspectReportsADamagedResultAndLeavesIt) {
  const UnitRecord record = PutUnit();
  DiskStore disk({.root = CacheRoot(), .max_size = 0}, FileSystem::Real(), Clock::Real());
  const StoreKey key{StoreNamespace::kResult, record.result_key};
  ASSERT_TRUE(disk.Put(key, "not sealed").ok());
  EXPECT_EQ(Run("inspect", {record.result_key.ToHex()}), kExitFailed);
  EXPECT_NE(console_.err, "");
  EXPECT_TRUE(disk.Get(key).ok());
}

TEST_F(CommandsTest, TheSecondCacheIsAskedToo) {
  environment_.Set("HPCC_CACHE_DIR", root_ + "/second");
  Reload();
  PutUnit();
  environment_.Unset("HPCC_CACHE_DIR");
  std::filesystem::create_directories(root_ + "/.config/hpcc");
  std::ofstream(root_ + "/.config/hpcc/config.toml")
      << "[[cache]]\nlocation = \"~/first\"\n[[cache]]\nlocation = \"~/second\"\n";
  Reload();
  EXPECT_EQ(Run("explain", {"a.c"}), kExitOk) << console_.err;
  EXPECT_EQ(RunJson("stats", {})["files"], 4);
}

TEST_F(CommandsTest, ConfigPrintsAFileThatGivesTheSameSettings) {
  environment_.Set("HPCC_MAX_SIZE", "5G");
  Reload();
  EXPECT_EQ(Run("config", {}), kExitOk);
  EXPECT_THAT(console_.out, HasSubstr("# No configuration file was found."));
  EXPECT_THAT(console_.out, testing::ContainsRegex("max_size = \"5G\" +# HPCC_MAX_SIZE\n"));
  const std::string printed = console_.out;

  std::filesystem::create_directories(root_ + "/.config/hpcc");
  std::ofstream(root_ + "/.config/hpcc/config.toml") << printed;
  environment_.Unset("HPCC_MAX_SIZE");
  const std::vector<CacheTier> before = config_.cache;
  Reload();
  ASSERT_EQ(config_.cache.size(), before.size());
  EXPECT_EQ(config_.cache[0].location, before[0].location);
  EXPECT_EQ(config_.cache[0].max_size, uint64_t{5} << 30);
  const Json json = RunJson("config", {});
  EXPECT_EQ(json["files"], Json({root_ + "/.config/hpcc/config.toml"}));
  EXPECT_EQ(json["cache"][0]["max_size"], uint64_t{5} << 30);
  EXPECT_THAT(json["origins"]["cache[0].max_size"].get<std::string>(),
              StartsWith(root_ + "/.config/hpcc/config.toml:"));
}

TEST_F(CommandsTest, VersionIsThatOfTheBuild) {
  EXPECT_EQ(RunJson("version", {})["version"], HPCC_VERSION);
  EXPECT_EQ(Run("version", {}), kExitOk);
  EXPECT_THAT(console_.out, StartsWith("hpcc " HPCC_VERSION "\nbuilt with "));
}

TEST_F(CommandsTest, CompletionPrintsTheScripts) {
  EXPECT_EQ(Run("completion", {"bash"}), kExitOk);
  EXPECT_THAT(console_.out, HasSubstr("complete -F _hpcc hpcc"));
  EXPECT_EQ(Run("completion", {"zsh"}), kExitOk);
  EXPECT_THAT(console_.out, StartsWith("#compdef hpcc"));
}

TEST_F(CommandsTest, DoctorIsContentWithAWorkingSetUp) {
  MakeProgram(root_ + "/bin/gcc");
  EXPECT_EQ(Run("doctor", {}), kExitOk) << console_.out;
  EXPECT_THAT(console_.out, HasSubstr("[ok]   no configuration file"));
  EXPECT_THAT(console_.out, HasSubstr("can be written to"));
  EXPECT_THAT(console_.out, Not(HasSubstr("[fail]")));
  EXPECT_EQ(Doctor("compiler-gcc"), "ok: gcc is " + root_ + "/bin/gcc\n");
  EXPECT_EQ(Doctor("compiler-clang"), "");
}

TEST_F(CommandsTest, DoctorLeavesNoProbeBehind) {
  Run("doctor", {});
  EXPECT_TRUE(std::filesystem::is_empty(CacheRoot()));
}

TEST_F(CommandsTest, DoctorFailsWhenTheCacheCannotBeWritten) {
  std::ofstream(root_ + "/file") << "";
  environment_.Set("HPCC_CACHE_DIR", root_ + "/file/cache");
  Reload();
  EXPECT_EQ(Run("doctor", {}), kExitFailed);
  EXPECT_THAT(console_.out, HasSubstr("[fail] nothing can be kept in"));
  EXPECT_EQ(Run("doctor", {"--json"}), kExitFailed);
  EXPECT_EQ(Json::parse(console_.out, nullptr, false)["ok"], false);
}

TEST_F(CommandsTest, DoctorWarnsOfMisspelledVariables) {
  environment_.Set("HPCC_CACHEDIR", "/x");
  EXPECT_EQ(Doctor("variables"),
            "warn: HPCC_CACHEDIR is set, but hpcc reads no such variable; did you mean "
            "HPCC_CACHE_DIR?\n");
}

TEST_F(CommandsTest, DoctorWarnsOfACacheEveryoneCanWriteTo) {
  std::filesystem::create_directories(CacheRoot());
  EXPECT_EQ(Doctor("permissions"), "");
  std::filesystem::permissions(CacheRoot(), std::filesystem::perms(0777));
  EXPECT_THAT(Doctor("permissions"), StartsWith("warn: every user of this machine"));
}

TEST_F(CommandsTest, DoctorWarnsOfForgottenSwitches) {
  environment_.Set("HPCC_DISABLE", "1");
  environment_.Set("HPCC_SOURCE_MODE", "preprocessed");
  environment_.Set("HPCC_LOG_FILE", "/no/such/directory/log");
  environment_.Set("HPCC_MAX_SIZE", "0");
  Reload();
  EXPECT_THAT(Doctor("disabled"), HasSubstr("switched off by HPCC_DISABLE"));
  EXPECT_THAT(Doctor("source-mode"), StartsWith("warn: "));
  EXPECT_THAT(Doctor("log-file"), StartsWith("warn: nothing is logged"));
  EXPECT_THAT(Doctor("room"), HasSubstr("has no size limit"));
}

TEST_F(CommandsTest, DoctorWarnsOfALimitTheDiskCannotHold) {
  environment_.Set("HPCC_MAX_SIZE", "100000T");
  Reload();
  EXPECT_THAT(Doctor("room"), HasSubstr("but there is only"));
}

TEST_F(CommandsTest, DoctorReadsTheChainOfCompilers) {
  const std::string self = root_ + "/bin/hpcc-itself";
  MakeProgram(self);
  std::filesystem::create_directories(root_ + "/links");
  std::filesystem::create_symlink(self, root_ + "/links/gcc");
  MakeProgram(root_ + "/real/gcc");
  MakeProgram(root_ + "/real/ccache");
  std::filesystem::create_directories(root_ + "/ccache-links");
  std::filesystem::create_symlink(root_ + "/real/ccache", root_ + "/ccache-links/gcc");
  const auto chain = [this](const std::vector<std::string>& directories) {
    std::vector<std::string> path;
    for (const std::string& directory : directories) path.push_back(root_ + "/" + directory);
    environment_.Set("PATH", StrJoin(path, ":"));
    return Doctor("compiler-gcc");
  };
  EXPECT_EQ(chain({"links", "real"}),
            StrCat("ok: gcc is ", root_, "/links/gcc (hpcc), then ", root_, "/real/gcc\n"));
  EXPECT_THAT(chain({"real", "links"}),
              StartsWith("warn: gcc is " + root_ + "/real/gcc: a link to hpcc"));
  EXPECT_EQ(chain({"real"}), "ok: gcc is " + root_ + "/real/gcc\n");
  EXPECT_THAT(chain({"links"}), HasSubstr("fail: "));
  EXPECT_THAT(chain({"links", "ccache-links", "real"}), HasSubstr("ccache stands in front"));
  EXPECT_THAT(chain({"ccache-links"}), HasSubstr("fail: "));
  EXPECT_THAT(chain({"nowhere"}), "");
  EXPECT_THAT(Doctor("compilers"), StartsWith("warn: none of cc"));
}

}  // namespace
}  // namespace hpcc
