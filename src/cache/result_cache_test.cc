#include "cache/result_cache.h"

#include "cache/cache_test_support.h"

namespace hpcc {
namespace {

class ResultCacheTest : public ProjectTest {
 protected:
  ResultCacheTest() {
    toolchain_.family = CompilerFamily::kGcc;
    toolchain_.identity = DigestOfBytes(1);
    Write("m.c", "#if __has_include(\"x.h\")\nint x;\n#endif\n");
    Parse({"-c", "m.c"});
  }

  void Parse(const std::vector<std::string>& args) {
    invocation_ = ParseGnu({FileSystem::Real(), environment_, cwd_, "gcc", false}, args);
  }

  Unit MakeUnitHere(const std::string& terminal = "") {
    absl::StatusOr<Unit> unit = MakeUnit(FileSystem::Real(), {.invocation = &invocation_,
                                                              .toolchain = &toolchain_,
                                                              .environment = &environment_,
                                                              .compiler = "/usr/bin/gcc",
                                                              .cwd = cwd_,
                                                              .terminal = terminal});
    EXPECT_TRUE(unit.ok()) << unit.status();
    return unit.ok() ? *std::move(unit) : Unit();
  }

  static CompileOutcome Made(const std::string& object) {
    CompileOutcome outcome;
    outcome.parts = {{static_cast<uint8_t>(OutputRole::kObject), object}};
    return outcome;
  }

  // What RecordClosure gives for a compile that starts now and reads `paths`.
  ClosureResult Closure(const Unit& unit, const std::vector<std::string>& paths = {}) {
    WaitForTick();
    ClosureResult closure = RecordClosure(FileSystem::Real(), clock_, unit, paths,
                                          Clock::Real().FileStampNanoseconds());
    EXPECT_FALSE(closure.refusal.has_value()) << closure.refusal->detail;
    EXPECT_FALSE(closure.needs_preprocessor.has_value());
    return closure;
  }

  absl::StatusOr<ResultCache::Kept> Keep(const Unit& unit, const CompileOutcome& outcome,
                                         const std::vector<std::string>& paths = {}) {
    return cache_.Commit(unit, cache_.LookUpDirect(unit), Closure(unit, paths), outcome);
  }

  // The object a lookup gives now, or the reason why there is none.
  std::string LookUp(const std::string& terminal = "") {
    const Lookup lookup = cache_.LookUpDirect(MakeUnitHere(terminal));
    if (lookup.hit) return lookup.hit->Find(OutputRole::kObject)->data;
    return StrCat("miss: ", MissReasonName(lookup.reason.kind));
  }

