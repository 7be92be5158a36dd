#include "worker/cache_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/strings.h"
#include "store/store_test_util.h"
#include "worker/worker_config.h"

namespace hpcc {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;

constexpr std::string_view kBucket =
    "[[cache]]\ntype = \"s3\"\nbucket = \"results\"\nregion = \"us-east-1\"\n";

class CacheFileTest : public testing::Test {
 protected:
  absl::StatusOr<CacheFile> Load(std::string_view text) {
    EXPECT_TRUE(WriteFileAtomically(FileSystem::Real(), path_, std::string(text)).ok());
    return LoadCacheFile(FileSystem::Real(), path_, environment_);
  }
  // What is said of it, without the file's name.
  std::string Mistake(std::string_view text) {
    const absl::StatusOr<CacheFile> file = Load(text);
    EXPECT_TRUE(absl::IsInvalidArgument(file.status())) << file.status();
    const std::string message(file.status().message());
    EXPECT_THAT(message, StartsWith(StrCat(path_, ":")));
    return message.substr(std::min(message.size(), path_.size()));
  }

  const ScratchDirectory scratch_;
  const std::string path_ = scratch_.path() + "/cache.toml";
  Environment environment_;
};

TEST_F(CacheFileTest, BlocksAndSigningAreReadAsAClientsAre) {
  environment_.Set("KEYS", "/keys");
  const absl::StatusOr<CacheFile> file = Load(
      StrCat(kBucket, "namespace = \"workers\"\n",
             "[[cache]]\ntype = \"http\"\nurl = \"https://c.example/x\"\nread_only = true\n",
             "[signing]\nkey_file = \"${KEYS}/key.pem\"\ntrusted_keys = [\"/keys/pub.pem\"]\n"));
  ASSERT_TRUE(file.ok()) << file.status();
  ASSERT_EQ(file->tiers.size(), 2U);
  EXPECT_EQ(file->tiers[0].Name(), "s3://results/cache/workers");
  EXPECT_FALSE(file->tiers[0].read_only);
  EXPECT_EQ(file->tiers[1].http.url, "https://c.example/x");
  EXPECT_TRUE(file->tiers[1].read_only);
  EXPECT_EQ(file->signing.key_file, "/keys/key.pem");
  EXPECT_THAT(file->signing.trusted_keys, ElementsAre("/keys/pub.pem"));
  EXPECT_THAT(WarningsOf(*file), IsEmpty());
}

TEST_F(CacheFileTest, VariablesOfClientsChangeNothing) {
  environment_.Set("HPCC_READ_ONLY", "1");
  environment_.Set("HPCC_CONFIG", "/etc/other.toml");
  environment_.Set("HPCC_CACHE_DIR", "relative");
  const absl::StatusOr<CacheFile> file = Load(kBucket);
  ASSERT_TRUE(file.ok()) << file.status();
  ASSERT_EQ(file->tiers.size(), 1U);
  EXPECT_FALSE(file->tiers[0].read_only);
}

TEST_F(CacheFileTest, DisksAndFilesWithoutABlockAreMistakes) {
  EXPECT_THAT(Mistake(""), StartsWith(":1: cache: is missing"));
  EXPECT_THAT(Mistake("[signing]\ntrusted_keys = []\n"), StartsWith(":1: cache: is missing"));
  EXPECT_THAT(Mistake("[[cache]]\ntype = \"disk\"\nlocation = \"/c\"\n"),
              StartsWith(":2: cache[0].type: write \"s3\" or \"http\""));
  EXPECT_THAT(Mistake(StrCat(kBucket, "[[cache]]\n")), StartsWith(":5: cache[1].type: write "));
}

TEST_F(CacheFileTest, KeysOfClientsAloneAreMistakes) {
  EXPECT_THAT(Mistake(StrCat("paranoid = false\n", kBucket)), StartsWith(":1: paranoid: is a "));
  EXPECT_THAT(Mistake(StrCat("log_file = \"/l\"\n", kBucket)), StartsWith(":1: log_file: is a "));
  EXPECT_THAT(Mistake(StrCat(kBucket, "[daemon]\nuse = true\n")),
              StartsWith(":6: daemon.use: is a client's"));
  EXPECT_THAT(Mistake(StrCat(kBucket, "[remote]\nscheduler = \"h:1\"\ntenant = \"t\"\n")),
              StartsWith(":6: remote.scheduler: is a client's"));
}

TEST_F(CacheFileTest, MistakesWithinABlockHaveTheirPlace) {
  EXPECT_THAT(Mistake("[[cache]]\ntype = \"s3\"\nbuckets = \"b\"\n"),
              StartsWith(":3: cache[0].buckets: unknown key; did you mean bucket?"));
  EXPECT_THAT(Mistake("[[cache]]\ntype = \"s3\"\nregion = \"r\"\n"), HasSubstr("cache[0].bucket"));
  EXPECT_THAT(Mistake(StrCat(kBucket, kBucket)), HasSubstr("is the same as that of cache[0]"));
}

TEST_F(CacheFileTest, AWorkersFileNamesItAndSaysWhereItIsMissing) {
  ASSERT_TRUE(WriteFileAtomically(FileSystem::Real(), path_, std::string(kBucket)).ok());
  const auto parse = [this](const std::string& path) {
    return ParseWorkerConfig(
        StrCat("state_dir = \"/s\"\ncache_file = \"", path, "\"\n[scheduler]\naddress = \"h:1\"\n"),
        "worker.toml", environment_);
  };
  const absl::StatusOr<WorkerConfig> config = parse(path_);
  ASSERT_TRUE(config.ok()) << config.status();
  ASSERT_EQ(config->shared_cache.tiers.size(), 1U);
  EXPECT_EQ(config->shared_cache.path, path_);
  EXPECT_EQ(parse(scratch_.path() + "/none").status().message(),
            StrCat("worker.toml:2: cache_file: ", scratch_.path() + "/none", " does not exist"));
  EXPECT_THAT(std::string(parse(scratch_.path()).status().message()),
              StartsWith("worker.toml:2: cache_file: "));
  EXPECT_THAT(std::string(parse("relative").status().message()),
              StartsWith("worker.toml:2: cache_file: "));
  ASSERT_TRUE(WriteFileAtomically(FileSystem::Real(), path_, "[[cache]]\n").ok());
  EXPECT_THAT(std::string(parse(path_).status().message()), StartsWith(StrCat(path_, ":1: ")));
}

TEST_F(CacheFileTest, ItIsWarnedOfWritersNobodyKnowsAndOfResultsNobodyReads) {
  EXPECT_THAT(WarningsOf(CacheFile()), IsEmpty());
  EXPECT_THAT(WarningsOf(*Load(kBucket)), ElementsAre(HasSubstr("without signing.trusted_keys")));
  const std::string trusting = "[signing]\ntrusted_keys = [\"/pub.pem\"]\n";
  EXPECT_THAT(WarningsOf(*Load(StrCat(kBucket, trusting))),
              ElementsAre(HasSubstr("without signing.key_file")));
  EXPECT_THAT(WarningsOf(*Load(StrCat(kBucket, "read_only = true\n", trusting))), IsEmpty());
}

}  // namespace
}  // namespace hpcc
