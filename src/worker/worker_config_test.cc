#include "worker/worker_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/strings.h"
#include "worker/worker_test_support.h"

namespace hpcc {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

constexpr std::string_view kLeast = "state_dir = \"/s\"\n[scheduler]\naddress = \"h:1\"\n";
constexpr std::string_view kMachines = "[sandbox]\ndriver = \"qemu\"\nkernel = \"/k\"\n";

absl::StatusOr<WorkerConfig> Parse(std::string_view text) {
  return ParseWorkerConfig(text, "worker.toml", Environment());
}
std::string Mistake(std::string_view text) {
  const absl::StatusOr<WorkerConfig> config = Parse(text);
  EXPECT_FALSE(config.ok()) << text;
  return std::string(config.status().message());
}

TEST(WorkerConfigTest, TwoKeysAreEnough) {
  const absl::StatusOr<WorkerConfig> config = Parse(kLeast);
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->state_directory, "/s");
  EXPECT_EQ(config->scheduler_address, "h:1");
  EXPECT_EQ(config->listen, "0.0.0.0:7443");
  EXPECT_EQ(OperatorSocket(*config), "/s/operator/socket");
}

TEST(WorkerConfigTest, EveryKeyIsRead) {
  const absl::StatusOr<WorkerConfig> config = Parse(R"(
name = "w"
listen = "127.0.0.1:0"
address = "w.example:7"
state_dir = "/s"
slots = 3
log_file = "/l"
[scheduler]
address = "h:1"
ca_file = "/ca"
server_name = "n"
secret_file = "/secret"
[tls]
certificate_file = "/c"
key_file = "/k"
[operator]
socket = "/o"
[sandbox]
agent = "/a"
cpus = 2
memory = "1G"
blobs = 4096
total_memory = "9G"
count = 5
idle = "1m"
session = "1h"
[limits]
job_time = "30s"
job_margin = "5s"
queue_time = "1s"
job_memory = "2G"
job_output = "3G"
waiting = 0
sources = "4G"
results = "5G"
manifests = "6M"
)");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->name, "w");
  EXPECT_EQ(config->address, "w.example:7");
  EXPECT_EQ(config->slots, 3U);
  EXPECT_EQ(config->scheduler_server_name, "n");
  EXPECT_EQ(config->certificate_file, "/c");
  EXPECT_EQ(OperatorSocket(*config), "/o");
  EXPECT_EQ(config->sandbox_blobs, 4096U);
  EXPECT_EQ(config->sandbox_total_memory, uint64_t{9} << 30);
  EXPECT_EQ(config->sandbox_session, std::chrono::hours(1));
  EXPECT_EQ(config->job_time, std::chrono::seconds(30));
  EXPECT_EQ(config->job_margin, std::chrono::seconds(5));
  EXPECT_EQ(config->waiting, 0U);
  EXPECT_EQ(config->shares.manifests, uint64_t{6} << 20);
}

TEST(WorkerConfigTest, MistakesNameFileLineAndKey) {
  EXPECT_THAT(Mistake("state_dirr = \"/s\"\n"),
              StartsWith("worker.toml:1: state_dirr: unknown key; did you mean state_dir?"));
  EXPECT_THAT(Mistake("state_dir = \"/s\"\n[limits]\nfoo = 1\n"),
              StartsWith("worker.toml:3: limits.foo: unknown key"));
  EXPECT_THAT(Mistake("slots = 0\n"), StartsWith("worker.toml:1: slots: "));
  EXPECT_THAT(Mistake("slots = \"4\"\n"), StartsWith("worker.toml:1: slots: "));
  EXPECT_THAT(Mistake("listen = \"nowhere\"\n"), StartsWith("worker.toml:1: listen: "));
  EXPECT_THAT(Mistake("listen = \"h:99999\"\n"), StartsWith("worker.toml:1: listen: "));
  EXPECT_THAT(Mistake("state_dir = \"relative\"\n"), StartsWith("worker.toml:1: state_dir: "));
  EXPECT_THAT(Mistake("[limits]\njob_time = \"soon\"\n"),
              StartsWith("worker.toml:2: limits.job_time: "));
  EXPECT_THAT(Mistake("[limits]\nsources = 0\n"), StartsWith("worker.toml:2: limits.sources: "));
  EXPECT_THAT(Mistake("scheduler = 1\n"), StartsWith("worker.toml:1: scheduler: "));
  EXPECT_THAT(Mistake("state_dir = \n"), StartsWith("worker.toml:1: "));
  EXPECT_THAT(Mistake("state_dir = \"/s\"\n"), HasSubstr("scheduler.address"));
  EXPECT_THAT(Mistake(StrCat(kLeast, "[tls]\nkey_file = \"/k\"\n")),
              HasSubstr("tls.certificate_file"));
}

