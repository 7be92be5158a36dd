#!/usr/bin/env python3
"""Several builds ask for one unit at the same time: it is compiled once, and whatever becomes of
the one that compiles, the others neither wait longer than a compile nor get a wrong result."""

import os
import signal
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import daemon_case  # noqa: E402
from daemon_case import harness  # noqa: E402

SLOW = 2  # seconds a compile takes
SLACK = 3  # what a busy machine may add


class LeaseTest(daemon_case.SlowUnitTest):
    def setUp(self):
        super().setUp()
        self.daemon = self.start_daemon()
        self.introduce_compiler()

    def introduce_compiler(self):
        """A first unit, so that nobody has to find out any more what the compiler is."""
        for copy in self.copies:
            (copy / "other.c").write_text("int other;\n")
        harness.settle()
        for copy in self.copies:
            outcome = self.run_command(
                [harness.HPCC, *self.command("other.c", "other.o")], cwd=copy)
            self.assertEqual(0, outcome.status, outcome.stderr)
        self.run_command([harness.HPCC, "stats", "--zero"])
        self.compiles.write_text("")

    def hold_and_wait(self, slow=SLOW):
        """The first compiles, and the second waits for it."""
        first = self.compile_in(0, slow)
        self.wait_for_compile()
        second = self.compile_in(1, slow)
        time.sleep(0.5)
        self.assertEqual(1, self.times_compiled(), "the second did not wait")
        return first, second

    def check_second_compiles_soon(self, second, since, limit):
        self.check_finished(second, 1)
        self.assertLess(time.monotonic() - since, limit)
        self.assertEqual(2, self.times_compiled())

    def check_statistics(self, hits, misses):
        seen = self.statistics()
        self.assertEqual((hits, misses, 0), (seen.hits, seen.misses, seen.errors))


class Together(LeaseTest):
    def test_two_who_ask_at_once_share_one_compile(self):
        first, second = self.hold_and_wait()
        self.assertEqual(1, self.daemon_report()["compiles_in_flight"])
        self.check_finished(first, 0)
        self.check_finished(second, 1)
        self.assertEqual(1, self.times_compiled())
        self.check_statistics(hits=1, misses=1)
        self.assertEqual(0, self.daemon_report()["compiles_in_flight"])

    def test_sixteen_who_ask_at_once_share_one_compile(self):
        compiles = [self.compile_in(number % 2, 1, "unit%d.o" % number) for number in range(16)]
        for number, process in enumerate(compiles):
            stdout, stderr = process.communicate(timeout=60)
            self.assertEqual((0, b"", b""), (process.returncode, stdout, stderr))
            made = self.copies[number % 2] / ("unit%d.o" % number)
            self.assertTrue(made.read_bytes() == self.wanted)
        self.assertEqual(1, self.times_compiled())
        self.check_statistics(hits=15, misses=1)

    def test_one_waits_for_as_long_as_the_others_compiler_runs(self):
        self.behaviour.write_text("timeout 12 sh -c 'while :; do :; done'\n")
        first, second = self.hold_and_wait(slow=0)
        self.check_finished(first, 0)
        self.check_finished(second, 1)
        self.assertEqual(1, self.times_compiled())

    def test_other_units_do_not_wait(self):
        first = self.compile_in(0, SLOW)
        self.wait_for_compile()
        self.assertLess(self.check_compiles(), 1.5)
        self.check_finished(first, 0)

    def test_source_edited_while_one_waits_gives_it_its_own_compile(self):
        first, second = self.hold_and_wait()
        (self.copies[1] / "unit.c").write_text("int another;\n")
        self.check_finished(first, 0)
        stdout, stderr = second.communicate(timeout=60)
        self.assertEqual((0, b"", b""), (second.returncode, stdout, stderr))
        # It was called before the edit: what it made is of the old text or of the new one.
        made = (self.copies[1] / "unit.o").read_bytes()
        edited = self.compile_edited()
        self.assertIn(made, (self.wanted, edited))
        harness.settle()
        again = self.compile_in(1, 0)
        self.assertEqual(0, again.wait(60))
        self.assertTrue((self.copies[1] / "unit.o").read_bytes() == edited, "a stale hit")

    def compile_edited(self):
        prefix_map = "-ffile-prefix-map=%s=." % self.copies[1]
        self.run_command([*self.command(output="plain.o"), prefix_map], cwd=self.copies[1])
        return (self.copies[1] / "plain.o").read_bytes()

    def test_header_edited_while_the_first_compiles_is_never_a_stale_hit(self):
        for copy in self.copies:
            (copy / "unit.h").write_text("#define VALUE 1\n")
            (copy / "unit.c").write_text('#include "unit.h"\nint value = VALUE;\n')
        harness.settle()
        self.wanted = self.compile_plainly()
        first, second = self.hold_and_wait()
        (self.copies[1] / "unit.h").write_text("#define VALUE 2\n")
        self.check_finished(first, 0)
        self.assertEqual(0, second.wait(60))
        again = self.compile_in(1, 0)
        self.assertEqual(0, again.wait(60))
        self.assertTrue((self.copies[1] / "unit.o").read_bytes() == self.compile_edited(),
                        "a stale hit")


