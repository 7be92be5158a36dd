#!/usr/bin/env python3
"""hpcc-remote itself: when it runs, when it leaves, and that builds do without it: killed, stopped,
missing, deceiving."""

import os
import shutil
import signal
import socket
import sys
import threading
import time
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import shared_cache_case  # noqa: E402
from shared_cache_case import harness, wait_until  # noqa: E402


class ComingAndGoing(shared_cache_case.BuildTest):
    def test_one_serves_a_build_of_eight_at_once(self):
        machine = self.builder("a")
        machine.check_build()
        self.assertEqual(1, len(machine.remote_programs()))

    def test_none_is_started_where_no_tier_is_remote(self):
        machine = self.builder("a")
        machine.configure()
        machine.check_build()
        self.assertEqual([], machine.remote_programs())

    def test_none_is_started_for_what_the_disk_has(self):
        machine = self.builder("a")
        machine.check_build()
        machine.wait_until_written()
        machine.end_programs()
        wait_until(lambda: not machine.remote_programs(), "its end")
        machine.check_build()
        self.assertEqual(len(self.expected), machine.counts().hits)
        self.assertEqual([], machine.remote_programs())

    def test_build_ends_without_waiting_for_it(self):
        """It holds none of the build's pipes."""
        machine = self.builder("a")
        outcome = machine.run("sh", "-c", '"$0" gcc -c %s.c -o a.o' % self.a_unit, harness.HPCC,
                              timeout=20)
        self.assertEqual((0, b"", b""), (outcome.status, outcome.stdout, outcome.stderr))
        self.assertEqual(1, len(machine.remote_programs()))

    @shared_cache_case.long_form
    def test_it_holds_no_folder_of_the_build(self):
        machine = self.builder("a")
        self.compile(machine)
        pid, = machine.remote_programs()
        self.assertFalse(os.readlink("/proc/%d/cwd" % pid).startswith(str(machine.checkout)))
        for link in Path("/proc/%d/fd" % pid).iterdir():
            self.assertFalse(os.readlink(link).startswith(str(machine.checkout)), link)

    def test_told_to_leave_it_writes_what_it_has_taken_first(self):
        machine = self.builder("a")
        self.proxy.set_fault(None)
        machine.check_build()
        for pid in machine.remote_programs():
            os.kill(pid, signal.SIGTERM)
        wait_until(lambda: not machine.remote_programs(), "its end", 30)
        second = self.builder("second/machine")
        second.check_build()
        self.assertEqual(0, second.counts().misses)

    def test_hpcc_stop_ends_it_when_everything_is_written(self):
        machine = self.builder("a")
        machine.check_build()
        outcome = machine.hpcc("stop")
        self.assertEqual((0, b"hpcc-remote has ended.\n"), (outcome.status, outcome.stdout))
        self.assertEqual([], machine.remote_programs())
        second = self.builder("second/machine")
        second.check_build()
        self.assertEqual(0, second.counts().misses)

    @shared_cache_case.long_form
    def test_hpcc_stop_does_not_wait_for_ever_for_a_bucket(self):
        machine = self.builder("a")
        self.proxy.set_fault("black hole")
        machine.check_build()
        self.assertEqual(0, machine.hpcc("start", "--background").status)
        start = time.monotonic()
        self.assertEqual(0, machine.hpcc("stop").status)
        self.assertLess(time.monotonic() - start, 16)
        self.assertEqual([], machine.remote_programs())
        self.assertEqual(1, machine.hpcc("stop").status)

    @shared_cache_case.long_form
    def test_credentials_of_two_projects_are_kept_apart(self):
        """One hpcc-remote, two environments: each compile is with its own."""
        machine = self.builder("a")
        self.compile(machine)
        machine.wait_until_written()
        count = len(self.objects())
        machine.use("nobody")
        self.compile(machine, source="int other(void) { return 8; }\n")
        machine.wait_until_written()
        self.assertEqual(count, len(self.objects()), "wrote with another's credentials")


