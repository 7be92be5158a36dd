#include "telemetry/audit_log.h"

#include <gmock/gmock.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <set>
#include <thread>

#include "telemetry/audit_test_support.h"
#include "telemetry/sqlite_database.h"

namespace hpcc {
namespace {

TEST(AuditLog, KeepsRowsOverReopening) {
  const AuditDirectory directory;
  for (uint64_t number = 1; number <= 4; ++number) {
    const std::unique_ptr<AuditLog> log = OpenLogAt(directory.log());
    AppendRows(*log, number, number);
  }
  EXPECT_EQ(4U, AllRows(directory.log()).size());
  EXPECT_EQ("", Describe(VerifyLog(directory.log())));
}

TEST(AuditLog, IsItsOwnersOnly) {
  const AuditDirectory directory;
  const std::unique_ptr<AuditLog> log = OpenLogAt(directory.log());
  AppendRows(*log, 1, 1);
  for (const char* file : {"", "-wal", "-shm"}) {
    struct stat status = {};
    ASSERT_EQ(0, stat((directory.log() + file).c_str(), &status)) << file;
    EXPECT_EQ(0600U, status.st_mode & 0777U) << file;
  }
}

TEST(AuditLog, AJobHasOneRow) {
  const AuditDirectory directory;
  const std::unique_ptr<AuditLog> log = OpenLogAt(directory.log());
  AppendRows(*log, 1, 2);
  EXPECT_TRUE(absl::IsAlreadyExists(log->Append(RowNumber(1))));
  AppendRows(*log, 3, 3);
  EXPECT_EQ(3U, AllRows(directory.log()).size());
  EXPECT_EQ("", Describe(VerifyLog(directory.log())));
}

TEST(AuditLog, WhoDoesNotWaitIsToldOnceTheRowIsThere) {
  const AuditDirectory directory;
  std::vector<std::string> told;
  {
    const std::unique_ptr<AuditLog> log = OpenLogAt(directory.log());
    AppendRows(*log, 1, 1);
    for (const uint64_t number : {2U, 3U, 1U, 4U}) {
      log->AppendLater(RowNumber(number), [&, number](const absl::Status& written) {
        const auto is_it = [&](const AuditRow& row) {
          return row.job_id == RowNumber(number).job_id;
        };
        EXPECT_THAT(AllRows(directory.log()), testing::Contains(testing::Truly(is_it)));
        told.push_back(StrCat(number, absl::IsAlreadyExists(written) ? "!" : ""));
        // Whoever is told may have something to write, too.
        EXPECT_TRUE(log->Append(EventNumber(number)).ok());
      });
    }
    // What was appended is written before the log closes.
  }
  EXPECT_THAT(told, testing::ElementsAre("2", "3", "1!", "4"));
  const ChainReport report = VerifyLog(directory.log());
  EXPECT_EQ("", Describe(report));
  EXPECT_EQ(4U, report.jobs.rows);
  EXPECT_EQ(4U, report.security_events.rows);
}

TEST(AuditLog, KeepsAnyBytes) {
  const AuditDirectory directory;
  AuditRow row = RowNumber(1);
  row.user = std::string("nul\0 and \xff\xfe", 11);
  row.flags = {std::string("\0", 1), "", "\n", "\\"};
  row.environment = {};
  row.output_digests = {};
  row.source_digest = Digest();
  {
    const std::unique_ptr<AuditLog> log = OpenLogAt(directory.log());
    ASSERT_TRUE(log->Append(row).ok());
  }
  EXPECT_THAT(AllRows(directory.log()), testing::ElementsAre(row));
  EXPECT_EQ("", Describe(VerifyLog(directory.log())));
}

TEST(AuditLog, TakesNoRowThatIsTooLong) {
  const AuditDirectory directory;
  const std::unique_ptr<AuditLog> log = OpenLogAt(directory.log());
  AuditRow row = RowNumber(1);
  row.user.assign(kMaxAuditRowBytes + 1, 'x');
  EXPECT_TRUE(absl::IsInvalidArgument(log->Append(row)));
  AppendRows(*log, 2, 2);
  EXPECT_EQ("", Describe(VerifyLog(directory.log())));
}

TEST(AuditLog, RefusesFilesItDidNotMake) {
  const AuditDirectory directory;
  std::ofstream(directory.log()) << std::string(4096, 'x');
  EXPECT_FALSE(AuditLog::Open({.path = directory.log()}).ok());
  std::filesystem::remove(directory.log());
  ASSERT_TRUE(Tamper(directory.log(), "CREATE TABLE t (x)"));
  EXPECT_TRUE(absl::IsFailedPrecondition(AuditLog::Open({.path = directory.log()}).status()));
  std::filesystem::remove(directory.log());
  ASSERT_TRUE(Tamper(directory.log(), "PRAGMA user_version = 2"));
  EXPECT_TRUE(absl::IsFailedPrecondition(AuditLog::Open({.path = directory.log()}).status()));
}

TEST(AuditLog, DoesNotGoOnWhereTheEndIsMissing) {
  const AuditDirectory directory;
  {
    const std::unique_ptr<AuditLog> log = OpenLogAt(directory.log());
    AppendRows(*log, 1, 3);
  }
  ASSERT_TRUE(Tamper(directory.log(), "DELETE FROM audit_row WHERE sequence = 3"));
  EXPECT_TRUE(absl::IsDataLoss(AuditLog::Open({.path = directory.log()}).status()));
}

TEST(AuditLog, ThreadsAppendAtOnceAndEachRowIsThere) {
  constexpr uint64_t kThreads = 8;
  constexpr uint64_t kEach = 50;
  const AuditDirectory directory;
  {
    const std::unique_ptr<AuditLog> log = OpenLogAt(directory.log());
    std::vector<std::thread> threads;
    for (uint64_t thread = 0; thread < kThreads; ++thread) {
      threads.emplace_back([&, thread] {
        AppendRows(*log, thread * kEach + 1, thread * kEach + kEach);
        EXPECT_TRUE(log->Append(EventNumber(thread)).ok());
        // A row that is refused among others that aren't.
        EXPECT_TRUE(absl::IsAlreadyExists(log->Append(RowNumber(thread * kEach + 1))));
      });
    }
    for (std::thread& thread : threads) thread.join();
  }
  const ChainReport report = VerifyLog(directory.log());
  EXPECT_EQ("", Describe(report));
  EXPECT_EQ(kThreads * kEach, report.jobs.rows);
  EXPECT_EQ(kThreads, report.security_events.rows);
}

// The number of every row that `writer` was told is on the disk.
void AppendAndTell(const std::string& path, uint64_t first, int tell) {
  const absl::StatusOr<std::unique_ptr<AuditLog>> log = AuditLog::Open({.path = path});
  if (!log.ok()) _exit(1);
  const auto append = [&](uint64_t number) {
    for (;; number += 4) {
      if (!(*log)->Append(RowNumber(number)).ok()) _exit(2);
      if (write(tell, &number, sizeof number) != sizeof number) _exit(3);
    }
  };
  std::vector<std::thread> threads;
  for (uint64_t thread = 0; thread < 4; ++thread) threads.emplace_back(append, first + thread);
  for (std::thread& thread : threads) thread.join();
}

// Kills a process that appends after `rows` acknowledged rows; adds these to `acknowledged`.
void KillWhileAppending(const std::string& path, uint64_t first, size_t rows,
                        std::set<uint64_t>& acknowledged) {
  int pipe_ends[2];
  ASSERT_EQ(0, pipe(pipe_ends));
  const pid_t child = fork();
  if (child == 0) {
    close(pipe_ends[0]);
    AppendAndTell(path, first, pipe_ends[1]);
    _exit(0);
  }
  close(pipe_ends[1]);
  uint64_t number = 0;
  size_t told = 0;
  while (read(pipe_ends[0], &number, sizeof number) == sizeof number) {
    acknowledged.insert(number);
    if (++told == rows) kill(child, SIGKILL);
  }
  close(pipe_ends[0]);
  int status = 0;
  ASSERT_EQ(child, waitpid(child, &status, 0));
  ASSERT_TRUE(WIFSIGNALED(status)) << "it left by itself with " << WEXITSTATUS(status);
}

TEST(AuditLog, KillNeitherLosesAnAcknowledgedRowNorBreaksTheChain) {
  const AuditDirectory directory;
  std::set<uint64_t> acknowledged;
  for (uint64_t round = 0; round < 20; ++round) {
    KillWhileAppending(directory.log(), round * 1'000'000, 1 + round * 7 % 40, acknowledged);
    const ChainReport report = VerifyLog(directory.log());
    ASSERT_EQ("", Describe(report)) << "round " << round;
  }
  std::set<uint64_t> there;
  for (const AuditRow& row : AllRows(directory.log())) {
    there.insert(std::stoull(row.job_id.substr(4)));
  }
  for (const uint64_t number : acknowledged) EXPECT_EQ(1U, there.count(number)) << number;
}

TEST(AuditLog, ProcessesAppendToOneLog) {
  const AuditDirectory directory;
  ASSERT_NE(nullptr, OpenLogAt(directory.log()));
  std::vector<pid_t> children;
  for (uint64_t child = 0; child < 3; ++child) {
    const pid_t process = fork();
    if (process == 0) {
      const std::unique_ptr<AuditLog> log = OpenLogAt(directory.log());
      for (uint64_t number = 1; number <= 30; ++number) {
        if (!log->Append(RowNumber(child * 100 + number)).ok()) _exit(1);
      }
      _exit(0);
    }
    children.push_back(process);
  }
  for (const pid_t child : children) {
    int status = 0;
    waitpid(child, &status, 0);
    EXPECT_EQ(0, status);
  }
  const ChainReport report = VerifyLog(directory.log());
  EXPECT_EQ("", Describe(report));
  EXPECT_EQ(90U, report.jobs.rows);
}

// Another program, such as SQLite's shell, that reads the log and leaves it, as often as it is
// asked. It may write, so it tidies up when it thinks it is the last. It is started before this
// process opens the log, since SQLite doesn't outlive a fork.
class OtherReader {
 public:
  explicit OtherReader(const std::string& path) {
    int questions[2];
    int answers[2];
    if (pipe(questions) != 0 || pipe(answers) != 0) std::abort();
    process_ = fork();
    if (process_ == 0) {
      close(questions[1]);
      for (char asked = 0; read(questions[0], &asked, 1) == 1;) {
        const uint8_t rows = CountAndClose(path);
        if (write(answers[1], &rows, 1) != 1) _exit(1);
      }
      _exit(0);
    }
    close(questions[0]);
    close(answers[1]);
    ask_ = questions[1];
    hear_ = answers[0];
  }
  ~OtherReader() {
    close(ask_);
    close(hear_);
    waitpid(process_, nullptr, 0);
  }

