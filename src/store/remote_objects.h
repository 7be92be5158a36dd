#ifndef HPCC_STORE_REMOTE_OBJECTS_H_
#define HPCC_STORE_REMOTE_OBJECTS_H_

// A Store over an ObjectStore: what a remote tier is, as the program that speaks to the network
// sees it. Values come in sealed (SealValue) and go out sealed, checked on the way:
//
//   name   = "cache/" namespace "/" kind "/" first two of hex "/" hex
//   kind   = StoreNamespaceName, hex = the key's 64 lower-case hex digits
//   object = body | signed (store/signed_value.h), with a signer
//   body   = sealed | packed (store/packed_value.h), where that is shorter
//
// A dead, sick or slow remote costs little: see circuit_breaker.h. While reads are suspended Get()
// says Unavailable at once; a background thread finds out when that is over. Reads and writes are
// suspended apart, so that somebody who may only read can. Writes are waited for by nobody, so they
// may be slow. Whoever walks a tier has asked for it: the walk's calls are made in any case, and
// what they meet suspends nothing.

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "base/clock.h"
#include "store/circuit_breaker.h"
#include "store/object_store.h"
#include "store/remote_metrics.h"
#include "store/signed_value.h"
#include "store/store.h"

namespace hpcc {

// Something came back that nobody honest stored there. `name` is stable:
//   "remote-object-damaged"    seal broken: tampered with, cut short, or of another key
//   "remote-object-unsigned"   trusted_keys is set and it has no signature
//   "remote-object-untrusted"  signed by a key that is not trusted
//   "remote-object-forged"     the signature is not that key's
struct RemoteObjectEvent {
  std::string name;
  std::string object;  // its name
  std::string detail;  // one line
};

struct RemoteObjectsOptions {
  std::string name_space = "default";  // 1 to 64 of A-Z a-z 0-9 . _ -, not "." or ".."
  bool read_only = false;              // Put, Remove: PermissionDenied; nothing is evicted
  uint64_t max_size = 0;               // bytes below cache/<namespace>/; 0: hpcc evicts nothing
  std::shared_ptr<const Ed25519Signer> signer;  // null: values are put unsigned
  std::vector<Ed25519PublicKey> trusted_keys;   // empty: unsigned values are fine
  BreakerOptions breaker;
  // Called from any thread, several at a time; both may be empty. A notice is one line for a user,
  // once each time the tier is suspended or back: "s3://b: skipped for 5 s: …".
  std::function<void(const RemoteObjectEvent&)> on_security_event;
  std::function<void(const std::string&)> on_notice;
};

// What came of a TryPut().
struct PutOutcome {
  absl::Status status;
  bool tried = false;  // false: writes are suspended, or the value can't be put
  // That trying again later may help: the network or the server failed, or what used to work
  // doesn't.
  bool worth_another = false;
};

// Thread-safe. The destructor waits for background work: a request's bound at most, or a page's
// while evicting.
class RemoteObjects final : public Store {
 public:
  // `objects` and `clock` outlive it. InvalidArgument: the namespace.
  static absl::StatusOr<std::unique_ptr<RemoteObjects>> Make(ObjectStore& objects,
                                                             RemoteObjectsOptions options,
                                                             Clock& clock);
  ~RemoteObjects() override;

  // DataLoss: there was something that must not be used; it has been reported. It stays, since
  // removing takes a permission of its own, until a Put() replaces it. Unavailable: also while
  // reads are suspended.
  absl::StatusOr<std::string> Get(const StoreKey& key) override;
  // InvalidArgument when `sealed` is not a value sealed for this key: nobody's mistake gets out.
  absl::Status Put(const StoreKey& key, std::string_view sealed) override;
  // The same for those who keep values and come again.
  PutOutcome TryPut(const StoreKey& key, std::string_view sealed);
  // How long it is of no use to: writes are suspended. 0: they aren't, or a probe is wanted.
  std::chrono::nanoseconds WritesHeldUpFor() const;
  // They have never worked, for a reason that time does not mend: credentials, permissions.
  bool WritesAreHopeless() const;
  // A value that was to be put and was given up, for the metrics.
  void CountDropped();
  // Get() records uses by itself where eviction wants them (object_eviction.h), so this asks the
  // network nothing: always OK.
  absl::Status Touch(const StoreKey& key) override;
  absl::Status Remove(const StoreKey& key) override;

  // Of a walk. As Get(), and no use; as Put(); whether there is an object, unread.
  absl::StatusOr<std::string> WalkGet(const StoreKey& key);
  absl::Status WalkPut(const StoreKey& key, std::string_view sealed);
  absl::StatusOr<bool> WalkExists(const StoreKey& key);

  struct Entry {
    StoreKey key;
    uint64_t size = 0;        // bytes of the object
    int64_t modified_ns = 0;  // since the epoch
  };
  // Calls `visit` for every entry of `ns`, in order of key, until it returns false. Objects that
  // are not values are passed over. Unimplemented for tiers that can't list. Of a walk.
  absl::Status ForEach(StoreNamespace ns, const std::function<bool(const Entry&)>& visit);

  // As ObjectStore::Check, for this namespace; writes unless read-only. Ignores the breaker.
  absl::Status Check();

  RemoteMetrics Metrics() const;
  // Waits until nothing is done in the background, `patience` at most. For tests and for leaving.
  bool WaitUntilIdle(std::chrono::milliseconds patience);

  // The object's name: for messages.
  std::string NameOf(const StoreKey& key) const;

 private:
  struct State;
  explicit RemoteObjects(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace hpcc

#endif  // HPCC_STORE_REMOTE_OBJECTS_H_
