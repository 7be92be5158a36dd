#include "compiler/toolchain.h"

#include <functional>

#include "compiler/grammar_test_support.h"

namespace hpcc {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::EndsWith;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

class ToolchainTest : public GrammarTest {
 protected:
  ToolchainTest() { environment_.Set("PATH", Environment::OfThisProcess().GetOrEmpty("PATH")); }

  std::string At(const std::string& name) const { return StrCat(directory_.path(), "/", name); }
  std::string Program(const std::string& name, const std::string& text = "#!/bin/sh\n") {
    directory_.Write(name, text);
    std::filesystem::permissions(At(name), std::filesystem::perms(0755));
    return At(name);
  }
  std::string OnPath(std::string_view name) { return FindOnPath(fs_, environment_, name); }

  FileSystem& fs_ = FileSystem::Real();
};

TEST_F(ToolchainTest, NameOnPathIsTheFirstThatMayBeExecuted) {
  directory_.Write("one/tool", "");
  std::filesystem::create_directories(At("two/tool"));
  const std::string third = Program("three/tool");
  Program("four/tool");
  environment_.Set("PATH", StrCat(At("none"), ":", At("one"), ":", At("two"), ":", At("three"), ":",
                                  At("four")));
  EXPECT_EQ(OnPath("tool"), third);
  EXPECT_EQ(OnPath("no-such-tool"), "");
  environment_.Unset("PATH");
  EXPECT_EQ(OnPath("tool"), "");
}

TEST_F(ToolchainTest, FamilyDecidesTheMannersOfDependencyFilesTheCurrentOnesFirst) {
  EXPECT_THAT(DependencyStylesOf(CompilerFamily::kGcc),
              ElementsAre(DependencyStyle::kGcc, DependencyStyle::kGccSpaced));
  EXPECT_THAT(DependencyStylesOf(CompilerFamily::kClang),
              ElementsAre(DependencyStyle::kClang, DependencyStyle::kClangSpaced));
  EXPECT_THAT(DependencyStylesOf(CompilerFamily::kUnknown), IsEmpty());
}

// Facts that rest on one file and one name.
class ToolchainFactsTest : public ToolchainTest {
 protected:
  ToolchainFactsTest() {
    const std::string tool = Program("bin/tool");
    environment_.Set("PATH", StrCat(At("early"), ":", At("bin")));
    facts_.family = CompilerFamily::kClang;
    facts_.identity = Digest::Of("identity");
    facts_.built_in_search = {"/usr/lib/gcc/include", "/usr/include"};
    FileStat stat;
    EXPECT_EQ(fs_.Stat(tool.c_str(), true, &stat), 0);
    facts_.files = {{tool, stat}};
    facts_.lookups = {{"tool", tool}};
  }

  bool Hold() { return ToolchainFactsHold(fs_, environment_, facts_); }

  ToolchainFacts facts_;
};

TEST_F(ToolchainFactsTest, HoldWhileNothingChanges) {
  EXPECT_TRUE(Hold());
}

TEST_F(ToolchainFactsTest, EachPartOfAStampMatters) {
  const FileStat stat = facts_.files[0].stat;
  const std::vector<std::function<void(FileStat*)>> changes = {
      [](FileStat* s) { ++s->device; },     [](FileStat* s) { ++s->inode; },
      [](FileStat* s) { ++s->size; },       [](FileStat* s) { ++s->modified_ns; },
      [](FileStat* s) { ++s->changed_ns; },
  };
  for (size_t i = 0; i < changes.size(); ++i) {
    facts_.files[0].stat = stat;
    changes[i](&facts_.files[0].stat);
    EXPECT_FALSE(Hold()) << "change " << i;
  }
}

TEST_F(ToolchainFactsTest, FileReplacedWithSameSizeAndTimeNoLongerHolds) {
  const auto time = std::filesystem::last_write_time(At("bin/tool"));
  Program("aside", "#!/bin/zh\n");
  std::filesystem::rename(At("aside"), At("bin/tool"));
  std::filesystem::last_write_time(At("bin/tool"), time);
  EXPECT_FALSE(Hold());
}

TEST_F(ToolchainFactsTest, FileThatIsGoneNoLongerHolds) {
  facts_.lookups.clear();
  std::filesystem::remove(At("bin/tool"));
  EXPECT_FALSE(Hold());
}

TEST_F(ToolchainFactsTest, ProgramThatAppearsEarlierOnPathNoLongerHolds) {
  Program("early/tool");
  EXPECT_FALSE(Hold());
}

TEST_F(ToolchainFactsTest, GoThereAndBack) {
  facts_.opaque = true;
  const absl::StatusOr<ToolchainFacts> read = DecodeToolchainFacts(EncodeToolchainFacts(facts_));
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->family, facts_.family);
  EXPECT_TRUE(read->opaque);
  EXPECT_EQ(read->identity, facts_.identity);
  EXPECT_EQ(read->built_in_search, facts_.built_in_search);
  ASSERT_EQ(read->files.size(), 1U);
  EXPECT_EQ(read->files[0].path, facts_.files[0].path);
  ASSERT_EQ(read->lookups.size(), 1U);
  EXPECT_EQ(read->lookups[0].name, "tool");
  EXPECT_TRUE(ToolchainFactsHold(fs_, environment_, *read)) << "a stamp was not kept";
}

