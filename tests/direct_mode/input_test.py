#!/usr/bin/env python3
"""Changes to everything else a compile reads: files, environment, flags' files, and races."""

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import direct_mode_case  # noqa: E402
import harness  # noqa: E402

USES_HEADER = '#include "header.h"\nint value(void) { return VALUE; }\n'
USES_SYSTEM_HEADER = "#include <header.h>\nint value(void) { return VALUE; }\n"


class File:
    def test_header_replaced_with_same_size_and_restored_time_misses(self):
        self.write_source(USES_HEADER)
        header = self.write("header.h", "#define VALUE 1\n")
        self.warm()
        before = header.stat()
        aside = self.write("aside.h", "#define VALUE 2\n")
        os.utime(aside, ns=(before.st_atime_ns, before.st_mtime_ns))
        aside.rename(header)
        self.assertEqual(before.st_mtime_ns, header.stat().st_mtime_ns)
        self.check_change()

    def test_header_rewritten_in_place_with_same_size_and_restored_time_misses(self):
        self.write_source(USES_HEADER)
        header = self.write("header.h", "#define VALUE 1\n")
        self.warm()
        before = header.stat()
        self.write("header.h", "#define VALUE 2\n")
        os.utime(header, ns=(before.st_atime_ns, before.st_mtime_ns))
        self.check_change()

    def test_source_replaced_with_same_size_and_restored_time_misses(self):
        self.write_source("int value(void) { return 1; }\n")
        self.warm()
        source = self.tree / self.source
        before = source.stat()
        self.write_source("int value(void) { return 2; }\n")
        os.utime(source, ns=(before.st_atime_ns, before.st_mtime_ns))
        self.check_change()

    def test_header_edited_within_the_clocks_resolution_is_never_stale(self):
        self.write_source(USES_HEADER)
        for value in range(10, 40):
            self.write("header.h", "#define VALUE %d\n" % value)
            self.check("no hit", settled=False)

    def test_header_flipped_back_and_forth_at_once_is_never_stale(self):
        self.write_source(USES_HEADER)
        header = self.write("header.h", "#define VALUE 0\n")
        for turn in range(16):
            with open(header, "r+b") as file:  # same file, same size, maybe the same time
                file.write(b"#define VALUE %d" % (turn % 2))
            self.check("any", settled=False)

    def test_header_edited_while_a_compile_runs_is_never_stale(self):
        # The slow header is read for long enough to change the one behind it meanwhile, and the
        # one before it after it was read.
        self.write("slow.h", "".join("extern int variable_%d;\n" % i for i in range(150000)))
        self.write_source('#include "early.h"\n#include "slow.h"\n#include "late.h"\n'
                          "int value(void) { return EARLY * 1000 + LATE; }\n")
        self.write("early.h", "#define EARLY 100\n")
        self.write("late.h", "#define LATE 100\n")
        command = [harness.HPCC, *self.command()]
        for turn, delay in enumerate((0.0, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3)):
            name = ("early.h", "late.h")[turn % 2]
            macro = name[:-2].upper()
            process = subprocess.Popen(command, cwd=self.tree, env=self.environment,
                                       stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                       stderr=subprocess.DEVNULL)
            time.sleep(delay)
            self.write(name, "#define %s %d\n" % (macro, 200 + turn))
            self.assertEqual(0, process.wait(harness.TIMEOUT))
            self.outputs()
            self.check("any", settled=False)

    def test_header_created_earlier_while_a_compile_runs_is_never_stale(self):
        self.flags = ["-Ifirst", "-Isecond"]
        self.write("slow.h", "".join("extern int variable_%d;\n" % i for i in range(150000)))
        self.write_source('#include <header.h>\n#include "slow.h"\n'
                          "int value(void) { return VALUE; }\n")
        self.write("second/header.h", "#define VALUE 2\n")
        (self.tree / "first").mkdir()
        command = [harness.HPCC, *self.command()]
        for delay in (0.0, 0.03, 0.1, 0.2):
            shutil.rmtree(self.cache, ignore_errors=True)
            process = subprocess.Popen(command, cwd=self.tree, env=self.environment,
                                       stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                       stderr=subprocess.DEVNULL)
            time.sleep(delay)
            created = self.write("first/header.h", "#define VALUE 1\n")
            self.assertEqual(0, process.wait(harness.TIMEOUT))
            self.outputs()
            self.check("any", settled=False)
            created.unlink()
            self.check("any", settled=False)

    def test_forced_include_changed_misses(self):
        self.flags = ["-include", "forced.h"]
        self.write_source("int value(void) { return VALUE; }\n")
        self.write("forced.h", "#define VALUE 1\n")
        self.warm()
        self.write("forced.h", "#define VALUE 2\n")
        self.check_change()

    def test_forced_include_appearing_in_the_working_directory_misses(self):
        self.flags = ["-include", "forced.h", "-Iinclude"]
        self.write_source("int value(void) { return VALUE; }\n")
        self.write("include/forced.h", "#define VALUE 1\n")
        self.warm()
        self.write("forced.h", "#define VALUE 2\n")
        self.check_change()

    def test_forced_macros_changed_misses(self):
        self.flags = ["-imacros", "macros.h"]
        self.write_source("int value(void) { return VALUE; }\n")
        self.write("macros.h", "#define VALUE 1\n")
        self.warm()
        self.write("macros.h", "#define VALUE 2\n")
        self.check_change()

    def test_response_file_changed_misses(self):
        self.flags = ["@flags.rsp"]
        self.write("flags.rsp", "-DVALUE=1\n")
        self.write_source("int value(void) { return VALUE; }\n")
        self.warm()
        self.write("flags.rsp", "-DVALUE=2\n")
        self.check_change()

    def test_import_of_a_changed_header_misses(self):
        self.write_source('#import "header.h"\nint value(void) { return VALUE; }\n')
        self.write("header.h", "#define VALUE 1\n")
        self.check("no hit")
        self.check("any")
        self.write("header.h", "#define VALUE 2\n")
        self.check("no hit")

    def test_dependency_pragma_that_compares_times_is_as_the_compiler_sees_it(self):
        self.write_source('#pragma GCC dependency "grammar.y"\nint value(void) { return 1; }\n')
        grammar = self.write("grammar.y", "")
        os.utime(grammar, (1000, 1000))
        self.check("any")
        self.check("any")
        os.utime(grammar, (2000000000, 2000000000))
        self.check("any")

    def test_embedded_file_changed_misses(self):
        self.write_source('__asm__(".data\\n.globl blob\\nblob: .incbin \\"data.bin\\"\\n");\n')
        self.write("data.bin", b"\x01\x02")
        self.check("no hit")
        self.check("any")
        self.write("data.bin", b"\x03\x04")
        self.check("no hit")

    def test_embedded_file_named_by_pasted_strings_misses(self):
        self.write_source('#define STEP ".inc" "bin "\n'
                          '__asm__(".data\\nblob: " STEP "\\"data.bin\\"\\n");\n')
        self.write("data.bin", b"\x01\x02")
        self.check("any")
        self.check("any")
        self.write("data.bin", b"\x03\x04")
        self.check("any")

    def test_assembly_included_by_inline_assembly_misses(self):
        self.write_source('__asm__(".include \\"more.s\\"\\n");\n')
        self.write("more.s", ".data\n.byte 1\n")
        self.check("no hit")
        self.check("any")
        self.write("more.s", ".data\n.byte 2\n")
        self.check("no hit")

    def test_assembler_source_with_changed_includes_is_as_the_compiler_sees_it(self):
        self.source = "main.S"
        self.write_source('#include "header.h"\n.data\n.byte VALUE\n.include "more.s"\n'
                          '.incbin "data.bin"\n')
        self.write("header.h", "#define VALUE 1\n")
        self.write("more.s", ".byte 1\n")
        self.write("data.bin", b"\x01\x02")
        self.check("any")
        self.check("any")
        self.write("more.s", ".byte 2\n")
        self.check("no hit")
        self.write("data.bin", b"\x03\x04")
        self.check("no hit")
        self.write("header.h", "#define VALUE 2\n")
        self.check("no hit")

    def test_date_and_time_are_never_stale(self):
        for macro in ("__TIME__", "__DATE__"):
            with self.subTest(macro):
                self.write_source("const char* when(void) { return %s; }\n" % macro)
                self.check_time_is_fresh(macro)

    def test_time_in_a_header_is_never_stale(self):
        self.write_source('#include "stamp.h"\nconst char* when(void) { return STAMP; }\n')
        self.write("stamp.h", "#define STAMP __TIME__\n")
        self.check_time_is_fresh("__TIME__")

    def check_time_is_fresh(self, macro):
        """Comparing with a plain compile could straddle a second; so the object's text is read."""
        layout = {"__TIME__": "%H:%M:%S", "__DATE__": "%b %e %Y"}[macro]
        for _ in range(2):
            harness.settle()
            start = time.time()
            outcome, added = self.counting(self.command())
            self.assertEqual(0, outcome.status)
            self.assertEqual(0, added.hits)
            content = self.outputs()["main.o"]
            end = time.time()
            possible = {time.strftime(layout, time.localtime(second))
                        for second in range(int(start), int(end) + 1)}
            self.assertTrue(any(text.encode() in content for text in possible), possible)
            time.sleep(1.1)

    def test_source_date_epoch_is_part_of_what_is_asked(self):
        self.write_source("const char* when(void) { return __DATE__; }\n")
        for day in (1, 200, 1):
            self.extra_environment = {"SOURCE_DATE_EPOCH": str(day * 86400)}
            self.check("any")
            self.check("any")

    def test_timestamp_of_a_touched_source_is_never_stale(self):
        self.write_source("const char* when(void) { return __TIMESTAMP__; }\n")
        for second in (1000000, 2000000):
            os.utime(self.tree / self.source, (second, second))
            self.check("no hit")
            self.check("any")

    def test_timestamp_in_a_touched_header_is_never_stale(self):
        self.write_source('#include "stamp.h"\n')
        header = self.write("stamp.h", "static const char* stamp = __TIMESTAMP__;\n"
                                       "const char* when(void) { return stamp; }\n")
        for second in (1000000, 2000000):
            os.utime(header, (second, second))
            self.check("no hit")
            self.check("any")

    def test_path_as_spelled_reaches_file_macro_and_dependency_file(self):
        (self.tree / "sub").mkdir()
        self.write("main." + self.suffix, "const char* here(void) { return __FILE__; }\n")
        for spelled in ("main", "./main", "sub/../main", str(self.tree / "main")):
            self.source = spelled + "." + self.suffix
            self.check("miss")
            self.check("hit")

    def test_working_directory_reaches_debug_information(self):
        text = "int value(void) { return 1; }\n"
        for folder in ("one", "two"):
            self.write("%s/main.%s" % (folder, self.suffix), text)
        tree = self.tree
        self.flags = ["-g"]
        for folder in ("one", "two"):
            self.tree = tree / folder
            self.check("miss")
            self.check("hit")
        self.tree = tree


