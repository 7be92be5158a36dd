#include "config/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <map>

#include "base/strings.h"

namespace hpcc {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class ConfigTest : public testing::Test {
 protected:
  ConfigTest() {
    std::string pattern = testing::TempDir() + "/hpcc-config-XXXXXX";
    root_ = mkdtemp(pattern.data());
    environment_.Set("HOME", root_);
    system_file_ = root_ + "/etc.toml";
    user_file_ = root_ + "/.config/hpcc/config.toml";
  }
  ~ConfigTest() override { std::filesystem::remove_all(root_); }

  void Write(const std::string& path, std::string_view text) {
    std::filesystem::create_directories(std::filesystem::path(path).parent_path());
    std::ofstream(path) << text;
  }
  absl::StatusOr<Config> Load() {
    return LoadConfig(FileSystem::Real(), environment_, system_file_);
  }
  std::string ErrorOf() {
    const absl::StatusOr<Config> config = Load();
    if (config.ok()) return "no error";
    EXPECT_EQ(config.status().code(), absl::StatusCode::kInvalidArgument) << config.status();
    return std::string(config.status().message());
  }
  std::map<std::string, std::string> Origins(const Config& config) {
    std::map<std::string, std::string> origins;
    for (const Config::Setting& setting : config.settings) origins[setting.key] = setting.origin;
    return origins;
  }

  std::string root_;
  std::string system_file_;
  std::string user_file_;
  Environment environment_;
};

TEST_F(ConfigTest, WithoutFilesAndVariablesTheDefaultsHold) {
  const absl::StatusOr<Config> config = Load();
  ASSERT_TRUE(config.ok()) << config.status();
  ASSERT_EQ(config->cache.size(), 1u);
  EXPECT_EQ(config->cache[0].location, root_ + "/.cache/hpcc");
  EXPECT_EQ(config->cache[0].max_size, uint64_t{10} << 30);
  EXPECT_EQ(config->cache[0].compression, CacheTier::Compression::kZstd);
  EXPECT_FALSE(config->cache[0].read_only);
  EXPECT_EQ(config->source_mode, SourceMode::kDirect);
  EXPECT_FALSE(config->disable);
  EXPECT_EQ(config->log_file, "");
  EXPECT_TRUE(config->files.empty());
  for (const auto& [key, origin] : Origins(*config)) EXPECT_EQ(origin, "default") << key;
}

TEST_F(ConfigTest, XdgDirectoriesCountOnlyWhenAbsolute) {
  environment_.Set("XDG_CACHE_HOME", root_ + "/xdg-cache");
  environment_.Set("XDG_CONFIG_HOME", root_ + "/xdg-config");
  Write(root_ + "/xdg-config/hpcc/config.toml", "disable = true\n");
  absl::StatusOr<Config> config = Load();
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->cache[0].location, root_ + "/xdg-cache/hpcc");
  EXPECT_TRUE(config->disable);
  EXPECT_THAT(config->files, ElementsAre(root_ + "/xdg-config/hpcc/config.toml"));

  environment_.Set("XDG_CACHE_HOME", "xdg-cache");
  environment_.Set("XDG_CONFIG_HOME", "xdg-config");
  config = Load();
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->cache[0].location, root_ + "/.cache/hpcc");
  EXPECT_FALSE(config->disable);
}

TEST_F(ConfigTest, LaterSourcesWinAndAreNamedAsOrigins) {
  Write(system_file_,
        "source_mode = \"preprocessed\"\n"
        "disable = true\n"
        "log_file = \"/var/log/hpcc\"\n");
  Write(user_file_, "\ndisable = false\n");
  environment_.Set("HPCC_LOG_FILE", "/tmp/log");
  const absl::StatusOr<Config> config = Load();
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->source_mode, SourceMode::kPreprocessed);
  EXPECT_FALSE(config->disable);
  EXPECT_EQ(config->log_file, "/tmp/log");
  EXPECT_THAT(config->files, ElementsAre(system_file_, user_file_));
  auto origins = Origins(*config);
  EXPECT_EQ(origins["source_mode"], system_file_ + ":1");
  EXPECT_EQ(origins["disable"], user_file_ + ":2");
  EXPECT_EQ(origins["log_file"], "HPCC_LOG_FILE");
}

