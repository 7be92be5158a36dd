// `hpcc cache` between caches on disk, and what other commands say of remote caches nobody reached.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "base/strings.h"
#include "cache/direct_entry.h"
#include "cache/result_bundle.h"
#include "cli/json_output.h"
#include "cli/subcommand.h"
#include "store/disk_store.h"
#include "store/verified_store.h"

namespace hpcc {
namespace {

using testing::HasSubstr;
using testing::Not;

class CacheCommandTest : public testing::Test {
 protected:
  CacheCommandTest() {
    std::string pattern = testing::TempDir() + "/hpcc-cache-command-XXXXXX";
    root_ = std::filesystem::canonical(mkdtemp(pattern.data()));
    environment_.Set("HOME", root_);
    environment_.Set("HPCC_RUNTIME_DIR", root_ + "/run");
    environment_.Set("HPCC_CONFIG", root_ + "/config.toml");
    Configure(StrCat("[[cache]]\nlocation = \"", root_, "/one\"\n[[cache]]\nlocation = \"", root_,
                     "/two\"\n"));
  }
  ~CacheCommandTest() override { std::filesystem::remove_all(root_); }

  void Configure(const std::string& text) {
    std::ofstream(root_ + "/config.toml") << text;
    absl::StatusOr<Config> config =
        LoadConfig(FileSystem::Real(), environment_, root_ + "/system.toml");
    ASSERT_TRUE(config.ok()) << config.status();
    config_ = *std::move(config);
  }
  int Run(std::string_view name, const std::vector<std::string>& words) {
    console_.out.clear();
    console_.err.clear();
    const CommandContext context{FileSystem::Real(), Clock::Real(), environment_, config_, root_,
                                 root_ + "/hpcc",    console_};
    return RunCommand(*FindCommand(name), context, words);
  }
  DiskStore Disk(std::string_view name) {
    return DiskStore({.root = StrCat(root_, "/", name), .max_size = 0}, FileSystem::Real(),
                     Clock::Real());
  }
  void Put(std::string_view cache, const StoreKey& key, std::string_view value) {
    DiskStore disk = Disk(cache);
    ASSERT_TRUE(VerifiedStore(disk).Put(key, value).ok());
  }
  absl::StatusOr<std::string> Get(std::string_view cache, const StoreKey& key) {
    DiskStore disk = Disk(cache);
    return VerifiedStore(disk).Get(key);
  }
  // A value of the first cache: it is listed, and reading it fails.
  void MakeUnreadable(const StoreKey& key) {
    const std::string path = Disk("one").PathOf(key);
    std::filesystem::remove(path);
    std::filesystem::create_directory(path);
  }
  static StoreKey Result(std::string_view name) {
    return {StoreNamespace::kResult, Digest::Of(name)};
  }
  static std::string Bundle() {
    ResultBundle bundle;
    bundle.parts.push_back({static_cast<uint8_t>(OutputRole::kObject), "object"});
    return EncodeBundle(bundle, /*compress=*/false);
  }
  static DirectRecord Record(std::string_view result, bool trusted) {
    DirectRecord record;
    record.result_key = Digest::Of(result);
    record.files.push_back({.path = "a.h", .digest = Digest::Of("a"), .trusted = trusted});
    record.files.back().stamp.inode = 7;
    return record;
  }

