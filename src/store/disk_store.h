#ifndef HPCC_STORE_DISK_STORE_H_
#define HPCC_STORE_DISK_STORE_H_

// Values as files: <root>/<namespace>/<first two hex digits>/<64 hex digits>.
//
// Many processes and several users of one machine use one root at once, with no process in charge:
//  - a value is written to <root>/tmp, locked while its writer lives, and renamed into place; what
//    a killed writer leaves there is unlocked, which is how a clean-up tells;
//  - the size of each of the 256 shards (first two hex digits, over all namespaces) is a counter in
//    <root>/usage, a file mapped by everyone and changed atomically, so a store knows the total
//    without looking at any directory;
//  - a value's mtime is when it was last used. A store that finds the total above the limit looks
//    at a few shards, not at all of them, and evicts the least recently used it finds there,
//    correcting the counters of these shards by what is really there.
// A root that can't be written to is readable: Get() works, Put() fails with PermissionDenied.
// Nothing is synced to the disk: after a power cut values may be torn, which VerifiedStore tells.

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/clock.h"
#include "base/file_system.h"
#include "store/store.h"
#include "store/usage_counters.h"

namespace hpcc {

// No value is larger: a larger file where a value should be is damage.
inline constexpr uint64_t kMaxStoredBytes = uint64_t{4} << 30;

struct DiskStoreOptions {
  std::string root;       // absolute
  uint64_t max_size = 0;  // bytes; 0: no limit
};

// What one clean-up did.
struct CleanReport {
  DiskUsage removed;             // values evicted
  uint64_t temporary_files = 0;  // left behind by killed writers
  DiskUsage kept;
};

class DiskStore final : public Store {
 public:
  // Touches nothing: directories are made by the first Put. `fs` and `clock` outlive the store.
  DiskStore(DiskStoreOptions options, FileSystem& fs, Clock& clock);
  ~DiskStore() override;

  absl::StatusOr<std::string> Get(const StoreKey& key) override;
  // ResourceExhausted: the disk is full, or the value is larger than the store may be.
  absl::Status Put(const StoreKey& key, std::string_view value) override;
  absl::Status Touch(const StoreKey& key) override;
  absl::Status Remove(const StoreKey& key) override;

  // From the counters: cheap, and exact but for writers killed between rename and count, and for
  // several that stored the same new key at once. By a walk where there are no counters.
  absl::StatusOr<DiskUsage> Usage();

  struct CleanOptions {
    std::optional<uint64_t> max_size;                  // bytes left at most
    std::optional<std::chrono::milliseconds> max_age;  // unused for longer goes
    bool all = false;
    // Called now and then with shards done, of 256; may be empty.
    std::function<void(int done)> progress;
  };
  // Walks everything: evicts as asked, removes what killed writers left, recounts. Writers and
  // readers may go on meanwhile.
  absl::StatusOr<CleanReport> Clean(const CleanOptions& options);

  // Calls `visit` for every value of `ns`, in no particular order, until it returns false. Files
  // that aren't values are passed over.
  absl::Status ForEach(StoreNamespace ns, const std::function<bool(const StoreKey&)>& visit);

  const std::string& root() const;
  std::string PathOf(const StoreKey& key) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace hpcc

#endif  // HPCC_STORE_DISK_STORE_H_
