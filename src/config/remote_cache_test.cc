// [[cache]] blocks of remote caches, and [signing].

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>

#include "base/strings.h"
#include "config/cache_keys.h"
#include "config/config.h"

namespace hpcc {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

class RemoteCacheTest : public testing::Test {
 protected:
  RemoteCacheTest() {
    std::string pattern = testing::TempDir() + "/hpcc-config-XXXXXX";
    root_ = mkdtemp(pattern.data());
    file_ = root_ + "/config.toml";
    environment_.Set("HOME", root_);
    environment_.Set("HPCC_CONFIG", file_);
  }
  ~RemoteCacheTest() override { std::filesystem::remove_all(root_); }

  absl::StatusOr<Config> Load(const std::string& text) {
    std::ofstream(file_) << text;
    return LoadConfig(FileSystem::Real(), environment_, root_ + "/none.toml");
  }
  std::string ErrorOf(const std::string& text) {
    const absl::StatusOr<Config> config = Load(text);
    if (config.ok()) return "loaded";
    EXPECT_EQ(config.status().code(), absl::StatusCode::kInvalidArgument);
    return std::string(config.status().message());
  }
  // What `text` is wrong with, as "<line>: <message>".
  std::string Wrong(const std::string& text) {
    const std::string error = ErrorOf(text);
    const std::string start = file_ + ":";
    EXPECT_THAT(error, testing::StartsWith(start));
    return error.substr(std::min(error.size(), start.size()));
  }
  static std::map<std::string, std::string> Values(const Config& config) {
    std::map<std::string, std::string> values;
    for (const Config::Setting& setting : config.settings) values[setting.key] = setting.value;
    return values;
  }

  std::string root_;
  std::string file_;
  Environment environment_;
};

TEST_F(RemoteCacheTest, ABucketNeedsNoMoreThanItsName) {
  const absl::StatusOr<Config> config =
      Load("[[cache]]\n[[cache]]\ntype = \"s3\"\nbucket = \"b\"\n");
  ASSERT_TRUE(config.ok()) << config.status();
  ASSERT_EQ(config->cache.size(), 2u);
  const CacheTier& tier = config->cache[1];
  EXPECT_EQ(tier.type, CacheTier::Type::kS3);
  EXPECT_EQ(tier.s3.bucket, "b");
  EXPECT_EQ(tier.name_space, "default");
  EXPECT_EQ(tier.max_size, 0u);
  EXPECT_FALSE(tier.s3.auto_create);
  EXPECT_FALSE(tier.read_only);
  EXPECT_EQ(tier.Name(), "s3://b/cache/default");
  EXPECT_TRUE(config->has_remote());
  EXPECT_EQ(config->local_directory, root_ + "/.cache/hpcc");
}

TEST_F(RemoteCacheTest, EveryKeyOfABucketIsTaken) {
  const absl::StatusOr<Config> config = Load(
      "[[cache]]\nbucket = \"b\"\nregion = \"eu-west-1\"\nendpoint = \"https://s3.example:9000\"\n"
      "namespace = \"team-a\"\nmax_size = \"5G\"\nauto_create = true\naccess_key = \"AK\"\n"
      "secret_key = \"SK\"\nca_file = \"~/ca.pem\"\nread_only = true\ntype = \"s3\"\n");
  ASSERT_TRUE(config.ok()) << config.status();
  const CacheTier& tier = config->cache[0];
  EXPECT_EQ(tier.s3.region, "eu-west-1");
  EXPECT_EQ(tier.s3.endpoint, "https://s3.example:9000");
  EXPECT_EQ(tier.name_space, "team-a");
  EXPECT_EQ(tier.max_size, uint64_t{5} << 30);
  EXPECT_TRUE(tier.s3.auto_create);
  EXPECT_EQ(tier.s3.access_key, "AK");
  EXPECT_EQ(tier.s3.secret_key, "SK");
  EXPECT_EQ(tier.ca_file, root_ + "/ca.pem");
  EXPECT_TRUE(tier.read_only);
}

TEST_F(RemoteCacheTest, EveryKeyOfAnHttpCacheIsTaken) {
  absl::StatusOr<Config> config = Load(
      "[[cache]]\ntype = \"http\"\nurl = \"https://c.example/x/\"\nusername = \"u\"\n"
      "password = \"p\"\nnamespace = \"n\"\nread_only = true\nmax_size = 0\n");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->cache[0].http.url, "https://c.example/x");
  EXPECT_EQ(config->cache[0].http.password, "p");
  EXPECT_EQ(config->cache[0].Name(), "https://c.example/x/cache/n");
  config = Load(
      "[[cache]]\ntype = \"http\"\nurl = \"http://localhost:1\"\nbearer_token_file = \"/run/t\"\n");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->cache[0].http.bearer_token_file, "/run/t");
}

