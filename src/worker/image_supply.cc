#include "worker/image_supply.h"

#include <algorithm>
#include <utility>

#include "base/status.h"
#include "base/strings.h"
#include "image/docker_config.h"
#include "image/image_pull.h"
#include "image/registry_client.h"
#include "image/root_builder.h"

namespace hpcc {

namespace {

using std::chrono::milliseconds;

absl::Status TookTooLong() {
  // Not DeadlineExceeded: that would be tried again.
  return absl::CancelledError("it took longer than images.pull_time, or the worker is ending");
}

// Gives up once `go_on` says no.
class StoppableSource final : public ImageSource {
 public:
  StoppableSource(std::unique_ptr<ImageSource> inner, std::function<bool()> go_on)
      : inner_(std::move(inner)), go_on_(std::move(go_on)) {}

  std::string Name() const override { return inner_->Name(); }
  absl::StatusOr<ManifestDocument> TopManifest() override {
    if (!go_on_()) return TookTooLong();
    return inner_->TopManifest();
  }
  absl::StatusOr<ManifestDocument> Manifest(const OciDescriptor& descriptor) override {
    if (!go_on_()) return TookTooLong();
    return inner_->Manifest(descriptor);
  }
  absl::Status ReadBlob(const OciDescriptor& descriptor, uint64_t offset,
                        const BlobSink& sink) override {
    return inner_->ReadBlob(descriptor, offset, [&](std::string_view piece) {
      return go_on_() ? sink(piece) : TookTooLong();
    });
  }

 private:
  const std::unique_ptr<ImageSource> inner_;
  const std::function<bool()> go_on_;
};

class StoredImageSupply final : public ImageSupply {
 public:
  StoredImageSupply(ImageSettings settings, std::string agent, FileSystem& fs, Clock& clock,
                    ImageSupplyParts parts)
      : settings_(std::move(settings)),
        agent_(std::move(agent)),
        fs_(fs),
        clock_(clock),
        parts_(std::move(parts)) {}

  absl::Status Open() {
    HPCC_RETURN_IF_ERROR(MakeDirectories(fs_, settings_.directory, 0700));
    HPCC_ASSIGN_OR_RETURN(store_, ImageStore::Open(fs_, clock_, settings_.directory));
    HPCC_ASSIGN_OR_RETURN(catalog_, OpenCatalog([] { return true; }));
    return absl::OkStatus();
  }

  absl::Status Check(const ImageReference& reference) const override;
  absl::StatusOr<std::string> Fetch(const ImageReference& reference,
                                    const std::function<bool()>& go_on) override;
  absl::StatusOr<PreparedRoot> Root(const std::string& digest) override;
  absl::StatusOr<std::vector<StoredImage>> Prepared() override;
  absl::Status Sweep(const std::function<std::set<std::string>()>& busy) override;

 private:
  absl::StatusOr<std::string> Pull(const ImageReference& reference,
                                   const std::function<bool()>& go_on);
  // The catalogue, with a builder that gives up once `go_on` says no.
  absl::StatusOr<std::unique_ptr<RootCatalog>> OpenCatalog(std::function<bool()> go_on) const;
  absl::StatusOr<std::set<std::string>> DigestsWithRoots();

