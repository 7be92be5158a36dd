#include "telemetry/security_events.h"

#include <algorithm>
#include <map>
#include <mutex>
#include <utility>
#include <vector>

#include "base/logging.h"
#include "base/strings.h"

namespace hpcc {

namespace {

constexpr std::array<std::string_view, kSecurityEventCount> kNames = {
    "token-too-large",          "token-malformed",         "token-claim-duplicated",
    "token-claim-missing",      "token-algorithm-refused", "token-key-unknown",
    "token-algorithm-mismatch", "token-signature-wrong",   "token-type-wrong",
    "token-issuer-wrong",       "token-audience-wrong",    "token-expired",
    "token-not-yet-valid",      "token-tenant-wrong",      "token-keys-unavailable",
    "tenant-unknown",           "session-refused",         "worker-refused",
    "routing-token-refused",    "image-refused",           "certificate-changed",
    "argument-refused",         "environment-refused",     "manifest-refused",
    "digest-mismatch",          "quota-exceeded",          "message-refused",
    "toolchain-mismatch",       "dependency-undeclared",   "sandbox-lost",
    "audit-write-failed",       "operator-refused",        "operator-command",
    "shared-result-refused",    "job-unfinished",
};

// What strangers claim is as long as they like.
constexpr size_t kMaxNameBytes = 256;
constexpr size_t kMaxDetailBytes = 1024;

// How often a detail is written for what was folded: it stands for events with different ones.
constexpr std::string_view kFoldedDetail = "more of the same";

// Within a window, one by one.
uint64_t RecordsOf(SecurityEvent event) {
  return event == SecurityEvent::kQuotaExceeded ? 1 : SecurityEvents::kRecordsPerWindow;
}

SecurityEventRow RowOf(SecurityEvent event, const SecurityEventContext& context, int64_t time_ns) {
  return {.time_ns = time_ns,
          .event = std::string(SecurityEventName(event)),
          .tenant = context.tenant.substr(0, kMaxNameBytes),
          .user = context.user.substr(0, kMaxNameBytes),
          .peer = context.peer.substr(0, kMaxNameBytes),
          .detail = context.detail.substr(0, kMaxDetailBytes)};
}

void WriteToLog(const SecurityEventRow& row) {
  std::string line = StrCat("security event ", row.event);
  if (!row.tenant.empty()) StrAppend(&line, " tenant=", row.tenant);
  if (!row.user.empty()) StrAppend(&line, " user=", row.user);
  if (!row.peer.empty()) StrAppend(&line, " peer=", row.peer);
  if (row.count != 1) StrAppend(&line, " count=", row.count);
  if (!row.detail.empty()) StrAppend(&line, ": ", row.detail);
  Log(LogLevel::kWarning, line);
}

}  // namespace

std::string_view SecurityEventName(SecurityEvent event) {
  return kNames[static_cast<size_t>(event)];
}

std::optional<SecurityEvent> SecurityEventOfName(std::string_view name) {
  const auto* found = std::find(kNames.begin(), kNames.end(), name);
  if (found == kNames.end()) return std::nullopt;
  return static_cast<SecurityEvent>(found - kNames.begin());
}

struct SecurityEvents::State {
  using WindowKey = std::pair<SecurityEvent, std::string>;  // of a tenant
  struct Window {
    int64_t began_ns = 0;  // monotonic
    uint64_t recorded = 0;
    SecurityEventRow folded = {.count = 0};  // how many were not recorded one by one
  };

  // Whether it is only counted.
  bool Fold(SecurityEvent event, const SecurityEventRow& row);
  // Takes out windows that have passed, or all; those with something folded are returned.
  std::vector<SecurityEventRow> TakePassed(bool all);
  void Record(const SecurityEventRow& row);
  void Record(const std::vector<SecurityEventRow>& rows) {
    for (const SecurityEventRow& row : rows) Record(row);
  }

  Clock& clock;
  AuditLog* sink;
  mutable std::mutex mutex;
  std::map<WindowKey, Window> windows;
  std::array<uint64_t, kSecurityEventCount> counts = {};
};

std::vector<SecurityEventRow> SecurityEvents::State::TakePassed(bool all) {
  const int64_t now_ns = clock.MonotonicNanoseconds();
  std::vector<SecurityEventRow> rows;
  for (auto entry = windows.begin(); entry != windows.end();) {
    const Window& window = entry->second;
    if (!all && now_ns - window.began_ns < std::chrono::nanoseconds(kEventWindow).count()) {
      ++entry;
      continue;
    }
    if (window.folded.count > 0) rows.push_back(window.folded);
    entry = windows.erase(entry);
  }
  return rows;
}

bool SecurityEvents::State::Fold(SecurityEvent event, const SecurityEventRow& row) {
  const WindowKey own = {event, row.tenant};
  const bool crowded = windows.size() >= kMaxWindows && !windows.contains(own);
  Window& window = windows[crowded ? WindowKey{event, "\n"} : own];
  if (window.recorded == 0) window.began_ns = clock.MonotonicNanoseconds();
  if (window.recorded < RecordsOf(event)) {
    ++window.recorded;
    return false;
  }
  if (window.folded.count++ == 0) {
    window.folded = row;
    window.folded.tenant = crowded ? "" : row.tenant;
    window.folded.user.clear();
    window.folded.peer.clear();
    window.folded.detail = kFoldedDetail;
  }
  return true;
}

void SecurityEvents::State::Record(const SecurityEventRow& row) {
  WriteToLog(row);
  if (sink == nullptr) return;
  const absl::Status written = sink->Append(row);
  if (written.ok()) return;
  Log(LogLevel::kError, StrCat("security event ", row.event,
                               " is not in the audit log: ", std::string(written.message())));
}

SecurityEvents::SecurityEvents(Clock& clock, AuditLog* sink)
    : state_(new State{.clock = clock, .sink = sink}) {}

SecurityEvents::~SecurityEvents() {
  std::vector<SecurityEventRow> rows;
  {
    const std::lock_guard lock(state_->mutex);
    rows = state_->TakePassed(/*all=*/true);
  }
  state_->Record(rows);
}

void SecurityEvents::Report(SecurityEvent event, const SecurityEventContext& context) {
  const SecurityEventRow row = RowOf(event, context, state_->clock.NowNanoseconds());
  std::vector<SecurityEventRow> to_record;
  {
    const std::lock_guard lock(state_->mutex);
    ++state_->counts[static_cast<size_t>(event)];
    to_record = state_->TakePassed(/*all=*/false);
    if (event == SecurityEvent::kJobUnfinished || !state_->Fold(event, row)) {
      to_record.push_back(row);
    }
  }
  // Not under the lock: it may wait for the disk.
  state_->Record(to_record);
}

void SecurityEvents::Flush() {
  std::vector<SecurityEventRow> rows;
  {
    const std::lock_guard lock(state_->mutex);
    rows = state_->TakePassed(/*all=*/false);
  }
  state_->Record(rows);
}

uint64_t SecurityEvents::count(SecurityEvent event) const {
  const std::lock_guard lock(state_->mutex);
  return state_->counts[static_cast<size_t>(event)];
}

uint64_t SecurityEvents::total() const {
  const std::lock_guard lock(state_->mutex);
  uint64_t total = 0;
  for (const uint64_t count : state_->counts) total += count;
  return total;
}

}  // namespace hpcc
