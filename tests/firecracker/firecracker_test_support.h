#ifndef HPCC_TESTS_FIRECRACKER_FIRECRACKER_TEST_SUPPORT_H_
#define HPCC_TESTS_FIRECRACKER_FIRECRACKER_TEST_SUPPORT_H_

// The firecracker driver on a test double (fake_jailer.py, fake_firecracker.py) with a real agent,
// or on the real thing where the environment names one:
//
//   HPCC_TEST_FIRECRACKER, HPCC_TEST_JAILER    the programs
//   HPCC_TEST_KERNEL, HPCC_TEST_ROOT           a guest kernel, and a prepared root with /bin/sh
//
// HPCC_AGENT, HPCC_PYTHON and HPCC_FIRECRACKER_DOUBLES are paths, given by the build, or the
// environment in its place.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/strings.h"
#include "compiler/manifest.h"
#include "sandbox/firecracker_runtime.h"
#include "sandbox/image_layout.h"
#include "sandbox/process_setup.h"
#include "sandbox/vm_channel.h"

namespace hpcc {

using Json = nlohmann::json;

inline constexpr std::chrono::milliseconds kBoot{60'000};

inline bool RealFirecracker() {
  return std::getenv("HPCC_TEST_FIRECRACKER") != nullptr;
}

inline std::string PathOf(const char* variable, const char* built) {
  const char* given = std::getenv(variable);
  return given == nullptr ? built : given;
}

class FirecrackerTest : public ::testing::Test {
 protected:
  FirecrackerTest() {
    const char* given = std::getenv("HPCC_TEST_PLACE");  // of the test that starts this one
    std::string name = (std::filesystem::path(::testing::TempDir()) / "fc-XXXXXX").string();
    place_ = given != nullptr ? given : mkdtemp(name.data());
    owns_place_ = given == nullptr;
    std::filesystem::permissions(place_, std::filesystem::perms(0755));
    Write("vmlinux", "a kernel", 0644);
    Write("root.img", "a root file system", 0644);
    Write("setup",
          EncodeProcessSetup({.cpus = 4,
                              .memory_bytes = uint64_t{512} << 20,
                              .blob_bytes = uint64_t{64} << 20,
                              .image = HostImage()}),
          0644);
    if (owns_place_) Write("journal", "", 0666);
    const std::filesystem::path agent = place_ / "hpcc-agent";
    std::error_code error;
    std::filesystem::copy_file(PathOf("HPCC_AGENT", HPCC_AGENT), agent,
                               std::filesystem::copy_options::skip_existing, error);
    std::filesystem::permissions(agent, std::filesystem::perms(0755));
    for (const auto& [program, script] :
         std::map<std::string, std::string>{{"double-of-firecracker", "fake_firecracker.py"},
                                            {"double-of-jailer", "fake_jailer.py"}}) {
      Write(program,
            StrCat("#!/bin/sh\nexec ", PathOf("HPCC_PYTHON", HPCC_PYTHON), " -B ",
                   PathOf("HPCC_FIRECRACKER_DOUBLES", HPCC_FIRECRACKER_DOUBLES), "/", script, " ",
                   Path("settings"), " \"$@\"\n"),
            0755);
    }
    Inject(Json::object());
  }

  ~FirecrackerTest() override {
    sandbox_.reset();
    ExpectNothingLeft();
    EXPECT_THAT(Events("wrong"), ::testing::IsEmpty()) << "said outside the description";
    if (owns_place_) std::filesystem::remove_all(place_);
  }

  std::string Path(const std::string& name) const { return (place_ / name).string(); }
  void Write(const std::string& name, const std::string& text, mode_t mode) {
    std::ofstream(place_ / name, std::ios::binary) << text;
    chmod(Path(name).c_str(), mode);
  }

  // What the doubles do from their next start on, beside what they always do.
  void Inject(Json faults) {
    faults.update(Json{{"agent", Path("hpcc-agent")},
                       {"setup", Path("setup")},
                       {"journal", Path("journal")},
                       {"port", kAgentVsockPort}});
    Write("settings", faults.dump(), 0644);
  }

  FirecrackerRuntimeOptions Options() const {
    const std::string root = PathOf("HPCC_TEST_ROOT", Path("root.img").c_str());
    return {.jailer = {.jailer = PathOf("HPCC_TEST_JAILER", Path("double-of-jailer").c_str()),
                       .firecracker =
                           PathOf("HPCC_TEST_FIRECRACKER", Path("double-of-firecracker").c_str()),
                       .base = Path("jails"),
                       .cgroups = RealFirecracker() ? JailerCgroups() : 2},
            .kernel = PathOf("HPCC_TEST_KERNEL", Path("vmlinux").c_str()),
            .find_root = [root](const std::string& image) -> absl::StatusOr<PreparedRoot> {
              if (image != "toolchain") return absl::NotFoundError("no such image");
              return PreparedRoot{.path = root, .hold = nullptr};
            },
            .templates = templates_};
  }

  static SandboxSpec Spec(const std::string& id) {
    return {.id = id,
            .tenant = "acme",
            .image = "toolchain",
            .cpus = 2,
            .memory_bytes = uint64_t{512} << 20,
            .blob_bytes = uint64_t{64} << 20};
  }
  absl::Status Start(std::chrono::milliseconds bound = kBoot) {
    absl::StatusOr<std::unique_ptr<FirecrackerRuntime>> runtime =
        FirecrackerRuntime::Create(Options());
    if (!runtime.ok()) return runtime.status();
    absl::StatusOr<std::unique_ptr<Sandbox>> sandbox = (*runtime)->Start(Spec("test"), bound);
    if (sandbox.ok()) sandbox_ = *std::move(sandbox);
    return sandbox.status();
  }

  absl::StatusOr<ExecResult> Shell(const std::string& script,
                                   const std::function<bool()>& cancelled = nullptr) {
    ExecRequest request;
    request.job = "job";
    request.arguments = {"/bin/sh", "-c", script};
    request.environment = {"PATH=/usr/bin:/bin"};
    request.working_directory = "/work";
    request.manifest = EncodeManifest(SourceManifest()).value();
    request.limits.wall = std::chrono::seconds(60);
    return sandbox_->Exec(
        request, [](const Digest&) { return absl::NotFoundError("no blobs here"); }, cancelled);
  }
  void ExpectItWorks() {
    const absl::StatusOr<ExecResult> result = Shell("echo it works");
    ASSERT_TRUE(result.ok()) << result.status();
    EXPECT_EQ(result->standard_output, "it works\n");
  }

  // What the doubles wrote down.
  std::vector<Json> Events(const std::string& what) const {
    std::vector<Json> events;
    std::ifstream journal(place_ / "journal");
    for (std::string line; std::getline(journal, line);) {
      Json event = Json::parse(line, nullptr, false);
      if (event.is_object() && event["what"] == what) events.push_back(std::move(event));
    }
    return events;
  }
  std::vector<std::string> Requests() const {
    std::vector<std::string> requests;
    for (const Json& event : Events("request")) requests.push_back(event["request"]);
    return requests;
  }
  pid_t LastVmm() const { return Events("vmm").back()["process"].get<pid_t>(); }

  size_t Jails() const {
    const std::filesystem::path jails =
        place_ / "jails" / std::filesystem::path(Options().jailer.firecracker).filename();
    if (!std::filesystem::exists(jails)) return 0;
    return static_cast<size_t>(std::distance(std::filesystem::directory_iterator(jails), {}));
  }
  static bool Runs(pid_t process) {
    std::ifstream stat(StrCat("/proc/", process, "/stat"));
    std::string number;
    std::string name;
    char state = 0;
    return stat >> number >> name >> state && state != 'Z';
  }
  // No jail, and no VMM.
  void ExpectNothingLeft() const {
    EXPECT_EQ(Jails(), 0u);
    for (const Json& event : Events("vmm")) {
      EXPECT_FALSE(Runs(event["process"].get<pid_t>())) << event;
    }
  }

  std::filesystem::path place_;
  bool owns_place_ = true;
  bool templates_ = false;  // every start is a boot, unless a test is about copies
  std::unique_ptr<Sandbox> sandbox_;
};

}  // namespace hpcc

#endif  // HPCC_TESTS_FIRECRACKER_FIRECRACKER_TEST_SUPPORT_H_