TEST(WorkerConfigTest, AVirtualMachineNeedsAKernelAndARoot) {
  const absl::StatusOr<WorkerConfig> config = Parse(StrCat(
      kLeast, "[sandbox]\ndriver = \"qemu\"\nkernel = \"/k\"\nroot = \"/r\"\nsuspend = \"1m\"\n"));
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->driver, "qemu");
  EXPECT_EQ(config->guest_kernel, "/k");
  EXPECT_EQ(config->guest_root, "/r");
  EXPECT_EQ(config->sandbox_suspend, std::chrono::minutes(1));
  EXPECT_EQ(Parse(kLeast)->driver, "process");
  const absl::StatusOr<WorkerConfig> jailed =
      Parse(StrCat(kLeast, "[sandbox]\ndriver = \"firecracker\"\nkernel = \"/k\"\n",
                   "root = \"/r\"\njailer = \"/opt/fc/jailer\"\n"));
  ASSERT_TRUE(jailed.ok()) << jailed.status();
  EXPECT_EQ(jailed->jailer, "/opt/fc/jailer");
  EXPECT_EQ(jailed->firecracker, "/usr/local/bin/firecracker");
  EXPECT_THAT(Mistake(StrCat(kLeast, "[sandbox]\ndriver = \"firecracker\"\nroot = \"/r\"\n")),
              HasSubstr("sandbox.kernel: is missing"));
  EXPECT_THAT(Mistake(StrCat(kLeast, "[sandbox]\ndriver = \"qemu\"\nroot = \"/r\"\n")),
              HasSubstr("sandbox.kernel: is missing"));
  EXPECT_THAT(Mistake(StrCat(kLeast, "[sandbox]\ndriver = \"qemu\"\nkernel = \"/k\"\n")),
              HasSubstr("sandbox.root: is missing"));
  EXPECT_THAT(Mistake(StrCat(kLeast, "[sandbox]\ndriver = \"docker\"\n")),
              HasSubstr("sandbox.driver: write \"process\", \"qemu\" or \"firecracker\""));
}

TEST(WorkerConfigTest, AMachineHasNoMoreProcessorsThanItsKernelCanUse) {
  const std::string machines = StrCat(kLeast, kMachines, "root = \"/r\"\n");
  const WorkerMachine large{.name = "m", .processors = 32, .memory_bytes = uint64_t{64} << 30};
  WorkerConfig config = Parse(machines).value();
  FillIn(large, &config);
  EXPECT_EQ(config.slots, 32U);
  EXPECT_EQ(config.sandbox_cpus, 16U);
  config = Parse(StrCat("slots = 3\n", machines)).value();
  FillIn(large, &config);
  EXPECT_EQ(config.sandbox_cpus, 3U);
  config = Parse(kLeast).value();
  FillIn(large, &config);
  EXPECT_EQ(config.sandbox_cpus, 32U);

  EXPECT_EQ(Parse(StrCat(machines, "cpus = 16\n"))->sandbox_cpus, 16U);
  EXPECT_THAT(Mistake(StrCat(machines, "cpus = 17\n")),
              StartsWith("worker.toml:8: sandbox.cpus: write a number from 1 to 16: the kernel"));
  EXPECT_EQ(Parse(StrCat(kLeast, "[sandbox]\ncpus = 17\n"))->sandbox_cpus, 17U);
}