  std::string root_;
  Environment environment_;
  Config config_;
  StringConsole console_;
};

TEST_F(CacheCommandTest, CheckPassesWhatIsWhole) {
  Put("one", Result("a"), Bundle());
  EXPECT_EQ(Run("cache", {"check"}), kExitOk) << console_.err;
  EXPECT_THAT(console_.out, HasSubstr("/one: checked 1 value ("));
  EXPECT_THAT(console_.out, HasSubstr("/two: checked 0 values (0 B), 0 damaged"));
}

TEST_F(CacheCommandTest, CheckNamesWhatIsDamagedAndFails) {
  Put("one", Result("a"), Bundle());
  Put("one", Result("b"), Bundle());
  Put("one", Result("c"), "sealed, but no result");
  const std::string path = Disk("one").PathOf(Result("b"));
  std::filesystem::resize_file(path, std::filesystem::file_size(path) - 1);
  EXPECT_EQ(Run("cache", {"check", "0"}), kExitFailed);
  EXPECT_THAT(console_.out, HasSubstr(StrCat("result/", Digest::Of("b").ToHex(), ": ")));
  EXPECT_THAT(console_.out, HasSubstr(StrCat("result/", Digest::Of("c").ToHex(), ": ")));
  EXPECT_THAT(console_.out, HasSubstr("checked 3 values"));
  EXPECT_THAT(console_.out, HasSubstr("2 damaged"));
  EXPECT_EQ(Run("cache", {"check", "0", "--remove"}), kExitFailed);
  EXPECT_THAT(console_.out, HasSubstr("2 removed"));
  EXPECT_EQ(Run("cache", {"check", "0"}), kExitOk);
}

TEST_F(CacheCommandTest, CopyBringsOverWhatIsMissingAndNothingTwice) {
  Put("one", Result("a"), Bundle());
  Put("one", Result("b"), Bundle());
  Put("two", Result("b"), Bundle());
  Put("one", {StoreNamespace::kUnit, Digest::Of("u")}, "of this machine");
  EXPECT_EQ(Run("cache", {"copy", "0", "1"}), kExitOk) << console_.err;
  EXPECT_THAT(console_.out, HasSubstr("Copied 1 value ("));
  EXPECT_EQ(*Get("two", Result("a")), Bundle());
  EXPECT_FALSE(Get("two", {StoreNamespace::kUnit, Digest::Of("u")}).ok());
  EXPECT_EQ(Run("cache", {"copy", "0", "1"}), kExitOk);
  EXPECT_THAT(console_.out, HasSubstr("Copied 0 values"));
  EXPECT_THAT(console_.out, HasSubstr("2 were there"));
}

TEST_F(CacheCommandTest, CopyMergesDirectEntriesWithoutStamps) {
  const StoreKey key = {StoreNamespace::kDirect, Digest::Of("d")};
  Put("one", key, EncodeDirectEntry({{Record("x", true), Record("y", true)}}));
  Put("two", key, EncodeDirectEntry({{Record("y", true), Record("z", true)}}));
  EXPECT_EQ(Run("cache", {"copy", "0", "1"}), kExitOk) << console_.err;
  const absl::StatusOr<DirectEntry> merged = DecodeDirectEntry(*Get("two", key));
  ASSERT_TRUE(merged.ok());
  ASSERT_EQ(merged->records.size(), 3u);
  EXPECT_TRUE(merged->records[0].files[0].trusted);
  EXPECT_EQ(merged->records[2].result_key, Digest::Of("x"));
  EXPECT_FALSE(merged->records[2].files[0].trusted);
  EXPECT_EQ(merged->records[2].files[0].stamp, FileStamp());
}

TEST_F(CacheCommandTest, CopyLeavesOutWhatIsDamaged) {
  Put("one", Result("a"), "sealed, but no result");
  EXPECT_EQ(Run("cache", {"copy", "0", "1"}), kExitFailed);
  EXPECT_THAT(console_.out, HasSubstr("1 damaged"));
  EXPECT_FALSE(Get("two", Result("a")).ok());
}

TEST_F(CacheCommandTest, CopyGoesOnAfterAFailureAndSaysHowManyThereWere) {
  for (const std::string name : {"a", "b", "c", "d"}) Put("one", Result(name), Bundle());
  MakeUnreadable(Result("b"));
  EXPECT_EQ(Run("cache", {"copy", "0", "1"}), kExitFailed);
  EXPECT_THAT(console_.out, HasSubstr("Copied 3 values ("));
  EXPECT_THAT(console_.err, HasSubstr("1 value could not be copied; run it again"));
  for (const std::string name : {"a", "c", "d"}) EXPECT_TRUE(Get("two", Result(name)).ok());
  EXPECT_EQ(Run("cache", {"copy", "0", "1", "--json"}), kExitFailed);
  EXPECT_EQ(Json::parse(console_.out)["failed"], 1);
  EXPECT_EQ(Json::parse(console_.out)["present"], 3);
}

TEST_F(CacheCommandTest, CopyFromWhatGivesNothingIsGivenUp) {
  for (int i = 0; i < 20; ++i) {
    Put("one", Result(StrCat(i)), Bundle());
    MakeUnreadable(Result(StrCat(i)));
  }
  EXPECT_EQ(Run("cache", {"copy", "0", "1", "--json"}), kExitFailed);
  EXPECT_THAT(console_.err, HasSubstr("given up after 3 failures in a row"));
  EXPECT_EQ(Json::parse(console_.out)["failed"], 3);
}

TEST_F(CacheCommandTest, WrongWordsAreExplained) {
  EXPECT_EQ(Run("cache", {"chek"}), kExitUsage);
  EXPECT_THAT(console_.err, HasSubstr("\"chek\" is neither check nor copy"));
  EXPECT_EQ(Run("cache", {"copy", "0"}), kExitUsage);
  EXPECT_EQ(Run("cache", {"copy", "0", "0"}), kExitUsage);
  EXPECT_THAT(console_.err, HasSubstr("both are the same cache"));
  EXPECT_EQ(Run("cache", {"copy", "0", "7"}), kExitUsage);
  EXPECT_THAT(console_.err, HasSubstr("none of the configured caches, which are 0 (disk, "));
  EXPECT_EQ(Run("cache", {"check", "disk"}), kExitUsage);
  EXPECT_THAT(console_.err, HasSubstr("more than one"));
}

TEST_F(CacheCommandTest, SecretsAreNotPrinted) {
  Configure(
      "[[cache]]\n[[cache]]\ntype = \"s3\"\nbucket = \"b\"\naccess_key = \"AKxyz\"\n"
      "secret_key = \"SKxyz\"\n[[cache]]\ntype = \"http\"\nurl = \"https://c.example\"\n"
      "username = \"u\"\npassword = \"PWxyz\"\n");
  EXPECT_EQ(Run("config", {}), kExitOk);
  EXPECT_THAT(console_.out, Not(HasSubstr("xyz")));
  EXPECT_THAT(console_.out, HasSubstr("for development only"));
  EXPECT_EQ(Run("config", {"--json"}), kExitOk);
  EXPECT_THAT(console_.out, Not(HasSubstr("xyz")));
  EXPECT_EQ(Json::parse(console_.out)["cache"][1]["secret_key"], "(hidden)");
}

TEST_F(CacheCommandTest, WithoutTheProgramTheDoctorAndTheCheckSayWhy) {
  Configure("[[cache]]\n[[cache]]\ntype = \"http\"\nurl = \"http://127.0.0.1:1\"\n");
  Run("doctor", {});
  EXPECT_THAT(console_.out, HasSubstr("[fail]"));
  EXPECT_THAT(console_.out, HasSubstr("hpcc-remote is missing"));
  EXPECT_EQ(Run("cache", {"check", "http"}), kExitFailed);
  EXPECT_THAT(console_.err, HasSubstr("hpcc-remote is missing"));
  EXPECT_EQ(Run("stats", {"--json"}), kExitOk);
  const Json json = Json::parse(console_.out);
  EXPECT_EQ(json["remote_caches"][0]["hits"], 0);
  EXPECT_GE(json["remote_caches"][0]["errors"], 1);
  EXPECT_EQ(Run("stats", {"--zero"}), kExitOk);
  EXPECT_EQ(Run("stats", {"--json"}), kExitOk);
  EXPECT_EQ(Json::parse(console_.out)["remote_caches"][0]["errors"], 0);
  EXPECT_EQ(Run("stats", {}), kExitOk);
  EXPECT_THAT(console_.out, HasSubstr("Remote cache"));
}

}  // namespace
}  // namespace hpcc