TEST_F(ConfigTest, TheUsersCachesReplaceThoseOfTheSystem) {
  Write(system_file_, "[[cache]]\nlocation = \"/a\"\n[[cache]]\nlocation = \"/b\"\n");
  absl::StatusOr<Config> config = Load();
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->cache.size(), 2u);

  Write(user_file_, "[[cache]]\nmax_size = \"1G\"\n");
  config = Load();
  ASSERT_TRUE(config.ok()) << config.status();
  ASSERT_EQ(config->cache.size(), 1u);
  EXPECT_EQ(config->cache[0].location, root_ + "/.cache/hpcc");
  EXPECT_EQ(config->cache[0].max_size, uint64_t{1} << 30);
}

TEST_F(ConfigTest, VariablesChangeTheCaches) {
  Write(user_file_, "[[cache]]\nlocation = \"/a\"\n[[cache]]\nlocation = \"/b\"\n");
  environment_.Set("HPCC_CACHE_DIR", "~/c/");
  environment_.Set("HPCC_MAX_SIZE", "3M");
  environment_.Set("HPCC_COMPRESSION", "none");
  environment_.Set("HPCC_READ_ONLY", "yes");
  environment_.Set("HPCC_SOURCE_MODE", "preprocessed");
  environment_.Set("HPCC_DISABLE", "1");
  const absl::StatusOr<Config> config = Load();
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->cache[0].location, root_ + "/c");
  EXPECT_EQ(config->cache[0].max_size, uint64_t{3} << 20);
  EXPECT_EQ(config->cache[1].location, "/b");
  EXPECT_EQ(config->cache[1].max_size, uint64_t{10} << 30);
  for (const CacheTier& tier : config->cache) {
    EXPECT_EQ(tier.compression, CacheTier::Compression::kNone);
    EXPECT_TRUE(tier.read_only);
  }
  EXPECT_EQ(config->source_mode, SourceMode::kPreprocessed);
  EXPECT_TRUE(config->disable);
  EXPECT_EQ(Origins(*config)["cache[0].location"], "HPCC_CACHE_DIR");
}

TEST_F(ConfigTest, EmptyVariablesAreAsIfUnset) {
  for (const std::string_view name : ConfigVariables()) environment_.Set(name, "");
  const absl::StatusOr<Config> config = Load();
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->cache[0].location, root_ + "/.cache/hpcc");
}

TEST_F(ConfigTest, AMalformedVariableIsNamed) {
  for (const auto& [name, value, what] :
       std::initializer_list<std::tuple<const char*, const char*, const char*>>{
           {"HPCC_CACHE_DIR", "relative", "is not an absolute path"},
           {"HPCC_MAX_SIZE", "lots", "is not a size"},
           {"HPCC_COMPRESSION", "xz", "is no compression"},
           {"HPCC_READ_ONLY", "maybe", "is neither yes nor no"},
           {"HPCC_SOURCE_MODE", "quick", "is no source mode"},
           {"HPCC_DISABLE", "2", "is neither yes nor no"},
           {"HPCC_LOG_FILE", "log", "is not an absolute path"},
       }) {
    environment_.Set(name, value);
    EXPECT_THAT(ErrorOf(), testing::AllOf(testing::StartsWith(StrCat(name, ": \"", value, "\"")),
                                          HasSubstr(what)));
    environment_.Unset(name);
  }
}

TEST_F(ConfigTest, ConfigNamedByTheVariableReplacesTheUsersFile) {
  Write(user_file_, "disable = true\n");
  Write(root_ + "/other.toml", "source_mode = \"preprocessed\"\n");
  environment_.Set("HPCC_CONFIG", root_ + "/other.toml");
  const absl::StatusOr<Config> config = Load();
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_FALSE(config->disable);
  EXPECT_EQ(config->source_mode, SourceMode::kPreprocessed);
}

TEST_F(ConfigTest, ConfigNamedByTheVariableMustExist) {
  environment_.Set("HPCC_CONFIG", root_ + "/missing.toml");
  EXPECT_EQ(ErrorOf(), StrCat("HPCC_CONFIG: ", root_,
                              "/missing.toml does not exist; name a file or unset the variable"));
}