TEST_F(RemoteCacheTest, SecretsAreHiddenInTheSettings) {
  absl::StatusOr<Config> config = Load(
      "[[cache]]\ntype = \"s3\"\nbucket = \"b\"\naccess_key = \"AKxyz\"\nsecret_key = \"SKxyz\"\n"
      "[[cache]]\ntype = \"http\"\nurl = \"https://c.example\"\nusername = \"ada\"\n"
      "password = \"PWxyz\"\n"
      "[[cache]]\ntype = \"http\"\nurl = \"https://d.example\"\nbearer_token = \"BTxyz\"\n");
  ASSERT_TRUE(config.ok()) << config.status();
  const std::map<std::string, std::string> values = Values(*config);
  for (const auto& [key, value] : values) EXPECT_THAT(value, Not(HasSubstr("xyz"))) << key;
  EXPECT_EQ(values.at("cache[0].secret_key"), kHiddenValue);
  EXPECT_EQ(values.at("cache[0].access_key"), kHiddenValue);
  EXPECT_EQ(values.at("cache[1].password"), kHiddenValue);
  EXPECT_EQ(values.at("cache[1].username"), "\"ada\"");
  EXPECT_EQ(values.at("cache[2].bearer_token"), kHiddenValue);
}

TEST_F(RemoteCacheTest, KeysOfAnotherTypeAreRefused) {
  EXPECT_EQ(Wrong("[[cache]]\nbucket = \"b\"\n"),
            "2: cache[0].bucket: is no key of a cache of type \"disk\"; it goes with type \"s3\"");
  EXPECT_EQ(
      Wrong("[[cache]]\nlocation = \"/a\"\ntype = \"s3\"\nbucket = \"b\"\n"),
      "2: cache[0].location: is no key of a cache of type \"s3\"; it goes with type \"disk\"");
  EXPECT_EQ(Wrong("[[cache]]\ntype = \"http\"\nurl = \"https://a\"\nregion = \"x\"\n"),
            "4: cache[0].region: is no key of a cache of type \"http\"; it goes with type \"s3\"");
  EXPECT_EQ(Wrong("[[cache]]\nca_file = \"/a\"\n"),
            "2: cache[0].ca_file: is no key of a cache of type \"disk\"; it goes with types \"s3\" "
            "and \"http\"");
}

TEST_F(RemoteCacheTest, UnknownKeysAndTypesAreRefusedWithSuggestions) {
  EXPECT_EQ(Wrong("[[cache]]\ntype = \"s3\"\nbuckett = \"b\"\n"),
            "3: cache[0].buckett: unknown key; did you mean bucket?");
  EXPECT_EQ(Wrong("[[cache]]\ntype = \"gcs\"\n"),
            "2: cache[0].type: \"gcs\" is no type of cache; write \"disk\", \"s3\" or \"http\"");
  EXPECT_EQ(Wrong("bucket = \"b\"\n"),
            "1: bucket: belongs to a cache; write it below a [[cache]] line");
  EXPECT_EQ(Wrong("[signing]\nkeyfile = \"b\"\n"),
            "2: signing.keyfile: unknown key; did you mean key_file?");
}

TEST_F(RemoteCacheTest, WhatIsMissingOrContradictsItselfIsNamed) {
  const std::string s3 = "[[cache]]\ntype = \"s3\"\nbucket = \"b\"\n";
  const std::string http = "[[cache]]\ntype = \"http\"\nurl = \"https://a\"\n";
  EXPECT_EQ(Wrong("[[cache]]\ntype = \"s3\"\n"), "1: cache[0].bucket: is missing");
  EXPECT_EQ(Wrong("[[cache]]\ntype = \"http\"\n"), "1: cache[0].url: is missing");
  EXPECT_EQ(Wrong(s3 + "access_key = \"a\"\n"),
            "4: cache[0].access_key: goes with secret_key, which is missing");
  EXPECT_EQ(Wrong(s3 + "region = \"\"\n"),
            "4: cache[0].region: is empty; leave the key out instead");
  EXPECT_EQ(Wrong(s3 + "auto_create = \"yes\"\n"),
            "4: cache[0].auto_create: is text; write true or false");
  EXPECT_EQ(Wrong(s3 + "namespace = \"a/b\"\n"),
            "4: cache[0].namespace: \"a/b\" is no namespace; write up to 64 letters, digits, dots, "
            "dashes and underscores");
  EXPECT_EQ(Wrong(s3 + "endpoint = \"s3.example\"\n"),
            "4: cache[0].endpoint: is no address; it begins with https:// or http://");
  EXPECT_EQ(Wrong(http + "password = \"p\"\n"),
            "4: cache[0].password: goes with username, which is missing");
  EXPECT_EQ(Wrong(http + "username = \"u\"\n"),
            "4: cache[0].username: goes with password or password_file, which are missing");
  EXPECT_EQ(Wrong(http + "username = \"u\"\npassword = \"p\"\nbearer_token = \"t\"\n"),
            "6: cache[0].bearer_token: does not go with username; write one");
  EXPECT_EQ(
      Wrong(s3 + "ca_file = \"ca.pem\"\n"),
      "4: cache[0].ca_file: \"ca.pem\" is not an absolute path; begin it with \"/\", \"~/\" or "
      "\"${NAME}/\"");
}

