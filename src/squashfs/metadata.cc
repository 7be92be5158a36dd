#include "squashfs/metadata.h"

#include <algorithm>

#include "base/status.h"
#include "squashfs/format.h"

namespace hpcc::squashfs {

absl::Status MetadataWriter::Append(std::string_view data) {
  while (!data.empty()) {
    const size_t part = std::min(data.size(), kMetadataSize - pending_.size());
    pending_.append(data.substr(0, part));
    data.remove_prefix(part);
    if (pending_.size() == kMetadataSize) HPCC_RETURN_IF_ERROR(PackPending());
  }
  return absl::OkStatus();
}

absl::Status MetadataWriter::PackPending() {
  HPCC_ASSIGN_OR_RETURN(const std::string_view packed, compressor_.Pack(pending_));
  const bool stored = packed.size() == pending_.size();
  Put<uint16_t>(&packed_, static_cast<uint16_t>(packed.size() | (stored ? kStoredMetadata : 0)));
  packed_.append(packed);
  pending_.clear();
  return absl::OkStatus();
}

absl::StatusOr<std::string> MetadataWriter::Finish() {
  if (!pending_.empty()) HPCC_RETURN_IF_ERROR(PackPending());
  return std::move(packed_);
}

absl::StatusOr<LookupTable> MakeLookupTable(std::string_view entries, uint64_t position,
                                            Compressor& compressor) {
  LookupTable table;
  MetadataWriter writer(compressor);
  while (!entries.empty()) {
    const std::string_view part = entries.substr(0, kMetadataSize);
    Put<uint64_t>(&table.places, position + writer.block());
    HPCC_RETURN_IF_ERROR(writer.Append(part));
    entries.remove_prefix(part.size());
  }
  HPCC_ASSIGN_OR_RETURN(table.blocks, writer.Finish());
  return table;
}

}  // namespace hpcc::squashfs