  const ImageSettings settings_;
  const std::string agent_;
  FileSystem& fs_;
  Clock& clock_;
  const ImageSupplyParts parts_;
  std::unique_ptr<ImageStore> store_;
  std::unique_ptr<RootCatalog> catalog_;
};

absl::StatusOr<std::unique_ptr<RootCatalog>> StoredImageSupply::OpenCatalog(
    std::function<bool()> go_on) const {
  RootCatalogOptions options;
  options.agent_path = agent_;
  options.max_bytes = settings_.max_roots;
  options.idle = std::chrono::ceil<std::chrono::hours>(settings_.idle);
  options.patience = settings_.pull_time;
  RootOptions root;
  root.agent_path = agent_;
  root.progress = [go_on = std::move(go_on)](const RootProgress&) {
    return go_on() ? absl::OkStatus() : TookTooLong();
  };
  RootBuilder build = parts_.build_root;
  if (!build) {
    build = [this, root](const std::vector<LayerBlob>& layers, const std::string& path) {
      return BuildRoot(layers, root, fs_, path);
    };
  }
  return RootCatalog::Open(fs_, clock_, *store_, options, std::move(build));
}

absl::Status StoredImageSupply::Check(const ImageReference& reference) const {
  if (reference.source != ImageReference::Source::kRegistry) {
    return absl::InvalidArgumentError("workers take images from registries only");
  }
  if (IsAllowedRegistry(reference, settings_.registries)) return absl::OkStatus();
  return absl::PermissionDeniedError(
      StrCat(reference.host, "/", reference.repository,
             ": none of images.registries; this worker takes nothing from there"));
}

absl::StatusOr<std::string> StoredImageSupply::Pull(const ImageReference& reference,
                                                    const std::function<bool()>& go_on) {
  HPCC_ASSIGN_OR_RETURN(std::unique_ptr<ImageSource> source, parts_.open_source(reference));
  StoppableSource stoppable(std::move(source), go_on);
  PullOptions options;
  options.max_image_bytes = settings_.max_image;
  options.patience = settings_.pull_time;
  HPCC_ASSIGN_OR_RETURN(const PulledImage pulled,
                        PullImage(stoppable, *store_, reference, options, clock_));
  return pulled.image.digest;
}

absl::StatusOr<std::string> StoredImageSupply::Fetch(const ImageReference& reference,
                                                     const std::function<bool()>& go_on) {
  HPCC_RETURN_IF_ERROR(Check(reference));
  const int64_t end_ns =
      clock_.MonotonicNanoseconds() + std::chrono::nanoseconds(settings_.pull_time).count();
  const std::function<bool()> in_time = [&] {
    return go_on() && clock_.MonotonicNanoseconds() < end_ns;
  };
  // While this lives, nobody takes the layers away that the root is made of.
  HPCC_ASSIGN_OR_RETURN(const std::unique_ptr<Hold> hold, store_->HoldBlobs());
  std::string digest;
  const absl::StatusOr<StoredImage> stored = store_->Find(reference.ToString());
  if (stored.ok() && !reference.digest.empty() && store_->HasImage(stored->digest)) {
    digest = stored->digest;
  } else {
    HPCC_ASSIGN_OR_RETURN(digest, Pull(reference, in_time));
  }
  HPCC_ASSIGN_OR_RETURN(const std::unique_ptr<RootCatalog> catalog, OpenCatalog(in_time));
  absl::Status status = catalog->Acquire(digest).status();
  // What turned out to be damaged was removed: it is got again, once.
  if (!status.ok() && !store_->HasImage(digest)) {
    HPCC_ASSIGN_OR_RETURN(digest, Pull(reference, in_time));
    status = catalog->Acquire(digest).status();
  }
  HPCC_RETURN_IF_ERROR(status);
  return digest;
}

absl::StatusOr<PreparedRoot> StoredImageSupply::Root(const std::string& digest) {
  HPCC_ASSIGN_OR_RETURN(RootInUse root, catalog_->Acquire(digest));
  return PreparedRoot{std::move(root.path), std::shared_ptr<const Hold>(std::move(root.hold))};
}

absl::StatusOr<std::set<std::string>> StoredImageSupply::DigestsWithRoots() {
  HPCC_ASSIGN_OR_RETURN(const std::vector<RootEntry> roots, catalog_->List());
  std::set<std::string> digests;
  for (const RootEntry& root : roots) digests.insert(root.image_digest);
  return digests;
}

absl::StatusOr<std::vector<StoredImage>> StoredImageSupply::Prepared() {
  HPCC_ASSIGN_OR_RETURN(std::vector<StoredImage> images, store_->List());
  HPCC_ASSIGN_OR_RETURN(const std::set<std::string> digests, DigestsWithRoots());
  std::erase_if(images, [&](const StoredImage& image) { return !digests.contains(image.digest); });
  return images;
}

absl::Status StoredImageSupply::Sweep(const std::function<std::set<std::string>()>& busy) {
  // In this order: whoever was done fetching before `busy` was asked has its root by then.
  HPCC_ASSIGN_OR_RETURN(const std::vector<StoredImage> images, store_->List());
  const std::set<std::string> names = busy();
  HPCC_ASSIGN_OR_RETURN(const std::set<std::string> digests, DigestsWithRoots());
  for (const StoredImage& image : images) {
    if (names.contains(image.name) || digests.contains(image.digest)) continue;
    store_->RemoveImage(image.name).IgnoreError();
  }
  return store_->RemoveUnusedBlobs().status();
}

bool IsRegistryCharacter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '-' || c == '_' ||
         c == ':' || c == '/' || c == '[' || c == ']';
}

}  // namespace

absl::Status CheckRegistryEntry(std::string_view entry) {
  const bool plain = std::all_of(entry.begin(), entry.end(), IsRegistryCharacter);
  // What comes of it as the name of an image says whether it begins with a host. Two parts: one
  // alone would be taken for one of docker.io's own.
  constexpr std::string_view kRest = "/owner/name";
  const absl::StatusOr<ImageReference> reference = ParseImageReference(StrCat(entry, kRest));
  const bool names_host =
      plain && reference.ok() && reference->source == ImageReference::Source::kRegistry &&
      StrCat(reference->host, "/", reference->repository) == StrCat(entry, kRest);
  if (names_host) return absl::OkStatus();
  return absl::InvalidArgumentError(
      "write registries as \"ghcr.io\", \"registry.example:5000\", \"ghcr.io/owner\", "
      "\"docker.io\"");
}

bool IsAllowedRegistry(const ImageReference& reference,
                       const std::vector<std::string>& registries) {
  const std::string name = StrCat(reference.host, "/", reference.repository);
  return std::any_of(registries.begin(), registries.end(), [&](const std::string& entry) {
    return name == entry || name.starts_with(StrCat(entry, "/"));
  });
}

absl::StatusOr<std::unique_ptr<ImageSupply>> OpenImageSupply(const ImageSettings& settings,
                                                             const std::string& agent,
                                                             const NetworkSettings& network,
                                                             FileSystem& fs, Clock& clock,
                                                             ImageSupplyParts parts) {
  if (!parts.open_source) {
    parts.open_source =
        [settings, network, &fs,
         &clock](const ImageReference& reference) -> absl::StatusOr<std::unique_ptr<ImageSource>> {
      RegistryOptions options;
      options.ca_file = settings.ca_file;
      options.network = network;
      if (!settings.credentials_file.empty()) {
        HPCC_ASSIGN_OR_RETURN(
            options.credentials,
            ReadRegistryCredentials(fs, settings.credentials_file, reference.host));
      }
      return MakeRegistrySource(reference, std::move(options), clock);
    };
  }
  auto supply = std::make_unique<StoredImageSupply>(settings, agent, fs, clock, std::move(parts));
  HPCC_RETURN_IF_ERROR(supply->Open());
  return supply;
}

}  // namespace hpcc
