#include "client/wrapper.h"

#include <unistd.h>

#include <cstdio>

#include "base/clock.h"
#include "base/environment.h"
#include "base/file_system.h"
#include "base/logging.h"
#include "base/process.h"
#include "base/start_pages.h"
#include "base/strings.h"
#include "client/cached_compile.h"
#include "client/compiler_search.h"
#include "config/config.h"

namespace hpcc {

namespace {

constexpr int kBadConfiguration = 2;
constexpr int kCannotRun = 126;
constexpr int kNotFound = 127;           // as shells answer
constexpr size_t kHeapOfAHit = 100'000;  // bytes, with a dependency file of some 500 headers

void Complain(std::string_view message) {
  const std::string line = StrCat("hpcc: ", message, "\n");
  fwrite(line.data(), 1, line.size(), stderr);
}

// The plain compiler in place of this process.
int RunPlainly(const FoundCompiler& compiler, const Environment& environment) {
  std::vector<std::string> argv = {compiler.called_as};
  argv.insert(argv.end(), compiler.arguments.begin(), compiler.arguments.end());
  const absl::Status status = Exec(compiler.path, argv, environment);
  Complain(std::string(status.message()));
  return absl::IsNotFound(status) ? kNotFound : kCannotRun;
}

}  // namespace

int RunWrapper(const std::vector<std::string>& words, bool masquerade) {
  PopulateHeap(kHeapOfAHit);
  FileSystem& fs = FileSystem::Real();
  const Environment environment = Environment::OfThisProcess();
  const absl::StatusOr<Config> config = LoadConfig(fs, environment);
  if (absl::IsInvalidArgument(config.status())) {
    Complain(std::string(config.status().message()));
    return kBadConfiguration;
  }

  const absl::StatusOr<FoundCompiler> compiler = FindCompiler(fs, environment, words, masquerade);
  if (!compiler.ok()) {
    Complain(std::string(compiler.status().message()));
    return kNotFound;
  }
  // Without a home there is no cache; the build goes on.
  if (!config.ok() || config->disable) return RunPlainly(*compiler, environment);
  if (!config->log_file.empty()) OpenLog(config->log_file).IgnoreError();

  const absl::StatusOr<std::string> directory = fs.RealPath(".");
  if (!directory.ok()) return RunPlainly(*compiler, environment);
  const CompileRequest command{.compiler = *compiler,
                               .environment = environment,
                               .cwd = LogicalWorkingDirectory(fs, environment, *directory),
                               .diagnostics_target = DescribeDiagnosticsTarget(environment)};
  CachedCompile compile(*config, fs, Clock::Real(), command);
  const std::optional<ExitStatus> exit = compile.Run();
  if (!exit) return RunPlainly(*compiler, environment);
  // Everything is written: taking the process's memory apart piece by piece would only cost time.
  ExitLike(*exit);
}

}  // namespace hpcc
