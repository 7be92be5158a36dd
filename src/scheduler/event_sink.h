#ifndef HPCC_SCHEDULER_EVENT_SINK_H_
#define HPCC_SCHEDULER_EVENT_SINK_H_

// Where security events of the scheduler go. The scheduler says what happened; who records it, how
// often, and for how long is decided elsewhere.

#include <string>
#include <string_view>

namespace hpcc {

struct SchedulerEvent {
  std::string_view name;    // stable, kebab-case: "token-expired"
  std::string_view tenant;  // as claimed where it isn't known; empty: none
  std::string_view user;    // empty: not known
  std::string_view peer;    // address of the other end
  std::string_view detail;  // without secrets
};

// Thread-safe. Reporting never fails a caller, and waits for nobody.
class EventSink {
 public:
  virtual ~EventSink() = default;
  virtual void Report(const SchedulerEvent& event) = 0;
};

}  // namespace hpcc

#endif  // HPCC_SCHEDULER_EVENT_SINK_H_
