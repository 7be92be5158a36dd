#ifndef HPCC_DISPATCH_DISPATCHER_H_
#define HPCC_DISPATCH_DISPATCHER_H_

// Remote compiles, as hpcc-remote does them for the wrappers of its user: from a command line to a
// result bundle, or to the reason why the compile is the wrapper's own.

#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "absl/status/statusor.h"
#include "base/clock.h"
#include "base/file_system.h"
#include "cache/file_memo.h"
#include "dispatch/destination.h"
#include "remote/remote_compiles.h"

namespace hpcc {

// Thread-safe.
class Dispatcher final : public RemoteCompiles {
 public:
  // Both outlive it. Touches nothing until the first compile.
  Dispatcher(FileSystem& fs, Clock& clock);

  Answer Compile(const remote_v1::Compile& request, const std::function<bool()>& go_on) override;

 private:
  absl::StatusOr<Answer> Try(const remote_v1::Compile& request, Destination& destination,
                             const GoOn& go_on);
  std::shared_ptr<Destination> DestinationFor(const remote_v1::Compile& request);

  FileSystem& fs_;
  Clock& clock_;
  FileMemo memo_;
  std::mutex mutex_;
  std::map<std::string, std::shared_ptr<Destination>> destinations_;  // guarded by mutex_
};

}  // namespace hpcc

#endif  // HPCC_DISPATCH_DISPATCHER_H_
