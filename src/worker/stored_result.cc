#include "worker/stored_result.h"

#include "base/bytes.h"

namespace hpcc {

namespace {
constexpr uint8_t kVersion = 1;
}  // namespace

std::string EncodeStoredResult(const StoredResult& result) {
  ByteWriter out;
  out.Reserve(result.bundle.size() + 256);
  out.Fixed8(kVersion);
  out.String(result.isolation);
  out.Varint(result.outputs.size());
  for (const AuditOutput& output : result.outputs) {
    out.String(output.role);
    out.DigestBytes(output.digest);
  }
  out.Raw(result.bundle);
  return out.Take();
}

absl::StatusOr<StoredResult> DecodeStoredResult(std::string_view bytes) {
  ByteReader in(bytes);
  if (in.Fixed8() != kVersion) return absl::DataLossError("worker result: unknown version");
  StoredResult result;
  result.isolation = in.String();
  for (size_t count = in.Count(1 + Digest::kSize); count > 0 && in.ok(); --count) {
    AuditOutput output;
    output.role = in.String();
    output.digest = in.DigestBytes();
    result.outputs.push_back(std::move(output));
  }
  result.bundle = in.Raw(in.remaining());
  if (!in.ok()) return absl::DataLossError("worker result: cut short");
  return result;
}

Digest WorkerResultKey(const ResultKeyParts& parts) {
  return Hasher("hpcc.worker-result-key.v1")
      .Field(parts.tenant)
      .Field(parts.image)
      .Field(parts.toolchain)
      .Field(parts.command)
      .Field(parts.manifest)
      .Finish();
}

}  // namespace hpcc