TEST_F(ConfigTest, DevNullIsAnEmptyConfig) {
  Write(user_file_, "broken\n");
  environment_.Set("HPCC_CONFIG", "/dev/null");
  EXPECT_TRUE(Load().ok()) << Load().status();
}

TEST_F(ConfigTest, MistakesInEitherFileNameThatFile) {
  Write(system_file_, "\nnonsense = 1\n");
  EXPECT_THAT(ErrorOf(), testing::StartsWith(system_file_ + ":2: nonsense: unknown key"));
  std::filesystem::remove(system_file_);
  Write(user_file_, "nonsense = 1\n");
  EXPECT_THAT(ErrorOf(), testing::StartsWith(user_file_ + ":1: nonsense: unknown key"));
}

TEST_F(ConfigTest, PathsThatCannotBeExpandedNameTheirLine) {
  Write(user_file_, "[[cache]]\nlocation = \"${NO_SUCH_VARIABLE}/x\"\n");
  EXPECT_EQ(
      ErrorOf(),
      StrCat(user_file_, ":2: cache[0].location: the variable ${NO_SUCH_VARIABLE} is not set"));
  Write(user_file_, "log_file = \"hpcc.log\"\n");
  EXPECT_THAT(ErrorOf(),
              testing::StartsWith(user_file_ + ":1: log_file: \"hpcc.log\" is not an absolute"));
}

TEST_F(ConfigTest, AnEmptyLogFileTakesBackAnEarlierOne) {
  Write(system_file_, "log_file = \"/var/log/hpcc\"\n");
  Write(user_file_, "log_file = \"\"\n");
  const absl::StatusOr<Config> config = Load();
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->log_file, "");
}

TEST_F(ConfigTest, OnlyTheFirstDiskMayLackALocation) {
  Write(user_file_, "[[cache]]\n[[cache]]\nmax_size = \"1G\"\n");
  EXPECT_EQ(
      ErrorOf(),
      StrCat(
          user_file_,
          ":2: cache[1].location: is missing; only the first disk cache has a default location"));
}

TEST_F(ConfigTest, TwoCachesInOnePlaceAreRefused) {
  Write(user_file_, "[[cache]]\nlocation = \"/a\"\n[[cache]]\nlocation = \"/a/\"\n");
  EXPECT_EQ(ErrorOf(), StrCat(user_file_,
                              ":4: cache[1].location: is the same as that of cache[0]; write each "
                              "place once"));
}

TEST_F(ConfigTest, AFileOverTheLimitIsRefusedUnread) {
  Write(user_file_, std::string(kMaxConfigBytes + 1, '\n'));
  EXPECT_THAT(ErrorOf(), testing::StartsWith(user_file_ + ": is larger than 1 MiB"));
  Write(user_file_, std::string(kMaxConfigBytes, '\n'));
  EXPECT_TRUE(Load().ok());
}

TEST_F(ConfigTest, ADirectoryInPlaceOfTheFileIsRefused) {
  std::filesystem::create_directories(user_file_);
  EXPECT_THAT(ErrorOf(), testing::StartsWith(user_file_ + ": is a directory"));
}

TEST_F(ConfigTest, ADeviceInPlaceOfTheFileIsRefused) {
  environment_.Set("HPCC_CONFIG", "/dev/zero");
  EXPECT_THAT(ErrorOf(), testing::StartsWith("/dev/zero: is no regular file"));
}

TEST_F(ConfigTest, AFileAboveTheDirectoryCountsAsMissing) {
  Write(root_ + "/.config", "");
  EXPECT_TRUE(Load().ok()) << Load().status();
}

TEST_F(ConfigTest, EverySettingIsListedOnce) {
  const absl::StatusOr<Config> config = Load();
  ASSERT_TRUE(config.ok());
  std::vector<std::string> keys;
  for (const Config::Setting& setting : config->settings) keys.push_back(setting.key);
  EXPECT_THAT(
      keys, ElementsAre("source_mode", "disable", "log_file", "daemon.use", "daemon.autostart",
                        "daemon.memory", "cache[0].type", "cache[0].location", "cache[0].max_size",
                        "cache[0].compression", "cache[0].read_only"));
}

}  // namespace
}  // namespace hpcc
