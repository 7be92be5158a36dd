#include "config/remote_keys.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>

namespace hpcc {
namespace {

class RemoteKeysTest : public testing::Test {
 protected:
  RemoteKeysTest() {
    std::string pattern = testing::TempDir() + "/hpcc-config-XXXXXX";
    root_ = mkdtemp(pattern.data());
    environment_.Set("HOME", root_);
    environment_.Set("HPCC_CONFIG", root_ + "/user.toml");
  }
  ~RemoteKeysTest() override { std::filesystem::remove_all(root_); }

  absl::StatusOr<Config> Load(const std::string& user, const std::string& system = "") {
    std::ofstream(root_ + "/user.toml") << user;
    std::ofstream(root_ + "/system.toml") << system;
    return LoadConfig(FileSystem::Real(), environment_, root_ + "/system.toml");
  }
  // What is wrong, without the folder of the file.
  std::string Wrong(const std::string& user, const std::string& system = "") {
    const absl::StatusOr<Config> config = Load(user, system);
    if (config.ok()) return "loaded";
    EXPECT_EQ(config.status().code(), absl::StatusCode::kInvalidArgument);
    std::string message(config.status().message());
    for (size_t at = message.find(root_); at != std::string::npos; at = message.find(root_)) {
      message.erase(at, root_.size() + 1);
    }
    return message;
  }

  std::string root_;
  Environment environment_;
};

TEST_F(RemoteKeysTest, WithoutTheBlockNothingIsSentAnywhere) {
  const absl::StatusOr<Config> config = Load("");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_FALSE(config->remote.enabled());
  EXPECT_FALSE(config->paranoid);
  for (const Config::Setting& setting : config->settings) {
    EXPECT_FALSE(setting.key.starts_with("remote.")) << setting.key;
  }
}

TEST_F(RemoteKeysTest, EveryKeyIsTaken) {
  const absl::StatusOr<Config> config = Load(
      "[remote]\nscheduler = \"build.example:7443\"\nca_file = \"~/ca.pem\"\ntenant = \"acme\"\n"
      "image = \"gcc@sha256:0\"\ngrant = \"client-credentials\"\nusername = \"ada\"\n"
      "password_file = \"~/password\"\nclient_secret_file = \"/etc/secret\"\n");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_TRUE(config->remote.enabled());
  EXPECT_EQ(config->remote.scheduler, "build.example:7443");
  EXPECT_EQ(config->remote.ca_file, root_ + "/ca.pem");
  EXPECT_EQ(config->remote.tenant, "acme");
  EXPECT_EQ(config->remote.image, "gcc@sha256:0");
  EXPECT_EQ(config->remote.grant, RemoteSettings::Grant::kClientCredentials);
  EXPECT_EQ(config->remote.username, "ada");
  EXPECT_EQ(config->remote.password_file, root_ + "/password");
  EXPECT_EQ(config->remote.client_secret_file, "/etc/secret");
}

TEST_F(RemoteKeysTest, AddressAndTenantAreEnough) {
  const absl::StatusOr<Config> config =
      Load("[remote]\nscheduler = \"[::1]:7443\"\ntenant = \"acme\"\n");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->remote.image, "host");
  EXPECT_EQ(config->remote.grant, RemoteSettings::Grant::kPassword);
}

TEST_F(RemoteKeysTest, AUsersKeysStandOverTheSystemsOneByOne) {
  const absl::StatusOr<Config> config =
      Load("[remote]\nusername = \"ada\"\nuse = false\n",
           "[remote]\nscheduler = \"s:1\"\ntenant = \"acme\"\nusername = \"ci\"\n");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->remote.scheduler, "s:1");
  EXPECT_EQ(config->remote.username, "ada");
  EXPECT_FALSE(config->remote.enabled());
}

TEST_F(RemoteKeysTest, AVariableTurnsItOff) {
  environment_.Set("HPCC_REMOTE", "0");
  const absl::StatusOr<Config> config = Load("[remote]\nscheduler = \"s:1\"\ntenant = \"acme\"\n");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_FALSE(config->remote.enabled());
}

TEST_F(RemoteKeysTest, MistakesNameTheirKey) {
  EXPECT_EQ(Wrong("[remote]\nschedular = \"s:1\"\n"),
            "user.toml:2: remote.schedular: unknown key; did you mean scheduler?");
  EXPECT_EQ(Wrong("[remote]\nscheduler = \"\"\n"),
            "user.toml:2: remote.scheduler: is empty; leave the key out instead");
  for (const std::string address : {"s", "s:", ":1", "s:0", "s:65536", "s:1x", "a:b:1", "a/b:1"}) {
    EXPECT_EQ(
        Wrong("[remote]\nscheduler = \"" + address + "\"\n"),
        "user.toml:2: remote.scheduler: \"" + address + "\" is no address; write \"host:port\"");
  }
  EXPECT_EQ(Wrong("[remote]\ngrant = \"implicit\"\n"),
            "user.toml:2: remote.grant: \"implicit\" is no grant; write \"password\", \"device\" "
            "or \"client-credentials\"");
  EXPECT_EQ(Wrong("[remote]\nuse = \"yes\"\n"),
            "user.toml:2: remote.use: is text; write true or false");
  EXPECT_EQ(Wrong("[remote]\npassword_file = \"password\"\n").substr(0, 36),
            "user.toml:2: remote.password_file: \"");
  EXPECT_EQ(Wrong("remote = 1\n"),
            "user.toml:1: remote: is a whole number; write [remote] above its keys");
}

TEST_F(RemoteKeysTest, KeysGoWithTheirCompanions) {
  EXPECT_EQ(Wrong("[remote]\nscheduler = \"s:1\"\n"),
            "user.toml:2: remote.scheduler: goes with tenant, which is missing");
  EXPECT_EQ(Wrong("[remote]\ntenant = \"a\"\n"),
            "user.toml:2: remote.tenant: goes with scheduler, which is missing");
  const std::string both = "[remote]\nscheduler = \"s:1\"\ntenant = \"a\"\n";
  EXPECT_EQ(Wrong(both + "password_file = \"/p\"\n"),
            "user.toml:4: remote.password_file: goes with username, which is missing");
  EXPECT_EQ(Wrong(both + "grant = \"client-credentials\"\n"),
            "user.toml:4: remote.grant: goes with client_secret_file, which is missing");
}

TEST_F(RemoteKeysTest, TheParanoidHaveNoCaches) {
  const absl::StatusOr<Config> config = Load("paranoid = true\n");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_TRUE(config->paranoid);
  EXPECT_TRUE(config->cache.empty());
  EXPECT_EQ(config->local_directory, root_ + "/.cache/hpcc");
  EXPECT_EQ(Wrong("paranoid = true\n", "[[cache]]\n"),
            "user.toml:1: paranoid: keeps nothing, but there are caches at system.toml:1; remove "
            "one of the two");
}

}  // namespace
}  // namespace hpcc
