#!/usr/bin/env python3
"""The commands a user types: what they print, and how a wrong configuration stops each of them."""

import json
import os
import shutil
import subprocess
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import harness  # noqa: E402

SOURCE = '#include "header.h"\nint value(void) { return VALUE; }\n'
COMPILE = ["gcc", "-c", "unit.c", "-o", "unit.o"]

# Types each argument and a tab behind "hpcc " into an interactive zsh, whose hpcc prints its words
# in angle brackets; prints what is between these, a line each.
TYPE_INTO_ZSH = r"""
zmodload zsh/zpty
zpty line zsh -f -i
zpty -w line 'PS1=; fpath=($PWD/functions $fpath); autoload -Uz compinit; compinit -D -u
hpcc() print -r -- "<$*>"; print rea""dy'
zpty -r line output '*ready*'
for typed; do
  zpty -n -w line "hpcc $typed"$'\t\n'
  zpty -r line output '*<*>*'
  print -r -- "${${output##*<}%%>*}"
done
"""


class CommandTest(harness.CacheTest):
    def setUp(self):
        super().setUp()
        self.write("unit.c", SOURCE)
        self.write("header.h", "#define VALUE 1\n")
        harness.settle()

    def hpcc(self, *arguments, status=0, **environment):
        outcome = self.run_command([harness.HPCC, *arguments], environment)
        self.assertEqual(status, outcome.status, "hpcc %s: %s" % (
            " ".join(arguments), outcome.stderr.decode(errors="replace")))
        return outcome.stdout.decode()

    def json_of(self, *arguments, **options):
        return json.loads(self.hpcc(*arguments, "--json", **options))

    def compile(self, *flags):
        outcome = self.cached([*COMPILE, *flags])
        self.assertEqual(0, outcome.status, outcome.stderr)


class Configuration(CommandTest):
    COMMANDS = (["stats"], ["stats", "--json"], ["stats", "--zero"], ["clean"], ["clean", "--all"],
                ["inspect", "unit.o"], ["explain", "unit.c"], ["config"], ["doctor"], ["version"],
                ["wrap", *COMPILE], COMPILE)
    # file content, line, key or word the message must name
    WRONG = {
        "unknown key": ('source_mode = "direct"\nsorce_mode = "direct"\n', 2, "sorce_mode"),
        "unknown key of a block": ('[[cache]]\ntype = "disk"\nmaxsize = "1G"\n', 3, "maxsize"),
        "unknown table": ("\n\n[chache]\n", 3, "chache"),
        "wrong type": ("disable = 7\n", 1, "disable"),
        "wrong value": ('\nsource_mode = "fast"\n', 2, "source_mode"),
        "wrong size": ('[[cache]]\nmax_size = "10 bananas"\n', 2, "max_size"),
        "negative size": ('[[cache]]\nmax_size = -5\n', 2, "max_size"),
        "unknown store": ('[[cache]]\n\ntype = "floppy"\n', 3, "type"),
        "syntax": ('disable = true\nsource_mode = \n', 2, ""),
        "not closed": ('disable = true\n[[cache]\n', 2, ""),
        "twice": ('disable = true\ndisable = false\n', 2, "disable"),
    }

    def check_stops(self, command, environment, *words):
        outcome = self.run_command([harness.HPCC, *command], environment)
        message = outcome.stderr.decode(errors="replace")
        self.assertNotEqual(0, outcome.status, "%s: %s" % (command, message))
        for word in words:
            self.assertIn(word, message, command)
        self.assertFalse((self.tree / "unit.o").exists(), "the compiler was run all the same")

    def test_wrong_file_stops_every_command_with_file_line_and_key(self):
        path = self.home / ".config/hpcc/config.toml"
        path.parent.mkdir(parents=True)
        for name, (content, line, key) in self.WRONG.items():
            path.write_text(content)
            for command in self.COMMANDS if name == "unknown key" else self.COMMANDS[-2:]:
                with self.subTest(name, command=command):
                    self.check_stops(command, {}, "%s:%d" % (path, line), key)

    def test_file_named_by_the_environment_is_read_and_stops_as_well(self):
        path = self.write("my.toml", "\nwrong = 1\n")
        for command in self.COMMANDS:
            with self.subTest(command):
                self.check_stops(command, {"HPCC_CONFIG": str(path)}, "my.toml:2", "wrong")

    def test_file_named_by_the_environment_must_exist(self):
        for command in self.COMMANDS:
            with self.subTest(command):
                self.check_stops(command, {"HPCC_CONFIG": "/no/such/file.toml"},
                                 "/no/such/file.toml")

    def test_wrong_variables_stop_every_command(self):
        for name, value in (("HPCC_MAX_SIZE", "many"), ("HPCC_DISABLE", "perhaps"),
                            ("HPCC_SOURCE_MODE", "fast"), ("HPCC_READ_ONLY", "2"),
                            ("HPCC_COMPRESSION", "zip")):
            for command in (["stats"], ["config"], ["doctor"], COMPILE):
                with self.subTest(name, command=command):
                    self.check_stops(command, {name: value}, name)

    def test_right_file_says_where_the_cache_is(self):
        del self.environment["HPCC_CACHE_DIR"]
        place = self.folder / "elsewhere"
        self.write("my.toml", '[[cache]]\ntype = "disk"\nlocation = "%s"\nmax_size = "1G"\n' % place)
        self.environment["HPCC_CONFIG"] = str(self.tree / "my.toml")
        self.compile()
        self.compile()
        self.assertEqual(1, self.json_of("stats")["hits"])
        self.assertTrue(any(place.iterdir()))
        self.assertIn(str(place), self.hpcc("config"))
        self.assertIn("my.toml", self.hpcc("config"))

    def test_default_place_is_the_users_cache_folder(self):
        del self.environment["HPCC_CACHE_DIR"]
        self.compile()
        self.assertTrue((self.home / ".cache/hpcc").is_dir())
        self.environment["XDG_CACHE_HOME"] = str(self.folder / "xdg")
        self.compile()
        self.assertTrue((self.folder / "xdg/hpcc").is_dir())

    def test_disable_in_the_file_runs_plainly(self):
        self.write("my.toml", "disable = true\n")
        self.environment["HPCC_CONFIG"] = str(self.tree / "my.toml")
        self.compile()
        self.compile()
        self.assertEqual((0, 0), (self.statistics().hits, self.statistics().misses))

    def test_config_as_json_names_origins(self):
        text = json.dumps(self.json_of("config", HPCC_MAX_SIZE="3G"))
        self.assertIn("HPCC_MAX_SIZE", text)
        self.assertIn("HPCC_CACHE_DIR", text)
        self.assertIn("default", text)


