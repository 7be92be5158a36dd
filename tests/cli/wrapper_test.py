#!/usr/bin/env python3
"""The wrapper among what surrounds a build: PATH and other wrappers, signals, jobserver, streams,
broken caches, many at once. A build never breaks because of hpcc."""

import itertools
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import harness  # noqa: E402

SOURCE = "int value(void) { return 7; }\n"
COMPILE = ["gcc", "-O1", "-c", "unit.c", "-o", "unit.o"]


class WrapperTest(harness.CacheTest):
    def setUp(self):
        super().setUp()
        self.write("unit.c", SOURCE)
        harness.settle()

    def plain_object(self, command=None):
        outcome = self.run_command(command or COMPILE)
        self.assertEqual(0, outcome.status, outcome.stderr)
        return self.take_object()

    def take_object(self):
        path = self.tree / "unit.o"
        content = path.read_bytes()
        path.unlink()
        return content

    def check_compiles(self, environment=None, command=None, argv=None):
        """Through hpcc: the plain object, and silence."""
        wanted = self.plain_object(command)
        outcome = self.run_command(argv or [harness.HPCC, *(command or COMPILE)], environment)
        self.assertEqual((0, b"", b""), (outcome.status, outcome.stdout, outcome.stderr))
        self.assertTrue(self.take_object() == wanted, "the object differs from the plain one")

    def masquerade(self, folder, program, names=("gcc", "g++", "cc", "c++", "clang-14")):
        path = self.folder / folder
        path.mkdir(parents=True, exist_ok=True)
        for name in names:
            (path / name).symlink_to(program)
        return str(path)

    def path_with(self, *folders):
        return {"PATH": ":".join([*folders, self.environment["PATH"]])}

    def compile_by_path(self, path, command=None):
        """Runs the command with its program looked up on `path`, as a shell would."""
        environment = dict(self.environment, **path)
        return harness.run(["/usr/bin/env", *(command or COMPILE)], self.tree, environment,
                           timeout=60)

    def count_hits(self):
        return self.statistics().hits


