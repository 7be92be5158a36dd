#include "worker/job_ids.h"

#include "base/clock.h"
#include "base/digest.h"
#include "base/private_directory.h"
#include "base/strings.h"

namespace hpcc {

namespace {

std::string RandomPrefix() {
  const absl::StatusOr<std::string> bytes = SecretBytes(Digest::kSize);
  const std::string seed = bytes.ok() ? *bytes : StrCat(Clock::Real().NowNanoseconds());
  return Hasher("hpcc.job-id.v1").Field(seed).Finish().ToHex().substr(0, 16);
}

}  // namespace

JobIds::JobIds() : prefix_(RandomPrefix()) {}

std::string JobIds::Next() {
  return StrCat(prefix_, "-", ++last_);
}

}  // namespace hpcc
