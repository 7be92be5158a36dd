#include "cache/direct_entry.h"

#include <algorithm>

#include "base/bytes.h"

namespace hpcc {

namespace {

constexpr uint8_t kVersion = 1;
constexpr uint8_t kTrusted = 1;
constexpr uint8_t kSameTime = 2;
constexpr uint8_t kAllVouched = 2;
constexpr uint8_t kExists = 1;
constexpr uint8_t kVouched = 2;
constexpr int64_t kSettleNanoseconds = 2'000'000'000;
constexpr size_t kStampBytes = 40;

void WriteStamp(const FileStamp& stamp, ByteWriter* out) {
  out->Fixed64(stamp.device);
  out->Fixed64(stamp.inode);
  out->Fixed64(stamp.size);
  out->Fixed64(static_cast<uint64_t>(stamp.modified_ns));
  out->Fixed64(static_cast<uint64_t>(stamp.changed_ns));
}

FileStamp ReadStamp(ByteReader* in) {
  FileStamp stamp;
  stamp.device = in->Fixed64();
  stamp.inode = in->Fixed64();
  stamp.size = in->Fixed64();
  stamp.modified_ns = static_cast<int64_t>(in->Fixed64());
  stamp.changed_ns = static_cast<int64_t>(in->Fixed64());
  return stamp;
}

std::string PackNames(const std::vector<RecordedName>& names) {
  ByteWriter packed;
  packed.Varint(names.size());
  for (const RecordedName& name : names) {
    packed.String(name.name);
    packed.Fixed8(
        static_cast<uint8_t>((name.exists ? kExists : 0) | (name.vouched ? kVouched : 0)));
  }
  return packed.Take();
}

void WriteDirectory(const RecordedDirectory& directory, ByteWriter* out) {
  const bool all_vouched = directory.names.empty()
                               ? directory.all_vouched
                               : std::all_of(directory.names.begin(), directory.names.end(),
                                             [](const RecordedName& name) { return name.vouched; });
  out->String(directory.path);
  out->Fixed8(
      static_cast<uint8_t>((directory.trusted ? kTrusted : 0) | (all_vouched ? kAllVouched : 0)));
  WriteStamp(directory.stamp, out);
  out->String(directory.packed.empty() ? PackNames(directory.names) : directory.packed);
}

void WriteRecord(const DirectRecord& record, ByteWriter* out) {
  out->Fixed8(static_cast<uint8_t>(record.kind));
  out->String(record.detail);
  out->DigestBytes(record.result_key);
  out->String(record.terminal);
  out->String(record.root);
  out->Varint(record.files.size());
  for (const RecordedFile& file : record.files) {
    out->String(file.path);
    out->DigestBytes(file.digest);
    out->Fixed8(
        static_cast<uint8_t>((file.trusted ? kTrusted : 0) | (file.same_time ? kSameTime : 0)));
    WriteStamp(file.stamp, out);
  }
  out->Varint(record.directories.size());
  for (const RecordedDirectory& directory : record.directories) WriteDirectory(directory, out);
  out->Varint(record.places.size());
  for (const RecordedPlace& place : record.places) {
    out->String(place.path);
    out->String(place.real);
  }
}

RecordedDirectory ReadDirectory(ByteReader* in) {
  RecordedDirectory directory;
  directory.path = std::string(in->String());
  const uint8_t flags = in->Fixed8();
  directory.trusted = (flags & kTrusted) != 0;
  directory.all_vouched = (flags & kAllVouched) != 0;
  directory.stamp = ReadStamp(in);
  directory.packed = std::string(in->String());
  return directory;
}

DirectRecord ReadRecord(ByteReader* in) {
  DirectRecord record;
  record.kind = static_cast<DirectRecord::Kind>(in->Fixed8());
  record.detail = std::string(in->String());
  record.result_key = in->DigestBytes();
  record.terminal = std::string(in->String());
  record.root = std::string(in->String());
  const size_t files = in->Count(Digest::kSize + kStampBytes + 2);
  record.files.reserve(files);
  for (size_t i = 0; i < files && in->ok(); ++i) {
    RecordedFile file;
    file.path = std::string(in->String());
    file.digest = in->DigestBytes();
    const uint8_t flags = in->Fixed8();
    file.trusted = (flags & kTrusted) != 0;
    file.same_time = (flags & kSameTime) != 0;
    file.stamp = ReadStamp(in);
    record.files.push_back(std::move(file));
  }
  const size_t directories = in->Count(kStampBytes + 3);
  record.directories.reserve(directories);
  for (size_t i = 0; i < directories && in->ok(); ++i) {
    record.directories.push_back(ReadDirectory(in));
  }
  for (size_t count = in->Count(2); count > 0 && in->ok(); --count) {
    RecordedPlace place;
    place.path = std::string(in->String());
    place.real = std::string(in->String());
    record.places.push_back(std::move(place));
  }
  return record;
}

}  // namespace

bool IsSettled(const FileStamp& stamp, int64_t now_ns) {
  return std::max(stamp.modified_ns, stamp.changed_ns) < now_ns - kSettleNanoseconds;
}

bool SameRecord(const DirectRecord& a, const DirectRecord& b) {
  return a.kind == b.kind && a.result_key == b.result_key && a.root == b.root &&
         a.detail == b.detail;
}

DirectRecord WithoutStamps(DirectRecord record) {
  for (RecordedFile& file : record.files) {
    const int64_t modified_ns = file.same_time ? file.stamp.modified_ns : 0;
    file.stamp = {.modified_ns = modified_ns};
    file.trusted = false;
  }
  for (RecordedDirectory& directory : record.directories) {
    directory.stamp = {};
    directory.trusted = false;
  }
  return record;
}

DirectEntry MergeDirectEntries(DirectEntry first, const DirectEntry& second) {
  for (const DirectRecord& record : second.records) {
    if (first.records.size() >= kMaxDirectRecords) break;
    const bool known =
        std::any_of(first.records.begin(), first.records.end(),
                    [&record](const DirectRecord& other) { return SameRecord(record, other); });
    if (!known) first.records.push_back(record);
  }
  return first;
}

std::string EncodeDirectEntry(const DirectEntry& entry) {
  ByteWriter out;
  out.Fixed8(kVersion);
  out.Varint(entry.records.size());
  for (const DirectRecord& record : entry.records) WriteRecord(record, &out);
  return out.Take();
}

bool UnpackNames(RecordedDirectory* directory) {
  if (directory->packed.empty()) return true;
  ByteReader in(directory->packed);
  const size_t count = in.Count(2);
  directory->names.reserve(count);
  for (size_t i = 0; i < count && in.ok(); ++i) {
    RecordedName name;
    name.name = std::string(in.String());
    const uint8_t flags = in.Fixed8();
    name.exists = (flags & kExists) != 0;
    name.vouched = (flags & kVouched) != 0;
    directory->names.push_back(std::move(name));
  }
  const bool whole = in.ok() && in.at_end();
  if (!whole) directory->names.clear();
  directory->packed.clear();
  return whole;
}

absl::StatusOr<DirectEntry> DecodeDirectEntry(std::string_view bytes, DecodeNames names) {
  ByteReader in(bytes);
  if (in.Fixed8() != kVersion) return absl::DataLossError("direct entry: unknown version");
  DirectEntry entry;
  for (size_t count = in.Count(Digest::kSize); count > 0 && in.ok(); --count) {
    entry.records.push_back(ReadRecord(&in));
    if (entry.records.back().kind > DirectRecord::Kind::kNotCacheable) {
      return absl::DataLossError("direct entry: unknown kind of record");
    }
  }
  if (!in.ok() || !in.at_end()) return absl::DataLossError("direct entry: malformed");
  if (names == DecodeNames::kWhenNeeded) return entry;
  for (DirectRecord& record : entry.records) {
    for (RecordedDirectory& directory : record.directories) {
      if (!UnpackNames(&directory)) return absl::DataLossError("direct entry: malformed names");
    }
  }
  return entry;
}

}  // namespace hpcc
