#ifndef HPCC_IMAGE_REFERENCE_H_
#define HPCC_IMAGE_REFERENCE_H_

// Images as users name them:
//
//   image          = registry-image | "oci:" path [":" ref] ["@" digest]
//                  | "docker-archive:" path [":" repo-tag]
//   registry-image = name [":" tag] ["@" digest]
//   name           = [host [":" port] "/"] component *("/" component)
//   host           = domain name | IPv4 address | "[" IPv6 address "]"
//   component      = 1*alnum *(separator 1*alnum)      alnum: a-z 0-9
//   separator      = "." | "_" | "__" | 1*"-"
//   tag            = (letter | digit | "_") 0*127(letter | digit | "_" | "." | "-")
//   digest         = image/oci_digest.h
//
// The rules of components and tags are those of the OCI distribution specification 1.0, "Pulling
// manifests"; that the first component is a host when it holds "." or ":" or is "localhost", and
// that names without a host are docker.io's ("debian" is "docker.io/library/debian"), is Docker's
// custom. Without a tag and a digest the tag is "latest". With both, the digest decides. A name is
// at most 255 bytes, a whole reference at most 4096. A path must not hold ":" or "@".

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace hpcc {

inline constexpr size_t kMaxReferenceBytes = 4096;
inline constexpr size_t kMaxRepositoryBytes = 255;
inline constexpr size_t kMaxTagBytes = 128;

struct ImageReference {
  enum class Source : uint8_t { kRegistry, kOciLayout, kDockerArchive };

  Source source = Source::kRegistry;
  // kRegistry.
  std::string host;        // "docker.io", "localhost:5000", "[::1]:5000"
  std::string repository;  // "library/debian"
  std::string tag;         // of kRegistry: "" when only a digest was given
  // kRegistry and kOciLayout.
  std::string digest;  // "" or a valid one
  // kOciLayout and kDockerArchive.
  std::string path;  // as it was written
  std::string name;  // which of the images in it; "": the only one

  // The reference with all that was left out: "docker.io/library/debian:latest". Parsing it gives
  // an equal reference.
  std::string ToString() const;

  friend bool operator==(const ImageReference&, const ImageReference&) = default;
};

// InvalidArgument says which part is wrong and what was expected; the text in it is printable.
absl::StatusOr<ImageReference> ParseImageReference(std::string_view text);

}  // namespace hpcc

#endif  // HPCC_IMAGE_REFERENCE_H_
