#ifndef HPCC_WORKER_MANIFEST_FRAME_H_
#define HPCC_WORKER_MANIFEST_FRAME_H_

// A manifest as it travels: compiler/manifest.h's encoding in one zstd frame (RFC 8878) that says
// how much it holds.

#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace hpcc {

// The encoded manifest, not yet looked at. InvalidArgument: no such frame, or one of more than
// kMaxManifestBytes; nothing is expanded then.
absl::StatusOr<std::string> ExpandManifest(std::string_view frame);

}  // namespace hpcc

#endif  // HPCC_WORKER_MANIFEST_FRAME_H_
