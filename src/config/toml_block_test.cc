#include "config/toml_block.h"

#include <gtest/gtest.h>

namespace hpcc {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

TomlBlock Parsed(std::string_view text) {
  absl::StatusOr<TomlBlock> block = TomlBlock::Parse(text, "f.toml");
  EXPECT_TRUE(block.ok()) << block.status();
  return *block;
}

std::string Mistake(const TomlBlock& block) {
  return std::string(block.Finish().message());
}

TEST(TomlBlockTest, ValuesAreReadByKey) {
  TomlBlock top = Parsed(
      "text = \"t\"\nswitch = true\nnumber = 7\nsize = \"2k\"\nbytes = 9\ntime = \"3s\"\n"
      "list = [\"a\", \"b\"]\n[sub]\nkey = \"s\"\n[[many]]\nkey = \"1\"\n[[many]]\nkey = \"2\"\n");
  EXPECT_EQ(top.Text("text"), "t");
  EXPECT_EQ(top.Switch("switch"), true);
  EXPECT_EQ(top.Number("number", 1, 7), 7u);
  EXPECT_EQ(top.Size("size"), 2048u);
  EXPECT_EQ(top.Size("bytes"), 9u);
  EXPECT_EQ(top.Duration("time", seconds(1), seconds(5)), milliseconds(3000));
  EXPECT_EQ(top.Texts("list"), (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(top.Block("sub").Text("key"), "s");
  std::vector<TomlBlock> many = top.Blocks("many");
  ASSERT_EQ(many.size(), 2u);
  EXPECT_EQ(many[0].Text("key"), "1");
  EXPECT_EQ(many[1].Text("key"), "2");
  EXPECT_TRUE(top.Finish().ok()) << top.Finish();
}

TEST(TomlBlockTest, WhatIsMissingIsNothingAndNoMistake) {
  TomlBlock top = Parsed("");
  EXPECT_EQ(top.Text("text"), std::nullopt);
  EXPECT_EQ(top.Block("sub").Text("key"), std::nullopt);
  EXPECT_TRUE(top.Blocks("many").empty());
  EXPECT_FALSE(top.Has("text"));
  EXPECT_TRUE(top.Finish().ok());
}

TEST(TomlBlockTest, MistakesNameFileLineAndKey) {
  TomlBlock top = Parsed("\ntext = 1\n");
  top.Text("text");
  EXPECT_EQ(Mistake(top), "f.toml:2: text: write text in quotes");

  top = Parsed("[[many]]\nsize = \"2k\"\n[[many]]\nsize = \"big\"\n");
  for (TomlBlock& block : top.Blocks("many")) block.Size("size");
  EXPECT_EQ(Mistake(top),
            "f.toml:4: many[1].size: write a size such as \"10G\", or bytes as a whole number");

  top = Parsed("number = 8\ntime = \"6s\"\n");
  EXPECT_EQ(top.Number("number", 1, 7), std::nullopt);
  EXPECT_EQ(top.Duration("time", seconds(1), seconds(5)), std::nullopt);
  EXPECT_EQ(Mistake(top), "f.toml:1: number: write a whole number from 1 to 7");
}

TEST(TomlBlockTest, KeysNobodyAskedForAreMistakesWhereverTheyAre) {
  TomlBlock top = Parsed("[sub]\nkye = 1\n");
  top.Block("sub").Text("key");
  EXPECT_EQ(Mistake(top), "f.toml:2: sub.kye: unknown key; did you mean key?");
  top = Parsed("[other]\nx = 1\n");
  top.Text("key");
  EXPECT_EQ(Mistake(top), "f.toml:1: other: unknown key; the keys known here are key");
}

TEST(TomlBlockTest, BlocksOfTheWrongShapeAreMistakes) {
  TomlBlock top = Parsed("sub = 1\n");
  top.Block("sub");
  EXPECT_EQ(Mistake(top), "f.toml:1: sub: write [sub] above its keys");
  top = Parsed("[many]\nx = 1\n");
  top.Blocks("many");
  EXPECT_EQ(Mistake(top),
            "f.toml:1: many: write [[many]], with two brackets, above the keys of each");
  top = Parsed("many = [1]\n");
  EXPECT_TRUE(top.Blocks("many").empty());
  EXPECT_FALSE(top.Finish().ok());
  top = Parsed("list = [\"a\", 1]\n");
  EXPECT_TRUE(top.Texts("list").empty());
  EXPECT_FALSE(top.Finish().ok());
}

TEST(TomlBlockTest, WhatIsNoTomlSaysWhere) {
  const absl::Status status = TomlBlock::Parse("a = \n", "f.toml").status();
  EXPECT_TRUE(absl::IsInvalidArgument(status));
  EXPECT_EQ(std::string(status.message()).substr(0, 9), "f.toml:1:");
}

}  // namespace
}  // namespace hpcc
