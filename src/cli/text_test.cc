#include "cli/text.h"

#include <gtest/gtest.h>

namespace hpcc {
namespace {

TEST(TextTableTest, ValuesBeginInOneColumn) {
  TextTable table;
  table.Row("Hits", "1");
  table.Row("a longer one", "2", 1);
  table.Row("Cache", "");
  EXPECT_EQ(table.ToString(),
            "Hits            1\n"
            "  a longer one  2\n"
            "Cache\n");
}

TEST(FormatTimeTest, TimesAreUtc) {
  EXPECT_EQ(FormatTime(946684800'000000000), "2000-01-01 00:00:00 UTC");
  EXPECT_EQ(FormatIsoTime(946684800'999999999), "2000-01-01T00:00:00Z");
}

TEST(FormatTimeTest, AgesAreTold) {
  EXPECT_EQ(FormatTimeAndAge(0, 500), "1970-01-01 00:00:00 UTC (just now)");
  EXPECT_EQ(FormatTimeAndAge(0, 180'000'000'000), "1970-01-01 00:00:00 UTC (3 min ago)");
  EXPECT_EQ(FormatTimeAndAge(1000, 0), "1970-01-01 00:00:00 UTC");
}

TEST(FormatShareTest, NothingOfNothingIsNoNumber) {
  EXPECT_EQ(FormatShare(0, 0), "-");
  EXPECT_EQ(FormatShare(1, 3), "33.3%");
  EXPECT_EQ(FormatShare(3, 3), "100.0%");
}

TEST(PrintableTest, ControlCharactersCannotReachTheTerminal) {
  EXPECT_EQ(Printable("a\x1b[31m\nb\x7f"), "a\\x1b[31m\\x0ab\\x7f");
  EXPECT_EQ(Printable("caf\xc3\xa9"), "caf\xc3\xa9");
}

TEST(ShellWordsTest, WhatAShellWouldTakeApartIsQuoted) {
  EXPECT_EQ(ShellWords({"gcc", "-DX=1", "a b", "it's", "", "$HOME"}),
            "gcc -DX=1 'a b' 'it'\\''s' '' '$HOME'");
}

TEST(CountedTest, OneIsSingular) {
  EXPECT_EQ(Counted(1, "file", "files"), "1 file");
  EXPECT_EQ(Counted(0, "file", "files"), "0 files");
}

}  // namespace
}  // namespace hpcc
