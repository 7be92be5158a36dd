#include "base/signals.h"

#include <csignal>
#include <ctime>

namespace hpcc {

namespace {

sigset_t EndingSignals() {
  sigset_t signals;
  sigemptyset(&signals);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) sigaddset(&signals, signal);
  return signals;
}

}  // namespace

void BlockEndingSignals() {
  const sigset_t signals = EndingSignals();
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  signal(SIGPIPE, SIG_IGN);
}

int WaitForSignal(std::chrono::milliseconds timeout) {
  const sigset_t signals = EndingSignals();
  const timespec wait = {static_cast<time_t>(timeout.count() / 1000),
                         static_cast<long>(timeout.count() % 1000 * 1'000'000)};
  const int got = sigtimedwait(&signals, nullptr, &wait);
  return got > 0 ? got : 0;
}

}  // namespace hpcc
