#include "client/compiler_search.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace hpcc {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

// A directory with folders of programs, made as a test needs them.
class CompilerSearchTest : public testing::Test {
 protected:
  CompilerSearchTest() {
    std::string name = testing::TempDir() + "hpcc-search-XXXXXX";
    if (mkdtemp(name.data()) == nullptr) std::abort();
    root_ = std::filesystem::canonical(name).string();
  }
  ~CompilerSearchTest() override {
    std::error_code ignored;
    std::filesystem::remove_all(root_, ignored);
  }

  std::string Program(const std::string& name, bool runnable = true) {
    const std::filesystem::path file = root_ + "/" + name;
    std::filesystem::create_directories(file.parent_path());
    std::ofstream(file) << "#!/bin/sh\n";
    if (runnable) std::filesystem::permissions(file, std::filesystem::perms(0755));
    return file.string();
  }
  std::string Link(const std::string& target, const std::string& name) {
    const std::filesystem::path file = root_ + "/" + name;
    std::filesystem::create_directories(file.parent_path());
    std::filesystem::create_symlink(target, file);
    return file.string();
  }
  // Folders below the root, in this order.
  void SetPath(const std::vector<std::string>& folders) {
    std::string path;
    for (const std::string& folder : folders) {
      if (!path.empty()) path += ':';
      path += root_ + "/" + folder;
    }
    environment_.Set("PATH", path);
  }
  FoundCompiler Find(const std::vector<std::string>& words, bool masquerade = false) {
    absl::StatusOr<FoundCompiler> found =
        FindCompiler(FileSystem::Real(), environment_, words, masquerade);
    EXPECT_TRUE(found.ok()) << found.status();
    return found.ok() ? *std::move(found) : FoundCompiler();
  }
  absl::Status FailureOf(const std::vector<std::string>& words, bool masquerade = false) {
    return FindCompiler(FileSystem::Real(), environment_, words, masquerade).status();
  }

  std::string root_;
  Environment environment_;
};

TEST_F(CompilerSearchTest, BareNameIsFoundOnPathAndKeepsItsName) {
  const std::string gcc = Program("bin/gcc");
  SetPath({"bin"});
  const FoundCompiler found = Find({"gcc", "-c", "a.c"});
  EXPECT_EQ(found.path, gcc);
  EXPECT_EQ(found.called_as, "gcc");
  EXPECT_EQ(found.name, "gcc");
  EXPECT_THAT(found.arguments, ElementsAre("-c", "a.c"));
}

TEST_F(CompilerSearchTest, FirstOfPathWinsAndEveryFolderIsLookedAt) {
  const std::string first = Program("one/gcc");
  const std::string second = Program("two/gcc");
  const std::string last = Program("three/clang");
  SetPath({"none", "one", "two", "three"});
  EXPECT_EQ(Find({"gcc"}).path, first);
  EXPECT_EQ(Find({"clang"}).path, last);
  SetPath({"two", "one"});
  EXPECT_EQ(Find({"gcc"}).path, second);
}

TEST_F(CompilerSearchTest, WhatCannotBeRunIsPassedOver) {
  Program("one/gcc", /*runnable=*/false);
  std::filesystem::create_directories(root_ + "/two/gcc");
  Link("nowhere", "three/gcc");
  const std::string gcc = Program("four/gcc");
  SetPath({"one", "two", "three", "four"});
  EXPECT_EQ(Find({"gcc"}).path, gcc);
}

TEST_F(CompilerSearchTest, NamedByAPathTheCompilerIsThatFile) {
  const std::string gcc = Program("opt/x86_64-linux-gnu-gcc-12");
  Program("bin/x86_64-linux-gnu-gcc-12");
  SetPath({"bin"});
  const FoundCompiler found = Find({gcc, "a.c"});
  EXPECT_EQ(found.path, gcc);
  EXPECT_EQ(found.called_as, gcc);
  EXPECT_EQ(found.name, "x86_64-linux-gnu-gcc-12");
}

TEST_F(CompilerSearchTest, MasqueradeNeverFindsThisProgramItself) {
  const std::string masquerade = Link("/proc/self/exe", "masquerade/gcc");
  std::error_code error;
  const std::string own = std::filesystem::read_symlink("/proc/self/exe", error).string();
  ASSERT_FALSE(error);
  Link(own, "masquerade2/gcc");
  const std::string gcc = Program("bin/gcc");
  SetPath({"masquerade", "masquerade2", "bin"});
  for (const std::string& word : {std::string("gcc"), masquerade}) {
    const FoundCompiler found = Find({word, "-c"}, /*masquerade=*/true);
    EXPECT_EQ(found.path, gcc);
    EXPECT_EQ(found.called_as, gcc) << "its bare name leads back to the masquerade";
    EXPECT_EQ(found.name, "gcc");
    EXPECT_THAT(found.arguments, ElementsAre("-c"));
  }
  // Also when it is named by its path, as CMake remembers it.
  EXPECT_EQ(Find({masquerade}).path, gcc);
}