TEST(WorkerConfigTest, OnlyMachinesOfQemuHaveAChoiceOfChannels) {
  const std::string machines = StrCat(kLeast, kMachines, "root = \"/r\"\n");
  EXPECT_EQ(Parse(machines)->channel, "serial");
  EXPECT_EQ(Parse(StrCat(machines, "channel = \"vsock\"\n"))->channel, "vsock");
  EXPECT_THAT(Mistake(StrCat(machines, "channel = \"port\"\n")),
              StartsWith("worker.toml:8: sandbox.channel: write \"serial\" or \"vsock\""));
  EXPECT_THAT(Mistake(StrCat(kLeast, "[sandbox]\nchannel = \"vsock\"\n")),
              HasSubstr("sandbox.channel: is for driver = \"qemu\""));
}

TEST(WorkerConfigTest, RoomForSourcesGrowsWithTheProcessorsUnlessWritten) {
  WorkerConfig config = Parse(StrCat("slots = 2\n", kLeast)).value();
  FillIn({.name = "m"}, &config);
  EXPECT_EQ(config.sandbox_blobs, uint64_t{512} << 20);
  config = Parse(StrCat("slots = 64\n", kLeast)).value();
  FillIn({.name = "m"}, &config);
  EXPECT_EQ(config.sandbox_blobs, uint64_t{4} << 30);
  config = Parse(StrCat("slots = 64\n", kLeast, "[sandbox]\nblobs = \"1G\"\n")).value();
  FillIn({.name = "m"}, &config);
  EXPECT_EQ(config.sandbox_blobs, uint64_t{1} << 30);
  // One sandbox never takes more than all may.
  config = Parse(StrCat("slots = 64\n", kLeast, "[sandbox]\ntotal_memory = \"3G\"\n")).value();
  FillIn({.name = "m"}, &config);
  EXPECT_EQ(config.sandbox_blobs, uint64_t{1} << 30);
}

TEST(WorkerConfigTest, MachinesHaveThreeQuartersOfTheMemoryUnlessToldOtherwise) {
  const std::string machines = StrCat(kLeast, kMachines, "root = \"/r\"\n");
  const WorkerMachine large{.name = "m", .processors = 32, .memory_bytes = uint64_t{64} << 30};
  WorkerConfig config = Parse(machines).value();
  FillIn(large, &config);
  EXPECT_EQ(config.sandbox_total_memory, uint64_t{48} << 30);
  config = Parse(StrCat(machines, "total_memory = \"5G\"\n")).value();
  FillIn(large, &config);
  EXPECT_EQ(config.sandbox_total_memory, uint64_t{5} << 30);
  config = Parse(kLeast).value();
  FillIn(large, &config);
  EXPECT_EQ(config.sandbox_total_memory, 0U);

  EXPECT_TRUE(
      Parse(StrCat(machines, "memory = \"1G\"\nblobs = \"1G\"\ntotal_memory = \"2G\"\n")).ok());
  EXPECT_THAT(
      Mistake(StrCat(machines, "memory = \"1G\"\ntotal_memory = \"1G\"\n")),
      StartsWith("worker.toml:9: sandbox.total_memory: must be as much as one sandbox has"));
}

TEST(WorkerConfigTest, WhatIsWrittenIsNotFilledIn) {
  const WorkerMachine machine = ThisMachine();
  EXPECT_FALSE(machine.name.empty());
  EXPECT_GE(machine.processors, 1U);
  EXPECT_GT(machine.memory_bytes, uint64_t{64} << 20);
  WorkerConfig config = Parse(StrCat("name = \"w\"\nslots = 5\n", kLeast)).value();
  FillIn(machine, &config);
  EXPECT_EQ(config.name, "w");
  EXPECT_EQ(config.slots, 5U);
}

