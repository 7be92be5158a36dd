#include "compiler/response_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/file_system.h"
#include "base/strings.h"
#include "compiler/grammar_test_support.h"

namespace hpcc {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

std::vector<std::string> Split(std::string_view text, Quoting quoting) {
  const auto words = SplitWords(text, quoting);
  if (!words.ok()) return {"error"};
  return *words;
}

TEST(SplitWords, GnuQuotesGroupAndBackslashTakesTheNextCharacter) {
  EXPECT_THAT(Split("a  'b c'\t\"d e\"\nf\\ g", Quoting::kGnu),
              ElementsAre("a", "b c", "d e", "f g"));
  EXPECT_THAT(Split(R"('a\'b' "c\"d" -DX="\"y\"")", Quoting::kGnu),
              ElementsAre("a'b", "c\"d", "-DX=\"y\""));
  EXPECT_THAT(Split(" \n ", Quoting::kGnu), IsEmpty());
}

TEST(SplitWords, MsvcBackslashesStandForThemselvesExceptBeforeAQuote) {
  EXPECT_THAT(Split(R"(c:\dir\x.c "a b" c:\"d "e \f")", Quoting::kMsvc),
              ElementsAre(R"(c:\dir\x.c)", "a b", "c:\"d", "e \\f"));
  EXPECT_THAT(Split(R"("a\\" b)", Quoting::kMsvc), ElementsAre("a\\", "b"));
  EXPECT_THAT(Split(R"("a\\\"b")", Quoting::kMsvc), ElementsAre("a\\\"b"));
  EXPECT_THAT(Split(R"("a""b")", Quoting::kMsvc), ElementsAre("a\"b"));
  EXPECT_THAT(Split("'a b'", Quoting::kMsvc), ElementsAre("'a", "b'"));
}

TEST(SplitWords, WhatCompilersReadDifferentlyIsRefused) {
  for (const Quoting quoting : {Quoting::kGnu, Quoting::kMsvc}) {
    EXPECT_FALSE(SplitWords("a \"\" b", quoting).ok());
    EXPECT_FALSE(SplitWords("a \"\"", quoting).ok());
    EXPECT_FALSE(SplitWords("a \"b", quoting).ok());
    EXPECT_FALSE(SplitWords(std::string_view("a\0b", 3), quoting).ok());
  }
  EXPECT_FALSE(SplitWords("a\\", Quoting::kGnu).ok());
  EXPECT_FALSE(SplitWords("'a", Quoting::kGnu).ok());
}

TEST(DecodeResponseFile, Utf16WithMarkBecomesUtf8) {
  const std::string bytes(
      "\xFF\xFE"
      "a\0\xE9\0\xAC\x20\x3D\xD8\x00\xDE",
      12);
  EXPECT_EQ(*DecodeResponseFile(bytes, Quoting::kMsvc), "a\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80");
}

TEST(DecodeResponseFile, BrokenUtf16IsRefused) {
  EXPECT_FALSE(DecodeResponseFile(std::string("\xFF\xFE"
                                              "a",
                                              3),
                                  Quoting::kMsvc)
                   .ok());
  EXPECT_FALSE(DecodeResponseFile(std::string("\xFF\xFE\x3D\xD8", 4), Quoting::kMsvc).ok());
  EXPECT_FALSE(DecodeResponseFile(std::string("\xFF\xFE\x00\xDE", 4), Quoting::kMsvc).ok());
  EXPECT_FALSE(DecodeResponseFile(std::string("\xFF\xFE\x3D\xD8"
                                              "a\0",
                                              6),
                                  Quoting::kMsvc)
                   .ok());
}

TEST(DecodeResponseFile, MarksAreDroppedForMsvcAndRefusedForGnu) {
  EXPECT_EQ(*DecodeResponseFile("\xEF\xBB\xBF"
                                "-c",
                                Quoting::kMsvc),
            "-c");
  EXPECT_FALSE(DecodeResponseFile("\xEF\xBB\xBF"
                                  "-c",
                                  Quoting::kGnu)
                   .ok());
  EXPECT_FALSE(DecodeResponseFile("\xFE\xFF-c", Quoting::kMsvc).ok());
  EXPECT_EQ(*DecodeResponseFile("-c", Quoting::kGnu), "-c");
}

class ExpandResponseFilesTest : public testing::Test {
 protected:
  absl::StatusOr<std::vector<std::string>> Expand(const std::vector<std::string>& args) {
    return ExpandResponseFiles(FileSystem::Real(), directory_.path(), args, Quoting::kGnu,
                               &expanded_);
  }

  ScratchDirectory directory_;
  bool expanded_ = false;
};

TEST_F(ExpandResponseFilesTest, WordsTakeThePlaceOfTheArgument) {
  directory_.Write("a.rsp", "-DA @b.rsp\n-DC");
  directory_.Write("b.rsp", "-DB");
  EXPECT_THAT(*Expand({"-c", "@a.rsp", "x.c"}), ElementsAre("-c", "-DA", "-DB", "-DC", "x.c"));
  EXPECT_TRUE(expanded_);
}

TEST_F(ExpandResponseFilesTest, NestedNamesAreRelativeToTheWorkingDirectory) {
  directory_.Write("sub/a.rsp", "@b.rsp");
  directory_.Write("b.rsp", "right");
  directory_.Write("sub/b.rsp", "wrong");
  EXPECT_THAT(*Expand({"@sub/a.rsp"}), ElementsAre("right"));
}

TEST_F(ExpandResponseFilesTest, ArgumentsWithoutResponseFilesComeBackUnchanged) {
  EXPECT_THAT(*Expand({"-c", "@", "a@b"}), ElementsAre("-c", "@", "a@b"));
  EXPECT_FALSE(expanded_);
}

TEST_F(ExpandResponseFilesTest, MissingFileIsAnErrorThatNamesIt) {
  const auto words = Expand({"@nowhere.rsp"});
  ASSERT_FALSE(words.ok());
  EXPECT_THAT(words.status().ToString(), HasSubstr("@nowhere.rsp"));
}

TEST_F(ExpandResponseFilesTest, FileThatNamesItselfEndsInAnError) {
  directory_.Write("loop.rsp", "-DX @loop.rsp");
  const auto words = Expand({"@loop.rsp"});
  ASSERT_FALSE(words.ok());
  EXPECT_THAT(words.status().ToString(), HasSubstr("too deep"));
}

TEST_F(ExpandResponseFilesTest, DepthUpToTheLimitIsFine) {
  for (int i = 1; i < kMaxResponseFileDepth; ++i) {
    directory_.Write(StrCat("r", i), StrCat("@r", i + 1));
  }
  directory_.Write(StrCat("r", kMaxResponseFileDepth), "end");
  EXPECT_THAT(*Expand({"@r1"}), ElementsAre("end"));
  directory_.Write("r0", "@r1");
  EXPECT_FALSE(Expand({"@r0"}).ok());
}

TEST_F(ExpandResponseFilesTest, SizeLimitCountsAllFilesTogether) {
  directory_.Write("half.rsp", std::string(kMaxResponseFileBytes / 2, ' '));
  EXPECT_TRUE(Expand({"@half.rsp", "@half.rsp"}).ok());
  directory_.Write("one.rsp", "x");
  EXPECT_FALSE(Expand({"@half.rsp", "@half.rsp", "@one.rsp"}).ok());
}

}  // namespace
}  // namespace hpcc
