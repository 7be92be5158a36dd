#include "image/tar_pax.h"

#include <algorithm>
#include <charconv>

#include "base/status.h"
#include "base/strings.h"

namespace hpcc {

namespace {

constexpr std::string_view kXattrPrefix = "SCHILY.xattr.";
constexpr std::string_view kSparsePrefix = "GNU.sparse.";
constexpr size_t kShown = 64;

absl::Status Malformed(std::string_view key) {
  std::string shown(key.substr(0, kShown));
  for (char& c : shown) {
    if (c < ' ' || c > '~') c = '?';
  }
  return absl::InvalidArgumentError(StrCat("its PAX record ", shown, " is malformed"));
}

struct Record {
  std::string_view key;
  std::string_view value;
};

// Takes the first record off `*data`.
absl::StatusOr<Record> TakeRecord(std::string_view* data) {
  const absl::Status malformed = absl::InvalidArgumentError("its PAX header is malformed");
  const size_t blank = data->substr(0, 20).find(' ');
  if (blank == std::string_view::npos) return malformed;
  const std::optional<uint64_t> length = ParseTarDecimal(data->substr(0, blank));
  if (!length.has_value() || *length > data->size() || *length < blank + 4) return malformed;
  std::string_view record = data->substr(blank + 1, *length - blank - 1);
  data->remove_prefix(*length);
  if (record.back() != '\n') return malformed;
  record.remove_suffix(1);
  const size_t equals = record.find('=');
  if (equals == std::string_view::npos || equals == 0) return malformed;
  return Record{record.substr(0, equals), record.substr(equals + 1)};
}

absl::Status TakeNumber(const Record& record, std::optional<uint64_t>* number) {
  *number = ParseTarDecimal(record.value);
  return number->has_value() ? absl::OkStatus() : Malformed(record.key);
}

// Seconds with or without a fraction, which is cut off.
absl::Status TakeTime(const Record& record, PaxRecords* records) {
  std::string_view text = record.value;
  const bool negative = text.starts_with('-');
  if (negative) text.remove_prefix(1);
  const size_t point = text.find('.');
  if (point != std::string_view::npos) {
    const std::string_view fraction = text.substr(point + 1);
    const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
    if (!std::all_of(fraction.begin(), fraction.end(), is_digit)) return Malformed(record.key);
    text = text.substr(0, point);
  }
  records->modified = ParseTarDecimal(text);
  if (!records->modified.has_value()) return Malformed(record.key);
  if (negative) records->modified = 0;
  return absl::OkStatus();
}

absl::Status TakeText(const Record& record, std::optional<std::string>* text) {
  if (record.value.find('\0') != std::string_view::npos) {
    return absl::InvalidArgumentError(StrCat("its PAX record ", record.key, " holds NUL"));
  }
  *text = std::string(record.value);
  return absl::OkStatus();
}

// "offset,size,offset,size", version 0.1.
absl::Status TakeMap(const Record& record, PaxRecords* records) {
  if (records->sparse_map_seen) return Malformed(record.key);
  records->sparse_map_seen = true;
  std::string_view rest = record.value;
  bool has_offset = false;
  while (!rest.empty()) {
    const size_t comma = rest.find(',');
    const std::optional<uint64_t> number = ParseTarDecimal(rest.substr(0, comma));
    if (!number.has_value()) return Malformed(record.key);
    if (has_offset) {
      records->sparse_map.back().size = *number;
    } else {
      records->sparse_map.push_back({.offset = *number});
    }
    has_offset = !has_offset;
    rest.remove_prefix(comma == std::string_view::npos ? rest.size() : comma + 1);
  }
  return has_offset ? Malformed(record.key) : absl::OkStatus();
}

// One of the pairs of version 0.0, as two records: the offset, then the size.
absl::Status TakePair(const Record& record, std::string_view name, PaxRecords* records) {
  std::optional<uint64_t> number;
  HPCC_RETURN_IF_ERROR(TakeNumber(record, &number));
  constexpr uint64_t kNotYet = ~uint64_t{0};
  const bool waits = !records->sparse_map.empty() && records->sparse_map.back().size == kNotYet;
  if (waits == (name == "offset")) return Malformed(record.key);
  records->sparse_map_seen = true;
  if (waits) {
    records->sparse_map.back().size = *number;
  } else {
    records->sparse_map.push_back({.offset = *number, .size = kNotYet});
  }
  return absl::OkStatus();
}

absl::Status TakeSparse(const Record& record, PaxRecords* records) {
  const std::string_view name = record.key.substr(kSparsePrefix.size());
  if (name == "major") return TakeNumber(record, &records->sparse_major);
  if (name == "minor") return TakeNumber(record, &records->sparse_minor);
  if (name == "name") return TakeText(record, &records->sparse_name);
  if (name == "size" || name == "realsize") return TakeNumber(record, &records->sparse_size);
  if (name == "map") return TakeMap(record, records);
  if (name == "offset" || name == "numbytes") return TakePair(record, name, records);
  if (name == "numblocks") {
    std::optional<uint64_t> count;  // the pairs say it themselves
    return TakeNumber(record, &count);
  }
  return Malformed(record.key);
}

absl::Status Take(const Record& record, PaxRecords* records) {
  // An empty value takes back what an earlier header said: as if there were none.
  if (record.key.starts_with(kXattrPrefix)) {
    records->xattrs[std::string(record.key.substr(kXattrPrefix.size()))] = record.value;
    return absl::OkStatus();
  }
  if (record.value.empty()) return absl::OkStatus();
  if (record.key == "path") return TakeText(record, &records->path);
  if (record.key == "linkpath") return TakeText(record, &records->link);
  if (record.key == "size") return TakeNumber(record, &records->size);
  if (record.key == "uid") return TakeNumber(record, &records->uid);
  if (record.key == "gid") return TakeNumber(record, &records->gid);
  if (record.key == "mtime") return TakeTime(record, records);
  if (record.key.starts_with(kSparsePrefix)) return TakeSparse(record, records);
  return absl::OkStatus();
}

}  // namespace

std::optional<uint64_t> ParseTarDecimal(std::string_view digits) {
  uint64_t number = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (digits.empty() || error != std::errc() || end != digits.data() + digits.size() ||
      number >> 63 != 0) {
    return std::nullopt;
  }
  return number;
}

absl::StatusOr<PaxRecords> ParsePaxRecords(std::string_view data) {
  PaxRecords records;
  while (!data.empty()) {
    HPCC_ASSIGN_OR_RETURN(const Record record, TakeRecord(&data));
    HPCC_RETURN_IF_ERROR(Take(record, &records));
  }
  return records;
}

}  // namespace hpcc
