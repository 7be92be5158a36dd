#ifndef HPCC_BASE_SIGNALS_H_
#define HPCC_BASE_SIGNALS_H_

// For programs that run until they are told to end.

#include <chrono>

namespace hpcc {

// Keeps SIGINT, SIGTERM and SIGHUP for WaitForSignal in the calling thread and those it starts, and
// ignores SIGPIPE. Children must undo this.
void BlockEndingSignals();

// The first of these signals that comes within `timeout`, or 0.
int WaitForSignal(std::chrono::milliseconds timeout);

}  // namespace hpcc

#endif  // HPCC_BASE_SIGNALS_H_
