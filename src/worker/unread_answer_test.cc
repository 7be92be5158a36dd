// Clients that ask and don't read what they are answered: they hold neither the worker's threads
// nor its memory, and not for long.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <random>
#include <thread>

#include "worker/limits.h"
#include "worker/worker_test_support.h"

namespace hpcc {
namespace {

using grpc::StatusCode;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr size_t kMiB = size_t{1} << 20;

uint64_t ResidentBytes() {
  std::ifstream status("/proc/self/statm");
  uint64_t pages = 0;
  status >> pages >> pages;
  return pages * 4096;
}

class UnreadAnswerTest : public testing::Test {
 protected:
  using Reader = std::unique_ptr<grpc::ClientReader<worker::v1::CompileReply>>;

  // Takes no more of an answer than HTTP/2's first window when nobody reads it.
  std::unique_ptr<worker::v1::Worker::Stub> MakeStub() const {
    grpc::SslCredentialsOptions ssl;
    ssl.pem_root_certs = worker_.certificate_pem();
    grpc::ChannelArguments arguments;
    arguments.SetSslTargetNameOverride("localhost");
    arguments.SetInt(GRPC_ARG_HTTP2_BDP_PROBE, 0);
    return worker::v1::Worker::NewStub(
        grpc::CreateCustomChannel(worker_.address(), grpc::SslCredentials(ssl), arguments));
  }
  // A unit whose stored result has a bundle of so many bytes, of no meaning to the worker.
  TestUnit UnitWithResult(std::string_view tenant, int number, size_t bytes) {
    TestUnit unit(worker_.unit_root());
    unit.arguments.push_back(StrCat("-DNUMBER=", number));
    EXPECT_TRUE(worker_.UploadAll(tenant, unit).ok());
    const TestWorker::Reply reply = worker_.Compile(tenant, unit);
    EXPECT_TRUE(reply.finished.has_value()) << reply.status.error_message();
    if (!reply.finished) return unit;
    StoredResult result{.isolation = "none-test-only", .outputs = {}, .bundle = {}};
    std::mt19937_64 noise(number);
    result.bundle.reserve(bytes);
    while (result.bundle.size() < bytes) {
      const uint64_t word = noise();
      result.bundle.append(reinterpret_cast<const char*>(&word), sizeof(word));
    }
    const Digest key = *Digest::FromBytes(reply.finished->cache_key());
    EXPECT_TRUE(worker_.server()
                    .tenants()
                    .Get(tenant)
                    .value()
                    ->results()
                    .Put({StoreNamespace::kResult, key}, EncodeStoredResult(result))
                    .ok());
    return unit;
  }
  // Asks, and reads nothing.
  void CompileUnread(std::string_view tenant, const TestUnit& unit) {
    contexts_.push_back(worker_.Call(tenant));
    readers_.push_back(stub_->Compile(contexts_.back().get(), TestWorker::CompileRequestOf(unit)));
  }
  void ProbeUnread(std::string_view tenant, const TestUnit& unit) {
    worker::v1::ProbeRequest request;
    *request.mutable_command() = CommandOf(unit);
    request.set_manifest_digest(StrCat(unit.ManifestName().bytes()));
    contexts_.push_back(worker_.Call(tenant));
    readers_.push_back(stub_->ProbeCompileCache(contexts_.back().get(), request));
  }
  static bool Within(milliseconds bound, const std::function<bool()>& condition) {
    const auto end = std::chrono::steady_clock::now() + bound;
    while (!condition()) {
      if (std::chrono::steady_clock::now() > end) return false;
      std::this_thread::sleep_for(milliseconds(10));
    }
    return true;
  }
  JobRunner& jobs() { return worker_.server().jobs(); }

