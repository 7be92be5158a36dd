#include "cli/daemon_status.h"

#include <memory>

#include "base/status.h"
#include "base/strings.h"
#include "client/daemon_client.h"
#include "client/daemon_place.h"

namespace hpcc {

namespace {

// What is in flight when it is told to end gets ten seconds.
constexpr int kStopSteps = 150;
constexpr std::chrono::milliseconds kStopStep{100};

absl::StatusOr<std::unique_ptr<DaemonClient>> ConnectToDaemon(const CommandContext& context,
                                                              const DaemonPlace& place) {
  std::unique_ptr<DaemonClient> daemon = DaemonClient::Connect(context.fs, place);
  if (daemon != nullptr) return daemon;
  return absl::NotFoundError(StrCat("no daemon answers at ", place.socket()));
}

}  // namespace

absl::StatusOr<daemon_v1::StatusReport> QueryDaemon(const CommandContext& context) {
  HPCC_ASSIGN_OR_RETURN(const std::unique_ptr<DaemonClient> daemon,
                        ConnectToDaemon(context, DaemonPlace(context.config, context.environment)));
  daemon_v1::Request request;
  request.mutable_status();
  HPCC_ASSIGN_OR_RETURN(const daemon_v1::Response response, daemon->Ask(std::move(request)));
  if (response.has_status()) return response.status();
  return absl::InternalError("it answered something else than what it was asked");
}

std::optional<daemon_v1::StatusReport> AskDaemonForStatus(const CommandContext& context) {
  absl::StatusOr<daemon_v1::StatusReport> report = QueryDaemon(context);
  return report.ok() ? std::optional(*std::move(report)) : std::nullopt;
}

absl::Status StopDaemon(const CommandContext& context) {
  const DaemonPlace place(context.config, context.environment);
  HPCC_ASSIGN_OR_RETURN(const std::unique_ptr<DaemonClient> daemon,
                        ConnectToDaemon(context, place));
  daemon_v1::Request request;
  request.mutable_stop();
  HPCC_RETURN_IF_ERROR(daemon->Ask(std::move(request)).status());
  for (int step = 0; step < kStopSteps; ++step) {
    if (!FileExists(context.fs, place.address_file())) return absl::OkStatus();
    context.clock.Sleep(kStopStep);
  }
  return absl::DeadlineExceededError("the daemon was told to end and is still there");
}

}  // namespace hpcc
