#include "image/oci_manifest.h"

#include <algorithm>
#include <array>

#include "auth/strict_json.h"
#include "base/status.h"
#include "base/strings.h"
#include "image/oci_digest.h"

namespace hpcc {

namespace {

using nlohmann::json;

constexpr size_t kMaxMediaTypeBytes = 255;
constexpr size_t kMaxRefNameBytes = 1024;
constexpr size_t kMaxPlatformsShown = 12;

constexpr std::array<std::string_view, 2> kConfigTypes = {
    kOciConfigType, "application/vnd.docker.container.image.v1+json"};
constexpr std::array<std::string_view, 6> kLayerTypes = {
    kOciLayerType,
    "application/vnd.oci.image.layer.v1.tar+gzip",
    "application/vnd.oci.image.layer.v1.tar+zstd",
    "application/vnd.docker.image.rootfs.diff.tar",
    "application/vnd.docker.image.rootfs.diff.tar.gzip",
    "application/vnd.docker.image.rootfs.diff.tar.zstd"};

template <typename... Pieces>
absl::Status Wrong(const Pieces&... pieces) {
  return absl::InvalidArgumentError(StrCat(pieces...));
}

// A media type that may be shown.
bool IsMediaType(std::string_view text) {
  return !text.empty() && text.size() <= kMaxMediaTypeBytes &&
         std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c <= '~'; });
}

std::string_view WithoutParameters(std::string_view content_type) {
  return StripBlanks(content_type.substr(0, content_type.find(';')));
}

absl::StatusOr<Platform> ReadPlatform(const json& object) {
  Platform platform{JsonText(object, "os"), JsonText(object, "architecture"),
                    JsonText(object, "variant")};
  const std::string text = platform.ToString();
  // Words that can't be written on a command line are nobody's platform, but harmless.
  const bool printable =
      std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c <= '~'; });
  if (!printable || text.size() > kMaxMediaTypeBytes) return Wrong("a platform is no word");
  return platform;
}

absl::StatusOr<OciDescriptor> ReadDescriptor(const json& object, std::string_view what) {
  if (!object.is_object()) return Wrong(what, " is no descriptor");
  OciDescriptor descriptor;
  descriptor.media_type = JsonText(object, "mediaType");
  descriptor.digest = JsonText(object, "digest");
  if (!IsMediaType(descriptor.media_type)) return Wrong(what, " has no media type");
  if (const absl::Status status = CheckOciDigest(descriptor.digest); !status.ok()) {
    return Wrong(what, ": ", std::string(status.message()));
  }
  const auto size = object.find("size");
  if (size == object.end() || !size->is_number_unsigned()) return Wrong(what, " has no size");
  descriptor.size = size->get<uint64_t>();
  if (const auto platform = object.find("platform");
      platform != object.end() && platform->is_object()) {
    HPCC_ASSIGN_OR_RETURN(descriptor.platform, ReadPlatform(*platform));
  }
  if (const auto annotations = object.find("annotations");
      annotations != object.end() && annotations->is_object()) {
    descriptor.ref_name = JsonText(*annotations, std::string(kRefNameAnnotation).c_str());
    if (descriptor.ref_name.size() > kMaxRefNameBytes) return Wrong(what, " has too long a name");
  }
  return descriptor;
}

absl::StatusOr<OciDescriptor> ReadLayer(const json& object, size_t number) {
  const std::string what = StrCat("layer ", number);
  HPCC_ASSIGN_OR_RETURN(OciDescriptor layer, ReadDescriptor(object, what));
  if (StrContains(layer.media_type, "foreign") ||
      StrContains(layer.media_type, "nondistributable") || object.contains("urls")) {
    return Wrong(what, " (", layer.media_type, ") lies outside the registry and isn't fetched");
  }
  if (std::find(kLayerTypes.begin(), kLayerTypes.end(), layer.media_type) == kLayerTypes.end()) {
    return Wrong(what, " is of type ", layer.media_type,
                 ", which hpcc can't read: tar, tar+gzip and tar+zstd");
  }
  if (layer.size > kMaxLayerBytes) {
    return Wrong(what, " has ", layer.size, " bytes; more than ", kMaxLayerBytes, " are not read");
  }
  return layer;
}

absl::StatusOr<json> ReadDocument(std::string_view text, std::string_view what, size_t limit) {
  if (text.size() > limit) return Wrong(what, " is larger than ", limit, " bytes");
  HPCC_ASSIGN_OR_RETURN(json document, ReadJsonObject(text, what));
  return document;
}