  TestWorker worker_;
  const std::unique_ptr<worker::v1::Worker::Stub> stub_ = MakeStub();
  std::vector<std::unique_ptr<grpc::ClientContext>> contexts_;
  std::vector<Reader> readers_;  // they go before their contexts
};

TEST_F(UnreadAnswerTest, CompilesThatNobodyReadsLeaveRoomForAnotherTenant) {
  const TestUnit unit = UnitWithResult("evil", 1, 4 * kMiB);
  TestUnit other(worker_.unit_root());
  ASSERT_TRUE(worker_.UploadAll("honest", other).ok());
  for (int i = 0; i < 120; ++i) CompileUnread("evil", unit);
  // Of 4 slots and 8 who may wait, the rest is for others.
  EXPECT_TRUE(Within(seconds(5), [this] { return jobs().in_flight() == 8; }));
  std::this_thread::sleep_for(seconds(1));
  EXPECT_EQ(jobs().in_flight(), 8U) << "an answer that isn't read keeps its place";
  for (int i = 0; i < 5; ++i) {
    const auto start = std::chrono::steady_clock::now();
    other.arguments.push_back(StrCat("-DOTHER", i));
    const TestWorker::Reply reply = worker_.Compile("honest", other);
    EXPECT_TRUE(reply.finished.has_value()) << reply.status.error_message();
    EXPECT_LT(std::chrono::steady_clock::now() - start, seconds(5));
  }
  // And whoever reads nothing is given up.
  EXPECT_TRUE(Within(kReplySilence + seconds(10), [this] { return jobs().in_flight() == 0; }));
  EXPECT_EQ(jobs().answer_bytes(), 0U);
}

TEST_F(UnreadAnswerTest, AClientThatReadsSlowlyIsServed) {
  const TestUnit unit = UnitWithResult("acme", 1, 2 * kMiB);
  CompileUnread("acme", unit);
  worker::v1::CompileReply reply;
  size_t bytes = 0;
  bool finished = false;
  while (readers_.back()->Read(&reply)) {
    bytes += reply.bundle().size() + reply.finished().last_chunk().size();
    finished = reply.has_finished();
    std::this_thread::sleep_for(milliseconds(1500));  // longer than the silence in all
  }
  EXPECT_TRUE(readers_.back()->Finish().ok());
  EXPECT_TRUE(finished);
  EXPECT_EQ(bytes, 2 * kMiB);
}

TEST_F(UnreadAnswerTest, ProbesThatNobodyReadsShareOneCopy) {
  const TestUnit unit = UnitWithResult("evil", 1, 32 * kMiB);
  const uint64_t before = ResidentBytes();
  for (int i = 0; i < 64; ++i) ProbeUnread("evil", unit);
  const uint64_t all = 32 * kMiB + 64 * kReplyChunkBytes;
  EXPECT_TRUE(Within(seconds(20), [&] { return jobs().answer_bytes() == all; }))
      << jobs().answer_bytes();
  // Some may have been read at once before they were found to be the same.
  EXPECT_LT(ResidentBytes(), before + 320 * kMiB);
  EXPECT_TRUE(Within(kReplySilence + seconds(10), [this] { return jobs().answer_bytes() == 0; }));
}

TEST_F(UnreadAnswerTest, ATenantsAnswersHaveABudget) {
  std::vector<TestUnit> units;
  for (int i = 0; i < 8; ++i) units.push_back(UnitWithResult("evil", i, 40 * kMiB));
  const TestUnit other = UnitWithResult("honest", 1, 1000);
  for (const TestUnit& unit : units) ProbeUnread("evil", unit);
  EXPECT_TRUE(Within(seconds(20), [this] { return jobs().answer_bytes() > 6 * 40 * kMiB; }));
  EXPECT_LE(jobs().answer_bytes(), kMaxAnswerBytesPerTenant);
  const TestWorker::Reply refused = worker_.Probe("evil", UnitWithResult("evil", 8, 40 * kMiB));
  EXPECT_EQ(refused.status.error_code(), StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_EQ(refused.retry_after_ms, "500");
  EXPECT_TRUE(worker_.Probe("honest", other).finished.has_value());
  EXPECT_TRUE(Within(kReplySilence + seconds(10), [this] { return jobs().answer_bytes() == 0; }));
  EXPECT_TRUE(worker_.Probe("evil", units[0]).finished.has_value());
  const std::vector<AuditRow> rows = worker_.Rows();
  const auto hits =
      std::count_if(rows.begin(), rows.end(), [](const AuditRow& r) { return r.hit; });
  EXPECT_EQ(hits, 6 + 1 + 1) << "who was refused has no row";
}

}  // namespace
}  // namespace hpcc
