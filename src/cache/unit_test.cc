#include "cache/unit.h"

#include "cache/cache_test_support.h"

namespace hpcc {
namespace {

class UnitTest : public ProjectTest {
 protected:
  UnitTest() {
    toolchain_.identity = DigestOfBytes(1);
    Write("m.c", "int m;\n");
    Write("p.txt", "one");
  }
  Unit Make(const std::vector<std::string>& args, bool is_clang = false) {
    invocation_ = ParseGnu({FileSystem::Real(), environment_, cwd_, "cc", is_clang}, args);
    EXPECT_FALSE(invocation_.refusal.has_value());
    absl::StatusOr<Unit> unit = MakeUnit(FileSystem::Real(), {.invocation = &invocation_,
                                                              .toolchain = &toolchain_,
                                                              .environment = &environment_,
                                                              .compiler = "gcc",
                                                              .cwd = cwd_});
    EXPECT_TRUE(unit.ok()) << unit.status();
    return unit.ok() ? *std::move(unit) : Unit();
  }
  Digest Key(const std::vector<std::string>& args) { return Make(args).direct_key; }

  ToolchainFacts toolchain_;
  Invocation invocation_;
};

TEST_F(UnitTest, EverythingThatReachesTheOutputChangesTheKey) {
  const std::vector<std::string> args = {"-c", "m.c"};
  const Digest key = Key(args);
  EXPECT_EQ(Key(args), key);
  EXPECT_NE(Key({"-O1", "-c", "m.c"}), key);
  EXPECT_NE(Key({"-c", "./m.c"}), key);
  EXPECT_NE(Key({"-unheard-of", "-c", "m.c"}), key);

  toolchain_.identity = DigestOfBytes(2);
  EXPECT_NE(Key(args), key);
  toolchain_.identity = DigestOfBytes(1);

  for (const char* name : {"LANG", "LC_ALL", "LC_MESSAGES", "CPATH", "C_INCLUDE_PATH",
                           "SOURCE_DATE_EPOCH", "GCC_EXEC_PREFIX", "LD_PRELOAD"}) {
    const std::optional<std::string> before = environment_.Get(name);
    environment_.Set(name, "12345");
    EXPECT_NE(Key(args), key) << name;
    environment_.Unset(name);
    if (before) environment_.Set(name, *before);
  }
  Write("m.c", "int n;\n");
  EXPECT_NE(Key(args), key);
  Write("m.c", "int m;\n");
  EXPECT_EQ(Key(args), key);
}

TEST_F(UnitTest, OutputNamesAndOrdinaryVariablesLeaveTheKeyAlone) {
  const Digest key = Key({"-c", "m.c"});
  EXPECT_EQ(Key({"-c", "m.c", "-o", "else.o"}), key);
  EXPECT_EQ(Key({"-c", "m.c", "-MD", "-MF", "m.d", "-MT", "target"}), key);
  environment_.Set("EDITOR", "vi");
  environment_.Set("GCC_COLORS", "error=01;31");
  EXPECT_EQ(Key({"-c", "m.c"}), key);
}

TEST_F(UnitTest, OutputNameIsInTheKeyWhereItReachesTheOutput) {
  for (const char* flag : {"--coverage", "-gsplit-dwarf"}) {
    EXPECT_NE(Key({flag, "-c", "m.c", "-o", "a.o"}), Key({flag, "-c", "m.c", "-o", "b.o"})) << flag;
  }
}

TEST_F(UnitTest, WorkingDirectoryIsInTheKeyOnlyWhereItReachesTheOutput) {
  Write("sub/m.c", "int m;\n");
  const Digest plain = Key({"-c", "m.c"});
  const Digest debug = Key({"-g", "-c", "m.c"});
  const std::string base = cwd_;
  cwd_ += "/sub";
  EXPECT_EQ(Key({"-c", "m.c"}), plain);
  EXPECT_NE(Key({"-g", "-c", "m.c"}), debug);
  cwd_ = base;
}

TEST_F(UnitTest, FlagsAreNotConfusedWithTheirNeighbours) {
  EXPECT_NE(Key({"-DA", "-DB", "-c", "m.c"}), Key({"-DB", "-DA", "-c", "m.c"}));
  EXPECT_NE(Key({"-DA=-DB", "-c", "m.c"}), Key({"-DA=", "-DB", "-c", "m.c"}));
}

TEST_F(UnitTest, ContentOfAFileNamedByAFlagIsInTheKey) {
  const std::vector<std::string> args = {"-fprofile-use=p.txt", "-c", "m.c"};
  const Digest key = Make(args, /*is_clang=*/true).direct_key;
  Write("p.txt", "two");
  EXPECT_NE(Make(args, /*is_clang=*/true).direct_key, key);
}

TEST_F(UnitTest, TwoCheckoutsBelowMarkersShareKeys) {
  const std::string base = cwd_;
  std::vector<Digest> keys;
  for (const char* root : {"one", "two"}) {
    cwd_ = StrCat(base, "/", root);
    Write(cwd_ + "/.hpcc", "");
    Write(cwd_ + "/m.c", "int m;\n");
    keys.push_back(Key({"-g", "-I", cwd_ + "/inc", "-c", cwd_ + "/m.c"}));
  }
  EXPECT_EQ(keys[0], keys[1]);
  cwd_ = base;
  EXPECT_EQ(PrefixMaps(ProjectRoot("/r")), std::vector<std::string>{"/r=."});
  EXPECT_TRUE(PrefixMaps(ProjectRoot()).empty());
}

TEST_F(UnitTest, MissingSourceIsAnError) {
  const Unit unit = Make({"-c", "m.c"});
  Remove("m.c");
  EXPECT_TRUE(absl::IsNotFound(MakeUnit(FileSystem::Real(), unit.request).status()));
}

TEST_F(UnitTest, LogicalWorkingDirectoryIsPwdOnlyWhereItNamesTheSamePlace) {
  FileSystem& fs = FileSystem::Real();
  MakeDirectory("real");
  Link("real", "link");
  const std::string real = cwd_ + "/real";
  environment_.Set("PWD", cwd_ + "/link");
  EXPECT_EQ(LogicalWorkingDirectory(fs, environment_, real), cwd_ + "/link");
  environment_.Set("PWD", cwd_);
  EXPECT_EQ(LogicalWorkingDirectory(fs, environment_, real), real);
  environment_.Set("PWD", "link");
  EXPECT_EQ(LogicalWorkingDirectory(fs, environment_, real), real);
  environment_.Unset("PWD");
  EXPECT_EQ(LogicalWorkingDirectory(fs, environment_, real), real);
}

TEST_F(UnitTest, ResultKeyDependsOnEveryFileButNotOnTheirOrder) {
  const Unit unit = Make({"-c", "m.c"});
  const RecordedFile a{.path = "a.h", .digest = DigestOfBytes(1)};
  const RecordedFile b{.path = "b.h", .digest = DigestOfBytes(2)};
  const RecordedFile changed{.path = "b.h", .digest = DigestOfBytes(3)};
  const RecordedFile renamed{.path = "c.h", .digest = DigestOfBytes(2)};
  const auto key_of = [&](const std::vector<RecordedFile>& files, std::string_view terminal = "",
                          std::string_view root = "") {
    return ResultKey(unit, {.files = &files, .terminal = terminal, .root = root});
  };
  const Digest key = key_of({a, b});
  EXPECT_EQ(key_of({b, a}), key);
  EXPECT_NE(key_of({a, changed}), key);
  EXPECT_NE(key_of({a, renamed}), key);
  EXPECT_NE(key_of({a}), key);
  EXPECT_NE(key_of({a, b}, "none"), key);
  EXPECT_NE(key_of({a, b}, "", "/root"), key);
  const std::vector<RecordedFile> files = {a, b};
  EXPECT_NE(PreprocessedResultKey(unit, {.files = &files}, Digest()), key);
}

}  // namespace
}  // namespace hpcc
