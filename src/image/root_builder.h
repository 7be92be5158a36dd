#ifndef HPCC_IMAGE_ROOT_BUILDER_H_
#define HPCC_IMAGE_ROOT_BUILDER_H_

// From an image's layers to the root file system of a sandbox: one squashfs 4.0 file, in which
// nothing is of the host but the agent.
//
// Layers are tar files as the OCI image specification has them
// (https://github.com/opencontainers/image-spec/blob/main/layer.md). They are read twice: the first
// reading checks every byte (digests, limits, names) and decides which entry of which layer stays,
// the second writes the data of those that stay. Nothing is unpacked anywhere.
//
// What differs from the image on purpose:
//  - /.hpcc belongs to hpcc: what the image has there is left out, and the agent is /.hpcc/agent.
//  - kRootMountPoints are directories, whatever the image has in their places. What it has below
//    /proc, /sys and /dev is left out: the sandbox mounts over it.
//  - Set-uid and set-gid bits, the attribute "security.capability", device nodes, FIFOs: left out.
//    The mount is nosuid and nodev too; neither rests on the other.
//  - Attributes that squashfs has no place for (all but user., trusted. and security.), and those
//  of
//    overlayfs ("trusted.overlay."): left out.
//
// The same layers, agent and options give the same bytes.

#include <array>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "base/file_system.h"

namespace hpcc {

// Empty directories in every root, made where the image has none.
inline constexpr std::array<std::string_view, 7> kRootMountPoints = {
    "/proc", "/sys", "/dev", "/tmp", "/run", "/exec", "/.hpcc"};
inline constexpr std::string_view kRootAgentPath = "/.hpcc/agent";

// One layer as it lies on disk.
struct LayerBlob {
  std::string path;        // the file
  std::string media_type;  // only tells messages what it was said to be: the bytes tell what it is
  std::string digest;      // "sha256:" and 64 hex digits, of the file's bytes
  std::string diff_id;     // the same of the tar inside, or empty: not checked
};

// Of all layers together. One step over any of them is ResourceExhausted, named.
struct RootLimits {
  uint64_t entries = 1'000'000;
  uint64_t bytes = uint64_t{64} << 30;  // of files, as long as they look (holes count)
  uint64_t tar_bytes = uint64_t{64} << 30;
  uint64_t metadata_bytes = uint64_t{256} << 20;  // of paths, link targets and attributes: memory
  size_t path_bytes = 4096;       // of one path; a name between slashes has 255 at most
  size_t xattr_bytes = 64 << 10;  // of one entry's attributes, names and values
  // Decompressed bytes per compressed byte of a layer, looked at beyond the first 64 MiB.
  uint64_t expansion = 200;
};

enum class RootCompression : uint8_t { kZstd, kGzip };

struct RootProgress {
  uint64_t done = 0;   // compressed bytes read, of both readings
  uint64_t total = 0;  // so many there will be, at most
};

struct RootOptions {
  std::string agent_path;  // of hpcc-agent on this machine; empty: the root has no agent
  RootLimits limits;
  RootCompression compression = RootCompression::kZstd;
  int level = 0;  // of the compression; 0: its default here
  // Called about every MiB from the calling thread. An error stops the building and is returned.
  std::function<absl::Status(const RootProgress&)> progress;
};

// `layers` lowest first; none is an image from scratch. `output_path` is made anew beside itself
// and renamed into place, mode 0644 whatever the umask: a VMM's user must be able to read it. After
// an error there is nothing. Blocks for seconds to minutes; needs memory for the entries' names and
// attributes, not for their data. DataLoss: a digest differs, or a layer is cut short.
// InvalidArgument: a layer breaks a rule; the message names layer, entry and rule.
// ResourceExhausted: a limit, or the disk is full. FailedPrecondition: a compression nobody here
// reads.
absl::Status BuildRoot(const std::vector<LayerBlob>& layers, const RootOptions& options,
                       FileSystem& fs, const std::string& output_path);

}  // namespace hpcc

#endif  // HPCC_IMAGE_ROOT_BUILDER_H_
