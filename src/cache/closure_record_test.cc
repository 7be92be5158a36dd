#include "cache/closure_record.h"

#include <fstream>

#include "base/path.h"
#include "cache/cache_test_support.h"

// Every test here changes the world around a recorded compile so that the compiler would now make
// something else, and checks that the record is not served. That the compiler does make something
// else is checked first, with real compilers: otherwise the test would show nothing.

namespace hpcc {
namespace {

std::vector<std::string> Words(std::string_view text) {
  std::vector<std::string> words;
  for (const std::string_view word : StrSplit(text, ' ')) words.emplace_back(word);
  return words;
}

class ClosureRecordTest : public ProjectTest {
 protected:
  // A project made by `prepare` and compiled with `args`, then changed by `change`.
  void ExpectNotServed(const std::vector<std::string>& compilers,
                       const std::vector<std::string>& args, const std::function<void()>& prepare,
                       const std::function<void()>& change) {
    for (const std::string& compiler : compilers) {
      SCOPED_TRACE(compiler);
      Clear();
      prepare();
      RecordedCompile compile(compiler, args, cwd_, environment_);
      const std::string before = compile.PlainOutput();
      ASSERT_FALSE(before.starts_with("failed")) << before;
      ASSERT_NO_FATAL_FAILURE(compile.Record());
      if (!compile.closure().refusal && !compile.closure().needs_preprocessor) {
        ASSERT_TRUE(compile.Serves())
            << "not even while nothing has changed: " << DescribeMissReason(*compile.WhyNot());
      }
      change();
      ASSERT_NE(compile.PlainOutput(), before) << "the change makes no difference to the compiler";
      EXPECT_FALSE(compile.Serves());
    }
  }

  void ExpectServed(const std::vector<std::string>& compilers, const std::vector<std::string>& args,
                    const std::function<void()>& prepare, const std::function<void()>& change) {
    for (const std::string& compiler : compilers) {
      SCOPED_TRACE(compiler);
      Clear();
      prepare();
      RecordedCompile compile(compiler, args, cwd_, environment_);
      ASSERT_NO_FATAL_FAILURE(compile.Record());
      change();
      EXPECT_TRUE(compile.Serves());
    }
  }

  // What happens in `meanwhile` comes after the compiler's last look and before hpcc's first.
  void ExpectNotServedAfterRace(const std::vector<std::string>& args,
                                const std::function<void()>& prepare,
                                const std::function<void()>& meanwhile) {
    for (const std::string& compiler : kBoth) {
      SCOPED_TRACE(compiler);
      Clear();
      prepare();
      RecordedCompile compile(compiler, args, cwd_, environment_);
      const std::string before = compile.PlainOutput();
      ASSERT_NO_FATAL_FAILURE(compile.Record(meanwhile));
      ASSERT_NE(compile.PlainOutput(), before) << "the change makes no difference to the compiler";
      EXPECT_FALSE(compile.Serves());
    }
  }

  void Clear() {
    for (const auto& entry : std::filesystem::directory_iterator(cwd_)) {
      std::filesystem::remove_all(entry.path());
    }
  }