absl::Status CheckSchemaVersion(const json& document, std::string_view what) {
  const auto version = document.find("schemaVersion");
  if (version != document.end() && version->is_number_unsigned() && *version == 2u) {
    return absl::OkStatus();
  }
  return Wrong(what, " is not of schema version 2");
}

// Of an architecture's variants, which say what a processor must have: "" is what all have, v2
// comes before v10.
bool IsLower(std::string_view variant, std::string_view other) {
  if (variant.size() != other.size()) return variant.size() < other.size();
  return variant < other;
}

json DescriptorJson(const OciDescriptor& descriptor) {
  json object = {{"mediaType", descriptor.media_type},
                 {"digest", descriptor.digest},
                 {"size", descriptor.size}};
  if (descriptor.platform) {
    object["platform"] = {{"os", descriptor.platform->os},
                          {"architecture", descriptor.platform->architecture}};
    if (!descriptor.platform->variant.empty()) {
      object["platform"]["variant"] = descriptor.platform->variant;
    }
  }
  if (!descriptor.ref_name.empty()) {
    object["annotations"][std::string(kRefNameAnnotation)] = descriptor.ref_name;
  }
  return object;
}

}  // namespace

uint64_t OciManifest::bytes() const {
  uint64_t sum = config.size;
  for (const OciDescriptor& layer : layers) sum += layer.size;
  return sum;
}

bool IsManifestType(std::string_view media_type) {
  return media_type == kOciManifestType || media_type == kDockerManifestType;
}

bool IsIndexType(std::string_view media_type) {
  return media_type == kOciIndexType || media_type == kDockerIndexType;
}

absl::StatusOr<std::string> ManifestTypeOf(std::string_view content_type, std::string_view text) {
  HPCC_ASSIGN_OR_RETURN(const json document,
                        ReadDocument(text, "the image's manifest", kMaxOciManifestBytes));
  const std::string own = JsonText(document, "mediaType");
  const std::string type = own.empty() ? std::string(WithoutParameters(content_type)) : own;
  if (IsManifestType(type) || IsIndexType(type)) return type;
  const auto version = document.find("schemaVersion");
  if (version != document.end() && *version == 1) {
    return Wrong(
        "the image's manifest is of Docker's schema 1, which nobody writes any more; push "
        "the image anew");
  }
  // Documents of the OCI needn't say what they are, and a file has no Content-Type.
  if (document.contains("manifests")) return std::string(kOciIndexType);
  if (document.contains("layers") && document.contains("config")) {
    return std::string(kOciManifestType);
  }
  return Wrong("what the image's name leads to is no image: ",
               IsMediaType(type) ? type : std::string("of an unknown type"));
}

absl::StatusOr<OciManifest> ParseOciManifest(std::string_view text) {
  constexpr std::string_view kWhat = "the image's manifest";
  HPCC_ASSIGN_OR_RETURN(const json document, ReadDocument(text, kWhat, kMaxOciManifestBytes));
  HPCC_RETURN_IF_ERROR(CheckSchemaVersion(document, kWhat));
  OciManifest manifest;
  const auto config = document.find("config");
  if (config == document.end()) return Wrong(kWhat, " names no configuration");
  HPCC_ASSIGN_OR_RETURN(manifest.config, ReadDescriptor(*config, "the configuration"));
  if (std::find(kConfigTypes.begin(), kConfigTypes.end(), manifest.config.media_type) ==
      kConfigTypes.end()) {
    return Wrong("this is no container image but an artifact of type ", manifest.config.media_type);
  }
  if (manifest.config.size > kMaxImageConfigBytes) {
    return Wrong("the configuration is larger than ", kMaxImageConfigBytes, " bytes");
  }
  const auto layers = document.find("layers");
  if (layers == document.end() || !layers->is_array()) return Wrong(kWhat, " has no layers");
  if (layers->size() > kMaxImageLayers) {
    return Wrong("the image has ", layers->size(), " layers; more than ", kMaxImageLayers,
                 " are not read");
  }
  for (const json& object : *layers) {
    HPCC_ASSIGN_OR_RETURN(OciDescriptor layer, ReadLayer(object, manifest.layers.size() + 1));
    manifest.layers.push_back(std::move(layer));
  }
  return manifest;
}