class Reports(CommandTest):
    def test_statistics_count_and_can_be_zeroed(self):
        self.compile()
        self.compile()
        self.cached(["gcc", "-E", "unit.c"])
        numbers = self.json_of("stats")
        for name in ("hits", "misses", "not_cacheable", "errors", "cache_bytes"):
            self.assertIsInstance(numbers[name], int, name)
        self.assertEqual((1, 1, 1, 0), tuple(numbers[name] for name in (
            "hits", "misses", "not_cacheable", "errors")))
        self.assertEqual({"preprocesses-only": 1}, {
            name: count for name, count in numbers["not_cacheable_by_reason"].items() if count})
        self.assertGreater(numbers["cache_bytes"], 0)
        self.assertIn("1", self.hpcc("stats"))
        self.hpcc("stats", "--zero")
        numbers = self.json_of("stats")
        self.assertEqual((0, 0, 0), tuple(numbers[name] for name in (
            "hits", "misses", "not_cacheable")))
        self.assertGreater(numbers["cache_bytes"], 0)

    def test_clean_all_empties_and_the_next_compile_misses(self):
        self.compile()
        self.hpcc("clean", "--all")
        before = self.statistics()
        self.compile()
        self.assertEqual(1, (self.statistics() - before).misses)

    def test_clean_by_size_and_age_keeps_what_it_should(self):
        self.compile()
        self.hpcc("clean", "--max-size", "5G")
        self.hpcc("clean", "--max-age", "30d")
        before = self.statistics()
        self.compile()
        self.assertEqual(1, (self.statistics() - before).hits)
        for path in self.cache.rglob("*"):
            if path.is_file():
                os.utime(path, (1000000, 1000000))
        self.hpcc("clean", "--max-age", "30d")
        before = self.statistics()
        self.compile()
        self.assertEqual(1, (self.statistics() - before).misses)

    def test_cache_stays_below_its_limit(self):
        self.environment["HPCC_MAX_SIZE"] = "400K"
        for number in range(40):
            self.write("unit.c", "const unsigned char table[] = {%s};\n" % ",".join(
                str((i * 2654435761 + number * 977) >> 9 & 255) for i in range(20000)))
            self.compile()
        self.assertLessEqual(self.json_of("stats")["cache_bytes"], 400 * 1024 * 1.05)

    def explain(self, name="unit.c"):
        return self.hpcc("explain", name) + json.dumps(self.json_of("explain", name))

    def test_explain_names_the_header(self):
        self.compile()
        self.write("header.h", "#define VALUE 2\n")
        harness.settle()
        self.compile()
        for name in ("unit.c", "unit.o"):
            self.assertIn("header.h", self.explain(name))
            self.assertIn("header-changed", self.explain(name))

    def test_explain_names_the_header_that_appeared(self):
        (self.tree / "first").mkdir()
        self.write("unit.c", SOURCE.replace('"header.h"', "<header.h>"))
        harness.settle()
        self.compile("-Ifirst", "-I.")
        self.write("first/header.h", "#define VALUE 2\n")
        harness.settle()
        self.compile("-Ifirst", "-I.")
        self.assertIn("first/header.h", self.explain())

    def test_explain_names_the_flag(self):
        self.compile("-DOLD_FLAG=1")
        self.compile("-DNEW_FLAG=1")
        self.assertIn("NEW_FLAG", self.explain())

    def test_explain_names_the_source(self):
        self.compile()
        self.write("unit.c", SOURCE + "int more;\n")
        harness.settle()
        self.compile()
        self.assertIn("source-changed", self.explain())

    def test_explain_names_the_compiler(self):
        fake = self.write("bin/gcc", '#!/bin/sh\nexec /usr/bin/gcc "$@"\n')
        fake.chmod(0o755)
        self.compile()
        outcome = self.cached([str(fake), *COMPILE[1:]])
        self.assertEqual(0, outcome.status)
        self.assertIn("compiler", self.explain())

    def test_explain_names_the_environment(self):
        self.compile()
        self.environment["CPATH"] = str(self.tree)
        self.compile()
        self.assertIn("CPATH", self.explain())

    def test_explain_names_the_rule_that_made_it_uncacheable(self):
        self.write("unit.c", "const char* when = __TIME__;\n")
        harness.settle()
        self.compile()
        self.assertIn("uses-date-or-time", self.explain())
        self.write("unit.c", "int x;\n")
        self.cached(["gcc", "-save-temps", *COMPILE[1:]])
        self.assertIn("-save-temps", self.explain())

    def test_explain_of_something_never_seen_says_so(self):
        outcome = self.run_command([harness.HPCC, "explain", "never.c"])
        self.assertEqual(1, outcome.status)
        self.assertIn(b"never.c", outcome.stdout + outcome.stderr)

    def test_inspect_shows_what_is_kept(self):
        self.compile("-MD")
        for name in ("unit.c", "unit.o"):
            text = self.hpcc("inspect", name)
            self.assertIn("gcc", text)
            self.assertIn("unit.c", text)
        numbers = json.dumps(self.json_of("inspect", "unit.o"))
        self.assertIn("object", numbers)
        self.assertIn("header.h", self.hpcc("inspect", "--verbose", "unit.o"))

    def test_doctor_is_content_with_a_sound_machine_and_not_with_a_broken_one(self):
        self.hpcc("doctor")
        self.assertIsInstance(self.json_of("doctor"), (dict, list))
        shutil.rmtree(self.cache, ignore_errors=True)
        self.cache.write_text("a file")
        outcome = self.run_command([harness.HPCC, "doctor"])
        self.assertEqual(1, outcome.status, outcome.stdout)
        self.assertIn(str(self.cache).encode(), outcome.stdout)

    def test_version_and_help(self):
        self.assertRegex(self.hpcc("version"), r"\d+\.\d+\.\d+")
        self.assertEqual(self.hpcc("version"), self.hpcc("--version"))
        for command in ("stats", "clean", "inspect", "explain", "config", "doctor", "version"):
            self.assertIn(command, self.hpcc("--help"))
            self.assertIn(command, self.hpcc(command, "--help"))

    def test_wrong_usage_is_2(self):
        for arguments in (["stats", "--jsno"], ["clean", "--max-size"], ["inspect"], ["explain"],
                          ["clean", "--max-size", "five"], ["wrap"], []):
            outcome = self.run_command([harness.HPCC, *arguments])
            self.assertEqual(2, outcome.status, arguments)
            self.assertTrue(outcome.stderr, arguments)

    def test_completions_are_scripts_their_shells_accept(self):
        for shell in ("bash", "zsh"):
            script = self.write("completion." + shell, self.hpcc("completion", shell))
            if not shutil.which(shell):
                self.skipTest(shell + " is not installed")
            result = subprocess.run([shell, "-n", str(script)], capture_output=True)
            self.assertEqual((0, b""), (result.returncode, result.stderr))

    def test_bash_completes_commands(self):
        script = self.write("completion.bash", self.hpcc("completion", "bash"))
        program = ('source "%s"; COMP_WORDS=(hpcc ex); COMP_CWORD=1; COMP_LINE="hpcc ex"; '
                   'COMP_POINT=7; $(complete -p hpcc | sed -E "s/.*-F ([^ ]+).*/\\1/") hpcc ex hpcc; '
                   'printf "%%s\\n" "${COMPREPLY[@]}"' % script)
        result = subprocess.run(["bash", "-c", program], capture_output=True, text=True)
        self.assertIn("explain", result.stdout, result.stderr)

    def test_zsh_completes_commands_options_and_files(self):
        if not shutil.which("zsh"):
            self.skipTest("zsh is not installed")
        self.write("functions/_hpcc", self.hpcc("completion", "zsh"))
        completed = {
            "expl": "explain",
            "stats --js": "stats --json",
            "stats --json --ze": "stats --json --zero",
            "clean --max-size=5": "clean --max-size=5G",
            "completion z": "completion zsh",
            "help doc": "help doctor",
            "explain un": "explain unit.c",
            "wrap gcc -c un": "wrap gcc -c unit.c",
            "gcc -c un": "gcc -c unit.c",
        }
        result = self.run_command(["zsh", "-f", "-c", TYPE_INTO_ZSH, "zsh", *completed])
        self.assertEqual(list(completed.values()), result.stdout.decode().splitlines(),
                         result.stderr)


