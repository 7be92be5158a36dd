#include "compiler/include_closure.h"

#include <memory>

#include "compiler/grammar_test_support.h"

// What is derived from a list of files the compiler is said to have read. That real compilers agree
// is tested where closures are recorded (cache/closure_record_test.cc).

namespace hpcc {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::IsSupersetOf;
using testing::Not;

class IncludeClosureTest : public GrammarTest {
 protected:
  // The files stand in the order the compiler is said to have read them, the source first.
  ClosureInput Input(const std::string& args, const std::vector<std::string>& files) {
    return Input(Gnu(args), files);
  }
  ClosureInput Input(Invocation invocation, const std::vector<std::string>& files) {
    invocation_ = std::move(invocation);
    EXPECT_EQ(RefusalName(invocation_), "none");
    ClosureInput input;
    input.invocation = &invocation_;
    input.cwd = directory_.path();
    input.search = BuildSearchPath(fs_, input.cwd, environment_, invocation_, built_in_);
    for (const std::string& name : files) {
      ClosureFile file;
      file.path = name;
      EXPECT_EQ(fs_.Stat(At(name).c_str(), /*follow_symlinks=*/true, &file.stat), 0) << name;
      file.scanned = std::make_shared<const ScannedText>(
          ScanForIncludes(directory_.Read(name), /*assembler=*/false));
      input.files.push_back(std::move(file));
    }
    input.compile_started_ns = INT64_MAX;  // nothing has changed since
    return input;
  }

  ClosureConditions Derive(const std::string& args, const std::vector<std::string>& files) {
    return DeriveConditions(fs_, Input(args, files));
  }
  // "-a/x.h" for an absence and "+a/x.h" for a presence; without those of precompiled headers.
  std::vector<std::string> Conditions(const std::string& args,
                                      const std::vector<std::string>& files) {
    return Spelled(Derive(args, files));
  }
  static std::vector<std::string> Spelled(const ClosureConditions& closure) {
    EXPECT_EQ(closure.needs_preprocessor, std::nullopt);
    std::vector<std::string> spelled;
    for (const PathCondition& condition : closure.conditions) {
      if (condition.path.ends_with("ch")) continue;
      spelled.push_back(StrCat(condition.exists ? "+" : "-", condition.path));
    }
    return spelled;
  }
  // "y", "n" or "?" for each file.
  std::string UserHeaders(const std::string& args, const std::vector<std::string>& files) {
    std::string verdicts;
    for (const UserHeader verdict : ClassifyUserHeaders(fs_, Input(args, files))) {
      verdicts.push_back("ny?"[static_cast<size_t>(verdict)]);
    }
    return verdicts;
  }

  std::string At(const std::string& name) const { return StrCat(directory_.path(), "/", name); }
  void Write(const std::string& name, const std::string& text = "") {
    directory_.Write(name, text);
  }
  void MakeDirectory(const std::string& name) { std::filesystem::create_directories(At(name)); }
  void Link(const std::string& target, const std::string& name) {
    std::filesystem::create_directories(std::filesystem::path(At(name)).parent_path());
    std::filesystem::create_symlink(target, At(name));
  }