class Environment:
    def variable(self):
        return "C_INCLUDE_PATH" if self.language == "C" else "CPLUS_INCLUDE_PATH"

    def other_variable(self):
        return "CPLUS_INCLUDE_PATH" if self.language == "C" else "C_INCLUDE_PATH"

    def test_include_path_variables_set_later_miss(self):
        for name in ("CPATH", self.variable()):
            with self.subTest(name):
                shutil.rmtree(self.cache, ignore_errors=True)
                self.flags = ["-idirafter", "after"]
                self.extra_environment = {}
                self.write_source(USES_SYSTEM_HEADER)
                self.write("after/header.h", "#define VALUE 2\n")
                self.write("by_variable/header.h", "#define VALUE 1\n")
                self.warm()
                self.extra_environment = {name: "by_variable"}
                self.check_change()
                self.extra_environment = {}
                self.check("hit")

    def test_directory_listed_in_a_variable_filled_later_misses(self):
        for name in ("CPATH", self.variable()):
            with self.subTest(name):
                shutil.rmtree(self.cache, ignore_errors=True)
                shutil.rmtree(self.tree / "listed", ignore_errors=True)
                self.flags = ["-idirafter", "after"]
                self.extra_environment = {name: "nowhere:listed"}
                self.write_source(USES_SYSTEM_HEADER)
                self.write("after/header.h", "#define VALUE 2\n")
                self.warm()
                self.write("listed/header.h", "#define VALUE 1\n")
                self.check_change()

    def test_empty_entry_of_cpath_is_the_working_directory(self):
        self.flags = ["-idirafter", "after"]
        self.extra_environment = {"CPATH": "nowhere:"}
        self.write_source(USES_SYSTEM_HEADER)
        self.write("after/header.h", "#define VALUE 2\n")
        self.check("no hit")
        self.check("any")
        self.write("header.h", "#define VALUE 1\n")
        self.check("any")
        self.check("any")

    def test_variable_of_the_other_language_gives_what_the_compiler_gives(self):
        self.flags = ["-idirafter", "after"]
        self.write_source(USES_SYSTEM_HEADER)
        self.write("after/header.h", "#define VALUE 2\n")
        self.write("by_variable/header.h", "#define VALUE 1\n")
        self.warm()
        self.extra_environment = {self.other_variable(): "by_variable"}
        self.check("any")

    def test_language_of_messages_is_kept_apart(self):
        self.flags = ["-Wall"]
        self.write_source("int value(void) { int unused; return 1; }\n")
        for locale in ("C", "C.UTF-8", "C"):
            self.extra_environment = {"LC_ALL": locale}
            self.check("any")
            self.check("hit")

    def test_unrelated_variables_still_hit(self):
        self.write_source("int value(void) { return 1; }\n")
        self.warm()
        self.extra_environment = {"EDITOR": "ed", "MAKEFLAGS": "", "MAKELEVEL": "3", "SHLVL": "4"}
        self.check("hit")


direct_mode_case.for_each_compiler(globals(), File, Environment)
del File, Environment

if __name__ == "__main__":
    harness.main()
