#include "cache/closure_record.h"

#include "cache/closure_record_test_support.h"

// Changes to what is read, and changes while the compiler runs; and what a record is made of.

namespace hpcc {
namespace {

TEST_F(ClosureRecordTest, HeaderDeletedIsNoticed) {
  ExpectNotServed(
      kBoth, Words("-Ia -Ib -c m.c"),
      [&] {
        Write("a/x.h", "int x = 1;\n");
        Write("b/x.h", "int x = 2;\n");
        Write("m.c", "#include <x.h>\n");
      },
      [&] { Remove("a/x.h"); });
}

TEST_F(ClosureRecordTest, HeaderReplacedWithSameSizeAndTimeIsNoticed) {
  ExpectNotServed(
      kBoth, Words("-Ia -c m.c"),
      [&] {
        Write("a/x.h", "int x = 1;\n");
        Write("m.c", "#include <x.h>\n");
      },
      [&] {
        const auto time = std::filesystem::last_write_time("a/x.h");
        Write("a/x.h", "int x = 2;\n");
        std::filesystem::last_write_time("a/x.h", time);
      });
}

TEST_F(ClosureRecordTest, PrecompiledHeaderAppearingIsNoticed) {
  ExpectNotServed(
      kGcc, Words("-c m.c"),
      [&] {
        Write("x.h", "int x = 1;\n");
        Write("m.c", "#include \"x.h\"\n");
      },
      [&] {
        Write("old.h", "int x = 2;\n");
        ASSERT_EQ(std::system("gcc -x c-header old.h -o x.h.gch"), 0);
      });
}

TEST_F(ClosureRecordTest, DirectoryOfPrecompiledHeadersAppearingIsNoticed) {
  ExpectNotServed(
      kGcc, Words("-c m.c"),
      [&] {
        Write("x.h", "int x = 1;\n");
        Write("m.c", "#include \"x.h\"\n");
      },
      [&] {
        Write("old.h", "int x = 2;\n");
        MakeDirectory("x.h.gch");
        ASSERT_EQ(std::system("gcc -x c-header old.h -o x.h.gch/c.gch"), 0);
      });
}

TEST_F(ClosureRecordTest, FileIncludedByInlineAssemblyIsNoticed) {
  ExpectNotServed(
      kBoth, Words("-c m.c"),
      [&] {
        Write("x.s", ".byte 1\n");
        Write("m.c", "__asm__(\".include \\\"x.s\\\"\");\n");
      },
      [&] { Write("x.s", ".byte 2\n"); });
}

TEST_F(ClosureRecordTest, FileEmbeddedByADirectiveInPiecesIsNoticed) {
  ExpectNotServed(
      kBoth, Words("-c m.c"),
      [&] {
        Write("x.bin", "1");
        Write("m.c", "__asm__(\".inc\" \"\" \"bin \\\"x.bin\\\"\");\n");
      },
      [&] { Write("x.bin", "2"); });
}

TEST_F(ClosureRecordTest, FileEmbeddedByADirectiveMadeByMacrosOrEscapesIsNoticed) {
  for (const char* text : {
           "#define FRONT \".inc\"\n__asm__(FRONT \"bin \\\"x.bin\\\"\");\n",
           "#define TEXT(x) #x\n#define EMBED(x) TEXT(x)\n#define PASTE(a, b) a##b\n"
           "__asm__(EMBED(PASTE(.inc, bin) \"x.bin\"));\n",
           "__asm__(\".inc\\142in \\\"x.bin\\\"\");\n",
           "__asm__(\".macro e d\\n.\\\\d \\\"x.bin\\\"\\n.endm\\ne incbin\");\n",
       }) {
    SCOPED_TRACE(text);
    ExpectNotServed(
        kBoth, Words("-c m.c"),
        [&] {
          Write("x.bin", "1");
          Write("m.c", text);
        },
        [&] { Write("x.bin", "2"); });
  }
}

TEST_F(ClosureRecordTest, FileEmbeddedByADirectiveInMixedCaseIsNoticed) {
  ExpectNotServed(
      kBoth, Words("-c m.S"),
      [&] {
        Write("x.bin", "1");
        Write("m.S", "\t.Incbin \"x.bin\"\n");
      },
      [&] { Write("x.bin", "2"); });
}

TEST_F(ClosureRecordTest, UnrelatedFilesAreServed) {
  ExpectServed(
      kBoth, Words("-Ia -Ib -c m.c"),
      [&] {
        MakeDirectory("a");
        Write("b/x.h", "int x = 1;\n");
        Write("m.c", "#include <x.h>\n");
      },
      [&] {
        Write("a/y.h", "int y;\n");
        Write("b/y.h", "int y;\n");
        MakeDirectory("a/x");
      });
}

TEST_F(ClosureRecordTest, TouchedHeaderIsServed) {
  ExpectServed(
      kBoth, Words("-Ia -c m.c"),
      [&] {
        Write("a/x.h", "int x = 1;\n");
        Write("m.c", "#include <x.h>\n");
      },
      [&] {
        std::filesystem::last_write_time("a/x.h", std::filesystem::file_time_type::clock::now());
      });
}

TEST_F(ClosureRecordTest, DirectoryOfAHeadersNameInAnEarlierDirectoryIsServed) {
  ExpectServed(
      kBoth, Words("-Ia -Ib -c m.c"),
      [&] {
        MakeDirectory("a");
        Write("b/x.h", "int x = 1;\n");
        Write("m.c", "#include <x.h>\n");
      },
      [&] { MakeDirectory("a/x.h"); });
}

TEST_F(ClosureRecordTest, HeaderWrittenDuringTheCompileIsNotKept) {
  ExpectNotServedAfterRace(
      Words("-Ia -c m.c"),
      [&] {
        Write("a/x.h", "int x = 1;\n");
        Write("m.c", "#include <x.h>\n");
      },
      [&] { Write("a/x.h", "int x = 2;\n"); });
}

TEST_F(ClosureRecordTest, SourceWrittenDuringTheCompileIsNotKept) {
  ExpectNotServedAfterRace(
      Words("-c m.c"), [&] { Write("m.c", "int x = 1;\n"); },
      [&] { Write("m.c", "int x = 2;\n"); });
}

TEST_F(ClosureRecordTest, HeaderAppearingInEarlierDirectoryDuringTheCompileIsNotKept) {
  ExpectNotServedAfterRace(
      Words("-Ia -Ib -c m.c"),
      [&] {
        MakeDirectory("a");
        Write("b/x.h", "int x = 1;\n");
        Write("m.c", "#include <x.h>\n");
      },
      [&] { Write("a/x.h", "int x = 2;\n"); });
}

TEST_F(ClosureRecordTest, HeaderRenamedIntoEarlierDirectoryDuringTheCompileIsNotKept) {
  ExpectNotServedAfterRace(
      Words("-Ia -Ib -c m.c"),
      [&] {
        MakeDirectory("a");
        Write("aside.h", "int x = 2;\n");
        Write("b/x.h", "int x = 1;\n");
        Write("m.c", "#include <x.h>\n");
      },
      [&] { std::filesystem::rename("aside.h", "a/x.h"); });
}

TEST_F(ClosureRecordTest, SymlinkedHeaderRetargetedDuringTheCompileIsNotKept) {
  ExpectNotServedAfterRace(
      Words("-Ia -c m.c"),
      [&] {
        Write("a/v1.h", "int x = 1;\n");
        Write("a/v2.h", "int x = 2;\n");
        Link("v1.h", "a/x.h");
        Write("m.c", "#include <x.h>\n");
      },
      [&] { Link("v2.h", "a/x.h"); });
}

TEST_F(ClosureRecordTest, SymlinkedDirectoryRetargetedDuringTheCompileIsNotKept) {
  ExpectNotServedAfterRace(
      Words("-Icurrent -c m.c"),
      [&] {
        Write("v1/x.h", "int x = 1;\n");
        Write("v2/x.h", "int x = 2;\n");
        Link("v1", "current");
        Write("m.c", "#include <x.h>\n");
      },
      [&] { Link("v2", "current"); });
}

TEST_F(ClosureRecordTest, EarlierDirectoryRenamedIntoPlaceDuringTheCompileIsNotKept) {
  ExpectNotServedAfterRace(
      Words("-Ia -Ib -c m.c"),
      [&] {
        Write("aside/x.h", "int x = 2;\n");
        Write("b/x.h", "int x = 1;\n");
        Write("m.c", "#include <x.h>\n");
      },
      [&] { std::filesystem::rename("aside", "a"); });
}

TEST_F(ClosureRecordTest, DateMacrosAreReportedHoweverTheyAreSpelled) {
  for (const char* text : {
           "const char* d = __DATE__;\n",
           "#define STAMP(x) __##x##__\nconst char* d = STAMP(DATE);\n",
           "const char* d = __DA\\\nTE__;\n",
       }) {
    SCOPED_TRACE(text);
    Write("m.c", text);
    RecordedCompile compile("gcc", Words("-c m.c"), cwd_, environment_);
    compile.Record();
    EXPECT_TRUE(compile.closure().names_date_or_time);
  }
}

TEST_F(ClosureRecordTest, DateMacroInAFlagIsReported) {
  Write("m.c", "const char* d = BUILT;\n");
  RecordedCompile compile("gcc", Words("-DBUILT=__DATE__ -c m.c"), cwd_, environment_);
  if (!compile.invocation().refusal) {
    compile.Record();
    EXPECT_TRUE(compile.closure().names_date_or_time);
  }
}

TEST_F(ClosureRecordTest, PragmaThatComparesTimesIsRefusedAlsoAsAnOperator) {
  for (const char* text : {"#pragma GCC dependency \"x.y\"\n",
                           "#define DO(x) _Pragma(#x)\nDO(GCC dependency \"x.y\")\n",
                           "_Pragma(\"GCC dependency \\\"x.y\\\"\")\n"}) {
    SCOPED_TRACE(text);
    Write("x.y", "");
    Write("m.c", text);
    RecordedCompile compile("gcc", Words("-c m.c"), cwd_, environment_);
    compile.Record();
    EXPECT_TRUE(compile.closure().refusal.has_value());
  }
}

TEST_F(ClosureRecordTest, NamesOfFilesThatAreAnotherForEachProcessAreRefused) {
  Write("x.h", "");
  Write("inc/y.h", "");
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"#include \"/proc/self/cwd/x.h\"\n", "-c m.c"},
      {"#include <y.h>\n", "-I/proc/self/cwd/inc -c m.c"},
      {"#include \"x.h\"\n", "-iquote /proc/self/cwd/none -c m.c"},
      {"#if __has_include(\"/proc/self/cwd/none.h\")\n#endif\n", "-c m.c"}};
  for (const auto& [text, command] : cases) {
    SCOPED_TRACE(text);
    Write("m.c", text);
    RecordedCompile compile("gcc", Words(command), cwd_, environment_);
    compile.Record();
    // A place that is searched after the one where the name was found says nothing.
    EXPECT_EQ(compile.closure().refusal.has_value(), command.find("none -c") == std::string::npos);
  }
}

