#ifndef HPCC_WORKER_IMAGE_SUPPLY_H_
#define HPCC_WORKER_IMAGE_SUPPLY_H_

// Where a worker's images come from and what becomes of them: registries that the configuration
// allows, a store of layers, a catalogue of roots (image/image_store.h, image/root_catalog.h). All
// of it is the worker's own directory; a replay of its jobs may read it beside.

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "base/clock.h"
#include "base/file_system.h"
#include "image/image_source.h"
#include "image/image_store.h"
#include "image/reference.h"
#include "image/root_catalog.h"
#include "sandbox/vm_root.h"
#include "store/network_settings.h"

namespace hpcc {

// [images] of a worker's configuration.
struct ImageSettings {
  std::string directory;
  // "host[:port]" or "host[:port]/first/parts": what stands in front of a repository's name. Empty:
  // nothing is pulled.
  std::vector<std::string> registries;
  std::string ca_file;
  std::string credentials_file;  // as `docker login` writes config.json; read at each pull
  uint64_t max_image = uint64_t{16} << 30;  // of one image's layers, as they are transferred
  uint64_t max_roots = uint64_t{40} << 30;
  std::chrono::milliseconds idle{std::chrono::hours(24 * 30)};  // then an unused root goes
  std::chrono::milliseconds pull_time{30 * 60'000};  // of a pull and the building of its root
  uint64_t pulls = 2;                                // at once

  friend bool operator==(const ImageSettings&, const ImageSettings&) = default;
};

// Whether an entry of `registries` can stand there. InvalidArgument says what is wrong.
absl::Status CheckRegistryEntry(std::string_view entry);
// Whether one of the entries covers the repository.
bool IsAllowedRegistry(const ImageReference& reference, const std::vector<std::string>& registries);

// One that WorkerImages is tested with stands in for it.
class ImageSupply {
 public:
  virtual ~ImageSupply() = default;

  // Of a name as it stands in a token. PermissionDenied, InvalidArgument: it is never got.
  virtual absl::Status Check(const ImageReference& reference) const = 0;
  // Sees to it that the image and its root are there; the digest of its manifest. A name with a
  // digest whose image is there asks no registry, unless some of it turns out to be damaged: that
  // is fetched again, once. Ends with an error soon after `go_on` says no, and when `pull_time` is
  // over.
  virtual absl::StatusOr<std::string> Fetch(const ImageReference& reference,
                                            const std::function<bool()>& go_on) = 0;
  // The root of an image that is there, held. NotFound: it isn't.
  virtual absl::StatusOr<PreparedRoot> Root(const std::string& digest) = 0;
  // Images with a root.
  virtual absl::StatusOr<std::vector<StoredImage>> Prepared() = 0;
  // Forgets images whose root had to make room for others, but those whose names `busy` gives, and
  // layers of none. Asked once it is known which images there are.
  virtual absl::Status Sweep(const std::function<std::set<std::string>()>& busy) = 0;
};

// What is put in the place of registries and builders in tests.
struct ImageSupplyParts {
  std::function<absl::StatusOr<std::unique_ptr<ImageSource>>(const ImageReference&)> open_source;
  RootBuilder build_root;
};

// `agent`: the file of hpcc-agent that roots get. `fs` and `clock` outlive it. FailedPrecondition:
// the directory holds something else.
absl::StatusOr<std::unique_ptr<ImageSupply>> OpenImageSupply(const ImageSettings& settings,
                                                             const std::string& agent,
                                                             const NetworkSettings& network,
                                                             FileSystem& fs, Clock& clock,
                                                             ImageSupplyParts parts = {});

}  // namespace hpcc

#endif  // HPCC_WORKER_IMAGE_SUPPLY_H_
