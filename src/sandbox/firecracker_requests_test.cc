#include "sandbox/firecracker_requests.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace hpcc {
namespace {

using ::testing::ElementsAre;

// The bodies are a wire format that somebody else defines: here are their bytes.
const FirecrackerMachine kMachine{.kernel = "/kernel",
                                  .boot_arguments = "quiet panic=-1 \"a b\"",
                                  .root = "/root.img",
                                  .vsock = "/v.sock",
                                  .cpus = 4,
                                  .memory_bytes = (uint64_t{512} << 20) + 1};

TEST(FirecrackerRequestsTest, AMachineIsConfiguredAndThenStarted) {
  EXPECT_THAT(
      BootRequests(kMachine),
      ElementsAre(
          FirecrackerRequest{"PUT", "/machine-config",
                             R"({"mem_size_mib":513,"smt":false,"vcpu_count":4})"},
          FirecrackerRequest{
              "PUT", "/boot-source",
              R"({"boot_args":"quiet panic=-1 \"a b\"","kernel_image_path":"/kernel"})"},
          FirecrackerRequest{"PUT", "/drives/root",
                             R"({"drive_id":"root","is_read_only":true,"is_root_device":true,)"
                             R"("path_on_host":"/root.img"})"},
          FirecrackerRequest{"PUT", "/vsock", R"({"guest_cid":3,"uds_path":"/v.sock"})"},
          FirecrackerRequest{"PUT", "/entropy", "{}"},
          FirecrackerRequest{"PUT", "/actions", R"({"action_type":"InstanceStart"})"}));
}

TEST(FirecrackerRequestsTest, AVmIsPausedAndResumed) {
  EXPECT_EQ(PauseVm(), (FirecrackerRequest{"PATCH", "/vm", R"({"state":"Paused"})"}));
  EXPECT_EQ(ResumeVm(), (FirecrackerRequest{"PATCH", "/vm", R"({"state":"Resumed"})"}));
}

TEST(FirecrackerRequestsTest, ASnapshotIsWholeAndRunsAsSoonAsItIsLoaded) {
  const FirecrackerSnapshot snapshot{.state = "/state", .memory = "/memory"};
  EXPECT_EQ(CreateSnapshot(snapshot),
            (FirecrackerRequest{"PUT", "/snapshot/create",
                                R"({"mem_file_path":"/memory","snapshot_path":"/state",)"
                                R"("snapshot_type":"Full"})"}));
  EXPECT_EQ(
      LoadSnapshot(snapshot),
      (FirecrackerRequest{"PUT", "/snapshot/load",
                          R"({"mem_backend":{"backend_path":"/memory","backend_type":"File"},)"
                          R"("resume_vm":true,"snapshot_path":"/state"})"}));
}

TEST(FirecrackerRequestsTest, TheVersionIsAskedForWithoutABody) {
  EXPECT_EQ(AskFirecrackerVersion(), (FirecrackerRequest{"GET", "/version", ""}));
}

TEST(FirecrackerRequestsTest, BytesThatAreNoTextDontThrow) {
  FirecrackerMachine machine = kMachine;
  machine.kernel = "/\xff";
  EXPECT_NE(SetBootSource(machine).body, "");
}

}  // namespace
}  // namespace hpcc