TEST_F(ToolchainFactsTest, OnlyWholeFactsOfThisVersionAreRead) {
  const std::string bytes = EncodeToolchainFacts(facts_);
  for (size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_TRUE(absl::IsDataLoss(DecodeToolchainFacts(bytes.substr(0, size)).status()))
        << "cut to " << size;
  }
  EXPECT_TRUE(absl::IsDataLoss(DecodeToolchainFacts(bytes + '\0').status()));
  EXPECT_TRUE(absl::IsDataLoss(DecodeToolchainFacts("\x02" + bytes.substr(1)).status()));
}

class ToolchainRequestKeyTest : public ToolchainTest {
 protected:
  Digest Key(std::string_view args, const std::string& cwd = "/work") {
    const Invocation invocation = Gnu(args);
    return ToolchainRequestKey({.path = "/usr/bin/gcc",
                                .cwd = cwd,
                                .invocation = &invocation,
                                .environment = &environment_});
  }
};

TEST_F(ToolchainRequestKeyTest, FlagsOfTheCompileAloneAreNoOtherQuestion) {
  const Digest key = Key("-c foo.c");
  for (const char* args : {"-O2 -c foo.c", "-DX=1 -Iinc -c foo.c", "-c two.c -o other.o",
                           "-g -Wall -c foo.c", "-S foo.c"}) {
    EXPECT_EQ(Key(args), key) << args;
  }
  EXPECT_EQ(Key("-c foo.c", "/elsewhere"), key);
}

TEST_F(ToolchainRequestKeyTest, WhatShapesTheToolchainIsAnotherQuestion) {
  std::set<std::string> keys = {Key("-c foo.c").ToHex()};
  for (const char* args :
       {"-c d/foo.cc", "-c d/foo.S", "-m32 -c foo.c", "--sysroot=/a -c foo.c",
        "--sysroot=/b -c foo.c", "-B/a -c foo.c", "-nostdinc -c foo.c", "-march=native -c foo.c"}) {
    EXPECT_TRUE(keys.insert(Key(args).ToHex()).second) << args;
  }
  EXPECT_EQ(Key("-x c++ -c foo.c"), Key("-c d/foo.cc"));
}

TEST_F(ToolchainRequestKeyTest, VariablesThatChangeWhichProgramsRunMatter) {
  std::set<std::string> keys = {Key("-c foo.c").ToHex()};
  for (const char* name : {"GCC_EXEC_PREFIX", "COMPILER_PATH", "LD_LIBRARY_PATH", "LD_PRELOAD"}) {
    environment_.Set(name, "/a");
    EXPECT_TRUE(keys.insert(Key("-c foo.c").ToHex()).second) << name;
    environment_.Unset(name);
  }
  environment_.Set("CPATH", "/a");
  environment_.Set("HOME", "/a");
  EXPECT_FALSE(keys.insert(Key("-c foo.c").ToHex()).second);
}

TEST_F(ToolchainRequestKeyTest, WorkingDirectoryMattersWhereAPlaceIsRelativeToIt) {
  EXPECT_NE(Key("-Btools -c foo.c"), Key("-Btools -c foo.c", "/elsewhere"));
  EXPECT_EQ(Key("-B/tools -c foo.c"), Key("-B/tools -c foo.c", "/elsewhere"));
}