class UnknownCompiler(LeaseTest):
    def introduce_compiler(self):
        pass

    def test_two_who_ask_at_once_with_a_compiler_never_seen_share_one_compile(self):
        both = [self.compile_in(copy, SLOW) for copy in (0, 1)]
        for copy, process in enumerate(both):
            self.check_finished(process, copy)
        self.assertEqual(1, self.times_compiled())
        self.check_statistics(hits=1, misses=1)


class HolderFails(LeaseTest):
    def test_holder_killed_with_9_passes_the_lease_on_at_once(self):
        first, second = self.hold_and_wait(slow=4)
        killed = time.monotonic()
        os.killpg(first.pid, signal.SIGKILL)
        first.wait()
        self.check_second_compiles_soon(second, killed, 4 + SLACK)
        self.check_statistics(hits=0, misses=1)

    def test_wrapper_alone_killed_with_9_while_its_compiler_runs_on(self):
        first, second = self.hold_and_wait(slow=4)
        killed = time.monotonic()
        first.kill()
        first.wait()
        self.check_second_compiles_soon(second, killed, 4 + SLACK)

    def test_three_who_hold_it_one_after_the_other_are_killed(self):
        """Whoever of those who wait gets it next."""
        asked = {process.pid: (process, copy) for copy in (0, 1, 0, 1)
                 for process in [self.compile_in(copy, SLOW)]}
        for number in range(1, 4):
            self.wait_for_compile(number)
            holder, _ = asked.pop(os.getpgid(self.latest_assembler()))
            os.killpg(holder.pid, signal.SIGKILL)
            holder.wait()
        for process, copy in asked.values():
            self.check_finished(process, copy)
        self.assertEqual(4, self.times_compiled())

    def fail_once(self, commands):
        self.behaviour.write_text(': >"$CONTROL/behaviour"; %s\n' % commands)

    def test_compiler_that_crashes_is_the_holders_failure_only(self):
        self.fail_once("kill -SEGV $PPID; exit 1")
        first, second = self.hold_and_wait()
        start = time.monotonic()
        self.assertNotEqual(0, first.wait(60))
        self.assertFalse((self.copies[0] / "unit.o").exists())
        self.check_second_compiles_soon(second, start, 2 * SLOW + SLACK)

    def test_assembler_that_fails_is_the_holders_failure_only(self):
        self.fail_once("echo broken >&2; exit 1")
        first, second = self.hold_and_wait()
        stdout, stderr = first.communicate(timeout=60)
        self.assertEqual((1, b""), (first.returncode, stdout))
        self.assertIn(b"broken", stderr)
        self.check_second_compiles_soon(second, time.monotonic(), SLOW + SLACK)

    def test_source_that_does_not_compile_says_so_to_both(self):
        for copy in self.copies:
            (copy / "unit.c").write_text("int broken\n")
        harness.settle()
        both = [self.compile_in(copy, 0) for copy in (0, 1)]
        for process in both:
            _, stderr = process.communicate(timeout=60)
            self.assertEqual(1, process.returncode)
            self.assertIn(b"expected", stderr)

    def test_holder_interrupted_from_its_terminal_ends_alone(self):
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            with self.subTest(number):
                self.compiles.write_text("")
                text = "int of_%d;\n" % number
                for copy in self.copies:
                    (copy / "unit.c").write_text(text)
                harness.settle()
                self.wanted = self.compile_plainly()
                first, second = self.hold_and_wait()
                interrupted = time.monotonic()
                os.killpg(first.pid, number)
                self.assertEqual(-number, first.wait(10))
                self.check_second_compiles_soon(second, interrupted, SLOW + SLACK)
                self.assertFalse((self.copies[0] / "unit.o").exists())

    def test_waiter_interrupted_ends_at_once_and_the_holder_does_not_notice(self):
        first, second = self.hold_and_wait()
        interrupted = time.monotonic()
        os.killpg(second.pid, signal.SIGINT)
        self.assertEqual(-signal.SIGINT, second.wait(10))
        self.assertLess(time.monotonic() - interrupted, 1)
        self.check_finished(first, 0)
        self.assertEqual(1, self.times_compiled())

    def test_waiter_killed_with_9_is_nobodys_loss(self):
        first, second = self.hold_and_wait()
        second.kill()
        second.wait()
        self.check_finished(first, 0)
        third = self.compile_in(1, 0)
        self.check_finished(third, 1)
        self.assertEqual(1, self.times_compiled())


