#include "cache/toolchain_memo.h"

#include "base/process.h"
#include "cache/asking_turn.h"
#include "cache/cache_test_support.h"

namespace hpcc {
namespace {

// Whether the compiler was asked shows in the answer: what is remembered can be marked.
class ToolchainMemoTest : public ProjectTest {
 protected:
  // A compiler that a test may change: a copy of the driver, told where the rest of gcc is.
  std::string CopyOfGcc() {
    const std::string real = FindOnPath(fs_, environment_, "gcc");
    const absl::StatusOr<CapturedRun> run =
        RunCaptured({real, "-print-prog-name=cc1"}, environment_);
    EXPECT_TRUE(run.ok()) << run.status();
    // "<prefix>/<target>/<version>/cc1"
    const std::filesystem::path cc1 = run.ok() ? run->out : "";
    environment_.Set("GCC_EXEC_PREFIX",
                     cc1.parent_path().parent_path().parent_path().string() + "/");
    MakeDirectory("bin");
    std::filesystem::copy_file(std::filesystem::canonical(real), "bin/gcc");
    return cwd_ + "/bin/gcc";
  }
  std::string Script(const std::string& text) {
    Write("bin/cc", text);
    std::filesystem::permissions("bin/cc", std::filesystem::perms(0755));
    return cwd_ + "/bin/cc";
  }

  absl::StatusOr<ToolchainFacts> Identify(const std::string& path, Clock& clock,
                                          const std::vector<std::string>& args = {"-c", "a.c"}) {
    Write("a.c", "int a;\n");
    const Invocation invocation = ParseGnu({fs_, environment_, cwd_, "gcc", false}, args);
    EXPECT_FALSE(invocation.refusal.has_value());
    return ToolchainMemo(store_, fs_, clock)
        .Identify(
            {.path = path, .cwd = cwd_, .invocation = &invocation, .environment = &environment_},
            args);
  }
  Digest IdentityOf(const std::string& path, const std::vector<std::string>& args = {"-c", "a.c"}) {
    const absl::StatusOr<ToolchainFacts> facts = Identify(path, later_, args);
    EXPECT_TRUE(facts.ok()) << facts.status();
    return facts.ok() ? facts->identity : Digest();
  }
  // Puts something recognisable into what is remembered, to see whether it is used.
  void MarkRemembered(const std::string& path) {
    const Invocation invocation = ParseGnu({fs_, environment_, cwd_, "gcc", false}, {"-c", "a.c"});
    const StoreKey key{
        StoreNamespace::kToolchain,
        ToolchainRequestKey(
            {.path = path, .cwd = cwd_, .invocation = &invocation, .environment = &environment_})};
    const absl::StatusOr<std::string> bytes = store_.Get(key);
    ASSERT_TRUE(bytes.ok()) << bytes.status();
    absl::StatusOr<ToolchainFacts> facts = DecodeToolchainFacts(*bytes);
    ASSERT_TRUE(facts.ok()) << facts.status();
    facts->identity = kMark;
    ASSERT_TRUE(store_.Put(key, EncodeToolchainFacts(*facts)).ok());
  }
  size_t Remembered() const { return store_.Count(StoreNamespace::kToolchain); }

