#include "cache/toolchain_memo.h"

#include <algorithm>

#include "base/status.h"
#include "cache/direct_entry.h"

namespace hpcc {

absl::StatusOr<ToolchainFacts> ToolchainMemo::FactsFor(const ToolchainRequest& request) {
  const StoreKey key{StoreNamespace::kToolchain, ToolchainRequestKey(request)};
  const absl::StatusOr<std::string> remembered = store_.Get(key);
  if (remembered.ok()) {
    absl::StatusOr<ToolchainFacts> facts = DecodeToolchainFacts(*remembered);
    if (facts.ok() && ToolchainFactsHold(fs_, *request.environment, *facts)) return facts;
  }
  HPCC_ASSIGN_OR_RETURN(ToolchainFacts facts, ProbeToolchain(fs_, request));
  // A file that changed a moment ago could change again under the same stamp.
  const int64_t now = clock_.FileStampNanoseconds();
  const bool settled = std::all_of(facts.files.begin(), facts.files.end(), [&](const auto& file) {
    return IsSettled(FileStamp::Of(file.stat), now);
  });
  // A cache that can't be written to only means asking again.
  if (settled) store_.Put(key, EncodeToolchainFacts(facts)).IgnoreError();
  return facts;
}

absl::StatusOr<ToolchainFacts> ToolchainMemo::Identify(ToolchainRequest request,
                                                       const std::vector<std::string>& arguments) {
  HPCC_ASSIGN_OR_RETURN(ToolchainFacts facts, FactsFor(request));
  if (!facts.opaque) return facts;
  // What a wrapper adds may depend on anything, so this answer is never remembered.
  request.full_arguments = &arguments;
  return ProbeToolchain(fs_, request);
}

}  // namespace hpcc
