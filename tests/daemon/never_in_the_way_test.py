#!/usr/bin/env python3
"""Whatever becomes of the daemon, builds come out as without it, and nobody waits for it long."""

import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import daemon_case  # noqa: E402
from daemon_case import harness  # noqa: E402

REPOSITORY = Path(__file__).resolve().parents[2]
ROUNDS = 100 if daemon_case.LONG else 5
GIVING_UP = 2  # seconds a wrapper waits for a silent daemon


class LuaBuild(daemon_case.DaemonTest):
    """make -j8 of Lua, again and again, in one place."""

    lua = None  # the sources, fetched once

    @classmethod
    def setUpClass(cls):
        cls.fetched = Path(tempfile.mkdtemp(prefix="hpcc-lua."))
        subprocess.run([REPOSITORY / "scripts/fetch-source.sh", "--upstream", "lua5.4",
                        cls.fetched / "lua"], check=True, timeout=600, stdout=subprocess.DEVNULL)
        cls.lua = cls.fetched / "lua/src"

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.fetched, ignore_errors=True)

    def setUp(self):
        super().setUp()
        self.sources = self.tree / "src"
        shutil.copytree(self.lua, self.sources)
        harness.settle()
        self.wanted = self.build("gcc -std=gnu99")

    def build(self, compiler):
        """The objects; the build must succeed, and nothing may be said on stderr."""
        for path in self.sources.glob("*.[oa]"):
            path.unlink()
        outcome = self.run_command(
            ["make", "-j8", "-C", "src", "CC=" + compiler, "SYSCFLAGS=-DLUA_USE_LINUX", "o"])
        self.assertEqual((0, b""), (outcome.status, outcome.stderr))
        return {path.name: path.read_bytes() for path in self.sources.glob("*.o")}

    def check_build(self):
        started = time.monotonic()
        made = self.build("%s gcc -std=gnu99" % harness.HPCC)
        took = time.monotonic() - started
        self.assertEqual(self.wanted.keys(), made.keys())
        different = [name for name in made if made[name] != self.wanted[name]]
        self.assertEqual([], different)
        return took

    def test_daemon_killed_at_a_random_moment_never_shows(self):
        chance = random.Random(os.environ.get("HPCC_TEST_SEED", "3"))
        cold = self.check_build()
        warm = self.check_build()
        for number in range(ROUNDS):
            is_cold = number % 2 == 0
            if is_cold:
                shutil.rmtree(self.cache)
            moment = chance.uniform(0, cold if is_cold else warm)
            with self.subTest(round=number, moment=moment, cold=is_cold):
                daemon = self.start_daemon()
                killer = threading.Timer(moment, daemon.kill)
                killer.start()
                try:
                    self.check_build()
                finally:
                    killer.join()
                    daemon.wait()
                self.check_everything_is_a_hit()

    def check_everything_is_a_hit(self):
        """What the build left in the cache is whole."""
        before = self.statistics()
        self.check_build()
        added = self.statistics() - before
        self.assertEqual(0, added.errors)
        self.assertEqual(0, added.misses)
        self.assertEqual(len(self.wanted), added.hits)

    def test_daemon_killed_and_started_again_during_a_build_never_shows(self):
        done = threading.Event()

        def restart():
            while not done.wait(0.4):
                daemon = self.start_daemon()
                done.wait(0.4)
                daemon.kill()
                daemon.wait()

        restarter = threading.Thread(target=restart)
        restarter.start()
        try:
            self.check_build()
            self.check_build()
        finally:
            done.set()
            restarter.join()
        self.check_everything_is_a_hit()

    def test_daemon_stopped_during_a_build_is_given_up(self):
        daemon = self.start_daemon()
        alone = self.check_build()
        shutil.rmtree(self.cache)
        stopper = threading.Timer(alone / 3, lambda: daemon.send_signal(signal.SIGSTOP))
        stopper.start()
        try:
            took = self.check_build()
        finally:
            stopper.join()
        # Eight wrappers may find it silent at the same time, and later ones know.
        self.assertLess(took, 3 * alone + 4 * GIVING_UP)
        self.assertLess(self.check_build(), 3 * alone + GIVING_UP)

    def test_daemon_short_of_descriptors_answers_whom_it_can(self):
        daemon = self.start_daemon(before=["prlimit", "--nofile=24"])
        for _ in range(3):
            self.check_build()
            shutil.rmtree(self.cache)
        self.assertIsNone(daemon.poll())
        self.check_still_of_use(daemon)

    def test_daemon_short_of_memory_answers_whom_it_can(self):
        daemon = self.start_daemon()
        status = Path("/proc/%d/status" % daemon.pid).read_text()
        size = int(dict(line.split(":", 1) for line in status.splitlines())["VmSize"].split()[0])
        for spare in (0, 1 << 20, 8 << 20):
            limit = (size << 10) + spare
            resource.prlimit(daemon.pid, resource.RLIMIT_AS, (limit, resource.RLIM_INFINITY))
            self.check_build()
            self.check_build()
            shutil.rmtree(self.cache)
            if daemon.poll() is not None:
                self.fail("it did not survive %d bytes to spare: status %d, %r" % (
                    spare, daemon.returncode, daemon.stderr.read()))
        unlimited = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
        resource.prlimit(daemon.pid, resource.RLIMIT_AS, unlimited)
        self.check_still_of_use(daemon)

    def test_daemon_that_may_start_no_process_or_thread_answers_whom_it_can(self):
        daemon = self.start_daemon()
        resource.prlimit(daemon.pid, resource.RLIMIT_NPROC, (1, 1))
        self.check_build()
        self.check_build()
        self.assertIsNone(daemon.poll())

    def check_still_of_use(self, daemon):
        self.check_build()
        before = self.statistics(), self.requests()
        self.check_build()
        self.assertEqual(len(self.wanted), (self.statistics() - before[0]).hits)
        self.assertGreater(self.requests(), before[1])
        self.stop_daemon(daemon)


class Silence(daemon_case.DaemonTest):
    def test_stopped_daemon_is_given_up_and_later_wrappers_do_not_wait(self):
        daemon = self.start_daemon()
        self.check_compiles()
        wanted = self.plain_object()
        harness.suspend(daemon.pid)
        first = self.check_compiles(wanted)
        self.assertLess(first, GIVING_UP + 2)
        self.assertEqual(1, self.statistics().hits)
        for _ in range(5):
            self.assertLess(self.check_compiles(wanted), 1)

    def test_daemon_started_after_a_silent_one_is_asked_again(self):
        daemon = self.start_daemon()
        harness.suspend(daemon.pid)
        self.check_compiles()
        daemon.kill()
        daemon.wait()
        self.start_daemon()
        before = self.requests()
        self.check_compiles()
        self.assertGreater(self.requests(), before)

    def test_statistics_and_stop_do_not_hang_on_a_stopped_daemon(self):
        daemon = self.start_daemon()
        harness.suspend(daemon.pid)
        started = time.monotonic()
        outcome = self.run_command([harness.HPCC, "stats", "--json"], timeout=30)
        self.assertEqual(0, outcome.status)
        self.run_command([harness.HPCC, "stop"], timeout=30)
        self.assertLess(time.monotonic() - started, 20)

    def test_off_never_touches_the_daemon(self):
        daemon = self.start_daemon()
        harness.suspend(daemon.pid)
        wanted = self.plain_object()
        for _ in range(2):
            self.assertLess(self.check_compiles(wanted, environment={"HPCC_DAEMON": "off"}), 1.5)


if __name__ == "__main__":
    harness.main()