TEST_F(RemoteCacheTest, AnAddressWithAPasswordIsRefusedWithoutRepeatingIt) {
  const std::string error =
      Wrong("[[cache]]\ntype = \"http\"\nurl = \"https://ada:hunter2@a.example\"\n");
  EXPECT_THAT(error, HasSubstr("cache[0].url: holds a user or password"));
  EXPECT_THAT(error, Not(HasSubstr("hunter2")));
}

TEST_F(RemoteCacheTest, AnAddressWithAQueryIsRefusedWithoutRepeatingIt) {
  for (const std::string tier :
       {"type = \"http\"\nurl = \"https://a.example/x?token=hunter2\"\n",
        "type = \"http\"\nurl = \"https://a.example/x#hunter2\"\n",
        "type = \"s3\"\nendpoint = \"https://a.example?token=hunter2\"\nbucket = \"b\"\n"}) {
    const std::string error = Wrong("[[cache]]\n" + tier);
    EXPECT_THAT(error, testing::StartsWith("3: cache[0]."));
    EXPECT_THAT(error, HasSubstr("holds a query or fragment"));
    EXPECT_THAT(error, Not(HasSubstr("hunter2")));
  }
}

TEST_F(RemoteCacheTest, ALimitThatCantBeKeptIsRefused) {
  EXPECT_EQ(Wrong("[[cache]]\ntype = \"http\"\nurl = \"https://a\"\nmax_size = \"1G\"\n"),
            "4: cache[0].max_size: can't be kept in a cache of type \"http\", which can't be "
            "listed; leave it out, and limit the size at the server");
}

TEST_F(RemoteCacheTest, OnePlaceWrittenTwiceIsRefused) {
  const std::string s3 = "[[cache]]\ntype = \"s3\"\nbucket = \"b\"\n";
  EXPECT_EQ(Wrong(s3 + s3),
            "6: cache[1].bucket: is the same as that of cache[0]; write each place once");
  EXPECT_TRUE(Load(s3 + s3 + "namespace = \"other\"\n").ok());
}

TEST_F(RemoteCacheTest, WithoutADiskTheRecordsAreWhereADiskWouldBe) {
  const std::string s3 = "[[cache]]\ntype = \"s3\"\nbucket = \"b\"\n";
  absl::StatusOr<Config> config = Load(s3);
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->first_disk(), nullptr);
  EXPECT_EQ(config->local_directory, root_ + "/.cache/hpcc");
  EXPECT_TRUE(config->compresses());
  environment_.Set("HPCC_CACHE_DIR", "/elsewhere");
  environment_.Set("HPCC_MAX_SIZE", "1G");
  config = Load(s3);
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->local_directory, "/elsewhere");
  EXPECT_EQ(config->cache[0].max_size, 0u);
}

TEST_F(RemoteCacheTest, VariablesOfTheDiskFindTheDiskBehindABucket) {
  environment_.Set("HPCC_CACHE_DIR", "/elsewhere");
  environment_.Set("HPCC_MAX_SIZE", "1G");
  environment_.Set("HPCC_READ_ONLY", "1");
  const absl::StatusOr<Config> config =
      Load("[[cache]]\ntype = \"s3\"\nbucket = \"b\"\n[[cache]]\ncompression = \"none\"\n");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->cache[1].location, "/elsewhere");
  EXPECT_EQ(config->cache[1].max_size, uint64_t{1} << 30);
  EXPECT_EQ(config->local_directory, "/elsewhere");
  EXPECT_FALSE(config->compresses());
  for (const CacheTier& tier : config->cache) EXPECT_TRUE(tier.read_only);
}

TEST_F(RemoteCacheTest, SigningTakesKeysAndPathsToKeys) {
  const absl::StatusOr<Config> config = Load(
      "[signing]\nkey_file = \"~/key.pem\"\ntrusted_keys = [\"ed25519:AAAA\", \"~/pub.pem\"]\n");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->signing.key_file, root_ + "/key.pem");
  EXPECT_THAT(config->signing.trusted_keys, ElementsAre("ed25519:AAAA", root_ + "/pub.pem"));
  EXPECT_EQ(Values(*config)["signing.trusted_keys"],
            StrCat("[\"ed25519:AAAA\", \"", root_, "/pub.pem\"]"));
  EXPECT_EQ(Wrong("[signing]\ntrusted_keys = \"x\"\n"),
            "2: signing.trusted_keys: is text; write an array of text, as [\"…\", \"…\"]");
  EXPECT_EQ(Wrong("[signing]\ntrusted_keys = [1]\n"),
            "2: signing.trusted_keys: is a whole number; write text in quotes");
  EXPECT_EQ(Wrong("signing = 1\n"),
            "1: signing: is a whole number; write [signing] above its keys");
}

}  // namespace
}  // namespace hpcc
