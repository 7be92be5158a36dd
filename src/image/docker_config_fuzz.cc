// Whatever stands in a file of logins, a login with a user is found, or none, or it is said of
// which file what is wrong.

#include <cstdlib>

#include "base/file_system.h"
#include "image/docker_config.h"
#include "image/fuzz_file.h"

namespace {

void Check(bool holds) {
  if (!holds) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  const hpcc::FuzzFile file({reinterpret_cast<const char*>(bytes), size});
  for (const char* host : {"docker.io", "ghcr.io", "localhost:5000"}) {
    const auto found = hpcc::ReadRegistryCredentials(hpcc::FileSystem::Real(), file.path(), host);
    if (!found.ok()) {
      Check(absl::IsFailedPrecondition(found.status()));
      Check(found.status().message().find(file.path()) != std::string_view::npos);
    } else if (*found) {
      Check(!(*found)->user.empty());
    }
  }
  return 0;
}
