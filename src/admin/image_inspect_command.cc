#include <array>

#include "admin/image_commands.h"
#include "base/status.h"
#include "base/strings.h"
#include "base/units.h"
#include "cli/text.h"

namespace hpcc {

namespace {

constexpr std::array kOptions = {kImageRootOption, kJsonOption};

struct Description {
  StoredImage image;
  OciManifest manifest;
  OciConfig config;
  std::vector<RootEntry> roots;
};

absl::StatusOr<Description> Describe(const CommandContext& context, const ParsedOptions& options) {
  HPCC_ASSIGN_OR_RETURN(const std::unique_ptr<ImageStore> store, OpenImageStore(context, options));
  Description description;
  HPCC_ASSIGN_OR_RETURN(description.image, store->Find(options.operands().front()));
  HPCC_ASSIGN_OR_RETURN(description.manifest, store->ReadManifest(description.image.digest));
  HPCC_ASSIGN_OR_RETURN(description.config, store->ReadConfig(description.manifest));
  HPCC_ASSIGN_OR_RETURN(const std::unique_ptr<RootCatalog> catalog,
                        OpenRootCatalog(context, options, *store));
  HPCC_ASSIGN_OR_RETURN(description.roots, catalog->List());
  std::erase_if(description.roots, [&](const RootEntry& root) {
    return root.image_digest != description.image.digest;
  });
  return description;
}

Json DescriptionJson(const Description& description) {
  Json json = ImageJson(description.image);
  json["config"] = description.manifest.config.digest;
  json["layers"] = Json::array();
  for (size_t i = 0; i < description.manifest.layers.size(); ++i) {
    const OciDescriptor& layer = description.manifest.layers[i];
    json["layers"].push_back({{"digest", layer.digest},
                              {"media_type", layer.media_type},
                              {"bytes", layer.size},
                              {"diff_id", description.config.diff_ids[i]}});
  }
  json["roots"] = Json::array();
  for (const RootEntry& root : description.roots) {
    json["roots"].push_back({{"path", root.path},
                             {"bytes", root.bytes},
                             {"agent", root.agent_digest},
                             {"in_use", root.in_use}});
  }
  return json;
}

std::string DescriptionText(const Description& description) {
  TextTable table;
  table.Row("image", Printable(description.image.name));
  table.Row("digest", description.image.digest);
  table.Row("platform", description.image.platform.ToString());
  table.Row("configuration", description.manifest.config.digest);
  for (const OciDescriptor& layer : description.manifest.layers) {
    table.Row("layer", StrCat(layer.digest, "  ", FormatBytes(layer.size)));
  }
  for (const RootEntry& root : description.roots) {
    table.Row("root", StrCat(root.path, "  ", FormatBytes(root.bytes)));
  }
  return table.ToString();
}

int Run(const CommandContext& context, const ParsedOptions& options) {
  const absl::StatusOr<Description> description = Describe(context, options);
  if (!description.ok()) return ComplainOf(context, kImageInspectCommand, description.status());
  context.console.Out(options.Has(kJsonOption.name) ? JsonText(DescriptionJson(*description))
                                                    : DescriptionText(*description));
  return kExitOk;
}

}  // namespace

constexpr Command kImageInspectCommand = {
    .name = "image inspect",
    .operands = "<image>",
    .summary = "what an image is made of",
    .description =
        "Prints the layers of an image that was pulled, by name, digest or the first 12 or more\n"
        "digits of one, and the roots that were built of it.",
    .options = kOptions,
    .min_operands = 1,
    .max_operands = 1,
    .needs_config = false,
    .run = Run,
};

}  // namespace hpcc
