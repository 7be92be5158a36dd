#ifndef HPCC_SANDBOX_FIRECRACKER_REQUESTS_H_
#define HPCC_SANDBOX_FIRECRACKER_REQUESTS_H_

// What is said to a Firecracker over its API socket, as values: a method, a path and a JSON body.
// Source: Firecracker's published description of its API (src/firecracker/swagger/firecracker.yaml,
// version 1.17). Only what hpcc uses; there is no request for a network device, so none can be
// made. Paths in bodies are those the VMM sees, inside its jail. Pure functions.

#include <cstdint>
#include <string>
#include <vector>

namespace hpcc {

struct FirecrackerRequest {
  std::string method;  // GET, PUT or PATCH
  std::string path;    // "/machine-config"
  std::string body;    // JSON; "" with GET

  friend bool operator==(const FirecrackerRequest&, const FirecrackerRequest&) = default;
};

inline constexpr uint32_t kFirecrackerMaxCpus = 32;
inline constexpr uint32_t kFirecrackerGuestCid = 3;  // the first that is a guest's

// A machine before its start.
struct FirecrackerMachine {
  std::string kernel;          // the path of an uncompressed kernel
  std::string boot_arguments;  // the kernel's command line
  std::string root;            // the path of the root file system's image
  std::string vsock;           // where the VMM makes its socket
  uint32_t cpus = 1;           // at most kFirecrackerMaxCpus
  uint64_t memory_bytes = 0;   // rounded up to a MiB
};

struct FirecrackerSnapshot {
  std::string state;   // the path of the file with the devices' and processors' state
  std::string memory;  // the path of the file with the guest's memory
};

FirecrackerRequest AskFirecrackerVersion();

FirecrackerRequest SetBootSource(const FirecrackerMachine& machine);
FirecrackerRequest SetRootDrive(const FirecrackerMachine& machine);  // read-only
FirecrackerRequest SetMachineConfig(const FirecrackerMachine& machine);
FirecrackerRequest SetVsock(const FirecrackerMachine& machine);
FirecrackerRequest SetEntropyDevice();
FirecrackerRequest StartInstance();

FirecrackerRequest PauseVm();
FirecrackerRequest ResumeVm();
FirecrackerRequest CreateSnapshot(const FirecrackerSnapshot& snapshot);  // of a paused VM
// Into a VMM that has been told nothing yet; the VM runs at once.
FirecrackerRequest LoadSnapshot(const FirecrackerSnapshot& snapshot);

// All that is said to a fresh VMM until its guest runs, in order.
std::vector<FirecrackerRequest> BootRequests(const FirecrackerMachine& machine);

}  // namespace hpcc

#endif  // HPCC_SANDBOX_FIRECRACKER_REQUESTS_H_
