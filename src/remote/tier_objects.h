#ifndef HPCC_REMOTE_TIER_OBJECTS_H_
#define HPCC_REMOTE_TIER_OBJECTS_H_

// What the description of a remote cache in a configuration file stands for: the objects at the
// other end, and how they are signed and bounded. For programs that speak to the network
// themselves: hpcc-remote, and hpcc-worker.

#include <memory>

#include "absl/status/statusor.h"
#include "base/clock.h"
#include "base/environment.h"
#include "base/file_system.h"
#include "config/config.h"
#include "store/aws_credentials.h"
#include "store/object_store.h"
#include "store/remote_objects.h"

namespace hpcc {

struct TierObjectStore {
  std::unique_ptr<AwsCredentialProvider> credentials;  // null for HTTP; used by `objects`
  std::unique_ptr<ObjectStore> objects;
};

// Connects to nothing. `environment` says where credentials and proxies are; `fs` and `clock`
// outlive the result. `tier` is no disk. Unauthenticated: a file with a secret can't be read.
// InvalidArgument: what of the description can't be right.
absl::StatusOr<TierObjectStore> OpenTierObjectStore(const CacheTier& tier,
                                                    const Environment& environment, FileSystem& fs,
                                                    Clock& clock);

// Without callbacks. The error names the key of `signing` that can't be used.
absl::StatusOr<RemoteObjectsOptions> TierObjectsOptions(const CacheTier& tier,
                                                        const SigningSettings& signing,
                                                        FileSystem& fs);

}  // namespace hpcc

#endif  // HPCC_REMOTE_TIER_OBJECTS_H_
