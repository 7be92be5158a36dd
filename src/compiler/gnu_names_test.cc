#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <set>
#include <string>

#include "compiler/command_rewriting.h"
#include "compiler/grammar_test_support.h"

// What the grammar says a command writes, against what gcc and clang write.

namespace hpcc {
namespace {

struct Case {
  std::string compiler;
  std::string args;
};

void PrintTo(const Case& c, std::ostream* out) {
  *out << c.compiler << " " << c.args;
}

std::string Normal(const std::string& path) {
  return std::filesystem::path(path).lexically_normal().string();
}

// The targets of a dependency file, which in these tests stand on its first line.
std::string TargetsIn(const std::string& text) {
  return text.substr(0, text.find(": "));
}

class RealCompilerTest : public testing::TestWithParam<Case> {};

TEST_P(RealCompilerTest, WritesTheFilesTheGrammarNames) {
  const auto& [compiler, args] = GetParam();
  const ScratchDirectory directory;
  const Environment environment;
  const Invocation invocation = ParseGnu(
      {FileSystem::Real(), environment, directory.path(), compiler, StrContains(compiler, "clang")},
      Words(args));
  ASSERT_FALSE(invocation.refusal) << RefusalName(invocation) << " " << invocation.refusal->detail;

  const std::set<std::string> before = directory.Files();
  std::string command = compiler;
  for (const std::string& word : Words(args)) StrAppend(&command, " '", word, "'");
  ASSERT_EQ(directory.Run(command), 0) << directory.Read("stderr.txt");
  std::set<std::string> written;
  for (const std::string& file : directory.Files()) {
    const bool ours = file == "stdout.txt" || file == "stderr.txt";
    if (!before.contains(file) && !ours) written.insert(file);
  }

  std::set<std::string> named;
  for (const std::string& path : OutputPaths(invocation)) named.insert(Normal(path));
  const DependencyRequest& request = invocation.dependencies;
  if (request.kind != DependencyRequest::Kind::kNone) named.insert(Normal(request.file));
  EXPECT_EQ(named, written);

  if (request.kind == DependencyRequest::Kind::kNone) return;
  const std::string text = directory.Read(request.file);
  EXPECT_EQ(StrJoin(DependencyTargets(invocation), " "), TargetsIn(text));
  const bool has_system = StrContains(text, "stddef.h");
  EXPECT_EQ(has_system, request.kind == DependencyRequest::Kind::kAllHeaders);
  EXPECT_EQ(StrContains(text, "\ninc.h:"), request.phony_targets);
}

std::vector<Case> NameCases() {
  std::vector<Case> cases;
  for (const char* compiler : {"gcc", "clang-14", "g++", "clang++-14"}) {
    const bool cxx = StrContains(compiler, "++");
    const std::string source = cxx ? "d/foo.cc" : "d/foo.c";
    for (const char* flags :
         {"-include stddef.h -include inc.h -MD", "-include stddef.h -include inc.h -MMD -MP",
          "-g -gsplit-dwarf", "-ftest-coverage", "--coverage", "-fprofile-arcs", "-fstack-usage",
          "-g1 -gsplit-dwarf --coverage -fstack-usage", "-gsplit-dwarf -gno-split-dwarf -g"}) {
      for (const char* output : {"", "-o x.o", "-o o/x.obj", "-oo/x.tar.o", "-o o/x", "-o o/.o",
                                 "-o ./x.o", "-o o/./foo.o", "-o o/x.c"}) {
        for (const char* mode : {"-c", "-S"}) {
          if (cxx && !StrContains(output, "foo")) continue;  // C has shown it
          cases.push_back({compiler, StrCat(flags, " ", mode, " ", source, " ", output)});
        }
      }
      for (const char* other : {"d/foo.bar.c", "-x c d/foo", "d/foo.i", "d/foo.ii"}) {
        const bool preprocessed = StrContains(other, ".i");
        if (preprocessed && StrContains(flags, "include")) continue;
        cases.push_back({compiler, StrCat(flags, " -c ", other)});
      }
    }
  }
  for (const char* compiler : {"gcc", "clang-14"}) {
    for (const char* args : {"-g0 -gsplit-dwarf -c foo.c",
                             "-gsplit-dwarf -c foo.c",
                             "-gsplit-dwarf -ggdb0 -c foo.c",
                             "-gsplit-dwarf -gdwarf-4 -c foo.c",
                             "-g -gsplit-dwarf -c d/foo.S",
                             "-g -gsplit-dwarf -c d/foo.s",
                             "--coverage -fno-test-coverage -c foo.c",
                             "-ftest-coverage -fno-test-coverage -c foo.c",
                             "--coverage -c d/foo.S",
                             "-fstack-usage -c d/foo.s",
                             "-MD -c d/foo.s",
                             "-MD -c d/foo.i",
                             "-MD -MF dep -c d/foo.i",
                             "-Wp,-MD,dep -c d/foo.i",
                             "-flto -c foo.c",
                             "-flto --coverage -c foo.c -o o/x.o",
                             "-emit-llvm -c foo.c",
                             "-emit-llvm -S foo.c",
                             "-c foo.c -S",
                             "--coverage -fprofile-dir=p -c foo.c -o o/x.o",
                             "-x c d/foo.i -c -fstack-usage",
                             "--compile foo.c --output=o/y.o --debug"}) {
      cases.push_back({compiler, args});
    }
    for (const char* flags :
         {"-MD -MF dep", "-MD -MFdep -MF dep2", "-MMD -MT a -MQ $b -MT ./c -MQ ././/e", "-MD -MT x",
          "-Wp,-MD,dep", "-Wp,-MMD,dep", "-Wp,-MMD,dep -MP", "-Wp,-MD,dep -MT x", "-MD -MQ ./x",
          "--write-dependencies", "--write-user-dependencies", "-Wp,-MD,dep -Wp,-DX=1,-UY"}) {
      for (const char* rest : {"-c d/foo.c", "-c d/foo.c -o ./o/x.o", "-S d/foo.c -o o/x.i"}) {
        cases.push_back({compiler, StrCat("-include stddef.h -include inc.h ", flags, " ", rest)});
      }
    }
  }
  // gcc takes the last of -MD and -MMD for -MMD whichever it is.
  cases.push_back({"gcc", "-include stddef.h -include inc.h -MMD -MD -c foo.c"});
  cases.push_back({"gcc", "-fprofile-use -Wno-missing-profile --coverage -c foo.c"});
  return cases;
}

INSTANTIATE_TEST_SUITE_P(Names, RealCompilerTest, testing::ValuesIn(NameCases()));

}  // namespace
}  // namespace hpcc