  MemoryStore store_;
  ShiftedClock clock_{std::chrono::seconds(10)};
  ResultCache cache_{store_, FileSystem::Real(), clock_, /*compress=*/true};
  ToolchainFacts toolchain_;
  Invocation invocation_;
};

TEST_F(ResultCacheTest, WhatWasKeptIsFound) {
  EXPECT_EQ(LookUp(), "miss: first-compile");
  ASSERT_TRUE(Keep(MakeUnitHere(), Made("object")).ok());
  EXPECT_EQ(LookUp(), "object");
}

TEST_F(ResultCacheTest, BothStatesOfAHasIncludeHitAfterSwitchingBack) {
  ASSERT_TRUE(Keep(MakeUnitHere(), Made("without")).ok());
  WaitForTick();
  Write("x.h", "");
  EXPECT_EQ(LookUp(), "miss: header-appeared");
  ASSERT_TRUE(Keep(MakeUnitHere(), Made("with")).ok());
  EXPECT_EQ(LookUp(), "with");
  WaitForTick();
  Remove("x.h");
  EXPECT_EQ(LookUp(), "without");
  Write("x.h", "");
  EXPECT_EQ(LookUp(), "with");
}

TEST_F(ResultCacheTest, CommitThatStopsHalfWayLeavesNoOldRecordWithANewResult) {
  // The result is stored and the direct entry isn't: the disk is full, or the process was killed.
  ASSERT_TRUE(Keep(MakeUnitHere(), Made("without")).ok());
  WaitForTick();
  Write("x.h", "");
  store_.refused = StoreNamespace::kDirect;
  Keep(MakeUnitHere(), Made("with")).IgnoreError();
  store_.refused.reset();
  WaitForTick();
  Remove("x.h");
  EXPECT_NE(LookUp(), "with");
}

TEST_F(ResultCacheTest, ResultThatNamesItsRootIsNeverServedToAnotherRoot) {
  const std::string base = cwd_;
  for (const char* root : {"one", "two"}) {
    Write(StrCat(base, "/", root, "/.hpcc"), "");
    Write(StrCat(base, "/", root, "/m.c"), "int m;\n");
  }
  for (const char* root : {"one", "two"}) {
    cwd_ = StrCat(base, "/", root);
    ASSERT_TRUE(Keep(MakeUnitHere(), Made(StrCat("made in ", cwd_))).ok());
  }
  for (const char* root : {"one", "two"}) {
    cwd_ = StrCat(base, "/", root);
    EXPECT_EQ(LookUp(), StrCat("made in ", cwd_));
  }
  cwd_ = base;
}

TEST_F(ResultCacheTest, ResultThatDoesNotNameItsRootIsSharedByCheckouts) {
  const std::string base = cwd_;
  for (const char* root : {"one", "two"}) {
    Write(StrCat(base, "/", root, "/.hpcc"), "");
    Write(StrCat(base, "/", root, "/m.c"), "int m;\n");
  }
  cwd_ = base + "/one";
  ASSERT_TRUE(Keep(MakeUnitHere(), Made("object")).ok());
  cwd_ = base + "/two";
  EXPECT_EQ(LookUp(), "object");
  cwd_ = base;
}

TEST_F(ResultCacheTest, BranchesSwitchedBackAndForthBothHit) {
  Write("m.c", "#include \"h.h\"\n");
  for (const char* state : {"one", "two"}) {
    Write("h.h", state);
    EXPECT_TRUE(LookUp().starts_with("miss")) << state;
    ASSERT_TRUE(Keep(MakeUnitHere(), Made(state), {"h.h"}).ok());
    WaitForTick();
  }
  for (const char* state : {"one", "two", "one"}) {
    WaitForTick();
    Write("h.h", state);
    EXPECT_EQ(LookUp(), state);
  }
}

TEST_F(ResultCacheTest, OnlyTheMostRecentStatesAreRemembered) {
  Write("m.c", "#include \"h.h\"\n");
  for (int state = 0; state <= static_cast<int>(kMaxDirectRecords); ++state) {
    Write("h.h", StrCat(state));
    ASSERT_TRUE(Keep(MakeUnitHere(), Made(StrCat(state)), {"h.h"}).ok());
    WaitForTick();
  }
  Write("h.h", "1");
  EXPECT_EQ(LookUp(), "1");
  WaitForTick();
  Write("h.h", "0");
  EXPECT_EQ(LookUp(), "miss: header-changed");
}

TEST_F(ResultCacheTest, DiagnosticsAreServedOnlyToTheTerminalTheyWereMadeFor) {
  CompileOutcome outcome = Made("object");
  outcome.parts.push_back({kStderrPart, "warning\n"});
  ASSERT_TRUE(Keep(MakeUnitHere("colours"), outcome).ok());
  EXPECT_EQ(LookUp("colours"), "object");
  EXPECT_EQ(LookUp(""), "miss: diagnostics-differ");
  EXPECT_EQ(LookUp("others"), "miss: diagnostics-differ");
}

TEST_F(ResultCacheTest, ResultWithoutDiagnosticsIsServedToEveryTerminal) {
  ASSERT_TRUE(Keep(MakeUnitHere("colours"), Made("object")).ok());
  EXPECT_EQ(LookUp(""), "object");
}

TEST_F(ResultCacheTest, ResultWithoutADependencyStyleIsNoHitForWhoAsksForADependencyFile) {
  ASSERT_TRUE(Keep(MakeUnitHere(), Made("object")).ok());
  Parse({"-MD", "-c", "m.c"});
  EXPECT_EQ(LookUp(), "miss: incomplete-result");
}

TEST_F(ResultCacheTest, ResultWithDoubtfulHeadersIsNoHitForUserHeadersOnly) {
  CompileOutcome outcome = Made("object");
  outcome.dependency_style = DependencyStyle::kGcc;
  outcome.dependencies = {{"m.c", UserHeader::kYes}, {"x.h", UserHeader::kUnknown}};
  ASSERT_TRUE(Keep(MakeUnitHere(), outcome).ok());
  Parse({"-MD", "-c", "m.c"});
  EXPECT_EQ(LookUp(), "object");
  Parse({"-MMD", "-c", "m.c"});
  EXPECT_EQ(LookUp(), "miss: incomplete-result");
}

TEST_F(ResultCacheTest, DamagedResultIsAMissAndRemoved) {
  const absl::StatusOr<ResultCache::Kept> kept = Keep(MakeUnitHere(), Made("object"));
  ASSERT_TRUE(kept.ok());
  ASSERT_TRUE(store_.Put({StoreNamespace::kResult, kept->key}, "damaged").ok());
  const Lookup lookup = cache_.LookUpDirect(MakeUnitHere());
  EXPECT_FALSE(lookup.hit.has_value());
  EXPECT_TRUE(lookup.corrupt_entry);
  EXPECT_EQ(lookup.reason.kind, MissReason::Kind::kResultCorrupt);
  EXPECT_EQ(store_.Count(StoreNamespace::kResult), 0);
}

TEST_F(ResultCacheTest, DamagedDirectEntryIsAMiss) {
  const Unit unit = MakeUnitHere();
  ASSERT_TRUE(store_.Put({StoreNamespace::kDirect, unit.direct_key}, "damaged").ok());
  const Lookup lookup = cache_.LookUpDirect(unit);
  EXPECT_FALSE(lookup.hit.has_value());
  EXPECT_TRUE(lookup.corrupt_entry);
}

TEST_F(ResultCacheTest, ResultThatWasEvictedIsAMissWithThatReason) {
  const absl::StatusOr<ResultCache::Kept> kept = Keep(MakeUnitHere(), Made("object"));
  ASSERT_TRUE(kept.ok());
  store_.Remove({StoreNamespace::kResult, kept->key}).IgnoreError();
  EXPECT_EQ(LookUp(), "miss: result-evicted");
}

TEST_F(ResultCacheTest, RefusalIsRememberedWhileTheClosureHolds) {
  const Unit unit = MakeUnitHere();
  ASSERT_TRUE(cache_
                  .CommitRefusal(unit, cache_.LookUpDirect(unit), Closure(unit),
                                 {NotCacheableReason::kUsesDateOrTime, "m.c"})
                  .ok());
  const Lookup lookup = cache_.LookUpDirect(unit);
  ASSERT_TRUE(lookup.refusal.has_value());
  EXPECT_EQ(lookup.refusal->reason, NotCacheableReason::kUsesDateOrTime);
  EXPECT_EQ(lookup.refusal->detail, "m.c");
  WaitForTick();
  Write("x.h", "");
  EXPECT_FALSE(cache_.LookUpDirect(unit).refusal.has_value());
}

TEST_F(ResultCacheTest, UnitThatOnlyThePreprocessorCanTellIsNeverServedDirectly) {
  const Unit unit = MakeUnitHere();
  ASSERT_TRUE(cache_.CommitNeedsPreprocessor(unit, cache_.LookUpDirect(unit), "m.c").ok());
  const Lookup lookup = cache_.LookUpDirect(unit);
  EXPECT_TRUE(lookup.ask_preprocessor);
  EXPECT_FALSE(lookup.hit.has_value());
}

TEST_F(ResultCacheTest, PreprocessedResultIsFoundByItsTextOnly) {
  const Unit unit = MakeUnitHere();
  const ClosureResult closure = Closure(unit);
  ASSERT_TRUE(cache_.CommitPreprocessed(unit, closure, Digest::Of("text"), Made("object")).ok());
  EXPECT_TRUE(cache_.LookUpPreprocessed(unit, closure.files, Digest::Of("text")).hit.has_value());
  EXPECT_FALSE(cache_.LookUpPreprocessed(unit, closure.files, Digest::Of("other")).hit.has_value());
}

TEST_F(ResultCacheTest, ReasonsOfAMissAreToldByTheLastCompile) {
  const auto remember = [&] {
    const Unit unit = MakeUnitHere();
    ASSERT_TRUE(cache_.RememberUnit(DescribeUnit(unit, 1)).ok());
  };
  remember();
  Parse({"-O2", "-c", "m.c"});
  EXPECT_EQ(LookUp(), "miss: flags-changed");
  remember();
  environment_.Set("CPATH", "/x");
  EXPECT_EQ(LookUp(), "miss: environment-changed");
  remember();
  Write("m.c", "int m;\n");
  EXPECT_EQ(LookUp(), "miss: source-changed");
  remember();
  toolchain_.identity = DigestOfBytes(2);
  EXPECT_EQ(LookUp(), "miss: compiler-changed");
}

TEST_F(ResultCacheTest, TheFlagThatChangedIsNamedWhereverItStands) {
  // What changed between two command lines, as "before|after".
  const auto change = [&](const std::vector<std::string>& before,
                          const std::vector<std::string>& after) {
    Parse(before);
    EXPECT_TRUE(cache_.RememberUnit(DescribeUnit(MakeUnitHere(), 1)).ok());
    Parse(after);
    const MissReason reason = cache_.LookUpDirect(MakeUnitHere()).reason;
    return StrCat(reason.before, "|", reason.after);
  };
  EXPECT_EQ(change({"-c", "m.c"}, {"-O2", "-c", "m.c"}), "|-O2");
  EXPECT_EQ(change({"-O2", "-c", "m.c"}, {"-c", "m.c"}), "-O2|");
  EXPECT_EQ(change({"-c", "-O1", "-g", "m.c"}, {"-g", "-c", "m.c", "-O2"}), "-O1|-O2");
  EXPECT_EQ(change({"-c", "-Ia", "-Ib", "m.c"}, {"-c", "-Ib", "-Ia", "m.c"}), "-Ia|-Ib");
}

}  // namespace
}  // namespace hpcc
