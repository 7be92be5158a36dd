#!/usr/bin/env python3
"""The user units of deploy/systemd under a real systemd: a user manager of the test's own.

systemd refuses to start where no systemd runs the machine, which it sees by a folder in /run; it is
given a /run of its own in a mount namespace. The units are used as they are; a drop-in says where the
programs were built.
"""

import os
import shutil
import signal
import subprocess
import sys
import time
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import daemon_case  # noqa: E402
from daemon_case import harness, wait_until  # noqa: E402

REPOSITORY = Path(__file__).resolve().parents[2]
SYSTEMD = "/lib/systemd/systemd"
SERVICE = "hpcc-daemon.service"
SOCKET = "hpcc-daemon.socket"


def own_cgroups():
    """The folders of this process that systemd works with: its own hierarchy, and the unified one."""
    found = []
    for line in Path("/proc/self/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        mounts = {"name=systemd": ["systemd"], "": ["unified", "."]}.get(controllers, [])
        for mount in mounts:
            folder = Path("/sys/fs/cgroup") / mount / path.lstrip("/")
            if (folder / "cgroup.procs").exists():
                found.append(folder)
                break
    return found


def obstacle():
    """What keeps a systemd from running here; "": nothing."""
    if not os.path.exists(SYSTEMD):
        return "no systemd is installed"
    if os.getuid() != 0:
        return "a systemd of the test's own takes root"
    folders = own_cgroups()
    if not folders or not all(os.access(folder, os.W_OK) for folder in folders):
        return "no control groups that a systemd could use"
    return ""


class UserManager:
    """`systemd --user`, with its runtime directory and home."""

    def __init__(self, home, runtime):
        self.environment = {"PATH": "/usr/bin:/bin:/usr/sbin:/sbin", "HOME": str(home),
                            "XDG_RUNTIME_DIR": str(runtime)}
        self.groups = [folder / ("hpcc-test-%d" % os.getpid()) for folder in own_cgroups()]
        script = "".join("echo $$ >%s/cgroup.procs && " % group for group in self.groups)
        script += "mount -t tmpfs none /run && mkdir -p /run/systemd/system && exec %s --user" % SYSTEMD
        for group in self.groups:
            group.mkdir()
        self.process = subprocess.Popen(["unshare", "--mount", "sh", "-c", script],
                                        env=self.environment, stdin=subprocess.DEVNULL,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            # Degraded: some other package's unit has failed here.
            wait_until(lambda: self.systemctl("is-system-running") in ("running", "degraded"),
                       "systemd")
        except AssertionError:
            self.end()
            raise

    def systemctl(self, *words):
        said = subprocess.run(
            ["nsenter", "-t", str(self.process.pid), "--mount", "systemctl", "--user", *words],
            env=self.environment, capture_output=True, text=True, timeout=60)
        # "is-system-running" says no by its status, too.
        if said.returncode != 0 and words[0] != "is-system-running":
            raise AssertionError("systemctl %s: %s" % (" ".join(words), said.stderr))
        return said.stdout.strip()

    def show(self, unit, name):
        return self.systemctl("show", "--value", "-p", name, unit)

    def end(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        for group in self.groups:
            for folder in sorted(group.rglob("*"), reverse=True):
                if folder.is_dir():
                    folder.rmdir()
            group.rmdir()


@unittest.skipIf(obstacle(), obstacle())
class UserUnits(daemon_case.SlowUnitTest):
    def setUp(self):
        super().setUp()
        del self.environment["HPCC_RUNTIME_DIR"]  # as users have it: below $XDG_RUNTIME_DIR
        self.environment["XDG_RUNTIME_DIR"] = str(self.runtime)
        units = self.home / ".config/systemd/user"
        (units / (SERVICE + ".d")).mkdir(parents=True)
        for name in (SERVICE, SOCKET):
            shutil.copy(REPOSITORY / "deploy/systemd" / name, units)
        (units / (SERVICE + ".d") / "built.conf").write_text(
            "[Service]\nExecStart=\nExecStart=%s\n" % Path(harness.HPCC).with_name("hpcc-daemon"))
        self.manager = UserManager(self.home, self.runtime)
        self.addCleanup(self.manager.end)
        self.manager.systemctl("enable", "--now", SOCKET)
        self.assertEqual("listening", self.manager.show(SOCKET, "SubState"))

    def main_process(self):
        return int(self.manager.show(SERVICE, "MainPID"))

    def check_hit(self):
        """A compile that nothing is compiled for, by the daemon that systemd knows of."""
        outcome, added = self.counting(daemon_case.COMPILE)
        self.assertEqual((0, b"", 1, 0), (outcome.status, outcome.stderr, added.hits, added.misses))
        report = self.daemon_report()
        self.assertEqual(self.main_process(), report["pid"])
        return report

    def test_first_wrapper_starts_the_service(self):
        self.assertEqual("dead", self.manager.show(SERVICE, "SubState"))
        self.check_compiles()
        self.assertEqual("running", self.manager.show(SERVICE, "SubState"))
        self.assertGreater(self.check_hit()["requests"], 0)
        self.assertEqual(0o600, (self.runtime / "hpcc/daemon.sock").stat().st_mode & 0o777)
        self.assertEqual(0o700, (self.runtime / "hpcc").stat().st_mode & 0o777)

    def test_killed_daemon_is_there_for_the_next_wrapper(self):
        self.check_compiles()
        killed = self.main_process()
        os.kill(killed, signal.SIGKILL)
        wait_until(lambda: not daemon_case.is_alive(killed), "the daemon's end")
        self.check_hit()
        self.assertNotEqual(killed, self.main_process())

    def test_service_stopped_in_mid_compile_ends_well_and_starts_again(self):
        compiling = self.compile_in(0, slow=2)
        wait_until(self.times_compiled, "the compile's start")
        self.manager.systemctl("stop", SERVICE)
        self.assertEqual("success", self.manager.show(SERVICE, "Result"))
        self.assertEqual("dead", self.manager.show(SERVICE, "SubState"))
        _, complaint = compiling.communicate(timeout=60)
        self.assertEqual((0, b""), (compiling.returncode, complaint))
        self.assertTrue((self.copies[0] / "unit.o").read_bytes() == self.wanted)
        self.check_compiles()
        self.check_hit()

    def test_hpcc_stop_is_no_failure_that_systemd_mends(self):
        self.check_compiles()
        outcome = self.run_command([harness.HPCC, "stop"])
        self.assertEqual(0, outcome.status, outcome.stderr)
        wait_until(lambda: self.manager.show(SERVICE, "SubState") == "dead", "the service's end")
        time.sleep(0.5)  # Restart= would be at it
        self.assertEqual(("success", "0"), (self.manager.show(SERVICE, "Result"),
                                            self.manager.show(SERVICE, "NRestarts")))
        self.check_hit()


if __name__ == "__main__":
    harness.main()
