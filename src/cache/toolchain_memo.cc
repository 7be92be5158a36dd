#include "cache/toolchain_memo.h"

#include <algorithm>

#include "base/status.h"
#include "base/strings.h"
#include "cache/direct_entry.h"

namespace hpcc {

namespace {

constexpr size_t kMaxRecalled = 256;

}  // namespace

absl::StatusOr<ToolchainFacts> ToolchainMemo::FactsFor(const ToolchainRequest& request) {
  const StoreKey key{StoreNamespace::kToolchain, ToolchainRequestKey(request)};
  if (const std::shared_ptr<const ToolchainFacts> recalled = Recall(key.digest);
      recalled != nullptr && ToolchainFactsHold(fs_, *request.environment, *recalled)) {
    return *recalled;
  }
  const absl::StatusOr<std::string> remembered = store_.Get(key);
  if (remembered.ok()) {
    absl::StatusOr<ToolchainFacts> facts = DecodeToolchainFacts(*remembered);
    if (facts.ok() && ToolchainFactsHold(fs_, *request.environment, *facts)) {
      const std::lock_guard lock(mutex_);
      if (recalled_.size() >= kMaxRecalled) recalled_.clear();
      recalled_[key.digest] = std::make_shared<const ToolchainFacts>(*facts);
      return facts;
    }
  }
  HPCC_ASSIGN_OR_RETURN(ToolchainFacts facts, Probe(request));
  // A file that changed a moment ago could change again under the same stamp.
  const int64_t now = clock_.FileStampNanoseconds();
  const bool settled = std::all_of(facts.files.begin(), facts.files.end(), [&](const auto& file) {
    return IsSettled(FileStamp::Of(file.stat), now);
  });
  // A cache that can't be written to only means asking again.
  if (settled) store_.Put(key, EncodeToolchainFacts(facts)).IgnoreError();
  return facts;
}

std::shared_ptr<const ToolchainFacts> ToolchainMemo::Recall(const Digest& key) {
  const std::lock_guard lock(mutex_);
  const auto found = recalled_.find(key);
  return found == recalled_.end() ? nullptr : found->second;
}

absl::StatusOr<ToolchainFacts> ToolchainMemo::Probe(const ToolchainRequest& request) {
  if (asking_ == Asking::kNever) {
    return absl::UnavailableError(StrCat(request.path, ": would have to be asked what it is"));
  }
  return ProbeToolchain(fs_, request);
}

absl::StatusOr<ToolchainFacts> ToolchainMemo::Identify(ToolchainRequest request,
                                                       const std::vector<std::string>& arguments) {
  HPCC_ASSIGN_OR_RETURN(ToolchainFacts facts, FactsFor(request));
  if (!facts.opaque) return facts;
  // What a wrapper adds may depend on anything, so this answer is never remembered.
  request.full_arguments = &arguments;
  return Probe(request);
}

}  // namespace hpcc
