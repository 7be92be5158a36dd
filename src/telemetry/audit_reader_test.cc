#include "telemetry/audit_reader.h"

#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>
#include <tuple>

#include "telemetry/audit_tables.h"
#include "telemetry/audit_test_support.h"

namespace hpcc {
namespace {

constexpr uint64_t kRows = 5;

// A log of five rows and three events, each test its own.
class Verify : public testing::Test {
 protected:
  void SetUp() override {
    const std::unique_ptr<AuditLog> log = OpenLogAt(path());
    ASSERT_NE(nullptr, log);
    AppendRows(*log, 1, kRows);
    for (uint64_t number = 1; number <= 3; ++number) {
      ASSERT_TRUE(log->Append(EventNumber(number)).ok());
    }
  }

  std::string path() const { return directory_.log(); }
  // The tampered copy: the original is tampered with again and again.
  std::string Copy() const {
    const std::string copy = path() + "-copy";
    std::filesystem::copy_file(path(), copy, std::filesystem::copy_options::overwrite_existing);
    for (const char* beside : {"-wal", "-shm"}) std::filesystem::remove(copy + beside);
    return copy;
  }
  ChainReport After(const std::string& sql) const {
    const std::string copy = Copy();
    EXPECT_TRUE(Tamper(copy, sql)) << sql;
    return VerifyLog(copy);
  }

