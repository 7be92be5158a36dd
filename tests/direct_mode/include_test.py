#!/usr/bin/env python3
"""Changes to where includes lead: each must miss exactly when the compiler would differ."""

import json
import os
import shutil
import sys
import uuid
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import direct_mode_case  # noqa: E402
import harness  # noqa: E402

USES_HEADER = '#include "header.h"\nint value(void) { return VALUE; }\n'
USES_SYSTEM_HEADER = "#include <header.h>\nint value(void) { return VALUE; }\n"


class Include:
    def test_header_created_in_earlier_include_directory_misses(self):
        self.flags = ["-Ifirst", "-Isecond"]
        self.write_source(USES_SYSTEM_HEADER)
        self.write("second/header.h", "#define VALUE 2\n")
        (self.tree / "first").mkdir()
        self.warm()
        created = self.write("first/header.h", "#define VALUE 1\n")
        self.check_change()
        created.unlink()
        self.check("hit")

    def test_header_created_in_earlier_directory_that_did_not_exist_misses(self):
        self.flags = ["-Ifirst", "-Isecond"]
        self.write_source(USES_SYSTEM_HEADER)
        self.write("second/header.h", "#define VALUE 2\n")
        self.warm()
        self.write("first/header.h", "#define VALUE 1\n")
        self.check_change()
        shutil.rmtree(self.tree / "first")
        self.check("hit")

    def test_header_created_in_nested_directories_that_did_not_exist_misses(self):
        self.flags = ["-Ia/b/c", "-Isecond"]
        self.write_source("#include <x/y/header.h>\nint value(void) { return VALUE; }\n")
        self.write("second/x/y/header.h", "#define VALUE 2\n")
        self.warm()
        (self.tree / "a/b/c").mkdir(parents=True)
        self.check("hit")
        (self.tree / "a/b/c/x").mkdir()
        self.check("hit")
        self.write("a/b/c/x/y/header.h", "#define VALUE 1\n")
        self.check_change()

    def test_header_created_in_earlier_iquote_directory_misses(self):
        self.flags = ["-iquote", "quote", "-Isecond"]
        self.write_source(USES_HEADER)
        self.write("second/header.h", "#define VALUE 2\n")
        self.warm()
        self.write("quote/header.h", "#define VALUE 1\n")
        self.check_change()

    def test_header_created_in_iquote_directory_is_no_matter_to_angle_brackets(self):
        self.flags = ["-iquote", "quote", "-Isecond"]
        self.write_source(USES_SYSTEM_HEADER)
        self.write("second/header.h", "#define VALUE 2\n")
        self.warm()
        self.write("quote/header.h", "#define VALUE 1\n")
        self.check("hit")

    def test_header_created_in_isystem_before_idirafter_misses(self):
        self.flags = ["-idirafter", "after", "-isystem", "system"]
        self.write_source(USES_SYSTEM_HEADER)
        self.write("after/header.h", "#define VALUE 2\n")
        self.warm()
        self.write("system/header.h", "#define VALUE 1\n")
        self.check_change()

    def test_header_created_in_builtin_directory_before_idirafter_misses(self):
        name = "hpcc-test-%s.h" % uuid.uuid4()
        installed = Path("/usr/local/include") / name
        if not os.access(installed.parent, os.W_OK):
            self.skipTest("%s is not writable" % installed.parent)
        self.flags = ["-idirafter", "after"]
        self.write_source("#include <%s>\nint value(void) { return VALUE; }\n" % name)
        self.write("after/" + name, "#define VALUE 2\n")
        self.warm()
        self.addCleanup(lambda: installed.unlink(missing_ok=True))
        installed.write_text("#define VALUE 1\n")
        self.check_change()
        installed.unlink()
        self.check("hit")

    def test_header_created_in_sysroot_misses(self):
        self.flags = ["--sysroot=" + str(self.tree / "root"), "-idirafter", "after"]
        self.write_source(USES_SYSTEM_HEADER)
        self.write("after/header.h", "#define VALUE 2\n")
        (self.tree / "root").mkdir()
        self.warm()
        self.write("root/usr/include/header.h", "#define VALUE 1\n")
        self.check("any")
        self.check("hit")

    def test_header_created_beside_the_including_file_misses(self):
        self.flags = ["-Iinclude", "-Iother"]
        self.write_source("#include <sub/outer.h>\nint value(void) { return VALUE; }\n")
        self.write("include/sub/outer.h", '#include "header.h"\n')
        self.write("other/header.h", "#define VALUE 2\n")
        self.warm()
        self.write("include/sub/header.h", "#define VALUE 1\n")
        self.check_change()

    def test_header_created_beside_the_source_misses(self):
        self.flags = ["-Iother"]
        self.write_source(USES_HEADER)
        self.write("other/header.h", "#define VALUE 2\n")
        self.warm()
        self.write("header.h", "#define VALUE 1\n")
        self.check_change()

    def test_header_created_beside_a_source_in_another_folder_misses(self):
        self.source = "deep/er/unit." + self.suffix
        self.flags = ["-Iother"]
        self.write_source(USES_HEADER)
        self.write("other/header.h", "#define VALUE 2\n")
        self.warm()
        self.write("header.h", "#define VALUE 3\n")
        self.check("hit")
        self.write("deep/er/header.h", "#define VALUE 1\n")
        self.check_change()

    def test_only_the_innermost_includer_is_searched_as_the_compiler_does(self):
        self.flags = ["-Iinclude", "-Iother"]
        self.source = "src/unit." + self.suffix
        self.write_source("#include <outer.h>\nint value(void) { return VALUE; }\n")
        self.write("include/outer.h", '#include "header.h"\n')
        self.write("other/header.h", "#define VALUE 2\n")
        self.warm()
        self.write("src/header.h", "#define VALUE 1\n")
        self.check("hit")

    def test_folder_with_the_headers_name_created_earlier_is_as_the_compiler_sees_it(self):
        self.flags = ["-Ifirst", "-Isecond"]
        self.write_source(USES_SYSTEM_HEADER)
        self.write("second/header.h", "#define VALUE 2\n")
        self.warm()
        (self.tree / "first/header.h").mkdir(parents=True)
        self.check("any")

    def test_dangling_symlink_created_earlier_is_as_the_compiler_sees_it(self):
        self.flags = ["-Ifirst", "-Isecond"]
        self.write_source(USES_SYSTEM_HEADER)
        self.write("second/header.h", "#define VALUE 2\n")
        (self.tree / "first").mkdir()
        self.warm()
        (self.tree / "first/header.h").symlink_to("../elsewhere.h")
        self.check("any")
        self.write("elsewhere.h", "#define VALUE 1\n")
        self.check("miss")

    def test_has_include_turning_true_and_false_misses(self):
        self.write_source('#if __has_include("optional.h")\n#include "optional.h"\n#else\n'
                          "#define VALUE 0\n#endif\nint value(void) { return VALUE; }\n")
        self.warm()
        optional = self.write("optional.h", "#define VALUE 1\n")
        self.check_change()
        optional.unlink()
        self.check("hit")
        self.write("optional.h", "#define VALUE 1\n")
        self.check("hit")

    def test_has_include_that_is_never_included_misses(self):
        self.flags = ["-Ifirst", "-Isecond"]
        self.write_source("#if __has_include(<optional.h>)\nint there = 1;\n#else\nint there = 0;\n"
                          "#endif\n")
        self.warm()
        optional = self.write("second/optional.h", "")
        self.check_change()
        optional.unlink()
        self.check("hit")

    def test_has_include_in_a_header_misses(self):
        self.flags = ["-Iinclude"]
        self.write_source('#include "outer.h"\nint value(void) { return VALUE; }\n')
        self.write("include/outer.h",
                   "#if defined(__has_include)\n#  if __has_include ( \"deep/optional.h\" )\n"
                   "#    define VALUE 1\n#  endif\n#endif\n#ifndef VALUE\n#  define VALUE 0\n#endif\n")
        self.warm()
        self.write("include/deep/optional.h", "")
        self.check_change()

    def test_has_include_of_a_macro_misses(self):
        self.flags = ['-DNAME="optional.h"']
        self.write_source("#if __has_include(NAME)\nint there = 1;\n#else\nint there = 0;\n#endif\n")
        self.check("no hit")
        self.check("any")
        self.write("optional.h", "")
        self.check("no hit")

    def test_has_include_spliced_over_lines_misses(self):
        self.write_source('#if __has_\\\ninclude("optional.h")\nint there = 1;\n#else\n'
                          "int there = 0;\n#endif\n")
        self.check("no hit")
        self.check("any")
        self.write("optional.h", "")
        self.check("no hit")

    def test_has_include_behind_a_macro_of_another_name_misses(self):
        self.write_source("#define PRESENT(x) __has_include(x)\n"
                          '#if PRESENT("optional.h")\nint there = 1;\n#else\nint there = 0;\n#endif\n')
        self.check("no hit")
        self.check("any")
        self.write("optional.h", "")
        self.check("no hit")

    def test_has_include_built_by_token_pasting_is_as_the_compiler_sees_it(self):
        self.write_source("#define GLUE(a, b) a##b\n#if GLUE(__has_, include)(\"optional.h\")\n"
                          "int there = 1;\n#else\nint there = 0;\n#endif\n")
        self.check("any")
        self.check("any")
        self.write("optional.h", "")
        self.check("any")

    def test_has_include_given_by_a_define_flag_misses(self):
        self.flags = ["-DPRESENT=__has_include"]
        self.write_source('#if PRESENT("optional.h")\nint there = 1;\n#else\nint there = 0;\n#endif\n')
        self.check("any")
        self.check("any")
        self.write("optional.h", "")
        self.check("any")

    def test_has_include_next_turning_true_and_false_misses(self):
        self.flags = ["-Ifirst", "-Isecond"]
        self.write_source("#include <header.h>\nint value(void) { return VALUE; }\n")
        self.write("first/header.h", "#if __has_include_next(<header.h>)\n#define VALUE 1\n"
                                     "#else\n#define VALUE 0\n#endif\n")
        self.warm()
        following = self.write("second/header.h", "")
        self.check_change()
        following.unlink()
        self.check("hit")

    def test_macro_computed_include_misses(self):
        self.flags = ["-Ifirst", "-Isecond"]
        self.write_source("#define NAME <header.h>\n#include NAME\n"
                          "int value(void) { return VALUE; }\n")
        self.write("second/header.h", "#define VALUE 2\n")
        self.check("no hit")
        self.check("any")
        self.write("first/header.h", "#define VALUE 1\n")
        self.check("no hit")
        self.check("any")

    def test_stringified_include_misses(self):
        self.flags = ["-Ifirst", "-Isecond", "-DVARIANT=header"]
        self.write_source("#define TEXT2(x) #x\n#define TEXT(x) TEXT2(x)\n"
                          "#include TEXT(VARIANT.h)\nint value(void) { return VALUE; }\n")
        self.write("second/header.h", "#define VALUE 2\n")
        self.check("no hit")
        self.check("any")
        self.write("first/header.h", "#define VALUE 1\n")
        self.check("no hit")

    def test_computed_include_that_changes_its_mind_misses(self):
        self.write_source('#include "config.h"\n#include CHOSEN\nint value(void) { return VALUE; }\n')
        self.write("config.h", '#define CHOSEN "one.h"\n')
        self.write("one.h", "#define VALUE 1\n")
        self.write("two.h", "#define VALUE 2\n")
        self.check("no hit")
        self.check("any")
        self.write("config.h", '#define CHOSEN "two.h"\n')
        self.check("no hit")

    def test_include_next_chain_that_gains_and_loses_a_link_misses(self):
        self.flags = ["-Ia", "-Ib", "-Ic"]
        self.write_source("#include <chain.h>\nint value(void) { return VALUE; }\n")
        self.write("a/chain.h", "#include_next <chain.h>\n")
        self.write("c/chain.h", "#ifndef VALUE\n#define VALUE 3\n#endif\n")
        (self.tree / "b").mkdir()
        self.warm()
        link = self.write("b/chain.h", "#define VALUE 2\n#include_next <chain.h>\n")
        self.check_change()
        link.unlink()
        self.check("hit")

    def test_include_next_in_a_quoted_chain_misses(self):
        self.flags = ["-Ia", "-Ib", "-Ic"]
        self.write_source('#include "chain.h"\nint value(void) { return VALUE; }\n')
        self.write("a/chain.h", '#include_next "chain.h"\n')
        self.write("c/chain.h", "#define VALUE 3\n")
        self.warm()
        self.write("b/chain.h", "#define VALUE 2\n")
        self.check_change()

    def test_include_reached_through_dot_dot_misses(self):
        self.write_source('#include "sub/../header.h"\nint value(void) { return VALUE; }\n')
        self.write("header.h", "#define VALUE 2\n")
        (self.tree / "sub").mkdir()
        self.write("far/header.h", "#define VALUE 1\n")
        (self.tree / "far/inner").mkdir()
        self.warm()
        (self.tree / "sub").rmdir()
        (self.tree / "sub").symlink_to("far/inner")
        self.check_change()

    def test_symlinked_header_retargeted_misses(self):
        self.write_source(USES_HEADER)
        self.write("one.h", "#define VALUE 1\n")
        self.write("two.h", "#define VALUE 2\n")
        self.retarget("header.h", "one.h")
        self.warm()
        self.retarget("header.h", "two.h")
        self.check_change()
        self.retarget("header.h", "one.h")
        self.check("hit")

    def test_symlinked_directory_retargeted_misses(self):
        self.flags = ["-Icurrent"]
        self.write_source(USES_SYSTEM_HEADER)
        self.write("one/header.h", "#define VALUE 1\n")
        self.write("two/header.h", "#define VALUE 2\n")
        self.retarget("current", "one")
        self.warm()
        self.retarget("current", "two")
        self.check_change()
        self.retarget("current", "one")
        self.check("hit")

    def test_symlinked_directory_retargeted_to_one_without_the_header_misses(self):
        self.flags = ["-Icurrent", "-Ilater"]
        self.write_source(USES_SYSTEM_HEADER)
        self.write("later/header.h", "#define VALUE 2\n")
        self.write("one/header.h", "#define VALUE 1\n")
        (self.tree / "empty").mkdir()
        self.retarget("current", "empty")
        self.warm()
        self.retarget("current", "one")
        self.check_change()
        self.retarget("current", "empty")
        self.check("hit")

    def test_symlinked_source_retargeted_misses(self):
        self.write("one.txt", "int value(void) { return 1; }\n")
        self.write("two.txt", "int value(void) { return 2; }\n")
        self.retarget(self.source, "one.txt")
        self.warm()
        self.retarget(self.source, "two.txt")
        self.check_change()

    def test_source_symlinked_from_elsewhere_finds_quotes_where_the_compiler_does(self):
        self.write("real/unit." + self.suffix, USES_HEADER)
        self.write("real/header.h", "#define VALUE 9\n")
        self.write("header.h", "#define VALUE 2\n")
        (self.tree / self.source).symlink_to("real/unit." + self.suffix)
        self.warm()
        self.write("header.h", "#define VALUE 3\n")
        self.check_change()

    def retarget(self, name, target):
        aside = self.tree / "aside"
        aside.symlink_to(target)
        aside.rename(self.tree / name)

    def test_header_deleted_fails_as_the_compiler_does(self):
        self.write_source(USES_HEADER)
        header = self.write("header.h", "#define VALUE 1\n")
        self.warm()
        header.unlink()
        self.check_fails()
        self.check_fails()
        self.write("header.h", "#define VALUE 1\n")
        self.check("hit")

    def test_header_deleted_with_another_further_on_misses(self):
        self.flags = ["-Ifirst", "-Isecond"]
        self.write_source(USES_SYSTEM_HEADER)
        first = self.write("first/header.h", "#define VALUE 1\n")
        self.write("second/header.h", "#define VALUE 2\n")
        self.warm()
        first.unlink()
        self.check_change()

    def test_include_directory_deleted_misses(self):
        self.flags = ["-Ifirst", "-Isecond"]
        self.write_source(USES_SYSTEM_HEADER)
        self.write("first/header.h", "#define VALUE 1\n")
        self.write("second/header.h", "#define VALUE 2\n")
        self.warm()
        shutil.rmtree(self.tree / "first")
        self.check_change()

    def test_branch_switching_back_and_forth_hits_both(self):
        self.flags = ["-Iinclude"]
        branches = ({"include/header.h": "#define VALUE 1\n", "include/only_one.h": ""},
                    {"include/header.h": "#define VALUE 2\n#include \"more.h\"\n",
                     "include/more.h": "#define MORE 1\n"})
        self.write_source(USES_HEADER)

        def switch(branch):
            shutil.rmtree(self.tree / "include", ignore_errors=True)
            for name, content in branch.items():
                self.write(name, content)

        for branch in branches:
            switch(branch)
            self.warm()
        for _ in range(3):
            for branch in branches:
                switch(branch)
                self.check("hit")

    def test_unrelated_changes_still_hit(self):
        self.flags = ["-Ifirst", "-Isecond", "-Ithird"]
        self.write_source(USES_HEADER)
        self.write("second/header.h", "#define VALUE 1\n")
        (self.tree / "first").mkdir()
        self.warm()
        self.write("unrelated.h", "#define VALUE 7\n")
        self.check("hit")
        self.write("first/other.h", "#define VALUE 8\n")
        self.check("hit")
        self.write("second/never_included.h", "#define VALUE 9\n")
        self.check("hit")
        self.write("second/never_included.h", "#define VALUE 10\n")
        self.check("hit")
        self.write("third/header.h", "#define VALUE 3\n")
        self.check("hit")
        self.write("elsewhere/header.h", "#define VALUE 4\n")
        self.check("hit")

    def test_touched_and_rewritten_files_with_the_same_content_still_hit(self):
        self.write_source(USES_HEADER)
        header = self.write("header.h", "#define VALUE 1\n")
        self.warm()
        os.utime(header)
        self.check("hit")
        os.utime(self.tree / self.source, (1, 1))
        self.check("hit")
        self.write("aside.h", "#define VALUE 1\n").rename(header)
        self.check("hit")
        header.chmod(0o600)
        self.check("hit")

    def test_edited_comment_in_a_header_misses_and_compiles_alike(self):
        self.write_source(USES_HEADER)
        self.write("header.h", "// one\n#define VALUE 1\n")
        self.warm()
        self.write("header.h", "// two\n#define VALUE 1\n")
        self.check("no hit")
        self.check("hit")

    def test_system_headers_are_found_and_hit(self):
        self.write_source("#include <stdio.h>\n#include <stdlib.h>\n"
                          "int value(void) { return EXIT_FAILURE + BUFSIZ; }\n")
        self.warm()

    def test_standard_library_of_cxx20_hits_without_a_preprocessor(self):
        if self.language == "C":
            self.skipTest("C++ only")
        self.flags = ["-std=c++20"]
        self.write_source("#include <algorithm>\n#include <ranges>\n#include <string>\n"
                          "void sort(std::string& text) { std::ranges::sort(text); }\n")
        self.warm()
        if not harness.Statistics.exact:
            return
        numbers = json.loads(self.run_command([harness.HPCC, "stats", "--json"]).stdout)
        self.assertEqual((1, 0), (numbers["direct_hits"], numbers["preprocessed_hits"]))

    def test_once_only_twins_are_as_the_compiler_sees_them(self):
        """gcc takes two files of equal content, size and time for one file: #pragma once."""
        self.write_source('#include "a/twin.h"\n#include "b/twin.h"\nint value(void) '
                          "{ return __COUNTER__; }\n")
        twin = "#pragma once\nenum { CAT(once_, __COUNTER__) = 1 };\n"
        self.flags = ["-DCAT2(a,b)=a##b", "-DCAT(a,b)=CAT2(a,b)"]
        first, second = self.write("a/twin.h", twin), self.write("b/twin.h", twin)
        os.utime(first, (1000, 1000))
        os.utime(second, (2000, 2000))
        self.check("any")
        self.check("any")
        os.utime(second, (1000, 1000))
        self.check("any")