TEST_F(ToolchainRequestKeyTest, AskedWithAllArgumentsEachOfThemMatters) {
  const Invocation invocation = Gnu("-c foo.c");
  const auto key = [&](const std::vector<std::string>& words, const std::string& cwd) {
    return ToolchainRequestKey({.path = "/usr/bin/cc",
                                .cwd = cwd,
                                .invocation = &invocation,
                                .environment = &environment_,
                                .full_arguments = &words});
  };
  const Digest plain = key({"-c", "foo.c"}, "/work");
  EXPECT_EQ(key({"-c", "foo.c"}, "/work"), plain);
  EXPECT_NE(key({"-DX", "-c", "foo.c"}, "/work"), plain);
  EXPECT_NE(key({"-c", "foo.c"}, "/elsewhere"), plain);
  EXPECT_NE(key({"-c foo.c"}, "/work"), plain);
}

struct Asked {
  const char* compiler;
  CompilerFamily family;
};

class ProbeToolchainTest : public ToolchainTest {
 protected:
  absl::StatusOr<ToolchainFacts> Ask(const std::string& path, std::string_view args,
                                     const std::vector<std::string>* full_arguments = nullptr) {
    const Invocation invocation = Gnu(args, std::filesystem::path(path).filename().c_str());
    return ProbeToolchain(fs_, {.path = path,
                                .cwd = directory_.path(),
                                .invocation = &invocation,
                                .environment = &environment_,
                                .full_arguments = full_arguments});
  }
  ToolchainFacts Probe(const std::string& path, std::string_view args,
                       const std::vector<std::string>* full_arguments = nullptr) {
    absl::StatusOr<ToolchainFacts> facts = Ask(path, args, full_arguments);
    EXPECT_TRUE(facts.ok()) << facts.status();
    return facts.ok() ? *std::move(facts) : ToolchainFacts();
  }
  static std::vector<std::string> Files(const ToolchainFacts& facts) {
    std::vector<std::string> paths;
    for (const ToolchainFacts::UsedFile& file : facts.files) paths.push_back(file.path);
    return paths;
  }
};

class RealToolchainTest : public ProbeToolchainTest, public testing::WithParamInterface<Asked> {
 protected:
  std::string Compiler() { return OnPath(GetParam().compiler); }
};

TEST_P(RealToolchainTest, AnswersWithWhatItIsAndWhereItSearches) {
  const ToolchainFacts facts = Probe(Compiler(), "-c foo.c");
  EXPECT_EQ(facts.family, GetParam().family);
  EXPECT_FALSE(facts.opaque);
  EXPECT_NE(facts.identity, Digest());
  EXPECT_THAT(facts.built_in_search, Contains("/usr/include"));
  EXPECT_THAT(Files(facts), Contains(Compiler()));
  EXPECT_TRUE(ToolchainFactsHold(fs_, environment_, facts));
}

TEST_P(RealToolchainTest, SameQuestionGetsTheSameAnswer) {
  const ToolchainFacts first = Probe(Compiler(), "-c foo.c");
  const ToolchainFacts second = Probe(Compiler(), "-O2 -g -DX -c two.c -o two.o");
  EXPECT_EQ(EncodeToolchainFacts(first), EncodeToolchainFacts(second));
}

TEST_P(RealToolchainTest, DirectoriesOfTheUsersVariablesAreNotBuiltIn) {
  const ToolchainFacts plain = Probe(Compiler(), "-c foo.c");
  for (const char* name : {"CPATH", "C_INCLUDE_PATH"}) environment_.Set(name, At("d"));
  EXPECT_EQ(Probe(Compiler(), "-c foo.c").built_in_search, plain.built_in_search);
}

TEST_P(RealToolchainTest, LanguageHasASearchOfItsOwn) {
  EXPECT_THAT(Probe(Compiler(), "-c foo.c").built_in_search, Not(Contains(HasSubstr("c++"))));
  EXPECT_THAT(Probe(Compiler(), "-c d/foo.cc").built_in_search, Contains(HasSubstr("c++")));
  EXPECT_THAT(Probe(Compiler(), "-c d/foo.i").built_in_search, IsEmpty());
}

TEST_P(RealToolchainTest, NativeIsResolvedIntoTheIdentityButNotThePlaceItIsAskedAt) {
  const ToolchainFacts plain = Probe(Compiler(), "-c foo.c");
  const ToolchainFacts native = Probe(Compiler(), "-march=native -c foo.c");
  EXPECT_NE(native.identity, plain.identity);
  const ScratchDirectory elsewhere;
  const Invocation invocation = Gnu("-march=native -c foo.c", GetParam().compiler);
  const absl::StatusOr<ToolchainFacts> there = ProbeToolchain(fs_, {.path = Compiler(),
                                                                    .cwd = elsewhere.path(),
                                                                    .invocation = &invocation,
                                                                    .environment = &environment_});
  ASSERT_TRUE(there.ok()) << there.status();
  EXPECT_EQ(there->identity, native.identity);
}

