// Starts that are copies of a template: what is said to which VMM, and what becomes of the
// template.

#include <signal.h>

#include <set>

#include "base/process.h"
#include "firecracker_test_support.h"

namespace hpcc {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using std::chrono::steady_clock;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

const std::vector<std::string> kBootAndSave = {
    "GET /version", "PUT /machine-config", "PUT /boot-source", "PUT /drives/root",    "PUT /vsock",
    "PUT /entropy", "PUT /actions",        "PATCH /vm",        "PUT /snapshot/create"};
const std::vector<std::string> kLoad = {"GET /version", "PUT /snapshot/load"};
const std::vector<std::string> kPlainBoot(kBootAndSave.begin(), kBootAndSave.begin() + 7);

class FirecrackerTemplateTest : public FirecrackerTest {
 protected:
  void SetUp() override {
    if (RealFirecracker()) GTEST_SKIP() << "what was said is written down by the double only";
    templates_ = true;
    Begin();
  }
  void TearDown() override { End(); }

  void Begin() {
    auto runtime = FirecrackerRuntime::Create(Options());
    ASSERT_TRUE(runtime.ok()) << runtime.status();
    runtime_ = *std::move(runtime);
  }
  void End() {
    sandbox_.reset();
    others_.clear();
    runtime_.reset();
  }

  absl::Status StartOne(const SandboxSpec& spec, milliseconds bound = kBoot) {
    absl::StatusOr<std::unique_ptr<Sandbox>> sandbox = runtime_->Start(spec, bound);
    if (!sandbox.ok()) return sandbox.status();
    if (sandbox_ != nullptr) others_.push_back(std::move(sandbox_));
    sandbox_ = *std::move(sandbox);
    return absl::OkStatus();
  }

  // What was said to each VMM, in the order of their first words.
  std::vector<std::vector<std::string>> Conversations() const {
    std::vector<std::vector<std::string>> conversations;
    std::map<pid_t, size_t> which;
    for (const Json& event : Events("request")) {
      const auto process = event["process"].get<pid_t>();
      const auto [found, fresh] = which.emplace(process, conversations.size());
      if (fresh) conversations.emplace_back();
      conversations[found->second].push_back(event["request"]);
    }
    return conversations;
  }
  std::vector<pid_t> Vmms() const {
    std::vector<pid_t> processes;
    for (const Json& event : Events("vmm")) processes.push_back(event["process"].get<pid_t>());
    return processes;
  }

  // Of the templates that are kept.
  std::vector<std::filesystem::path> TemplateFiles(const std::string& name) const {
    std::vector<std::filesystem::path> files;
    for (const auto& jail :
         std::filesystem::directory_iterator(place_ / "jails" / "double-of-firecracker")) {
      const std::filesystem::path root = jail.path() / "root";
      // A sandbox's jail has a program in it.
      if (std::filesystem::exists(root / "double-of-firecracker")) continue;
      if (std::filesystem::exists(root / name)) files.push_back(root / name);
    }
    return files;
  }