class Broken(shared_cache_case.BuildTest):
    def filled(self):
        self.fill_bucket()
        return self.builder("machine")

    def disturb(self, machine, action, pause):
        """Runs a build while `action` is done to hpcc-remote every `pause` seconds."""
        done = threading.Event()
        times = []

        def again_and_again():
            while not done.wait(pause):
                for pid in machine.remote_programs():
                    try:
                        action(pid)
                        times.append(pid)
                    except ProcessLookupError:
                        pass

        thread = threading.Thread(target=again_and_again)
        thread.start()
        try:
            took = machine.check_build(self.bound())
        finally:
            done.set()
            thread.join()
        return took, times

    def test_killed_in_mid_build(self):
        for warm in (True, False):
            machine = self.filled() if warm else self.builder("cold")
            _, times = self.disturb(machine, lambda pid: os.kill(pid, signal.SIGKILL), 0.15)
            self.assertTrue(times, "there was nothing to kill")
            self.assertEqual(0, machine.counts().errors)

    def test_killed_right_after_its_start_is_started_again(self):
        machine = self.filled()
        self.compile(machine)
        pid, = machine.remote_programs()
        os.kill(pid, signal.SIGKILL)
        wait_until(lambda: not machine.remote_programs(), "its end")
        before = machine.counts()
        machine.check_build()
        self.assertEqual(0, (machine.counts() - before).misses)

    @shared_cache_case.long_form
    def test_killed_again_and_again_it_is_left_alone_for_a_while(self):
        machine = self.filled()
        for _ in range(6):
            self.compile(machine)
            for pid in machine.remote_programs():
                os.kill(pid, signal.SIGKILL)
            wait_until(lambda: not machine.remote_programs(), "its end")
            machine.forget_locally()
        start = time.monotonic()
        self.compile(machine)
        self.assertLess(time.monotonic() - start, 2)
        self.assertEqual([], machine.remote_programs())

    def test_stopped_in_mid_build(self):
        machine = self.filled()
        self.disturb(machine, lambda pid: os.kill(pid, signal.SIGSTOP), 0.1)

    def test_stopped_before_the_build(self):
        machine = self.filled()
        self.compile(machine)
        pid, = machine.remote_programs()
        os.kill(pid, signal.SIGSTOP)
        took = machine.check_build(self.bound())
        print("stopped: build %.1f s (plain %.1f s)" % (took, self.plain_seconds), flush=True)

    def test_slow_one_does_not_hold_a_build_that_writes(self):
        """Writes are taken at once and made afterwards."""
        machine = self.builder("a")
        self.proxy.set_fault("slow first byte", matching="^PUT")
        undisturbed = self.plain_seconds
        took = machine.check_build(self.bound(1))
        print("writes hang: build %.1f s (plain %.1f s)" % (took, undisturbed), flush=True)

    def test_missing_program(self):
        """hpcc alone, as if somebody had copied only that."""
        alone = self.folder / "bin"
        alone.mkdir()
        shutil.copy2(harness.HPCC, alone / "hpcc")
        machine = self.filled()
        machine.build(str(alone / "hpcc"))
        self.check_objects(self.expected, machine.built())
        self.assertIn("hpcc-remote", machine.logged())

    def test_program_that_can_not_start(self):
        folder = self.folder / "bin"
        folder.mkdir()
        shutil.copy2(harness.HPCC, folder / "hpcc")
        for text in ("#!/bin/sh\nexit 3\n", "#!/bin/sh\nsleep 60\n", "no program"):
            (folder / "hpcc-remote").write_text(text)
            (folder / "hpcc-remote").chmod(0o755)
            machine = self.builder("m%d" % len(text))
            start = time.monotonic()
            machine.build(str(folder / "hpcc"))
            self.assertLess(time.monotonic() - start, self.bound())
            self.check_objects(self.expected, machine.built())


class Deceiver:
    """Listens where hpcc-remote would, and answers as it is told."""

    def __init__(self, path, behaviour):
        self.behaviour = behaviour
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(path))
        self.listener.listen(64)
        self.served = 0
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            self.served += 1
            threading.Thread(target=self.behave, args=(connection,), daemon=True).start()

    def behave(self, connection):
        try:
            self.behaviour(connection)
        except OSError:
            pass
        finally:
            connection.close()

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()


def hang(connection):
    connection.settimeout(60)
    while connection.recv(65536):
        pass


def say_garbage(connection):
    connection.settimeout(5)
    connection.recv(65536)
    connection.sendall(os.urandom(4096))


def promise_much(connection):
    connection.settimeout(5)
    connection.recv(65536)
    connection.sendall(b"\xff\xff\xff\x7f" + bytes(1000))
    hang(connection)


def hang_up(connection):
    connection.recv(1)


class Deceived(shared_cache_case.BuildTest):
    """Somebody of the same user has taken the place of hpcc-remote and misbehaves."""

    def socket_path(self):
        machine = self.builder("honest")
        self.compile(machine)
        path, = [path for path in machine.runtime.rglob("*") if path.is_socket()]
        return path.relative_to(machine.runtime)

    def test_whatever_it_says_builds_go_on(self):
        name = self.socket_path()
        for behaviour in (hang, say_garbage, promise_much, hang_up):
            with self.subTest(behaviour.__name__):
                machine = self.builder(behaviour.__name__)
                deceiver = Deceiver(machine.runtime / name, behaviour)
                took = machine.check_build(self.bound())
                deceiver.close()
                self.assertGreater(deceiver.served, 0)
                print("%s: build %.1f s (plain %.1f s), asked %d times" % (
                    behaviour.__name__, took, self.plain_seconds, deceiver.served), flush=True)

    @unittest.skipUnless(os.geteuid() == 0, "needs root, to give a directory away")
    def test_socket_of_another_user_is_not_spoken_to(self):
        name = self.socket_path()
        machine = self.builder("other")
        machine.runtime.chmod(0o777)
        os.chown(machine.runtime, 65534, 65534)
        heard = []
        deceiver = Deceiver(machine.runtime / name,
                            lambda connection: heard.append(connection.recv(65536)))
        machine.check_build(self.bound())
        deceiver.close()
        self.assertEqual([], [words for words in heard if words])


if __name__ == "__main__":
    shared_cache_case.main()
