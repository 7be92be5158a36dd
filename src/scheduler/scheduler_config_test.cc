#include "scheduler/scheduler_config.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "base/strings.h"
#include "store/store_test_util.h"

namespace hpcc {
namespace {

constexpr std::string_view kSecret = "0123456789abcdef";
constexpr std::string_view kTenant =
    "[[tenant]]\n"
    "id = \"acme\"\n"
    "issuer = \"https://idp.example\"\n"
    "audience = \"hpcc\"\n"
    "client_id = \"cli\"\n"
    "images = [\"host\"]\n";

class SchedulerConfigTest : public testing::Test {
 protected:
  SchedulerConfigTest() { environment_.Set("HPCC_WORKER_SECRET", kSecret); }

  absl::StatusOr<SchedulerConfig> Parse(std::string_view text) {
    return ParseSchedulerConfig(text, "s.toml", FileSystem::Real(), environment_);
  }
  std::string Mistake(std::string_view text) {
    const absl::Status status = Parse(text).status();
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << text << status;
    return std::string(status.message());
  }

  Environment environment_;
  const ScratchDirectory scratch_;
};

TEST_F(SchedulerConfigTest, OneTenantAndASecretAreEnough) {
  const absl::StatusOr<SchedulerConfig> config = Parse(kTenant);
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->listen, "0.0.0.0:7443");
  EXPECT_EQ(config->session_lifetime, std::chrono::hours(8));
  EXPECT_EQ(config->heartbeat, std::chrono::seconds(5));
  ASSERT_EQ(config->tenants.size(), 1u);
  const TenantConfig& tenant = config->tenants[0];
  EXPECT_EQ(tenant.scope, "openid");
  EXPECT_EQ(tenant.user_claim, "sub");
  EXPECT_EQ(tenant.minimum_isolation, "process");
  EXPECT_EQ(tenant.upload_bytes_per_hour, 0u);
}

TEST_F(SchedulerConfigTest, EveryKeyIsRead) {
  const absl::StatusOr<SchedulerConfig> config = Parse(
      "listen = \"127.0.0.1:0\"\nname = \"s1\"\nstate_dir = \"/s\"\nlog_file = \"/l\"\n"
      "session_lifetime = \"1h\"\nkey_rotation = \"2h\"\ndecoy_zone = \"example.org\"\n"
      "[tls]\ncertificate_file = \"/c\"\nkey_file = \"/k\"\nhosts = [\"a\"]\n"
      "[workers]\nheartbeat = \"2s\"\n"
      "[[tenant]]\nid = \"a\"\nissuer = \"https://i\"\njwks_url = \"https://i/k\"\n"
      "token_url = \"https://i/t\"\naudience = \"x\"\nclient_id = \"c\"\nscope = \"s\"\n"
      "user_claim = \"email\"\nca_file = \"/ca\"\nimages = [\"host\", \"r/*\"]\n"
      "minimum_isolation = \"qemu-kvm\"\nupload_bytes_per_hour = \"1G\"\n"
      "compiles_in_flight = 16\nsource_store_bytes = \"2G\"\n");
  ASSERT_TRUE(config.ok()) << config.status();
  const TenantConfig expected{.id = "a",
                              .issuer = "https://i",
                              .jwks_url = "https://i/k",
                              .token_url = "https://i/t",
                              .audience = "x",
                              .client_id = "c",
                              .scope = "s",
                              .user_claim = "email",
                              .ca_file = "/ca",
                              .images = {"host", "r/*"},
                              .minimum_isolation = "qemu-kvm",
                              .upload_bytes_per_hour = uint64_t{1} << 30,
                              .compiles_in_flight = 16,
                              .source_store_bytes = uint64_t{2} << 30};
  EXPECT_EQ(config->tenants[0], expected);
  EXPECT_EQ(config->name, "s1");
  EXPECT_EQ(config->decoy_zone, "example.org");
  EXPECT_EQ(config->key_file, "/k");
}

TEST_F(SchedulerConfigTest, WithoutATenantThereIsNoScheduler) {
  EXPECT_EQ(Mistake(""), "s.toml:1: tenant: there is none; write at least one [[tenant]] block");
}

TEST_F(SchedulerConfigTest, MistakesNameFileLineAndKey) {
  const std::string tenant(kTenant);
  EXPECT_EQ(Mistake(tenant + "isuer = \"x\"\n"),
            "s.toml:7: tenant[0].isuer: unknown key; did you mean issuer?");
  EXPECT_EQ(Mistake("[tenants]\n" + tenant),
            "s.toml:1: tenants: unknown key; did you mean tenant?");
  EXPECT_EQ(Mistake(tenant + "minimum_isolation = \"kvm\"\n"),
            "s.toml:7: tenant[0].minimum_isolation: write one of none, process, qemu-tcg, "
            "qemu-kvm, firecracker-kvm");
  EXPECT_EQ(Mistake("[[tenant]]\nid = \"a\"\n"), "s.toml:1: tenant[0].issuer: is missing");
  EXPECT_EQ(Mistake(tenant + tenant),
            "s.toml:8: tenant[1].id: there is another tenant of this name");
  EXPECT_EQ(Mistake("[tls]\nkey_file = \"/k\"\n" + tenant),
            "s.toml:2: tls.key_file: goes with certificate_file, which is missing");
}

TEST_F(SchedulerConfigTest, TenantsNothingTellsApartAreAMistake) {
  std::string second(kTenant);
  second.replace(second.find("acme"), 4, "emca");
  EXPECT_EQ(
      Mistake(std::string(kTenant) + second),
      "s.toml:10: tenant[1].audience: is, with this issuer, also that of tenant acme: nothing "
      "would tell their users apart");
}

TEST_F(SchedulerConfigTest, ProvidersAreAskedByHttpsOnly) {
  std::string text(kTenant);
  text.replace(text.find("https"), 5, "http");
  EXPECT_TRUE(
      StrContains(Mistake(text), "s.toml:3: tenant[0].issuer: http://idp.example: write https://"));
  text.replace(text.find("idp.example"), 11, "127.0.0.1:8");
  EXPECT_TRUE(Parse(text).ok());
}

TEST_F(SchedulerConfigTest, SecretsComeFromAFileOrTheEnvironmentAndAreNeverTold) {
  const std::string file = scratch_.path() + "/secret";
  const std::string text = StrCat("[workers]\nsecret_file = \"", file, "\"\n", kTenant);
  ASSERT_TRUE(WriteFileAtomically(FileSystem::Real(), file,
                                  "first-secret-of-workers\n\nsecond-secret-of-workers\n", 0600)
                  .ok());
  EXPECT_EQ(Parse(text)->worker_secrets.size(), 3u);
  environment_.Unset("HPCC_WORKER_SECRET");
  EXPECT_EQ(Parse(text)->worker_secrets,
            (std::vector<std::string>{"first-secret-of-workers", "second-secret-of-workers"}));
  chmod(file.c_str(), 0644);
  EXPECT_TRUE(StrContains(Mistake(text), "is open to other users"));
  EXPECT_TRUE(StrContains(Mistake(kTenant), "workers.secret_file: is missing"));
  environment_.Set("HPCC_WORKER_SECRET", "tooshort");
  const std::string mistake = Mistake(kTenant);
  EXPECT_TRUE(StrContains(mistake, "16 to 4096")) << mistake;
  EXPECT_FALSE(StrContains(mistake, "tooshort")) << mistake;
}

}  // namespace
}  // namespace hpcc
