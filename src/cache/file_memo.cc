#include "cache/file_memo.h"

#include <array>
#include <vector>

#include "base/bytes.h"

namespace hpcc {

namespace {

constexpr uint8_t kVersion = 1;
constexpr size_t kEntryOverhead = 256;  // of an entry and its place in list and table
constexpr size_t kMinEntryBytes = 5 * 8 + Digest::kSize + 1;
constexpr uint8_t kMaxDirectiveKind = static_cast<uint8_t>(IncludeDirective::Kind::kHasIncludeNext);

// The bits of a scan's flags, in this order. Append only.
constexpr std::array<bool ScannedText::*, 10> kFlags = {
    &ScannedText::computed_include,      &ScannedText::computed_has_include,
    &ScannedText::pastes_has_include,    &ScannedText::condition_names_include,
    &ScannedText::pastes_reserved_names, &ScannedText::names_date_or_time,
    &ScannedText::embeds_files,          &ScannedText::once_only,
    &ScannedText::marks_system_header,   &ScannedText::depends_on_stamps};

size_t MemoryOf(const FileFacts& facts) {
  size_t bytes = kEntryOverhead;
  if (facts.scanned == nullptr) return bytes;
  bytes += sizeof(ScannedText);
  for (const IncludeDirective& directive : facts.scanned->directives) {
    bytes += sizeof directive + directive.name.capacity();
  }
  for (const std::string& alias : facts.scanned->has_include_aliases) {
    bytes += sizeof alias + alias.capacity();
  }
  return bytes;
}

void WriteStamp(const FileStamp& stamp, ByteWriter* writer) {
  writer->Fixed64(stamp.device);
  writer->Fixed64(stamp.inode);
  writer->Fixed64(stamp.size);
  writer->Fixed64(static_cast<uint64_t>(stamp.modified_ns));
  writer->Fixed64(static_cast<uint64_t>(stamp.changed_ns));
}

FileStamp ReadStamp(ByteReader* reader) {
  FileStamp stamp;
  stamp.device = reader->Fixed64();
  stamp.inode = reader->Fixed64();
  stamp.size = reader->Fixed64();
  stamp.modified_ns = static_cast<int64_t>(reader->Fixed64());
  stamp.changed_ns = static_cast<int64_t>(reader->Fixed64());
  return stamp;
}

void WriteScan(const ScannedText& scanned, ByteWriter* writer) {
  uint64_t flags = 0;
  for (size_t i = 0; i < kFlags.size(); ++i) {
    if (scanned.*kFlags[i]) flags |= uint64_t{1} << i;
  }
  writer->Varint(flags);
  writer->Varint(scanned.directives.size());
  for (const IncludeDirective& directive : scanned.directives) {
    writer->Fixed8(static_cast<uint8_t>(directive.kind));
    writer->Fixed8(directive.angled ? 1 : 0);
    writer->String(directive.name);
  }
  writer->Varint(scanned.has_include_aliases.size());
  for (const std::string& alias : scanned.has_include_aliases) writer->String(alias);
}

// False: not what WriteScan writes.
bool ReadScan(ByteReader* reader, ScannedText* scanned) {
  const uint64_t flags = reader->Varint();
  if (flags >> kFlags.size() != 0) return false;
  for (size_t i = 0; i < kFlags.size(); ++i) scanned->*kFlags[i] = (flags >> i & 1) != 0;
  const size_t directives = reader->Count(3);
  for (size_t i = 0; i < directives; ++i) {
    IncludeDirective directive;
    const uint8_t kind = reader->Fixed8();
    if (kind > kMaxDirectiveKind) return false;
    directive.kind = static_cast<IncludeDirective::Kind>(kind);
    directive.angled = reader->Fixed8() != 0;
    directive.name = std::string(reader->String());
    scanned->directives.push_back(std::move(directive));
  }
  const size_t aliases = reader->Count(1);
  for (size_t i = 0; i < aliases; ++i) {
    scanned->has_include_aliases.emplace_back(reader->String());
  }
  return reader->ok();
}

absl::Status NoMemo() {
  return absl::DataLossError("not a memo of this version");
}

}  // namespace

std::optional<FileFacts> FileMemo::Find(const FileStamp& stamp) {
  const std::lock_guard lock(mutex_);
  const auto found = by_stamp_.find(stamp);
  if (found == by_stamp_.end()) return std::nullopt;
  entries_.splice(entries_.begin(), entries_, found->second);
  return found->second->facts;
}

void FileMemo::Remember(const FileStamp& stamp, const FileFacts& facts, int64_t now_ns) {
  if (!IsSettled(stamp, now_ns)) return;
  const std::lock_guard lock(mutex_);
  Insert(stamp, facts);
}

void FileMemo::Insert(const FileStamp& stamp, const FileFacts& facts) {
  if (const auto found = by_stamp_.find(stamp); found != by_stamp_.end()) {
    if (facts.scanned == nullptr) return;  // nothing new
    bytes_ -= found->second->bytes;
    entries_.erase(found->second);
    by_stamp_.erase(found);
  }
  const size_t bytes = MemoryOf(facts);
  entries_.push_front({stamp, facts, bytes});
  by_stamp_[stamp] = entries_.begin();
  bytes_ += bytes;
  ++generation_;
  while (bytes_ > max_bytes_) {
    bytes_ -= entries_.back().bytes;
    by_stamp_.erase(entries_.back().stamp);
    entries_.pop_back();
  }
}

FileMemo::Size FileMemo::size() const {
  const std::lock_guard lock(mutex_);
  return {.files = entries_.size(), .bytes = bytes_, .limit_bytes = max_bytes_};
}

uint64_t FileMemo::generation() const {
  const std::lock_guard lock(mutex_);
  return generation_;
}

std::string FileMemo::Encode() const {
  ByteWriter writer;
  {
    const std::lock_guard lock(mutex_);
    writer.Fixed8(kVersion);
    writer.Fixed8(kIncludeScannerVersion);
    writer.Varint(entries_.size());
    // The least recently used first: reading them back in order restores the order of use.
    for (auto entry = entries_.rbegin(); entry != entries_.rend(); ++entry) {
      WriteStamp(entry->stamp, &writer);
      writer.DigestBytes(entry->facts.digest);
      writer.Fixed8(entry->facts.scanned == nullptr ? 0 : 1);
      if (entry->facts.scanned != nullptr) WriteScan(*entry->facts.scanned, &writer);
    }
  }
  writer.DigestBytes(Digest::Of(writer.bytes()));
  return writer.Take();
}

absl::Status FileMemo::Decode(std::string_view bytes) {
  if (bytes.size() < Digest::kSize) return NoMemo();
  const std::string_view body = bytes.substr(0, bytes.size() - Digest::kSize);
  if (Digest::FromBytes(bytes.substr(body.size())) != Digest::Of(body)) return NoMemo();
  ByteReader reader(body);
  if (reader.Fixed8() != kVersion || reader.Fixed8() != kIncludeScannerVersion) return NoMemo();
  std::vector<std::pair<FileStamp, FileFacts>> read(reader.Count(kMinEntryBytes));
  for (auto& [stamp, facts] : read) {
    stamp = ReadStamp(&reader);
    facts.digest = reader.DigestBytes();
    if (reader.Fixed8() == 0) continue;
    auto scanned = std::make_shared<ScannedText>();
    if (!ReadScan(&reader, scanned.get())) return NoMemo();
    facts.scanned = std::move(scanned);
  }
  if (!reader.ok() || !reader.at_end()) return NoMemo();
  const std::lock_guard lock(mutex_);
  for (const auto& [stamp, facts] : read) Insert(stamp, facts);
  return absl::OkStatus();
}

}  // namespace hpcc
