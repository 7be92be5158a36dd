#include <array>

#include "admin/image_commands.h"
#include "base/status.h"
#include "base/strings.h"
#include "base/units.h"

namespace hpcc {

namespace {

constexpr std::array kOptions = {kImagePlatformOption, kImageCaFileOption, kImageAgentOption,
                                 kImageRootOption, kJsonOption};

absl::StatusOr<RootInUse> Build(const CommandContext& context, const ParsedOptions& options) {
  HPCC_ASSIGN_OR_RETURN(const std::unique_ptr<ImageStore> store, OpenImageStore(context, options));
  const std::string& name = options.operands().front();
  absl::StatusOr<StoredImage> image = store->Find(name);
  if (absl::IsNotFound(image.status())) {
    HPCC_ASSIGN_OR_RETURN(const PulledImage pulled, PullByName(context, options, *store, name));
    image = pulled.image;
  }
  if (!image.ok()) return image.status();
  HPCC_ASSIGN_OR_RETURN(const std::unique_ptr<RootCatalog> catalog,
                        OpenRootCatalog(context, options, *store));
  return catalog->Acquire(image->digest);
}

int Run(const CommandContext& context, const ParsedOptions& options) {
  const int64_t began = context.clock.MonotonicNanoseconds();
  const absl::StatusOr<RootInUse> root = Build(context, options);
  if (!root.ok()) return ComplainOf(context, kImageBuildCommand, root.status());
  if (options.Has(kJsonOption.name)) {
    context.console.Out(JsonText({{"path", root->path},
                                  {"digest", root->image_digest},
                                  {"agent", root->agent_digest.ToHex()},
                                  {"bytes", root->bytes},
                                  {"built", root->built}}));
    return kExitOk;
  }
  context.console.Out(StrCat(root->path, "\n"));
  const std::chrono::nanoseconds took(context.clock.MonotonicNanoseconds() - began);
  context.console.Err(
      root->built ? StrCat(FormatBytes(root->bytes), " built in ", FormatDuration(took), "\n")
                  : std::string("was there already\n"));
  return kExitOk;
}

}  // namespace

constexpr Command kImageBuildCommand = {
    .name = "image build",
    .operands = "<image>",
    .summary = "make the root of sandboxes of an image",
    .description =
        "Makes the read-only root file system that sandboxes of this image start from, with the\n"
        "agent in it, unless it is there already, and prints its path. The image is one that was\n"
        "pulled, by name or digest; one that wasn't is pulled first. Workers do the same by\n"
        "themselves when a root is missing.",
    .options = kOptions,
    .min_operands = 1,
    .max_operands = 1,
    .needs_config = false,
    .run = Run,
};

}  // namespace hpcc
