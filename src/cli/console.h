#ifndef HPCC_CLI_CONSOLE_H_
#define HPCC_CLI_CONSOLE_H_

#include <string>
#include <string_view>

#include "base/environment.h"
#include "base/terminal.h"

namespace hpcc {

// Where a subcommand prints: the answer to Out, everything about the asking to Err.
class Console {
 public:
  virtual ~Console() = default;

  virtual void Out(std::string_view text) = 0;
  virtual void Err(std::string_view text) = 0;
  // Shows at once what was printed to Out.
  virtual void Flush() {}

  Terminal out_terminal;
  Terminal err_terminal;
};

// Standard output and standard error of this process.
class ProcessConsole final : public Console {
 public:
  explicit ProcessConsole(const Environment& environment);

  void Out(std::string_view text) override;
  void Err(std::string_view text) override;
  void Flush() override;

  // Writes out what is buffered. False when any of the output could not be written.
  bool Finish();

 private:
  bool failed_ = false;
};

// Keeps what is printed, for tests.
class StringConsole final : public Console {
 public:
  void Out(std::string_view text) override { out.append(text); }
  void Err(std::string_view text) override { err.append(text); }

  std::string out;
  std::string err;
};

}  // namespace hpcc

#endif  // HPCC_CLI_CONSOLE_H_
