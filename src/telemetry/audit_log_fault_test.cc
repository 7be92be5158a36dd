// The audit log on a disk that fails at the n-th call, for every n.

#include <gmock/gmock.h>

#include <set>

#include "telemetry/audit_log.h"
#include "telemetry/audit_test_support.h"
#include "telemetry/faulty_vfs.h"

namespace hpcc {
namespace {

constexpr uint64_t kRows = 6;

// The rows that were acknowledged; nothing when the log could not even be opened.
std::set<std::string> AppendWhatGoes(const std::string& path) {
  std::set<std::string> acknowledged;
  absl::StatusOr<std::unique_ptr<AuditLog>> log =
      AuditLog::Open({.path = path, .vfs = FaultyVfs::name()});
  if (!log.ok()) return acknowledged;
  for (uint64_t number = 1; number <= kRows; ++number) {
    if ((*log)->Append(RowNumber(number)).ok()) acknowledged.insert(RowNumber(number).job_id);
  }
  return acknowledged;
}

class AuditLogFault : public testing::TestWithParam<FaultyVfs::Fault> {};

TEST_P(AuditLogFault, NoAcknowledgedRowIsLostAndTheChainHolds) {
  FaultyVfs vfs;
  int calls = 0;
  {
    const AuditDirectory directory;
    ASSERT_EQ(kRows, AppendWhatGoes(directory.log()).size());
    calls = vfs.calls();
    ASSERT_GT(calls, 20);
  }
  for (int n = 1; n <= calls; ++n) {
    SCOPED_TRACE(StrCat("call ", n, " of ", calls));
    const AuditDirectory directory;
    vfs.Give(GetParam(), n);
    const std::set<std::string> acknowledged = AppendWhatGoes(directory.log());
    vfs.Give(FaultyVfs::Fault::kNone, 0);

    // The disk is well again; what is there goes on from where it was.
    {
      const std::unique_ptr<AuditLog> log = OpenLogAt(directory.log());
      ASSERT_NE(nullptr, log);
      AppendRows(*log, 100, 101);
    }
    EXPECT_EQ("", Describe(VerifyLog(directory.log())));
    std::set<std::string> there;
    for (const AuditRow& row : AllRows(directory.log())) there.insert(row.job_id);
    EXPECT_THAT(there, testing::IsSupersetOf(acknowledged));
  }
}

INSTANTIATE_TEST_SUITE_P(Faults, AuditLogFault,
                         testing::Values(FaultyVfs::Fault::kIoError, FaultyVfs::Fault::kFull,
                                         FaultyVfs::Fault::kDead, FaultyVfs::Fault::kTorn));

TEST(AuditLogFullDisk, SaysSoAndGoesOnWhenThereIsRoom) {
  FaultyVfs vfs;
  const AuditDirectory directory;
  const std::unique_ptr<AuditLog> log = OpenLogAt(directory.log(), FaultyVfs::name());
  AppendRows(*log, 1, 2);
  vfs.Give(FaultyVfs::Fault::kFull, 1);
  EXPECT_TRUE(absl::IsResourceExhausted(log->Append(RowNumber(3))));
  EXPECT_TRUE(absl::IsResourceExhausted(log->Append(EventNumber(3))));
  vfs.Give(FaultyVfs::Fault::kNone, 0);
  AppendRows(*log, 3, 4);
  EXPECT_EQ(4U, AllRows(directory.log()).size());
  EXPECT_EQ("", Describe(VerifyLog(directory.log())));
}

}  // namespace
}  // namespace hpcc
