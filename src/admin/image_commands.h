#ifndef HPCC_ADMIN_IMAGE_COMMANDS_H_
#define HPCC_ADMIN_IMAGE_COMMANDS_H_

// The commands of hpcc-image, which `hpcc image` hands over to, and what they share.

#include <memory>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "cli/command.h"
#include "cli/json_output.h"
#include "image/image_pull.h"
#include "image/image_store.h"
#include "image/root_catalog.h"

namespace hpcc {

extern const Command kImagePullCommand;
extern const Command kImageBuildCommand;
extern const Command kImageListCommand;
extern const Command kImageInspectCommand;
extern const Command kImageRemoveCommand;

inline constexpr OptionSpec kImageRootOption = {
    "--root", "DIR",
    "where images are kept; default: $HPCC_IMAGE_DIR, else $XDG_DATA_HOME/hpcc/images"};
inline constexpr OptionSpec kImagePlatformOption = {
    "--platform", "OS/ARCH", "which of an image's platforms; default: linux/amd64"};
inline constexpr OptionSpec kImageCaFileOption = {
    "--ca-file", "FILE", "certificate authorities in PEM, instead of the system's"};
inline constexpr OptionSpec kImageAgentOption = {
    "--agent", "FILE", "the agent; default: hpcc-agent beside this program"};

// Of --root or the environment. InvalidArgument: none of them says where.
absl::StatusOr<std::unique_ptr<ImageStore>> OpenImageStore(const CommandContext& context,
                                                           const ParsedOptions& options);

// Fetches what `name` names, with a progress bar. InvalidArgument: a wrong word.
absl::StatusOr<PulledImage> PullByName(const CommandContext& context, const ParsedOptions& options,
                                       ImageStore& store, const std::string& name);

// Prepared roots with the agent of --agent. One that only lists and removes needs none.
absl::StatusOr<std::unique_ptr<RootCatalog>> OpenRootCatalog(const CommandContext& context,
                                                             const ParsedOptions& options,
                                                             ImageStore& store);

// Complains with the exit status an error deserves.
int ComplainOf(const CommandContext& context, const Command& command, const absl::Status& status);

Json ImageJson(const StoredImage& image);

// The whole program: the value is its exit status.
int RunImage(int argc, char** argv);

}  // namespace hpcc

#endif  // HPCC_ADMIN_IMAGE_COMMANDS_H_
