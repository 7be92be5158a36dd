#ifndef HPCC_BASE_TERMINAL_H_
#define HPCC_BASE_TERMINAL_H_

// What the stream a person reads can show, and text styled for it.

#include <cstdint>
#include <string>
#include <string_view>

#include "base/environment.h"

namespace hpcc {

struct Terminal {
  bool is_terminal = false;
  bool colors = false;  // whether styled text is wanted
  int columns = 80;
};

// Looks at an open descriptor; one that is closed is no terminal.
Terminal DescribeTerminal(int descriptor, const Environment& environment);

// The rules for colours alone. A NO_COLOR that isn't empty forbids them (https://no-color.org); a
// CLICOLOR_FORCE other than "" and "0" asks for them anywhere; else they go to terminals whose TERM
// is set and is not "dumb".
bool WantsColors(bool is_terminal, const Environment& environment);

enum class TextStyle : uint8_t { kPlain, kBold, kFaint, kRed, kGreen, kYellow };

// `text` between the codes that switch the style on and off, or as it is when `colors` is false.
std::string Styled(std::string_view text, TextStyle style, bool colors);

}  // namespace hpcc

#endif  // HPCC_BASE_TERMINAL_H_