  std::unique_ptr<FirecrackerRuntime> runtime_;
  std::vector<std::unique_ptr<Sandbox>> others_;
};

TEST_F(FirecrackerTemplateTest, TheFirstStartBootsAndSavesAMachineOfNobodysAndEveryStartOnlyLoads) {
  ASSERT_TRUE(StartOne(Spec("one")).ok());
  EXPECT_THAT(Conversations(), ElementsAre(kBootAndSave, kLoad));
  ExpectItWorks();
  EXPECT_THAT(sandbox_->Description(), HasSubstr("cloned"));
  EXPECT_THAT(sandbox_->image_directories(), ::testing::Contains("/usr/include"));
  ASSERT_TRUE(StartOne(Spec("two")).ok());
  EXPECT_THAT(Conversations(), ElementsAre(kBootAndSave, kLoad, kLoad));
  ExpectItWorks();
  EXPECT_EQ(Jails(), 3u);
  EXPECT_EQ(Events("request").back()["body"]["resume_vm"], true);
}

TEST_F(FirecrackerTemplateTest, NoTwoTenantsAndNoTemplateShareAVmm) {
  SandboxSpec other = Spec("two");
  other.tenant = "another";
  ASSERT_TRUE(StartOne(Spec("one")).ok());
  const std::vector<pid_t> first = Vmms();
  ASSERT_EQ(first.size(), 2u);
  EXPECT_FALSE(Runs(first[0])) << "the template's own";
  EXPECT_TRUE(Runs(first[1]));
  ASSERT_TRUE(StartOne(other).ok());
  ExpectItWorks();
  const std::vector<pid_t> all = Vmms();
  EXPECT_EQ(std::set<pid_t>(all.begin(), all.end()).size(), 3u);
  if (geteuid() == 0) {
    std::set<uint32_t> living;
    for (const Json& event : Events("vmm")) {
      if (Runs(event["process"].get<pid_t>())) living.insert(event["user"].get<uint32_t>());
    }
    EXPECT_EQ(living.size(), 2u);
  }
}

TEST_F(FirecrackerTemplateTest,
       EachCopyGetsTimeAndEntropyOfItsOwnBeforeAnythingElseTheTemplateNone) {
  for (const char* id : {"one", "two", "three"}) ASSERT_TRUE(StartOne(Spec(id)).ok());
  const std::vector<Json> gifts = Events("gift");
  ASSERT_EQ(gifts.size(), 4u);
  EXPECT_EQ(gifts[0]["time_ns"], 0);
  EXPECT_EQ(gifts[0]["entropy"], "");
  const int64_t now = std::chrono::duration_cast<std::chrono::nanoseconds>(
                          std::chrono::system_clock::now().time_since_epoch())
                          .count();
  std::set<std::string> entropy;
  for (size_t i = 1; i < gifts.size(); ++i) {
    EXPECT_LT(now - gifts[i]["time_ns"].get<int64_t>(), 60'000'000'000);
    EXPECT_GE(gifts[i]["entropy"].get<std::string>().size(), 64u);
    entropy.insert(gifts[i]["entropy"]);
  }
  EXPECT_EQ(entropy.size(), 3u);
}

TEST_F(FirecrackerTemplateTest, ItsFilesAreTheWorkersAndNoCopyCanWriteToThem) {
  ASSERT_TRUE(StartOne(Spec("one")).ok());
  for (const char* name : {"template.state", "template.memory"}) {
    const std::vector<std::filesystem::path> files = TemplateFiles(name);
    ASSERT_EQ(files.size(), 1u) << name;
    struct stat facts;
    ASSERT_EQ(stat(files[0].c_str(), &facts), 0);
    EXPECT_EQ(facts.st_uid, geteuid());
    EXPECT_EQ(facts.st_mode & 07777, 0444u);
    ASSERT_EQ(stat(files[0].parent_path().c_str(), &facts), 0);
    EXPECT_EQ(facts.st_uid, geteuid());
    EXPECT_EQ(facts.st_mode & 07777, 0700u);
  }
  const std::vector<Json> loads = Events("load");
  ASSERT_EQ(loads.size(), 1u);
  if (geteuid() == 0) {
    EXPECT_THAT(loads[0]["changes"], IsEmpty());
  }
}

TEST_F(FirecrackerTemplateTest, ACopyIsSuspendedAndResumedAsAnyOtherAlsoWhenItsTemplateIsGone) {
  ASSERT_TRUE(StartOne(Spec("one")).ok());
  ASSERT_TRUE(sandbox_->Suspend().ok());
  runtime_.reset();
  EXPECT_THAT(TemplateFiles("template.memory"), IsEmpty());
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(sandbox_->Resume().ok());
    ExpectItWorks();
    ASSERT_TRUE(sandbox_->Suspend().ok());
  }
}

TEST_F(FirecrackerTemplateTest, OtherSizesHaveATemplateOfTheirOwn) {
  SandboxSpec other = Spec("two");
  other.cpus = 1;
  ASSERT_TRUE(StartOne(Spec("one")).ok());
  ASSERT_TRUE(StartOne(other).ok());
  EXPECT_THAT(Conversations(), ElementsAre(kBootAndSave, kLoad, kBootAndSave, kLoad));
}

TEST_F(FirecrackerTemplateTest, AnotherRootByTheSameNameHasATemplateOfItsOwn) {
  ASSERT_TRUE(StartOne(Spec("one")).ok());
  Write("root.new", "another root file system", 0644);
  std::filesystem::rename(Path("root.new"), Path("root.img"));
  ASSERT_TRUE(StartOne(Spec("two")).ok());
  EXPECT_THAT(Conversations(), ElementsAre(kBootAndSave, kLoad, kBootAndSave, kLoad));
}

TEST_F(FirecrackerTemplateTest, SeveralStartsAtOnceBootOneTemplate) {
  std::vector<std::thread> starts;
  std::vector<std::unique_ptr<Sandbox>> started(4);
  for (size_t i = 0; i < started.size(); ++i) {
    starts.emplace_back([this, i, &started] {
      absl::StatusOr<std::unique_ptr<Sandbox>> one = runtime_->Start(Spec(StrCat("s", i)), kBoot);
      EXPECT_TRUE(one.ok()) << one.status();
      if (one.ok()) started[i] = *std::move(one);
    });
  }
  for (std::thread& start : starts) start.join();
  size_t boots = 0;
  for (const auto& conversation : Conversations()) boots += conversation == kLoad ? 0 : 1;
  EXPECT_EQ(boots, 1u);
}

TEST_F(FirecrackerTemplateTest, WhereNoneCanBeMadeAStartBootsAndTheNextOneDoesNotTryAgainSoon) {
  Inject({{"refuse", {{"PUT /snapshot/create", "no space left"}}}});
  ASSERT_TRUE(StartOne(Spec("one")).ok());
  EXPECT_THAT(Conversations(), ElementsAre(kBootAndSave, kPlainBoot));
  EXPECT_THAT(sandbox_->Description(), HasSubstr("booted"));
  EXPECT_EQ(Jails(), 1u);
  ExpectItWorks();
  ASSERT_TRUE(StartOne(Spec("two")).ok());
  EXPECT_THAT(Conversations(), ElementsAre(kBootAndSave, kPlainBoot, kPlainBoot));
  ExpectItWorks();
}

TEST_F(FirecrackerTemplateTest, OneWhoseMakingHangsIsGivenUpInTimeForABoot) {
  Inject({{"hang_at", "PATCH /vm"}});
  const auto start = steady_clock::now();
  ASSERT_TRUE(StartOne(Spec("one"), seconds(60)).ok());
  EXPECT_LT(steady_clock::now() - start, seconds(60));
  ExpectItWorks();
}

TEST_F(FirecrackerTemplateTest, WhoWaitsForOneThatAnotherStartMakesWaitsWithinItsBound) {
  Inject({{"hang_at", "PATCH /vm"}});
  std::thread maker([this] {
    absl::StatusOr<std::unique_ptr<Sandbox>> one = runtime_->Start(Spec("one"), seconds(40));
    EXPECT_TRUE(one.ok()) << one.status();
  });
  while (Events("hang").empty()) std::this_thread::sleep_for(milliseconds(10));
  Inject(Json::object());
  const auto start = steady_clock::now();
  const absl::Status status = StartOne(Spec("two"), seconds(16));
  EXPECT_TRUE(status.ok()) << status;
  EXPECT_LT(steady_clock::now() - start, seconds(16));
  EXPECT_THAT(sandbox_->Description(), HasSubstr("booted"));
  maker.join();
}

TEST_F(FirecrackerTemplateTest, OneThatIsBrokenOrLostCostsABootAndIsMadeAnew) {
  for (const char* name : {"template.state", "template.memory", ""}) {
    ASSERT_TRUE(StartOne(Spec("before")).ok());
    EXPECT_THAT(sandbox_->Description(), HasSubstr("cloned"));
    for (const auto& file : TemplateFiles(*name != '\0' ? name : "template.state")) {
      if (*name != '\0') {
        chmod(file.c_str(), 0644);
        std::ofstream(file, std::ios::trunc) << "rubbish";
        chmod(file.c_str(), 0444);
      } else {
        std::filesystem::remove(file);
      }
    }
    const absl::Status status = StartOne(Spec("broken"));
    ASSERT_TRUE(status.ok()) << name << status;
    EXPECT_THAT(sandbox_->Description(), HasSubstr("booted")) << name;
    ExpectItWorks();
    ASSERT_TRUE(StartOne(Spec("after")).ok());
    EXPECT_THAT(sandbox_->Description(), HasSubstr("cloned")) << name;
    ExpectItWorks();
  }
}

// Run by the test below, in a process of its own.
TEST_F(FirecrackerTemplateTest, DISABLED_StartAndDie) {
  ASSERT_TRUE(StartOne(Spec("one")).ok());
  kill(getpid(), SIGKILL);
}

TEST_F(FirecrackerTemplateTest, TheTemplateOfAKilledWorkerIsGoneBeforeTheNextStarts) {
  Environment environment = Environment::OfThisProcess();
  environment.Set("HPCC_TEST_PLACE", place_.string());
  const absl::StatusOr<CapturedRun> run =
      RunCaptured({"/proc/self/exe", "--gtest_also_run_disabled_tests",
                   "--gtest_filter=FirecrackerTemplateTest.DISABLED_StartAndDie"},
                  environment);
  ASSERT_TRUE(run.ok()) << run.status();
  ASSERT_EQ(run->exit.signal, SIGKILL) << run->out;
  EXPECT_EQ(Jails(), 2u);
  EXPECT_EQ(TemplateFiles("template.memory").size(), 1u);
  Begin();
  ExpectNothingLeft();
}

}  // namespace
}  // namespace hpcc
