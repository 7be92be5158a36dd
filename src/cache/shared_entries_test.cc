// Two machines that share results and direct entries, with the same sources at the same place.

#include "cache/cache_test_support.h"
#include "cache/result_cache.h"

namespace hpcc {
namespace {

// Fails every read, as a remote cache does that is out of reach.
class UnreachableStore final : public Store {
 public:
  absl::StatusOr<std::string> Get(const StoreKey&) override {
    return absl::UnavailableError("out of reach");
  }
  absl::Status Put(const StoreKey&, std::string_view) override {
    ++puts;
    return absl::OkStatus();
  }
  absl::Status Touch(const StoreKey&) override { return absl::OkStatus(); }
  absl::Status Remove(const StoreKey&) override { return absl::OkStatus(); }

  int puts = 0;
};

// Results are everybody's; all else is this machine's.
class Machine final : public Store {
 public:
  Machine(Store& shared, Clock& clock) : Machine(shared, {{&shared, /*read_only=*/false}}, clock) {}
  Machine(Store& results, std::vector<StoreTier> shared_entries, Clock& clock)
      : shared_(results),
        cache(*this, FileSystem::Real(), clock, true, nullptr, std::move(shared_entries)) {}

  absl::StatusOr<std::string> Get(const StoreKey& key) override { return Part(key).Get(key); }
  absl::Status Put(const StoreKey& key, std::string_view value) override {
    return Part(key).Put(key, value);
  }
  absl::Status Touch(const StoreKey& key) override { return Part(key).Touch(key); }
  absl::Status Remove(const StoreKey& key) override { return Part(key).Remove(key); }

 private:
  Store& Part(const StoreKey& key) { return key.ns == StoreNamespace::kResult ? shared_ : own; }

  Store& shared_;

 public:
  MemoryStore own;
  ResultCache cache;
};

class SharedEntriesTest : public ProjectTest {
 protected:
  SharedEntriesTest() {
    toolchain_.family = CompilerFamily::kGcc;
    toolchain_.identity = DigestOfBytes(1);
    Write("m.c", "#include \"h.h\"\n");
    Write("h.h", "1");
    invocation_ = ParseGnu({FileSystem::Real(), environment_, cwd_, "gcc", false}, {"-c", "m.c"});
    unit_ = *MakeUnit(FileSystem::Real(), {.invocation = &invocation_,
                                           .toolchain = &toolchain_,
                                           .environment = &environment_,
                                           .compiler = "/usr/bin/gcc",
                                           .cwd = cwd_,
                                           .terminal = ""});
  }

  // A compile on `machine` of the sources as they are.
  void Compile(Machine& machine, const std::string& object) {
    const Lookup lookup = machine.cache.LookUpDirect(unit_);
    EXPECT_FALSE(lookup.hit.has_value());
    WaitForTick();
    const ClosureResult closure = RecordClosure(FileSystem::Real(), clock_, unit_, {"m.c", "h.h"},
                                                Clock::Real().FileStampNanoseconds());
    CompileOutcome outcome;
    outcome.parts = {{static_cast<uint8_t>(OutputRole::kObject), object}};
    ASSERT_TRUE(machine.cache.Commit(unit_, lookup, closure, outcome).ok());
  }
  std::string LookUp(Machine& machine) {
    const Lookup lookup = machine.cache.LookUpDirect(unit_);
    if (!lookup.hit) return StrCat("miss: ", MissReasonName(lookup.reason.kind));
    EXPECT_EQ(lookup.entry.records[lookup.hit_record].kind, DirectRecord::Kind::kResult);
    return lookup.hit->Find(OutputRole::kObject)->data;
  }
  void SetHeader(const std::string& text) {
    WaitForTick();
    Write("h.h", text);
  }
  DirectEntry EntryIn(Store& store) {
    const absl::StatusOr<std::string> bytes =
        store.Get({StoreNamespace::kDirect, unit_.direct_key});
    return bytes.ok() ? *DecodeDirectEntry(*bytes) : DirectEntry();
  }

