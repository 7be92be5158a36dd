#include "dispatch/dispatcher.h"

#include <utility>

#include "base/logging.h"
#include "base/status.h"
#include "base/strings.h"
#include "dispatch/fallback.h"
#include "dispatch/unit_prediction.h"
#include "dispatch/worker_compile.h"

namespace hpcc {

namespace {

using std::chrono::milliseconds;

constexpr size_t kMemoBytes = size_t{128} << 20;
constexpr size_t kMaxDestinations = 16;
// Beyond, the wrapper's own processor is as good.
constexpr milliseconds kSlotPatience{1000};

RemoteSettings SettingsOf(const remote_v1::Destination& from) {
  RemoteSettings settings{.scheduler = from.scheduler(),
                          .ca_file = from.ca_file(),
                          .tenant = from.tenant(),
                          .image = from.image(),
                          .grant = static_cast<RemoteSettings::Grant>(from.grant()),
                          .username = from.username(),
                          .password_file = from.password_file(),
                          .client_secret_file = from.client_secret_file()};
  return settings;
}

}  // namespace

Dispatcher::Dispatcher(FileSystem& fs, Clock& clock) : fs_(fs), clock_(clock), memo_(kMemoBytes) {}

std::shared_ptr<Destination> Dispatcher::DestinationFor(const remote_v1::Compile& request) {
  const std::string key =
      StrCat(request.destination().SerializeAsString(), "\n", request.local_directory());
  const std::lock_guard lock(mutex_);
  if (destinations_.size() >= kMaxDestinations && !destinations_.contains(key)) {
    destinations_.clear();
  }
  std::shared_ptr<Destination>& destination = destinations_[key];
  if (destination == nullptr) {
    destination = std::make_shared<Destination>(fs_, clock_, SettingsOf(request.destination()),
                                                request.local_directory());
  }
  return destination;
}

RemoteCompiles::Answer Dispatcher::Compile(const remote_v1::Compile& request,
                                           const std::function<bool()>& go_on) {
  const std::shared_ptr<Destination> destination = DestinationFor(request);
  absl::StatusOr<Answer> answer = Try(request, *destination, go_on);
  if (answer.ok()) return *std::move(answer);
  Answer none;
  none.cause = CauseOf(answer.status());
  none.message = std::string(answer.status().message());
  return none;
}

absl::StatusOr<RemoteCompiles::Answer> Dispatcher::Try(const remote_v1::Compile& request,
                                                       Destination& destination,
                                                       const GoOn& go_on) {
  const Slots::Slot slot = destination.TakeSlot(kSlotPatience, go_on);
  if (!slot)
    return Fallback(FallbackCause::kBusy, "as many compiles are with workers as they take");
  UnitPrediction unit(fs_, clock_, memo_, request);
  // What is wrong with one unit says nothing of the way to the workers, so that comes first.
  HPCC_RETURN_IF_ERROR(unit.Run(go_on));
  HPCC_ASSIGN_OR_RETURN(const Outage::Turn turn, destination.TakeTurn());
  absl::StatusOr<WorkerClient::Reply> reply =
      WorkerCompile(fs_, destination, unit.sent()).Run(go_on);
  if (reply.ok() && unit.sends_text() &&
      (reply->finished.exit_status() != 0 || !unit.Complete(&reply->bundle))) {
    HPCC_RETURN_IF_ERROR(unit.SendFiles(go_on));
    reply = WorkerCompile(fs_, destination, unit.sent()).Run(go_on);
  }
  // Perhaps with a header that only a branch not taken includes.
  if (!unit.sends_text() && ImageHasOtherFiles(reply.status())) {
    const absl::StatusOr<bool> fewer = unit.SendOnlyWhatIsRead(go_on);
    if (fewer.ok() && *fewer) reply = WorkerCompile(fs_, destination, unit.sent()).Run(go_on);
  }
  // What a call that was given up ended with says nothing of the worker.
  if (!reply.ok() && !go_on()) return Fallback(FallbackCause::kError, "nobody waits for it");
  destination.Report(reply.status());
  if (!reply.ok()) return reply.status();
  Answer answer;
  answer.bundle = std::move(reply->bundle);
  answer.compiled.set_exit_status(reply->finished.exit_status());
  answer.compiled.set_hit(reply->finished.hit());
  answer.compiled.set_root_is_mapped(unit.sent().root_is_mapped);
  answer.compiled.set_job(reply->finished.job());
  answer.compiled.set_preprocessed(unit.sends_text());
  return answer;
}

}  // namespace hpcc
