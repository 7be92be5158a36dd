#ifndef HPCC_TELEMETRY_AUDIT_TEST_SUPPORT_H_
#define HPCC_TELEMETRY_AUDIT_TEST_SUPPORT_H_

// What the tests of this folder share.

#include <gtest/gtest.h>
#include <sqlite3.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "base/strings.h"
#include "telemetry/audit_log.h"
#include "telemetry/audit_reader.h"

namespace hpcc {

// A directory of its own, removed with everything in it at the end.
class AuditDirectory {
 public:
  AuditDirectory() {
    // Memory, where there is such a directory: SQLite waits for the disk again and again.
    const std::filesystem::path in =
        access("/dev/shm", W_OK) == 0 ? "/dev/shm" : std::filesystem::temp_directory_path();
    std::string name = (in / "hpcc-audit-test-XXXXXX").string();
    if (mkdtemp(name.data()) == nullptr) std::abort();
    path_ = name;
  }
  ~AuditDirectory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  AuditDirectory(const AuditDirectory&) = delete;
  AuditDirectory& operator=(const AuditDirectory&) = delete;

  std::string log() const { return path_ + "/audit.db"; }

 private:
  std::string path_;
};

// A row in which every member has a value of its own.
inline AuditRow RowNumber(uint64_t number) {
  const std::string n = StrCat(number);
  return {
      .time_ns = 1'700'000'000'000'000'000 + static_cast<int64_t>(number) * 1'000'000'000,
      .job_id = "job-" + n,
      .tenant = number % 2 == 0 ? "acme" : "globex",
      .user = "ada",
      .worker = "worker-1",
      .sandbox = "sandbox-" + n,
      .isolation = "process",
      .image_digest = "host",
      .source_digest = Digest::Of("source " + n),
      .flags = {"-O2", "-DNAME=\"two words\"", "-c", "/src/line\nbreak\\.c"},
      .cache_key = Digest::Of("key " + n),
      .hit = number % 3 == 0,
      .output_digests = {{"object", Digest::Of("object " + n)}, {"dwo", Digest::Of("dwo " + n)}},
      .exit_status = static_cast<int32_t>(number % 5 == 0 ? 1 : 0),
      .duration_ns = 250'000'000,
      .scheduler = "scheduler-1",
      .trace_id = "4bf92f3577b34da6a3ce929d0e0e4736",
      .compiler = "/usr/bin/gcc",
      .working_directory = "/src",
      .environment = {"LANG=C", "EMPTY="},
  };
}

inline SecurityEventRow EventNumber(uint64_t number) {
  return {.time_ns = static_cast<int64_t>(number),
          .event = "token-expired",
          .tenant = "acme",
          .user = "ada",
          .peer = "ipv4:127.0.0.1:4711",
          .detail = StrCat("event ", number),
          .count = 1};
}

inline std::unique_ptr<AuditLog> OpenLogAt(const std::string& path, const std::string& vfs = "") {
  absl::StatusOr<std::unique_ptr<AuditLog>> log = AuditLog::Open({.path = path, .vfs = vfs});
  EXPECT_TRUE(log.ok()) << log.status();
  return log.ok() ? *std::move(log) : nullptr;
}

inline void AppendRows(AuditLog& log, uint64_t first, uint64_t last) {
  for (uint64_t number = first; number <= last; ++number) {
    const absl::Status status = log.Append(RowNumber(number));
    ASSERT_TRUE(status.ok()) << status;
  }
}

inline ChainReport VerifyLog(const std::string& path,
                             const std::optional<ChainHead>& noted = std::nullopt) {
  absl::StatusOr<std::unique_ptr<AuditReader>> reader = AuditReader::Open(path);
  EXPECT_TRUE(reader.ok()) << reader.status();
  if (!reader.ok()) return {};
  absl::StatusOr<ChainReport> report = (*reader)->Verify(noted);
  EXPECT_TRUE(report.ok()) << report.status();
  return report.ok() ? *std::move(report) : ChainReport();
}

inline std::string Describe(const ChainReport& report) {
  std::string text;
  for (const ChainProblem& problem : report.problems) {
    StrAppend(&text, problem.chain == AuditChain::kJobs ? "row " : "event ", problem.sequence, " ",
              problem.job_id, " ", problem.what, "\n");
  }
  return text;
}

// Whether the row is among those something is said about.
inline bool Names(const ChainReport& report, AuditChain chain, uint64_t sequence) {
  for (const ChainProblem& problem : report.problems) {
    if (problem.chain == chain && problem.sequence == sequence) return true;
  }
  return false;
}

// Everything of the jobs' chain, in order.
inline std::vector<AuditRow> AllRows(const std::string& path) {
  std::vector<AuditRow> rows;
  absl::StatusOr<std::unique_ptr<AuditReader>> reader = AuditReader::Open(path);
  EXPECT_TRUE(reader.ok()) << reader.status();
  if (!reader.ok()) return rows;
  const absl::Status status = (*reader)->ForEach({}, [&](uint64_t, const AuditRow& row) {
    rows.push_back(row);
    return true;
  });
  EXPECT_TRUE(status.ok()) << status;
  return rows;
}

// What somebody does who has the file and a SQLite shell. False: SQLite refused.
inline bool Tamper(const std::string& path, const std::string& sql) {
  sqlite3* database = nullptr;
  bool done = sqlite3_open(path.c_str(), &database) == SQLITE_OK;
  done = done && sqlite3_exec(database, sql.c_str(), nullptr, nullptr, nullptr) == SQLITE_OK;
  sqlite3_close(database);
  return done;
}

}  // namespace hpcc

#endif  // HPCC_TELEMETRY_AUDIT_TEST_SUPPORT_H_
