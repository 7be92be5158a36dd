#include "squashfs/data_writer.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/status.h"
#include "base/strings.h"
#include "squashfs/format.h"

namespace hpcc::squashfs {

namespace {

constexpr uint64_t kCopyStep = uint64_t{1} << 20;

bool IsZeros(std::string_view data) {
  return data.empty() ||
         (data[0] == 0 && std::memcmp(data.data(), data.data() + 1, data.size() - 1) == 0);
}

uint64_t StoredBytes(const std::vector<uint32_t>& blocks) {
  uint64_t bytes = 0;
  for (uint32_t block : blocks) bytes += block & ~kStoredBlock;
  return bytes;
}

StoredFile NewFile() {
  return StoredFile{.fragment = kNone};
}

}  // namespace

DataWriter::DataWriter(File& output, File& written, uint64_t position, Compressor& compressor)
    : output_(output),
      written_(written),
      position_(position),
      compressor_(compressor),
      file_(NewFile()) {
  files_.push_back(NewFile());
  pending_.reserve(kBlockSize);
  fragment_.reserve(kBlockSize);
}

absl::Status DataWriter::Append(std::string_view data) {
  file_.size += data.size();
  while (!data.empty()) {
    if (pending_.empty() && data.size() >= kBlockSize) {
      const std::string_view block = data.substr(0, kBlockSize);
      HPCC_RETURN_IF_ERROR(TakeBlock(block, IsZeros(block)));
      data.remove_prefix(kBlockSize);
      continue;
    }
    const size_t part = std::min(data.size(), kBlockSize - pending_.size());
    pending_.append(data.substr(0, part));
    data.remove_prefix(part);
    if (pending_.size() < kBlockSize) continue;
    HPCC_RETURN_IF_ERROR(TakeBlock(pending_, IsZeros(pending_)));
    pending_.clear();
  }
  return absl::OkStatus();
}

absl::Status DataWriter::AppendZeros(uint64_t size) {
  const auto fill = [this](uint64_t most) {
    const uint64_t part = std::min<uint64_t>(most, kBlockSize - pending_.size());
    return std::string(part, '\0');
  };
  if (!pending_.empty()) {
    const std::string zeros = fill(size);
    HPCC_RETURN_IF_ERROR(Append(zeros));
    size -= zeros.size();
  }
  for (; size >= kBlockSize; size -= kBlockSize) {
    file_.size += kBlockSize;
    HPCC_RETURN_IF_ERROR(TakeBlock({}, /*zeros=*/true));
  }
  return size == 0 ? absl::OkStatus() : Append(fill(size));
}

absl::Status DataWriter::TakeBlock(std::string_view block, bool zeros) {
  Hasher hasher("hpcc.squashfs-beginning");
  hasher.Field(chain_).Field(zeros ? Digest() : Digest::Of(block));
  chain_ = hasher.Finish();
  if (follows_) {
    const auto found = beginnings_.find(chain_);
    if (found != beginnings_.end()) {
      leader_ = found->second;
      file_.blocks.push_back(files_[leader_].blocks[file_.blocks.size()]);
      if (zeros) file_.holes += kBlockSize;
      return absl::OkStatus();
    }
    HPCC_RETURN_IF_ERROR(Depart());
  }
  return WriteNewBlock(block, zeros);
}

absl::Status DataWriter::WriteNewBlock(std::string_view block, bool zeros) {
  beginnings_.emplace(chain_, static_cast<uint32_t>(files_.size()));
  if (zeros) {
    file_.blocks.push_back(0);
    file_.holes += kBlockSize;
    return absl::OkStatus();
  }
  if (file_.start == 0) file_.start = position_;
  HPCC_ASSIGN_OR_RETURN(const uint32_t size, WriteBlock(block));
  file_.blocks.push_back(size);
  return absl::OkStatus();
}

absl::Status DataWriter::Depart() {
  follows_ = false;
  uint64_t left = StoredBytes(file_.blocks);
  if (left == 0) return absl::OkStatus();
  file_.start = position_;
  for (uint64_t from = files_[leader_].start; left > 0;) {
    HPCC_ASSIGN_OR_RETURN(const std::string part, written_.ReadAt(from, std::min(left, kCopyStep)));
    if (part.empty()) return absl::DataLossError("squashfs: what was written isn't there any more");
    HPCC_RETURN_IF_ERROR(output_.Write(part));
    position_ += part.size();
    from += part.size();
    left -= part.size();
  }
  return absl::OkStatus();
}

absl::StatusOr<uint32_t> DataWriter::WriteBlock(std::string_view block) {
  HPCC_ASSIGN_OR_RETURN(const std::string_view packed, compressor_.Pack(block));
  HPCC_RETURN_IF_ERROR(output_.Write(packed));
  position_ += packed.size();
  const auto size = static_cast<uint32_t>(packed.size());
  return packed.size() == block.size() ? size | kStoredBlock : size;
}

absl::Status DataWriter::TakeTail() {
  if (pending_.empty()) return absl::OkStatus();
  if (IsZeros(pending_)) {
    file_.blocks.push_back(0);
    file_.holes += pending_.size();
    return absl::OkStatus();
  }
  const auto [found, is_new] = tails_.try_emplace(Digest::Of(pending_));
  if (is_new) {
    if (fragment_.size() + pending_.size() > kBlockSize) HPCC_RETURN_IF_ERROR(FlushFragment());
    found->second = {static_cast<uint32_t>(fragments_.size()),
                     static_cast<uint32_t>(fragment_.size())};
    fragment_.append(pending_);
  }
  file_.fragment = found->second.fragment;
  file_.offset = found->second.offset;
  return absl::OkStatus();
}

absl::StatusOr<uint32_t> DataWriter::EndFile() {
  HPCC_RETURN_IF_ERROR(TakeTail());
  if (follows_ && !file_.blocks.empty()) file_.start = files_[leader_].start;
  const bool empty = file_.size == 0;
  if (!empty) files_.push_back(std::move(file_));
  file_ = NewFile();
  pending_.clear();
  chain_ = Digest();
  follows_ = true;
  leader_ = 0;
  return empty ? 0 : static_cast<uint32_t>(files_.size() - 1);
}

absl::Status DataWriter::FlushFragment() {
  if (fragment_.empty()) return absl::OkStatus();
  Fragment fragment{.start = position_};
  HPCC_ASSIGN_OR_RETURN(fragment.size, WriteBlock(fragment_));
  fragments_.push_back(fragment);
  fragment_.clear();
  return absl::OkStatus();
}

absl::Status DataWriter::Finish() {
  return FlushFragment();
}

}  // namespace hpcc::squashfs