class HolderStands(LeaseTest):
    def test_nobody_waits_for_a_stopped_holder_for_ever(self):
        first, second = self.hold_and_wait()
        stopped = time.monotonic()
        os.killpg(first.pid, signal.SIGSTOP)
        self.check_finished(second, 1, timeout=40)
        self.assertLess(time.monotonic() - stopped, 30)
        os.killpg(first.pid, signal.SIGCONT)
        self.check_finished(first, 0)

    def test_nobody_waits_for_a_holder_whose_diagnostics_nobody_reads(self):
        warning = "#warning %s\n" % ("x" * 200)
        for copy in self.copies:
            (copy / "unit.c").write_text(warning * 1000 + daemon_case.SOURCE)
        harness.settle()
        first = self.compile_in(0, 0)  # its stderr is a pipe that takes 64 KiB
        daemon_case.wait_until(lambda: self.daemon_report()["compiles_in_flight"], "the compile")
        second = self.compile_in(1, 0)
        since = time.monotonic()
        second.communicate(timeout=40)
        self.assertEqual(0, second.returncode)
        self.assertLess(time.monotonic() - since, 20)
        self.assertIsNone(first.poll())
        first.communicate(timeout=40)
        self.assertEqual(0, first.returncode)

    def test_daemon_killed_while_one_holds_and_one_waits(self):
        first, second = self.hold_and_wait()
        self.daemon.kill()
        self.daemon.wait()
        self.check_finished(first, 0)
        self.check_finished(second, 1)
        again = self.compile_in(0, 0)
        self.check_finished(again, 0)
        self.assertGreaterEqual(self.statistics().hits, 1)

    def test_daemon_restarted_while_one_holds_and_one_waits(self):
        first, second = self.hold_and_wait()
        self.daemon.kill()
        self.daemon.wait()
        self.start_daemon()
        self.check_finished(first, 0)
        self.check_finished(second, 1)
        again = self.compile_in(1, 0)
        self.check_finished(again, 1)

    def test_daemon_stopped_while_one_holds_and_one_waits(self):
        first, second = self.hold_and_wait()
        harness.suspend(self.daemon.pid)
        start = time.monotonic()
        self.check_finished(first, 0)
        self.check_finished(second, 1)
        self.assertLess(time.monotonic() - start, 2 * SLOW + 4 + SLACK)

    def test_result_that_can_not_be_stored_is_compiled_by_each(self):
        """The cache directory is a file: nothing can be kept, and nobody is left waiting."""
        (self.folder / "no-cache").write_text("")
        self.environment["HPCC_CACHE_DIR"] = str(self.folder / "no-cache")
        both = [self.compile_in(copy, 1) for copy in (0, 1)]
        for copy, process in enumerate(both):
            process.communicate(timeout=60)
            self.assertEqual(0, process.returncode)
            self.assertTrue((self.copies[copy] / "unit.o").read_bytes() == self.wanted)


if __name__ == "__main__":
    harness.main()