  const std::vector<std::string> kBoth = {"gcc", "clang"};
  const std::vector<std::string> kGcc = {"gcc"};
  const std::vector<std::string> kClang = {"clang"};
};

TEST_F(ClosureRecordTest, HeaderAppearingInEarlierDirectoryIsNoticed) {
  ExpectNotServed(
      kBoth, Words("-Ia -Ib -c m.c"),
      [&] {
        MakeDirectory("a");
        Write("b/x.h", "int x = 1;\n");
        Write("m.c", "#include <x.h>\n");
      },
      [&] { Write("a/x.h", "int x = 2;\n"); });
}

TEST_F(ClosureRecordTest, HeaderAppearingInEarlierDirectoryThatWasMissingIsNoticed) {
  ExpectNotServed(
      kBoth, Words("-Ia/b/c -Ib -c m.c"),
      [&] {
        Write("b/x.h", "int x = 1;\n");
        Write("m.c", "#include <x.h>\n");
      },
      [&] { Write("a/b/c/x.h", "int x = 2;\n"); });
}

TEST_F(ClosureRecordTest, EarlierDirectoryThatWasADanglingSymlinkIsNoticed) {
  ExpectNotServed(
      kBoth, Words("-Ia -Ib -c m.c"),
      [&] {
        Link("nowhere", "a");
        Write("b/x.h", "int x = 1;\n");
        Write("m.c", "#include <x.h>\n");
      },
      [&] { Write("nowhere/x.h", "int x = 2;\n"); });
}

TEST_F(ClosureRecordTest, EarlierDirectoryThatWasAFileIsNoticed) {
  ExpectNotServed(
      kBoth, Words("-Ia -Ib -c m.c"),
      [&] {
        Write("a", "not a directory");
        Write("b/x.h", "int x = 1;\n");
        Write("m.c", "#include <x.h>\n");
      },
      [&] {
        Remove("a");
        Write("a/x.h", "int x = 2;\n");
      });
}

TEST_F(ClosureRecordTest, SymlinkedEarlierDirectoryRetargetedIsNoticed) {
  ExpectNotServed(
      kBoth, Words("-Ia -Ib -c m.c"),
      [&] {
        MakeDirectory("v1");
        Write("v2/x.h", "int x = 2;\n");
        Link("v1", "a");
        Write("b/x.h", "int x = 1;\n");
        Write("m.c", "#include <x.h>\n");
      },
      [&] { Link("v2", "a"); });
}

TEST_F(ClosureRecordTest, SearchDirectoryNamedTwiceAndThenRetargetedIsNoticed) {
  // The second name is a duplicate when the compile is recorded, so compilers ignore it.
  ExpectNotServed(
      kBoth, Words("-Ia -Ib -Ic -c m.c"),
      [&] {
        MakeDirectory("a");
        Link("a", "b");
        Write("c/x.h", "int x = 1;\n");
        Write("v2/x.h", "int x = 2;\n");
        Write("m.c", "#include <x.h>\n");
      },
      [&] { Link("v2", "b"); });
}

TEST_F(ClosureRecordTest, SearchDirectoryThatWasASystemDirectoryTooAndThenRetargetedIsNoticed) {
  ExpectNotServed(
      kBoth, Words("-Ia -Ib -isystem c -c m.c"),
      [&] {
        Write("c/x.h", "int x = 1;\n");
        Link("c", "a");
        Write("b/x.h", "int x = 2;\n");
        Write("v2/x.h", "int x = 3;\n");
        Write("m.c", "#include <x.h>\n");
      },
      [&] { Link("v2", "a"); });
}

TEST_F(ClosureRecordTest, SearchDirectoryThatBecomesASystemDirectoryTooIsNoticed) {
  // Same content in the directory linked to: only the order of the search changes.
  ExpectNotServed(
      kBoth, Words("-Ia -Ib -isystem c -c m.c"),
      [&] {
        Write("v1/x.h", "int x = 1;\n");
        Write("c/x.h", "int x = 1;\n");
        Link("v1", "a");
        Write("b/x.h", "int x = 2;\n");
        Write("m.c", "#include <x.h>\n");
      },
      [&] { Link("c", "a"); });
}

TEST_F(ClosureRecordTest, HeaderAppearingBesideTheIncludingFileIsNoticed) {
  ExpectNotServed(
      kBoth, Words("-Ia -c src/m.c"),
      [&] {
        Write("a/x.h", "int x = 1;\n");
        Write("src/m.c", "#include \"x.h\"\n");
      },
      [&] { Write("src/x.h", "int x = 2;\n"); });
}

TEST_F(ClosureRecordTest, HeaderAppearingInAQuoteDirectoryIsNoticed) {
  ExpectNotServed(
      kBoth, Words("-iquote q -Ia -c m.c"),
      [&] {
        Write("a/x.h", "int x = 1;\n");
        Write("m.c", "#include \"x.h\"\n");
      },
      [&] { Write("q/x.h", "int x = 2;\n"); });
}

TEST_F(ClosureRecordTest, HeaderBetweenTwoOfAnIncludeNextChainIsNoticed) {
  ExpectNotServed(
      kBoth, Words("-Ia -Ib -Ic -c m.c"),
      [&] {
        Write("a/x.h", "#include_next <x.h>\n");
        MakeDirectory("b");
        Write("c/x.h", "int x = 1;\n");
        Write("m.c", "#include <x.h>\n");
      },
      [&] { Write("b/x.h", "int x = 2;\n"); });
}

TEST_F(ClosureRecordTest, HeaderForAComputedIncludeInEarlierDirectoryIsNoticed) {
  ExpectNotServed(
      kBoth, Words("-DH=<sub/x.h> -Ia -Ib -c m.c"),
      [&] {
        MakeDirectory("a");
        Write("b/sub/x.h", "int x = 1;\n");
        Write("m.c", "#include H\n");
      },
      [&] { Write("a/sub/x.h", "int x = 2;\n"); });
}

TEST_F(ClosureRecordTest, ForcedIncludeShadowedInTheWorkingDirectoryIsNoticed) {
  ExpectNotServed(
      kBoth, Words("-Ib -include x.h -c m.c"),
      [&] {
        Write("b/x.h", "int x = 1;\n");
        Write("m.c", "int m;\n");
      },
      [&] { Write("x.h", "int x = 2;\n"); });
}

TEST_F(ClosureRecordTest, HeaderTheCompilerIncludesByItselfIsNoticedInAnEarlierDirectory) {
  // gcc reads <stdc-predef.h> before the first line of every unit, along the whole search path.
  ExpectNotServed(
      kGcc, Words("-Ia -c m.c"),
      [&] {
        MakeDirectory("a");
        Write("m.c", "#ifdef MINE\nint mine;\n#endif\n");
      },
      [&] { Write("a/stdc-predef.h", "#define MINE\n"); });
}

TEST_F(ClosureRecordTest, HasIncludeTurningTrueIsNoticed) {
  ExpectNotServed(
      kBoth, Words("-Ia -c m.c"),
      [&] {
        MakeDirectory("a");
        Write("m.c", "#if __has_include(<x.h>)\nint x;\n#endif\n");
      },
      [&] { Write("a/x.h", ""); });
}

TEST_F(ClosureRecordTest, HasIncludeTurningFalseIsNoticed) {
  ExpectNotServed(
      kBoth, Words("-Ia -c m.c"),
      [&] {
        Write("a/x.h", "");
        Write("m.c", "#if __has_include(<x.h>)\nint x;\n#endif\n");
      },
      [&] { Remove("a/x.h"); });
}

TEST_F(ClosureRecordTest, HasIncludeOfAHeaderReplacedByADirectoryIsNoticed) {
  ExpectNotServed(
      kBoth, Words("-Ia -c m.c"),
      [&] {
        Write("a/x.h", "");
        Write("m.c", "#if __has_include(<x.h>)\nint x;\n#endif\n");
      },
      [&] {
        Remove("a/x.h");
        MakeDirectory("a/x.h");
      });
}

TEST_F(ClosureRecordTest, HasIncludeAnsweredThroughASymlinkWhoseTargetVanishesIsNoticed) {
  ExpectNotServed(
      kBoth, Words("-Ia -c m.c"),
      [&] {
        Write("real/x.h", "");
        MakeDirectory("a");
        Link("../real/x.h", "a/x.h");
        Write("m.c", "#if __has_include(<x.h>)\nint x;\n#endif\n");
      },
      [&] { Remove("real/x.h"); });
}

TEST_F(ClosureRecordTest, HasIncludeInAFlagIsNoticed) {
  ExpectNotServed(
      kBoth, Words("-DHAVE_X=__has_include(<x.h>) -Ia -c m.c"),
      [&] {
        MakeDirectory("a");
        Write("m.c", "#if HAVE_X\nint x;\n#endif\n");
      },
      [&] { Write("a/x.h", ""); });
}

TEST_F(ClosureRecordTest, HasIncludeAskedThroughAMacroOfAnotherFileIsNoticed) {
  ExpectNotServed(
      kBoth, Words("-Ia -c m.c"),
      [&] {
        MakeDirectory("a");
        Write("has.h", "#define HAS(x) __has_include(x)\n");
        Write("m.c", "#include \"has.h\"\n#if HAS(<x.h>)\nint x;\n#endif\n");
      },
      [&] { Write("a/x.h", ""); });
}

TEST_F(ClosureRecordTest, HasIncludeNextAskedThroughAMacroIsNoticed) {
  // Through a macro clang asks from the start of the search path.
  ExpectNotServed(
      kGcc, Words("-Ia -Ib -c m.c"),
      [&] {
        MakeDirectory("b");
        Write("a/x.h", "#define NEXT(x) __has_include_next(x)\n#if NEXT(<x.h>)\nint x;\n#endif\n");
        Write("m.c", "#include <x.h>\n");
      },
      [&] { Write("b/x.h", ""); });
}

TEST_F(ClosureRecordTest, HasIncludeAskedThroughAPastedNameIsNoticed) {
  ExpectNotServed(
      kBoth, Words("-Ia -c m.c"),
      [&] {
        MakeDirectory("a");
        Write("m.c",
              "#define HAS(kind, x) __has_##kind(x)\n#if HAS(include, <x.h>)\nint x;\n#endif\n");
      },
      [&] { Write("a/x.h", ""); });
}

TEST_F(ClosureRecordTest, HasIncludeNextTurningTrueIsNoticed) {
  ExpectNotServed(
      kBoth, Words("-Ia -Ib -c m.c"),
      [&] {
        MakeDirectory("b");
        Write("a/x.h", "#if __has_include_next(<x.h>)\nint x;\n#endif\n");
        Write("m.c", "#include <x.h>\n");
      },
      [&] { Write("b/x.h", ""); });
}

TEST_F(ClosureRecordTest, HasIncludeBehindACommentOfSeveralLinesIsNoticed) {
  ExpectNotServed(
      kBoth, Words("-Ia -c m.c"),
      [&] {
        MakeDirectory("a");
        Write("m.c", "#if 1 < 2 /* of\nseveral lines */ && __has_include(<x.h>)\nint x;\n#endif\n");
      },
      [&] { Write("a/x.h", ""); });
}

TEST_F(ClosureRecordTest, SymlinkedHeaderRetargetedIsNoticed) {
  ExpectNotServed(
      kBoth, Words("-Ia -c m.c"),
      [&] {
        Write("a/v1.h", "int x = 1;\n");
        Write("a/v2.h", "int x = 2;\n");
        Link("v1.h", "a/x.h");
        Write("m.c", "#include <x.h>\n");
      },
      [&] { Link("v2.h", "a/x.h"); });
}

TEST_F(ClosureRecordTest, SymlinkedDirectoryRetargetedIsNoticed) {
  ExpectNotServed(
      kBoth, Words("-Icurrent -c m.c"),
      [&] {
        Write("v1/x.h", "int x = 1;\n");
        Write("v2/x.h", "int x = 2;\n");
        Link("v1", "current");
        Write("m.c", "#include <x.h>\n");
      },
      [&] { Link("v2", "current"); });
}

TEST_F(ClosureRecordTest, SymlinkedSystemDirectoryTheCompilerPrintsByItsRealNameIsNoticed) {
  // gcc shortens the names of system headers to their real paths where these are shorter.
  const std::string link = cwd_ + "/a/rather/long/way/to/say/where/it/is/current";
  ExpectNotServed(
      kBoth, {"-isystem", link, "-c", "m.c"},
      [&] {
        Write("v1/x.h", "int x = 1;\n");
        Write("v2/x.h", "int x = 2;\n");
        MakeDirectory(path::Dirname(link));
        Link(cwd_ + "/v1", link);
        Write("m.c", "#include <x.h>\n");
      },
      [&] { Link(cwd_ + "/v2", link); });
}

TEST_F(ClosureRecordTest, ComputedIncludeOfAHeaderPrintedByItsRealNameIsNoticed) {
  const std::string link = cwd_ + "/a/rather/long/way/to/say/where/it/is/current";
  ExpectNotServed(
      kBoth, {"-DH=<sub/x.h>", "-isystem", cwd_ + "/first", "-isystem", link, "-c", "m.c"},
      [&] {
        MakeDirectory("first");
        Write("v1/sub/x.h", "int x = 1;\n");
        MakeDirectory(path::Dirname(link));
        Link(cwd_ + "/v1", link);
        Write("m.c", "#include H\n");
      },
      [&] { Write("first/sub/x.h", "int x = 2;\n"); });
}

TEST_F(ClosureRecordTest, CopyThatPragmaOncePassedOverIsNoticedWhenItChanges) {
  // gcc takes files of equal content and time for one; only the first is in its dependency output.
  ExpectNotServed(
      kGcc, Words("-c m.c"),
      [&] {
        Write("a/x.h", "#pragma once\n");
        Write("b/x.h", "#pragma once\n");
        std::filesystem::last_write_time("b/x.h", std::filesystem::last_write_time("a/x.h"));
        Write("m.c", "#include \"a/x.h\"\n#include \"b/x.h\"\n");
      },
      [&] { Write("b/x.h", "#pragma once\nint x;\n"); });
}

TEST_F(ClosureRecordTest, LinkThatPragmaOncePassedOverIsNoticedWhenRetargeted) {
  ExpectNotServed(
      kBoth, Words("-c m.c"),
      [&] {
        Write("a/x.h", "#pragma once\n");
        Write("c/x.h", "int x;\n");
        MakeDirectory("b");
        Link("../a/x.h", "b/x.h");
        Write("m.c", "#include \"a/x.h\"\n#include \"b/x.h\"\n");
      },
      [&] { Link("../c/x.h", "b/x.h"); });
}

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
        Write("m.c", "__asm__(\".inc\" \"bin \\\"x.bin\\\"\");\n");
      },
      [&] { Write("x.bin", "2"); });
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
