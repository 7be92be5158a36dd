#!/usr/bin/env python3
"""Changes to the compiler itself and to the files its flags name."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import direct_mode_case  # noqa: E402
import harness  # noqa: E402

VALUE = "int value(void) { return VALUE; }\n"


class Toolchain:
    def real_compiler(self):
        return os.path.realpath(shutil.which(self.compiler))

    def script(self, name, text):
        path = self.write(name, text)
        path.chmod(0o755)
        return path

    def copy_compiler(self):
        """Makes the driver's own file one of ours; what it calls stays where it is."""
        folder = self.tree / "toolchain/bin"
        folder.mkdir(parents=True)
        (self.tree / "toolchain/lib").symlink_to(
            os.path.dirname(os.path.dirname(self.real_compiler())) + "/lib")
        copy = folder / self.compiler  # the name says which language it compiles
        shutil.copy(self.real_compiler(), copy)
        self.compiler = str(copy)
        return copy

    def program(self, name, *arguments):
        result = subprocess.run([name, *arguments], cwd=self.tree, capture_output=True, timeout=60)
        self.assertEqual(0, result.returncode, result.stderr)
        return result.stdout.decode().strip()

    def test_compiler_script_edited_in_place_with_restored_time_misses(self):
        real = shutil.which(self.compiler)
        script = self.script("bin/" + self.compiler, '#!/bin/sh\nexec %s -DVALUE=1 "$@"\n' % real)
        self.compiler = str(script)
        self.write_source(VALUE)
        self.check("no hit")
        self.check("any")
        before = script.stat()
        self.script("bin/" + script.name, '#!/bin/sh\nexec %s -DVALUE=2 "$@"\n' % real)
        os.utime(script, ns=(before.st_atime_ns, before.st_mtime_ns))
        self.check("no hit")
        self.check("any")

    def test_compiler_script_replaced_by_another_file_misses(self):
        real = shutil.which(self.compiler)
        script = self.script("bin/" + self.compiler, '#!/bin/sh\nexec %s -DVALUE=1 "$@"\n' % real)
        other = self.script("bin/aside", '#!/bin/sh\nexec %s -DVALUE=2 "$@"\n' % real)
        self.compiler = str(script)
        self.write_source(VALUE)
        self.check("no hit")
        self.check("any")
        other.rename(script)
        self.check("no hit")

    def test_compiler_symlink_retargeted_misses(self):
        real = shutil.which(self.compiler)
        for value in (1, 2):
            self.script("bin/%d/%s" % (value, self.compiler),
                        '#!/bin/sh\nexec %s -DVALUE=%d "$@"\n' % (real, value))
        link = self.tree / "bin" / self.compiler
        self.compiler = str(link)
        self.write_source(VALUE)
        for value in (1, 2):
            link.unlink(missing_ok=True)
            link.symlink_to("%d/%s" % (value, link.name))
            self.check("no hit")
            self.check("any")

    def test_another_compiler_put_earlier_on_path_misses(self):
        real = shutil.which(self.compiler)
        path = self.environment["PATH"]
        self.extra_environment = {"PATH": "%s:%s" % (self.tree / "bin", path)}
        self.flags = ["-DDEFAULT=1"]
        self.write_source("#ifndef VALUE\n#define VALUE 1\n#endif\n" + VALUE)
        self.warm()
        script = self.script("bin/" + self.compiler, '#!/bin/sh\nexec %s -DVALUE=2 "$@"\n' % real)
        self.check("no hit")
        script.unlink()
        self.check("hit")

    def test_compiler_binary_replaced_in_place_misses(self):
        # Another file with the same behaviour: what it does can't be known, so it must miss.
        copy = self.copy_compiler()
        self.write_source("int value(void) { return 1; }\n")
        self.warm()
        before = copy.stat()
        aside = copy.parent / "aside"
        shutil.copy(copy, aside)
        with open(aside, "ab") as file:
            file.write(b"\0" * 8)
        os.utime(aside, ns=(before.st_atime_ns, before.st_mtime_ns))
        aside.rename(copy)
        self.check_change()

    def test_compiler_binary_with_a_new_time_but_the_same_content_compiles_alike(self):
        copy = self.copy_compiler()
        self.write_source("int value(void) { return 1; }\n")
        self.warm()
        os.utime(copy, (1000, 1000))
        self.check("any")
        self.check("hit")

    def test_tool_behind_the_driver_changed_misses(self):
        """gcc's cc1 found through -B: the driver's own file stays what it is."""
        if self.is_clang:
            self.skipTest("clang compiles in its own process")
        name = "cc1" if self.language == "C" else "cc1plus"
        real = self.program(self.compiler, "-print-prog-name=" + name)
        self.flags = ["-B" + str(self.tree / "tools") + "/"]
        self.write_source(VALUE)
        for value in (1, 2):
            self.script("tools/" + name, '#!/bin/sh\nexec %s -DVALUE=%d "$@"\n' % (real, value))
            self.check("no hit")
            self.check("any")

    def test_tool_found_through_compiler_path_changed_misses(self):
        if self.is_clang:
            self.skipTest("clang compiles in its own process")
        name = "cc1" if self.language == "C" else "cc1plus"
        real = self.program(self.compiler, "-print-prog-name=" + name)
        self.extra_environment = {"COMPILER_PATH": str(self.tree / "tools")}
        self.write_source(VALUE)
        for value in (1, 2):
            self.script("tools/" + name, '#!/bin/sh\nexec %s -DVALUE=%d "$@"\n' % (real, value))
            self.check("no hit")
            self.check("any")

    def test_assembler_behind_the_driver_changed_misses(self):
        self.flags = ["-B" + str(self.tree / "tools") + "/"]
        if self.is_clang:
            self.flags.append("-fno-integrated-as")
        self.write_source("int value(void) { return 1; }\n")
        for value in (1, 2):
            self.script("tools/as", '#!/bin/sh\nexec /usr/bin/as --defsym added=%d "$@"\n' % value)
            self.check("no hit")
            self.check("any")

    def test_specs_changed_misses(self):
        if self.is_clang:
            self.skipTest("clang has no specs")
        self.flags = ["-specs=my.specs"]
        self.write_source(VALUE)
        for value in (1, 2):
            self.write("my.specs", "%%rename cpp_options old_cpp_options\n"
                                   "*cpp_options:\n-DVALUE=%d %%(old_cpp_options)\n" % value)
            self.check("no hit")
            self.check("any")

    def test_configuration_file_of_clang_changed_misses(self):
        if not self.is_clang:
            self.skipTest("gcc has no configuration files")
        self.flags = ["--config", str(self.tree / "my.cfg")]
        self.write_source(VALUE)
        for value in (1, 2):
            self.write("my.cfg", "-DVALUE=%d\n" % value)
            self.check("no hit")
            self.check("any")

    def test_sanitizer_ignore_list_changed_misses(self):
        if not self.is_clang:
            self.skipTest("gcc has no ignore lists")
        self.flags = ["-fsanitize=address", "-fsanitize-ignorelist=ignore.list"]
        self.write_source("int value(int* p) { return *p; }\n")
        self.write("ignore.list", "fun:other*\n")
        self.check("no hit")
        self.check("any")
        self.write("ignore.list", "fun:*value*\n")
        self.check("no hit")

    def test_profile_data_changed_misses(self):
        self.write_source("int cold(int);\nint value(int x) {\n  if (x > 3) return cold(x) + x * 7;\n"
                          "  return x * 3;\n}\nint cold(int x) { return x - 1; }\n"
                          "int main(int argc, char** argv) { int s = 0; (void)argv;\n"
                          "  for (int i = 0; i < 1000; ++i) s += value(argc * 2);\n"
                          "  return s & 1; }\n")
        self.flags = ["-O2", "-fprofile-use" + ("=main.profdata" if self.is_clang else "")]
        for arguments in ([], ["many", "words"]):
            self.make_profile(arguments)
            self.check("no hit")
            self.check("any")

    def make_profile(self, arguments):
        """Runs an instrumented build of the unit, so that it leaves its profile."""
        for stale in self.tree.glob("*.gcda"):
            stale.unlink()
        command = [self.compiler, "-O2", "-fprofile-generate"]
        if self.is_clang:
            command = [self.compiler, "-O2", "-fprofile-instr-generate=raw.profraw"]
        self.program(*command, "-c", self.source, "-o", "main.o")
        self.program(*command, "main.o", "-o", "instrumented")
        subprocess.run(["./instrumented", *arguments], cwd=self.tree, timeout=60, check=False)
        if self.is_clang:
            self.program("llvm-profdata-14", "merge", "-o", "main.profdata", "raw.profraw")
        (self.tree / "main.o").unlink()

    def test_plugin_changed_misses(self):
        if not self.is_clang:
            self.skipTest("gcc's plugin headers are not among the packages of the tests")
        # A library that is loaded and prints: enough of a plugin to tell two contents apart.
        self.flags = ["-fplugin=" + str(self.tree / "plugin.so")]
        self.write_source("int value(void) { return 1; }\n")
        for word in ("one", "two"):
            self.write("plugin.c", "#include <stdio.h>\n__attribute__((constructor)) static void "
                                   'hello(void) { fputs("%s\\n", stderr); }\n' % word)
            self.program("gcc", "-shared", "-fPIC", "plugin.c", "-o", "plugin.so")
            self.check("no hit")
            self.check("any")

    def test_precompiled_header_appearing_and_changing_is_as_the_compiler_sees_it(self):
        self.write_source('#include "header.h"\nint value(void) { return VALUE; }\n')
        self.write("header.h", "#define VALUE 1\n")
        self.check("miss")
        self.check("hit")
        suffix = "pch" if self.is_clang else "gch"
        language = "c-header" if self.language == "C" else "c++-header"
        precompiled = "header.h." + suffix
        if self.is_clang:
            self.flags = ["-include", "header.h"]
        self.program(self.compiler, "-x", language, "header.h", "-o", precompiled)
        self.check("any")
        self.check("any")
        if self.is_clang:
            return  # a changed header makes clang refuse its precompiled form: nothing to compare
        # gcc takes the precompiled header without a look at the header itself.
        self.write("header.h", "#define VALUE 2\n")
        self.check("any")
        self.program(self.compiler, "-x", language, "header.h", "-o", precompiled)
        self.check("any")
        (self.tree / precompiled).unlink()
        self.check("any")

    def test_folder_of_precompiled_headers_is_as_the_compiler_sees_it(self):
        if self.is_clang:
            self.skipTest("gcc only")
        self.write_source('#include "header.h"\nint value(void) { return VALUE; }\n')
        self.write("header.h", "#define VALUE 1\n")
        self.warm()
        language = "c-header" if self.language == "C" else "c++-header"
        (self.tree / "header.h.gch").mkdir()
        self.write("variant.h", "#define VALUE 3\n")
        self.program(self.compiler, "-x", language, "variant.h", "-o", "header.h.gch/variant")
        self.check("any")
        self.check("any")

    def test_precompiled_header_earlier_on_the_path_is_as_the_compiler_sees_it(self):
        if self.is_clang:
            self.skipTest("gcc only")
        self.flags = ["-Ifirst", "-Isecond"]
        self.write_source("#include <header.h>\nint value(void) { return VALUE; }\n")
        self.write("second/header.h", "#define VALUE 2\n")
        (self.tree / "first").mkdir()
        self.warm()
        language = "c-header" if self.language == "C" else "c++-header"
        self.write("other.h", "#define VALUE 1\n")
        self.program(self.compiler, "-x", language, "other.h", "-o", "first/header.h.gch")
        self.check("any")


direct_mode_case.for_each_compiler(globals(), Toolchain)
del Toolchain

if __name__ == "__main__":
    harness.main()
