// Compiles in other images than `host`, from the wire to the audit row. The sandbox of these tests
// is this machine, so the image's compiler is, too.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <utility>

#include "compiler/toolchain_question.h"
#include "worker/image_test_parts.h"
#include "worker/replay.h"
#include "worker/worker_test_support.h"

namespace hpcc {
namespace {

using grpc::StatusCode;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;
using testing::StartsWith;

constexpr char kName[] = "allowed.example/gcc:12";

class ImageJobTest : public testing::Test {
 protected:
  ImageJobTest() {
    digest_ = fake_.Add(kName);
    worker_.image = kName;
    // The worker can't read the image, so a client sends what lies there as well.
    unit_.blobs.push_back(
        ReadFile(FileSystem::Real(), "/usr/include/stdc-predef.h", 1 << 20).value());
  }
  // Once the image is there.
  TestWorker::Reply Probe() {
    TestWorker::Reply reply;
    for (int i = 0; i < 5000; ++i) {
      reply = worker_.Probe("acme", unit_);
      if (reply.status.error_code() != StatusCode::RESOURCE_EXHAUSTED) break;
      Clock::Real().Sleep(std::chrono::milliseconds(1));
    }
    return reply;
  }
  TestWorker::Reply Compiled() {
    const TestWorker::Reply miss = Probe();
    EXPECT_TRUE(miss.status.ok()) << miss.status.error_message();
    EXPECT_TRUE(worker_.UploadAll("acme", unit_).ok());
    TestWorker::Reply reply = worker_.Compile("acme", unit_);
    EXPECT_TRUE(reply.status.ok()) << reply.status.error_message();
    return reply;
  }

