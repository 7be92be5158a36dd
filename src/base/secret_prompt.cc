#include "base/secret_prompt.h"

#include <fcntl.h>
#include <termios.h>
#include <unistd.h>

#include "base/posix_descriptor.h"
#include "base/status.h"

namespace hpcc {

namespace {

constexpr size_t kMaxSecretBytes = 4096;

// No echo for as long as it lives. The signal keys don't work either: an interrupted prompt would
// leave the shell blind.
class SilentTerminal {
 public:
  explicit SilentTerminal(int terminal) : terminal_(terminal) {
    if (tcgetattr(terminal_, &before_) != 0) return;
    termios silent = before_;
    silent.c_lflag &= ~static_cast<tcflag_t>(ECHO | ISIG);
    silent_ = tcsetattr(terminal_, TCSAFLUSH, &silent) == 0;
  }
  ~SilentTerminal() {
    if (silent_) tcsetattr(terminal_, TCSAFLUSH, &before_);
  }
  bool silent() const { return silent_; }

 private:
  int terminal_;
  termios before_ = {};
  bool silent_ = false;
};

void Show(int terminal, std::string_view text) {
  [[maybe_unused]] const ssize_t ignored = write(terminal, text.data(), text.size());
}

}  // namespace

absl::StatusOr<std::string> PromptForSecret(std::string_view prompt) {
  const Descriptor terminal(open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC));
  if (!terminal.valid()) return absl::FailedPreconditionError("there is no terminal to ask at");
  const SilentTerminal guard(terminal.get());
  if (!guard.silent()) return absl::FailedPreconditionError("the terminal can't be made silent");
  Show(terminal.get(), prompt);
  std::string secret;
  char c = 0;
  constexpr char kInterrupt = 3;
  while (secret.size() < kMaxSecretBytes && read(terminal.get(), &c, 1) == 1 && c != '\n' &&
         c != kInterrupt) {
    secret += c;
  }
  Show(terminal.get(), "\n");
  if (c == kInterrupt || secret.empty()) return absl::CancelledError("nothing was typed");
  return secret;
}

}  // namespace hpcc
