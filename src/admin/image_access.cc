// What the commands of hpcc-image share.

#include "admin/image_commands.h"
#include "base/home_directory.h"
#include "base/path.h"
#include "base/status.h"
#include "base/strings.h"
#include "cli/progress.h"
#include "cli/text.h"
#include "image/docker_archive.h"
#include "image/docker_config.h"
#include "image/oci_layout.h"
#include "image/reference.h"
#include "image/registry_client.h"
#include "image/root_builder.h"

namespace hpcc {

namespace {

absl::StatusOr<std::string> StoreDirectory(const CommandContext& context,
                                           const ParsedOptions& options) {
  const std::string given = options.Value(kImageRootOption.name)
                                .value_or(context.environment.GetOrEmpty("HPCC_IMAGE_DIR"));
  if (!given.empty()) return path::Join(context.cwd, given);
  // XDG Base Directory Specification: a relative path there is to be ignored.
  const std::string data = context.environment.GetOrEmpty("XDG_DATA_HOME");
  if (path::IsAbsolute(data)) return path::Join(data, "hpcc/images");
  const absl::StatusOr<std::string> home = HomeDirectory(context.fs, context.environment);
  if (home.ok()) return path::Join(*home, ".local/share/hpcc/images");
  return absl::InvalidArgumentError("where are images kept? --root DIR or HPCC_IMAGE_DIR says it");
}

absl::StatusOr<std::unique_ptr<ImageSource>> OpenSource(const CommandContext& context,
                                                        const ParsedOptions& options,
                                                        const ImageReference& reference) {
  const std::string path = path::Join(context.cwd, reference.path);
  switch (reference.source) {
    case ImageReference::Source::kOciLayout:
      return OpenOciLayout(context.fs, path, reference);
    case ImageReference::Source::kDockerArchive:
      return OpenDockerArchive(context.fs, path, reference);
    case ImageReference::Source::kRegistry:
      break;
  }
  RegistryOptions registry;
  if (const std::optional<std::string> ca_file = options.Value(kImageCaFileOption.name)) {
    registry.ca_file = path::Join(context.cwd, *ca_file);
  }
  registry.network = NetworkSettingsOf(context.environment);
  HPCC_ASSIGN_OR_RETURN(registry.credentials,
                        FindRegistryCredentials(context.fs, context.environment, reference.host));
  return MakeRegistrySource(reference, std::move(registry), context.clock);
}

}  // namespace

absl::StatusOr<std::unique_ptr<ImageStore>> OpenImageStore(const CommandContext& context,
                                                           const ParsedOptions& options) {
  HPCC_ASSIGN_OR_RETURN(const std::string directory, StoreDirectory(context, options));
  return ImageStore::Open(context.fs, context.clock, directory);
}

absl::StatusOr<PulledImage> PullByName(const CommandContext& context, const ParsedOptions& options,
                                       ImageStore& store, const std::string& name) {
  HPCC_ASSIGN_OR_RETURN(const ImageReference reference, ParseImageReference(name));
  PullOptions pull;
  if (const std::optional<std::string> text = options.Value(kImagePlatformOption.name)) {
    HPCC_ASSIGN_OR_RETURN(pull.platform, ParsePlatform(*text));
  }
  HPCC_ASSIGN_OR_RETURN(const std::unique_ptr<ImageSource> source,
                        OpenSource(context, options, reference));
  Progress progress(context, StrCat("Pulling ", Printable(source->Name())));
  pull.progress = [&](uint64_t done, uint64_t total) { progress.ShowBytes(done, total); };
  return PullImage(*source, store, reference, pull, context.clock);
}

absl::StatusOr<std::unique_ptr<RootCatalog>> OpenRootCatalog(const CommandContext& context,
                                                             const ParsedOptions& options,
                                                             ImageStore& store) {
  RootCatalogOptions catalog;
  const std::optional<std::string> agent = options.Value(kImageAgentOption.name);
  catalog.agent_path = agent ? path::Join(context.cwd, *agent)
                             : path::Join(path::Dirname(context.program), "hpcc-agent");
  const auto build = [&context, agent_path = catalog.agent_path](
                         const std::vector<LayerBlob>& layers, const std::string& output_path) {
    Progress progress(context, "Building the root");
    RootOptions root;
    root.agent_path = agent_path;
    root.progress = [&](const RootProgress& so_far) {
      progress.ShowBytes(so_far.done, so_far.total);
      return absl::OkStatus();
    };
    return BuildRoot(layers, root, context.fs, output_path);
  };
  return RootCatalog::Open(context.fs, context.clock, store, std::move(catalog), build);
}

int ComplainOf(const CommandContext& context, const Command& command, const absl::Status& status) {
  return Complain(context, command, Printable(std::string(status.message())),
                  absl::IsInvalidArgument(status) ? kExitUsage : kExitFailed);
}

Json ImageJson(const StoredImage& image) {
  return {{"name", image.name},
          {"digest", image.digest},
          {"platform", image.platform.ToString()},
          {"bytes", image.bytes}};
}

}  // namespace hpcc
