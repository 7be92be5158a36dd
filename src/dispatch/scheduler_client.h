#ifndef HPCC_DISPATCH_SCHEDULER_CLIENT_H_
#define HPCC_DISPATCH_SCHEDULER_CLIENT_H_

// What a client asks a scheduler (proto/hpcc/scheduler/v1/scheduler.proto). Every call is bounded.

#include <chrono>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "base/file_system.h"
#include "dispatch/grpc_call.h"
#include "hpcc/scheduler/v1/scheduler.grpc.pb.h"

namespace hpcc {

namespace scheduler_v1 = ::hpcc::scheduler::v1;

inline constexpr std::chrono::milliseconds kSchedulerPatience{5000};  // for one answer

// Thread-safe.
class SchedulerClient {
 public:
  // `ca_file` is PEM: what signs the scheduler's certificate, or the certificate itself; "": the
  // system's authorities. FailedPrecondition: it can't be read. Connects with the first call.
  static absl::StatusOr<std::unique_ptr<SchedulerClient>> Make(FileSystem& fs,
                                                               const std::string& address,
                                                               const std::string& ca_file);

  // Errors are those of the call: Unauthenticated and PermissionDenied of the scheduler,
  // Unavailable and DeadlineExceeded where it isn't reached.
  absl::StatusOr<scheduler_v1::GetTenantIdPResponse> GetTenantIdP(const std::string& tenant,
                                                                  const GoOn& go_on);
  absl::StatusOr<scheduler_v1::AuthenticateResponse> Authenticate(const std::string& tenant,
                                                                  const std::string& token,
                                                                  const GoOn& go_on);
  absl::StatusOr<scheduler_v1::RouteResponse> Route(const std::string& session,
                                                    const std::string& image,
                                                    const std::vector<std::string>& avoid,
                                                    const GoOn& go_on);

  // Whether the last answer came from a scheduler, and not from the lack of one.
  bool IsConnected() const;

 private:
  explicit SchedulerClient(std::shared_ptr<grpc::Channel> channel)
      : channel_(std::move(channel)), stub_(scheduler_v1::Scheduler::NewStub(channel_)) {}

  std::shared_ptr<grpc::Channel> channel_;
  std::unique_ptr<scheduler_v1::Scheduler::Stub> stub_;
};

}  // namespace hpcc

#endif  // HPCC_DISPATCH_SCHEDULER_CLIENT_H_
