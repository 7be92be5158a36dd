"""What the measurements rest on: that null does what it says and that broken runs are noticed.

Run as: bench_test.py <null launcher>
"""

import os
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

import lib
import sandbox_times
import vm_memory

NULL = None


class NullLauncher(unittest.TestCase):
    def setUp(self):
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.dir = Path(temporary.name)
        (self.dir / "kept").mkdir()
        (self.dir / "unit.h").write_text("int two;\n")
        (self.dir / "unit.c").write_text('#include "unit.h"\nint one;\n')

    def run_null(self, *words, record=False):
        env = lib.base_environment(self.dir)
        env["NULL_DIR"] = str(self.dir / "kept")
        if record:
            env["NULL_RECORD"] = "1"
        return subprocess.run(
            [NULL, *words], cwd=self.dir, env=env, capture_output=True, text=True, timeout=60
        )

    def made(self, *names):
        return [(self.dir / name).read_bytes() for name in names]

    def test_plays_back_object_and_dependency_file_without_the_compiler(self):
        words = ["-MD", "-MT", "unit.o", "-MF", "unit.o.d", "-o", "unit.o", "-c", "unit.c"]
        self.assertEqual(self.run_null("gcc", *words, record=True).returncode, 0)
        recorded = self.made("unit.o", "unit.o.d")
        (self.dir / "unit.o").unlink()
        (self.dir / "unit.o.d").unlink()
        played = self.run_null("/no/such/compiler", *words)
        self.assertEqual((played.returncode, played.stderr), (0, ""))
        self.assertEqual(self.made("unit.o", "unit.o.d"), recorded)

    def test_derives_output_names_the_compiler_derives(self):
        self.assertEqual(self.run_null("gcc", "-c", "-MD", "unit.c", record=True).returncode, 0)
        recorded = self.made("unit.o", "unit.d")
        (self.dir / "unit.o").unlink()
        (self.dir / "unit.d").unlink()
        self.assertEqual(self.run_null("gcc", "-c", "-MD", "unit.c").returncode, 0)
        self.assertEqual(self.made("unit.o", "unit.d"), recorded)

    def test_plays_back_the_dependency_file_asked_for_through_the_preprocessor(self):
        words = ["-Wp,-MMD,.unit.o.d", "-c", "-o", "unit.o", "unit.c"]
        self.assertEqual(self.run_null("gcc", *words, record=True).returncode, 0)
        recorded = self.made("unit.o", ".unit.o.d")
        (self.dir / "unit.o").unlink()
        (self.dir / ".unit.o.d").unlink()
        self.assertEqual(self.run_null("/no/such/compiler", *words).returncode, 0)
        self.assertEqual(self.made("unit.o", ".unit.o.d"), recorded)

    def test_executes_tests_of_what_the_compiler_can(self):
        for source in ("/dev/null", "-"):
            run = self.run_null("gcc", "-c", "-x", "c", source, "-o", "can.o")
            self.assertEqual((run.returncode, run.stderr), (0, ""))
            (self.dir / "can.o").unlink()
        self.assertEqual(list((self.dir / "kept").iterdir()), [])

    def test_never_compiles_what_was_not_recorded(self):
        played = self.run_null("gcc", "-c", "unit.c", "-o", "unit.o")
        self.assertEqual(played.returncode, 97)
        self.assertIn("not recorded: unit.o", played.stderr)
        self.assertFalse((self.dir / "unit.o").exists())

    def test_executes_what_is_no_compile(self):
        run = self.run_null("gcc", "-E", "unit.c")
        self.assertEqual(run.returncode, 0)
        self.assertIn("int two;", run.stdout)

    def test_keeps_the_status_of_a_failed_compile(self):
        (self.dir / "unit.c").write_text("no C\n")
        failed = self.run_null("gcc", "-c", "unit.c", "-o", "unit.o", record=True)
        self.assertEqual(failed.returncode, 1)
        self.assertEqual(list((self.dir / "kept").iterdir()), [])