TEST(WorkerConfigTest, ImagesOfRegistriesStandInForTheHosts) {
  const absl::StatusOr<WorkerConfig> config = Parse(
      StrCat(kLeast, kMachines, "[images]\nregistries = [\"ghcr.io/owner\", \"[::1]:5000\"]\n"));
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_THAT(config->images.registries, testing::ElementsAre("ghcr.io/owner", "[::1]:5000"));
  EXPECT_EQ(config->images.directory, "/s/images");
  EXPECT_TRUE(config->pulls_images());
  EXPECT_FALSE(config->has_host_image());
  EXPECT_TRUE(Parse(kLeast)->has_host_image());
  EXPECT_FALSE(Parse(kLeast)->pulls_images());
}

TEST(WorkerConfigTest, EveryKeyOfImagesIsRead) {
  const absl::StatusOr<WorkerConfig> config = Parse(StrCat(kLeast, kMachines, R"(
[images]
registries = ["docker.io"]
directory = "/i"
ca_file = "/ca"
credentials_file = "/config.json"
max_image = "2G"
max_roots = "9G"
pull_time = "10m"
idle = "7d"
pulls = 3
)"));
  ASSERT_TRUE(config.ok()) << config.status();
  const ImageSettings wanted{.directory = "/i",
                             .registries = {"docker.io"},
                             .ca_file = "/ca",
                             .credentials_file = "/config.json",
                             .max_image = uint64_t{2} << 30,
                             .max_roots = uint64_t{9} << 30,
                             .idle = std::chrono::hours(7 * 24),
                             .pull_time = std::chrono::minutes(10),
                             .pulls = 3};
  EXPECT_EQ(config->images, wanted);
}

TEST(WorkerConfigTest, MistakesOfImagesAreNamed) {
  const std::string start = StrCat(kLeast, kMachines, "[images]\n");
  EXPECT_THAT(Mistake(start), HasSubstr("worker.toml:7: images.registries: is missing"));
  EXPECT_THAT(Mistake(StrCat(start, "directory = \"/i\"\n")),
              HasSubstr("images.registries: is missing"));
  EXPECT_THAT(Mistake(StrCat(start, "registries = []\n")),
              HasSubstr("images.registries: write a list of 1 to 100 registries"));
  EXPECT_THAT(Mistake(StrCat(start, "registries = \"ghcr.io\"\n")),
              HasSubstr("images.registries: write a list"));
  EXPECT_THAT(Mistake(StrCat(start, "registries = [\"https://ghcr.io\"]\n")),
              HasSubstr("write registries as \"ghcr.io\""));
  EXPECT_THAT(Mistake(StrCat(start, "registries = [1]\n")), HasSubstr("registries in quotes"));
  EXPECT_THAT(Mistake(StrCat(start, "pulls = 17\n")), HasSubstr("write a number from 1 to 16"));
  EXPECT_THAT(Mistake(StrCat(start, "max_imge = 1\n")), HasSubstr("did you mean max_image?"));
  EXPECT_THAT(Mistake(StrCat(kLeast, "[images]\nregistries = [\"ghcr.io\"]\n")),
              HasSubstr("images: need virtual machines"));
}

TEST(WorkerConfigTest, TheSecretComesFromTheFileElseFromTheEnvironment) {
  WorkerScratch scratch;
  WorkerConfig config;
  Environment environment;
  EXPECT_FALSE(WorkerSecret(config, FileSystem::Real(), environment).ok());
  environment.Set("HPCC_WORKER_SECRET", "from-environment");
  EXPECT_EQ(WorkerSecret(config, FileSystem::Real(), environment).value(), "from-environment");
  config.scheduler_secret_file = scratch / "secret";
  ASSERT_TRUE(
      WriteFileAtomically(FileSystem::Real(), config.scheduler_secret_file, "from-file\n", 0600)
          .ok());
  EXPECT_EQ(WorkerSecret(config, FileSystem::Real(), environment).value(), "from-file");
  ASSERT_TRUE(WriteFileAtomically(FileSystem::Real(), config.scheduler_secret_file,
                                  "se\x01"
                                  "cret")
                  .ok());
  const absl::Status refused = WorkerSecret(config, FileSystem::Real(), environment).status();
  EXPECT_FALSE(StrContains(std::string(refused.message()), "cret\n"));
  EXPECT_FALSE(refused.ok());
}

}  // namespace
}  // namespace hpcc
