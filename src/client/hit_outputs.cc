#include "client/hit_outputs.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "base/posix_descriptor.h"
#include "base/status.h"
#include "compiler/coff_stamp.h"

namespace hpcc {

namespace {

constexpr int64_t kNanosecondsPerSecond = 1'000'000'000;

// Up to `size` bytes of the beginning.
absl::StatusOr<std::string> ReadPart(const OutputData& data, size_t size) {
  if (data.file == nullptr) return std::string(data.bytes.substr(0, size));
  return ReadDescriptorAt(*data.file, data.offset, std::min<uint64_t>(size, data.size));
}

}  // namespace

OutputKind OutputKindOf(const Invocation& invocation, OutputRole role) {
  const bool assembled =
      role == OutputRole::kDwo || (role == OutputRole::kObject && !invocation.assembly_output);
  return assembled ? OutputKind::kReplaced : OutputKind::kOverwritten;
}

absl::Status HitOutputs::Add(const std::string& path, OutputData data, OutputKind kind) {
  HPCC_ASSIGN_OR_RETURN(const std::string head, ReadPart(data, kCoffHeaderBytes));
  // clang makes such objects for Windows targets under any name.
  if (HasCoffStamp(head)) {
    HPCC_ASSIGN_OR_RETURN(std::string whole, ReadPart(data, std::numeric_limits<size_t>::max()));
    std::string& copy = restamped_.emplace_back(std::move(whole));
    RestampCoffObject(&copy,
                      static_cast<uint32_t>(clock_.NowNanoseconds() / kNanosecondsPerSecond));
    data = OutputData(copy);
  }
  HPCC_ASSIGN_OR_RETURN(PendingOutput pending, PendingOutput::WriteAside(fs_, path, data, kind));
  pending_.push_back(std::move(pending));
  return absl::OkStatus();
}

absl::Status HitOutputs::Commit() {
  for (PendingOutput& pending : pending_) HPCC_RETURN_IF_ERROR(pending.Commit());
  pending_.clear();
  return absl::OkStatus();
}

}  // namespace hpcc
