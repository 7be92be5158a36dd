#ifndef HPCC_IMAGE_OCI_MANIFEST_H_
#define HPCC_IMAGE_OCI_MANIFEST_H_

// The documents an image is described by: OCI image specification 1.0 ("manifest.md",
// "image-index.md", "config.md", "descriptor.md") and the same of Docker (image manifest version 2,
// schema 2), which differ in media types only. They come from registries and are not trusted:
// strict JSON, limits on counts and sizes, digests checked for their form. Nothing here checks that
// bytes are what a digest says; whoever fetches them does.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "image/platform.h"

namespace hpcc {

inline constexpr size_t kMaxOciManifestBytes = 4 << 20;  // manifests and indexes
inline constexpr size_t kMaxImageConfigBytes = 4 << 20;  // image configurations
inline constexpr size_t kMaxImageLayers = 128;
inline constexpr size_t kMaxIndexManifests = 1024;
inline constexpr uint64_t kMaxLayerBytes = uint64_t{16} << 30;  // as it is transferred

inline constexpr std::string_view kOciManifestType = "application/vnd.oci.image.manifest.v1+json";
inline constexpr std::string_view kOciIndexType = "application/vnd.oci.image.index.v1+json";
inline constexpr std::string_view kDockerManifestType =
    "application/vnd.docker.distribution.manifest.v2+json";
inline constexpr std::string_view kDockerIndexType =
    "application/vnd.docker.distribution.manifest.list.v2+json";
inline constexpr std::string_view kOciConfigType = "application/vnd.oci.image.config.v1+json";
inline constexpr std::string_view kOciLayerType = "application/vnd.oci.image.layer.v1.tar";
inline constexpr std::string_view kRefNameAnnotation = "org.opencontainers.image.ref.name";

// Names a part of an image: what it is, and what its bytes must be.
struct OciDescriptor {
  std::string media_type;
  std::string digest;
  uint64_t size = 0;                 // bytes
  std::optional<Platform> platform;  // in indexes
  std::string ref_name;              // the annotation; in indexes of layouts
};

struct OciManifest {
  OciDescriptor config;
  std::vector<OciDescriptor> layers;  // lowest first

  uint64_t bytes() const;  // of configuration and layers together
};

struct OciIndex {
  std::vector<OciDescriptor> manifests;
};

struct OciConfig {
  Platform platform;                  // os and architecture are "" when they are not said
  std::vector<std::string> diff_ids;  // digests of the unpacked layers, lowest first
};

bool IsManifestType(std::string_view media_type);
bool IsIndexType(std::string_view media_type);

// What a document with this Content-Type (parameters may follow it) and text is, as one of the four
// types above: the text's own "mediaType" decides where there is one, as the specification says.
// InvalidArgument for anything else; Docker's schema 1 is named in the message.
absl::StatusOr<std::string> ManifestTypeOf(std::string_view content_type, std::string_view text);

// InvalidArgument says which rule the document breaks. A layer that lies outside the registry
// ("urls", "foreign", "nondistributable") or whose type is unknown is refused by name.
absl::StatusOr<OciManifest> ParseOciManifest(std::string_view text);
// Entries that are neither manifest nor index are left out.
absl::StatusOr<OciIndex> ParseOciIndex(std::string_view text);
absl::StatusOr<OciConfig> ParseOciConfig(std::string_view text);

// The document of a manifest; the same manifest gives the same bytes.
std::string OciManifestText(const OciManifest& manifest);
std::string OciIndexText(const OciIndex& index);

// The manifest for a platform; of several that will do, as when a platform without a variant is
// wanted, the one that asks least of a processor: without a variant, else the lowest. An entry that
// doesn't say what it is for is taken when it is the only one. NotFound lists the platforms there
// are.
absl::StatusOr<OciDescriptor> ChooseManifest(const OciIndex& index, const Platform& wanted);

}  // namespace hpcc

#endif  // HPCC_IMAGE_OCI_MANIFEST_H_
