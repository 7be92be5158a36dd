#!/usr/bin/env python3
"""`hpcc sandbox list` and `hpcc exec`: the operator of a cluster's worker looks at its sandboxes and runs
commands in one. Who may, what a command sees, how it ends, and what is recorded of it."""

import json
import os
import signal
import stat
import subprocess
import sys
import time
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import cluster_case  # noqa: E402
from cluster_case import harness, wait_until  # noqa: E402

NOBODY = 65534
SECOND = 1.0


class Operator(cluster_case.ClusterTest):
    tenants = 2

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        # A sandbox of each tenant.
        for number, config in enumerate(("client.toml", "client2.toml")):
            client = cluster_case.Client(cls.cluster, cls.class_folder / ("tenant%d" % number), config)
            cls.addClassCleanup(client.end)
            client.write("a.c", "int secret_of_a_tenant = %d;\n" % number)
            outcome = client.hpcc("gcc", "-c", "a.c", "-o", "a.o")
            assert outcome.status == 0, outcome.stderr
            assert client.remote()["compiled"] == 1, client.log() + cls.cluster.logs()

    def words(self, command, *words):
        return [harness.HPCC, *command, "--config", str(self.cluster.folder / "worker.toml"), *words]

    def hpcc(self, *words):
        return harness.run([str(word) for word in words], str(self.folder), self.environment())

    def environment(self):
        return harness.base_environment(self.folder, self.folder / "unused")

    def sandboxes(self):
        outcome = self.hpcc(*self.words(["sandbox", "list"], "--json"))
        self.assertEqual((0, b""), (outcome.status, outcome.stderr))
        return json.loads(outcome.stdout)

    def sandbox_of(self, tenant):
        return [entry for entry in self.sandboxes() if entry["tenant"] == tenant][0]["id"]

    def exec(self, *words, options=(), tenant="dev"):
        return self.hpcc(*self.words(["exec"], *options, self.sandbox_of(tenant), "--", *words))

    def last_row(self):
        return self.cluster.rows("--operator")[-1]

    def check_chain(self):
        outcome = self.cluster.audit("verify")
        self.assertEqual(0, outcome.status, outcome.stdout + outcome.stderr)

    @property
    def socket(self):
        return self.cluster.folder / "worker/operator/socket"

    def test_the_list_says_whose_each_sandbox_is(self):
        # The row of a command that was cut off is there a moment before its place is free again.
        wait_until(lambda: not any(entry["execs"] for entry in self.sandboxes()), "idle sandboxes", 5)
        found = self.sandboxes()
        self.assertEqual(["dev", "dev2"], sorted(entry["tenant"] for entry in found))
        for entry in found:
            self.assertEqual(("host", "process", "running", 0),
                             tuple(entry[key] for key in ("image", "isolation", "state", "execs")))
            self.assertRegex(entry["id"], r"^dev-worker-\d+$")
            self.assertGreater(entry["age_seconds"], 0)
            self.assertGreaterEqual(entry["age_seconds"], entry["idle_seconds"])
        outcome = self.hpcc(*self.words(["sandbox", "list"]))
        self.assertRegex(outcome.stdout.decode(),
                         r"^SANDBOX +TENANT +IMAGE +ISOLATION +STATE +EXECS +AGE +IDLE\n")
        self.assertRegex(outcome.stdout.decode(), r"\ndev-worker-\d+ +dev +host +process +running +0/")
        # By its socket, too.
        by_socket = self.hpcc(harness.HPCC, "sandbox", "list", "--json", "--socket", self.socket)
        self.assertEqual(len(found), len(json.loads(by_socket.stdout)))

    def test_a_command_runs_in_the_sandbox(self):
        outcome = self.exec("/bin/sh", "-c", "pwd; echo to the other >&2; ls /sys /home; exit 7")
        self.assertEqual(7, outcome.status, outcome.stderr)
        self.assertRegex(outcome.stdout, rb"^/tmp\n")
        self.assertIn(b"to the other\n", outcome.stderr)
        # The sandbox is what a compile has: no network but loopback, no processes of the host.
        inside = self.exec("/bin/sh", "-c", "cat /proc/net/dev; ls /proc | grep -c '^[0-9]'")
        self.assertEqual(0, inside.status, inside.stderr)
        self.assertNotIn(b"eth", inside.stdout)
        self.assertLess(int(inside.stdout.split()[-1]), 10)

    def test_nothing_is_left_for_the_next_command(self):
        self.assertEqual(0, self.exec("/bin/sh", "-c", "echo x >/tmp/left").status)
        self.assertEqual(b"", self.exec("/bin/ls", "-A", "/tmp").stdout)

    def test_each_command_has_one_row_that_verifies(self):
        before = self.cluster.rows("--operator")
        compiles = len(self.cluster.rows("--miss"))
        outcome = self.exec("/bin/sh", "-c", "kill -KILL $$", "an\nargument", tenant="dev2")
        self.assertEqual(128 + 9, outcome.status)
        self.assertIn(b"signal 9 ended it", outcome.stderr)
        rows = self.cluster.rows("--operator")
        self.assertEqual(len(before) + 1, len(rows))
        row = rows[-1]
        expected = {"tenant": "dev2", "user": "uid:%d" % os.getuid(), "worker": "dev-worker",
                    "sandbox": self.sandbox_of("dev2"), "isolation": "process",
                    "image_digest": "host", "source_digest": "", "cache_key": "", "hit": False,
                    "compiler": "/bin/sh", "flags": ["-c", "kill -KILL $$", "an\nargument"],
                    "exit_status": 137, "scheduler": "", "working_directory": "/tmp",
                    "operator_command": True}
        self.assertEqual(expected, {key: row[key] for key in expected})
        # Compiles are none of these, and these are no compiles.
        self.assertEqual(compiles, len(self.cluster.rows("--miss")))
        self.assertEqual([False] * compiles,
                         [compile["operator_command"] for compile in self.cluster.rows("--miss")])
        line = self.cluster.audit("query", "--job", row["job_id"]).stdout.decode()
        self.assertRegex(line, r"  dev2/uid:\d+  exec  process  exit 137  .* sh -c 'kill -KILL \$\$'")
        events = [event for event in self.cluster.events() if event["event"] == "operator-command"
                  and row["job_id"] in event["detail"]]
        self.assertEqual(1, len(events))
        self.assertLessEqual(events[0]["time_ns"], row["time_ns"])
        self.check_chain()
        copy = cluster_case.tampered(
            self.cluster.audit_log,
            "UPDATE audit_row SET user = 'uid:1' WHERE job_id = '%s'" % row["job_id"],
            self.folder / "copy.db")
        self.assertEqual(1, self.cluster.audit("verify", log=copy).status)

    def test_a_replay_says_what_it_is(self):
        self.assertEqual(0, self.exec("/bin/true").status)
        outcome = self.cluster.replay(self.last_row()["job_id"])
        self.assertEqual(1, outcome.status)
        self.assertRegex(outcome.stderr, rb"a command of the worker's operator \(hpcc exec, by uid:\d+\)")

    def test_output_comes_as_it_is_printed(self):
        process = subprocess.Popen(
            self.words(["exec"], self.sandbox_of("dev"), "--", "/bin/sh", "-c",
                       "echo first; sleep 30"),
            stdout=subprocess.PIPE, env=self.environment(), stdin=subprocess.DEVNULL)
        began = time.monotonic()
        self.assertEqual(b"first\n", process.stdout.readline())
        self.assertLess(time.monotonic() - began, 15)
        process.kill()
        process.wait()
        process.stdout.close()

    def test_much_output_arrives_whole(self):
        outcome = self.exec("/bin/sh", "-c", "head -c 20000000 /dev/zero | tr '\\0' x")
        self.assertEqual((0, 20_000_000), (outcome.status, len(outcome.stdout)), outcome.stderr)

    def sleepers(self, mark):
        """Processes of the host whose command line holds the mark and that are no hpcc of ours."""
        found = []
        for entry in os.listdir("/proc"):
            try:
                line = Path("/proc", entry, "cmdline").read_bytes() if entry.isdigit() else b""
            except OSError:
                continue
            if mark in line and b"exec" not in line.split(b"\0")[1:2]:
                found.append(int(entry))
        return found

    def test_control_c_ends_every_process_within_a_second(self):
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
            with self.subTest(signal=number):
                mark = b"3600.%d%d" % (os.getpid(), number)
                process = subprocess.Popen(
                    self.words(["exec"], self.sandbox_of("dev"), "--", "/bin/sh", "-c",
                               "sleep %s & sleep %s; echo late" % (mark.decode(), mark.decode())),
                    env=self.environment(), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
                wait_until(lambda: len(self.sleepers(mark)) >= 3, "a command that runs")
                self.assertEqual(1, [entry["execs"] for entry in self.sandboxes()
                                     if entry["tenant"] == "dev"][0])
                process.send_signal(number)
                began = time.monotonic()
                wait_until(lambda: not self.sleepers(mark), "its processes' end", 20)
                self.assertLess(time.monotonic() - began, SECOND)
                self.assertEqual(-number, process.wait(20))
                wait_until(lambda: self.last_row()["exit_status"] == 130 and
                           mark.decode() in " ".join(self.last_row()["flags"]), "its row")
        self.check_chain()

    def test_its_time_has_a_bound(self):
        began = time.monotonic()
        outcome = self.exec("/bin/sleep", "60", options=["--timeout", "300ms"])
        self.assertEqual(124, outcome.status, outcome.stderr)
        self.assertIn(b"its time of 300 ms was over", outcome.stderr)
        self.assertLess(time.monotonic() - began, 30)
        self.assertEqual(124, self.last_row()["exit_status"])

    def test_wrong_questions_say_what_to_do(self):
        known = self.sandbox_of("dev")
        before = len(self.cluster.rows("--operator"))
        for words, status, said in (
                ([known], 2, "is missing"),
                ([], 2, "is missing"),
                (["--timeout", "soon", known, "--", "/bin/true"], 2, "--timeout"),
                (["--timeout", "2h", known, "--", "/bin/true"], 2, "--timeout"),
                (["no-such", "--", "/bin/true"], 125, "'hpcc sandbox list' tells which there are"),
                ([known, "--", "gcc"], 125, "whole path of the program")):
            with self.subTest(words=words):
                outcome = self.hpcc(*self.words(["exec"], *words))
                self.assertEqual(status, outcome.status, outcome.stderr)
                self.assertIn(said, outcome.stderr.decode())
        self.assertEqual(before, len(self.cluster.rows("--operator")))
        # What begins is recorded, though it can't be run.
        outcome = self.exec("/usr/bin/no-such-program")
        self.assertEqual(125, outcome.status, outcome.stderr)
        self.assertEqual(125, self.last_row()["exit_status"])
        for words in (["--socket", "/nowhere/socket"], ["--socket", str(self.folder)]):
            outcome = self.hpcc(harness.HPCC, "sandbox", "list", *words)
            self.assertEqual(1, outcome.status)
            self.assertIn(b"no worker answers at", outcome.stderr)
        self.assertEqual(2, self.hpcc(harness.HPCC, "sandbox", "list", "--config", "/nowhere").status)
        self.assertEqual(2, self.hpcc(harness.HPCC, "sandbox", "show").status)

    def test_a_full_sandbox_is_no_place_for_more(self):
        cpus = self.sandboxes()[0]["cpus"]
        sleeping = [subprocess.Popen(self.words(["exec"], self.sandbox_of("dev"), "--", "/bin/sleep",
                                                "3600"), env=self.environment(),
                                     stdin=subprocess.DEVNULL) for _ in range(cpus)]
        try:
            wait_until(lambda: [entry["execs"] for entry in self.sandboxes()
                                if entry["tenant"] == "dev"] == [cpus], "a full sandbox")
            outcome = self.exec("/bin/true")
            self.assertEqual(125, outcome.status)
            self.assertIn(b"the sandbox is at work", outcome.stderr)
            # Another tenant's is another's.
            self.assertEqual(0, self.exec("/bin/true", tenant="dev2").status)
        finally:
            for process in sleeping:
                process.kill()
                process.wait()

    def test_the_socket_is_the_workers_users_alone(self):
        self.assertEqual(0o600, stat.S_IMODE(self.socket.stat().st_mode))
        self.assertEqual(0o700, stat.S_IMODE(self.socket.parent.stat().st_mode))

    @unittest.skipUnless(os.getuid() == 0, "only root can become nobody")
    def test_another_user_is_refused(self):
        # The programs may stand where nobody else may look, so Python asks.
        ask = ("import socket, sys\n"
               "s = socket.socket(socket.AF_UNIX); s.settimeout(20)\n"
               "s.connect(sys.argv[1])\n"
               "s.sendall(b'\\x04\\0\\0\\0\\x08\\x01\\x12\\x00')\n"
               "sys.stdout.buffer.write(s.recv(4096))\n")

        def as_nobody():
            return subprocess.run(
                ["setpriv", "--reuid", str(NOBODY), "--regid", str(NOBODY), "--clear-groups",
                 "/usr/bin/python3", "-c", ask, str(self.socket)], capture_output=True, timeout=60)

        refused = as_nobody()
        self.assertEqual(b"", refused.stdout)
        self.assertIn(b"PermissionError", refused.stderr)
        # Somebody has opened all doors: the worker looks who it is.
        doors = [self.socket, *list(self.socket.parents)[:4]]
        modes = [(path, stat.S_IMODE(path.stat().st_mode)) for path in doors]
        try:
            for path in doors:
                os.chmod(path, 0o777 if path == self.socket else 0o755)
            answer = as_nobody()
            self.assertIn(b"only the worker's own user and root may ask it", answer.stdout,
                          answer.stderr)
            self.assertNotIn(b"dev-worker", answer.stdout)
        finally:
            for path, mode in modes:
                os.chmod(path, mode)
        wait_until(lambda: [event for event in self.cluster.events()
                            if event["event"] == "operator-refused"
                            and event["user"] == "uid:%d" % NOBODY], "the security event")

    def test_zz_when_the_worker_has_ended_nobody_answers(self):
        self.assertEqual(0, self.cluster.stop())
        self.assertFalse(self.socket.exists())
        outcome = self.hpcc(*self.words(["sandbox", "list"]))
        self.assertEqual(1, outcome.status)
        self.assertRegex(outcome.stderr.decode(), r"no worker answers at .*: is it running\?")


if __name__ == "__main__":
    cluster_case.main()
