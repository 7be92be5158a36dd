#include <array>

#include "admin/image_commands.h"
#include "base/status.h"
#include "base/strings.h"
#include "base/units.h"
#include "cli/text.h"

namespace hpcc {

namespace {

constexpr std::array kOptions = {kImageRootOption, kJsonOption};

struct Contents {
  std::string directory;
  std::vector<StoredImage> images;
  std::vector<RootEntry> roots;
};

absl::StatusOr<Contents> ReadContents(const CommandContext& context, const ParsedOptions& options) {
  HPCC_ASSIGN_OR_RETURN(const std::unique_ptr<ImageStore> store, OpenImageStore(context, options));
  HPCC_ASSIGN_OR_RETURN(const std::unique_ptr<RootCatalog> catalog,
                        OpenRootCatalog(context, options, *store));
  Contents contents{store->directory(), {}, {}};
  HPCC_ASSIGN_OR_RETURN(contents.images, store->List());
  HPCC_ASSIGN_OR_RETURN(contents.roots, catalog->List());
  return contents;
}

std::string ShortDigest(std::string_view digest) {
  constexpr size_t kDigits = 12;
  return std::string(OciDigestHex(digest).substr(0, kDigits));
}

Json ContentsJson(const Contents& contents) {
  Json images = Json::array();
  for (const StoredImage& image : contents.images) images.push_back(ImageJson(image));
  Json roots = Json::array();
  for (const RootEntry& root : contents.roots) {
    roots.push_back({{"image", root.image_digest},
                     {"agent", root.agent_digest},
                     {"path", root.path},
                     {"bytes", root.bytes},
                     {"last_used", FormatIsoTime(root.last_used_ns)},
                     {"in_use", root.in_use}});
  }
  return {{"directory", contents.directory},
          {"images", std::move(images)},
          {"roots", std::move(roots)}};
}

std::string ContentsText(const CommandContext& context, const Contents& contents) {
  if (contents.images.empty() && contents.roots.empty()) {
    return StrCat("no images in ", contents.directory, "\n");
  }
  TextTable table;
  for (const StoredImage& image : contents.images) {
    table.Row(Printable(image.name),
              StrCat(ShortDigest(image.digest), "  ", image.platform.ToString(), "  ",
                     FormatBytes(image.bytes)));
  }
  for (const RootEntry& root : contents.roots) {
    table.Row(
        StrCat("root of ", ShortDigest(root.image_digest)),
        StrCat(FormatBytes(root.bytes), root.in_use ? ", in use" : ", last used ",
               root.in_use ? ""
                           : FormatTimeAndAge(root.last_used_ns, context.clock.NowNanoseconds())));
  }
  return table.ToString();
}

int Run(const CommandContext& context, const ParsedOptions& options) {
  const absl::StatusOr<Contents> contents = ReadContents(context, options);
  if (!contents.ok()) return ComplainOf(context, kImageListCommand, contents.status());
  context.console.Out(options.Has(kJsonOption.name) ? JsonText(ContentsJson(*contents))
                                                    : ContentsText(context, *contents));
  return kExitOk;
}

}  // namespace

constexpr Command kImageListCommand = {
    .name = "image list",
    .summary = "the images and roots there are",
    .description = "Prints the images that were pulled and the roots that were built of them.",
    .options = kOptions,
    .needs_config = false,
    .run = Run,
};

}  // namespace hpcc
