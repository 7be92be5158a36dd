#ifndef HPCC_IMAGE_OCI_LAYOUT_H_
#define HPCC_IMAGE_OCI_LAYOUT_H_

// An image in a directory of this machine: OCI image specification 1.0, "image-layout.md", as
// skopeo, umoci, buildah and ImageStore write it.

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "base/file_system.h"
#include "image/image_source.h"
#include "image/reference.h"

namespace hpcc {

// The image of `directory` that is `reference`.name or .digest, or its only one; several without a
// name are the platforms of one. `fs` outlives the source. NotFound: there is no such directory;
// FailedPrecondition: it is no layout of version 1.
absl::StatusOr<std::unique_ptr<ImageSource>> OpenOciLayout(FileSystem& fs,
                                                           const std::string& directory,
                                                           const ImageReference& reference);

}  // namespace hpcc

#endif  // HPCC_IMAGE_OCI_LAYOUT_H_
