#include "sandbox/process_setup.h"

#include <limits>
#include <utility>

#include "base/bytes.h"
#include "base/status.h"

namespace hpcc {

namespace {
constexpr uint8_t kVersion = 1;
}  // namespace

std::string EncodeProcessSetup(const ProcessSetup& setup) {
  ByteWriter writer;
  writer.Fixed8(kVersion);
  writer.Varint(setup.cpus);
  writer.Varint(setup.memory_bytes);
  writer.Varint(setup.blob_bytes);
  writer.Varint(setup.ids);
  writer.Varint(setup.image.parts.size());
  for (const ImagePart& part : setup.image.parts) {
    writer.Fixed8(static_cast<uint8_t>(part.kind));
    writer.String(part.path);
    writer.String(part.source);
  }
  return writer.Take();
}

absl::StatusOr<ProcessSetup> DecodeProcessSetup(std::string_view bytes) {
  ByteReader reader(bytes);
  if (bytes.size() > kMaxProcessSetupBytes || reader.Fixed8() != kVersion) {
    return absl::InvalidArgumentError("setup: another version's, or too long");
  }
  const uint64_t cpus = reader.Varint();
  ProcessSetup setup;
  setup.memory_bytes = reader.Varint();
  setup.blob_bytes = reader.Varint();
  const uint64_t ids = reader.Varint();
  const size_t count = reader.Count(3);
  if (count > kMaxImageParts) return absl::InvalidArgumentError("setup: too many parts");
  for (size_t i = 0; i < count && reader.ok(); ++i) {
    const uint8_t kind = reader.Fixed8();
    if (kind > static_cast<uint8_t>(ImagePart::Kind::kLink)) {
      return absl::InvalidArgumentError("setup: unknown kind of part");
    }
    ImagePart part{.kind = static_cast<ImagePart::Kind>(kind)};
    part.path = reader.String();
    part.source = reader.String();
    setup.image.parts.push_back(std::move(part));
  }
  if (!reader.ok() || !reader.at_end()) {
    return absl::InvalidArgumentError("setup: cut short, or with something behind it");
  }
  constexpr uint64_t kMost = std::numeric_limits<uint32_t>::max();
  if (cpus == 0 || cpus > 4096 || ids == 0 || ids > kMost) {
    return absl::InvalidArgumentError("setup: a number is out of bounds");
  }
  setup.cpus = static_cast<uint32_t>(cpus);
  setup.ids = static_cast<uint32_t>(ids);
  HPCC_RETURN_IF_ERROR(CheckImageLayout(setup.image));
  return setup;
}

}  // namespace hpcc
