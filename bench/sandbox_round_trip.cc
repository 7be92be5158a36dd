// How long sandboxes take to come and go, and commands in them; for bench/sandbox_times.py.
//
//   sandbox_round_trip process STARTS EXECS
//   sandbox_round_trip qemu STARTS EXECS KERNEL ROOT DIRECTORY
//
// Prints every single time as a line, "<what> <milliseconds>", and first "isolation <label>":
//
//   boot, clone      a start, until the agent has answered ("start" of a process); of qemu in turns
//   suspend, resume  in turns with these
//   call, exec       a plain call to the agent, and an exec of /bin/true, in turns on one sandbox
//   exec-300         the same with 300 sources of 8 KB in its manifest, which are there already
//   spawn            /bin/true in no sandbox, by this program (not where the sandbox is a machine)
//
// Ends with status 1, and says why, when anything goes wrong.

#include <spawn.h>
#include <sys/wait.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "base/status.h"
#include "base/strings.h"
#include "compiler/manifest.h"
#include "sandbox/process_runtime.h"
#include "sandbox/qemu_runtime.h"

namespace {

using std::chrono::steady_clock;

constexpr std::chrono::seconds kStart{120};
constexpr std::chrono::seconds kCall{60};
constexpr size_t kManyFiles = 300;

// Does it, and prints how long it took.
template <typename Work>
absl::Status Time(const char* what, const Work& work) {
  const auto start = steady_clock::now();
  const absl::Status status = work();
  const std::chrono::duration<double, std::milli> taken = steady_clock::now() - start;
  if (status.ok()) std::printf("%s %.4f\n", what, taken.count());
  return status;
}

std::string TextOf(size_t file) {
  return std::string(8'000, 'x') + std::to_string(file);
}

// /bin/true, with so many files of no use to it.
hpcc::ExecRequest True(size_t files) {
  hpcc::SourceManifest manifest;
  for (size_t i = 0; i < files; ++i) {
    manifest.entries.push_back(
        {.path = hpcc::StrCat("/work/src/", i, ".h"), .digest = hpcc::Digest::Of(TextOf(i))});
  }
  hpcc::ExecRequest request;
  request.arguments = {"/bin/true"};
  request.working_directory = "/work";
  request.manifest = hpcc::EncodeManifest(manifest).value();
  request.limits.wall = kCall;
  return request;
}

absl::Status Run(hpcc::Sandbox& sandbox, const hpcc::ExecRequest& request) {
  const auto read = [](const hpcc::Digest& digest) -> absl::StatusOr<std::string> {
    for (size_t i = 0; i < kManyFiles; ++i) {
      if (hpcc::Digest::Of(TextOf(i)) == digest) return TextOf(i);
    }
    return absl::NotFoundError("none");
  };
  const absl::StatusOr<hpcc::ExecResult> result = sandbox.Exec(request, read, nullptr);
  if (!result.ok()) return result.status();
  return result->exit_status == 0 ? absl::OkStatus() : absl::InternalError("/bin/true failed");
}

absl::Status Spawn() {
  char program[] = "/bin/true";
  char* const arguments[] = {program, nullptr};
  char* const environment[] = {nullptr};
  pid_t process = -1;
  int status = -1;
  const bool ended =
      posix_spawn(&process, program, nullptr, nullptr, arguments, environment) == 0 &&
      waitpid(process, &status, 0) == process && status == 0;
  return ended ? absl::OkStatus() : absl::InternalError("/bin/true failed");
}

absl::Status Execs(hpcc::Sandbox& sandbox, bool is_machine, int count) {
  const hpcc::ExecRequest plain = True(0);
  const hpcc::ExecRequest many = True(kManyFiles);
  HPCC_RETURN_IF_ERROR(sandbox.Ping(kCall));
  HPCC_RETURN_IF_ERROR(Run(sandbox, plain));
  HPCC_RETURN_IF_ERROR(Run(sandbox, many));
  for (int i = 0; i < count; ++i) {
    HPCC_RETURN_IF_ERROR(Time("call", [&] { return sandbox.Ping(kCall); }));
    HPCC_RETURN_IF_ERROR(Time("exec", [&] { return Run(sandbox, plain); }));
    HPCC_RETURN_IF_ERROR(Time("exec-300", [&] { return Run(sandbox, many); }));
    if (!is_machine) HPCC_RETURN_IF_ERROR(Time("spawn", Spawn));
  }
  return absl::OkStatus();
}

class Starter {
 public:
  absl::Status Start(hpcc::Runtime& runtime, std::unique_ptr<hpcc::Sandbox>* sandbox) {
    const hpcc::SandboxSpec spec{.id = hpcc::StrCat("bench-", ++last_),
                                 .tenant = "bench",
                                 .image = "host",
                                 .memory_bytes = uint64_t{512} << 20,
                                 .blob_bytes = uint64_t{64} << 20};
    absl::StatusOr<std::unique_ptr<hpcc::Sandbox>> started = runtime.Start(spec, kStart);
    if (!started.ok()) return started.status();
    *sandbox = *std::move(started);
    return absl::OkStatus();
  }

 private:
  int last_ = 0;
};

absl::Status MeasureProcesses(int starts, int execs) {
  hpcc::ProcessRuntime runtime;
  std::printf("isolation %s\n", std::string(runtime.isolation()).c_str());
  Starter starter;
  std::unique_ptr<hpcc::Sandbox> sandbox;
  for (int i = 0; i < starts; ++i) {
    sandbox.reset();
    HPCC_RETURN_IF_ERROR(Time("start", [&] { return starter.Start(runtime, &sandbox); }));
  }
  return Execs(*sandbox, /*is_machine=*/false, execs);
}

absl::Status MeasureMachines(int starts, int execs, const std::string& kernel,
                             const std::string& root, const std::string& directory) {
  const auto make = [&](const std::string& name, bool templates) {
    return hpcc::QemuRuntime::Make(
        {.kernel = kernel,
         .directory = hpcc::StrCat(directory, "/", name),
         .find_root = [root](const std::string&) -> absl::StatusOr<hpcc::PreparedRoot> {
           return hpcc::PreparedRoot{.path = root};
         },
         .templates = templates});
  };
  HPCC_ASSIGN_OR_RETURN(const std::unique_ptr<hpcc::QemuRuntime> booting, make("boot", false));
  HPCC_ASSIGN_OR_RETURN(const std::unique_ptr<hpcc::QemuRuntime> cloning, make("clone", true));
  std::printf("isolation %s\n", std::string(cloning->isolation()).c_str());
  Starter starter;
  std::unique_ptr<hpcc::Sandbox> sandbox;
  // The first makes the template.
  HPCC_RETURN_IF_ERROR(starter.Start(*cloning, &sandbox));
  for (int i = 0; i < starts; ++i) {
    sandbox.reset();
    HPCC_RETURN_IF_ERROR(Time("boot", [&] { return starter.Start(*booting, &sandbox); }));
    sandbox.reset();
    HPCC_RETURN_IF_ERROR(Time("clone", [&] { return starter.Start(*cloning, &sandbox); }));
    HPCC_RETURN_IF_ERROR(Run(*sandbox, True(0)));
    HPCC_RETURN_IF_ERROR(Time("suspend", [&] { return sandbox->Suspend(); }));
    HPCC_RETURN_IF_ERROR(Time("resume", [&] { return sandbox->Resume(); }));
  }
  return Execs(*sandbox, /*is_machine=*/true, execs);
}

}  // namespace

int main(int argc, char** argv) {
  const std::string driver = argc > 1 ? argv[1] : "";
  const int starts = argc > 3 ? std::atoi(argv[2]) : 0;
  const int execs = argc > 3 ? std::atoi(argv[3]) : 0;
  const bool processes = driver == "process" && argc == 4;
  const bool machines = driver == "qemu" && argc == 7;
  if (starts < 1 || execs < 1 || (!processes && !machines)) {
    std::fputs(
        "usage: sandbox_round_trip process STARTS EXECS\n"
        "       sandbox_round_trip qemu STARTS EXECS KERNEL ROOT DIRECTORY\n",
        stderr);
    return 2;
  }
  const absl::Status status = processes ? MeasureProcesses(starts, execs)
                                        : MeasureMachines(starts, execs, argv[4], argv[5], argv[6]);
  if (status.ok()) return 0;
  std::fprintf(stderr, "sandbox_round_trip: %s\n", status.ToString().c_str());
  return 1;
}