class Masquerade(WrapperTest):
    def check_chain(self, path, hits=None):
        wanted = self.plain_object()
        for turn in range(2):
            before = self.statistics()
            outcome = self.compile_by_path(path)
            self.assertEqual(0, outcome.status, outcome.stderr)
            self.assertTrue(self.take_object() == wanted, "the object differs from the plain one")
            if hits is not None and turn == 1:
                self.assertEqual(hits, (self.statistics() - before).hits)

    def test_symlink_named_as_the_compiler_caches(self):
        self.check_chain(self.path_with(self.masquerade("bin", harness.HPCC)), hits=1)

    def test_symlink_called_by_its_own_path_caches(self):
        folder = self.masquerade("bin", harness.HPCC)
        wanted = self.plain_object()
        for _ in range(2):
            outcome = self.run_command([folder + "/gcc", *COMPILE[1:]], self.path_with(folder))
            self.assertEqual(0, outcome.status, outcome.stderr)
            self.assertTrue(self.take_object() == wanted)
        self.assertEqual(1, self.count_hits())

    def test_relative_symlink_found_through_a_relative_path_caches(self):
        folder = self.tree / "relative"
        folder.mkdir()
        (folder / "gcc").symlink_to(os.path.relpath(harness.HPCC, folder))
        self.check_chain(self.path_with("./relative"), hits=1)

    def test_masquerade_folder_listed_several_ways_never_finds_itself(self):
        folder = self.masquerade("bin", harness.HPCC)
        (self.folder / "alias").symlink_to(folder)
        again = self.masquerade("bin2", folder + "/gcc", names=("gcc",))
        self.check_chain(self.path_with(folder, folder + "/", self.folder.as_posix() + "/alias",
                                        folder + "/../bin", again), hits=1)

    def test_copy_of_the_program_in_the_path_never_loops(self):
        folder = self.masquerade("bin", harness.HPCC)
        copy = self.folder / "copied"
        copy.mkdir()
        shutil.copy(harness.HPCC, copy / "gcc")
        self.check_chain(self.path_with(folder, str(copy)))
        self.check_chain(self.path_with(str(copy), folder))

    def test_messages_name_the_compiler_as_the_plain_one_does(self):
        path = self.path_with(self.masquerade("bin", harness.HPCC))
        for command in (["gcc"], ["gcc", "-c", "missing.c"], ["clang-14", "-c", "missing.c"],
                        ["gcc", "--version"], ["g++", "-no-such-flag", "-c", "unit.c"]):
            plain = self.run_command(command)
            wrapped = self.compile_by_path(path, command)
            self.assertEqual((plain.status, plain.stdout, plain.stderr),
                             (wrapped.status, wrapped.stdout, wrapped.stderr), command)

    def test_no_compiler_behind_the_symlink_is_an_error_and_no_loop(self):
        folder = self.masquerade("bin", harness.HPCC, names=("nowhere-gcc",))
        outcome = self.compile_by_path(self.path_with(folder), ["nowhere-gcc", *COMPILE[1:]])
        self.assertEqual(127, outcome.status)
        self.assertIn(b"nowhere-gcc", outcome.stderr)

    def chain_members(self):
        members = {"hpcc": harness.HPCC}
        for name in ("ccache", "distcc"):
            program = shutil.which(name, path=self.environment["PATH"])
            if program:
                members[name] = program
        if len(members) < 3:
            self.skipTest("ccache and distcc are not both installed")
        return {name: self.masquerade("by-" + name, program, names=("gcc", "cc"))
                for name, program in members.items()}

    def test_chains_with_ccache_and_distcc_work_in_every_order(self):
        members = self.chain_members()
        self.environment.update(CCACHE_DIR=str(self.folder / "ccache"), DISTCC_HOSTS="localhost",
                                DISTCC_DIR=str(self.folder / "distcc"), DISTCC_VERBOSE="0")
        for length in (2, 3):
            for order in itertools.permutations(members, length):
                if "hpcc" not in order:
                    continue
                with self.subTest(" -> ".join(order)):
                    self.check_chain(self.path_with(*(members[name] for name in order)))

    def test_wrapper_as_the_compiler_of_the_launcher_works(self):
        self.chain_members()
        self.environment.update(CCACHE_DIR=str(self.folder / "ccache"), DISTCC_HOSTS="localhost",
                                DISTCC_DIR=str(self.folder / "distcc"))
        wanted = self.plain_object()
        for command in ([harness.HPCC, "ccache", *COMPILE], ["ccache", harness.HPCC, *COMPILE],
                        [harness.HPCC, "wrap", "ccache", *COMPILE],
                        [harness.HPCC, harness.HPCC, *COMPILE],
                        [harness.HPCC, "wrap", harness.HPCC, "wrap", *COMPILE]):
            with self.subTest(command):
                for _ in range(2):
                    outcome = self.run_command(command, timeout=60)
                    self.assertEqual(0, outcome.status, outcome.stderr)
                    self.assertTrue(self.take_object() == wanted)


