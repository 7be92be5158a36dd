#include "worker/image_toolchains.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "compiler/toolchain_question.h"
#include "worker/worker_test_support.h"

namespace hpcc {
namespace {

using testing::Contains;
using testing::ElementsAre;

// A sandbox in which the agent answers as it is told.
class AnsweringSandbox final : public Sandbox {
 public:
  AnsweringSandbox(const std::string& tenant, const std::string& image) {
    spec_.tenant = tenant;
    spec_.image = image;
  }
  const SandboxSpec& spec() const override { return spec_; }
  std::string_view isolation() const override { return "none-test-only"; }
  std::vector<std::string> image_directories() const override { return {"/usr"}; }
  absl::Status Suspend() override { return absl::UnimplementedError("no"); }
  absl::Status Resume() override { return absl::UnimplementedError("no"); }
  void Stop() override {}
  bool alive() const override { return true; }
  absl::StatusOr<ExecResult> Exec(const ExecRequest& request, const BlobReader& read_blob,
                                  const std::function<bool()>&) override {
    ++execs;
    asked = request;
    const SourceManifest manifest = DecodeManifest(request.manifest).value();
    staged = manifest.entries.at(0);
    staged_bytes = read_blob(staged.digest).value();
    if (!failure.ok()) return failure;
    return answer;
  }

  int execs = 0;
  ExecRequest asked;
  ManifestEntry staged;
  std::string staged_bytes;
  absl::Status failure;
  ExecResult answer;

 private:
  SandboxSpec spec_;
};

class ImageToolchainsTest : public testing::Test {
 protected:
  ImageToolchainsTest() {
    EXPECT_TRUE(WriteFileAtomically(FileSystem::Real(), scratch_ / "agent", "the agent").ok());
    command_.compiler = "/usr/bin/gcc";
    command_.arguments = {"-m32", "-c", "a.c"};
    command_.working_directory = "/w";
    command_.toolchain = Digest::Of("gcc 12");
    invocation_.language = Language::kC;
    invocation_.arguments.push_back({{"-m32"}, "-m32", "", FlagEffect::kSearchRoot});
    sandbox_.answer = Answer("gcc 12");
  }
  static ExecResult Answer(std::string_view identity) {
    ToolchainFacts facts;
    facts.family = CompilerFamily::kGcc;
    facts.identity = Digest::Of(identity);
    ExecResult result;
    result.standard_output = EncodeToolchainFacts(facts);
    return result;
  }
  absl::StatusOr<std::shared_ptr<const HostToolchain>> Identify(AnsweringSandbox& sandbox) {
    return toolchains_.Identify(sandbox,
                                {.command = &command_, .invocation = &invocation_, .job = "job-1"});
  }

  WorkerScratch scratch_;
  StandingClock clock_;
  ImageToolchains toolchains_{scratch_ / "agent", FileSystem::Real(), clock_};
  WorkerCommand command_;
  Invocation invocation_;
  AnsweringSandbox sandbox_{"acme", "sha256:1"};
};

TEST_F(ImageToolchainsTest, TheAgentIsStagedAndAskedOnce) {
  const auto facts = Identify(sandbox_);
  ASSERT_TRUE(facts.ok()) << facts.status();
  EXPECT_EQ((*facts)->identity, Digest::Of("gcc 12"));
  EXPECT_EQ((*facts)->family, CompilerFamily::kGcc);
  EXPECT_EQ(sandbox_.staged.kind, ManifestEntry::Kind::kExecutable);
  EXPECT_EQ(sandbox_.staged_bytes, "the agent");
  EXPECT_EQ(sandbox_.staged.digest, Digest::Of("the agent"));
  EXPECT_THAT(sandbox_.asked.arguments, ElementsAre(sandbox_.staged.path, kToolchainQuestionFlag,
                                                    "/usr/bin/gcc", "gcc", "c", "-m32"));
  EXPECT_THAT(sandbox_.asked.environment, Contains(testing::StartsWith("PATH=/usr/local/sbin:")));
  EXPECT_TRUE(Identify(sandbox_).ok());
  EXPECT_EQ(sandbox_.execs, 1);
}

TEST_F(ImageToolchainsTest, OtherImagesTenantsCompilersAndShapesAreOtherQuestions) {
  ASSERT_TRUE(Identify(sandbox_).ok());
  AnsweringSandbox image("acme", "sha256:2");
  image.answer = Answer("gcc 13");
  EXPECT_EQ(Identify(image).value()->identity, Digest::Of("gcc 13"));
  // What ran in one tenant's sandbox must not answer another's question.
  AnsweringSandbox tenant("globex", "sha256:1");
  tenant.answer = Answer("gcc 14");
  EXPECT_EQ(Identify(tenant).value()->identity, Digest::Of("gcc 14"));
  invocation_.arguments.clear();
  ASSERT_TRUE(Identify(sandbox_).ok());
  command_.compiler = "/usr/bin/g++";
  ASSERT_TRUE(Identify(sandbox_).ok());
  EXPECT_EQ(sandbox_.execs, 3);
}

TEST_F(ImageToolchainsTest, AnAnswerThatIsNotTheClientsIsDoubtedAfterAWhile) {
  sandbox_.answer = Answer("half of it");
  EXPECT_EQ(Identify(sandbox_).value()->identity, Digest::Of("half of it"));
  sandbox_.answer = Answer("gcc 12");
  EXPECT_EQ(Identify(sandbox_).value()->identity, Digest::Of("half of it"));
  clock_.Sleep(ImageToolchains::kDoubt);
  EXPECT_EQ(Identify(sandbox_).value()->identity, Digest::Of("gcc 12"));
  clock_.Sleep(std::chrono::hours(24));
  EXPECT_EQ(Identify(sandbox_).value()->identity, Digest::Of("gcc 12"));
  EXPECT_EQ(sandbox_.execs, 2);
}

TEST_F(ImageToolchainsTest, WithoutAnAnswerTheCompileIsTheClients) {
  std::vector<ExecResult> wrong(5, Answer("gcc 12"));
  wrong[0].exit_status = 1;
  wrong[1].signal = 9;
  wrong[2].exceeded = ExceededLimit::kWallTime;
  wrong[3].standard_output = "no facts";
  ToolchainFacts script;
  script.opaque = true;
  wrong[4].standard_output = EncodeToolchainFacts(script);
  for (const ExecResult& answer : wrong) {
    sandbox_.answer = answer;
    EXPECT_TRUE(absl::IsFailedPrecondition(Identify(sandbox_).status()));
  }
  sandbox_.failure = absl::UnavailableError("the sandbox is lost");
  EXPECT_TRUE(absl::IsUnavailable(Identify(sandbox_).status()));
  // None of it is remembered.
  sandbox_.failure = absl::OkStatus();
  sandbox_.answer = Answer("gcc 12");
  EXPECT_TRUE(Identify(sandbox_).ok());
}

}  // namespace
}  // namespace hpcc
