#include "base/terminal.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <pty.h>
#include <unistd.h>

namespace hpcc {
namespace {

Environment With(std::initializer_list<std::pair<const char*, const char*>> variables) {
  Environment environment;
  for (const auto& [name, value] : variables) environment.Set(name, value);
  return environment;
}

TEST(WantsColorsTest, TerminalsGetThemUnlessDumb) {
  EXPECT_TRUE(WantsColors(true, With({{"TERM", "xterm"}})));
  EXPECT_FALSE(WantsColors(true, With({{"TERM", "dumb"}})));
  EXPECT_FALSE(WantsColors(true, With({})));
  EXPECT_FALSE(WantsColors(false, With({{"TERM", "xterm"}})));
}

TEST(WantsColorsTest, NoColorForbidsUnlessEmpty) {
  EXPECT_FALSE(WantsColors(true, With({{"TERM", "xterm"}, {"NO_COLOR", "1"}})));
  EXPECT_TRUE(WantsColors(true, With({{"TERM", "xterm"}, {"NO_COLOR", ""}})));
  EXPECT_FALSE(WantsColors(true, With({{"CLICOLOR_FORCE", "1"}, {"NO_COLOR", "1"}})));
}

TEST(WantsColorsTest, ForceWorksWithoutATerminal) {
  EXPECT_TRUE(WantsColors(false, With({{"CLICOLOR_FORCE", "1"}})));
  EXPECT_FALSE(WantsColors(false, With({{"CLICOLOR_FORCE", "0"}})));
  EXPECT_FALSE(WantsColors(false, With({{"CLICOLOR_FORCE", ""}})));
}

TEST(DescribeTerminalTest, APseudoTerminalTellsItsWidth) {
  int controller = -1;
  int terminal_side = -1;
  winsize size{};
  size.ws_col = 133;
  size.ws_row = 40;
  ASSERT_EQ(openpty(&controller, &terminal_side, nullptr, nullptr, &size), 0);
  const Terminal terminal = DescribeTerminal(terminal_side, With({{"TERM", "xterm"}}));
  close(terminal_side);
  close(controller);
  EXPECT_TRUE(terminal.is_terminal);
  EXPECT_TRUE(terminal.colors);
  EXPECT_EQ(terminal.columns, 133);
}

TEST(DescribeTerminalTest, AFileAndAClosedDescriptorAreNone) {
  const int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
  ASSERT_GE(null, 0);
  EXPECT_FALSE(DescribeTerminal(null, With({{"TERM", "xterm"}})).is_terminal);
  close(null);
  const Terminal closed = DescribeTerminal(null, With({{"TERM", "xterm"}}));
  EXPECT_FALSE(closed.is_terminal);
  EXPECT_FALSE(closed.colors);
  EXPECT_EQ(closed.columns, 80);
}

TEST(StyledTest, CodesSurroundTheTextOnlyWhenWanted) {
  EXPECT_EQ(Styled("ok", TextStyle::kGreen, true), "\x1b[32mok\x1b[0m");
  EXPECT_EQ(Styled("ok", TextStyle::kGreen, false), "ok");
  EXPECT_EQ(Styled("ok", TextStyle::kPlain, true), "ok");
  EXPECT_EQ(Styled("", TextStyle::kRed, true), "");
}

}  // namespace
}  // namespace hpcc
