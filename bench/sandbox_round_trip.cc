// How long a sandbox takes to start, and one exec of an empty command in it.
//
//   sandbox_round_trip [starts] [execs]
//
// Prints medians and 99th percentiles, in milliseconds.

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <vector>

#include "compiler/manifest.h"
#include "sandbox/process_runtime.h"

namespace {

using std::chrono::steady_clock;

void Print(const char* what, std::vector<double> times) {
  std::sort(times.begin(), times.end());
  std::printf("%-24s p50 %7.2f  p99 %7.2f  of %zu\n", what, times[times.size() / 2],
              times[times.size() * 99 / 100], times.size());
}

double Since(steady_clock::time_point start) {
  return std::chrono::duration<double, std::milli>(steady_clock::now() - start).count();
}

bool Measure(int starts, int execs, const std::vector<std::string>& arguments, size_t files) {
  hpcc::ProcessRuntime runtime;
  std::unique_ptr<hpcc::Sandbox> sandbox;
  std::vector<double> times;
  for (int i = 0; i < starts; ++i) {
    sandbox.reset();
    const auto start = steady_clock::now();
    auto started = runtime.Start({.id = "bench", .tenant = "bench", .image = "host", .cpus = 2},
                                 std::chrono::seconds(30));
    if (!started.ok()) {
      std::fprintf(stderr, "%s\n", started.status().ToString().c_str());
      return false;
    }
    times.push_back(Since(start));
    sandbox = *std::move(started);
  }
  Print("start", times);

  const std::string text(8'000, 'x');
  hpcc::SourceManifest manifest;
  for (size_t i = 0; i < files; ++i) {
    manifest.entries.push_back({.path = "/work/src/" + std::to_string(i) + ".h",
                                .digest = hpcc::Digest::Of(text + std::to_string(i))});
  }
  hpcc::ExecRequest request;
  request.arguments = arguments;
  request.working_directory = "/work";
  request.manifest = hpcc::EncodeManifest(manifest).value();
  const hpcc::BlobReader reader = [&](const hpcc::Digest& digest) -> absl::StatusOr<std::string> {
    for (size_t i = 0; i < files; ++i) {
      const std::string data = text + std::to_string(i);
      if (hpcc::Digest::Of(data) == digest) return data;
    }
    return absl::NotFoundError("none");
  };
  times.clear();
  for (int i = 0; i < execs; ++i) {
    const auto start = steady_clock::now();
    const auto result = sandbox->Exec(request, reader, nullptr);
    if (!result.ok() || result->exit_status != 0) {
      std::fprintf(stderr, "%s\n", result.status().ToString().c_str());
      return false;
    }
    times.push_back(Since(start));
  }
  std::printf("%zu files of 8 KB: ", files);
  Print(arguments.front().c_str(), times);
  return true;
}

}  // namespace

int main(int argc, char** argv) {
  const int starts = argc > 1 ? std::atoi(argv[1]) : 10;
  const int execs = argc > 2 ? std::atoi(argv[2]) : 300;
  if (starts < 1 || execs < 1) return 2;
  return Measure(starts, execs, {"/bin/true"}, 0) && Measure(1, execs, {"/bin/true"}, 300) ? 0 : 1;
}