TEST_F(CompilerSearchTest, AnotherCopyOfHpccIsPassedOver) {
  Program("opt/hpcc");
  Link("../opt/hpcc", "masquerade/cc");
  const std::string cc = Program("bin/cc");
  SetPath({"masquerade", "bin"});
  EXPECT_EQ(Find({"cc"}, /*masquerade=*/true).path, cc);
  EXPECT_EQ(Find({"cc"}).path, cc);
}

TEST_F(CompilerSearchTest, MasqueradesOfOtherWrappersArePassedOver) {
  for (const std::string wrapper : {"ccache", "sccache", "distcc", "icecc"}) {
    Program("opt/" + wrapper);
    Link("../../opt/" + wrapper, "lib/" + wrapper + "/gcc");
  }
  const std::string gcc = Program("bin/gcc");
  SetPath({"lib/ccache", "lib/sccache", "lib/distcc", "lib/icecc", "bin"});
  EXPECT_EQ(Find({"gcc"}).path, gcc);
}

TEST_F(CompilerSearchTest, WrapperWordsInFrontOfTheCompilerArePassedOver) {
  const std::string gcc = Program("bin/gcc");
  Program("bin/ccache");
  Program("bin/distcc");
  SetPath({"bin"});
  for (const std::vector<std::string>& words : {std::vector<std::string>{"ccache", "gcc", "-c"},
                                                {"ccache", "distcc", "gcc", "-c"},
                                                {root_ + "/bin/distcc", "gcc", "-c"}}) {
    const FoundCompiler found = Find(words);
    EXPECT_EQ(found.path, gcc);
    EXPECT_EQ(found.name, "gcc");
    EXPECT_THAT(found.arguments, ElementsAre("-c"));
  }
}

TEST_F(CompilerSearchTest, OwnWordsInFrontOfTheCompilerArePassedOverWithAndWithoutWrap) {
  const std::string gcc = Program("bin/gcc");
  SetPath({"bin"});
  for (const std::vector<std::string>& words :
       {std::vector<std::string>{"hpcc", "gcc", "-c"},
        {"hpcc", "wrap", "gcc", "-c"},
        {"hpcc", "hpcc", "wrap", "gcc", "-c"},
        {"hpcc", "wrap", "ccache", "gcc", "-c"},
        {"ccache", "/opt/bin/hpcc", "wrap", "distcc", "gcc", "-c"}}) {
    SCOPED_TRACE(testing::PrintToString(words));
    const FoundCompiler found = Find(words);
    EXPECT_EQ(found.path, gcc);
    EXPECT_EQ(found.name, "gcc");
    EXPECT_THAT(found.arguments, ElementsAre("-c"));
  }
}

TEST_F(CompilerSearchTest, WrapIsAWordOfOursOnlyBehindOurName) {
  const std::string wrap = Program("bin/wrap");
  SetPath({"bin"});
  EXPECT_EQ(Find({"wrap", "gcc"}).path, wrap);
  const FoundCompiler found = Find({"ccache", "wrap", "gcc"});
  EXPECT_EQ(found.path, wrap);
  EXPECT_THAT(found.arguments, ElementsAre("gcc"));
  EXPECT_EQ(Find({"hpcc", "wrap"}).path, wrap) << "nothing behind it: it is the program meant";
}

TEST_F(CompilerSearchTest, WrapperWithoutACompilerBehindItIsTheProgramMeant) {
  EXPECT_TRUE(absl::IsNotFound(FailureOf({"ccache"})));
  EXPECT_TRUE(absl::IsNotFound(FailureOf({"ccache", "--version"})));
  EXPECT_TRUE(absl::IsNotFound(FailureOf({"hpcc", "-c"})));
}

TEST_F(CompilerSearchTest, CalledAsAMasqueradeLaterWordsAreArguments) {
  const std::string gcc = Program("bin/gcc");
  SetPath({"bin"});
  const FoundCompiler found = Find({"gcc", "ccache", "gcc"}, /*masquerade=*/true);
  EXPECT_EQ(found.path, gcc);
  EXPECT_THAT(found.arguments, ElementsAre("ccache", "gcc"));
}

TEST_F(CompilerSearchTest, NothingButWrappersOnPathIsNotFound) {
  Link("/proc/self/exe", "masquerade/gcc");
  Program("opt/ccache");
  Link("../opt/ccache", "masquerade2/gcc");
  SetPath({"masquerade", "masquerade2"});
  EXPECT_TRUE(absl::IsNotFound(FailureOf({"gcc"}, /*masquerade=*/true)));
  EXPECT_TRUE(absl::IsNotFound(FailureOf({"gcc"})));
  EXPECT_TRUE(absl::IsNotFound(FailureOf({"no-such-compiler"})));
}

TEST_F(CompilerSearchTest, NoWordsAreInvalid) {
  EXPECT_TRUE(absl::IsInvalidArgument(FailureOf({})));
}

TEST_F(CompilerSearchTest, CompilerWithoutArgumentsIsFound) {
  Program("bin/gcc");
  SetPath({"bin"});
  EXPECT_THAT(Find({"gcc"}).arguments, IsEmpty());
}

}  // namespace
}  // namespace hpcc