 private:
  AuditDirectory directory_;
};

TEST_F(Verify, FindsNothingInALogNobodyTouched) {
  const ChainReport report = VerifyLog(path());
  EXPECT_EQ("", Describe(report));
  EXPECT_EQ(kRows, report.jobs.rows);
  EXPECT_EQ(3U, report.security_events.rows);
  EXPECT_FALSE(report.jobs.head.is_zero());
}

TEST_F(Verify, FindsNothingInAnEmptyLog) {
  const std::string empty = path() + "-empty";
  ASSERT_NE(nullptr, OpenLogAt(empty));
  EXPECT_EQ("", Describe(VerifyLog(empty)));
}

TEST_F(Verify, NamesTheRowWhereverAColumnWasAltered) {
  // Every column but the sequence, which is for the tests of order below.
  for (const char* column :
       {"time_ns",           "job_id",       "tenant",        "user",      "worker",    "sandbox",
        "isolation",         "image_digest", "source_digest", "flags",     "cache_key", "hit",
        "output_digests",    "exit_status",  "duration_ns",   "scheduler", "trace_id",  "compiler",
        "working_directory", "environment",  "previous_hash", "row_hash"}) {
    for (uint64_t row = 1; row <= kRows; ++row) {
      const std::string set = StrCat("UPDATE audit_row SET ", column, " = ");
      const std::string where = StrCat(" WHERE sequence = ", row);
      const bool number = std::string(column) == "time_ns" || std::string(column) == "hit" ||
                          std::string(column) == "exit_status" ||
                          std::string(column) == "duration_ns";
      // A value that is well-formed, so that the chain has to find it, and one that isn't.
      const std::vector<std::string> values =
          number ? std::vector<std::string>{StrCat("1 - ", column), "9223372036854775807"}
                 : std::vector<std::string>{StrCat("replace(replace(replace(", column,
                                                   ", 'a', '?'), 'b', 'a'), '?', 'b') || 'x'"),
                                            "upper(" + std::string(column) + ") || 'Y'", "''"};
      for (const std::string& value : values) {
        const ChainReport report = After(set + value + where);
        EXPECT_TRUE(Names(report, AuditChain::kJobs, row))
            << column << " of row " << row << " = " << value << ":\n"
            << Describe(report);
      }
    }
  }
}

TEST_F(Verify, NamesTheEventWhereverAColumnWasAltered) {
  for (const char* change : {"time_ns = time_ns + 1", "event = 'x'", "tenant = 'b'", "user = ''",
                             "peer = 'x'", "detail = detail || ' '", "count = 2",
                             "previous_hash = row_hash", "row_hash = previous_hash"}) {
    for (uint64_t row = 1; row <= 3; ++row) {
      const ChainReport report =
          After(StrCat("UPDATE security_event SET ", change, " WHERE sequence = ", row));
      EXPECT_TRUE(Names(report, AuditChain::kSecurityEvents, row)) << change << "\n"
                                                                   << Describe(report);
    }
  }
}

TEST_F(Verify, NamesEachRowThatWasRemoved) {
  for (uint64_t row = 1; row <= kRows; ++row) {
    const ChainReport report = After(StrCat("DELETE FROM audit_row WHERE sequence = ", row));
    ASSERT_EQ(1U, report.problems.size()) << Describe(report);
    EXPECT_EQ(row, report.problems[0].sequence);
    EXPECT_EQ("is missing", report.problems[0].what);
  }
}

TEST_F(Verify, NamesEveryRangeThatWasRemoved) {
  for (uint64_t first = 1; first <= kRows; ++first) {
    for (uint64_t last = first + 1; last <= kRows; ++last) {
      const ChainReport report =
          After(StrCat("DELETE FROM audit_row WHERE sequence BETWEEN ", first, " AND ", last));
      ASSERT_EQ(1U, report.problems.size()) << Describe(report);
      EXPECT_EQ(first, report.problems[0].sequence);
      EXPECT_EQ(StrCat("to ", last, " are missing"), report.problems[0].what);
    }
  }
}

TEST_F(Verify, NamesRowsWhoseGapWasClosed) {
  for (uint64_t row = 1; row < kRows; ++row) {
    const ChainReport report =
        After(StrCat("DELETE FROM audit_row WHERE sequence = ", row,
                     "; UPDATE audit_row SET sequence = sequence - 1 WHERE sequence > ", row,
                     "; UPDATE chain_head SET rows = rows - 1 WHERE chain = 'audit_row'"));
    EXPECT_TRUE(Names(report, AuditChain::kJobs, row)) << Describe(report);
  }
}

TEST_F(Verify, NamesBothRowsThatChangedPlaces) {
  for (uint64_t a = 1; a <= kRows; ++a) {
    for (uint64_t b = a + 1; b <= kRows; ++b) {
      const ChainReport report =
          After(StrCat("UPDATE audit_row SET sequence = 1000 WHERE sequence = ", a,
                       "; UPDATE audit_row SET sequence = ", a, " WHERE sequence = ", b,
                       "; UPDATE audit_row SET sequence = ", b, " WHERE sequence = 1000"));
      EXPECT_TRUE(Names(report, AuditChain::kJobs, a)) << Describe(report);
      EXPECT_TRUE(Names(report, AuditChain::kJobs, b)) << Describe(report);
    }
  }
}

TEST_F(Verify, NamesARowThatWasAdded) {
  const std::string columns =
      "time_ns, 'new', tenant, user, worker, sandbox, isolation, image_digest, source_digest, "
      "flags, cache_key, hit, output_digests, exit_status, duration_ns, scheduler, trace_id, "
      "compiler, working_directory, environment, row_hash, row_hash FROM audit_row WHERE sequence "
      "= 5";
  for (const int64_t at : {-1, 0, 6, 8}) {
    const ChainReport report = After(StrCat("INSERT INTO audit_row SELECT ", at, ", ", columns));
    EXPECT_TRUE(Names(report, AuditChain::kJobs, static_cast<uint64_t>(at))) << Describe(report);
  }
}

TEST_F(Verify, NamesTheRowThatWasTakenOffTheEndWithItsHead) {
  const ChainReport whole = VerifyLog(path());
  const std::string copy = Copy();
  ASSERT_TRUE(Tamper(copy,
                     "DELETE FROM audit_row WHERE sequence = 5; UPDATE chain_head SET rows = 4, "
                     "head = (SELECT row_hash FROM audit_row WHERE sequence = 4) WHERE chain = "
                     "'audit_row'"));
  // The chain itself is whole: only a head that was noted elsewhere tells.
  EXPECT_EQ("", Describe(VerifyLog(copy)));
  EXPECT_TRUE(Names(VerifyLog(copy, whole.jobs), AuditChain::kJobs, 5));
}

TEST_F(Verify, TellsAChainThatWasMadeAnewFromTheOneThatWasNoted) {
  const ChainReport whole = VerifyLog(path());
  const std::string other = path() + "-other";
  {
    const std::unique_ptr<AuditLog> log = OpenLogAt(other);
    AppendRows(*log, 11, 17);
  }
  EXPECT_EQ("", Describe(VerifyLog(other)));
  EXPECT_TRUE(Names(VerifyLog(other, whole.jobs), AuditChain::kJobs, kRows));
}

TEST_F(Verify, AHeadThatWasNotedEarlierIsStillThere) {
  const ChainReport noted = VerifyLog(path());
  {
    const std::unique_ptr<AuditLog> log = OpenLogAt(path());
    AppendRows(*log, 6, 9);
  }
  EXPECT_EQ("", Describe(VerifyLog(path(), noted.jobs)));
}

TEST_F(Verify, FindsAHeadThatWasAlteredOrRemoved) {
  for (const char* change :
       {"UPDATE chain_head SET rows = 4", "UPDATE chain_head SET rows = 6",
        "UPDATE chain_head SET rows = -1", "UPDATE chain_head SET head = upper(head)",
        "UPDATE chain_head SET head = ''", "DELETE FROM chain_head"}) {
    const ChainReport report = After(change);
    EXPECT_FALSE(report.problems.empty()) << change;
  }
}

TEST_F(Verify, FindsTablesThatWereAltered) {
  for (const char* change :
       {"CREATE TRIGGER t AFTER INSERT ON audit_row BEGIN UPDATE audit_row SET user = 'eve'; END",
        "DROP INDEX audit_row_time", "CREATE TABLE other (x)", "CREATE VIEW v AS SELECT 1",
        "ALTER TABLE audit_row ADD COLUMN more TEXT"}) {
    const ChainReport report = After(change);
    ASSERT_FALSE(report.problems.empty()) << change;
    EXPECT_EQ(0U, report.problems[0].sequence);
  }
}

TEST_F(Verify, FindsEveryDamagedPage) {
  const std::string copy = Copy();
  const auto size = static_cast<int64_t>(std::filesystem::file_size(copy));
  // Past the header's fields that SQLite itself rewrites: a byte of what rows are made of.
  const std::string needle = "sandbox-3";
  std::ifstream in(copy, std::ios::binary);
  std::string bytes((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
  ASSERT_EQ(size, static_cast<int64_t>(bytes.size()));
  const size_t place = bytes.find(needle);
  ASSERT_NE(std::string::npos, place);
  bytes[place] ^= 1;
  std::ofstream(copy, std::ios::binary) << bytes;
  const ChainReport report = VerifyLog(copy);
  EXPECT_TRUE(Names(report, AuditChain::kJobs, 3)) << Describe(report);
}

TEST_F(Verify, SaysNoMoreThanAnybodyReads) {
  const std::string path_of_many = path() + "-many";
  {
    const std::unique_ptr<AuditLog> log = OpenLogAt(path_of_many);
    AppendRows(*log, 1, kMaxChainProblems + 20);
  }
  ASSERT_TRUE(Tamper(path_of_many, "UPDATE audit_row SET user = 'eve'"));
  EXPECT_EQ(kMaxChainProblems, VerifyLog(path_of_many).problems.size());
}

TEST_F(Verify, RefusesFilesThatAreNoAuditLogs) {
  const std::string other = path() + "-no";
  EXPECT_TRUE(absl::IsNotFound(AuditReader::Open(other).status()));
  std::ofstream(other) << "no database, but longer than the header of one would be: " +
                              std::string(200, '.');
  EXPECT_TRUE(absl::IsFailedPrecondition(AuditReader::Open(other).status()));
  std::filesystem::remove(other);
  ASSERT_TRUE(Tamper(other, "CREATE TABLE t (x)"));
  EXPECT_TRUE(absl::IsFailedPrecondition(AuditReader::Open(other).status()));
}

class Query : public Verify {
 protected:
  std::vector<uint64_t> Ask(const AuditFilter& filter) {
    std::vector<uint64_t> found;
    const auto reader = AuditReader::Open(path());
    EXPECT_TRUE(reader.ok());
    const absl::Status status = (*reader)->ForEach(filter, [&](uint64_t sequence, const AuditRow&) {
      found.push_back(sequence);
      return true;
    });
    EXPECT_TRUE(status.ok()) << status;
    return found;
  }
};

TEST_F(Query, GivesBackRowsAsTheyWereAppended) {
  const std::vector<AuditRow> rows = AllRows(path());
  ASSERT_EQ(kRows, rows.size());
  for (uint64_t number = 1; number <= kRows; ++number) {
    EXPECT_EQ(RowNumber(number), rows[number - 1]);
  }
}

TEST_F(Query, EachFilterLeavesOutWhatItShould) {
  using testing::ElementsAre;
  EXPECT_THAT(Ask({}), ElementsAre(1, 2, 3, 4, 5));
  EXPECT_THAT(Ask({.tenant = "acme"}), ElementsAre(2, 4));
  EXPECT_THAT(Ask({.user = "bob"}), ElementsAre());
  EXPECT_THAT(Ask({.job_id = "job-4"}), ElementsAre(4));
  EXPECT_THAT(Ask({.since_ns = RowNumber(4).time_ns}), ElementsAre(4, 5));
  EXPECT_THAT(Ask({.until_ns = RowNumber(3).time_ns}), ElementsAre(1, 2));
  EXPECT_THAT(Ask({.hit = true}), ElementsAre(3));
  EXPECT_THAT(Ask({.hit = false}), ElementsAre(1, 2, 4, 5));
  EXPECT_THAT(Ask({.exit_status = 1}), ElementsAre(5));
  EXPECT_THAT(Ask({.tenant = "globex", .hit = false, .exit_status = 0}), ElementsAre(1));
  EXPECT_THAT(Ask({.operator_command = true}), ElementsAre());
  AuditRow command = RowNumber(6);
  command.cache_key = Digest();
  ASSERT_TRUE((*AuditLog::Open({.path = path()}))->Append(command).ok());
  EXPECT_THAT(Ask({.operator_command = true}), ElementsAre(6));
  EXPECT_THAT(Ask({.operator_command = false}), ElementsAre(1, 2, 3, 4, 5));
  EXPECT_THAT(Ask({.tenant = "' OR 1 = 1 --"}), ElementsAre());
}

TEST_F(Query, FindsOneJob) {
  const auto reader = AuditReader::Open(path());
  ASSERT_TRUE(reader.ok());
  const absl::StatusOr<AuditRow> row = (*reader)->Find("job-2");
  ASSERT_TRUE(row.ok());
  EXPECT_EQ(RowNumber(2), *row);
  EXPECT_TRUE(absl::IsNotFound((*reader)->Find("job-99").status()));
}

TEST_F(Query, ReadsEventsToo) {
  const auto reader = AuditReader::Open(path());
  ASSERT_TRUE(reader.ok());
  std::vector<SecurityEventRow> events;
  const absl::Status status =
      (*reader)->ForEachEvent({.tenant = "acme"}, [&](uint64_t, const SecurityEventRow& event) {
        events.push_back(event);
        return events.size() < 2;
      });
  ASSERT_TRUE(status.ok()) << status;
  EXPECT_THAT(events, testing::ElementsAre(EventNumber(1), EventNumber(2)));
}

TEST_F(Query, ReadsWhileOthersAppend) {
  const std::unique_ptr<AuditLog> log = OpenLogAt(path());
  const auto reader = AuditReader::Open(path());
  ASSERT_TRUE(reader.ok());
  uint64_t seen = 0;
  const absl::Status status = (*reader)->ForEach({}, [&](uint64_t, const AuditRow&) {
    ++seen;
    return log->Append(RowNumber(100 + seen)).ok();
  });
  EXPECT_TRUE(status.ok()) << status;
  EXPECT_EQ(kRows, seen);
  EXPECT_EQ("", Describe(VerifyLog(path())));
}

}  // namespace
}  // namespace hpcc