  ShiftedClock clock_{std::chrono::seconds(10)};
  MemoryStore shared_;
  ToolchainFacts toolchain_;
  Invocation invocation_;
  Unit unit_;
  Machine a_{shared_, clock_};
  Machine b_{shared_, clock_};
};

TEST_F(SharedEntriesTest, WhatOneMachineCompiledTheOtherHas) {
  Compile(a_, "one");
  EXPECT_EQ(LookUp(b_), "one");
}

TEST_F(SharedEntriesTest, AHitFromOthersIsRememberedHereAndSharedNoSecondTime) {
  Compile(a_, "one");
  const std::string before = *shared_.Get({StoreNamespace::kDirect, unit_.direct_key});
  EXPECT_EQ(LookUp(b_), "one");
  EXPECT_EQ(EntryIn(b_.own).records.size(), 1u);
  EXPECT_EQ(*shared_.Get({StoreNamespace::kDirect, unit_.direct_key}), before);
}

TEST_F(SharedEntriesTest, AnEntryHereThatDoesNotHoldHidesNothingOfOthers) {
  Compile(b_, "one");
  SetHeader("2");
  Compile(a_, "two");
  EXPECT_EQ(LookUp(b_), "two");
  EXPECT_EQ(EntryIn(b_.own).records.size(), 2u);
  SetHeader("1");
  EXPECT_EQ(LookUp(b_), "one");
  EXPECT_EQ(LookUp(a_), "one");
}

TEST_F(SharedEntriesTest, WhatOthersKnowSurvivesACommit) {
  Compile(a_, "one");
  SetHeader("2");
  Compile(b_, "two");
  const DirectEntry entry = EntryIn(shared_);
  ASSERT_EQ(entry.records.size(), 2u);
  SetHeader("1");
  EXPECT_EQ(LookUp(a_), "one");
}

TEST_F(SharedEntriesTest, SharedRecordsHoldNoStampsAndNoneIsBelieved) {
  Compile(a_, "one");
  DirectEntry entry = EntryIn(shared_);
  ASSERT_EQ(entry.records.size(), 1u);
  ASSERT_FALSE(entry.records[0].files.empty());
  for (const RecordedFile& file : entry.records[0].files) {
    EXPECT_FALSE(file.trusted);
    EXPECT_EQ(file.stamp, FileStamp());
  }
  // Somebody shares an entry that claims a stamp which the file has here, and another content.
  SetHeader("2");
  for (RecordedFile& file : entry.records[0].files) {
    file.trusted = true;
    file.stamp = FileStamp::Of(*StatFile(FileSystem::Real(), file.path));
  }
  ASSERT_TRUE(
      shared_.Put({StoreNamespace::kDirect, unit_.direct_key}, EncodeDirectEntry(entry)).ok());
  EXPECT_EQ(LookUp(b_), "miss: header-changed");
}

TEST_F(SharedEntriesTest, WhatCantBeReadIsNotReplaced) {
  UnreachableStore unreachable;
  MemoryStore own;
  ResultCache cache(own, FileSystem::Real(), clock_, true, nullptr, {{&unreachable, false}});
  const Lookup lookup = cache.LookUpDirect(unit_);
  ASSERT_EQ(lookup.shared_entries.size(), 1u);
  EXPECT_FALSE(lookup.shared_entries[0].has_value());
  WaitForTick();
  const ClosureResult closure = RecordClosure(FileSystem::Real(), clock_, unit_, {"m.c", "h.h"},
                                              Clock::Real().FileStampNanoseconds());
  CompileOutcome outcome;
  outcome.parts = {{static_cast<uint8_t>(OutputRole::kObject), "object"}};
  ASSERT_TRUE(cache.Commit(unit_, lookup, closure, outcome).ok());
  EXPECT_EQ(unreachable.puts, 0);
  EXPECT_TRUE(cache.LookUpDirect(unit_).hit.has_value());
}

// A near cache that the team fills, and a far one that only CI writes.
TEST_F(SharedEntriesTest, AnEntryInANearerCacheHidesNothingOfAFartherOne) {
  MemoryStore far;
  Machine ci(shared_, {{&far, false}}, clock_);
  Compile(ci, "one");
  SetHeader("2");
  Machine both(shared_, {{&shared_, false}, {&far, false}}, clock_);
  Compile(a_, "two");  // which asks the near one alone
  SetHeader("1");
  EXPECT_EQ(LookUp(both), "one");
  // The nearer one has it now, too, and has lost nothing.
  EXPECT_EQ(EntryIn(shared_).records.size(), 2u);
  EXPECT_EQ(EntryIn(far).records.size(), 1u);
  EXPECT_EQ(LookUp(b_), "one");
  // A commit adds to what each of them has.
  SetHeader("3");
  Compile(both, "three");
  EXPECT_EQ(EntryIn(shared_).records.size(), 3u);
  EXPECT_EQ(EntryIn(far).records.size(), 2u);
}

TEST_F(SharedEntriesTest, AReadOnlyCacheOfEntriesIsNotWritten) {
  MemoryStore far;
  Machine ci(shared_, {{&far, false}}, clock_);
  Compile(ci, "one");
  MemoryStore near;
  Machine laptop(shared_, {{&near, true}, {&far, true}}, clock_);
  EXPECT_EQ(LookUp(laptop), "one");
  SetHeader("2");
  Compile(laptop, "two");
  EXPECT_EQ(EntryIn(near).records.size(), 0u);
  EXPECT_EQ(EntryIn(far).records.size(), 1u);
}

TEST_F(SharedEntriesTest, ADamagedSharedEntryIsAMissAndIsReplaced) {
  ASSERT_TRUE(shared_.Put({StoreNamespace::kDirect, unit_.direct_key}, "no entry").ok());
  EXPECT_TRUE(b_.cache.LookUpDirect(unit_).corrupt_entry);
  Compile(b_, "one");
  EXPECT_EQ(LookUp(a_), "one");
}

}  // namespace
}  // namespace hpcc