  const Digest kMark = Digest::Of("marked by the test");
  FileSystem& fs_ = FileSystem::Real();
  MemoryStore store_;
  ShiftedClock later_{std::chrono::seconds(10)};
};

TEST_F(ToolchainMemoTest, WhatIsRememberedIsNotAskedAgain) {
  const std::string gcc = CopyOfGcc();
  const absl::StatusOr<ToolchainFacts> facts = Identify(gcc, later_);
  ASSERT_TRUE(facts.ok()) << facts.status();
  EXPECT_EQ(facts->family, CompilerFamily::kGcc);
  EXPECT_FALSE(facts->opaque);
  EXPECT_FALSE(facts->built_in_search.empty());
  EXPECT_EQ(Remembered(), 1U);
  MarkRemembered(gcc);
  const absl::StatusOr<ToolchainFacts> again = Identify(gcc, later_);
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(again->identity, kMark);
  EXPECT_EQ(again->built_in_search, facts->built_in_search);
}

// A store that several threads may use.
class LockedStore final : public Store {
 public:
  absl::StatusOr<std::string> Get(const StoreKey& key) override {
    const std::lock_guard lock(mutex_);
    ++gets_;
    return store_.Get(key);
  }
  absl::Status Put(const StoreKey& key, std::string_view value) override {
    const std::lock_guard lock(mutex_);
    return store_.Put(key, value);
  }
  absl::Status Touch(const StoreKey& key) override { return Get(key).status(); }
  absl::Status Remove(const StoreKey& key) override {
    const std::lock_guard lock(mutex_);
    return store_.Remove(key);
  }
  int gets() const {
    const std::lock_guard lock(mutex_);
    return gets_;
  }

