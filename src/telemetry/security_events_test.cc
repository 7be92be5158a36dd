#include "telemetry/security_events.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <set>
#include <thread>

#include "telemetry/audit_test_support.h"

namespace hpcc {
namespace {

// Stands still unless told.
class StandingClock final : public Clock {
 public:
  int64_t NowNanoseconds() override { return 1'700'000'000'000'000'000 + now_ns; }
  int64_t FileStampNanoseconds() override { return NowNanoseconds(); }
  int64_t MonotonicNanoseconds() override { return now_ns; }
  void Sleep(std::chrono::nanoseconds duration) override { now_ns += duration.count(); }

  std::atomic<int64_t> now_ns{1};
};

class SecurityEventsTest : public testing::Test {
 protected:
  std::vector<SecurityEventRow> Recorded() {
    std::vector<SecurityEventRow> rows;
    const auto reader = AuditReader::Open(directory_.log());
    EXPECT_TRUE(reader.ok());
    EXPECT_TRUE((*reader)
                    ->ForEachEvent({},
                                   [&](uint64_t, const SecurityEventRow& row) {
                                     rows.push_back(row);
                                     return true;
                                   })
                    .ok());
    return rows;
  }
  void Report(int times, SecurityEvent event = SecurityEvent::kTokenExpired,
              const std::string& tenant = "acme") {
    for (int i = 0; i < times; ++i) {
      events_.Report(event, {.tenant = tenant, .user = "ada", .peer = "peer", .detail = "why"});
    }
  }

