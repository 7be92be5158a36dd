#include "image/tar_header.h"

#include <algorithm>

#include "base/status.h"
#include "base/strings.h"

namespace hpcc {

namespace {

struct Field {
  size_t offset;
  size_t size;
};
constexpr Field kName{0, 100}, kMode{100, 8}, kUid{108, 8}, kGid{116, 8}, kSize{124, 12},
    kTime{136, 12}, kSum{148, 8}, kLink{157, 100}, kMagic{257, 6}, kPrefix{345, 155};
constexpr size_t kType = 156;
// Of GNU's old sparse files, where POSIX has the prefix.
constexpr size_t kSparseMap = 386, kSparseMore = 482;
constexpr Field kRealSize{483, 12};
constexpr size_t kSparsePair = 24, kSparsePairs = 4, kSparseMorePairs = 21, kSparseMoreMore = 504;

std::string_view Bytes(std::string_view block, Field field) {
  return block.substr(field.offset, field.size);
}

std::string Text(std::string_view block, Field field) {
  const std::string_view bytes = Bytes(block, field);
  return std::string(bytes.substr(0, bytes.find('\0')));
}

absl::Status Malformed(std::string_view field) {
  return absl::InvalidArgumentError(StrCat("its ", field, " is malformed"));
}

// Two's complement, highest byte first, the top bit of all being the mark. Nullopt: more than 63
// bits. Negative numbers are 0: only times are ever such.
std::optional<uint64_t> Base256(std::string_view bytes) {
  if ((static_cast<unsigned char>(bytes[0]) & 0x40) != 0) return 0;
  uint64_t number = static_cast<unsigned char>(bytes[0]) & 0x3f;
  for (char byte : bytes.substr(1)) {
    if (number >> 55 != 0) return std::nullopt;
    number = number << 8 | static_cast<unsigned char>(byte);
  }
  return number;
}

// Octal digits with blanks or NULs around; nothing at all is 0.
std::optional<uint64_t> Octal(std::string_view bytes) {
  constexpr std::string_view kBlank(" \0", 2);
  const size_t begin = bytes.find_first_not_of(kBlank);
  if (begin == std::string_view::npos) return 0;
  bytes.remove_prefix(begin);
  const size_t end = bytes.find_first_of(kBlank);
  if (end != std::string_view::npos &&
      bytes.substr(end).find_first_not_of(kBlank) != std::string_view::npos) {
    return std::nullopt;
  }
  uint64_t number = 0;
  for (char digit : bytes.substr(0, end)) {
    if (digit < '0' || digit > '7') return std::nullopt;
    number = number << 3 | static_cast<uint64_t>(digit - '0');  // 12 digits at most
  }
  return number;
}

absl::StatusOr<uint64_t> Number(std::string_view block, Field field, std::string_view name) {
  const std::string_view bytes = Bytes(block, field);
  const bool base256 = (static_cast<unsigned char>(bytes[0]) & 0x80) != 0;
  const std::optional<uint64_t> number = base256 ? Base256(bytes) : Octal(bytes);
  if (!number.has_value()) return Malformed(name);
  return *number;
}

// Some writers of old took bytes for signed ones.
bool SumHolds(std::string_view block, uint64_t said) {
  uint64_t sum = 0;
  int64_t signed_sum = 0;
  for (size_t i = 0; i < block.size(); ++i) {
    const bool own = i >= kSum.offset && i < kSum.offset + kSum.size;
    sum += static_cast<unsigned char>(own ? ' ' : block[i]);
    signed_sum += static_cast<signed char>(own ? ' ' : block[i]);
  }
  return said == sum || static_cast<int64_t>(said) == signed_sum;
}

absl::Status ReadExtents(std::string_view block, size_t offset, size_t pairs,
                         std::vector<TarExtent>* extents) {
  for (size_t i = 0; i < pairs; ++i, offset += kSparsePair) {
    if (block[offset] == 0) break;
    TarExtent extent;
    HPCC_ASSIGN_OR_RETURN(extent.offset, Number(block, {offset, 12}, "sparse map"));
    HPCC_ASSIGN_OR_RETURN(extent.size, Number(block, {offset + 12, 12}, "sparse map"));
    extents->push_back(extent);
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::optional<TarHeader>> ParseTarHeader(std::string_view block) {
  if (block.find_first_not_of('\0') == std::string_view::npos) return std::nullopt;
  HPCC_ASSIGN_OR_RETURN(const uint64_t sum, Number(block, kSum, "check sum"));
  if (!SumHolds(block, sum)) return absl::InvalidArgumentError("its check sum is wrong");
  TarHeader header;
  header.type = block[kType];
  header.name = Text(block, kName);
  header.link = Text(block, kLink);
  HPCC_ASSIGN_OR_RETURN(header.mode, Number(block, kMode, "mode"));
  HPCC_ASSIGN_OR_RETURN(header.uid, Number(block, kUid, "user id"));
  HPCC_ASSIGN_OR_RETURN(header.gid, Number(block, kGid, "group id"));
  HPCC_ASSIGN_OR_RETURN(header.size, Number(block, kSize, "size"));
  HPCC_ASSIGN_OR_RETURN(header.modified, Number(block, kTime, "time"));
  if (header.type == 'S') {
    HPCC_RETURN_IF_ERROR(ReadExtents(block, kSparseMap, kSparsePairs, &header.extents));
    HPCC_ASSIGN_OR_RETURN(header.real_size, Number(block, kRealSize, "size"));
    header.more_extents = block[kSparseMore] != 0;
  }
  // GNU's magic ends in blanks, and it has other things in the prefix's place.
  if (Bytes(block, kMagic) == std::string_view("ustar\0", 6)) {
    const std::string prefix = Text(block, kPrefix);
    if (!prefix.empty()) header.name = StrCat(prefix, "/", header.name);
  }
  return header;
}

absl::StatusOr<bool> ParseTarExtents(std::string_view block, std::vector<TarExtent>* extents) {
  HPCC_RETURN_IF_ERROR(ReadExtents(block, 0, kSparseMorePairs, extents));
  return block[kSparseMoreMore] != 0;
}

}  // namespace hpcc
