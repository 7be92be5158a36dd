#ifndef HPCC_DISPATCH_GRPC_CALL_H_
#define HPCC_DISPATCH_GRPC_CALL_H_

// gRPC calls that a wrapper waits for: whoever makes one keeps telling the wrapper so, and gives
// the call up when the wrapper is gone.

#include <grpcpp/grpcpp.h>

#include <chrono>
#include <functional>
#include <future>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"

namespace hpcc {

// Called every quarter of a second or so while something is waited for; false: nobody wants it.
using GoOn = std::function<bool()>;

// Does `work`, which takes its time and can't be interrupted, while the wrapper is told to wait.
template <typename Work>
auto WhileWaiting(const GoOn& go_on, Work work) {
  auto result = std::async(std::launch::async, std::move(work));
  while (result.wait_for(std::chrono::milliseconds(250)) != std::future_status::ready) go_on();
  return result.get();
}

// The context of one call, with a bound and a bearer token ("": none).
std::unique_ptr<grpc::ClientContext> MakeCallContext(std::chrono::milliseconds bound,
                                                     const std::string& bearer);

// The events of one call, one at a time. `context` and `go_on` outlive it; the context has a
// deadline, so that every event comes.
class CallEvents {
 public:
  CallEvents(grpc::ClientContext& context, const GoOn& go_on) : context_(context), go_on_(go_on) {}
  ~CallEvents();
  CallEvents(const CallEvents&) = delete;
  CallEvents& operator=(const CallEvents&) = delete;

  grpc::CompletionQueue* queue() { return &queue_; }
  // Waits for the one event that is under way. Whether it went well, as gRPC has it.
  bool Await();

 private:
  grpc::ClientContext& context_;
  const GoOn& go_on_;
  grpc::CompletionQueue queue_;
  bool given_up_ = false;
};

// How a call ended. What the other side says is cut and cleaned for one line of text; how long to
// wait before asking again comes along (RetryAfter).
absl::Status StatusOfCall(const grpc::Status& status, const grpc::ClientContext& context);
std::optional<std::chrono::milliseconds> RetryAfter(const absl::Status& status);

// A call with one message each way. `start` begins it on a queue.
template <typename Response, typename Start>
absl::Status RunUnaryCall(grpc::ClientContext& context, const GoOn& go_on, Start start,
                          Response* response) {
  CallEvents events(context, go_on);
  std::unique_ptr<grpc::ClientAsyncResponseReader<Response>> reader = start(events.queue());
  grpc::Status status;
  reader->Finish(response, &status, &events);
  events.Await();
  return StatusOfCall(status, context);
}

}  // namespace hpcc

#endif  // HPCC_DISPATCH_GRPC_CALL_H_
