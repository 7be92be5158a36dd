#include "cli/console.h"

#include <cstdio>

namespace hpcc {

namespace {

constexpr int kStandardOutput = 1;
constexpr int kStandardError = 2;

}  // namespace

ProcessConsole::ProcessConsole(const Environment& environment) {
  out_terminal = DescribeTerminal(kStandardOutput, environment);
  err_terminal = DescribeTerminal(kStandardError, environment);
}

void ProcessConsole::Out(std::string_view text) {
  if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size()) failed_ = true;
}

void ProcessConsole::Err(std::string_view text) {
  // Nobody is left to tell when the stream for errors fails.
  std::fwrite(text.data(), 1, text.size(), stderr);
}

void ProcessConsole::Flush() {
  if (std::fflush(stdout) != 0) failed_ = true;
}

bool ProcessConsole::Finish() {
  if (std::fflush(stdout) != 0) failed_ = true;
  return !failed_;
}

}  // namespace hpcc
