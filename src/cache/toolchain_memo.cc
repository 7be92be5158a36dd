#include "cache/toolchain_memo.h"

#include <algorithm>

#include "base/status.h"
#include "base/strings.h"
#include "cache/asking_turn.h"
#include "cache/direct_entry.h"

namespace hpcc {

namespace {

constexpr size_t kMaxRecalled = 256;

}  // namespace

absl::StatusOr<ToolchainFacts> ToolchainMemo::FactsFor(const ToolchainRequest& request) {
  const StoreKey key{StoreNamespace::kToolchain, ToolchainRequestKey(request)};
  if (std::optional<ToolchainFacts> recalled = Recall(request, key.digest)) return *recalled;
  if (std::optional<ToolchainFacts> remembered = Remembered(request, key)) return *remembered;
  if (asking_ == Asking::kNever || directory_.empty()) return AskAndRemember(request, key);
  // For as long as it takes until it is remembered.
  const AskingTurn turn(fs_, clock_, directory_, key.digest);
  // Who had the turn before has found it out.
  if (std::optional<ToolchainFacts> remembered = Remembered(request, key)) return *remembered;
  return AskAndRemember(request, key);
}

std::optional<ToolchainFacts> ToolchainMemo::Recall(const ToolchainRequest& request,
                                                    const Digest& key) {
  std::shared_ptr<const ToolchainFacts> recalled;
  {
    const std::lock_guard lock(mutex_);
    const auto found = recalled_.find(key);
    if (found == recalled_.end()) return std::nullopt;
    recalled = found->second;
  }
  if (!ToolchainFactsHold(fs_, *request.environment, *recalled)) return std::nullopt;
  return *recalled;
}

std::optional<ToolchainFacts> ToolchainMemo::Remembered(const ToolchainRequest& request,
                                                        const StoreKey& key) {
  const absl::StatusOr<std::string> bytes = store_.Get(key);
  if (!bytes.ok()) return std::nullopt;
  absl::StatusOr<ToolchainFacts> facts = DecodeToolchainFacts(*bytes);
  if (!facts.ok() || !ToolchainFactsHold(fs_, *request.environment, *facts)) return std::nullopt;
  const std::lock_guard lock(mutex_);
  if (recalled_.size() >= kMaxRecalled) recalled_.clear();
  recalled_[key.digest] = std::make_shared<const ToolchainFacts>(*facts);
  return *std::move(facts);
}

absl::StatusOr<ToolchainFacts> ToolchainMemo::AskAndRemember(const ToolchainRequest& request,
                                                             const StoreKey& key) {
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
