#ifndef HPCC_TESTS_SANDBOX_SANDBOX_TEST_SUPPORT_H_
#define HPCC_TESTS_SANDBOX_SANDBOX_TEST_SUPPORT_H_

// A real sandbox and short ways to run something in it. HPCC_AGENT and HPCC_SANDBOX_PROBE are
// paths, given by the build, or the environment in its place. HPCC_SANDBOX_DRIVER says what the
// sandbox is made of: "process", or "qemu" with HPCC_GUEST_KERNEL and HPCC_TEST_ROOT (tests/vm).

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/types.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/strings.h"
#include "compiler/manifest.h"
#include "sandbox/process_runtime.h"
#include "sandbox/qemu_runtime.h"

namespace hpcc {

inline std::string PathOf(const char* variable, const char* built) {
  const char* given = std::getenv(variable);
  return given == nullptr ? built : given;
}
inline std::string AgentPath() {
  return PathOf("HPCC_AGENT", HPCC_AGENT);
}
inline std::string ProbePath() {
  return PathOf("HPCC_SANDBOX_PROBE", HPCC_SANDBOX_PROBE);
}

inline bool IsVirtualMachine() {
  return PathOf("HPCC_SANDBOX_DRIVER", "process") == "qemu";
}

// Whether sandboxes started here have ids of their own.
inline bool HasManyIds() {
  return geteuid() == 0 || IsVirtualMachine();
}

inline constexpr char kProbe[] = "/opt/probe";  // in the sandbox

// Children of this process that are sandboxes: agents, or hypervisors.
inline std::vector<pid_t> Agents() {
  std::vector<pid_t> agents;
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    std::ifstream stat(entry.path() / "stat");
    pid_t process = 0;
    pid_t parent = 0;
    std::string name;
    char state = 0;
    if (stat >> process >> name >> state >> parent && parent == getpid() && state != 'Z' &&
        (name == "(hpcc-agent)" || name == "(qemu-system-x86)")) {
      agents.push_back(process);
    }
  }
  return agents;
}

inline QemuRuntimeOptions VirtualMachines(const std::string& name) {
  return {.kernel = PathOf("HPCC_GUEST_KERNEL", ""),
          .directory = ::testing::TempDir() + "hpcc_vm_" + name + StrCat("_", getpid()),
          .find_root = [](const std::string& image) -> absl::StatusOr<PreparedRoot> {
            if (image != "host") return absl::NotFoundError("no such image");
            return PreparedRoot{.path = PathOf("HPCC_TEST_ROOT", "")};
          }};
}

inline ProcessRuntimeOptions Processes() {
  return {.agent = AgentPath(), .find_image = [](const std::string&) {
            ImageLayout image = HostImage();
            image.parts.push_back({ImagePart::Kind::kFile, kProbe, ProbePath()});
            return absl::StatusOr<ImageLayout>(image);
          }};
}

// One for all tests: what a driver finds out once is found out once.
inline Runtime& TestRuntime() {
  static const std::unique_ptr<Runtime> runtime = []() -> std::unique_ptr<Runtime> {
    if (!IsVirtualMachine()) return std::make_unique<ProcessRuntime>(Processes());
    absl::StatusOr<std::unique_ptr<QemuRuntime>> qemu = QemuRuntime::Make(VirtualMachines("all"));
    if (!qemu.ok()) {
      std::fprintf(stderr, "%s\n", qemu.status().ToString().c_str());
      std::abort();
    }
    return *std::move(qemu);
  }();
  return *runtime;
}

// Blobs a worker would have, and how often each was asked for.
class Blobs {
 public:
  Digest Add(const std::string& data) {
    const Digest digest = Digest::Of(data);
    const std::lock_guard lock(mutex_);
    blobs_[digest] = data;
    return digest;
  }
  BlobReader reader() {
    return [this](const Digest& digest) -> absl::StatusOr<std::string> {
      const std::lock_guard lock(mutex_);
      ++asked_[digest];
      const auto found = blobs_.find(digest);
      if (found == blobs_.end()) return absl::NotFoundError("no such blob");
      return found->second;
    };
  }
  int asked(const Digest& digest) {
    const std::lock_guard lock(mutex_);
    return asked_[digest];
  }

 private:
  std::mutex mutex_;
  std::map<Digest, std::string> blobs_;
  std::map<Digest, int> asked_;
};

class SandboxTest : public ::testing::Test {
 protected:
  void SetUp() override { Start({.id = "test", .tenant = "acme", .image = "host", .cpus = 4}); }

  void Start(const SandboxSpec& spec) {
    absl::StatusOr<std::unique_ptr<Sandbox>> sandbox =
        runtime_.Start(spec, std::chrono::seconds(60));
    ASSERT_TRUE(sandbox.ok()) << sandbox.status();
    sandbox_ = *std::move(sandbox);
  }

  // A file of the manifest the next commands get.
  void AddFile(const std::string& path, const std::string& data) {
    manifest_.entries.push_back(
        {.path = path, .kind = ManifestEntry::Kind::kFile, .digest = blobs_.Add(data)});
  }

  ExecRequest Command(std::vector<std::string> arguments) {
    ExecRequest request;
    request.job = "job";
    request.arguments = std::move(arguments);
    request.environment = {"PATH=/usr/bin:/bin", "LC_ALL=C"};
    request.working_directory = "/work/build";
    request.manifest = EncodeManifest(manifest_).value();
    request.limits.wall = std::chrono::seconds(60);
    return request;
  }

  absl::StatusOr<ExecResult> Exec(const ExecRequest& request,
                                  const std::function<bool()>& cancelled = nullptr) {
    return sandbox_->Exec(request, blobs_.reader(), cancelled);
  }

  // Standard output of a command that has to succeed.
  std::string Say(std::vector<std::string> arguments) {
    const absl::StatusOr<ExecResult> result = Exec(Command(std::move(arguments)));
    EXPECT_TRUE(result.ok()) << result.status();
    if (!result.ok()) return "";
    EXPECT_EQ(result->exit_status, 0) << result->standard_output << result->standard_error;
    EXPECT_EQ(result->signal, 0);
    return result->standard_output;
  }
  std::string Shell(const std::string& script) { return Say({"/bin/sh", "-c", script}); }
  std::string Probe(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), kProbe);
    return Say(std::move(arguments));
  }

  Runtime& runtime_ = TestRuntime();
  std::unique_ptr<Sandbox> sandbox_;
  Blobs blobs_;
  SourceManifest manifest_;
};

}  // namespace hpcc

#endif  // HPCC_TESTS_SANDBOX_SANDBOX_TEST_SUPPORT_H_
