#include "dispatch/dispatcher.h"

#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>
#include <thread>

#include "dispatch/dispatcher_test_support.h"

namespace hpcc {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;
using testing::UnorderedElementsAre;

TEST_F(DispatcherTest, WhatTheWorkerLacksIsSentOnceAndTheResultComesBack) {
  const RemoteCompiles::Answer answer = Compile();
  ASSERT_EQ(answer.cause, FallbackCause::kNone) << answer.message;
  const absl::StatusOr<ResultBundle> bundle = DecodeBundle(answer.bundle);
  ASSERT_TRUE(bundle.ok()) << bundle.status();
  EXPECT_EQ(bundle->Find(OutputRole::kObject)->data, "object");
  EXPECT_FALSE(answer.compiled.hit());
  EXPECT_EQ(worker_.uploaded, 2);

  Write("project/a.c", "#include \"a.h\"\nint b;\n");
  ASSERT_EQ(Compile().cause, FallbackCause::kNone);
  EXPECT_EQ(worker_.uploaded, 3);
  EXPECT_EQ(worker_.compiles, 2);
  EXPECT_EQ(scheduler_.routed, 1);
  EXPECT_EQ(Notice(), "");
}

TEST_F(DispatcherTest, WhatTheWorkerHasCompiledIsAHit) {
  ASSERT_EQ(Compile().cause, FallbackCause::kNone);
  const RemoteCompiles::Answer again = Compile();
  ASSERT_EQ(again.cause, FallbackCause::kNone);
  EXPECT_TRUE(again.compiled.hit());
  EXPECT_EQ(worker_.compiles, 1);
}

TEST_F(DispatcherTest, TheCommandIsWithoutOutputsAndDependencies) {
  ASSERT_EQ(Compile().cause, FallbackCause::kNone);
  const worker_v1::Command command = worker_.last().command();
  EXPECT_THAT(command.arguments(),
              ElementsAre("-o", "hpcc-output.o", "-c", root_ + "/project/a.c", "-O2"));
  EXPECT_THAT(command.environment(), ElementsAre("LANG=C"));
  EXPECT_EQ(command.working_directory(), root_ + "/project");
}

TEST_F(DispatcherTest, APreprocessedUnitIsOneTextAndItsHeadersAreNamedNevertheless) {
  remote_v1::Compile request = Request();
  request.set_preprocessed(true);
  const RemoteCompiles::Answer answer = dispatcher_.Compile(request, Forever);
  ASSERT_EQ(answer.cause, FallbackCause::kNone) << answer.message;
  EXPECT_TRUE(answer.compiled.preprocessed());
  EXPECT_EQ(worker_.uploaded, 1);
  const std::string text = worker_.blobs().begin()->second;
  EXPECT_THAT(text, testing::StartsWith(StrCat("# 1 \"", root_, "/project/a.c\"\n")));
  EXPECT_THAT(text, HasSubstr("int a;\n"));
  for (const ManifestEntry& entry : FakeWorker::ManifestOf(worker_.last()).entries) {
    EXPECT_FALSE(entry.path.ends_with("/a.h"));
    EXPECT_TRUE(!entry.path.ends_with("/a.c") || entry.digest == Digest::Of(text));
  }
  const absl::StatusOr<ResultBundle> bundle = DecodeBundle(answer.bundle);
  ASSERT_TRUE(bundle.ok()) << bundle.status();
  EXPECT_EQ(bundle->Find(OutputRole::kObject)->data, "object");
  EXPECT_EQ(bundle->dependency_style, DependencyStyle::kGcc);
  std::vector<std::string> names;
  for (const BundleDependency& dependency : bundle->dependencies) names.push_back(dependency.path);
  EXPECT_THAT(names, Contains(root_ + "/project/a.h"));
  // The files themselves are another compile.
  ASSERT_EQ(Compile().cause, FallbackCause::kNone);
  EXPECT_EQ(worker_.compiles, 2);
}

TEST_F(DispatcherTest, APreprocessedUnitWithDiagnosticsIsCompiledFromItsFiles) {
  worker_.diagnostics = "a.c:2:5: warning: what the file's line says\n";
  remote_v1::Compile request = Request();
  request.set_preprocessed(true);
  const RemoteCompiles::Answer answer = dispatcher_.Compile(request, Forever);
  ASSERT_EQ(answer.cause, FallbackCause::kNone) << answer.message;
  EXPECT_FALSE(answer.compiled.preprocessed());
  EXPECT_EQ(worker_.compiles, 2);
  EXPECT_EQ(worker_.uploaded, 3);
}

TEST_F(DispatcherTest, AUnitThatCanNotBeOneTextIsSentAsFiles) {
  Write("project/a.c", "#include \"a.h\"\nconst char* when = __DATE__;\n");
  remote_v1::Compile request = Request();
  request.set_preprocessed(true);
  const RemoteCompiles::Answer answer = dispatcher_.Compile(request, Forever);
  ASSERT_EQ(answer.cause, FallbackCause::kNone) << answer.message;
  EXPECT_FALSE(answer.compiled.preprocessed());
  EXPECT_EQ(worker_.compiles, 1);
  EXPECT_EQ(worker_.uploaded, 2);
}

TEST_F(DispatcherTest, TwoPreprocessedCheckoutsOfAMarkedProjectAreOne) {
  std::filesystem::copy(root_ + "/project", root_ + "/other");
  for (const char* project : {"project", "other"}) {
    remote_v1::Compile request = Request(project, true);
    request.set_preprocessed(true);
    const RemoteCompiles::Answer answer = dispatcher_.Compile(request, Forever);
    ASSERT_EQ(answer.cause, FallbackCause::kNone) << answer.message;
    EXPECT_TRUE(answer.compiled.preprocessed());
    EXPECT_TRUE(answer.compiled.root_is_mapped());
  }
  EXPECT_EQ(worker_.compiles, 1);
  EXPECT_THAT(worker_.blobs().begin()->second, HasSubstr("# 1 \"/.hpcc/root/a.c\"\n"));
}

TEST_F(DispatcherTest, TwoCheckoutsOfAMarkedProjectAreOne) {
  std::filesystem::copy(root_ + "/project", root_ + "/other");
  const RemoteCompiles::Answer one = dispatcher_.Compile(Request("project", true), Forever);
  ASSERT_EQ(one.cause, FallbackCause::kNone) << one.message;
  EXPECT_TRUE(one.compiled.root_is_mapped());
  const worker_v1::CompileRequest sent = worker_.last();
  EXPECT_EQ(sent.command().working_directory(), kSandboxRoot);
  EXPECT_THAT(sent.command().arguments(), Contains("/.hpcc/root/a.c"));
  for (const ManifestEntry& entry : FakeWorker::ManifestOf(sent).entries) {
    EXPECT_THAT(entry.path, Not(HasSubstr(root_)));
  }
  const RemoteCompiles::Answer other = dispatcher_.Compile(Request("other", true), Forever);
  ASSERT_EQ(other.cause, FallbackCause::kNone) << other.message;
  EXPECT_TRUE(other.compiled.hit());
}

TEST_F(DispatcherTest, ARootThatOtherWordsNameStaysWhereItIs) {
  remote_v1::Compile request = Request("project", true);
  request.add_arguments("-DWHERE=\"" + root_ + "/project\"");
  const RemoteCompiles::Answer answer = dispatcher_.Compile(request, Forever);
  ASSERT_EQ(answer.cause, FallbackCause::kNone) << answer.message;
  EXPECT_FALSE(answer.compiled.root_is_mapped());
  EXPECT_THAT(worker_.last().command().arguments(),
              Contains("-ffile-prefix-map=" + root_ + "/project=."));
}

TEST_F(DispatcherTest, ASchedulerThatIsGoneIsNotedOnceAndNotAskedForAWhile) {
  scheduler_.server().Stop();
  EXPECT_EQ(Compile().cause, FallbackCause::kNoScheduler);
  EXPECT_THAT(Notice(), HasSubstr("the scheduler does not answer"));
  std::filesystem::remove(CompileNoticeFile(root_ + "/local"));
  const int64_t before = Clock::Real().MonotonicNanoseconds();
  for (int i = 0; i < 20; ++i) EXPECT_EQ(Compile().cause, FallbackCause::kNoScheduler);
  EXPECT_LT(Clock::Real().MonotonicNanoseconds() - before, 2'000'000'000);
  EXPECT_EQ(Notice(), "");
}

TEST_F(DispatcherTest, NoWorkerIsSaidByTheScheduler) {
  scheduler_.SetRoutes({});
  EXPECT_EQ(Compile().cause, FallbackCause::kNoWorker);
  EXPECT_THAT(Notice(), HasSubstr("no worker"));
}

TEST_F(DispatcherTest, ASchedulerWithAnotherCertificateGetsNothing) {
  std::ofstream(root_ + "/ca.pem") << MakeTestCertificate().certificate_pem;
  const RemoteCompiles::Answer answer = Compile();
  EXPECT_THAT(answer.cause,
              testing::AnyOf(FallbackCause::kCertificate, FallbackCause::kNoScheduler));
  EXPECT_EQ(scheduler_.routed, 0);
}

TEST_F(DispatcherTest, ASessionThatEndedEarlyIsReplaced) {
  scheduler_.good_session = "another";
  EXPECT_EQ(Compile().cause, FallbackCause::kNone);
  EXPECT_EQ(scheduler_.authenticated, 1);
}

TEST_F(DispatcherTest, NobodySignedInIsSaidSo) {
  scheduler_.good_session = "another";
  scheduler_.good_token = "d.e.f";
  const RemoteCompiles::Answer answer = Compile();
  EXPECT_EQ(answer.cause, FallbackCause::kNotSignedIn);
  EXPECT_THAT(answer.message, HasSubstr("hpcc auth login"));
}

TEST_F(DispatcherTest, AnExpiredRoutingTokenIsReplaced) {
  worker_.probe_failures.Add({grpc::StatusCode::UNAUTHENTICATED, "routing token: expired"});
  EXPECT_EQ(Compile().cause, FallbackCause::kNone);
  EXPECT_EQ(scheduler_.routed, 2);
}

TEST_F(DispatcherTest, AnotherWorkerTakesOverFromOneThatIsLostMidway) {
  FakeWorker second;
  scheduler_.SetRoutes({worker_.Route("one"), second.Route("two")});
  worker_.compile_failures.Add({grpc::StatusCode::UNAVAILABLE, "sandbox lost"});
  EXPECT_EQ(Compile().cause, FallbackCause::kNone);
  EXPECT_EQ(second.compiles, 1);
  EXPECT_EQ(Notice(), "");
}

TEST_F(DispatcherTest, TheOnlyWorkerLostIsAnOutage) {
  worker_.server().Stop();
  EXPECT_EQ(Compile().cause, FallbackCause::kWorkerLost);
  EXPECT_THAT(Notice(), HasSubstr("the worker does not answer"));
  EXPECT_EQ(Compile().cause, FallbackCause::kWorkerLost);
  EXPECT_EQ(scheduler_.routed, 2);
}

TEST_F(DispatcherTest, AQuotaIsRespectedForAsLongAsItSays) {
  worker_.retry_after_ms = "600000";
  worker_.upload_failures.Add({grpc::StatusCode::RESOURCE_EXHAUSTED, "uploaded enough"});
  EXPECT_EQ(Compile().cause, FallbackCause::kQuota);
  const int calls = worker_.calls;
  EXPECT_EQ(Compile().cause, FallbackCause::kQuota);
  EXPECT_EQ(worker_.calls, calls);
  EXPECT_THAT(Notice(), HasSubstr("share is used up"));
}

TEST_F(DispatcherTest, AFullWorkerIsNoOutage) {
  worker_.retry_after_ms = "500";
  worker_.compile_failures.Add({grpc::StatusCode::RESOURCE_EXHAUSTED, "enough to do"});
  EXPECT_EQ(Compile().cause, FallbackCause::kBusy);
  EXPECT_EQ(Compile().cause, FallbackCause::kNone);
}

TEST_F(DispatcherTest, BlobsThatWereEvictedAreSentAgainOnce) {
  worker_.compile_failures.Add({grpc::StatusCode::FAILED_PRECONDITION, "blobs are missing: 2"});
  worker_.before_compile = [this] {
    if (worker_.compiles == 0 && worker_.uploaded == 2) worker_.DropBlobs();
  };
  EXPECT_EQ(Compile().cause, FallbackCause::kNone);
  EXPECT_EQ(worker_.uploaded, 4);
  Write("project/a.c", "int c;\n");
  for (int i = 0; i < 2; ++i) {
    worker_.compile_failures.Add({grpc::StatusCode::FAILED_PRECONDITION, "blobs are missing: 1"});
  }
  EXPECT_EQ(Compile().cause, FallbackCause::kMissingBlobs);
}

TEST_F(DispatcherTest, AWorkerWithAnotherCertificateGetsNeitherTokenNorSource) {
  scheduler_v1::RouteResponse route = worker_.Route("one");
  const CertificateAndKey other = MakeTestCertificate();
  route.set_certificate_sha256(other.fingerprint);
  route.set_certificate_pem(other.certificate_pem);
  scheduler_.SetRoutes({route});
  EXPECT_EQ(Compile().cause, FallbackCause::kCertificate);
  EXPECT_EQ(worker_.calls, 0);
  EXPECT_THAT(Notice(), HasSubstr("could not prove who it is"));
}

TEST_F(DispatcherTest, WhatAWorkerRefusesIsCompiledHereWithoutAWord) {
  worker_.probe_failures.Add({grpc::StatusCode::PERMISSION_DENIED, "argument refused: -B"});
  EXPECT_EQ(Compile().cause, FallbackCause::kRefused);
  EXPECT_EQ(Notice(), "");
  EXPECT_EQ(Compile().cause, FallbackCause::kNone);
}

TEST_F(DispatcherTest, AnotherImageIsNotedOnce) {
  worker_.probe_failures.Add({grpc::StatusCode::FAILED_PRECONDITION, "another compiler"});
  EXPECT_EQ(Compile().cause, FallbackCause::kImageDiffers);
  EXPECT_THAT(Notice(), HasSubstr("not this machine's"));
}

TEST_F(DispatcherTest, AnImageNeedsNoHeaderThatOnlyABranchNotTakenIncludes) {
  const grpc::Status refusal{grpc::StatusCode::FAILED_PRECONDITION,
                             "the image has something else at /usr/include/extra.h"};
  // Here the image lacks one that is read, however little is asked of it.
  for (int i = 0; i < 2; ++i) worker_.compile_failures.Add(refusal);
  EXPECT_EQ(Compile().cause, FallbackCause::kImageDiffers);
  EXPECT_EQ(worker_.compiles, 0);

  Write("project/extra.h", "");
  Write("project/a.c", "#include \"a.h\"\n#ifdef NEVER\n#include \"extra.h\"\n#endif\n");
  worker_.compile_failures.Add(refusal);
  const RemoteCompiles::Answer answer = Compile();
  ASSERT_EQ(answer.cause, FallbackCause::kNone) << answer.message;
  EXPECT_EQ(worker_.compiles, 1);
  std::vector<std::string> names;
  for (const ManifestEntry& entry : FakeWorker::ManifestOf(worker_.last()).entries) {
    if (entry.kind == ManifestEntry::Kind::kFile) names.push_back(entry.path);
  }
  EXPECT_THAT(names, Contains(root_ + "/project/a.h"));
  EXPECT_THAT(names, Not(Contains(root_ + "/project/extra.h")));
}

TEST_F(DispatcherTest, AnImageOnItsWayIsWaitedForByNobody) {
  worker_.probe_failures.Add({grpc::StatusCode::RESOURCE_EXHAUSTED,
                              "the image is not here: it is on its way to this worker"});
  worker_.retry_after_ms = "5000";
  EXPECT_EQ(Compile().cause, FallbackCause::kNoImage);
  EXPECT_THAT(Notice(), HasSubstr("the worker does not have the image: "));
  // Those that come after it don't even ask, and no other worker is asked to get it, too.
  const int calls = worker_.calls;
  EXPECT_EQ(Compile().cause, FallbackCause::kNoImage);
  EXPECT_EQ(worker_.calls, calls);
  EXPECT_EQ(scheduler_.routed, 1);
}

TEST_F(DispatcherTest, AnImageThatOneWorkerCannotGetAnotherMay) {
  scheduler_.SetRoutes({worker_.Route("one"), worker_.Route("two")});
  worker_.probe_failures.Add(
      {grpc::StatusCode::FAILED_PRECONDITION, "the image is not here: no space left"});
  EXPECT_EQ(Compile().cause, FallbackCause::kNone);
  EXPECT_EQ(scheduler_.routed, 2);
}

TEST_F(DispatcherTest, OfAnImageNobodyCanReadEverythingIsSent) {
  worker_.image = {};
  Write("project/a.c", "#include <stddef.h>\nint a;\n");
  ToolchainFacts facts;
  facts.family = CompilerFamily::kGcc;
  facts.identity = Digest::Of("gcc");
  facts.built_in_search = {"/usr/lib/gcc/x86_64-linux-gnu/12/include", "/usr/include"};
  remote_v1::Compile request = Request();
  request.set_toolchain(EncodeToolchainFacts(facts));
  ASSERT_EQ(dispatcher_.Compile(request, Forever).cause, FallbackCause::kNone);
  int files = 0;
  for (const ManifestEntry& entry : FakeWorker::ManifestOf(worker_.last()).entries) {
    if (entry.kind == ManifestEntry::Kind::kFile) ++files;
  }
  EXPECT_GE(files, 2);
  EXPECT_EQ(worker_.uploaded, files);
}

TEST_F(DispatcherTest, WhoGoesAwayCancelsTheCompile) {
  worker_.hangs = true;
  std::atomic<bool> wanted = true;
  std::thread leaving([&] {
    while (worker_.calls < 4) Clock::Real().Sleep(std::chrono::milliseconds(10));
    wanted = false;
  });
  EXPECT_NE(dispatcher_.Compile(Request(), [&] { return wanted.load(); }).cause,
            FallbackCause::kNone);
  leaving.join();
  for (int i = 0; i < 500 && !worker_.was_cancelled; ++i) {
    Clock::Real().Sleep(std::chrono::milliseconds(10));
  }
  EXPECT_TRUE(worker_.was_cancelled);
  EXPECT_EQ(Notice(), "");
}

// The real clock, some time later.
class LaterClock final : public Clock {
 public:
  int64_t NowNanoseconds() override { return Real().NowNanoseconds(); }
  int64_t FileStampNanoseconds() override { return Real().FileStampNanoseconds(); }
  int64_t MonotonicNanoseconds() override { return Real().MonotonicNanoseconds() + later_ns; }
  void Sleep(std::chrono::nanoseconds duration) override { Real().Sleep(duration); }

  std::atomic<int64_t> later_ns = 0;
};

TEST_F(DispatcherTest, AnOutageIsNotProlongedByATrialThatNobodyWaitsFor) {
  LaterClock clock;
  Dispatcher dispatcher(FileSystem::Real(), clock);
  scheduler_.SetRoutes({});
  EXPECT_EQ(dispatcher.Compile(Request(), Forever).cause, FallbackCause::kNoWorker);
  scheduler_.SetRoutes({worker_.Route("one")});
  EXPECT_EQ(dispatcher.Compile(Request(), Forever).cause, FallbackCause::kNoWorker);
  clock.later_ns = 6'000'000'000;
  worker_.hangs = true;
  const auto until_it_hangs = [this] { return worker_.calls < 4; };
  EXPECT_NE(dispatcher.Compile(Request(), until_it_hangs).cause, FallbackCause::kNone);
  worker_.hangs = false;
  EXPECT_EQ(dispatcher.Compile(Request(), Forever).cause, FallbackCause::kNone);
}

TEST_F(DispatcherTest, ManyCompilesSendEachHeaderOnce) {
  std::vector<std::thread> threads;
  std::atomic<int> done = 0;
  for (int i = 0; i < 4; ++i) {
    Write(StrCat("p", i, "/a.c"), StrCat("#include \"a.h\"\nint v", i, ";\n"));
    std::filesystem::copy(root_ + "/project/a.h", root_ + StrCat("/p", i, "/a.h"));
    threads.emplace_back([this, i, &done] {
      const RemoteCompiles::Answer answer = dispatcher_.Compile(Request(StrCat("p", i)), Forever);
      done += answer.cause == FallbackCause::kNone;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(done, 4);
  EXPECT_EQ(worker_.uploaded, 5);
}

}  // namespace
}  // namespace hpcc
