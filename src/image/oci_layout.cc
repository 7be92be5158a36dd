#include "image/oci_layout.h"

#include <algorithm>

#include "auth/strict_json.h"
#include "base/path.h"
#include "base/status.h"
#include "base/strings.h"
#include "image/oci_digest.h"

namespace hpcc {

namespace {

constexpr size_t kMaxLayoutBytes = 64 << 10;
constexpr size_t kPiece = 1 << 20;
constexpr size_t kMostNamesShown = 12;

class OciLayoutSource final : public ImageSource {
 public:
  OciLayoutSource(FileSystem& fs, std::string directory, const ImageReference& reference)
      : fs_(fs), directory_(std::move(directory)), reference_(reference) {}

  std::string Name() const override { return StrCat("oci:", reference_.path); }

  absl::StatusOr<ManifestDocument> TopManifest() override {
    HPCC_ASSIGN_OR_RETURN(
        const std::string text,
        ReadFile(fs_, path::Join(directory_, "index.json"), kMaxOciManifestBytes));
    absl::StatusOr<OciIndex> index = ParseOciIndex(text);
    if (!index.ok()) {
      return absl::Status(index.status().code(),
                          StrCat(Name(), ": ", std::string(index.status().message())));
    }
    HPCC_RETURN_IF_ERROR(KeepChosen(&*index));
    if (index->manifests.size() == 1) return Manifest(index->manifests.front());
    return ManifestDocument{std::string(kOciIndexType), OciIndexText(*index)};
  }

  absl::StatusOr<ManifestDocument> Manifest(const OciDescriptor& descriptor) override {
    HPCC_ASSIGN_OR_RETURN(std::string text,
                          ReadFile(fs_, BlobPath(descriptor.digest), kMaxOciManifestBytes));
    HPCC_ASSIGN_OR_RETURN(std::string type, ManifestTypeOf(descriptor.media_type, text));
    return ManifestDocument{std::move(type), std::move(text)};
  }

  absl::Status ReadBlob(const OciDescriptor& descriptor, uint64_t offset,
                        const BlobSink& sink) override {
    HPCC_ASSIGN_OR_RETURN(const std::unique_ptr<File> file,
                          fs_.OpenForReading(BlobPath(descriptor.digest)));
    HPCC_ASSIGN_OR_RETURN(const FileStat stat, file->Stat());
    // What is no file, or of another size, isn't the blob, and asking again won't help.
    if (!stat.is_regular() || stat.size != descriptor.size) {
      return absl::FailedPreconditionError(
          StrCat(BlobPath(descriptor.digest), ": is no file of ", descriptor.size, " bytes"));
    }
    while (offset < descriptor.size) {
      HPCC_ASSIGN_OR_RETURN(
          const std::string piece,
          file->ReadAt(offset, std::min<uint64_t>(kPiece, descriptor.size - offset)));
      if (piece.empty()) break;
      HPCC_RETURN_IF_ERROR(sink(piece));
      offset += piece.size();
    }
    return absl::OkStatus();
  }

 private:
  std::string BlobPath(std::string_view digest) const {
    return path::Join(directory_, StrCat("blobs/sha256/", OciDigestHex(digest)));
  }

  // Drops all entries but those the reference asks for.
  absl::Status KeepChosen(OciIndex* index) const {
    std::vector<std::string> names;
    for (const OciDescriptor& entry : index->manifests) names.push_back(entry.ref_name);
    std::erase_if(index->manifests, [&](const OciDescriptor& entry) {
      if (!reference_.digest.empty() && entry.digest != reference_.digest) return true;
      return !reference_.name.empty() && entry.ref_name != reference_.name;
    });
    if (index->manifests.empty()) {
      return absl::NotFoundError(
          StrCat(reference_.ToString(), ": there is no such image; there are: ", Shown(names)));
    }
    const bool one_name = std::all_of(
        index->manifests.begin(), index->manifests.end(),
        [&](const auto& entry) { return entry.ref_name == index->manifests.front().ref_name; });
    if (one_name || !reference_.digest.empty()) return absl::OkStatus();
    return absl::InvalidArgumentError(
        StrCat(Name(), ": holds several images; name one: ", Name(), ":NAME, of ", Shown(names)));
  }

  static std::string Shown(std::vector<std::string> names) {
    std::sort(names.begin(), names.end());
    names.erase(std::unique(names.begin(), names.end()), names.end());
    std::erase(names, "");
    if (names.empty()) return "none with a name";
    if (names.size() > kMostNamesShown) {
      names.resize(kMostNamesShown);
      names.push_back("…");
    }
    for (std::string& name : names) name = JsonQuoted(name);
    return StrJoin(names, ", ");
  }

  FileSystem& fs_;
  const std::string directory_;
  const ImageReference reference_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<ImageSource>> OpenOciLayout(FileSystem& fs,
                                                           const std::string& directory,
                                                           const ImageReference& reference) {
  const std::string path = path::Join(directory, "oci-layout");
  const absl::StatusOr<std::string> text = ReadFile(fs, path, kMaxLayoutBytes);
  if (absl::IsNotFound(text.status())) {
    return absl::NotFoundError(
        StrCat(directory, ": there is no OCI image layout here (no file oci-layout)"));
  }
  if (!text.ok()) return text.status();
  const absl::StatusOr<nlohmann::json> layout = ReadJsonObject(*text, path);
  if (!layout.ok() || !JsonText(*layout, "imageLayoutVersion").starts_with("1.")) {
    return absl::FailedPreconditionError(StrCat(path, ": is of no OCI image layout of version 1"));
  }
  return std::make_unique<OciLayoutSource>(fs, directory, reference);
}

}  // namespace hpcc
