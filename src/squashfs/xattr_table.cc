#include "squashfs/xattr_table.h"

#include <array>

#include "base/status.h"
#include "base/strings.h"
#include "squashfs/format.h"

namespace hpcc::squashfs {

namespace {

constexpr size_t kSetSize = 16;
constexpr size_t kMaxName = 255;        // the kernel's XATTR_NAME_MAX, with the prefix
constexpr size_t kMaxValue = 64 << 10;  // the kernel's XATTR_SIZE_MAX

// In the order of the numbers that stand for them.
constexpr std::array<std::string_view, 3> kPrefixes = {"user.", "trusted.", "security."};

absl::Status AppendPair(const SquashfsXattr& xattr, std::string* out) {
  for (size_t i = 0; i < kPrefixes.size(); ++i) {
    const std::string_view prefix = kPrefixes[i];
    if (!xattr.name.starts_with(prefix)) continue;
    if (xattr.name.size() == prefix.size() || xattr.name.size() > kMaxName ||
        xattr.name.find('\0') != std::string::npos || xattr.value.size() > kMaxValue) {
      return absl::InvalidArgumentError(
          "squashfs: an attribute's name or value is too long or empty");
    }
    Put<uint16_t>(out, static_cast<uint16_t>(i));
    Put<uint16_t>(out, static_cast<uint16_t>(xattr.name.size() - prefix.size()));
    out->append(xattr.name, prefix.size());
    Put<uint32_t>(out, static_cast<uint32_t>(xattr.value.size()));
    out->append(xattr.value);
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(
      StrCat("squashfs: there is no place for the attribute ", xattr.name.substr(0, kMaxName)));
}

}  // namespace

absl::StatusOr<uint32_t> XattrTable::Add(const std::vector<SquashfsXattr>& xattrs) {
  if (xattrs.empty()) return kNone;
  std::string pairs;
  for (const SquashfsXattr& xattr : xattrs) HPCC_RETURN_IF_ERROR(AppendPair(xattr, &pairs));
  const auto [found, is_new] =
      numbers_.try_emplace(pairs, static_cast<uint32_t>(sets_.size() / kSetSize));
  if (!is_new) return found->second;
  Put<uint64_t>(&sets_, pairs_.reference());
  Put<uint32_t>(&sets_, static_cast<uint32_t>(xattrs.size()));
  Put<uint32_t>(&sets_, static_cast<uint32_t>(pairs.size()));
  HPCC_RETURN_IF_ERROR(pairs_.Append(pairs));
  return found->second;
}

absl::StatusOr<XattrTable::Finished> XattrTable::Finish(uint64_t position) {
  Finished finished;
  HPCC_ASSIGN_OR_RETURN(finished.bytes, pairs_.Finish());
  HPCC_ASSIGN_OR_RETURN(const LookupTable table,
                        MakeLookupTable(sets_, position + finished.bytes.size(), compressor_));
  finished.bytes.append(table.blocks);
  finished.header = position + finished.bytes.size();
  Put<uint64_t>(&finished.bytes, position);
  Put<uint32_t>(&finished.bytes, static_cast<uint32_t>(sets_.size() / kSetSize));
  Put<uint32_t>(&finished.bytes, 0);
  finished.bytes.append(table.places);
  return finished;
}

}  // namespace hpcc::squashfs
