// Keeps virtual machines of QEMU for bench/vm_memory.py, and does with all of them what a line on
// standard input says: "exec" (of /bin/true), "suspend" or "resume". It begins by starting them.
//
//   hpcc_bench_machines <kernel> <root> <directory> <machines> <MiB of each>
//
// Answers each with a line, "ready <isolation>", or ends and says why.

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include "base/strings.h"
#include "compiler/manifest.h"
#include "sandbox/qemu_runtime.h"

namespace {

using Machines = std::vector<std::unique_ptr<hpcc::Sandbox>>;

constexpr std::chrono::seconds kStart{120};
constexpr std::chrono::seconds kExec{60};
constexpr int kMostMachines = 64;

absl::Status RunTrue(hpcc::Sandbox& machine) {
  hpcc::ExecRequest request;
  request.arguments = {"/bin/true"};
  request.working_directory = "/tmp";
  request.manifest = hpcc::EncodeManifest({}).value();
  request.limits.wall = kExec;
  const auto no_blobs = [](const hpcc::Digest&) -> absl::StatusOr<std::string> {
    return absl::NotFoundError("none");
  };
  const absl::StatusOr<hpcc::ExecResult> result = machine.Exec(request, no_blobs, nullptr);
  if (!result.ok()) return result.status();
  return result->exit_status == 0 ? absl::OkStatus() : absl::InternalError("/bin/true failed");
}

absl::Status Do(const std::string& what, hpcc::Sandbox& machine) {
  if (what == "exec") return RunTrue(machine);
  if (what == "suspend") return machine.Suspend();
  if (what == "resume") return machine.Resume();
  return absl::InvalidArgumentError("exec, suspend or resume");
}

absl::Status Serve(hpcc::Runtime& runtime, int count, uint64_t memory_bytes) {
  Machines machines;
  for (int i = 0; i < count; ++i) {
    absl::StatusOr<std::unique_ptr<hpcc::Sandbox>> machine =
        runtime.Start({.id = hpcc::StrCat("machine-", i),
                       .tenant = "bench",
                       .image = "bench",
                       .memory_bytes = memory_bytes},
                      kStart);
    if (!machine.ok()) return machine.status();
    machines.push_back(*std::move(machine));
  }
  const std::string ready = hpcc::StrCat("ready ", std::string(runtime.isolation()), "\n");
  std::cout << ready << std::flush;
  for (std::string what; std::getline(std::cin, what);) {
    for (const std::unique_ptr<hpcc::Sandbox>& machine : machines) {
      if (const absl::Status done = Do(what, *machine); !done.ok()) return done;
    }
    std::cout << ready << std::flush;
  }
  return absl::OkStatus();
}

}  // namespace

int main(int argc, char** argv) {
  const int count = argc == 6 ? std::atoi(argv[4]) : 0;
  const int mebibytes = argc == 6 ? std::atoi(argv[5]) : 0;
  if (count < 1 || count > kMostMachines || mebibytes < 64) {
    std::fputs("usage: hpcc_bench_machines kernel root directory machines MiB\n", stderr);
    return 2;
  }
  const std::string root = argv[2];
  absl::StatusOr<std::unique_ptr<hpcc::QemuRuntime>> runtime = hpcc::QemuRuntime::Make(
      {.kernel = argv[1],
       .directory = argv[3],
       .find_root = [root](const std::string&) -> absl::StatusOr<hpcc::PreparedRoot> {
         return hpcc::PreparedRoot{.path = root};
       }});
  const absl::Status status = runtime.ok()
                                  ? Serve(**runtime, count, static_cast<uint64_t>(mebibytes) << 20)
                                  : runtime.status();
  if (status.ok()) return 0;
  std::fprintf(stderr, "hpcc_bench_machines: %s\n", status.ToString().c_str());
  return 1;
}
