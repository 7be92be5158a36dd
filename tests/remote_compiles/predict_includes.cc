// predict_includes <directory> <compiler> [argument...]
//
// Prints what hpcc predicts that a compile in the directory will read: the real path of each file,
// one a line; or "doubt: <why>". For tests against what compilers say they read.

#include <cstdio>

#include "base/clock.h"
#include "base/path.h"
#include "base/strings.h"
#include "compiler/toolchain.h"
#include "dispatch/unit_prediction.h"

namespace hpcc {
namespace {

int Run(int argc, char** argv) {
  if (argc < 3) return 2;
  FileSystem& fs = FileSystem::Real();
  const Environment environment = Environment::OfThisProcess();
  remote_v1::Compile request;
  request.set_working_directory(argv[1]);
  request.set_compiler(FindOnPath(fs, environment, argv[2]));
  request.set_compiler_name(argv[2]);
  std::vector<std::string> arguments(argv + 3, argv + argc);
  for (const std::string& word : arguments) request.add_arguments(word);
  for (const std::string& variable : environment.ToStrings()) request.add_environment(variable);

  const std::string& cwd = request.working_directory();
  const Invocation invocation = ParseGnu({fs, environment, cwd, argv[2]}, arguments);
  const absl::StatusOr<ToolchainFacts> facts = ProbeToolchain(
      fs, {request.compiler(), cwd, &invocation, &environment, /*full_arguments=*/nullptr});
  if (!facts.ok()) {
    printf("doubt: %s\n", std::string(facts.status().message()).c_str());
    return 0;
  }
  request.set_toolchain(EncodeToolchainFacts(*facts));
  FileMemo memo(size_t{64} << 20);
  UnitPrediction unit(fs, Clock::Real(), memo, request);
  const absl::Status status = unit.Run([] { return true; });
  if (!status.ok()) {
    printf("doubt: %s\n", std::string(status.message()).c_str());
    return 0;
  }
  for (const PredictedFile& file : unit.prediction().files) printf("%s\n", file.path.c_str());
  return 0;
}

}  // namespace
}  // namespace hpcc

int main(int argc, char** argv) {
  return hpcc::Run(argc, argv);
}
