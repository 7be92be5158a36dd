#include <array>

#include "admin/image_commands.h"
#include "base/status.h"
#include "base/strings.h"
#include "base/units.h"
#include "cli/text.h"

namespace hpcc {

namespace {

constexpr std::array kOptions = {kImagePlatformOption, kImageCaFileOption, kImageRootOption,
                                 kJsonOption};

absl::StatusOr<PulledImage> Pull(const CommandContext& context, const ParsedOptions& options) {
  HPCC_ASSIGN_OR_RETURN(const std::unique_ptr<ImageStore> store, OpenImageStore(context, options));
  return PullByName(context, options, *store, options.operands().front());
}

int Run(const CommandContext& context, const ParsedOptions& options) {
  const absl::StatusOr<PulledImage> pulled = Pull(context, options);
  if (!pulled.ok()) return ComplainOf(context, kImagePullCommand, pulled.status());
  if (options.Has(kJsonOption.name)) {
    Json json = ImageJson(pulled->image);
    json["fetched_bytes"] = pulled->fetched_bytes;
    context.console.Out(JsonText(json));
    return kExitOk;
  }
  context.console.Out(StrCat(Printable(pulled->image.name), "\n", pulled->image.digest, "\n"));
  context.console.Err(StrCat(FormatBytes(pulled->fetched_bytes), " fetched of ",
                             FormatBytes(pulled->image.bytes), "\n"));
  return kExitOk;
}

}  // namespace

constexpr Command kImagePullCommand = {
    .name = "image pull",
    .operands = "<image>",
    .summary = "get an image from a registry, a layout or an archive",
    .description =
        "Gets an image: debian:12, ghcr.io/x/y:tag@sha256:..., localhost:5000/x, "
        "oci:/path/layout[:ref],\n"
        "docker-archive:/path.tar[:name]. Logins are those of $DOCKER_CONFIG/config.json, else\n"
        "~/.docker/config.json. Everything is verified; what an interrupted pull fetched isn't\n"
        "fetched again. Prints the name and the digest of the image's manifest.",
    .options = kOptions,
    .min_operands = 1,
    .max_operands = 1,
    .needs_config = false,
    .run = Run,
};

}  // namespace hpcc
