#include "cache/closure_check.h"

#include "base/faulty_file_system.h"
#include "cache/cache_test_support.h"

namespace hpcc {
namespace {

class ClosureCheckTest : public ProjectTest {
 protected:
  FileStamp StampOf(const std::string& path) {
    const absl::StatusOr<FileStat> stat = StatFile(FileSystem::Real(), path);
    return stat.ok() ? FileStamp::Of(*stat) : FileStamp();
  }
  RecordedFile File(const std::string& path, const std::string& text, bool trusted) {
    return {.path = path, .digest = Digest::Of(text), .trusted = trusted, .stamp = StampOf(path)};
  }
  std::optional<MissReason> Check(DirectRecord* record) {
    return ClosureChecker(fs_, cwd_, root_, later_.FileStampNanoseconds()).Check(record);
  }
  static std::string Name(const std::optional<MissReason>& reason) {
    return reason ? std::string(MissReasonName(reason->kind)) : "holds";
  }

  FaultyFileSystem fs_{FileSystem::Real()};
  ShiftedClock later_{std::chrono::seconds(10)};
  ProjectRoot root_;
};

TEST_F(ClosureCheckTest, TrustedStampIsNotRead) {
  Write("a.h", "a");
  DirectRecord record;
  record.files = {File("a.h", "a", true)};
  fs_.Behave();
  EXPECT_EQ(Name(Check(&record)), "holds");
  EXPECT_EQ(fs_.calls("Stat"), 1);
  EXPECT_EQ(fs_.calls(), 1);
}

TEST_F(ClosureCheckTest, StampThatIsNotTrustedIsReadAgainThoughItIsEqual) {
  Write("a.h", "b");
  DirectRecord record;
  record.files = {File("a.h", "a", false)};
  EXPECT_EQ(Name(Check(&record)), "header-changed");
}

TEST_F(ClosureCheckTest, StampThatSettledIsRenewed) {
  Write("a.h", "a");
  DirectRecord record;
  record.files = {{.path = "a.h", .digest = Digest::Of("a"), .trusted = false}};
  ClosureChecker checker(fs_, cwd_, root_, later_.FileStampNanoseconds());
  EXPECT_EQ(Name(checker.Check(&record)), "holds");
  EXPECT_EQ(checker.renewed(), 1);
  EXPECT_TRUE(record.files[0].trusted);
  EXPECT_EQ(record.files[0].stamp, StampOf("a.h"));
  EXPECT_EQ(checker.newest_change_ns(), StampOf("a.h").changed_ns);
}

TEST_F(ClosureCheckTest, StampOfAMomentAgoIsNotTrusted) {
  Write("a.h", "a");
  DirectRecord record;
  record.files = {{.path = "a.h", .digest = Digest::Of("a"), .trusted = true}};
  ClosureChecker checker(fs_, cwd_, root_, Clock::Real().FileStampNanoseconds());
  EXPECT_EQ(Name(checker.Check(&record)), "holds");
  EXPECT_FALSE(record.files[0].trusted);
  EXPECT_EQ(checker.renewed(), 0);
}

TEST_F(ClosureCheckTest, FileThatIsGoneOrADirectoryHasVanished) {
  MakeDirectory("a.h");
  DirectRecord record;
  record.files = {{.path = "a.h", .digest = Digest::Of(""), .trusted = false}};
  EXPECT_EQ(Name(Check(&record)), "header-vanished");
  Remove("a.h");
  EXPECT_EQ(Name(Check(&record)), "header-vanished");
}

TEST_F(ClosureCheckTest, TrustedDirectoryVouchesForItsNames) {
  MakeDirectory("inc");
  DirectRecord record;
  record.directories = {
      {"inc", true, StampOf("inc"), {{"a.h", false, true}, {"b.h", false, true}}}};
  fs_.Behave();
  EXPECT_EQ(Name(Check(&record)), "holds");
  EXPECT_EQ(fs_.calls("Stat"), 1);
  WaitForTick();
  Write("inc/b.h", "");
  EXPECT_EQ(Name(Check(&record)), "header-appeared");
}

TEST_F(ClosureCheckTest, NamesNobodyVouchesForAreLookedAtEachTime) {
  MakeDirectory("inc");
  MakeDirectory("else");
  Link("../else/a.h", "inc/a.h");
  DirectRecord record;
  record.directories = {{"inc", true, StampOf("inc"), {{"a.h", false, false}}}};
  EXPECT_EQ(Name(Check(&record)), "holds");
  Write("else/a.h", "");
  EXPECT_EQ(Name(Check(&record)), "header-appeared");
}

TEST_F(ClosureCheckTest, DirectoryThatIsGoneTakesItsNamesAlong) {
  DirectRecord record;
  record.directories = {{"inc", true, FileStamp(), {{"a.h", true, true}}}};
  EXPECT_EQ(Name(Check(&record)), "header-vanished");
  record.directories[0].names[0].exists = false;
  EXPECT_EQ(Name(Check(&record)), "holds");
}

TEST_F(ClosureCheckTest, DirectoryWhereHeadersWereMissingAndMayNowBeCannotStandInForAFile) {
  MakeDirectory("inc/a.h");
  DirectRecord record;
  record.directories = {{"inc", false, FileStamp(), {{"a.h", true, false}}}};
  EXPECT_EQ(Name(Check(&record)), "header-vanished");
}

TEST_F(ClosureCheckTest, RenewingADirectoryCountsTheLooksItSaves) {
  MakeDirectory("inc");
  DirectRecord record;
  record.directories = {{"inc",
                         true,
                         FileStamp(),
                         {{"a.h", false, true}, {"b.h", false, true}, {"c.h", false, false}}}};
  ClosureChecker checker(fs_, cwd_, root_, later_.FileStampNanoseconds());
  EXPECT_EQ(Name(checker.Check(&record)), "holds");
  EXPECT_EQ(checker.renewed(), 2);
  EXPECT_EQ(record.directories[0].stamp, StampOf("inc"));
}

TEST_F(ClosureCheckTest, PathsBelowAMarkedRootAreThoseOfThisCheckout) {
  Write("one/inc/a.h", "a");
  Write("two/inc/a.h", "changed");
  DirectRecord record;
  record.files = {{.path = "\x01/inc/a.h", .digest = Digest::Of("a"), .trusted = false}};
  root_ = ProjectRoot(cwd_ + "/one");
  EXPECT_EQ(Name(Check(&record)), "holds");
  root_ = ProjectRoot(cwd_ + "/two");
  const std::optional<MissReason> reason = Check(&record);
  EXPECT_EQ(Name(reason), "header-changed");
  EXPECT_EQ(reason->subject, cwd_ + "/two/inc/a.h");
}

TEST_F(ClosureCheckTest, FileSystemThatFailsNeverMakesARecordHoldThatDoesNot) {
  Write("a.h", "changed");
  MakeDirectory("inc");
  Write("inc/b.h", "");
  for (int n = 1; n < 12; ++n) {
    DirectRecord record;
    record.files = {{.path = "a.h", .digest = Digest::Of("a"), .trusted = true}};
    fs_.FailCall(n, EIO);
    EXPECT_NE(Name(Check(&record)), "holds") << "call " << n;
    DirectRecord present;
    present.directories = {{"inc", true, FileStamp(), {{"gone.h", true, true}}}};
    fs_.FailCall(n, EIO);
    EXPECT_NE(Name(Check(&present)), "holds") << "call " << n;
  }
}

TEST_F(ClosureCheckTest, NameThatCannotBeLookedAtIsNotTakenForAbsent) {
  MakeDirectory("inc");
  Write("inc/a.h", "");
  DirectRecord record;
  record.directories = {{"inc", true, FileStamp(), {{"a.h", false, true}}}};
  fs_.FailCall(2, EIO);
  EXPECT_NE(Name(Check(&record)), "holds");
}

}  // namespace
}  // namespace hpcc
