// Blobs of the store: how they come, and how they are read.

#include <algorithm>

#include "base/logging.h"
#include "base/path.h"
#include "base/status.h"
#include "base/strings.h"
#include "image/image_store.h"

namespace hpcc {

namespace {

constexpr size_t kPiece = 1 << 20;
constexpr std::chrono::milliseconds kAddBound{30'000};

// "": it can't be read.
std::string DigestOfFile(File& file) {
  OciHasher hasher;
  for (uint64_t offset = 0;;) {
    const absl::StatusOr<std::string> piece = file.ReadAt(offset, kPiece);
    if (!piece.ok()) return "";
    if (piece->empty()) return hasher.Finish();
    hasher.Add(*piece);
    offset += piece->size();
  }
}

}  // namespace

std::string ImageStore::BlobPath(std::string_view digest) const {
  return path::Join(directory_, StrCat("blobs/sha256/", OciDigestHex(digest)));
}

std::string ImageStore::PartialPath(std::string_view digest) const {
  return path::Join(directory_, StrCat("partial/", OciDigestHex(digest)));
}

absl::StatusOr<std::unique_ptr<File>> ImageStore::LockBlob(std::string_view digest,
                                                           std::chrono::milliseconds bound) const {
  return WaitForLock(fs_, clock_, StrCat(PartialPath(digest), ".lock"), bound);
}

bool ImageStore::HasBlob(const OciDescriptor& descriptor) const {
  const absl::StatusOr<FileStat> stat = StatFile(fs_, BlobPath(descriptor.digest));
  return stat.ok() && stat->is_regular() && stat->size == descriptor.size;
}

bool ImageStore::HasImage(std::string_view digest) const {
  const absl::StatusOr<OciManifest> manifest = ReadManifest(digest);
  return manifest.ok() && HasBlob(manifest->config) &&
         std::all_of(manifest->layers.begin(), manifest->layers.end(),
                     [this](const OciDescriptor& layer) { return HasBlob(layer); });
}

absl::StatusOr<std::string> ImageStore::ReadBlob(std::string_view digest,
                                                 uint64_t max_bytes) const {
  HPCC_RETURN_IF_ERROR(CheckOciDigest(digest));
  const std::string path = BlobPath(digest);
  HPCC_ASSIGN_OR_RETURN(std::string bytes, ReadFile(fs_, path, max_bytes));
  if (OciDigestOf(bytes) == digest) return bytes;
  HPCC_RETURN_IF_ERROR(RemoveIfDamaged(digest).status());
  return absl::DataLossError(
      StrCat(path, ": was damaged, and is removed; hpcc image pull fetches it anew"));
}

absl::StatusOr<bool> ImageStore::RemoveIfDamaged(std::string_view digest) const {
  HPCC_RETURN_IF_ERROR(CheckOciDigest(digest));
  const absl::StatusOr<std::unique_ptr<File>> lock = LockBlob(digest, std::chrono::milliseconds(0));
  if (absl::IsDeadlineExceeded(lock.status())) return false;
  HPCC_RETURN_IF_ERROR(lock.status());
  const std::string path = BlobPath(digest);
  const absl::StatusOr<std::unique_ptr<File>> file = fs_.OpenForReading(path);
  if (absl::IsNotFound(file.status())) return false;
  HPCC_RETURN_IF_ERROR(file.status());
  if (DigestOfFile(**file) == digest) return false;
  HPCC_RETURN_IF_ERROR(fs_.Remove(path));
  Log(LogLevel::kWarning, StrCat("images: ", path, " was damaged, and is removed"));
  return true;
}

absl::Status ImageStore::AddBlob(std::string_view bytes) {
  const OciDescriptor descriptor{"", OciDigestOf(bytes), bytes.size(), std::nullopt, ""};
  // It is small: whether the one that is there is whole is soon known.
  if (ReadBlob(descriptor.digest, bytes.size()).ok()) return absl::OkStatus();
  HPCC_ASSIGN_OR_RETURN(const std::unique_ptr<File> lock, LockBlob(descriptor.digest, kAddBound));
  return WriteFileAtomically(fs_, BlobPath(descriptor.digest), bytes);
}

absl::StatusOr<std::unique_ptr<BlobWriter>> ImageStore::StartBlob(const OciDescriptor& descriptor,
                                                                  std::chrono::milliseconds bound) {
  HPCC_RETURN_IF_ERROR(CheckOciDigest(descriptor.digest));
  if (HasBlob(descriptor)) return nullptr;
  auto writer = std::unique_ptr<BlobWriter>(new BlobWriter(fs_, descriptor));
  writer->target_ = BlobPath(descriptor.digest);
  writer->partial_ = PartialPath(descriptor.digest);
  HPCC_ASSIGN_OR_RETURN(writer->lock_, LockBlob(descriptor.digest, bound));
  if (HasBlob(descriptor)) return nullptr;
  HPCC_RETURN_IF_ERROR(writer->TakeUp());
  return writer;
}

// A file can't be opened for going on with, and its bytes must be hashed in any case: they are read
// and written anew. The old file keeps its name until the new one has as much.
absl::Status BlobWriter::TakeUp() {
  const absl::StatusOr<std::unique_ptr<File>> old = fs_.OpenForReading(partial_);
  const std::string aside = TemporaryNameBeside(partial_);
  HPCC_ASSIGN_OR_RETURN(file_, fs_.Create(aside, 0666));
  absl::Status status;
  while (status.ok() && old.ok() && offset_ < descriptor_.size) {
    const absl::StatusOr<std::string> piece =
        (*old)->ReadAt(offset_, std::min<uint64_t>(kPiece, descriptor_.size - offset_));
    if (!piece.ok() || piece->empty()) break;  // unreadable: as if no more were there
    status = Write(*piece);
  }
  resumed_ = offset_ > 0;
  if (status.ok()) status = fs_.Rename(aside, partial_);
  if (!status.ok()) fs_.Remove(aside).IgnoreError();
  return status;
}

absl::Status BlobWriter::Write(std::string_view bytes) {
  if (bytes.size() > descriptor_.size - offset_) {
    return absl::ResourceExhaustedError(
        StrCat(descriptor_.digest, ": more bytes came than it has by its manifest"));
  }
  HPCC_RETURN_IF_ERROR(file_->Write(bytes));
  hasher_.Add(bytes);
  offset_ += bytes.size();
  return absl::OkStatus();
}

absl::Status BlobWriter::Commit() {
  if (offset_ != descriptor_.size) {
    return absl::DataLossError(
        StrCat(descriptor_.digest, ": ", offset_, " bytes came of ", descriptor_.size));
  }
  if (const std::string digest = hasher_.Finish(); digest != descriptor_.digest) {
    fs_.Remove(partial_).IgnoreError();
    return absl::DataLossError(StrCat(
        descriptor_.digest, ": its bytes are not those it is named after but those of ", digest));
  }
  HPCC_RETURN_IF_ERROR(file_->Close());
  return fs_.Rename(partial_, target_);
}

}  // namespace hpcc
