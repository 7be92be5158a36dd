#include "worker/worker_service.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "worker/worker_test_support.h"

namespace hpcc {
namespace {

using grpc::StatusCode;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

class WorkerServiceTest : public testing::Test {
 protected:
  void Compiles(std::string_view tenant, const TestUnit& unit, bool hit) {
    const TestWorker::Reply reply = worker_.Compile(tenant, unit);
    ASSERT_TRUE(reply.status.ok()) << reply.status.error_message();
    ASSERT_TRUE(reply.finished.has_value());
    EXPECT_EQ(reply.finished->exit_status(), 0);
    EXPECT_EQ(reply.finished->hit(), hit);
  }
  static ResultBundle BundleOf(const TestWorker::Reply& reply) {
    absl::StatusOr<ResultBundle> bundle = DecodeBundle(reply.bundle);
    EXPECT_TRUE(bundle.ok()) << bundle.status();
    return bundle.ok() ? *std::move(bundle) : ResultBundle();
  }

  TestWorker worker_;
  TestUnit unit_{worker_.unit_root()};
};

TEST_F(WorkerServiceTest, AMissIsUploadedCompiledAndThenAHit) {
  const TestWorker::Reply miss = worker_.Probe("acme", unit_);
  ASSERT_TRUE(miss.status.ok()) << miss.status.error_message();
  EXPECT_TRUE(miss.miss);
  EXPECT_EQ(miss.image_directories, TestImage());

  const std::vector<Digest> digests = {Digest::Of(unit_.blobs[0]), Digest::Of(unit_.blobs[1])};
  EXPECT_THAT(worker_.Missing("acme", digests), SizeIs(2));
  const TestWorker::Reply early = worker_.Compile("acme", unit_);
  EXPECT_EQ(early.status.error_code(), StatusCode::FAILED_PRECONDITION);
  EXPECT_THAT(early.status.error_message(), HasSubstr("blobs are missing: 2"));

  ASSERT_TRUE(worker_.UploadAll("acme", unit_).ok());
  EXPECT_THAT(worker_.Missing("acme", digests), IsEmpty());
  const TestWorker::Reply compiled = worker_.Compile("acme", unit_);
  ASSERT_TRUE(compiled.status.ok()) << compiled.status.error_message();
  ASSERT_TRUE(compiled.finished.has_value());
  EXPECT_FALSE(compiled.finished->hit());
  EXPECT_EQ(compiled.finished->isolation(), "none-test-only");
  const ResultBundle bundle = BundleOf(compiled);
  ASSERT_NE(bundle.Find(OutputRole::kObject), nullptr);
  EXPECT_THAT(bundle.Find(OutputRole::kObject)->data, testing::StartsWith("\x7f"
                                                                          "ELF"));
  EXPECT_EQ(bundle.dependency_style, DependencyStyle::kGcc);
  ASSERT_GE(bundle.dependencies.size(), 2U);
  EXPECT_EQ(bundle.dependencies[0].path, "unit.c");

  const TestWorker::Reply hit = worker_.Probe("acme", unit_);
  ASSERT_TRUE(hit.finished.has_value());
  EXPECT_TRUE(hit.finished->hit());
  EXPECT_EQ(hit.bundle, compiled.bundle);
  EXPECT_EQ(hit.finished->cache_key(), compiled.finished->cache_key());
  EXPECT_EQ(hit.finished->isolation(), "none-test-only");
  EXPECT_EQ(worker_.sandboxes().execs, 1);
}

TEST_F(WorkerServiceTest, EveryFinishedJobHasItsRow) {
  ASSERT_TRUE(worker_.UploadAll("acme", unit_).ok());
  const TestWorker::Reply compiled = worker_.Compile("acme", unit_);
  const TestWorker::Reply hit = worker_.Probe("acme", unit_);
  ASSERT_TRUE(compiled.finished && hit.finished);
  const std::vector<AuditRow> rows = worker_.Rows();
  ASSERT_THAT(rows, SizeIs(2));
  EXPECT_EQ(rows[0].job_id, compiled.finished->job());
  EXPECT_EQ(rows[0].tenant, "acme");
  EXPECT_EQ(rows[0].user, "user-of-acme");
  EXPECT_EQ(rows[0].scheduler, "scheduler-1");
  EXPECT_EQ(rows[0].worker, "worker-1");
  EXPECT_FALSE(rows[0].hit);
  EXPECT_EQ(rows[0].source_digest, unit_.ManifestName());
  EXPECT_EQ(rows[0].flags, unit_.arguments);
  EXPECT_EQ(rows[0].compiler, unit_.compiler);
  ASSERT_THAT(rows[0].output_digests, SizeIs(1));
  EXPECT_EQ(rows[0].output_digests[0].role, "object");
  EXPECT_EQ(rows[0].output_digests[0].digest,
            Digest::Of(BundleOf(compiled).Find(OutputRole::kObject)->data));
  EXPECT_EQ(rows[1].job_id, hit.finished->job());
  EXPECT_TRUE(rows[1].hit);
  EXPECT_EQ(rows[1].sandbox, "");
  EXPECT_EQ(rows[1].isolation, "none-test-only");
  EXPECT_EQ(rows[1].output_digests, rows[0].output_digests);
  // For replay.
  const auto tenant = worker_.server().tenants().Get("acme").value();
  EXPECT_EQ(tenant->manifests().Read(unit_.ManifestName()).value(), unit_.Manifest());
}

TEST_F(WorkerServiceTest, OneTenantSeesNothingOfAnother) {
  ASSERT_TRUE(worker_.UploadAll("a", unit_).ok());
  Compiles("a", unit_, /*hit=*/false);
  const std::vector<Digest> digests = {Digest::Of(unit_.blobs[0]), Digest::Of(unit_.blobs[1])};
  // B knows everything A sent, digests and all.
  EXPECT_THAT(worker_.Missing("b", digests), SizeIs(2));
  EXPECT_TRUE(worker_.Probe("b", unit_).miss);
  EXPECT_EQ(worker_.Compile("b", unit_).status.error_code(), StatusCode::FAILED_PRECONDITION);
  EXPECT_EQ(worker_.sandboxes().execs, 1);
  // Having sent it too, B compiles it again.
  ASSERT_TRUE(worker_.UploadAll("b", unit_).ok());
  Compiles("b", unit_, /*hit=*/false);
  EXPECT_EQ(worker_.sandboxes().execs, 2);
  const std::vector<AuditRow> rows = worker_.Rows();
  ASSERT_THAT(rows, SizeIs(2));
  EXPECT_NE(rows[0].cache_key, rows[1].cache_key);
  EXPECT_NE(rows[0].sandbox, rows[1].sandbox);
}

TEST_F(WorkerServiceTest, ADigestIsNoWayToAnothersBytes) {
  ASSERT_TRUE(worker_.UploadAll("a", unit_).ok());
  // B claims A's digests with bytes of its own, or none.
  auto claim = TestWorker::Blob("int x;\n");
  claim.set_digest(StrCat(Digest::Of(unit_.blobs[0]).bytes()));
  EXPECT_EQ(worker_.Upload("b", {claim}).error_code(), StatusCode::INVALID_ARGUMENT);
  EXPECT_THAT(worker_.Missing("b", {Digest::Of(unit_.blobs[0])}), SizeIs(1));
  const auto a = worker_.server().tenants().Get("a").value();
  EXPECT_EQ(a->blobs().Read(Digest::Of(unit_.blobs[0])).value(), unit_.blobs[0]);
}

TEST_F(WorkerServiceTest, EveryCallNeedsAGoodToken) {
  const int64_t now = TestWorker::NowSeconds();
  const SigningKey stranger = SigningKey::Generate().value();
  const std::vector<std::string> tokens = {
      "",
      "x",
      "x.y.z",
      TestWorker::Token("acme", stranger, now),
      TestWorker::Token("acme", worker_.key(), now - 10'000),
      TestWorker::Token("acme", worker_.key(), now + 10'000),
      TestWorker::Token("acme", worker_.key(), now, "worker-2"),
      MakeSessionToken(worker_.key(), {"acme", "user", now + 300}, now)};
  for (const std::string& token : tokens) {
    const auto refused = [&](const grpc::Status& status) {
      EXPECT_EQ(status.error_code(), StatusCode::UNAUTHENTICATED) << token;
    };
    worker::v1::CompileReply reply;
    worker::v1::ProbeRequest probe;
    *probe.mutable_command() = CommandOf(unit_);
    auto context = TestWorker::CallWith(token);
    const auto probing = worker_.stub().ProbeCompileCache(context.get(), probe);
    EXPECT_FALSE(probing->Read(&reply));
    refused(probing->Finish());
    context = TestWorker::CallWith(token);
    const auto compiling =
        worker_.stub().Compile(context.get(), TestWorker::CompileRequestOf(unit_));
    EXPECT_FALSE(compiling->Read(&reply));
    refused(compiling->Finish());
    context = TestWorker::CallWith(token);
    worker::v1::FindMissingBlobsResponse missing;
    refused(worker_.stub().FindMissingBlobs(context.get(), {}, &missing));
    context = TestWorker::CallWith(token);
    worker::v1::UploadBlobsResponse uploaded;
    const auto uploading = worker_.stub().UploadBlobs(context.get(), &uploaded);
    uploading->Write(TestWorker::Blob("x"));
    uploading->WritesDone();
    refused(uploading->Finish());
  }
  // Twice is once too often.
  auto context = worker_.Call("acme");
  context->AddMetadata("authorization", StrCat("Bearer ", worker_.Token("other")));
  worker::v1::FindMissingBlobsResponse missing;
  EXPECT_EQ(worker_.stub().FindMissingBlobs(context.get(), {}, &missing).error_code(),
            StatusCode::UNAUTHENTICATED);
  EXPECT_GE(worker_.server().events().count(SecurityEvent::kRoutingTokenRefused),
            4 * tokens.size());
}

TEST_F(WorkerServiceTest, RefusedArgumentsAreNamedAndNeverRun) {
  ASSERT_TRUE(worker_.UploadAll("acme", unit_).ok());
  unit_.arguments.emplace_back("-fplugin=./evil.so");
  for (const TestWorker::Reply& reply :
       {worker_.Probe("acme", unit_), worker_.Compile("acme", unit_)}) {
    EXPECT_EQ(reply.status.error_code(), StatusCode::PERMISSION_DENIED);
    EXPECT_THAT(reply.status.error_message(), HasSubstr("-fplugin=./evil.so"));
  }
  EXPECT_EQ(worker_.sandboxes().execs, 0);
  EXPECT_EQ(worker_.server().events().count(SecurityEvent::kArgumentRefused), 2U);
}

TEST_F(WorkerServiceTest, AnotherCompilerOfThatNameIsTheClientsAffair) {
  worker::v1::CompileRequest request = TestWorker::CompileRequestOf(unit_);
  request.mutable_command()->set_toolchain_identity(StrCat(Digest::Of("another").bytes()));
  EXPECT_EQ(worker_.Compile("acme", request).status.error_code(), StatusCode::FAILED_PRECONDITION);
  EXPECT_EQ(worker_.server().events().count(SecurityEvent::kToolchainMismatch), 1U);
}

TEST_F(WorkerServiceTest, WhatACompileReadMustStandInItsManifest) {
  unit_.Add("extra.h", "#define EXTRA 1\n");
  unit_.Add("unit.c", "#include \"unit.h\"\n#include \"extra.h\"\nint f(void) { return EXTRA; }\n");
  ASSERT_TRUE(worker_.UploadAll("acme", unit_).ok());
  std::erase_if(unit_.manifest.entries,
                [](const ManifestEntry& e) { return e.path.ends_with("extra.h"); });
  // A sandbox in which more lies than was asked for.
  worker_.sandboxes().before = [this](ExecRequest* request) {
    std::filesystem::create_directories(unit_.root);
    ASSERT_TRUE(
        WriteFileAtomically(FileSystem::Real(), unit_.root + "/extra.h", "#define EXTRA 1\n").ok());
    EXPECT_FALSE(request->manifest.empty());
  };
  const TestWorker::Reply reply = worker_.Compile("acme", unit_);
  EXPECT_EQ(reply.status.error_code(), StatusCode::FAILED_PRECONDITION);
  EXPECT_THAT(reply.status.error_message(), HasSubstr("extra.h"));
  EXPECT_EQ(worker_.server().events().count(SecurityEvent::kDependencyUndeclared), 1U);
  EXPECT_TRUE(worker_.Probe("acme", unit_).miss);
}

TEST_F(WorkerServiceTest, ImageHeadersMustStandInTheManifestToo) {
  unit_.Add("unit.c", "#include <stdint.h>\nuint8_t x;\n");
  ASSERT_TRUE(worker_.UploadAll("acme", unit_).ok());
  const TestWorker::Reply reply = worker_.Compile("acme", unit_);
  EXPECT_EQ(reply.status.error_code(), StatusCode::FAILED_PRECONDITION);
  EXPECT_THAT(reply.status.error_message(), HasSubstr("stdint.h"));
}

TEST_F(WorkerServiceTest, WhatTheImageHasAndTheClientDoesNotIsTheClientsAffair) {
  unit_.manifest.entries.push_back(
      {"/usr/include/stdint.h", ManifestEntry::Kind::kAbsent, Digest(), ""});
  ASSERT_TRUE(worker_.UploadAll("acme", unit_).ok());
  EXPECT_EQ(worker_.Compile("acme", unit_).status.error_code(), StatusCode::FAILED_PRECONDITION);
}

TEST_F(WorkerServiceTest, TheTimeOfDayIsTheClientsAffair) {
  unit_.Add("unit.c", "const char* when = __DATE__;\n");
  ASSERT_TRUE(worker_.UploadAll("acme", unit_).ok());
  const TestWorker::Reply reply = worker_.Compile("acme", unit_);
  EXPECT_EQ(reply.status.error_code(), StatusCode::FAILED_PRECONDITION);
  EXPECT_THAT(reply.status.error_message(), HasSubstr("__DATE__"));
  // Named in a comment, it reaches nothing.
  unit_.Add("unit.c", "/* __DATE__ */ int x;\n");
  ASSERT_TRUE(worker_.UploadAll("acme", unit_).ok());
  Compiles("acme", unit_, /*hit=*/false);
}

TEST_F(WorkerServiceTest, FailedCompilesAreAnsweredAndNotStored) {
  unit_.Add("unit.c", "int f(void) { return nowhere; }\n");
  ASSERT_TRUE(worker_.UploadAll("acme", unit_).ok());
  for (int i = 1; i <= 2; ++i) {
    const TestWorker::Reply reply = worker_.Compile("acme", unit_);
    ASSERT_TRUE(reply.finished.has_value()) << reply.status.error_message();
    EXPECT_EQ(reply.finished->exit_status(), 1);
    EXPECT_FALSE(reply.finished->hit());
    const ResultBundle bundle = BundleOf(reply);
    EXPECT_EQ(bundle.Find(OutputRole::kObject), nullptr);
    ASSERT_NE(bundle.Find(kStderrPart), nullptr);
    EXPECT_THAT(bundle.Find(kStderrPart)->data, HasSubstr("nowhere"));
    EXPECT_EQ(worker_.sandboxes().execs, i);
  }
  EXPECT_TRUE(worker_.Probe("acme", unit_).miss);
  EXPECT_THAT(worker_.Rows(), SizeIs(2));
}

TEST_F(WorkerServiceTest, OneKeyInFlightIsCompiledOnce) {
  ASSERT_TRUE(worker_.UploadAll("acme", unit_).ok());
  worker_.sandboxes().blocked = true;
  std::vector<std::thread> clients;
  std::atomic<int> finished{0};
  std::atomic<int> hits{0};
  for (int i = 0; i < 4; ++i) {
    clients.emplace_back([&] {
      const TestWorker::Reply reply = worker_.Compile("acme", unit_);
      if (reply.finished) ++finished;
      if (reply.finished && reply.finished->hit()) ++hits;
    });
  }
  while (worker_.sandboxes().running == 0) std::this_thread::yield();
  std::this_thread::sleep_for(std::chrono::milliseconds(100));
  worker_.sandboxes().blocked = false;
  for (std::thread& client : clients) client.join();
  EXPECT_EQ(finished, 4);
  EXPECT_EQ(hits, 3);
  EXPECT_EQ(worker_.sandboxes().execs, 1);
  EXPECT_THAT(worker_.Rows(), SizeIs(4));
}

TEST_F(WorkerServiceTest, AClientThatGoesAwayEndsItsCompile) {
  ASSERT_TRUE(worker_.UploadAll("acme", unit_).ok());
  worker_.sandboxes().blocked = true;
  const auto context = worker_.Call("acme");
  const auto reader = worker_.stub().Compile(context.get(), TestWorker::CompileRequestOf(unit_));
  while (worker_.sandboxes().running == 0) std::this_thread::yield();
  context->TryCancel();
  const auto patience = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (worker_.sandboxes().running != 0 && std::chrono::steady_clock::now() < patience) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  EXPECT_EQ(worker_.sandboxes().running, 0);
  EXPECT_THAT(worker_.Rows(), IsEmpty());
  worker_.sandboxes().blocked = false;
  Compiles("acme", unit_, /*hit=*/false);
}

TEST_F(WorkerServiceTest, ALostSandboxIsReportedAndReplaced) {
  ASSERT_TRUE(worker_.UploadAll("acme", unit_).ok());
  worker_.sandboxes().lost = true;
  EXPECT_EQ(worker_.Compile("acme", unit_).status.error_code(), StatusCode::UNAVAILABLE);
  Compiles("acme", unit_, /*hit=*/false);
  const auto patience = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (worker_.lost() == 0 && std::chrono::steady_clock::now() < patience) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  EXPECT_EQ(worker_.lost(), 1);
}

TEST_F(WorkerServiceTest, QuotasAreAnsweredWithATimeToComeAgain) {
  worker_.server().tenants().SetLimits({{"acme", {100, 1, 0}}});
  std::string retry;
  const grpc::Status status =
      worker_.Upload("acme", {TestWorker::Blob(std::string(101, 'x'))}, &retry);
  EXPECT_EQ(status.error_code(), StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_GT(std::atol(retry.c_str()), 1000);
  EXPECT_EQ(worker_.server().events().count(SecurityEvent::kQuotaExceeded), 1U);
  // Another tenant's quota is its own.
  ASSERT_TRUE(worker_.UploadAll("other", unit_).ok());

  ASSERT_TRUE(worker_.UploadAll("acme", unit_).ok());
  TestUnit second(worker_.unit_root());
  second.arguments.emplace_back("-DSECOND");
  worker_.sandboxes().blocked = true;
  std::thread first([&] { Compiles("acme", unit_, /*hit=*/false); });
  while (worker_.sandboxes().running == 0) std::this_thread::yield();
  const TestWorker::Reply reply = worker_.Compile("acme", second);
  EXPECT_EQ(reply.status.error_code(), StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_EQ(reply.retry_after_ms, "500");
  worker_.sandboxes().blocked = false;
  first.join();
  Compiles("acme", second, /*hit=*/false);
}

TEST_F(WorkerServiceTest, WhomThereIsNoRoomForGetsNoManifestExpanded) {
  worker_.server().tenants().SetLimits({{"acme", {0, 1, 0}}});
  ASSERT_TRUE(worker_.UploadAll("acme", unit_).ok());
  worker_.sandboxes().blocked = true;
  std::thread first([&] { Compiles("acme", unit_, /*hit=*/false); });
  while (worker_.sandboxes().running == 0) std::this_thread::yield();
  worker::v1::CompileRequest request = TestWorker::CompileRequestOf(unit_);
  request.set_manifest("no frame, which nobody learns");
  EXPECT_EQ(worker_.Compile("acme", request).status.error_code(), StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_EQ(worker_.server().events().count(SecurityEvent::kManifestRefused), 0U);
  worker_.sandboxes().blocked = false;
  first.join();
  EXPECT_EQ(worker_.Compile("acme", request).status.error_code(), StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(worker_.server().events().count(SecurityEvent::kManifestRefused), 1U);
}

// What a compiler takes to say what it is would hold up all tenants' probes.
TEST(WorkerProbeTest, NoProbeWaitsForACompilerThatAnotherAsks) {
  const WorkerScratch image;
  const std::string slow = image / "slow-gcc";
  ASSERT_TRUE(WriteFileAtomically(FileSystem::Real(), slow,
                                  StrCat("#!/bin/sh\ntouch ", image / "asked", "\nwhile ! test -e ",
                                         image / "go-on", "; do sleep 0.01; done\n"))
                  .ok());
  std::filesystem::permissions(slow, std::filesystem::perms::owner_all);
  std::vector<std::string> directories = TestImage();
  directories.push_back(image.path());
  TestWorker worker(nullptr, nullptr, directories);
  TestUnit unit(worker.unit_root());
  unit.compiler = slow;
  TestWorker::Reply of_slow;
  std::thread asking([&] { of_slow = worker.Probe("a", unit); });
  while (!std::filesystem::exists(image / "asked")) std::this_thread::yield();
  const TestUnit other(worker.unit_root());
  for (int i = 0; i < 20; ++i) EXPECT_TRUE(worker.Probe("b", other).miss);
  EXPECT_TRUE(WriteFileAtomically(FileSystem::Real(), image / "go-on", "").ok());
  asking.join();
  EXPECT_EQ(of_slow.status.error_code(), StatusCode::FAILED_PRECONDITION);
}

TEST_F(WorkerServiceTest, AWorkerWithoutSandboxesRefusesNobodysCommand) {
  ASSERT_TRUE(worker_.UploadAll("acme", unit_).ok());
  worker_.sandboxes().start_failure = absl::PermissionDeniedError("no namespaces for this user");
  const TestWorker::Reply reply = worker_.Compile("acme", unit_);
  EXPECT_EQ(reply.status.error_code(), StatusCode::UNAVAILABLE);
  EXPECT_THAT(reply.status.error_message(), HasSubstr("no namespaces for this user"));
}

}  // namespace
}  // namespace hpcc
