#include "base/terminal.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include "base/strings.h"

namespace hpcc {

namespace {

std::string_view StyleCode(TextStyle style) {
  switch (style) {
    case TextStyle::kPlain:
      return {};
    case TextStyle::kBold:
      return "1";
    case TextStyle::kFaint:
      return "2";
    case TextStyle::kRed:
      return "31";
    case TextStyle::kGreen:
      return "32";
    case TextStyle::kYellow:
      return "33";
  }
  return {};
}

}  // namespace

bool WantsColors(bool is_terminal, const Environment& environment) {
  if (!environment.GetOrEmpty("NO_COLOR").empty()) return false;
  const std::string force = environment.GetOrEmpty("CLICOLOR_FORCE");
  if (!force.empty() && force != "0") return true;
  const std::string term = environment.GetOrEmpty("TERM");
  return is_terminal && !term.empty() && term != "dumb";
}

Terminal DescribeTerminal(int descriptor, const Environment& environment) {
  Terminal terminal;
  terminal.is_terminal = isatty(descriptor) == 1;
  terminal.colors = WantsColors(terminal.is_terminal, environment);
  winsize size{};
  if (terminal.is_terminal && ioctl(descriptor, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) {
    terminal.columns = size.ws_col;
  }
  return terminal;
}

std::string Styled(std::string_view text, TextStyle style, bool colors) {
  const std::string_view code = StyleCode(style);
  if (!colors || code.empty() || text.empty()) return std::string(text);
  return StrCat("\x1b[", code, "m", text, "\x1b[0m");
}

}  // namespace hpcc
