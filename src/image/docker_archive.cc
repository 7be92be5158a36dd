#include "image/docker_archive.h"

#include <algorithm>
#include <map>

#include "auth/strict_json.h"
#include "base/path.h"
#include "base/status.h"
#include "base/strings.h"
#include "image/oci_digest.h"
#include "image/tar_reader.h"

namespace hpcc {

namespace {

constexpr size_t kPiece = 1 << 20;
constexpr size_t kMaxMembers = 100'000;
constexpr size_t kMagicBytes = 4;
constexpr std::string_view kGzipMagic = "\x1f\x8b";
constexpr std::string_view kZstdMagic = "\x28\xb5\x2f\xfd";

// A file's bytes as a tar reader asks for them. It never asks for more than it uses at once, so
// that the position is where the member's data begin.
class FileTarSource final : public TarSource {
 public:
  explicit FileTarSource(File& file) : file_(file) {}

  absl::StatusOr<std::string_view> Next(size_t most) override {
    HPCC_ASSIGN_OR_RETURN(piece_, file_.ReadAt(position_, std::min(most, kPiece)));
    position_ += piece_.size();
    return std::string_view(piece_);
  }

  uint64_t position() const { return position_; }

 private:
  File& file_;
  std::string piece_;
  uint64_t position_ = 0;
};

struct Member {
  uint64_t offset = 0;
  uint64_t size = 0;
  std::string link;  // of a symbolic link: the name it leads to
};

class DockerArchive final : public ImageSource {
 public:
  DockerArchive(FileSystem& fs, std::string path, const ImageReference& reference)
      : fs_(fs), path_(std::move(path)), reference_(reference) {}

  absl::Status Open() {
    HPCC_RETURN_IF_ERROR(Index());
    const absl::StatusOr<nlohmann::json> image = FindImage();
    if (!image.ok()) return image.status();
    return MakeManifest(*image);
  }

  std::string Name() const override { return StrCat("docker-archive:", reference_.path); }

  absl::StatusOr<ManifestDocument> TopManifest() override {
    return ManifestDocument{std::string(kOciManifestType), manifest_text_};
  }

  absl::StatusOr<ManifestDocument> Manifest(const OciDescriptor&) override {
    return absl::NotFoundError(StrCat(Name(), ": holds no index"));
  }

  absl::Status ReadBlob(const OciDescriptor& descriptor, uint64_t offset,
                        const BlobSink& sink) override {
    const auto found = blobs_.find(descriptor.digest);
    if (found == blobs_.end()) {
      return absl::NotFoundError(StrCat(Name(), ": has no blob ", descriptor.digest));
    }
    return ReadMember(found->second, offset, sink);
  }

 private:
  template <typename... Pieces>
  absl::Status Wrong(const Pieces&... pieces) const {
    return absl::InvalidArgumentError(StrCat(Name(), ": ", pieces...));
  }

  // Where everything is.
  absl::Status Index() {
    HPCC_ASSIGN_OR_RETURN(const std::unique_ptr<File> file, fs_.OpenForReading(path_));
    FileTarSource source(*file);
    TarReader reader(source, TarLimits());
    TarEntry entry;
    while (true) {
      const absl::StatusOr<bool> more = reader.Next(&entry);
      if (!more.ok()) {
        return absl::Status(more.status().code(),
                            StrCat(Name(), ": ", std::string(more.status().message())));
      }
      if (!*more) return absl::OkStatus();
      if (members_.size() == kMaxMembers) return Wrong("has more than ", kMaxMembers, " members");
      const std::string name = path::Normalize(entry.path);
      if (entry.kind == TarEntry::Kind::kFile) {
        members_[name] = {source.position(), entry.size, ""};
      } else if (entry.kind == TarEntry::Kind::kSymlink) {
        members_[name] = {0, 0, path::Normalize(path::Join(path::Dirname(name), entry.link))};
      }
    }
  }

  absl::StatusOr<Member> Find(const std::string& name) const {
    auto found = members_.find(path::Normalize(name));
    if (found != members_.end() && !found->second.link.empty()) {
      found = members_.find(found->second.link);
    }
    if (found == members_.end() || !found->second.link.empty()) {
      return Wrong("has no file ", JsonQuoted(name));
    }
    return found->second;
  }

  absl::Status ReadMember(const Member& member, uint64_t offset, const BlobSink& sink) const {
    HPCC_ASSIGN_OR_RETURN(const std::unique_ptr<File> file, fs_.OpenForReading(path_));
    while (offset < member.size) {
      HPCC_ASSIGN_OR_RETURN(
          const std::string piece,
          file->ReadAt(member.offset + offset, std::min<uint64_t>(kPiece, member.size - offset)));
      if (piece.empty()) return Wrong("was cut short while it was read");
      HPCC_RETURN_IF_ERROR(sink(piece));
      offset += piece.size();
    }
    return absl::OkStatus();
  }

  absl::StatusOr<std::string> ReadDocument(const std::string& name, size_t limit) const {
    HPCC_ASSIGN_OR_RETURN(const Member member, Find(name));
    if (member.size > limit) return Wrong(JsonQuoted(name), " is larger than ", limit, " bytes");
    std::string text;
    HPCC_RETURN_IF_ERROR(ReadMember(member, 0, [&](std::string_view piece) {
      text.append(piece);
      return absl::OkStatus();
    }));
    return text;
  }

