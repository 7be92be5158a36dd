#ifndef HPCC_STORE_OBJECT_STORE_H_
#define HPCC_STORE_OBJECT_STORE_H_

// Bytes by object name at a place reached over a network: a bucket, or an HTTP cache. It knows
// nothing of keys, seals or signatures: RemoteObjects (store/remote_objects.h) makes a Store of it.
//
// What the status codes mean, for every call here:
//
//   NotFound                            there is no such object
//   Unauthenticated, PermissionDenied   credentials, certificates or policy; the message is one
//                                       line that says what is wrong and what to do
//   InvalidArgument, FailedPrecondition what was configured can't work: no such bucket, a redirect
//   DeadlineExceeded, Unavailable       the network, or the server could not serve (5xx,
//   throttling) ResourceExhausted                   the body is larger than ObjectLimits::max_body
//   DataLoss                            the answer was cut short, or is not what the protocol says
//
// No message ever holds a secret, a token or a signed header.

#include <chrono>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace hpcc {

// No call takes longer than its bound, connecting and every retry included.
struct ObjectLimits {
  std::chrono::milliseconds read{2000};
  std::chrono::milliseconds write{5000};  // also of Refresh and Remove
  std::chrono::milliseconds exists{2000};
  std::chrono::milliseconds list{30000};   // of one page, or of one batch removed
  std::chrono::milliseconds start{10000};  // of Check()
  uint64_t max_body = uint64_t{1} << 30;   // bytes, in either direction
};

struct Object {
  std::string bytes;
  int64_t modified_ns = 0;  // since the epoch, as the server says; 0: it did not say
};

struct ObjectInfo {
  std::string name;
  uint64_t size = 0;        // bytes
  int64_t modified_ns = 0;  // since the epoch

  friend bool operator==(const ObjectInfo&, const ObjectInfo&) = default;
};

struct ListPage {
  std::vector<ObjectInfo> objects;  // at most 1000
  std::string continuation;         // for the next page; empty: this was the last
};

// Names are any bytes but NUL, at most 1024 of them; each byte that needs it is percent-encoded on
// the way out. A name neither starts nor ends with '/', has no empty component, and none that is
// "." or "..": InvalidArgument, since proxies rewrite those. Thread-safe.
class ObjectStore {
 public:
  virtual ~ObjectStore() = default;

  virtual absl::StatusOr<Object> Get(std::string_view name) = 0;
  // Replaces what was there. A reader sees the old bytes or the new, never a part.
  virtual absl::Status Put(std::string_view name, std::string_view bytes) = 0;
  virtual absl::StatusOr<bool> Exists(std::string_view name) = 0;
  // OK also when there was nothing.
  virtual absl::Status Remove(std::string_view name) = 0;
  // Removes up to 1000 objects; the first error ends it. OK for those that are not there.
  virtual absl::Status RemoveMany(std::span<const std::string> names) = 0;
  // Makes the object's modification time the present one, without sending its bytes. Unimplemented
  // where the protocol has no such thing.
  virtual absl::Status Refresh(std::string_view name) = 0;
  // The objects whose name starts with `prefix`, in order of name. `continuation` is of the page
  // before; empty for the first. Unimplemented where the protocol has no such thing.
  virtual absl::StatusOr<ListPage> List(std::string_view prefix, std::string_view continuation) = 0;

  // Whether it can be used, for start-up and `hpcc doctor`: that there is an answer, and that it
  // lets objects below `prefix` be read, and listed where the protocol can; with `write`, that one
  // small object below it can be put (it is left there: removing needs a permission of its own).
  // The error is one line for the user.
  virtual absl::Status Check(std::string_view prefix, bool write) = 0;

  // Where it is, for messages: "s3://bucket", "https://cache.example/path". No secrets.
  virtual std::string Description() const = 0;
};

// InvalidArgument, saying why, for a name that no ObjectStore takes.
absl::Status CheckObjectName(std::string_view name);

}  // namespace hpcc

#endif  // HPCC_STORE_OBJECT_STORE_H_
