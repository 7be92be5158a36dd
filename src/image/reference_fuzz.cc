// Whatever is typed, ParseImageReference gives parts that make no path or URL but their own, and a
// text that gives the same parts again.

#include <cstdlib>

#include "base/strings.h"
#include "image/oci_digest.h"
#include "image/reference.h"

namespace {

void Check(bool holds) {
  if (!holds) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const absl::StatusOr<hpcc::ImageReference> reference = hpcc::ParseImageReference(text);
  if (!reference.ok()) return 0;
  const absl::StatusOr<hpcc::ImageReference> again =
      hpcc::ParseImageReference(reference->ToString());
  Check(again.ok() && *again == *reference);
  Check(reference->digest.empty() || hpcc::IsOciDigest(reference->digest));
  if (reference->source != hpcc::ImageReference::Source::kRegistry) {
    Check(!reference->path.empty());
    return 0;
  }
  Check(!reference->host.empty() && !reference->repository.empty());
  Check(!reference->tag.empty() || !reference->digest.empty());
  Check(reference->host.find_first_of("/@?#% ") == std::string::npos);
  Check(reference->repository.find_first_of("@?#%:\\ ") == std::string::npos);
  Check(!hpcc::StrContains(hpcc::StrCat("/", reference->repository, "/"), "/../"));
  return 0;
}
