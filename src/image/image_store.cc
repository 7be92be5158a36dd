#include "image/image_store.h"

#include <algorithm>

#include "auth/strict_json.h"
#include "base/path.h"
#include "base/status.h"
#include "base/strings.h"
#include "image/reference.h"

namespace hpcc {

namespace {

constexpr std::string_view kLayoutText = "{\"imageLayoutVersion\":\"1.0.0\"}";
constexpr size_t kMaxLayoutBytes = 64 << 10;
constexpr std::chrono::milliseconds kLockBound{30'000};
constexpr std::string_view kPullHold = "pull";
constexpr int64_t kPartialLifeNanoseconds = int64_t{7} * 24 * 3600 * 1'000'000'000;
constexpr size_t kMinHexPrefix = 12;

absl::Status CheckLayout(const std::string& path, std::string_view text) {
  const absl::StatusOr<nlohmann::json> layout = ReadJsonObject(text, path);
  if (layout.ok() && JsonText(*layout, "imageLayoutVersion").starts_with("1.")) {
    return absl::OkStatus();
  }
  return absl::FailedPreconditionError(
      StrCat(path, ": this is no image store, or one of a newer version"));
}

bool IsHex(std::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

void AddUsed(const OciManifest& manifest, std::vector<std::string>* used) {
  used->emplace_back(OciDigestHex(manifest.config.digest));
  for (const OciDescriptor& layer : manifest.layers) used->emplace_back(OciDigestHex(layer.digest));
}

}  // namespace

absl::StatusOr<std::unique_ptr<ImageStore>> ImageStore::Open(FileSystem& fs, Clock& clock,
                                                             const std::string& directory) {
  for (const std::string_view part : {"blobs/sha256", "partial", "holds"}) {
    HPCC_RETURN_IF_ERROR(MakeDirectories(fs, path::Join(directory, part)));
  }
  const std::string path = path::Join(directory, "oci-layout");
  const absl::StatusOr<std::string> layout = ReadFile(fs, path, kMaxLayoutBytes);
  if (layout.ok()) {
    HPCC_RETURN_IF_ERROR(CheckLayout(path, *layout));
  } else if (absl::IsNotFound(layout.status())) {
    HPCC_RETURN_IF_ERROR(WriteFileAtomically(fs, path, kLayoutText));
  } else {
    return layout.status();
  }
  return std::unique_ptr<ImageStore>(new ImageStore(fs, clock, directory));
}

absl::StatusOr<std::unique_ptr<File>> ImageStore::Lock() {
  return WaitForLock(fs_, clock_, path::Join(directory_, "store.lock"), kLockBound);
}

absl::StatusOr<std::unique_ptr<Hold>> ImageStore::HoldBlobs() {
  HPCC_ASSIGN_OR_RETURN(const std::unique_ptr<File> lock, Lock());
  return Hold::Take(fs_, path::Join(directory_, "holds"), std::string(kPullHold));
}

absl::StatusOr<std::vector<StoredImage>> ImageStore::ReadIndex() const {
  const std::string path = path::Join(directory_, "index.json");
  const absl::StatusOr<std::string> text = ReadFile(fs_, path, kMaxOciManifestBytes);
  if (absl::IsNotFound(text.status())) return std::vector<StoredImage>();
  if (!text.ok()) return text.status();
  const absl::StatusOr<OciIndex> index = ParseOciIndex(*text);
  if (!index.ok()) {
    return absl::DataLossError(StrCat(path, ": ", std::string(index.status().message())));
  }
  std::vector<StoredImage> images;
  for (const OciDescriptor& entry : index->manifests) {
    images.push_back({entry.ref_name, entry.digest, entry.platform.value_or(Platform()), 0});
  }
  return images;
}

absl::Status ImageStore::WriteIndex(const std::vector<StoredImage>& images) {
  if (images.size() > kMaxIndexManifests) {
    return absl::ResourceExhaustedError(
        StrCat(directory_, ": holds ", kMaxIndexManifests,
               " images, which is as many as it can; remove some with hpcc image remove"));
  }
  OciIndex index;
  for (const StoredImage& image : images) {
    HPCC_ASSIGN_OR_RETURN(const FileStat stat, StatFile(fs_, BlobPath(image.digest)));
    index.manifests.push_back(
        {std::string(kOciManifestType), image.digest, stat.size, image.platform, image.name});
    // An entry says what its document says of itself.
    const absl::StatusOr<std::string> text = ReadBlob(image.digest, kMaxOciManifestBytes);
    if (!text.ok()) continue;
    const absl::StatusOr<std::string> type = ManifestTypeOf("", *text);
    if (type.ok()) index.manifests.back().media_type = *type;
  }
  return WriteFileAtomically(fs_, path::Join(directory_, "index.json"), OciIndexText(index));
}

absl::Status ImageStore::AddImage(const StoredImage& image) {
  HPCC_ASSIGN_OR_RETURN(const std::unique_ptr<File> lock, Lock());
  HPCC_ASSIGN_OR_RETURN(std::vector<StoredImage> images, ReadIndex());
  std::erase_if(images, [&](const StoredImage& other) { return other.name == image.name; });
  images.push_back(image);
  std::sort(images.begin(), images.end(),
            [](const StoredImage& a, const StoredImage& b) { return a.name < b.name; });
  return WriteIndex(images);
}

absl::StatusOr<std::vector<StoredImage>> ImageStore::List() {
  HPCC_ASSIGN_OR_RETURN(std::vector<StoredImage> images, ReadIndex());
  for (StoredImage& image : images) {
    const absl::StatusOr<OciManifest> manifest = ReadManifest(image.digest);
    if (manifest.ok()) image.bytes = manifest->bytes();
  }
  return images;
}

absl::StatusOr<StoredImage> ImageStore::Find(std::string_view name_or_digest) {
  HPCC_ASSIGN_OR_RETURN(const std::vector<StoredImage> images, List());
  const absl::StatusOr<ImageReference> reference = ParseImageReference(name_or_digest);
  const std::string name = reference.ok() ? reference->ToString() : std::string(name_or_digest);
  const std::string_view hex =
      name_or_digest.starts_with("sha256:") ? OciDigestHex(name_or_digest) : name_or_digest;
  const bool may_be_hex =
      hex.size() >= kMinHexPrefix && hex.size() <= kOciDigestHexSize && IsHex(hex);
  const StoredImage* found = nullptr;
  for (const StoredImage& image : images) {
    if (image.name == name) return image;
    if (!may_be_hex || !OciDigestHex(image.digest).starts_with(hex)) continue;
    if (found != nullptr && found->digest != image.digest) {
      return absl::InvalidArgumentError(StrCat(hex, ": several images begin with these digits"));
    }
    found = &image;
  }
  if (found != nullptr) return *found;
  return absl::NotFoundError(
      StrCat(name, ": there is no such image in ", directory_, "; hpcc image list shows them"));
}

absl::Status ImageStore::RemoveImage(std::string_view name_or_digest) {
  HPCC_ASSIGN_OR_RETURN(const std::unique_ptr<File> lock, Lock());
  HPCC_ASSIGN_OR_RETURN(const StoredImage found, Find(name_or_digest));
  HPCC_ASSIGN_OR_RETURN(std::vector<StoredImage> images, ReadIndex());
  const absl::StatusOr<ImageReference> reference = ParseImageReference(name_or_digest);
  const bool by_name = reference.ok() && reference->ToString() == found.name;
  std::erase_if(images, [&](const StoredImage& image) {
    return by_name ? image.name == found.name : image.digest == found.digest;
  });
  return WriteIndex(images);
}

absl::StatusOr<uint64_t> ImageStore::RemoveUnusedBlobs() {
  HPCC_ASSIGN_OR_RETURN(const std::unique_ptr<File> lock, Lock());
  HPCC_ASSIGN_OR_RETURN(const bool held,
                        IsHeld(fs_, path::Join(directory_, "holds"), std::string(kPullHold)));
  if (held) return 0;
  HPCC_ASSIGN_OR_RETURN(const std::vector<StoredImage> images, ReadIndex());
  std::vector<std::string> used;
  for (const StoredImage& image : images) {
    used.emplace_back(OciDigestHex(image.digest));
    const absl::StatusOr<OciManifest> manifest = ReadManifest(image.digest);
    // What a damaged manifest holds can't be told: pulling the image again needs it least of all.
    if (manifest.ok()) AddUsed(*manifest, &used);
  }
  std::sort(used.begin(), used.end());
  RemoveOldPartials();
  return RemoveAllBut(used);
}

absl::StatusOr<uint64_t> ImageStore::RemoveAllBut(const std::vector<std::string>& used) {
  const std::string blobs = path::Join(directory_, "blobs/sha256");
  HPCC_ASSIGN_OR_RETURN(const std::vector<std::string> names, fs_.List(blobs));
  uint64_t freed = 0;
  for (const std::string& name : names) {
    if (std::binary_search(used.begin(), used.end(), name)) continue;
    const std::string path = path::Join(blobs, name);
    const absl::StatusOr<FileStat> stat = StatFile(fs_, path);
    HPCC_RETURN_IF_ERROR(fs_.Remove(path));
    if (stat.ok()) freed += stat->size;
  }
  return freed;
}

// Nobody fetches anything meanwhile: whoever does holds blobs.
void ImageStore::RemoveOldPartials() {
  const std::string partials = path::Join(directory_, "partial");
  const absl::StatusOr<std::vector<std::string>> names = fs_.List(partials);
  if (!names.ok()) return;
  const int64_t oldest = clock_.NowNanoseconds() - kPartialLifeNanoseconds;
  for (const std::string& name : *names) {
    const std::string path = path::Join(partials, name);
    const absl::StatusOr<FileStat> stat = StatFile(fs_, path);
    const bool only_a_part = name.size() == kOciDigestHexSize;
    if (!only_a_part || (stat.ok() && stat->modified_ns < oldest)) fs_.Remove(path).IgnoreError();
  }
}

absl::StatusOr<OciManifest> ImageStore::ReadManifest(std::string_view digest) const {
  const absl::StatusOr<std::string> text = ReadBlob(digest, kMaxOciManifestBytes);
  if (absl::IsNotFound(text.status())) {
    return absl::NotFoundError(
        StrCat(digest, ": there is no such image in ", directory_, "; hpcc image pull gets one"));
  }
  if (!text.ok()) return text.status();
  return ParseOciManifest(*text);
}

absl::StatusOr<OciConfig> ImageStore::ReadConfig(const OciManifest& manifest) const {
  HPCC_ASSIGN_OR_RETURN(const std::string text,
                        ReadBlob(manifest.config.digest, kMaxImageConfigBytes));
  HPCC_ASSIGN_OR_RETURN(OciConfig config, ParseOciConfig(text));
  if (config.diff_ids.size() != manifest.layers.size()) {
    return absl::InvalidArgumentError(StrCat("the image's configuration names ",
                                             config.diff_ids.size(), " layers and its manifest ",
                                             manifest.layers.size()));
  }
  return config;
}

absl::StatusOr<std::vector<LayerBlob>> ImageStore::Layers(std::string_view digest) const {
  HPCC_ASSIGN_OR_RETURN(const OciManifest manifest, ReadManifest(digest));
  HPCC_ASSIGN_OR_RETURN(const OciConfig config, ReadConfig(manifest));
  std::vector<LayerBlob> layers;
  for (size_t i = 0; i < manifest.layers.size(); ++i) {
    const OciDescriptor& layer = manifest.layers[i];
    layers.push_back({BlobPath(layer.digest), layer.media_type, layer.digest, config.diff_ids[i]});
  }
  return layers;
}

}  // namespace hpcc
