#include "base/path.h"
#include "cache/closure_record_test_support.h"

// Changes to where names lead: what is looked for is found elsewhere, or no longer, or now.

namespace hpcc {
namespace {

class ClosureSearchTest : public ClosureRecordTest {};

TEST_F(ClosureSearchTest, HeaderAppearingInEarlierDirectoryIsNoticed) {
  ExpectNotServed(
      kBoth, Words("-Ia -Ib -c m.c"),
      [&] {
        MakeDirectory("a");
        Write("b/x.h", "int x = 1;\n");
        Write("m.c", "#include <x.h>\n");
      },
      [&] { Write("a/x.h", "int x = 2;\n"); });
}

TEST_F(ClosureSearchTest, HeaderAppearingInEarlierDirectoryThatWasMissingIsNoticed) {
  ExpectNotServed(
      kBoth, Words("-Ia/b/c -Ib -c m.c"),
      [&] {
        Write("b/x.h", "int x = 1;\n");
        Write("m.c", "#include <x.h>\n");
      },
      [&] { Write("a/b/c/x.h", "int x = 2;\n"); });
}

TEST_F(ClosureSearchTest, EarlierDirectoryThatWasADanglingSymlinkIsNoticed) {
  ExpectNotServed(
      kBoth, Words("-Ia -Ib -c m.c"),
      [&] {
        Link("nowhere", "a");
        Write("b/x.h", "int x = 1;\n");
        Write("m.c", "#include <x.h>\n");
      },
      [&] { Write("nowhere/x.h", "int x = 2;\n"); });
}

TEST_F(ClosureSearchTest, EarlierDirectoryThatWasAFileIsNoticed) {
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

TEST_F(ClosureSearchTest, SymlinkedEarlierDirectoryRetargetedIsNoticed) {
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

TEST_F(ClosureSearchTest, SearchDirectoryNamedTwiceAndThenRetargetedIsNoticed) {
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

TEST_F(ClosureSearchTest, SearchDirectoryThatWasASystemDirectoryTooAndThenRetargetedIsNoticed) {
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

TEST_F(ClosureSearchTest, SearchDirectoryThatBecomesASystemDirectoryTooIsNoticed) {
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

TEST_F(ClosureSearchTest, HeaderAppearingBesideTheIncludingFileIsNoticed) {
  ExpectNotServed(
      kBoth, Words("-Ia -c src/m.c"),
      [&] {
        Write("a/x.h", "int x = 1;\n");
        Write("src/m.c", "#include \"x.h\"\n");
      },
      [&] { Write("src/x.h", "int x = 2;\n"); });
}

TEST_F(ClosureSearchTest, HeaderBesideAnOuterFileIsNoticedWhereClangSearchesLikeMsvc) {
  ExpectNotServed(
      kClang, Words("-fms-compatibility -Iinc -c m.c"),
      [&] {
        Write("a/outer.h", "#include \"x.h\"\n");
        Write("inc/x.h", "int x = 1;\n");
        Write("m.c", "#include \"a/outer.h\"\n");
      },
      [&] { Write("x.h", "int x = 2;\n"); });
}

TEST_F(ClosureSearchTest, HeaderThatAnAliasStandsForIsNoticedInAnEarlierDirectory) {
  ExpectNotServed(
      kClang, Words("-fms-extensions -Ia -Ib -c m.c"),
      [&] {
        MakeDirectory("a");
        Write("b/y.h", "int x = 1;\n");
        Write("m.c", "#pragma include_alias(\"x.h\", \"y.h\")\n#include \"x.h\"\n");
      },
      [&] { Write("a/y.h", "int x = 2;\n"); });
}

TEST_F(ClosureSearchTest, HeaderAppearingInAQuoteDirectoryIsNoticed) {
  ExpectNotServed(
      kBoth, Words("-iquote q -Ia -c m.c"),
      [&] {
        Write("a/x.h", "int x = 1;\n");
        Write("m.c", "#include \"x.h\"\n");
      },
      [&] { Write("q/x.h", "int x = 2;\n"); });
}

TEST_F(ClosureSearchTest, HeaderBetweenTwoOfAnIncludeNextChainIsNoticed) {
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

TEST_F(ClosureSearchTest, HeaderForAComputedIncludeInEarlierDirectoryIsNoticed) {
  ExpectNotServed(
      kBoth, Words("-DH=<sub/x.h> -Ia -Ib -c m.c"),
      [&] {
        MakeDirectory("a");
        Write("b/sub/x.h", "int x = 1;\n");
        Write("m.c", "#include H\n");
      },
      [&] { Write("a/sub/x.h", "int x = 2;\n"); });
}

TEST_F(ClosureSearchTest, ForcedIncludeShadowedInTheWorkingDirectoryIsNoticed) {
  ExpectNotServed(
      kBoth, Words("-Ib -include x.h -c m.c"),
      [&] {
        Write("b/x.h", "int x = 1;\n");
        Write("m.c", "int m;\n");
      },
      [&] { Write("x.h", "int x = 2;\n"); });
}

TEST_F(ClosureSearchTest, HeaderTheCompilerIncludesByItselfIsNoticedInAnEarlierDirectory) {
  // gcc reads <stdc-predef.h> before the first line of every unit, along the whole search path.
  ExpectNotServed(
      kGcc, Words("-Ia -c m.c"),
      [&] {
        MakeDirectory("a");
        Write("m.c", "#ifdef MINE\nint mine;\n#endif\n");
      },
      [&] { Write("a/stdc-predef.h", "#define MINE\n"); });
}

TEST_F(ClosureSearchTest, HasIncludeTurningTrueIsNoticed) {
  ExpectNotServed(
      kBoth, Words("-Ia -c m.c"),
      [&] {
        MakeDirectory("a");
        Write("m.c", "#if __has_include(<x.h>)\nint x;\n#endif\n");
      },
      [&] { Write("a/x.h", ""); });
}

TEST_F(ClosureSearchTest, HasIncludeTurningFalseIsNoticed) {
  ExpectNotServed(
      kBoth, Words("-Ia -c m.c"),
      [&] {
        Write("a/x.h", "");
        Write("m.c", "#if __has_include(<x.h>)\nint x;\n#endif\n");
      },
      [&] { Remove("a/x.h"); });
}

TEST_F(ClosureSearchTest, HasIncludeOfAHeaderReplacedByADirectoryIsNoticed) {
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

TEST_F(ClosureSearchTest, HasIncludeAnsweredThroughASymlinkWhoseTargetVanishesIsNoticed) {
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

TEST_F(ClosureSearchTest, HasIncludeInAFlagIsNoticed) {
  ExpectNotServed(
      kBoth, Words("-DHAVE_X=__has_include(<x.h>) -Ia -c m.c"),
      [&] {
        MakeDirectory("a");
        Write("m.c", "#if HAVE_X\nint x;\n#endif\n");
      },
      [&] { Write("a/x.h", ""); });
}

TEST_F(ClosureSearchTest, HasIncludeAskedThroughAMacroOfAnotherFileIsNoticed) {
  ExpectNotServed(
      kBoth, Words("-Ia -c m.c"),
      [&] {
        MakeDirectory("a");
        Write("has.h", "#define HAS(x) __has_include(x)\n");
        Write("m.c", "#include \"has.h\"\n#if HAS(<x.h>)\nint x;\n#endif\n");
      },
      [&] { Write("a/x.h", ""); });
}

TEST_F(ClosureSearchTest, HasIncludeNextAskedThroughAMacroIsNoticed) {
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

TEST_F(ClosureSearchTest, HasIncludeAskedThroughAPastedNameIsNoticed) {
  ExpectNotServed(
      kBoth, Words("-Ia -c m.c"),
      [&] {
        MakeDirectory("a");
        Write("m.c",
              "#define HAS(kind, x) __has_##kind(x)\n#if HAS(include, <x.h>)\nint x;\n#endif\n");
      },
      [&] { Write("a/x.h", ""); });
}

TEST_F(ClosureSearchTest, HasIncludeNextTurningTrueIsNoticed) {
  ExpectNotServed(
      kBoth, Words("-Ia -Ib -c m.c"),
      [&] {
        MakeDirectory("b");
        Write("a/x.h", "#if __has_include_next(<x.h>)\nint x;\n#endif\n");
        Write("m.c", "#include <x.h>\n");
      },
      [&] { Write("b/x.h", ""); });
}

TEST_F(ClosureSearchTest, HasIncludeBehindACommentOfSeveralLinesIsNoticed) {
  ExpectNotServed(
      kBoth, Words("-Ia -c m.c"),
      [&] {
        MakeDirectory("a");
        Write("m.c", "#if 1 < 2 /* of\nseveral lines */ && __has_include(<x.h>)\nint x;\n#endif\n");
      },
      [&] { Write("a/x.h", ""); });
}

TEST_F(ClosureSearchTest, SymlinkedHeaderRetargetedIsNoticed) {
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

TEST_F(ClosureSearchTest, SymlinkedDirectoryRetargetedIsNoticed) {
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

TEST_F(ClosureSearchTest, SymlinkedSystemDirectoryTheCompilerPrintsByItsRealNameIsNoticed) {
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

TEST_F(ClosureSearchTest, ComputedIncludeOfAHeaderPrintedByItsRealNameIsNoticed) {
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

TEST_F(ClosureSearchTest, CopyThatPragmaOncePassedOverIsNoticedWhenItChanges) {
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

TEST_F(ClosureSearchTest, LinkThatPragmaOncePassedOverIsNoticedWhenRetargeted) {
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

}  // namespace
}  // namespace hpcc
