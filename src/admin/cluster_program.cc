#include "admin/cluster_program.h"

#include <array>
#include <cstdio>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "admin/dev_cluster.h"
#include "base/path.h"
#include "base/process_limits.h"
#include "base/signals.h"
#include "base/strings.h"
#include "cli/options.h"

namespace hpcc {

namespace {

constexpr int kFailed = 1;
constexpr int kUsage = 2;
constexpr std::chrono::milliseconds kTick{250};
constexpr OptionSpec kDir = {"--dir", "DIR", "where everything is kept"};
constexpr OptionSpec kTenants = {"--tenants", "N", "this many tenants"};
constexpr std::array kOptions = {kDir, kTenants};

constexpr std::string_view kHelp =
    "Usage: hpcc cluster dev --dir DIR [--tenants N]\n"
    "\n"
    "Runs a scheduler, a worker and an identity provider with one tenant and one user on this\n"
    "machine, until Ctrl-C or SIGTERM: for development only. Compiles in a sandbox with the\n"
    "machine's own compilers. Prints one line when all is ready; then\n"
    "\n"
    "    HPCC_CONFIG=DIR/client.toml hpcc gcc -c a.c -o a.o\n"
    "\n"
    "compiles there. Logs, state and the audit log (DIR/worker/audit.db) are in DIR.\n"
    "\n"
    "Options:\n"
    "  --dir DIR             where everything is kept; made if there is none\n"
    "  --tenants N           tenants dev, dev2, ... instead of dev alone; DIR/client2.toml is for\n"
    "                        dev2, and so on\n"
    "  -h, --help            print this and exit\n";

constexpr std::string_view kLoudly =
    "hpcc cluster dev: FOR DEVELOPMENT ONLY: the identity provider is a toy, every secret lies in\n"
    "hpcc cluster dev: DIR, and the sandbox shares this machine's kernel and compilers.\n";

void Print(FILE* stream, std::string_view text) {
  fwrite(text.data(), 1, text.size(), stream);
  fflush(stream);
}

int Complain(std::string_view message, int exit_code) {
  Print(stderr, StrCat("hpcc cluster dev: ", message, "\n"));
  return exit_code;
}

int RunDev(FileSystem& fs, const std::string& directory, int tenants) {
  // Before any thread: all of them leave these to WaitForSignal.
  BlockEndingSignals();
  Print(stderr, kLoudly);
  const Environment environment = Environment::OfThisProcess();
  DevCluster::Options options;
  options.directory = path::Join(fs.RealPath(".").value_or("/"), directory);
  options.tenants = tenants;
  options.programs = path::Dirname(fs.ReadLink("/proc/self/exe").value_or(""));
  const absl::StatusOr<std::unique_ptr<DevCluster>> cluster =
      DevCluster::Start(options, fs, Clock::Real(), environment);
  if (absl::IsCancelled(cluster.status())) return 0;
  if (!cluster.ok()) return Complain(std::string(cluster.status().message()), kFailed);
  Print(stdout, StrCat("hpcc cluster dev: ready, for development only: HPCC_CONFIG=",
                       (*cluster)->client_config(), "\n"));
  while (WaitForSignal(kTick) == 0) {
    const absl::Status status = (*cluster)->Check();
    if (status.ok()) continue;
    return Complain(StrCat(std::string(status.message()), "; stopping"), kFailed);
  }
  (*cluster)->Stop();
  return 0;
}

}  // namespace

int RunCluster(int argc, char** argv) {
  KeepMemoryPrivate();
  const std::vector<std::string> words(argv + std::min(argc, 1), argv + argc);
  const std::string_view first = words.empty() ? "" : std::string_view(words.front());
  if (first == "--version") {
    Print(stdout, StrCat("hpcc-cluster ", HPCC_VERSION, "\n"));
    return 0;
  }
  const absl::StatusOr<ParsedOptions> parsed = ParseOptions(kOptions, words);
  if (parsed.ok() && parsed->Has(kHelpOption.name)) {
    Print(stdout, kHelp);
    return 0;
  }
  if (!parsed.ok()) return Complain(std::string(parsed.status().message()), kUsage);
  if (parsed->operands() != std::vector<std::string>{"dev"} || !parsed->Has(kDir.name)) {
    Print(stderr, kHelp);
    return kUsage;
  }
  const std::string tenants = parsed->Value(kTenants.name).value_or("1");
  const int number = tenants.size() == 1 ? tenants.front() - '0' : 0;
  if (number < 1 || number > kMaxDevTenants) {
    return Complain(StrCat("--tenants: write a number from 1 to ", kMaxDevTenants), kUsage);
  }
  return RunDev(FileSystem::Real(), *parsed->Value(kDir.name), number);
}

}  // namespace hpcc
