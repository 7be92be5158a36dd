#ifndef HPCC_SCHEDULER_EVENT_SINK_H_
#define HPCC_SCHEDULER_EVENT_SINK_H_

// Where security events of the scheduler go. The scheduler says what happened; telemetry/ records
// it.

#include <string>
#include <string_view>

#include "telemetry/security_events.h"

namespace hpcc {

struct SchedulerEvent {
  std::string_view name;    // a SecurityEventName
  std::string_view tenant;  // as claimed where it isn't known; empty: none
  std::string_view user;    // empty: not known
  std::string_view peer;    // address of the other end
  std::string_view detail;  // without secrets
};

// Thread-safe. Reporting never fails a caller, and waits for no more than a disk.
class EventSink {
 public:
  virtual ~EventSink() = default;
  virtual void Report(const SchedulerEvent& event) = 0;
};

// To the log, the counters and the audit log.
class RecordedEvents final : public EventSink {
 public:
  // `events` outlives it.
  explicit RecordedEvents(SecurityEvents& events) : events_(events) {}

  void Report(const SchedulerEvent& event) override {
    events_.Report(SecurityEventOfName(event.name).value_or(SecurityEvent::kMessageRefused),
                   {.tenant = std::string(event.tenant),
                    .user = std::string(event.user),
                    .peer = std::string(event.peer),
                    .detail = std::string(event.detail)});
  }

 private:
  SecurityEvents& events_;
};

}  // namespace hpcc

#endif  // HPCC_SCHEDULER_EVENT_SINK_H_
