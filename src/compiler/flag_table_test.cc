#include "compiler/flag_table.h"

#include <gtest/gtest.h>

#include <string>

namespace hpcc {
namespace {

constexpr FlagRow kRows[] = {
    {"-I", ValueForm::kJoinedOrSeparate},
    {"-M", ValueForm::kNone},
    {"-MD", ValueForm::kNone},
    {"-W", ValueForm::kJoined},
    {"-Wa,", ValueForm::kCommaJoined},
    {"-Xclang", ValueForm::kSeparate},
    {"-include", ValueForm::kJoinedOrSeparate},
    {"-include-pch", ValueForm::kSeparate},
};

std::string NameFound(std::string_view word) {
  const FlagRow* row = FlagTable(kRows).Find(word);
  return row == nullptr ? "none" : std::string(row->name);
}

TEST(FlagTable, ExactNameWinsOverItsPrefix) {
  EXPECT_EQ(NameFound("-M"), "-M");
  EXPECT_EQ(NameFound("-MD"), "-MD");
  EXPECT_EQ(NameFound("-include-pch"), "-include-pch");
}

TEST(FlagTable, LongestPrefixThatMayCarryAValueIsTaken) {
  EXPECT_EQ(NameFound("-Wall"), "-W");
  EXPECT_EQ(NameFound("-Wa,-g"), "-Wa,");
  EXPECT_EQ(NameFound("-Wa"), "-W");
  EXPECT_EQ(NameFound("-includefoo.h"), "-include");
  EXPECT_EQ(NameFound("-include-pchx"), "-include");
  EXPECT_EQ(NameFound("-Idir"), "-I");
}

TEST(FlagTable, NamesWithoutValueDontMatchLongerWords) {
  EXPECT_EQ(NameFound("-MDx"), "none");
  EXPECT_EQ(NameFound("-Xclangs"), "none");
  EXPECT_EQ(NameFound("-"), "none");
  EXPECT_EQ(NameFound(""), "none");
  EXPECT_EQ(NameFound("-zz"), "none");
}

TEST(FlagTable, EveryRowOfBothTablesIsFoundByItsName) {
  for (const FlagTable table : {GnuFlags(), MsvcFlags()}) {
    for (const FlagRow& row : table.rows()) EXPECT_EQ(table.Find(row.name), &row) << row.name;
  }
}

TEST(FlagTable, BothTablesAreSortedAndNameEachFlagOnce) {
  EXPECT_TRUE(IsSortedAndUnique(GnuFlags().rows()));
  EXPECT_TRUE(IsSortedAndUnique(MsvcFlags().rows()));
}

TEST(FlagTable, OrderAndRepetitionAreNoticed) {
  constexpr FlagRow kUnsorted[] = {{"-b"}, {"-a"}};
  constexpr FlagRow kRepeated[] = {{"-a"}, {"-a"}};
  EXPECT_FALSE(IsSortedAndUnique(kUnsorted));
  EXPECT_FALSE(IsSortedAndUnique(kRepeated));
}

TEST(FlagTable, RowsThatRefuseHaveAReasonAndOthersHaveNone) {
  for (const FlagTable table : {GnuFlags(), MsvcFlags()}) {
    for (const FlagRow& row : table.rows()) {
      EXPECT_EQ(row.action == FlagAction::kRefuse, row.reason.has_value()) << row.name;
    }
  }
}

}  // namespace
}  // namespace hpcc
