#ifndef HPCC_WORKER_PROBE_CALLS_H_
#define HPCC_WORKER_PROBE_CALLS_H_

// Probes by gRPC's asynchronous API. They are most of a worker's calls, and a hit waits for its
// audit row: a thread for each that waits costs more than the rest of a hit. So a few threads take
// probes and look results up, and whoever has the answer at last sends it, from any thread.

#include <grpcpp/completion_queue.h>
#include <grpcpp/server_builder.h>

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "hpcc/worker/v1/worker.grpc.pb.h"
#include "worker/call_timers.h"
#include "worker/job_runner.h"
#include "worker/tenant.h"

namespace hpcc {

// Everything a client says to a worker, with probes apart.
using WorkerCalls =
    worker::v1::Worker::WithAsyncMethod_ProbeCompileCache<worker::v1::Worker::Service>;

// The last message of a reply; `chunk` is what is left of the bundle.
void FinishReply(const JobAnswer& answer, std::string_view chunk, worker::v1::CompileReply* reply);

class ProbeCalls;

// One probe, until it is ended by one of the three; then it is gone, and only then.
class ProbeCall {
 public:
  grpc::ServerContext& context() { return context_; }
  const worker::v1::ProbeRequest& request() const { return request_; }

  void Fail(const grpc::Status& status);
  void Send(const worker::v1::CompileReply& reply);  // the only one
  // A bundle in chunks, the last with all that is said of it. Whoever takes none of them for
  // kReplySilence, or not all within kReplyTime, is cancelled.
  void Send(const JobAnswer& answer);

  // What whoever works on it wants to live as long.
  struct Work {
    Caller caller;
    JobRequest job;
    Gauge::Place of_worker, of_tenant;
  };
  std::optional<Work> work;

 private:
  friend class ProbeCalls;
  explicit ProbeCall(ProbeCalls& calls);
  ~ProbeCall();

  void Step(bool ok);
  void BeginSending();
  void SendRest();

  ProbeCalls& calls_;
  grpc::ServerContext context_;
  worker::v1::ProbeRequest request_;
  grpc::ServerAsyncWriter<worker::v1::CompileReply> writer_{&context_};
  JobAnswer answer_;
  size_t sent_ = 0;  // of its bundle
  std::optional<CallTimers::Watch> watch_;
  enum class State : uint8_t { kAwaited, kChunkLeaves, kEnds } state_ = State::kAwaited;
};

class ProbeCalls {
 public:
  // Ends the call, now or later, from any thread.
  using Handler = std::function<void(ProbeCall*)>;

  // `service` is registered with `builder`, too, and `timers` outlives this.
  ProbeCalls(WorkerCalls& service, grpc::ServerBuilder& builder, CallTimers& timers,
             Handler handler);
  // The server has been shut down, if it ever ran. Waits for the calls under way.
  ~ProbeCalls();

  void Start();  // the server runs

 private:
  friend class ProbeCall;
  void Run();

  WorkerCalls& service_;
  CallTimers& timers_;
  const Handler handler_;
  const std::unique_ptr<grpc::ServerCompletionQueue> queue_;
  std::vector<std::thread> threads_;
  std::mutex mutex_;
  std::condition_variable none_left_;
  size_t calls_ = 0;  // that exist, whether they have begun or not
};

}  // namespace hpcc

#endif  // HPCC_WORKER_PROBE_CALLS_H_
