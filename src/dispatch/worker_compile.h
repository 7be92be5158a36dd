#ifndef HPCC_DISPATCH_WORKER_COMPILE_H_
#define HPCC_DISPATCH_WORKER_COMPILE_H_

// One compile and the workers it is tried with: one that is at hand or that the scheduler names,
// once another where that can help, and others while they answer that they have enough to do.

#include "absl/status/statusor.h"
#include "base/file_system.h"
#include "dispatch/destination.h"
#include "dispatch/sent_compile.h"

namespace hpcc {

class WorkerCompile {
 public:
  // All outlive the object.
  WorkerCompile(FileSystem& fs, Destination& destination, const SentCompile& sent)
      : fs_(fs), destination_(destination), sent_(sent) {}

  // A bundle with what is to be said of it. Errors carry their cause (dispatch/fallback.h).
  absl::StatusOr<WorkerClient::Reply> Run(const GoOn& go_on);

 private:
  absl::StatusOr<WorkerClient::Reply> RunOn(const WorkerRoute& route, const GoOn& go_on);
  absl::StatusOr<WorkerClient::Reply> Compile(const WorkerRoute& route, const GoOn& go_on);
  // Has the worker have all blobs that its image doesn't.
  absl::Status Provide(const WorkerRoute& route, const GoOn& go_on);
  absl::Status SendMissing(const WorkerRoute& route, const std::vector<Digest>& claimed,
                           const GoOn& go_on);
  absl::Status Upload(const WorkerRoute& route, const std::vector<BlobSource>& blobs,
                      const GoOn& go_on);
  void ListNeeded(const std::vector<std::string>& image_directories);

  FileSystem& fs_;
  Destination& destination_;
  const SentCompile& sent_;
  std::vector<Digest> needed_;  // each once
};

}  // namespace hpcc

#endif  // HPCC_DISPATCH_WORKER_COMPILE_H_