  FakeImages fake_;
  std::string digest_;
  TestWorker worker_{nullptr, std::make_unique<FakeImageSupply>(fake_)};
  TestUnit unit_{worker_.unit_root()};
};

TEST_F(ImageJobTest, AnImageOnItsWayIsSaidSoAtOnce) {
  fake_.blocked = true;
  for (const TestWorker::Reply& reply :
       {worker_.Probe("acme", unit_), worker_.Compile("acme", unit_)}) {
    EXPECT_EQ(reply.status.error_code(), StatusCode::RESOURCE_EXHAUSTED);
    EXPECT_THAT(reply.status.error_message(), StartsWith(std::string(kImageNotHere)));
    EXPECT_NE(reply.retry_after_ms, "");
  }
  fake_.blocked = false;
  EXPECT_TRUE(Probe().miss);
  EXPECT_EQ(fake_.fetches, 1);
}

TEST_F(ImageJobTest, AnImageThatCannotBeHadIsSaidWhy) {
  worker_.image = "allowed.example/none:1";
  const TestWorker::Reply reply = Probe();
  EXPECT_EQ(reply.status.error_code(), StatusCode::FAILED_PRECONDITION);
  EXPECT_EQ(reply.status.error_message(), StrCat(kImageNotHere, "the registry has none"));
}

TEST_F(ImageJobTest, EverythingIsSentAndTheRowNamesTheDigest) {
  const TestWorker::Reply miss = Probe();
  ASSERT_TRUE(miss.status.ok()) << miss.status.error_message();
  EXPECT_TRUE(miss.miss);
  EXPECT_THAT(miss.image_directories, IsEmpty());
  EXPECT_THAT(worker_.Compile("acme", unit_).status.error_message(),
              HasSubstr("blobs are missing: 3"));
  const TestWorker::Reply compiled = Compiled();
  ASSERT_TRUE(compiled.finished.has_value());
  EXPECT_FALSE(compiled.finished->hit());
  EXPECT_EQ(compiled.finished->exit_status(), 0);
  EXPECT_EQ(worker_.sandboxes().questions, 1);

  const TestWorker::Reply hit = worker_.Probe("acme", unit_);
  ASSERT_TRUE(hit.finished.has_value());
  EXPECT_TRUE(hit.finished->hit());
  EXPECT_EQ(hit.bundle, compiled.bundle);
  const std::vector<AuditRow> rows = worker_.Rows();
  ASSERT_THAT(rows, SizeIs(2));
  for (const AuditRow& row : rows) EXPECT_EQ(row.image_digest, digest_);
}

TEST_F(ImageJobTest, ResultsOfTheHostAndOfAnImageAreNotEachOthers) {
  Compiled();
  worker_.image = "host";
  EXPECT_TRUE(worker_.Probe("acme", unit_).miss);
  // A name that leads to the same image finds the same results.
  {
    const std::lock_guard lock(fake_.mutex);
    fake_.registry["allowed.example/gcc:latest"] = digest_;
  }
  worker_.image = "allowed.example/gcc";
  EXPECT_TRUE(Probe().finished.has_value());
}

TEST_F(ImageJobTest, WhoHasAnotherCompilerGetsNothingOfTheImages) {
  Compiled();
  const std::string other = StrCat(Digest::Of("another").bytes());
  worker::v1::ProbeRequest probe;
  *probe.mutable_command() = CommandOf(unit_);
  probe.mutable_command()->set_toolchain_identity(other);
  probe.set_manifest_digest(StrCat(unit_.ManifestName().bytes()));
  const auto context = worker_.Call("acme");
  const auto reader = worker_.stub().ProbeCompileCache(context.get(), probe);
  worker::v1::CompileReply message;
  ASSERT_TRUE(reader->Read(&message));
  EXPECT_TRUE(message.has_miss());

  worker::v1::CompileRequest request = TestWorker::CompileRequestOf(unit_);
  request.mutable_command()->set_toolchain_identity(other);
  const TestWorker::Reply refused = worker_.Compile("acme", request);
  EXPECT_EQ(refused.status.error_code(), StatusCode::FAILED_PRECONDITION);
  EXPECT_THAT(refused.status.error_message(), HasSubstr("another compiler of that name"));
  EXPECT_EQ(worker_.server().events().count(SecurityEvent::kToolchainMismatch), 1U);
  EXPECT_EQ(worker_.Rows().size(), 1U);
}

TEST_F(ImageJobTest, WhatTheImageHasIsJudgedInTheSandbox) {
  Probe();
  ASSERT_TRUE(worker_.UploadAll("acme", unit_).ok());
  // Of the places where compilers may lie in some image, but none of this one's (TestImage()).
  unit_.compiler = "/usr/local/bin/gcc";
  const TestWorker::Reply reply = worker_.Compile("acme", unit_);
  EXPECT_EQ(reply.status.error_code(), StatusCode::PERMISSION_DENIED);
  EXPECT_THAT(reply.status.error_message(), HasSubstr("the image provides no such compiler"));
  unit_.compiler = "/home/user/gcc";
  EXPECT_EQ(worker_.Probe("acme", unit_).status.error_code(), StatusCode::PERMISSION_DENIED);
}

TEST_F(ImageJobTest, RefusedArgumentsAreNeverRun) {
  Probe();
  unit_.arguments.emplace_back("-fplugin=./evil.so");
  EXPECT_EQ(worker_.Probe("acme", unit_).status.error_code(), StatusCode::PERMISSION_DENIED);
  EXPECT_EQ(worker_.Compile("acme", unit_).status.error_code(), StatusCode::PERMISSION_DENIED);
  EXPECT_EQ(worker_.sandboxes().execs, 0);
}

// The agent would run it (compiler/toolchain_question.h), so no client may name it.
TEST_F(ImageJobTest, WhatAClientStagesIsNoCompiler) {
  for (const std::string& compiler :
       {std::string(kToolchainQuestionProgram), unit_.root + "/gcc"}) {
    unit_.compiler = compiler;
    unit_.arguments = {std::string(kToolchainQuestionFlag), "-c", "unit.c", "-o", "unit.o"};
    EXPECT_EQ(Probe().status.error_code(), StatusCode::PERMISSION_DENIED) << compiler;
    EXPECT_EQ(worker_.Compile("acme", unit_).status.error_code(), StatusCode::PERMISSION_DENIED);
  }
}

TEST_F(ImageJobTest, AJobIsReplayedInItsImage) {
  Compiled();
  const AuditRow row = worker_.Rows().back();
  WorkerScratch scratch;
  ASSERT_TRUE(WriteFileAtomically(FileSystem::Real(), scratch / "agent", "an agent").ok());
  NoSandboxRuntime runtime{std::string(path::Dirname(worker_.unit_root()))};
  HostToolchains host({}, FileSystem::Real(), Clock::Real());
  ImageToolchains toolchains(scratch / "agent", FileSystem::Real(), Clock::Real());
  ReplayParts parts;
  parts.state_directory = worker_.server().config().state_directory;
  parts.runtime = &runtime;
  parts.image = &host;
  parts.toolchains = &toolchains;
  parts.fs = &FileSystem::Real();
  parts.sandbox.id = "replay-1";
  const auto replay = [&](const AuditRow& of) { return ReplayJob(of, parts).value(); };
  const ReplayReport report = replay(row);
  EXPECT_EQ(report.verdict, ReplayVerdict::kEqual) << testing::PrintToString(report.findings);
  EXPECT_EQ(report.outputs, row.output_digests);

  AuditRow other = row;
  other.cache_key = Digest::Of("the key that another compiler's identity makes");
  EXPECT_THAT(replay(other).findings, testing::Contains(HasSubstr("is another compiler")));
  other = row;
  other.image_digest = "host";
  EXPECT_THAT(replay(other).findings, testing::Contains("its image is not here: host"));
  runtime.shared.start_failure = absl::NotFoundError("no such image");
  const ReplayReport gone = replay(row);
  EXPECT_EQ(gone.verdict, ReplayVerdict::kNotReproducible);
  EXPECT_THAT(gone.findings, testing::ElementsAre("its image is not here: no such image"));
}

TEST(ImageJobWithoutImagesTest, AWorkerOfTheHostAloneTakesNoOthers) {
  TestWorker worker;
  worker.image = kName;
  const TestWorker::Reply reply = worker.Probe("acme", TestUnit(worker.unit_root()));
  EXPECT_EQ(reply.status.error_code(), StatusCode::FAILED_PRECONDITION);
  EXPECT_THAT(reply.status.error_message(), StartsWith(std::string(kImageNotHere)));
}

}  // namespace
}  // namespace hpcc