  AuditDirectory directory_;
  std::unique_ptr<AuditLog> log_ = OpenLogAt(directory_.log());
  StandingClock clock_;
  SecurityEvents events_{clock_, log_.get()};
};

TEST(SecurityEventName, IsKebabCaseAndItsOwn) {
  std::set<std::string_view> names;
  for (size_t i = 0; i < kSecurityEventCount; ++i) {
    const std::string_view name = SecurityEventName(static_cast<SecurityEvent>(i));
    EXPECT_TRUE(names.insert(name).second) << name;
    EXPECT_FALSE(name.empty() || name.front() == '-' || name.back() == '-') << name;
    EXPECT_TRUE(std::all_of(name.begin(), name.end(), [](char c) {
      return c == '-' || (c >= 'a' && c <= 'z');
    })) << name;
  }
}

// Alerts are written on these: a change here is a change for everybody who has some.
TEST(SecurityEventName, StaysWhatItIs) {
  EXPECT_EQ("token-malformed", SecurityEventName(SecurityEvent::kTokenMalformed));
  EXPECT_EQ("token-tenant-wrong", SecurityEventName(SecurityEvent::kTokenTenantWrong));
  EXPECT_EQ("routing-token-refused", SecurityEventName(SecurityEvent::kRoutingTokenRefused));
  EXPECT_EQ("certificate-changed", SecurityEventName(SecurityEvent::kCertificateChanged));
  EXPECT_EQ("digest-mismatch", SecurityEventName(SecurityEvent::kDigestMismatch));
  EXPECT_EQ("sandbox-lost", SecurityEventName(SecurityEvent::kSandboxLost));
  EXPECT_EQ("audit-write-failed", SecurityEventName(SecurityEvent::kAuditWriteFailed));
  EXPECT_EQ("operator-refused", SecurityEventName(SecurityEvent::kOperatorRefused));
  EXPECT_EQ("operator-command", SecurityEventName(SecurityEvent::kOperatorCommand));
  EXPECT_EQ("shared-result-refused", SecurityEventName(SecurityEvent::kSharedResultRefused));
  EXPECT_EQ("job-unfinished", SecurityEventName(SecurityEvent::kJobUnfinished));
}

TEST_F(SecurityEventsTest, EachIsRecorded) {
  Report(2);
  events_.Report(SecurityEvent::kArgumentRefused, {.tenant = "globex", .detail = "/etc/../etc"});
  const std::vector<SecurityEventRow> rows = Recorded();
  ASSERT_EQ(3U, rows.size());
  const SecurityEventRow expected = {.time_ns = clock_.NowNanoseconds(),
                                     .event = "token-expired",
                                     .tenant = "acme",
                                     .user = "ada",
                                     .peer = "peer",
                                     .detail = "why",
                                     .count = 1};
  EXPECT_EQ(expected, rows[0]);
  EXPECT_EQ("argument-refused", rows[2].event);
  EXPECT_EQ(2U, events_.count(SecurityEvent::kTokenExpired));
  EXPECT_EQ(3U, events_.total());
}

TEST_F(SecurityEventsTest, AFloodIsOneRecordWithACount) {
  Report(1000);
  EXPECT_EQ(SecurityEvents::kRecordsPerWindow, Recorded().size());
  events_.Flush();
  EXPECT_EQ(SecurityEvents::kRecordsPerWindow, Recorded().size()) << "the window is open still";
  clock_.Sleep(SecurityEvents::kEventWindow);
  events_.Flush();
  const std::vector<SecurityEventRow> rows = Recorded();
  ASSERT_EQ(SecurityEvents::kRecordsPerWindow + 1, rows.size());
  EXPECT_EQ(1000 - SecurityEvents::kRecordsPerWindow, rows.back().count);
  EXPECT_EQ("token-expired", rows.back().event);
  EXPECT_EQ("acme", rows.back().tenant);
  EXPECT_EQ(1000U, events_.count(SecurityEvent::kTokenExpired));
}

TEST_F(SecurityEventsTest, ABusyTenantsLimitIsARecordAndACount) {
  Report(100, SecurityEvent::kQuotaExceeded);
  EXPECT_EQ(1U, Recorded().size());
  clock_.Sleep(SecurityEvents::kEventWindow);
  events_.Flush();
  const std::vector<SecurityEventRow> rows = Recorded();
  ASSERT_EQ(2U, rows.size());
  EXPECT_EQ(99U, rows.back().count);
}

TEST_F(SecurityEventsTest, EveryUnfinishedJobIsARecordOfItsOwn) {
  Report(100, SecurityEvent::kJobUnfinished);
  EXPECT_EQ(100U, Recorded().size());
  clock_.Sleep(SecurityEvents::kEventWindow);
  events_.Flush();
  EXPECT_EQ(100U, Recorded().size());
}

TEST_F(SecurityEventsTest, OneTenantsFloodHidesNothingOfAnother) {
  Report(1000);
  Report(1, SecurityEvent::kTokenExpired, "globex");
  Report(1, SecurityEvent::kArgumentRefused);
  EXPECT_EQ(SecurityEvents::kRecordsPerWindow + 2, Recorded().size());
}

TEST_F(SecurityEventsTest, AWindowBeginsAnew) {
  Report(30);
  clock_.Sleep(SecurityEvents::kEventWindow);
  Report(3);
  const std::vector<SecurityEventRow> rows = Recorded();
  ASSERT_EQ(SecurityEvents::kRecordsPerWindow + 1 + 3, rows.size());
  EXPECT_EQ(30 - SecurityEvents::kRecordsPerWindow, rows[SecurityEvents::kRecordsPerWindow].count);
}

TEST_F(SecurityEventsTest, StrangersWithManyNamesFillNothing) {
  for (int i = 0; i < 5000; ++i) Report(1, SecurityEvent::kTenantUnknown, StrCat("tenant ", i));
  EXPECT_LE(Recorded().size(), SecurityEvents::kMaxWindows + SecurityEvents::kRecordsPerWindow);
  clock_.Sleep(SecurityEvents::kEventWindow);
  events_.Flush();
  uint64_t sum = 0;
  for (const SecurityEventRow& row : Recorded()) sum += row.count;
  EXPECT_EQ(5000U, sum);
}

TEST_F(SecurityEventsTest, WhatStrangersClaimIsCut) {
  events_.Report(SecurityEvent::kTenantUnknown,
                 {.tenant = std::string(100'000, 't'), .detail = std::string(100'000, 'd')});
  const std::vector<SecurityEventRow> rows = Recorded();
  ASSERT_EQ(1U, rows.size());
  EXPECT_LT(rows[0].tenant.size() + rows[0].detail.size(), 2000U);
}

TEST_F(SecurityEventsTest, TheLastCountsAreWrittenAtTheEnd) {
  {
    SecurityEvents events(clock_, log_.get());
    for (int i = 0; i < 25; ++i) events.Report(SecurityEvent::kSandboxLost, {.tenant = "acme"});
  }
  const std::vector<SecurityEventRow> rows = Recorded();
  ASSERT_EQ(SecurityEvents::kRecordsPerWindow + 1, rows.size());
  EXPECT_EQ(25 - SecurityEvents::kRecordsPerWindow, rows.back().count);
}

TEST_F(SecurityEventsTest, ThreadsReportAtOnce) {
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) threads.emplace_back([&] { Report(100); });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(800U, events_.total());
  EXPECT_EQ(SecurityEvents::kRecordsPerWindow, Recorded().size());
  EXPECT_EQ("", Describe(VerifyLog(directory_.log())));
}

TEST(SecurityEventsWithoutASink, OnlyCount) {
  StandingClock clock;
  SecurityEvents events(clock, nullptr);
  events.Report(SecurityEvent::kSandboxLost, {});
  EXPECT_EQ(1U, events.total());
}

}  // namespace
}  // namespace hpcc