class Surroundings(WrapperTest):
    def test_wrap_and_launcher_forms_are_the_same_unit(self):
        self.check_compiles(argv=[harness.HPCC, "wrap", *COMPILE])
        self.check_compiles()
        self.assertEqual(1, self.count_hits())

    def test_disabled_runs_plainly_and_leaves_no_cache(self):
        for value in ("1", "true", "yes", "on"):
            self.check_compiles({"HPCC_DISABLE": value})
        self.assertEqual([], [name for name in self.cache.glob("*/*/*")])

    def test_missing_compiler_is_127_as_in_a_shell(self):
        outcome = self.cached(["no-such-compiler", "-c", "unit.c"])
        self.assertEqual(127, outcome.status)
        self.assertIn(b"no-such-compiler", outcome.stderr)

    def test_compiler_that_can_not_be_executed_is_126_as_in_a_shell(self):
        self.write("not-executable", "#!/bin/sh\n")
        outcome = self.cached(["./not-executable", "-c", "unit.c"])
        self.assertEqual(126, outcome.status)

    def test_any_program_can_stand_behind_the_launcher(self):
        # CMake and libtool put launchers before more than compilers.
        for command in (["echo", "-c", "words  with spaces", ""], ["sh", "-c", "exit 3"],
                        ["true"], ["ar", "--version"]):
            plain = self.run_command(command)
            wrapped = self.cached(command)
            self.assertEqual((plain.status, plain.stdout, plain.stderr),
                             (wrapped.status, wrapped.stdout, wrapped.stderr))

    def test_standard_input_is_passed_through(self):
        text = b"extern int x;\n" * 200000
        command = ["gcc", "-E", "-P", "-x", "c", "-"]
        plain = self.run_command(command, stdin=text)
        wrapped = self.cached(command, stdin=text)
        self.assertEqual(plain.status, wrapped.status)
        self.assertTrue(plain.stdout == wrapped.stdout)
        command = ["gcc", "-x", "c", "-c", "-", "-o", "unit.o"]
        self.assertEqual(0, self.cached(command, stdin=SOURCE.encode()).status)
        wrapped = self.take_object()
        self.run_command(command, stdin=SOURCE.encode())
        self.assertTrue(self.take_object() == wrapped)

    def test_closed_streams_do_no_harm(self):
        wanted = self.plain_object()
        for closed in ("<&-", ">&-", "2>&-", "<&- >&- 2>&-"):
            for _ in range(2):
                outcome = self.run_command(
                    ["sh", "-c", 'exec "$@" ' + closed, "sh", harness.HPCC, *COMPILE])
                self.assertEqual(0, outcome.status, closed)
                self.assertTrue(self.take_object() == wanted, closed)

    def test_working_directory_that_was_removed_does_no_harm(self):
        script = 'mkdir gone && cd gone && rmdir ../gone && exec "$@"'
        command = ["gcc", "-c", str(self.tree / "unit.c"), "-o", str(self.tree / "unit.o")]
        plain = self.run_command(["sh", "-c", script, "sh", *command])
        wrapped = self.run_command(["sh", "-c", script, "sh", harness.HPCC, *command])
        self.assertEqual((plain.status, plain.stderr), (wrapped.status, wrapped.stderr))

    def test_no_home_and_no_environment_at_all_still_compiles(self):
        wanted = self.plain_object()
        for environment in ({"PATH": self.environment["PATH"],
                             "HPCC_CACHE_DIR": str(self.cache)}, {"HPCC_CACHE_DIR": str(self.cache)}):
            outcome = harness.run([harness.HPCC, "/usr/bin/gcc", *COMPILE[1:]], self.tree,
                                  environment)
            self.assertEqual(0, outcome.status, outcome.stderr)
            self.assertTrue(self.take_object() == wanted)

    def test_very_long_command_line_caches(self):
        command = [*COMPILE, *("-DNAME_%d=%d" % (i, i) for i in range(3000))]
        self.check_compiles(command=command)
        self.check_compiles(command=command)
        self.assertEqual(1, self.count_hits())

    def test_object_changed_after_a_hit_does_not_change_the_cache(self):
        self.check_compiles()
        wanted = self.plain_object()
        for _ in range(2):
            self.assertEqual(0, self.cached(COMPILE).status)
            with open(self.tree / "unit.o", "r+b") as file:  # strip, objcopy, ... write in place
                file.write(b"changed by someone")
        self.assertEqual(0, self.cached(COMPILE).status)
        self.assertTrue(self.take_object() == wanted)

    def test_object_is_newer_than_its_source_after_a_hit(self):
        self.check_compiles()
        harness.settle()
        os.utime(self.tree / "unit.c")
        harness.settle()
        self.assertEqual(0, self.cached(COMPILE).status)
        self.assertGreater((self.tree / "unit.o").stat().st_mtime_ns,
                           (self.tree / "unit.c").stat().st_mtime_ns)

    def test_jobserver_reaches_the_compiler(self):
        fake = self.write("fake/gcc", "#!/bin/sh\ncase $MAKEFLAGS in *--jobserver-auth=*) ;; *) "
                          "echo no jobserver >&2; exit 4;; esac\n"
                          "fds=${MAKEFLAGS##*--jobserver-auth=}; fds=${fds%% *}\n"
                          "read=${fds%,*}; write=${fds#*,}\n"
                          "[ -e /proc/self/fd/$read ] && [ -e /proc/self/fd/$write ] || exit 5\n"
                          'exec /usr/bin/gcc "$@"\n')
        fake.chmod(0o755)
        self.write("Makefile", ".PHONY: all\nall: a.o b.o\n%%.o: unit.c\n\t+%s %s -c unit.c -o $@\n"
                   % (harness.HPCC, fake))
        outcome = self.run_command(["make", "-j4"])
        self.assertEqual(0, outcome.status, outcome.stderr)
        self.assertNotIn(b"warning: jobserver", outcome.stderr)


