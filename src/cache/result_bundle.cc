#include "cache/result_bundle.h"

#include <zstd.h>

#include <algorithm>

#include "base/bytes.h"
#include "base/strings.h"

namespace hpcc {

namespace {

constexpr uint8_t kVersion = 1;
constexpr uint8_t kPlain = 0;
constexpr uint8_t kZstd = 1;
constexpr int kZstdLevel = 1;                // hits are read far more often than written
constexpr size_t kMinCompressedBytes = 256;  // below, a frame's header eats what is gained

bool IsKnownKind(uint8_t kind) {
  return kind < kOutputRoleCount || kind == kStdoutPart || kind == kStderrPart;
}

uint64_t LimitOf(uint8_t kind) {
  return kind == kStdoutPart || kind == kStderrPart ? kMaxStreamBytes : kMaxOutputBytes;
}

std::string Compress(std::string_view data) {
  std::string frame(ZSTD_compressBound(data.size()), '\0');
  const size_t size =
      ZSTD_compress(frame.data(), frame.size(), data.data(), data.size(), kZstdLevel);
  if (ZSTD_isError(size)) return "";
  frame.resize(size);
  return frame;
}

absl::StatusOr<std::string> Decompress(std::string_view frame, uint64_t size) {
  std::string data(size, '\0');
  const size_t got = ZSTD_decompress(data.data(), data.size(), frame.data(), frame.size());
  if (ZSTD_isError(got) || got != size) return absl::DataLossError("result: bad zstd frame");
  return data;
}

void EncodePart(const BundlePart& part, bool compress, ByteWriter* out) {
  std::string frame;
  if (compress && part.data.size() >= kMinCompressedBytes) frame = Compress(part.data);
  const bool use_frame = !frame.empty() && frame.size() < part.data.size();
  out->Fixed8(part.kind);
  out->Fixed8(use_frame ? kZstd : kPlain);
  out->Varint(part.data.size());
  out->String(use_frame ? frame : part.data);
}

absl::StatusOr<BundlePart> DecodePart(ByteReader* in) {
  BundlePart part;
  part.kind = in->Fixed8();
  const uint8_t encoding = in->Fixed8();
  const uint64_t size = in->Varint();
  const std::string_view stored = in->String();
  if (!in->ok() || !IsKnownKind(part.kind) || size > LimitOf(part.kind)) {
    return absl::DataLossError("result: malformed part");
  }
  if (encoding == kZstd) {
    absl::StatusOr<std::string> data = Decompress(stored, size);
    if (!data.ok()) return data.status();
    part.data = *std::move(data);
    return part;
  }
  if (encoding != kPlain || stored.size() != size) {
    return absl::DataLossError("result: malformed part");
  }
  part.data = std::string(stored);
  return part;
}

}  // namespace

const BundlePart* ResultBundle::Find(uint8_t kind) const {
  for (const BundlePart& part : parts) {
    if (part.kind == kind) return &part;
  }
  return nullptr;
}

std::string MissingPart(const Invocation& invocation, const ResultBundle& bundle) {
  for (const Output& output : invocation.outputs) {
    if (bundle.Find(output.role) == nullptr) return std::string(OutputRoleName(output.role));
  }
  const DependencyRequest::Kind kind = invocation.dependencies.kind;
  if (kind == DependencyRequest::Kind::kNone) return "";
  if (bundle.dependency_style == DependencyStyle::kNone) return "dependency file";
  const bool all_known = std::none_of(
      bundle.dependencies.begin(), bundle.dependencies.end(),
      [](const BundleDependency& dependency) { return dependency.user == UserHeader::kUnknown; });
  if (kind == DependencyRequest::Kind::kUserHeaders && !all_known) {
    return "dependency file without system headers";
  }
  return "";
}

std::string EncodeBundle(const ResultBundle& bundle, bool compress) {
  ByteWriter out;
  out.Fixed8(kVersion);
  out.Fixed64(static_cast<uint64_t>(bundle.created_ns));
  out.Fixed64(static_cast<uint64_t>(bundle.compile_ns));
  out.String(bundle.compiler);
  out.String(bundle.source);
  out.String(bundle.terminal);
  out.Fixed8(static_cast<uint8_t>(bundle.dependency_style));
  out.Varint(bundle.dependencies.size());
  for (const BundleDependency& dependency : bundle.dependencies) {
    out.String(dependency.path);
    out.Fixed8(static_cast<uint8_t>(dependency.user));
  }
  out.Varint(bundle.parts.size());
  for (const BundlePart& part : bundle.parts) EncodePart(part, compress, &out);
  return out.Take();
}

absl::StatusOr<ResultBundle> DecodeBundle(std::string_view bytes) {
  ByteReader in(bytes);
  if (in.Fixed8() != kVersion) return absl::DataLossError("result: unknown version");
  ResultBundle bundle;
  bundle.created_ns = static_cast<int64_t>(in.Fixed64());
  bundle.compile_ns = static_cast<int64_t>(in.Fixed64());
  bundle.compiler = std::string(in.String());
  bundle.source = std::string(in.String());
  bundle.terminal = std::string(in.String());
  const uint8_t style = in.Fixed8();
  if (style > static_cast<uint8_t>(DependencyStyle::kClangSpaced)) {
    return absl::DataLossError("result: unknown dependency style");
  }
  bundle.dependency_style = static_cast<DependencyStyle>(style);
  const size_t dependencies = in.Count(2);
  bundle.dependencies.reserve(dependencies);
  for (size_t i = 0; i < dependencies && in.ok(); ++i) {
    BundleDependency dependency;
    dependency.path = std::string(in.String());
    const uint8_t user = in.Fixed8();
    if (user > static_cast<uint8_t>(UserHeader::kUnknown)) {
      return absl::DataLossError("result: malformed dependency");
    }
    dependency.user = static_cast<UserHeader>(user);
    bundle.dependencies.push_back(std::move(dependency));
  }
  for (size_t count = in.Count(4); count > 0 && in.ok(); --count) {
    absl::StatusOr<BundlePart> part = DecodePart(&in);
    if (!part.ok()) return part.status();
    if (bundle.Find(part->kind) != nullptr) return absl::DataLossError("result: part given twice");
    bundle.parts.push_back(*std::move(part));
  }
  if (!in.ok() || !in.at_end()) return absl::DataLossError("result: malformed");
  return bundle;
}

}  // namespace hpcc
