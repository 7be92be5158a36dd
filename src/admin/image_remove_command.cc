#include <algorithm>
#include <array>

#include "admin/image_commands.h"
#include "base/status.h"
#include "base/strings.h"
#include "base/units.h"
#include "cli/text.h"

namespace hpcc {

namespace {

constexpr std::array kOptions = {kImageRootOption, kJsonOption};

struct Removed {
  StoredImage image;
  uint64_t freed_bytes = 0;
};

absl::StatusOr<Removed> Remove(const CommandContext& context, const ParsedOptions& options) {
  HPCC_ASSIGN_OR_RETURN(const std::unique_ptr<ImageStore> store, OpenImageStore(context, options));
  const std::string& name = options.operands().front();
  Removed removed;
  HPCC_ASSIGN_OR_RETURN(removed.image, store->Find(name));
  HPCC_RETURN_IF_ERROR(store->RemoveImage(name));
  HPCC_ASSIGN_OR_RETURN(const std::vector<StoredImage> left, store->List());
  const bool has_another_name =
      std::any_of(left.begin(), left.end(),
                  [&](const StoredImage& image) { return image.digest == removed.image.digest; });
  if (!has_another_name) {
    HPCC_ASSIGN_OR_RETURN(const std::unique_ptr<RootCatalog> catalog,
                          OpenRootCatalog(context, options, *store));
    HPCC_ASSIGN_OR_RETURN(removed.freed_bytes, catalog->Remove(removed.image.digest));
  }
  HPCC_ASSIGN_OR_RETURN(const uint64_t freed, store->RemoveUnusedBlobs());
  removed.freed_bytes += freed;
  return removed;
}

int Run(const CommandContext& context, const ParsedOptions& options) {
  const absl::StatusOr<Removed> removed = Remove(context, options);
  if (!removed.ok()) return ComplainOf(context, kImageRemoveCommand, removed.status());
  if (options.Has(kJsonOption.name)) {
    Json json = ImageJson(removed->image);
    json["freed_bytes"] = removed->freed_bytes;
    context.console.Out(JsonText(json));
  } else {
    context.console.Out(StrCat(Printable(removed->image.name), ": ",
                               FormatBytes(removed->freed_bytes), " freed\n"));
  }
  return kExitOk;
}

}  // namespace

constexpr Command kImageRemoveCommand = {
    .name = "image remove",
    .operands = "<image>",
    .summary = "forget an image, its roots and what no other needs",
    .description =
        "Takes a name away, or with a digest all names of that image. An image without a name\n"
        "loses its roots, but for those in use, and the layers no other image has; not while\n"
        "somebody pulls or builds, then the next removal does it.",
    .options = kOptions,
    .min_operands = 1,
    .max_operands = 1,
    .needs_config = false,
    .run = Run,
};

}  // namespace hpcc