class Signals(WrapperTest):
    def fake_compiler(self, text):
        path = self.write("fake/gcc", "#!/bin/sh\n" + text)
        path.chmod(0o755)
        return str(path)

    def test_compiler_that_dies_by_a_signal_is_reported_as_such(self):
        for name in ("SEGV", "KILL", "TERM", "ABRT"):
            # Only when it compiles: questions about what it is are answered.
            fake = self.fake_compiler('case " $* " in *" unit.c "*) kill -%s $$;; esac\n'
                                      'exec /usr/bin/gcc "$@"\n' % name)
            command = [fake, *COMPILE[1:]]
            plain = self.run_command(command)
            for _ in range(2):
                wrapped = self.cached(command)
                self.assertEqual(plain.status, wrapped.status, name)
                self.assertEqual(plain.stderr, wrapped.stderr)
            self.assertEqual(-getattr(signal, "SIG" + name), plain.status)

    def test_odd_exit_statuses_are_passed_on(self):
        for status in (1, 2, 4, 33, 127, 255):
            fake = self.fake_compiler('case " $* " in *" unit.c "*) echo out; echo err >&2; '
                                      'exit %d;; esac\nexec /usr/bin/gcc "$@"\n' % status)
            outcome = self.cached([fake, *COMPILE[1:]])
            self.assertEqual((status, b"out\n", b"err\n"),
                             (outcome.status, outcome.stdout, outcome.stderr))

    def start_slow_compile(self):
        marker = "marker_%d_%d" % (os.getpid(), time.monotonic_ns())
        self.write("slow.cc", "template <int N> struct S { static constexpr long v = S<N-1>::v + "
                   "S<(N > 2 ? N - 2 : 0)>::v; };\ntemplate <> struct S<0> { static constexpr long "
                   "v = 1; };\n" + "".join("int f%d() { return %d; }\n" % (i, i)
                                           for i in range(60000)))
        process = subprocess.Popen(
            [harness.HPCC, "g++", "-O2", "-D" + marker, "-c", "slow.cc", "-o", "slow.o"],
            cwd=self.tree, env=self.environment, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True)
        self.addCleanup(process.communicate)
        deadline = time.monotonic() + 30
        while not self.processes_with(marker, "cc1plus"):
            self.assertLess(time.monotonic(), deadline, "the compiler never started")
            self.assertIsNone(process.poll(), "the compile ended too early")
            time.sleep(0.005)
        return process, marker

    @staticmethod
    def processes_with(marker, program=""):
        found = []
        for entry in Path("/proc").iterdir():
            try:
                words = (entry / "cmdline").read_bytes() if entry.name.isdigit() else b""
            except OSError:
                continue
            if marker.encode() in words and program.encode() in words.split(b"\0")[0]:
                found.append(entry.name)
        return found

    def check_all_gone(self, marker):
        deadline = time.monotonic() + 10
        while self.processes_with(marker, "g++"):
            self.assertLess(time.monotonic(), deadline, "processes were left running")
            time.sleep(0.02)
        for left in self.processes_with(marker, "cc1plus"):
            # g++ itself leaves its cc1plus running when it alone is terminated.
            os.kill(int(left), signal.SIGKILL)
        self.assertFalse((self.tree / "slow.o").exists())

    def check_interrupted(self, send):
        process, marker = self.start_slow_compile()
        send(process)
        process.wait(30)
        self.check_all_gone(marker)
        # The compiler's own (cc……) may come after its driver has cleaned up: so without hpcc, too.
        left = [name for name in os.listdir(self.environment["TMPDIR"])
                if not name.startswith("cc")]
        self.assertEqual([], left, "temporary files left behind")
        leftovers = {path.name for path in self.tree.iterdir()} - {"unit.c", "slow.cc"}
        self.assertEqual(set(), leftovers)
        return process.returncode

    def test_interrupt_from_the_terminal_ends_everything(self):
        status = self.check_interrupted(lambda process: os.killpg(process.pid, signal.SIGINT))
        self.assertEqual(-signal.SIGINT, status)

    def test_terminating_only_the_wrapper_ends_the_compiler_too(self):
        status = self.check_interrupted(lambda process: process.send_signal(signal.SIGTERM))
        self.assertEqual(-signal.SIGTERM, status)

    def test_hangup_ends_everything(self):
        status = self.check_interrupted(lambda process: os.killpg(process.pid, signal.SIGHUP))
        self.assertEqual(-signal.SIGHUP, status)

    def test_killed_wrapper_does_not_block_the_next(self):
        process, marker = self.start_slow_compile()
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(30)
        deadline = time.monotonic() + 10
        while self.processes_with(marker):
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.02)
        self.check_compiles()
        self.check_compiles()
        self.assertEqual(1, self.count_hits())


