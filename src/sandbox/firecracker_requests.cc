#include "sandbox/firecracker_requests.h"

#include <nlohmann/json.hpp>

namespace hpcc {

namespace {

using Json = nlohmann::json;

constexpr char kRootDrive[] = "root";
constexpr uint64_t kMiB = uint64_t{1} << 20;

// What isn't UTF-8 is replaced rather than thrown at the caller: the VMM then says which file it
// doesn't find.
FirecrackerRequest Say(std::string method, std::string path, const Json& body) {
  return {.method = std::move(method),
          .path = std::move(path),
          .body = body.dump(-1, ' ', false, Json::error_handler_t::replace)};
}

}  // namespace

FirecrackerRequest AskFirecrackerVersion() {
  return {.method = "GET", .path = "/version", .body = ""};
}

FirecrackerRequest SetBootSource(const FirecrackerMachine& machine) {
  return Say("PUT", "/boot-source",
             {{"kernel_image_path", machine.kernel}, {"boot_args", machine.boot_arguments}});
}

FirecrackerRequest SetRootDrive(const FirecrackerMachine& machine) {
  return Say("PUT", std::string("/drives/") + kRootDrive,
             {{"drive_id", kRootDrive},
              {"is_root_device", true},
              {"is_read_only", true},
              {"path_on_host", machine.root}});
}

FirecrackerRequest SetMachineConfig(const FirecrackerMachine& machine) {
  return Say("PUT", "/machine-config",
             {{"vcpu_count", machine.cpus},
              {"mem_size_mib", (machine.memory_bytes + kMiB - 1) / kMiB},
              {"smt", false}});
}

FirecrackerRequest SetVsock(const FirecrackerMachine& machine) {
  return Say("PUT", "/vsock", {{"guest_cid", kFirecrackerGuestCid}, {"uds_path", machine.vsock}});
}

FirecrackerRequest SetEntropyDevice() {
  return Say("PUT", "/entropy", Json::object());
}

FirecrackerRequest StartInstance() {
  return Say("PUT", "/actions", {{"action_type", "InstanceStart"}});
}

FirecrackerRequest PauseVm() {
  return Say("PATCH", "/vm", {{"state", "Paused"}});
}

FirecrackerRequest ResumeVm() {
  return Say("PATCH", "/vm", {{"state", "Resumed"}});
}

FirecrackerRequest CreateSnapshot(const FirecrackerSnapshot& snapshot) {
  return Say("PUT", "/snapshot/create",
             {{"snapshot_type", "Full"},
              {"snapshot_path", snapshot.state},
              {"mem_file_path", snapshot.memory}});
}

FirecrackerRequest LoadSnapshot(const FirecrackerSnapshot& snapshot) {
  return Say("PUT", "/snapshot/load",
             {{"snapshot_path", snapshot.state},
              {"mem_backend", {{"backend_type", "File"}, {"backend_path", snapshot.memory}}},
              {"resume_vm", true}});
}

std::vector<FirecrackerRequest> BootRequests(const FirecrackerMachine& machine) {
  return {SetMachineConfig(machine), SetBootSource(machine), SetRootDrive(machine),
          SetVsock(machine),         SetEntropyDevice(),     StartInstance()};
}

}  // namespace hpcc
