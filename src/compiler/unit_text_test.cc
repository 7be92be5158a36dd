#include "compiler/unit_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "base/process.h"
#include "base/strings.h"
#include "compiler/command_rewriting.h"
#include "compiler/grammar_test_support.h"

namespace hpcc {
namespace {

using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

// As gcc 12 begins (shortened).
constexpr std::string_view kPrinted =
    "# 0 \"src/m.c\"\n"
    "# 0 \"<built-in>\"\n"
    "#define __STDC__ 1\n"
    "# 0 \"<command-line>\"\n"
    "# 1 \"/usr/include/stdc-predef.h\" 1 3 4\n"
    "#define __STDC_IEC_559__ 1\n"
    "# 0 \"<command-line>\" 2\n"
    "# 1 \"src/m.c\"\n"
    "# 1 \"/p/src/m.h\" 1\n"
    "int h(void);\n"
    "# 2 \"src/m.c\" 2\n"
    "int m = MACRO;\n";

Invocation SourceNamed(const std::string& name) {
  Invocation invocation;
  invocation.language = Language::kC;
  invocation.source = name;
  invocation.outputs = {{OutputRole::kObject, "m.o"}};
  return invocation;
}

TEST(UnitTextTest, BeginsWhereTheSourceBegins) {
  const absl::StatusOr<std::string> text = CutUnitText(kPrinted, SourceNamed("src/m.c"));
  ASSERT_TRUE(text.ok()) << text.status();
  EXPECT_THAT(*text, StartsWith("# 1 \"src/m.c\"\n# 1 \"/p/src/m.h\" 1\n"));
  EXPECT_THAT(*text, Not(HasSubstr("__STDC")));
}

TEST(UnitTextTest, OlderCompilersNumberFromOne) {
  EXPECT_EQ(CutUnitText("# 1 \"m.c\"\n# 1 \"<built-in>\"\n#define X 1\n# 1 \"<command-line>\"\n"
                        "# 31 \"<command-line>\"\n# 1 \"m.c\"\nint m;\n",
                        SourceNamed("m.c"))
                .value(),
            "# 1 \"m.c\"\nint m;\n");
}

TEST(UnitTextTest, WithoutABeginningThereIsNoText) {
  EXPECT_FALSE(CutUnitText(kPrinted, SourceNamed("other.c")).ok());
  EXPECT_FALSE(CutUnitText("", SourceNamed("m.c")).ok());
  EXPECT_FALSE(CutUnitText("# 1 \"m.c\"\nint m;\n", SourceNamed("m.c")).ok());
}

TEST(UnitTextTest, UnitsWhoseObjectSaysMoreThanTheTextAreSentAsFiles) {
  EXPECT_EQ(WhyNoUnitText(SourceNamed("m.c"), CompilerFamily::kGcc), std::nullopt);
  EXPECT_NE(WhyNoUnitText(SourceNamed("m.c"), CompilerFamily::kClang), std::nullopt);
  EXPECT_NE(WhyNoUnitText(SourceNamed("a\"b.c"), CompilerFamily::kGcc), std::nullopt);
  Invocation assembler = SourceNamed("m.S");
  assembler.language = Language::kAssemblerWithCpp;
  EXPECT_NE(WhyNoUnitText(assembler, CompilerFamily::kGcc), std::nullopt);
  Invocation forced = SourceNamed("m.c");
  forced.forced_includes.push_back({"config.h"});
  EXPECT_NE(WhyNoUnitText(forced, CompilerFamily::kGcc), std::nullopt);
  Invocation two_outputs = SourceNamed("m.c");
  two_outputs.outputs.push_back({OutputRole::kDwo, "m.dwo"});
  EXPECT_NE(WhyNoUnitText(two_outputs, CompilerFamily::kGcc), std::nullopt);
  for (const auto& [word, is_text] :
       std::vector<std::pair<std::string, bool>>{{"-g", true},
                                                 {"-ggdb", true},
                                                 {"-g2", true},
                                                 {"-g3", false},
                                                 {"-ggdb3", false},
                                                 {"-fdebug-macro", false}}) {
    Invocation debug = SourceNamed("m.c");
    debug.arguments.push_back({{word}, word, "", FlagEffect::kDebug});
    EXPECT_EQ(WhyNoUnitText(debug, CompilerFamily::kGcc) == std::nullopt, is_text) << word;
  }
}

TEST(UnitTextTest, WhatDependsOnMoreThanTheTextIsSentAsFiles) {
  const auto differs = [](std::string_view text) {
    return WhyTextDiffers(text, ScanForIncludes(text, false)).has_value();
  };
  EXPECT_FALSE(differs("# 1 \"m.c\"\nint m;\n"));
  EXPECT_TRUE(differs("const char* when = __TIME__;\n"));
  EXPECT_TRUE(differs("__asm__(\".incbin \\\"x\\\"\");\n"));
  EXPECT_TRUE(differs("#pragma GCC dependency \"x.h\"\n"));
}

TEST(UnitTextTest, NamesBelowTheRootAreMappedInMarkersOnly) {
  EXPECT_EQ(MapUnitText("# 1 \"/p/src/m.h\" 1\nint x;\n# 2 \"src/m.c\" 2\n", "/p", "/.hpcc/root"),
            "# 1 \"/.hpcc/root/src/m.h\" 1\nint x;\n# 2 \"src/m.c\" 2\n");
  EXPECT_EQ(MapUnitText("# 1 \"/pp/m.h\" 1\n", "/p/q", "/.hpcc/root"), "# 1 \"/pp/m.h\" 1\n");
  EXPECT_EQ(MapUnitText("char* p = \"/p/q/data\";\n", "/p/q", "/.hpcc/root"), std::nullopt);
}

// The claim itself, by the compiler.
class UnitTextByGccTest : public testing::Test {
 protected:
  UnitTextByGccTest() {
    std::string pattern = testing::TempDir() + "/hpcc-unit-text-XXXXXX";
    root_ = std::filesystem::canonical(mkdtemp(pattern.data())).string();
    environment_.Set("PATH", "/usr/bin:/bin");
    environment_.Set("LC_ALL", "C");
  }
  ~UnitTextByGccTest() override { std::filesystem::remove_all(root_); }