class MsvcInclude(direct_mode_case.DirectModeTest):
    """cl and clang-cl look for a quoted include beside every file of the include stack."""
    suffix = "cc"

    def setUp(self):
        super().setUp()
        self.source = "src/main.cc"
        self.flags = ["/Iinclude"]
        self.write_source('#include "../other/outer.h"\n')

    def command(self):
        return ["clang-cl-14", "--target=x86_64-pc-windows-msvc", "/Brepro", "/clang:-MD",
                "/clang:-MF", "/clang:main.d", *self.flags, "/c", self.source, "/Fomain.o"]

    def test_header_created_beside_an_outer_file_of_the_stack_misses(self):
        self.write("other/outer.h", '#include "header.h"\nint value() { return VALUE; }\n')
        self.write("include/header.h", "#define VALUE 3\n")
        self.warm()
        outer = self.write("src/header.h", "#define VALUE 2\n")
        self.check_change()
        inner = self.write("other/header.h", "#define VALUE 1\n")
        self.check_change()
        inner.unlink()
        self.check("hit")
        outer.unlink()
        self.check("hit")

    def test_has_include_beside_an_outer_file_of_the_stack_misses(self):
        self.write("other/outer.h", '#if __has_include("header.h")\nint there = 1;\n#else\n'
                                    "int there = 0;\n#endif\n")
        self.warm()
        created = self.write("src/header.h", "")
        self.check_change()
        created.unlink()
        self.check("hit")


direct_mode_case.for_each_compiler(globals(), Include)
del Include

if __name__ == "__main__":
    harness.main()
