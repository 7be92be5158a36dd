#include "image/tar_reader.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "base/status.h"
#include "base/strings.h"

namespace hpcc {

namespace {

constexpr size_t kShown = 200;
constexpr size_t kPieceSize = 256 << 10;

uint64_t PaddingOf(uint64_t size) {
  return (kTarBlock - size % kTarBlock) % kTarBlock;
}

uint32_t Clamp32(uint64_t number) {
  return static_cast<uint32_t>(std::min<uint64_t>(number, std::numeric_limits<uint32_t>::max()));
}

std::optional<TarEntry::Kind> KindOf(char type) {
  switch (type) {
    case '\0':
    case '0':
    case '7':
    case 'S':
      return TarEntry::Kind::kFile;
    case '1':
      return TarEntry::Kind::kHardLink;
    case '2':
      return TarEntry::Kind::kSymlink;
    case '3':
    case '4':
      return TarEntry::Kind::kDevice;
    case '5':
      return TarEntry::Kind::kDirectory;
    case '6':
      return TarEntry::Kind::kFifo;
    default:
      return std::nullopt;
  }
}

absl::Status CutShort() {
  return absl::DataLossError("the tar file is cut short");
}

std::string Printable(std::string_view text) {
  std::string shown(text.substr(0, kShown));
  for (char& c : shown) {
    if (c < ' ' || c == '\x7f') c = '?';
  }
  return shown;
}

}  // namespace

absl::Status TarReader::Named(const absl::Status& status) const {
  if (status.ok()) return status;
  const std::string where =
      path_.empty() ? StrCat("the header at byte ", header_at_) : Printable(path_);
  return absl::Status(status.code(), StrCat(where, ": ", std::string(status.message())));
}

absl::StatusOr<bool> TarReader::Next(TarEntry* entry) {
  HPCC_RETURN_IF_ERROR(Named(SkipMember()));
  path_.clear();
  absl::StatusOr<bool> found = ReadMember(entry);
  if (!found.ok()) return Named(found.status());
  return found;
}

absl::StatusOr<bool> TarReader::ReadMember(TarEntry* entry) {
  Extras extras;
  HPCC_ASSIGN_OR_RETURN(std::optional<TarHeader> header, ReadHeaders(&extras));
  if (!header.has_value()) return false;
  if (header->type == 'S') HPCC_RETURN_IF_ERROR(ReadOldExtents(&*header));
  HPCC_RETURN_IF_ERROR(Fill(*header, extras, entry));
  return true;
}

absl::StatusOr<std::optional<TarHeader>> TarReader::ReadHeaders(Extras* extras) {
  bool extra_seen = false;
  for (;;) {
    header_at_ = position_;
    HPCC_ASSIGN_OR_RETURN(const std::string block, ReadBlock());
    std::optional<TarHeader> header;
    if (!block.empty()) {
      HPCC_ASSIGN_OR_RETURN(header, ParseTarHeader(block));
    }
    if (!header.has_value()) {
      if (extra_seen) {
        return block.empty() ? CutShort()
                             : absl::InvalidArgumentError("no member follows its extended header");
      }
      if (block.empty()) return header;
      // Two blocks of zeros are the end. One alone would hide what follows it from some readers.
      HPCC_ASSIGN_OR_RETURN(const std::string second, ReadBlock());
      if (second.find_first_not_of('\0') != std::string::npos) {
        return absl::InvalidArgumentError("a single block of zeros stands before it");
      }
      return header;
    }
    if (std::string_view("xgLK").find(header->type) == std::string_view::npos) return header;
    extra_seen = extra_seen || header->type != 'g';
    HPCC_RETURN_IF_ERROR(ReadExtra(*header, extras));
  }
}

absl::Status TarReader::ReadExtra(const TarHeader& header, Extras* extras) {
  if (header.size > limits_.header_bytes) {
    return absl::ResourceExhaustedError(
        StrCat("its extended header is longer than ", limits_.header_bytes, " bytes"));
  }
  HPCC_ASSIGN_OR_RETURN(std::string data, ReadPadded(header.size, "extended header"));
  if (header.type == 'x' || header.type == 'g') {
    HPCC_ASSIGN_OR_RETURN(PaxRecords records, ParsePaxRecords(data));
    if (header.type == 'x') extras->pax = std::move(records);
    return absl::OkStatus();
  }
  // GNU's long names end with a NUL, which is counted.
  while (!data.empty() && data.back() == '\0') data.pop_back();
  if (data.find('\0') != std::string::npos) {
    return absl::InvalidArgumentError("its long name holds NUL");
  }
  (header.type == 'L' ? extras->name : extras->link) = std::move(data);
  return absl::OkStatus();
}

absl::Status TarReader::Fill(const TarHeader& header, const Extras& extras, TarEntry* entry) {
  *entry = TarEntry{};
  HPCC_RETURN_IF_ERROR(FillNames(header, extras, entry));
  const std::optional<TarEntry::Kind> kind = KindOf(header.type);
  if (!kind.has_value()) {
    return absl::InvalidArgumentError(
        StrCat("its type ", Printable({&header.type, 1}), " is unknown"));
  }
  entry->kind = *kind;
  // Before there was a type for them, directories were files whose names end so.
  if (header.type != '7' && *kind == TarEntry::Kind::kFile && entry->path.ends_with('/')) {
    entry->kind = TarEntry::Kind::kDirectory;
  }
  HPCC_RETURN_IF_ERROR(FillFacts(header, extras.pax, entry));
  return SetUpData(header, extras.pax, entry);
}

absl::Status TarReader::FillNames(const TarHeader& header, const Extras& extras, TarEntry* entry) {
  const PaxRecords& pax = extras.pax;
  entry->path = extras.name.empty() ? header.name : extras.name;
  entry->link = extras.link.empty() ? header.link : extras.link;
  if (pax.path) entry->path = *pax.path;
  if (pax.sparse_name) entry->path = *pax.sparse_name;
  if (pax.link) entry->link = *pax.link;
  if (entry->path.empty()) return absl::InvalidArgumentError("its name is empty");
  path_ = entry->path;
  if (entry->path.size() <= limits_.path_bytes && entry->link.size() <= limits_.path_bytes) {
    return absl::OkStatus();
  }
  return absl::ResourceExhaustedError(
      StrCat("a path is longer than ", limits_.path_bytes, " bytes"));
}

absl::Status TarReader::FillFacts(const TarHeader& header, const PaxRecords& pax,
                                  TarEntry* entry) const {
  entry->mode = static_cast<uint16_t>(header.mode & 07777);
  entry->modified = Clamp32(pax.modified.value_or(header.modified));
  const uint64_t uid = pax.uid.value_or(header.uid);
  const uint64_t gid = pax.gid.value_or(header.gid);
  if (Clamp32(uid) != uid || Clamp32(gid) != gid) {
    return absl::InvalidArgumentError("its user or group id has more than 32 bits");
  }
  entry->uid = static_cast<uint32_t>(uid);
  entry->gid = static_cast<uint32_t>(gid);
  size_t xattr_bytes = 0;
  for (const auto& [name, value] : pax.xattrs) {
    xattr_bytes += name.size() + value.size();
    entry->xattrs.emplace_back(name, value);
  }
  if (xattr_bytes <= limits_.xattr_bytes) return absl::OkStatus();
  return absl::ResourceExhaustedError(
      StrCat("its extended attributes have more than ", limits_.xattr_bytes, " bytes"));
}

absl::Status TarReader::SetUpData(const TarHeader& header, const PaxRecords& pax, TarEntry* entry) {
  extents_.clear();
  extent_ = 0;
  at_ = 0;
  real_size_ = 0;
  if (entry->kind != TarEntry::Kind::kFile) return absl::OkStatus();
  stored_left_ = pax.size.value_or(header.size);
  padding_ = PaddingOf(stored_left_);
  real_size_ = stored_left_;
  const bool map_in_data = pax.sparse_major.value_or(0) > 0;
  if (pax.sparse_major.value_or(0) > 1 || (map_in_data && pax.sparse_minor.value_or(0) > 0)) {
    return absl::InvalidArgumentError("its sparse format is unknown");
  }
  if (header.type == 'S' || map_in_data || pax.sparse_map_seen) {
    const bool old = header.type == 'S';
    if (!old && !pax.sparse_size.has_value()) {
      return absl::InvalidArgumentError("its sparse map has no size");
    }
    real_size_ = old ? header.real_size : *pax.sparse_size;
    extents_ = old ? header.extents : pax.sparse_map;
    if (map_in_data) HPCC_RETURN_IF_ERROR(ReadExtentsInData());
    HPCC_RETURN_IF_ERROR(CheckExtents(real_size_));
  } else if (pax.sparse_size.has_value()) {
    return absl::InvalidArgumentError("its sparse map is missing");
  } else {
    extents_.push_back({0, stored_left_});
  }
  entry->size = real_size_;
  return absl::OkStatus();
}

absl::Status TarReader::ReadOldExtents(TarHeader* header) {
  while (header->more_extents) {
    HPCC_ASSIGN_OR_RETURN(const std::string block, ReadBlock());
    if (block.empty()) return CutShort();
    HPCC_ASSIGN_OR_RETURN(header->more_extents, ParseTarExtents(block, &header->extents));
    if (header->extents.size() * sizeof(TarExtent) > limits_.header_bytes) {
      return absl::ResourceExhaustedError("its sparse map is too long");
    }
  }
  return absl::OkStatus();
}

// Decimal numbers, one a line: how many pairs, then offset and size of each. Whole blocks.
absl::Status TarReader::ReadExtentsInData() {
  std::string text;
  size_t used = 0;
  const auto read_number = [&]() -> absl::StatusOr<uint64_t> {
    size_t end;
    while ((end = text.find('\n', used)) == std::string::npos) {
      if (stored_left_ < kTarBlock || text.size() > limits_.header_bytes) {
        return absl::InvalidArgumentError("its sparse map is malformed or too long");
      }
      HPCC_ASSIGN_OR_RETURN(const std::string block, ReadBlock());
      if (block.empty()) return CutShort();
      stored_left_ -= kTarBlock;
      text.append(block);
    }
    const std::optional<uint64_t> number =
        ParseTarDecimal(std::string_view(text).substr(used, end - used));
    if (!number.has_value()) return absl::InvalidArgumentError("its sparse map is malformed");
    used = end + 1;
    return *number;
  };
  HPCC_ASSIGN_OR_RETURN(const uint64_t count, read_number());
  for (uint64_t i = 0; i < count; ++i) {
    TarExtent extent;
    HPCC_ASSIGN_OR_RETURN(extent.offset, read_number());
    HPCC_ASSIGN_OR_RETURN(extent.size, read_number());
    extents_.push_back(extent);
  }
  return absl::OkStatus();
}

absl::Status TarReader::CheckExtents(uint64_t real_size) {
  uint64_t end = 0, stored = 0;
  for (const TarExtent& extent : extents_) {
    if (extent.offset < end || extent.offset > real_size ||
        extent.size > real_size - extent.offset) {
      return absl::InvalidArgumentError("its sparse map overlaps or leaves the file");
    }
    end = extent.offset + extent.size;
    stored += extent.size;
  }
  if (stored != stored_left_) {
    return absl::InvalidArgumentError("its sparse map isn't of the data that follows");
  }
  return absl::OkStatus();
}

absl::StatusOr<TarReader::Piece> TarReader::ReadData() {
  while (extent_ < extents_.size() && at_ == extents_[extent_].offset + extents_[extent_].size) {
    ++extent_;
  }
  const uint64_t hole_end = extent_ < extents_.size() ? extents_[extent_].offset : real_size_;
  if (at_ < hole_end) {
    const uint64_t zeros = hole_end - at_;
    at_ = hole_end;
    return Piece{.zeros = zeros};
  }
  if (extent_ == extents_.size()) return Piece{};
  const TarExtent& extent = extents_[extent_];
  const uint64_t left = extent.offset + extent.size - at_;
  HPCC_ASSIGN_OR_RETURN(const std::string_view bytes,
                        source_.Next(std::min<uint64_t>(left, kPieceSize)));
  if (bytes.empty()) return Named(CutShort());
  position_ += bytes.size();
  at_ += bytes.size();
  stored_left_ -= bytes.size();
  return Piece{.bytes = bytes};
}

absl::StatusOr<std::string> TarReader::ReadBlock() {
  std::string block;
  while (block.size() < kTarBlock) {
    HPCC_ASSIGN_OR_RETURN(const std::string_view bytes, source_.Next(kTarBlock - block.size()));
    if (bytes.empty()) {
      if (block.empty()) return block;
      return CutShort();
    }
    position_ += bytes.size();
    block.append(bytes);
  }
  return block;
}

absl::StatusOr<std::string> TarReader::ReadPadded(uint64_t size, std::string_view what) {
  std::string data;
  while (data.size() < size) {
    HPCC_ASSIGN_OR_RETURN(const std::string_view bytes, source_.Next(size - data.size()));
    if (bytes.empty()) return absl::DataLossError(StrCat("its ", what, " is cut short"));
    position_ += bytes.size();
    data.append(bytes);
  }
  HPCC_RETURN_IF_ERROR(Skip(PaddingOf(size)));
  return data;
}

absl::Status TarReader::SkipMember() {
  return Skip(std::exchange(stored_left_, 0) + std::exchange(padding_, 0));
}

absl::Status TarReader::Skip(uint64_t size) {
  while (size > 0) {
    HPCC_ASSIGN_OR_RETURN(const std::string_view bytes,
                          source_.Next(std::min<uint64_t>(size, kPieceSize)));
    if (bytes.empty()) return CutShort();
    position_ += bytes.size();
    size -= bytes.size();
  }
  return absl::OkStatus();
}

}  // namespace hpcc