 private:
  mutable std::mutex mutex_;
  int gets_ = 0;
  MemoryStore store_;
};

TEST_F(ToolchainMemoTest, WhoComesWhileAnotherAsksWaitsForItsAnswer) {
  Write("a.c", "int a;\n");
  const std::string gcc = CopyOfGcc();
  ASSERT_TRUE(Identify(gcc, later_).ok());
  MarkRemembered(gcc);
  const std::vector<std::string> args = {"-c", "a.c"};
  const Invocation invocation = ParseGnu({fs_, environment_, cwd_, "gcc", false}, args);
  const ToolchainRequest request = {
      .path = gcc, .cwd = cwd_, .invocation = &invocation, .environment = &environment_};
  const StoreKey key{StoreNamespace::kToolchain, ToolchainRequestKey(request)};

  LockedStore store;
  const std::string directory = cwd_ + "/turns";
  std::optional<AskingTurn> other(std::in_place, fs_, later_, directory, key.digest);
  std::thread waiting([&] {
    ToolchainMemo memo(store, fs_, later_, ToolchainMemo::Asking::kAllowed, directory);
    const absl::StatusOr<ToolchainFacts> facts = memo.Identify(request, args);
    EXPECT_TRUE(facts.ok() && facts->identity == kMark) << "it asked by itself";
  });
  while (store.gets() == 0) later_.Sleep(std::chrono::milliseconds(1));
  later_.Sleep(std::chrono::milliseconds(20));
  EXPECT_TRUE(store.Put(key, *store_.Get(key)).ok());
  other.reset();
  waiting.join();
}

TEST_F(ToolchainMemoTest, WhoWaitedInVainAsksAndNobodyWaitsForThat) {
  const std::string gcc = CopyOfGcc();
  const Invocation invocation = ParseGnu({fs_, environment_, cwd_, "gcc", false}, {"-c", "foo.c"});
  const std::string directory = cwd_ + "/turns";
  const ToolchainRequest request = {
      .path = gcc, .cwd = cwd_, .invocation = &invocation, .environment = &environment_};
  const AskingTurn stuck(fs_, later_, directory, ToolchainRequestKey(request));
  ToolchainMemo memo(store_, fs_, later_, ToolchainMemo::Asking::kAllowed, directory);
  EXPECT_TRUE(memo.Identify(request, {}).ok());
  EXPECT_EQ(Remembered(), 1U);
  const int64_t start = later_.MonotonicNanoseconds();
  EXPECT_TRUE(memo.Identify(request, {}).ok());
  EXPECT_LT(later_.MonotonicNanoseconds() - start, std::chrono::nanoseconds(kTurnPatience).count());
}

TEST_F(ToolchainMemoTest, ChangedFileAsksAgain) {
  const std::string gcc = CopyOfGcc();
  const Digest before = IdentityOf(gcc);
  MarkRemembered(gcc);
  std::ofstream(gcc, std::ios::binary | std::ios::app) << "more";
  const Digest after = IdentityOf(gcc);
  EXPECT_NE(after, kMark);
  EXPECT_NE(after, before);
  MarkRemembered(gcc);
  EXPECT_EQ(IdentityOf(gcc), kMark) << "the new answer was not remembered";
}

TEST_F(ToolchainMemoTest, TouchedFileAsksAgainAndIsTheSameToolchain) {
  const std::string gcc = CopyOfGcc();
  const Digest before = IdentityOf(gcc);
  MarkRemembered(gcc);
  std::filesystem::last_write_time(gcc,
                                   std::filesystem::last_write_time(gcc) - std::chrono::seconds(5));
  EXPECT_EQ(IdentityOf(gcc), before);
}

TEST_F(ToolchainMemoTest, WhatChangedAMomentAgoIsNotRemembered) {
  const std::string gcc = CopyOfGcc();
  ASSERT_TRUE(Identify(gcc, Clock::Real()).ok());
  EXPECT_EQ(Remembered(), 0U);
  ASSERT_TRUE(Identify(gcc, later_).ok());
  EXPECT_EQ(Remembered(), 1U);
}

TEST_F(ToolchainMemoTest, DamagedFactsAreAskedForAgain) {
  const std::string gcc = CopyOfGcc();
  const Digest identity = IdentityOf(gcc);
  const Invocation invocation = ParseGnu({fs_, environment_, cwd_, "gcc", false}, {"-c", "a.c"});
  const StoreKey key{
      StoreNamespace::kToolchain,
      ToolchainRequestKey(
          {.path = gcc, .cwd = cwd_, .invocation = &invocation, .environment = &environment_})};
  ASSERT_TRUE(store_.Put(key, "not facts").ok());
  EXPECT_EQ(IdentityOf(gcc), identity);
}

TEST_F(ToolchainMemoTest, StoreThatCannotBeWrittenOnlyMeansAsking) {
  const std::string gcc = CopyOfGcc();
  store_.refused = StoreNamespace::kToolchain;
  const Digest identity = IdentityOf(gcc);
  EXPECT_EQ(Remembered(), 0U);
  EXPECT_EQ(IdentityOf(gcc), identity);
}

TEST_F(ToolchainMemoTest, ScriptIsOpaqueAndItsAnswerIsNeverRemembered) {
  const std::string script = Script("#!/bin/sh\nexec gcc $(cat extra 2>/dev/null) \"$@\"\n");
  Write("extra", "");
  const absl::StatusOr<ToolchainFacts> facts = Identify(script, later_);
  ASSERT_TRUE(facts.ok()) << facts.status();
  EXPECT_TRUE(facts->opaque);
  EXPECT_NE(facts->identity, Digest());
  EXPECT_EQ(IdentityOf(script), facts->identity) << "the same question, another answer";
  // What the script adds changes, though neither it nor the command line did.
  Write("extra", "-DADDED=1");
  EXPECT_NE(IdentityOf(script), facts->identity);
}

TEST_F(ToolchainMemoTest, OpaqueCompilerIsAskedWithTheArgumentsOfTheCompile) {
  const std::string script =
      Script("#!/bin/sh\ncase \"$*\" in *-DSPECIAL*) set -- -O3 \"$@\";; esac\nexec gcc \"$@\"\n");
  EXPECT_NE(IdentityOf(script, {"-c", "a.c"}), IdentityOf(script, {"-DSPECIAL", "-c", "a.c"}));
}

TEST_F(ToolchainMemoTest, ProgramThatAnswersUnlikeACompilerIsUnavailable) {
  for (const char* text : {"#!/bin/sh\nexit 0\n", "#!/bin/sh\necho 'gcc version 12' >&2\nexit 1\n",
                           "#!/bin/sh\necho 'gcc version 12' >&2\n"}) {
    const absl::StatusOr<ToolchainFacts> facts = Identify(Script(text), later_);
    EXPECT_TRUE(absl::IsUnavailable(facts.status())) << text << facts.status();
  }
  EXPECT_EQ(Remembered(), 0U);
}

}  // namespace
}  // namespace hpcc
