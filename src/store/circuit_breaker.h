#ifndef HPCC_STORE_CIRCUIT_BREAKER_H_
#define HPCC_STORE_CIRCUIT_BREAKER_H_

// Decides when to stop asking a remote that fails, so that a dead one costs a build seconds in all,
// not seconds for each file.
//
// It suspends after a few failures in a row, or when failures have cost too much time. Lost time is
// wall time in which at least one call was waiting that then failed: eight that time out side by
// side for 2 s cost 2 s. What was lost is forgiven slowly, so that one request in ten that hangs
// suspends too. With the default bound of 2 s for reads, the first that times out suspends; those
// begun just before end at most 2 s later: 4 s in all.
//
// Answers that are right and slow cost as much as failures. So their time counts too, by itself:
// what took `slow_answer` or longer adds to it, a quick answer takes a twentieth away, and from
// `slow_time` on the remote is suspended. One in ten that is slow gets there, one in a hundred
// doesn't.
//
// A suspension lasts `first_pause`, then twice as long each time until `longest_pause`, and ends
// only when a probe has succeeded, and was not slow: one call that nobody waits for. After `calm`
// without failures the pauses start anew.

#include <chrono>
#include <cstdint>
#include <mutex>
#include <optional>

namespace hpcc {

struct BreakerOptions {
  int failures_in_a_row = 4;
  std::chrono::milliseconds lost_time{1500};
  std::chrono::milliseconds slow_answer{1000};  // 0: no answer is
  std::chrono::milliseconds slow_time{2500};
  double forgiven = 0.01;  // of the time that passes
  std::chrono::milliseconds first_pause{5000};
  std::chrono::milliseconds longest_pause{60000};
  std::chrono::milliseconds calm{300000};
};

// Thread-safe. Times are monotonic nanoseconds.
class CircuitBreaker {
 public:
  explicit CircuitBreaker(const BreakerOptions& options) : options_(options) {}

  enum class Verdict : uint8_t {
    kGo,     // make the call, then report it
    kSkip,   // suspended
    kProbe,  // suspended, and it is time for a probe: this caller must have one made and reported,
             // and nobody else is told so meanwhile
  };
  Verdict Ask(int64_t now_ns);

  // How a call that was told kGo went: how many failures it counts for, 0 for a success. The pause,
  // when this suspended.
  std::optional<std::chrono::milliseconds> Report(int64_t began_ns, int64_t now_ns, int failures);
  // How a probe went. True: the suspension is over.
  bool ReportProbe(int64_t began_ns, int64_t now_ns, bool failed);

  // How long Ask() will say kSkip, as far as is known; 0 when it won't.
  std::chrono::nanoseconds HeldUpFor(int64_t now_ns) const;
  bool suspended() const;
  uint64_t suspensions() const;

 private:
  bool IsSlow(int64_t began_ns, int64_t now_ns) const;
  void ForgiveUntil(int64_t now_ns);
  // Of the time since `began_ns`, what no other call was counted for.
  double TakeWaited(int64_t began_ns, int64_t now_ns);
  bool CountAnswer(int64_t began_ns, int64_t now_ns);
  bool CountFailures(int64_t began_ns, int64_t now_ns, int failures);
  std::chrono::milliseconds Suspend(int64_t now_ns);

  const BreakerOptions options_;
  mutable std::mutex mutex_;
  int failures_ = 0;               // in a row
  double lost_ns_ = 0;             // to failures, not yet forgiven
  double slow_ns_ = 0;             // to slow answers, not yet forgiven
  int64_t lost_until_ns_ = 0;      // lost time up to here has been counted
  int64_t forgiven_until_ns_ = 0;  // the last time something was forgiven
  bool suspended_ = false;
  bool probing_ = false;
  int64_t probe_at_ns_ = 0;
  int64_t resumed_ns_ = 0;
  std::chrono::milliseconds pause_{0};  // the last one; 0: none yet
  uint64_t suspensions_ = 0;
};

}  // namespace hpcc

#endif  // HPCC_STORE_CIRCUIT_BREAKER_H_
