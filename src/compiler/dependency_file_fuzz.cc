// Any text is read or refused, and what was read can be written in every manner.

#include <cstdlib>

#include "compiler/dependency_file.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto files =
      hpcc::ParseDependencyFiles(std::string_view(reinterpret_cast<const char*>(data), size));
  if (!files.ok()) return 0;
  for (const hpcc::DependencyStyle style :
       {hpcc::DependencyStyle::kGcc, hpcc::DependencyStyle::kClang,
        hpcc::DependencyStyle::kGccSpaced, hpcc::DependencyStyle::kClangSpaced}) {
    const std::string text =
        hpcc::WriteDependencyFile(style, {{"target.o"}, *files, /*phony_targets=*/true});
    if (!hpcc::ParseDependencyFiles(text).ok()) std::abort();
  }
  return 0;
}