  void Write(const std::string& name, std::string_view text) const {
    std::ofstream(root_ + "/" + name) << text;
  }
  CapturedRun Run(const std::string& compiler, const std::vector<std::string>& words) const {
    // The shell steps into the directory.
    std::vector<std::string> argv = {"/bin/sh", "-c", "cd \"$0\" && exec \"$@\"", root_, compiler};
    argv.insert(argv.end(), words.begin(), words.end());
    absl::StatusOr<CapturedRun> run = RunCaptured(argv, environment_);
    EXPECT_TRUE(run.ok() && run->exit.success()) << (run.ok() ? run->err : "");
    return run.ok() ? *std::move(run) : CapturedRun();
  }
  std::string Object(const std::string& compiler, const std::vector<std::string>& words) const {
    EXPECT_EQ(Run(compiler, words).err, "");
    return ReadFile(FileSystem::Real(), root_ + "/m.o", 1 << 24).value();
  }
  void ExpectSameObject(const std::string& compiler, const std::string& source,
                        std::vector<std::string> flags) const {
    std::vector<std::string> words = std::move(flags);
    words.insert(words.end(), {"-c", source, "-o", "m.o"});
    const std::string wanted = Object(compiler, words);
    Invocation invocation =
        ParseGnu({FileSystem::Real(), environment_, root_, compiler.substr(9), false}, words);
    ASSERT_FALSE(invocation.refusal) << invocation.refusal->detail;
    const CapturedRun printed = Run(compiler, UnitTextCommand(invocation, root_ + "/m.d"));
    const absl::StatusOr<std::string> text = CutUnitText(printed.out, invocation);
    ASSERT_TRUE(text.ok()) << text.status();
    Write(source, *text);
    std::filesystem::remove(root_ + "/m.h");
    EXPECT_EQ(Object(compiler, words), wanted);
  }

  std::string root_;
  Environment environment_;
};

TEST_F(UnitTextByGccTest, TheObjectOfCIsTheSameWithDebugInformation) {
  Write("m.h",
        "#pragma once\n#include <stdio.h>\n#define LARGER(a, b) ((a) > (b) ? (a) : (b))\n"
        "static inline int in_header(int x) { return LARGER(x, __LINE__); }\n");
  Write("m.c",
        "#include \"m.h\"\n#ifdef UNSET\n#error no\n#endif\n/* a comment */ int\n"
        "work(int n) {\n  printf(\"%s %d\\n\", __FILE__, LARGER(n, FLAG)); return in_header(n)\n"
        "    + __COUNTER__ + __COUNTER__; }\n");
  ExpectSameObject("/usr/bin/gcc", "m.c", {"-O2", "-g", "-Wall", "-Wextra", "-DFLAG=7"});
}

TEST_F(UnitTextByGccTest, TheObjectOfCxxIsTheSameWithDebugInformation) {
  Write("m.h",
        "#ifndef M_H\n#define M_H\n#include <map>\n#include <string>\n#include <vector>\n"
        "namespace { struct Local { std::map<std::string, std::vector<int>> all; }; }\n#endif\n");
  Write("m.cc",
        "#include \"m.h\"\n#include <iostream>\nint main() { Local l; l.all[\"x\"].push_back(\n"
        "  __LINE__); for (auto& [k, v] : l.all) std::cout << k << R\"(raw\n# 1 \"x\")\" <<\n"
        "  v.size() << __PRETTY_FUNCTION__; }\n");
  ExpectSameObject("/usr/bin/g++", "m.cc", {"-O1", "-g", "-Wall", "-std=c++20"});
}

}  // namespace
}  // namespace hpcc