  int CountRows() const {
    uint8_t rows = 0;
    if (write(ask_, "?", 1) != 1 || read(hear_, &rows, 1) != 1) return -1;
    return rows;
  }

 private:
  static uint8_t CountAndClose(const std::string& path) {
    absl::StatusOr<SqliteDatabase> database =
        SqliteDatabase::Open(path, SqliteDatabase::Mode::kReadWriteCreate);
    if (!database.ok()) _exit(2);
    const absl::StatusOr<int64_t> rows = database->QueryInteger("SELECT count(*) FROM audit_row");
    if (!rows.ok()) _exit(3);
    return static_cast<uint8_t>(*rows);
  }

  pid_t process_;
  int ask_ = -1;
  int hear_ = -1;
};

// A log that was just made had lost SQLite's locks: a reader that left took it for nobody's, and
// removed the write-ahead log with all that came after.
TEST(AuditLog, AReaderThatComesAndGoesTakesNothingAlong) {
  const AuditDirectory directory;
  const OtherReader reader(directory.log());
  {
    const std::unique_ptr<AuditLog> log = OpenLogAt(directory.log());
    for (uint64_t number = 1; number <= 5; ++number) {
      AppendRows(*log, number, number);
      EXPECT_EQ(static_cast<int>(number), reader.CountRows());
    }
  }
  EXPECT_EQ(5, reader.CountRows());
  EXPECT_EQ("", Describe(VerifyLog(directory.log())));
}

}  // namespace
}  // namespace hpcc