absl::StatusOr<OciIndex> ParseOciIndex(std::string_view text) {
  constexpr std::string_view kWhat = "the image's index";
  HPCC_ASSIGN_OR_RETURN(const json document, ReadDocument(text, kWhat, kMaxOciManifestBytes));
  HPCC_RETURN_IF_ERROR(CheckSchemaVersion(document, kWhat));
  const auto manifests = document.find("manifests");
  if (manifests == document.end() || !manifests->is_array()) return Wrong(kWhat, " has no entries");
  if (manifests->size() > kMaxIndexManifests) {
    return Wrong(kWhat, " has more than ", kMaxIndexManifests, " entries");
  }
  OciIndex index;
  for (const json& object : *manifests) {
    const std::string what = StrCat("entry ", index.manifests.size() + 1, " of the image's index");
    HPCC_ASSIGN_OR_RETURN(OciDescriptor entry, ReadDescriptor(object, what));
    if (!IsManifestType(entry.media_type) && !IsIndexType(entry.media_type)) continue;
    if (entry.size > kMaxOciManifestBytes) {
      return Wrong(what, " is larger than ", kMaxOciManifestBytes, " bytes");
    }
    index.manifests.push_back(std::move(entry));
  }
  return index;
}

absl::StatusOr<OciConfig> ParseOciConfig(std::string_view text) {
  constexpr std::string_view kWhat = "the image's configuration";
  HPCC_ASSIGN_OR_RETURN(const json document, ReadDocument(text, kWhat, kMaxImageConfigBytes));
  OciConfig config;
  HPCC_ASSIGN_OR_RETURN(config.platform, ReadPlatform(document));
  const auto rootfs = document.find("rootfs");
  if (rootfs == document.end() || !rootfs->is_object()) return Wrong(kWhat, " names no layers");
  const auto diff_ids = rootfs->find("diff_ids");
  // An image of no layer at all may leave them out.
  if (diff_ids == rootfs->end() || diff_ids->is_null()) return config;
  if (!diff_ids->is_array() || diff_ids->size() > kMaxImageLayers) {
    return Wrong(kWhat, " has no list of at most ", kMaxImageLayers, " layers");
  }
  for (const json& diff_id : *diff_ids) {
    if (!diff_id.is_string()) return Wrong(kWhat, " has a layer that is no digest");
    HPCC_RETURN_IF_ERROR(CheckOciDigest(diff_id.get<std::string>()));
    config.diff_ids.push_back(diff_id.get<std::string>());
  }
  return config;
}

std::string OciManifestText(const OciManifest& manifest) {
  json layers = json::array();
  for (const OciDescriptor& layer : manifest.layers) layers.push_back(DescriptorJson(layer));
  return JsonDocument({{"schemaVersion", 2},
                       {"mediaType", kOciManifestType},
                       {"config", DescriptorJson(manifest.config)},
                       {"layers", std::move(layers)}});
}

std::string OciIndexText(const OciIndex& index) {
  json manifests = json::array();
  for (const OciDescriptor& entry : index.manifests) manifests.push_back(DescriptorJson(entry));
  return JsonDocument(
      {{"schemaVersion", 2}, {"mediaType", kOciIndexType}, {"manifests", std::move(manifests)}});
}

absl::StatusOr<OciDescriptor> ChooseManifest(const OciIndex& index, const Platform& wanted) {
  std::vector<std::string> offered;
  const OciDescriptor* chosen = nullptr;
  for (const OciDescriptor& entry : index.manifests) {
    if (entry.platform && Satisfies(*entry.platform, wanted)) {
      if (chosen == nullptr || IsLower(entry.platform->variant, chosen->platform->variant)) {
        chosen = &entry;
      }
      continue;
    }
    const std::string name = entry.platform ? entry.platform->ToString() : "unknown";
    if (std::find(offered.begin(), offered.end(), name) == offered.end() &&
        offered.size() < kMaxPlatformsShown && name != "unknown/unknown") {
      offered.push_back(name);
    }
  }
  if (chosen != nullptr) return *chosen;
  if (index.manifests.size() == 1 && !index.manifests.front().platform) {
    return index.manifests.front();
  }
  return absl::NotFoundError(StrCat("the image is not for ", wanted.ToString(), "; it is for: ",
                                    offered.empty() ? "nothing" : StrJoin(offered, ", ")));
}

}  // namespace hpcc