  bool HasName(const nlohmann::json& image) const {
    const absl::StatusOr<ImageReference> wanted = ParseImageReference(reference_.name);
    const auto tags = image.find("RepoTags");
    if (tags == image.end() || !tags->is_array()) return false;
    return std::any_of(tags->begin(), tags->end(), [&](const nlohmann::json& tag) {
      if (!tag.is_string()) return false;
      const auto name = tag.get<std::string>();
      const absl::StatusOr<ImageReference> own = ParseImageReference(name);
      return name == reference_.name || (wanted.ok() && own.ok() && *own == *wanted);
    });
  }

  absl::StatusOr<nlohmann::json> FindImage() const {
    HPCC_ASSIGN_OR_RETURN(const std::string text,
                          ReadDocument("manifest.json", kMaxOciManifestBytes));
    // A list, which becomes an object to be read as strictly as all others.
    const absl::StatusOr<nlohmann::json> document =
        ReadJsonObject(StrCat("{\"images\":", text, "}"), "manifest.json");
    if (!document.ok()) return Wrong(std::string(document.status().message()));
    const nlohmann::json& images = document->at("images");
    if (!images.is_array() || images.empty()) return Wrong("manifest.json lists no images");
    const nlohmann::json* found = nullptr;
    for (const nlohmann::json& image : images) {
      if (!image.is_object()) return Wrong("manifest.json lists what is no image");
      if (!reference_.name.empty() && !HasName(image)) continue;
      if (found != nullptr) {
        return Wrong("holds several images; name one: ", Name(), ":NAME");
      }
      found = &image;
    }
    if (found != nullptr) return *found;
    return absl::NotFoundError(StrCat(Name(), ": holds no image ", JsonQuoted(reference_.name)));
  }

  // The manifest that the image would have in a registry.
  absl::Status MakeManifest(const nlohmann::json& image) {
    const std::string config_name = JsonText(image, "Config");
    HPCC_ASSIGN_OR_RETURN(const std::string config_text,
                          ReadDocument(config_name, kMaxImageConfigBytes));
    const absl::StatusOr<OciConfig> config = ParseOciConfig(config_text);
    if (!config.ok()) return Wrong(std::string(config.status().message()));
    OciManifest manifest;
    manifest.config = {std::string(kOciConfigType), OciDigestOf(config_text), config_text.size(),
                       std::nullopt, ""};
    HPCC_ASSIGN_OR_RETURN(blobs_[manifest.config.digest], Find(config_name));
    const auto layers = image.find("Layers");
    if (layers == image.end() || !layers->is_array() || layers->size() > kMaxImageLayers ||
        layers->size() != config->diff_ids.size()) {
      return Wrong("manifest.json lists other layers than the image's configuration, or more than ",
                   kMaxImageLayers);
    }
    for (const nlohmann::json& layer : *layers) {
      if (!layer.is_string()) return Wrong("manifest.json lists a layer that is no name");
      HPCC_ASSIGN_OR_RETURN(const Member member, Find(layer.get<std::string>()));
      const std::string& diff_id = config->diff_ids[manifest.layers.size()];
      HPCC_ASSIGN_OR_RETURN(OciDescriptor descriptor, DescribeLayer(member, diff_id));
      // An image may have one layer twice.
      if (blobs_.try_emplace(descriptor.digest, member).first->second.size != member.size) {
        return Wrong("two layers of other sizes are both ", descriptor.digest);
      }
      manifest.layers.push_back(std::move(descriptor));
    }
    manifest_text_ = OciManifestText(manifest);
    return absl::OkStatus();
  }

  // A plain layer's digest is its diff_id, which is verified when it is pulled; a packed one's is
  // written nowhere.
  absl::StatusOr<OciDescriptor> DescribeLayer(const Member& member, const std::string& diff_id) {
    std::string head;
    const Member begin{member.offset, std::min<uint64_t>(kMagicBytes, member.size), ""};
    HPCC_RETURN_IF_ERROR(ReadMember(begin, 0, [&](std::string_view piece) {
      head.append(piece);
      return absl::OkStatus();
    }));
    std::string_view packing;
    if (head.starts_with(kGzipMagic)) packing = "+gzip";
    if (head.starts_with(kZstdMagic)) packing = "+zstd";
    OciDescriptor descriptor{StrCat(kOciLayerType, packing), diff_id, member.size, std::nullopt,
                             ""};
    if (packing.empty()) return descriptor;
    OciHasher hasher;
    HPCC_RETURN_IF_ERROR(ReadMember(member, 0, [&](std::string_view piece) {
      hasher.Add(piece);
      return absl::OkStatus();
    }));
    descriptor.digest = hasher.Finish();
    return descriptor;
  }

  FileSystem& fs_;
  const std::string path_;
  const ImageReference reference_;
  std::map<std::string, Member> members_;
  std::map<std::string, Member> blobs_;  // by digest
  std::string manifest_text_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<ImageSource>> OpenDockerArchive(FileSystem& fs,
                                                               const std::string& path,
                                                               const ImageReference& reference) {
  auto archive = std::make_unique<DockerArchive>(fs, path, reference);
  HPCC_RETURN_IF_ERROR(archive->Open());
  return archive;
}

}  // namespace hpcc