class Measuring(unittest.TestCase):
    def test_rounds_take_turns(self):
        order = []
        lib.interleave(["a", "b"], 3, order.append, progress=False)
        self.assertEqual(order, ["a", "b"] * 3)

    def test_slow_launchers_take_every_nth_round(self):
        samples = lib.interleave(["a", "b"], 6, str, every={"b": 3}, progress=False)
        self.assertEqual((len(samples["a"]), len(samples["b"])), (6, 2))

    def test_cpu_time_includes_children_of_children(self):
        with tempfile.TemporaryDirectory() as name:
            loop = "i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done"
            argv = ["/bin/sh", "-c", f"sh -c '{loop}'; true"]
            sample = lib.run_timed(argv, lib.base_environment(name), name, Path(name) / "log")
        self.assertGreater(sample.cpu, 0.02)
        self.assertGreaterEqual(sample.wall, 0.02)

    def test_a_failing_command_stops_the_measurement(self):
        with tempfile.TemporaryDirectory() as name:
            with self.assertRaisesRegex(lib.BenchError, "nothing good"):
                lib.run_timed(
                    ["/bin/sh", "-c", "echo nothing good; exit 3"],
                    lib.base_environment(name),
                    name,
                    Path(name) / "log",
                )

    def test_bar_at_its_limit_passes_and_above_fails(self):
        self.assertTrue(lib.bar("x", 0.5, 0.5)["pass"])
        self.assertFalse(lib.bar("x", 0.501, 0.5)["pass"])

    def test_median_is_not_moved_by_one_outlier(self):
        samples = [lib.Sample(wall, wall) for wall in (1.0, 1.1, 1.2, 50.0, 1.05)]
        self.assertEqual(lib.summarize(samples, "wall")["median"], 1.1)


ROLLUP = """55d0-7ffd ---p 00000000 00:00 0                          [rollup]
Rss:               67388 kB
Pss:               43001 kB
Private_Clean:       212 kB
Private_Dirty:     29600 kB
"""


class MachineMemory(unittest.TestCase):
    def test_a_rollup_is_read_in_bytes(self):
        found = vm_memory.rollup(ROLLUP)
        self.assertEqual((67388 * 1024, 43001 * 1024), (found["Rss"], found["Pss"]))

    def test_a_rollup_that_says_nothing_of_shares_is_no_measurement(self):
        for text in ("head\nRss:  1 kB\n", "head\nPss:  1 MB\n"):
            with self.assertRaises(lib.BenchError):
                vm_memory.rollup(text)

    def test_what_a_process_has_mapped_is_found(self):
        before = vm_memory.memory_of(os.getpid())["Pss"]
        held = bytearray(b"x" * (64 << 20))
        self.assertGreater(vm_memory.memory_of(os.getpid())["Pss"] - before, len(held) * 3 // 4)

    def test_a_held_file_without_a_name_counts_once_however_often_it_is_open(self):
        with tempfile.TemporaryDirectory() as name:
            path = Path(name) / "state.abc"
            with open(path, "w+b") as file:
                file.write(b"x" * (1 << 20))
                file.flush()
                os.fsync(file.fileno())
                again = os.dup(file.fileno())
                path.unlink()
                held = vm_memory.bytes_held(os.getpid(), lambda found: found.startswith(name))
                os.close(again)
                self.assertEqual(held, os.fstat(file.fileno()).st_blocks * 512)
                self.assertGreaterEqual(held, 1 << 20)

    def test_machines_per_gib_are_those_of_the_median_machine(self):
        machines = [{"Pss": pss << 20, "Rss": 90 << 20, "Private_Clean": 0,
                     "Private_Dirty": 30 << 20} for pss in (40, 64, 300)]
        report = {"samples": {"booted": {"machines": machines}, "suspended": {"machines": []}}}
        self.assertEqual(vm_memory.rows_of(report), [["booted", "64.0", "30.0", "90.0", "16.0"]])


class SandboxTimes(unittest.TestCase):
    TEXT = "isolation qemu-tcg\nboot 100\nclone 20\nclone 30\nboot 120\ncall 2\nexec 5\ncall 2\nexec 9\n"

    def test_bars_are_ratios_of_medians(self):
        isolation, times = sandbox_times.parse(self.TEXT)
        bars = sandbox_times.bars_of(isolation, times)
        self.assertEqual([(25 / 110, True), (7 / 2, False)],
                         [(one["value"], one["pass"]) for one in bars])
        self.assertEqual(["boot", "clone", "call", "exec"],
                         [row[0] for row in sandbox_times.rows_of(times)])

    def test_processes_neither_boot_nor_clone(self):
        bars = sandbox_times.bars_of(*sandbox_times.parse("isolation process\nstart 9\ncall 1\nexec 3\n"))
        self.assertEqual([3.0], [one["value"] for one in bars])

    def test_what_is_no_measurement_is_refused(self):
        for text in ("", "boot 1\n", "isolation x\nwait 1\n", "isolation x\nboot\n"):
            with self.assertRaises(lib.BenchError):
                sandbox_times.parse(text)


if __name__ == "__main__":
    NULL = sys.argv.pop(1)
    unittest.main()
