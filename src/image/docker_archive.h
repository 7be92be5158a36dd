#ifndef HPCC_IMAGE_DOCKER_ARCHIVE_H_
#define HPCC_IMAGE_DOCKER_ARCHIVE_H_

// An image in a tar file as `docker save`, `podman save` and skopeo write it:
//
//   manifest.json   [{"Config": name, "RepoTags": [name, …], "Layers": [name, …]}, …]
//   and files of these names; a layer's may be a symbolic link to another's
//
// Its images have no manifest of the OCI's kind: one is made, always the same of the same archive.
// Layers are tar files, plain or packed as their first bytes say.

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "base/file_system.h"
#include "image/image_source.h"
#include "image/reference.h"

namespace hpcc {

// The image of the archive at `path` that is `reference`.name ("debian:12" is found as
// "docker.io/library/debian:12", as these archives have it either way), or its only one. Reads the
// whole file once. `fs` outlives the source. InvalidArgument: it is no such archive, or holds
// several images and none is named. NotFound: no such file, or no image of this name.
absl::StatusOr<std::unique_ptr<ImageSource>> OpenDockerArchive(FileSystem& fs,
                                                               const std::string& path,
                                                               const ImageReference& reference);

}  // namespace hpcc

#endif  // HPCC_IMAGE_DOCKER_ARCHIVE_H_