class BrokenCache(WrapperTest):
    def test_file_where_the_cache_should_be_does_no_harm(self):
        self.cache.write_text("not a folder")
        self.check_compiles()
        self.check_compiles()
        self.assertEqual("not a folder", self.cache.read_text())

    def test_cache_below_a_place_where_nothing_can_be_made_does_no_harm(self):
        for place in ("/proc/no/cache", "/dev/null/cache", "/sys/hpcc"):
            self.check_compiles({"HPCC_CACHE_DIR": place})

    def mount(self, *options):
        self.cache.mkdir(exist_ok=True)
        result = subprocess.run(["mount", "-t", "tmpfs", "-o", ",".join(options), "tmpfs",
                                 str(self.cache)], capture_output=True)
        if result.returncode != 0:
            self.skipTest("cannot mount a tmpfs: %s" % result.stderr.decode(errors="replace"))
        self.addCleanup(subprocess.run, ["umount", "-l", str(self.cache)])

    def test_full_cache_disk_does_no_harm(self):
        self.mount("size=64k")
        # Objects far larger than the disk, and small ones that fill it.
        self.write("big.c", "const unsigned char big[] = {%s};\n"
                   % ",".join(str(i * i * 2654435761 >> 7 & 255) for i in range(100000)))
        for i in range(20):
            self.write("unit%d.c" % i, "int value_%d(void) { return %d; }\n" % (i, i))
        for name in ["big.c", *("unit%d.c" % i for i in range(20)), "big.c"]:
            command = ["gcc", "-O1", "-c", name, "-o", "unit.o"]
            self.check_compiles(command=command)

    def test_cache_without_room_for_a_single_byte_does_no_harm(self):
        self.mount("size=4k", "nr_inodes=2")
        self.check_compiles()
        self.check_compiles()

    def test_cache_mounted_read_only_still_answers(self):
        self.mount("size=8m")
        self.check_compiles()
        result = subprocess.run(["mount", "-o", "remount,ro", str(self.cache)],
                                capture_output=True)
        self.assertEqual(0, result.returncode, result.stderr)
        self.check_compiles()  # what is there
        self.check_compiles(command=["gcc", "-O2", "-c", "unit.c", "-o", "unit.o"])  # what isn't

    def test_read_only_setting_answers_and_stores_nothing(self):
        self.check_compiles()
        environment = {"HPCC_READ_ONLY": "1"}
        before = self.entries()
        self.check_compiles(environment)
        self.check_compiles(environment, command=["gcc", "-O2", "-c", "unit.c", "-o", "unit.o"])
        self.assertEqual(before, self.entries())

    def entries(self):
        """Every stored value: names as the store gives them."""
        return {path: path.read_bytes() for path in self.cache.rglob("*")
                if path.is_file() and re.fullmatch(r"[0-9a-f]{62,64}", path.name)}

    def test_any_damage_to_entries_is_a_miss_and_mended(self):
        self.check_compiles()
        pristine = self.entries()
        self.assertTrue(pristine)
        damages = {
            "emptied": lambda data: b"",
            "truncated": lambda data: data[:len(data) // 2],
            "first bit": lambda data: bytes([data[0] ^ 1]) + data[1:],
            "middle bit": lambda data: data[:len(data) // 2]
            + bytes([data[len(data) // 2] ^ 0x10]) + data[len(data) // 2 + 1:],
            "last bit": lambda data: data[:-1] + bytes([data[-1] ^ 0x80]),
            "appended": lambda data: data + b"x",
            "zeroed": lambda data: bytes(len(data)),
            "random": lambda data: os.urandom(len(data)),
        }
        for name, damage in damages.items():
            with self.subTest(name):
                for path, data in self.entries().items():
                    path.write_bytes(damage(data))
                self.check_compiles()
                before = self.statistics()
                self.check_compiles()
                self.assertEqual(1, (self.statistics() - before).hits, "the entry was not mended")

    def test_entries_swapped_with_each_other_are_never_believed(self):
        self.check_compiles()
        self.check_compiles(command=["gcc", "-O2", "-c", "unit.c", "-o", "unit.o"])
        self.write("other.c", "int other(void) { return 1; }\n")
        self.check_compiles(command=["gcc", "-O1", "-c", "other.c", "-o", "unit.o"])
        entries = self.entries()
        contents = list(entries.values())
        for path, data in zip(entries, contents[1:] + contents[:1]):
            path.write_bytes(data)
        self.check_compiles()
        self.check_compiles(command=["gcc", "-O2", "-c", "unit.c", "-o", "unit.o"])
        self.check_compiles(command=["gcc", "-O1", "-c", "other.c", "-o", "unit.o"])

    def test_entries_replaced_by_folders_or_links_do_no_harm(self):
        self.check_compiles()
        for number, path in enumerate(self.entries()):
            path.unlink()
            if number % 2:
                path.mkdir()
            else:
                path.symlink_to("/dev/zero")
        self.check_compiles()
        self.check_compiles()

    def test_cache_removed_under_running_builds_does_no_harm(self):
        for _ in range(5):
            self.check_compiles()
            shutil.rmtree(self.cache)


class ManyAtOnce(WrapperTest):
    UNITS = 40

    def make_project(self, name):
        folder = self.tree / name
        folder.mkdir()
        objects = " ".join("unit%d.o" % i for i in range(self.UNITS))
        (folder / "common.h").write_text("int common(void);\n")
        for i in range(self.UNITS):
            (folder / ("unit%d.c" % i)).write_text(
                '#include "common.h"\n#include <stdio.h>\nint value_%d(void) { return puts("%d") + '
                "common(); }\n" % (i, i))
        (folder / "Makefile").write_text(
            "all: %s\n%%.o: %%.c\n\t$(CC) -O1 -MMD -c $< -o $@\n" % objects)
        return folder

    def objects(self, folder):
        return {path.name: path.read_bytes() for path in sorted(folder.glob("*.[od]"))}

    def clean(self, folder):
        for path in folder.glob("*.[od]"):
            path.unlink()

    def test_two_parallel_builds_on_one_cache_are_both_right(self):
        folders = [self.make_project("one"), self.make_project("two")]
        wanted = []
        for folder in folders:
            self.assertEqual(0, self.run_command(["make", "-j8", "CC=gcc"], cwd=folder).status)
            wanted.append(self.objects(folder))
        self.assertEqual(2 * self.UNITS, len(wanted[0]))
        for turn in range(2):
            for folder in folders:
                self.clean(folder)
            running = [subprocess.Popen(["make", "-j8", "CC=%s gcc" % harness.HPCC], cwd=folder,
                                        env=self.environment, stdin=subprocess.DEVNULL,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
                       for folder in folders]
            for process in running:
                _, stderr = process.communicate(timeout=harness.TIMEOUT)
                self.assertEqual((0, b""), (process.returncode, stderr))
            for folder, objects in zip(folders, wanted):
                self.assertTrue(self.objects(folder) == objects, "turn %d" % turn)
        counted = self.statistics()
        self.assertEqual(0, counted.errors)
        self.assertEqual(4 * self.UNITS, counted.hits + counted.misses)
        self.assertGreaterEqual(counted.hits, 2 * self.UNITS)

    def test_one_unit_by_many_at_once_to_one_output_is_whole(self):
        wanted = self.plain_object()
        for _ in range(3):
            running = [subprocess.Popen([harness.HPCC, *COMPILE], cwd=self.tree,
                                        env=self.environment, stdin=subprocess.DEVNULL)
                       for _ in range(12)]
            self.assertEqual([0] * 12, [process.wait(harness.TIMEOUT) for process in running])
            self.assertTrue(self.take_object() == wanted)


if __name__ == "__main__":
    harness.main()