  FileSystem& fs_ = FileSystem::Real();
  std::vector<std::string> built_in_;
  Invocation invocation_;
};

TEST_F(IncludeClosureTest, PlacesBeforeTheOneWhereAHeaderWasFoundAreAbsences) {
  MakeDirectory("a");
  Write("c/x.h");
  Write("d/x.h");
  Write("m.c", "#include <x.h>\n");
  EXPECT_THAT(Conditions("-Ia -Igone/far -Ic -Id -c m.c", {"m.c", "c/x.h"}),
              ElementsAre("-a/x.h", "-gone/far/x.h"));
}

TEST_F(IncludeClosureTest, DirectoryOfTheHeadersNameIsPassedOver) {
  MakeDirectory("a/x.h");
  Write("b/x.h");
  Write("m.c", "#include <x.h>\n");
  EXPECT_THAT(Conditions("-Ia -Ib -c m.c", {"m.c", "b/x.h"}), ElementsAre("-a/x.h"));
}

TEST_F(IncludeClosureTest, QuotedNameIsLookedForBesideItsIncluderFirst) {
  Write("a/outer.h", "#include \"x.h\"\n");
  Write("b/x.h");
  MakeDirectory("q");
  Write("src/m.c", "#include <outer.h>\n");
  EXPECT_THAT(Conditions("-iquote q -Ia -Ib -c src/m.c", {"src/m.c", "a/outer.h", "b/x.h"}),
              ElementsAre("-a/x.h", "-q/x.h"));
}

TEST_F(IncludeClosureTest, DirectiveWhoseFirstMatchWasNotReadAddsNothing) {
  MakeDirectory("a");
  Write("b/x.h", "int longer;\n");
  Write("m.c", "#if 0\n#include <x.h>\n#include <nowhere.h>\n#endif\n");
  EXPECT_THAT(Conditions("-Ia -Ib -c m.c", {"m.c"}), IsEmpty());
}

TEST_F(IncludeClosureTest, EachPathIsRecordedOnceInOrder) {
  Write("b/x.h");
  Write("b/w.h");
  Write("m.c", "#include <x.h>\n#include <w.h>\n#include <x.h>\n");
  EXPECT_THAT(Conditions("-Ia -Ib -c m.c", {"m.c", "b/x.h", "b/w.h"}),
              ElementsAre("-a/w.h", "-a/x.h"));
}

TEST_F(IncludeClosureTest, HasIncludeRecordsTheFirstPlaceThatHasItAndThoseBefore) {
  MakeDirectory("a");
  Write("b/x.h");
  Write("c/x.h");
  Write("m.c", "#if __has_include(<x.h>)\n#endif\n");
  EXPECT_THAT(Conditions("-Ia -Ib -Ic -c m.c", {"m.c"}), ElementsAre("-a/x.h", "+b/x.h"));
}

TEST_F(IncludeClosureTest, HasIncludeOfNothingRecordsEveryPlace) {
  MakeDirectory("a");
  Write("src/m.c", "#if __has_include(\"x.h\")\n#endif\n");
  EXPECT_THAT(Conditions("-Ia -Igone -c src/m.c", {"src/m.c"}),
              ElementsAre("-a/x.h", "-gone/x.h", "-src/x.h"));
}

TEST_F(IncludeClosureTest, HasIncludeNextRecordsEveryPlaceAsItIs) {
  Write("a/x.h", "#if __has_include_next(<x.h>)\n#endif\n");
  MakeDirectory("b");
  Write("c/x.h");
  Write("m.c", "#include <x.h>\n");
  EXPECT_THAT(Conditions("-Ia -Ib -Ic -c m.c", {"m.c", "a/x.h"}),
              ElementsAre("+a/x.h", "-b/x.h", "+c/x.h"));
}

TEST_F(IncludeClosureTest, IncludeNextRecordsTheGapsUpToTheLastFileRead) {
  Write("b/x.h", "#include_next <x.h>\n");
  Write("d/x.h");
  Write("m.c", "#include <x.h>\n");
  EXPECT_THAT(Conditions("-Ia -Ib -Ic -Id -Ie -c m.c", {"m.c", "b/x.h", "d/x.h"}),
              ElementsAre("-a/x.h", "-c/x.h"));
}

TEST_F(IncludeClosureTest, ForcedIncludeIsLookedForInTheWorkingDirectoryAndNotBesideTheSource) {
  Write("b/x.h");
  Write("src/m.c");
  EXPECT_THAT(Conditions("-Ib -include x.h -c src/m.c", {"src/m.c", "b/x.h"}), ElementsAre("-x.h"));
}

TEST_F(IncludeClosureTest, HeaderTheCompilerIncludesByItselfIsLookedForLikeAnyOther) {
  built_in_ = {"include"};
  Write("include/stdc-predef.h");
  MakeDirectory("a");
  Write("m.c");
  EXPECT_THAT(Conditions("-Ia -c m.c", {"m.c", "include/stdc-predef.h"}),
              ElementsAre("-a/stdc-predef.h"));
}

TEST_F(IncludeClosureTest, ComputedIncludeCouldHaveNamedAnyFileThatWasRead) {
  MakeDirectory("a");
  Write("b/sub/x.h");
  Write("src/m.c", "#include H\n");
  EXPECT_THAT(Conditions("-DH=<sub/x.h> -Ia -Ib -c src/m.c", {"src/m.c", "b/sub/x.h"}),
              IsSupersetOf({"-a/sub/x.h", "-src/sub/x.h"}));
}

TEST_F(IncludeClosureTest, ComputedIncludeBelowARenamedDirectoryIsLeftToThePreprocessor) {
  Write("real/x.h");
  Link("real", "a");
  Write("m.c", "#include H\n");
  EXPECT_EQ(Derive("-DH=<x.h> -Ia -c m.c", {"m.c", "a/x.h"}).needs_preprocessor, "a");
}

TEST_F(IncludeClosureTest, TestOfAMacroIsLeftToThePreprocessor) {
  Write("a/x.h", "#if __has_include(NAME)\n#endif\n");
  Write("m.c", "#include <x.h>\n");
  EXPECT_EQ(Derive("-Ia -c m.c", {"m.c", "a/x.h"}).needs_preprocessor, "a/x.h");
}

TEST_F(IncludeClosureTest, PastedTestIsLeftToThePreprocessorWhereAnyFileCouldAskIt) {
  Write("has.h", "#define HAS(kind, x) __has_##kind(x)\n");
  Write("m.c", "#include \"has.h\"\n#if HAS(builtin, __builtin_trap)\n#endif\n");
  EXPECT_EQ(Derive("-c m.c", {"m.c", "has.h"}).needs_preprocessor, std::nullopt);
  Write("m.c", "#include \"has.h\"\n#if HAS(include, <x.h>)\n#endif\n");
  EXPECT_NE(Derive("-c m.c", {"m.c", "has.h"}).needs_preprocessor, std::nullopt);
}

TEST_F(IncludeClosureTest, PrecompiledHeadersMustStayAway) {
  MakeDirectory("a");
  Write("b/x.h", "#include <y.h>\n#include <z.h>\n");
  Write("b/y.h");
  Write("b/z.h");
  Write("forced.h");
  Write("m.c", "#include <x.h>\n");
  std::vector<std::string> precompiled;
  for (const PathCondition& condition :
       Derive("-Ia -Ib -include forced.h -c m.c", {"m.c", "forced.h", "b/x.h", "b/y.h", "b/z.h"})
           .conditions) {
    if (condition.path.ends_with("ch")) precompiled.push_back(condition.path);
  }
  // A unit's first token comes before z.h, so that one is never looked for.
  EXPECT_THAT(precompiled, ElementsAre("a/x.h.gch", "a/y.h.gch", "b/x.h.gch", "b/y.h.gch",
                                       "forced.h.gch", "forced.h.pch"));
}

TEST_F(IncludeClosureTest, PrecompiledHeaderThatLiesThereUnusedIsLeftToThePreprocessor) {
  Write("x.h");
  Write("x.h.gch");
  Write("m.c", "#include \"x.h\"\n");
  EXPECT_EQ(Derive("-c m.c", {"m.c", "x.h"}).needs_preprocessor, "x.h.gch");
  EXPECT_EQ(Derive("-c m.c", {"m.c", "x.h", "x.h.gch"}).needs_preprocessor, std::nullopt);
}

TEST_F(IncludeClosureTest, OtherNameOfAFileThatWasReadBelongsToTheClosure) {
  Write("a/x.h", "#pragma once\n");
  Link("../a/x.h", "b/x.h");
  Write("m.c", "#include \"a/x.h\"\n#include \"./a/x.h\"\n#include \"b/x.h\"\n");
  EXPECT_THAT(Derive("-c m.c", {"m.c", "a/x.h"}).more_files, ElementsAre("b/x.h"));
}

TEST_F(IncludeClosureTest, UnreadFileOfTheSameSizeMayBeACopyAndBelongsToTheClosure) {
  Write("a/x.h", "#pragma once\n");
  Write("c/x.h", "#pragma once\n");
  Write("d/x.h", "#pragma once \n");
  Write("m.c", "#include \"a/x.h\"\n#include <c/x.h>\n#include <d/x.h>\n");
  const ClosureConditions closure = Derive("-Ib -I. -c m.c", {"m.c", "a/x.h"});
  EXPECT_THAT(closure.more_files, ElementsAre("./c/x.h"));
  EXPECT_THAT(Spelled(closure), ElementsAre("-b/c/x.h"));
}

TEST_F(IncludeClosureTest, UnreadFileThatChangedSinceTheCompileStartedIsTold) {
  Write("a/x.h", "int longer;\n");
  Write("b/x.h");
  Write("m.c", "#include <x.h>\n");
  ClosureInput input = Input("-Ia -Ib -c m.c", {"m.c", "b/x.h"});
  EXPECT_EQ(DeriveConditions(fs_, input).changed_meanwhile, std::nullopt);
  FileStat stat;
  ASSERT_EQ(fs_.Stat(At("a/x.h").c_str(), true, &stat), 0);
  input.compile_started_ns = stat.changed_ns;
  EXPECT_EQ(DeriveConditions(fs_, input).changed_meanwhile, "a/x.h");
  input.compile_started_ns = stat.changed_ns + 1;
  EXPECT_EQ(DeriveConditions(fs_, input).changed_meanwhile, std::nullopt);
}

TEST_F(IncludeClosureTest, ForMsvcAQuotedNameIsLookedForBesideEveryFileOfTheStack) {
  Write("inc/x.h");
  Write("a/outer.h", "#include \"x.h\"\n");
  Write("src/m.cc", "#include \"../a/outer.h\"\n");
  const std::vector<std::string> files = {"src/m.cc", "src/../a/outer.h", "inc/x.h"};
  EXPECT_THAT(Spelled(DeriveConditions(fs_, Input(Msvc("/Iinc /c src/m.cc"), files))),
              IsSupersetOf({"-src/../a/x.h", "-src/x.h"}));
}

TEST_F(IncludeClosureTest, ForMsvcATestOfAQuotedNameRecordsEveryPlaceOfTheStack) {
  Write("inc/x.h", "int longer;\n");
  Write("inc/y.h");
  Write("a/outer.h", "#if __has_include(\"x.h\")\n#endif\n");
  Write("src/m.cc", "#include \"../a/outer.h\"\n#include <y.h>\n");
  const std::vector<std::string> files = {"src/m.cc", "src/../a/outer.h", "inc/y.h"};
  EXPECT_THAT(Spelled(DeriveConditions(fs_, Input(Msvc("/Iinc /c src/m.cc"), files))),
              IsSupersetOf({"-src/../a/x.h", "+inc/x.h", "-src/x.h"}));
}

TEST_F(IncludeClosureTest, ForMsvcAFileBesideTheIncluderIsFoundBeforeAllOthers) {
  Write("inc/x.h", "int longer;\n");
  Write("a/x.h");
  Write("a/outer.h", "#include \"x.h\"\n");
  Write("src/m.cc", "#include \"../a/outer.h\"\n");
  const std::vector<std::string> files = {"src/m.cc", "src/../a/outer.h", "src/../a/x.h"};
  EXPECT_THAT(Spelled(DeriveConditions(fs_, Input(Msvc("/Iinc /c src/m.cc"), files))),
              Not(Contains("-src/x.h")));
}

TEST_F(IncludeClosureTest, WayAHeaderIsReachedMakesItAUsersOrTheSystems) {
  Write("a/own.h", "#include \"beside.h\"\n");
  Write("a/beside.h");
  Write("s/system.h", "#include \"detail.h\"\n");
  Write("s/detail.h");
  Write("m.c", "#include <own.h>\n#include <system.h>\n");
  EXPECT_EQ(UserHeaders("-Ia -isystem s -c m.c",
                        {"m.c", "a/own.h", "a/beside.h", "s/system.h", "s/detail.h"}),
            "yyynn");
}

TEST_F(IncludeClosureTest, WhatASystemHeaderIncludesIsTheSystemsWhereverItLies) {
  Write("a/config.h");
  Write("s/system.h", "#include <config.h>\n");
  Write("m.c", "#include <system.h>\n");
  EXPECT_EQ(UserHeaders("-Ia -isystem s -c m.c", {"m.c", "s/system.h", "a/config.h"}), "ynn");
}

TEST_F(IncludeClosureTest, HeaderReachedBothWaysIsUnknown) {
  Write("a/config.h");
  Write("s/system.h", "#include <config.h>\n");
  Write("m.c", "#include <system.h>\n#include <config.h>\n");
  EXPECT_EQ(UserHeaders("-Ia -isystem s -c m.c", {"m.c", "s/system.h", "a/config.h"}), "yn?");
}

TEST_F(IncludeClosureTest, WhatFollowsASystemHeaderPragmaIsUnknown) {
  Write("a/x.h", "#include \"before.h\"\n#pragma GCC system_header\n#include \"y.h\"\n");
  Write("a/before.h");
  Write("a/y.h");
  Write("m.c", "#include <x.h>\n");
  EXPECT_EQ(UserHeaders("-Ia -c m.c", {"m.c", "a/x.h", "a/before.h", "a/y.h"}), "yy??");
}

TEST_F(IncludeClosureTest, ForcedIncludeIsAUsers) {
  Write("x.h");
  Write("m.c");
  EXPECT_EQ(UserHeaders("-include x.h -c m.c", {"m.c", "x.h"}), "yy");
}

TEST_F(IncludeClosureTest, WhatNoDirectiveNamesIsTheSystemsWhereItLiesBelowItsDirectories) {
  Write("s/implied.h");
  Write("other/implied.h");
  Write("m.c");
  EXPECT_EQ(UserHeaders("-isystem s -c m.c", {"m.c", "s/implied.h", "other/implied.h"}), "yn?");
}

TEST_F(IncludeClosureTest, WhereAMacroNamesAHeaderItCouldBeAny) {
  Write("a/x.h");
  Write("s/y.h");
  Write("m.c", "#include H\n#include <x.h>\n#include <y.h>\n");
  EXPECT_EQ(UserHeaders("-DH=<y.h> -Ia -isystem s -c m.c", {"m.c", "a/x.h", "s/y.h"}), "y??");
}

}  // namespace
}  // namespace hpcc
