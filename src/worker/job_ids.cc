#include "worker/job_ids.h"

#include "base/clock.h"
#include "base/private_directory.h"
#include "base/strings.h"

namespace hpcc {

namespace {

constexpr size_t kHexDigits = 32;

std::string Seed() {
  const absl::StatusOr<std::string> bytes = SecretBytes(Digest::kSize);
  return bytes.ok() ? *bytes : StrCat(Clock::Real().NowNanoseconds());
}

}  // namespace

JobIds::JobIds() : seeded_(Hasher("hpcc.job-id.v2").Field(Seed())) {}

std::string JobIds::Next() {
  return Hasher(seeded_).Number(++last_).Finish().ToHex().substr(0, kHexDigits);
}

}  // namespace hpcc