INSTANTIATE_TEST_SUITE_P(Compilers, RealToolchainTest,
                         testing::Values(Asked{"gcc", CompilerFamily::kGcc},
                                         Asked{"clang", CompilerFamily::kClang}),
                         [](const auto& info) { return std::string(info.param.compiler); });

TEST_F(ProbeToolchainTest, GccIsMadeOfItsDriverTheCompilerProperAndTheAssembler) {
  const std::vector<std::string> files = Files(Probe(OnPath("gcc"), "-c foo.c"));
  EXPECT_THAT(files, Contains(EndsWith("/cc1")));
  EXPECT_THAT(files, Contains(EndsWith("as")));
  EXPECT_THAT(files, Contains(HasSubstr("libc.so"))) << "what it loads is part of it";
  EXPECT_THAT(Files(Probe(OnPath("gcc"), "-c d/foo.cc")), Contains(EndsWith("/cc1plus")));
}

TEST_F(ProbeToolchainTest, AssemblerPutInPlaceOfTheUsualOneIsAnotherToolchain) {
  const Digest usual = Probe(OnPath("gcc"), StrCat("-B", At("tools"), "/ -c foo.c")).identity;
  Program("tools/as", "#!/bin/sh\nexec as \"$@\"\n");
  const ToolchainFacts facts = Probe(OnPath("gcc"), StrCat("-B", At("tools"), "/ -c foo.c"));
  EXPECT_NE(facts.identity, usual);
  EXPECT_THAT(Files(facts), Contains(At("tools/as")));
}

TEST_F(ProbeToolchainTest, PlaceOfACompilerIsNoPartOfItsIdentity) {
  // A copy of the driver has to be told where the rest of gcc is.
  ASSERT_EQ(directory_.Run("dirname $(dirname $(dirname $(gcc -print-prog-name=cc1)))"), 0);
  environment_.Set("GCC_EXEC_PREFIX", StrCat(StripBlanks(directory_.Read("stdout.txt")), "/"));
  for (const char* place : {"one", "two"}) {
    std::filesystem::create_directories(At(place));
    std::filesystem::copy_file(std::filesystem::canonical(OnPath("gcc")),
                               At(StrCat(place, "/gcc")));
  }
  const ToolchainFacts one = Probe(At("one/gcc"), "-c foo.c");
  EXPECT_FALSE(one.opaque);
  EXPECT_EQ(Probe(At("two/gcc"), "-c foo.c").identity, one.identity);
}

TEST_F(ProbeToolchainTest, ScriptIsOpaqueAndHasAnIdentityOnlyForAllArguments) {
  const std::string script = Program("bin/gcc", "#!/bin/sh\nexec gcc -DADDED \"$@\"\n");
  const ToolchainFacts facts = Probe(script, "-c foo.c");
  EXPECT_TRUE(facts.opaque);
  EXPECT_EQ(facts.identity, Digest());
  EXPECT_THAT(Files(facts), ElementsAre(script));

  const std::vector<std::string> words = {"-c", At("foo.c")};
  const std::vector<std::string> other_words = {"-O2", "-c", At("foo.c")};
  const ToolchainFacts full = Probe(script, "-c foo.c", &words);
  EXPECT_TRUE(full.opaque);
  EXPECT_NE(full.identity, Digest());
  EXPECT_EQ(Probe(script, "-c foo.c", &words).identity, full.identity);
  EXPECT_NE(Probe(script, "-O2 -c foo.c", &other_words).identity, full.identity);
}

TEST_F(ProbeToolchainTest, CompilerCalledThroughASymlinkIsNotOpaque) {
  std::filesystem::create_symlink(OnPath("gcc"), At("gcc"));
  std::filesystem::create_symlink(OnPath("clang"), At("clang"));
  EXPECT_FALSE(Probe(At("gcc"), "-c foo.c").opaque);
  EXPECT_FALSE(Probe(At("clang"), "-c foo.c").opaque);
}

TEST_F(ProbeToolchainTest, WhatDoesNotAnswerLikeACompilerIsUnavailable) {
  EXPECT_TRUE(absl::IsUnavailable(Ask("/bin/true", "-c foo.c").status()));
  EXPECT_FALSE(Ask(At("missing"), "-c foo.c").ok());
}

}  // namespace
}  // namespace hpcc