class Modes(CommandTest):
    def test_preprocessed_mode_caches_and_misses_as_it_should(self):
        self.environment["HPCC_SOURCE_MODE"] = "preprocessed"
        objects = []
        for value, hits in ((1, 0), (1, 1), (2, 0), (2, 1), (1, 1)):
            self.write("header.h", "#define VALUE %d\n" % value)
            harness.settle()
            before = self.statistics()
            self.compile()
            self.assertEqual(hits, (self.statistics() - before).hits)
            objects.append((self.tree / "unit.o").read_bytes())
        self.assertEqual(objects[0], objects[1])
        self.assertEqual(objects[2], objects[3])
        self.assertNotEqual(objects[0], objects[2])

    def test_preprocessed_mode_hits_where_headers_were_written_anew(self):
        self.environment["HPCC_SOURCE_MODE"] = "preprocessed"
        self.compile()
        self.write("header.h", "#define VALUE 1\n")
        harness.settle()
        before = self.statistics()
        self.compile()
        self.assertEqual(1, (self.statistics() - before).hits)

    def test_preprocessed_mode_sees_a_column_that_only_a_comment_moved(self):
        """The preprocessed texts are the same; the objects are not."""
        self.environment["HPCC_SOURCE_MODE"] = "preprocessed"
        for comment in ("/**/", "/* longer */"):
            self.write("unit.cc", "#include <source_location>\nunsigned column() { return %s "
                                  "std::source_location::current().column(); }\n" % comment)
            command = ["g++", "-std=c++20", "-c", "unit.cc", "-o", "unit.o"]
            self.assertEqual(0, self.run_command(command).status)
            plain = (self.tree / "unit.o").read_bytes()
            self.assertEqual(0, self.cached(command).status)
            self.assertEqual(plain, (self.tree / "unit.o").read_bytes())

    def test_without_compression_works_alike(self):
        self.environment["HPCC_COMPRESSION"] = "none"
        self.compile()
        self.environment["HPCC_COMPRESSION"] = "zstd"
        self.compile()
        self.assertEqual(1, self.statistics().hits)


if __name__ == "__main__":
    harness.main()
