#include "squashfs/directory_table.h"

#include <algorithm>
#include <limits>

#include "base/status.h"
#include "squashfs/format.h"

namespace hpcc::squashfs {

namespace {

constexpr size_t kRunEntries = 256;
constexpr size_t kRunHeader = 12;
constexpr size_t kEntryHeader = 8;
constexpr uint64_t kMaxList = uint64_t{1} << 29;  // so that the index has fewer than 65536 entries

bool Reaches(uint32_t from, uint32_t to) {
  const int64_t distance = int64_t{to} - int64_t{from};
  return distance >= std::numeric_limits<int16_t>::min() &&
         distance <= std::numeric_limits<int16_t>::max();
}

void AppendRun(const std::vector<DirectoryEntry>& entries, size_t from, size_t count,
               std::string* out) {
  const DirectoryEntry& first = entries[from];
  Put<uint32_t>(out, static_cast<uint32_t>(count - 1));
  Put<uint32_t>(out, static_cast<uint32_t>(first.inode >> 16));
  Put<uint32_t>(out, first.number);
  for (size_t i = from; i < from + count; ++i) {
    const DirectoryEntry& entry = entries[i];
    Put<uint16_t>(out, static_cast<uint16_t>(entry.inode));
    Put<uint16_t>(out, static_cast<uint16_t>(entry.number - first.number));
    Put<uint16_t>(out, entry.type);
    Put<uint16_t>(out, static_cast<uint16_t>(entry.name.size() - 1));
    out->append(entry.name);
  }
}

}  // namespace

size_t DirectoryTable::RunLength(const std::vector<DirectoryEntry>& entries, size_t from) const {
  const DirectoryEntry& first = entries[from];
  size_t offset = metadata_.offset() + kRunHeader;
  size_t count = 0;
  while (from + count < entries.size() && count < kRunEntries && offset < kMetadataSize) {
    const DirectoryEntry& entry = entries[from + count];
    if (entry.inode >> 16 != first.inode >> 16 || !Reaches(first.number, entry.number)) break;
    offset += kEntryHeader + entry.name.size();
    ++count;
  }
  return std::max<size_t>(count, 1);
}

absl::StatusOr<DirectoryList> DirectoryTable::Add(const std::vector<DirectoryEntry>& entries) {
  DirectoryList list{.reference = metadata_.reference(), .size = 0};
  uint64_t size = 0;
  uint64_t indexed_block = metadata_.block();
  std::string run;
  for (size_t from = 0; from < entries.size();) {
    const std::string_view name = entries[from].name;
    if (metadata_.block() != indexed_block) {
      indexed_block = metadata_.block();
      Put<uint32_t>(&list.index, static_cast<uint32_t>(size));
      Put<uint32_t>(&list.index, static_cast<uint32_t>(indexed_block));
      Put<uint32_t>(&list.index, static_cast<uint32_t>(name.size() - 1));
      list.index.append(name);
      ++list.index_entries;
    }
    const size_t count = RunLength(entries, from);
    run.clear();
    AppendRun(entries, from, count, &run);
    HPCC_RETURN_IF_ERROR(metadata_.Append(run));
    size += run.size();
    if (size > kMaxList) return absl::ResourceExhaustedError("squashfs: a directory is too large");
    from += count;
  }
  list.size = static_cast<uint32_t>(size);
  // A short list is found without, even if it lies across the end of a block.
  if (size <= kMetadataSize) {
    list.index.clear();
    list.index_entries = 0;
  }
  return list;
}

}  // namespace hpcc::squashfs