TEST_F(ClosureRecordTest, FilesStandSourceFirstEachOnce) {
  Write("a/x.h", "");
  Write("m.c", "#include <x.h>\n#include \"a/x.h\"\n#include \"./a/x.h\"\n");
  RecordedCompile compile("clang", Words("-Ia -c m.c"), cwd_, environment_);
  compile.Record();
  ASSERT_EQ(compile.closure().files.size(), 2);
  EXPECT_EQ(compile.closure().files[0].path, "m.c");
  EXPECT_EQ(compile.closure().files[1].path, "a/x.h");
}

TEST_F(ClosureRecordTest, ConditionsAreGroupedUnderTheDeepestDirectoryThatExists) {
  MakeDirectory("a/b");
  const std::vector<RecordedDirectory> groups =
      GroupConditions(FileSystem::Real(), cwd_,
                      {{"a/b/c/d.h", false}, {"a/b/e.h", false}, {"f.h", false}, {"/x/y.h", false}},
                      ShiftedClock(std::chrono::seconds(10)).FileStampNanoseconds());
  ASSERT_EQ(groups.size(), 3);
  EXPECT_EQ(groups[0].path, "");
  EXPECT_EQ(groups[1].path, "/");
  EXPECT_EQ(groups[1].names[0].name, "x/y.h");
  EXPECT_EQ(groups[2].path, "a/b");
  ASSERT_EQ(groups[2].names.size(), 2);
  EXPECT_EQ(groups[2].names[0].name, "c/d.h");
  EXPECT_TRUE(groups[2].names[0].vouched);
  EXPECT_TRUE(groups[2].trusted);
}

TEST_F(ClosureRecordTest, DirectoryChangedAMomentAgoIsNotTrusted) {
  MakeDirectory("a");
  const std::vector<RecordedDirectory> groups = GroupConditions(
      FileSystem::Real(), cwd_, {{"a/b.h", false}}, Clock::Real().FileStampNanoseconds());
  ASSERT_EQ(groups.size(), 1);
  EXPECT_FALSE(groups[0].trusted);
}

TEST_F(ClosureRecordTest, DirectoryDoesNotVouchForSymlinks) {
  Write("real.h", "");
  MakeDirectory("a");
  Link("../real.h", "a/there.h");
  Link("nowhere", "a/dangling");
  const std::vector<RecordedDirectory> groups =
      GroupConditions(FileSystem::Real(), cwd_, {{"a/dangling/x.h", false}, {"a/there.h", true}},
                      ShiftedClock(std::chrono::seconds(10)).FileStampNanoseconds());
  ASSERT_EQ(groups.size(), 1);
  for (const RecordedName& name : groups[0].names) EXPECT_FALSE(name.vouched) << name.name;
}

}  // namespace
}  // namespace hpcc
