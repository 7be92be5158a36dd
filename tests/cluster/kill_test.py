#!/usr/bin/env python3
"""Parts of a cluster are killed in the middle of a build: the build succeeds, every object is right,
the audit log is whole afterwards, and has a row for each result that came from a worker. A few times each; fifty with HPCC_LONG_TESTS=1."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import cluster_case  # noqa: E402
from cluster_case import Client, Cluster, harness, rounds  # noqa: E402

UNITS = 12
MAKEFILE = """OBJECTS = $(patsubst %.c,%.o,$(wildcard *.c))
all: $(OBJECTS)
%.o: %.c
\t$(CC) -O2 -g -c $< -o $@
"""
SOURCE = """#include <stdio.h>
#include <stdlib.h>
#include <string.h>
int work_{0}(int n) {{ char text[64]; snprintf(text, sizeof text, "%d {0} {1}", n);
  return (int)strlen(text) + atoi(text); }}
"""


class Kill(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.random = cluster_case.seeded()
        cls.class_folder = Path(tempfile.mkdtemp(prefix="hpcc-kill."))
        cls.addClassCleanup(shutil.rmtree, cls.class_folder, ignore_errors=True)
        cls.round = 0
        cls.from_workers = 0

    def setUp(self):
        self.cluster = None
        self.addCleanup(self.end_cluster)

    def end_cluster(self):
        if self.cluster and self.cluster.process.poll() is None:
            self.cluster.stop()

    def running_cluster(self):
        if self.cluster is None or self.cluster.process.poll() is not None:
            self.cluster = Cluster(self.class_folder / "dev").start()
        return self.cluster

    def build_while(self, name, number):
        """Builds new sources and sends `number` to a process of the cluster meanwhile."""
        cluster = self.running_cluster()
        Kill.round += 1
        client = Client(cluster, self.class_folder / ("round%d" % Kill.round))
        self.addCleanup(client.end)
        for i in range(UNITS):
            (client.tree / ("unit%d.c" % i)).write_text(SOURCE.format(i, Kill.round))
        client.write("Makefile", MAKEFILE)
        build = subprocess.Popen(["make", "-j4", "CC=%s gcc" % harness.HPCC], cwd=client.tree,
                                 env=client.environment, stdin=subprocess.DEVNULL,
                                 stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.addCleanup(build.kill)
        wanted = self.random.randrange(UNITS)
        cluster_case.wait_until(
            lambda: build.poll() is not None or
            len(list(client.tree.glob("*.o"))) >= wanted, "objects of the build")
        victim = self.victim(cluster, name)
        if victim is not None:
            os.kill(victim, number)
        said = build.communicate(timeout=300)[0]
        self.assertEqual(0, build.returncode, said.decode() + client.log())
        self.check_objects(client)
        self.check_rows(client)
        return victim is not None

    def victim(self, cluster, name):
        """A sandbox's first process holds its namespaces; the agent is the one below it."""
        if name != "sandbox":
            found = cluster_case.descendants(cluster.process.pid, name)
            return found[-1] if found else None
        worker = cluster.program("hpcc-worker")
        everybody = cluster_case.parents()
        found = [pid for pid in cluster_case.descendants(worker, "hpcc-agent")
                 if everybody.get(pid, (None,))[0] == worker]
        return found[0] if found else None

    def check_objects(self, client):
        built = {path.name: path.read_bytes() for path in client.tree.glob("*.o")}
        self.assertEqual(UNITS, len(built))
        for name in built:
            os.unlink(client.tree / name)
        outcome = client.run("make", "-j2", "CC=gcc")
        self.assertEqual(0, outcome.status, outcome.stderr)
        for name, content in built.items():
            self.assertEqual((client.tree / name).read_bytes(), content, name)

    def check_rows(self, client):
        """A worker that was killed may have written a row of which nobody heard; never the reverse."""
        remote = client.remote()
        from_workers = remote["compiled"] + remote["hits"]
        rows = [row for row in self.cluster.rows()
                if row["working_directory"] == str(client.tree) and row["exit_status"] == 0]
        units = {word for row in rows for word in row["flags"]
                 if word.startswith("unit") and word.endswith(".c")}
        self.assertGreaterEqual(len(units), from_workers, client.log())
        self.assertGreaterEqual(len([row for row in rows if not row["hit"]]), remote["compiled"])
        self.assertEqual(len(rows), len({row["job_id"] for row in rows}))
        Kill.from_workers += from_workers

    def kill_again_and_again(self, name, count, number=signal.SIGKILL):
        killed = 0
        for _ in range(count):
            killed += self.build_while(name, number)
            # Whoever was killed, no row is half there.
            outcome = self.running_cluster().audit("verify")
            self.assertEqual(0, outcome.status, outcome.stdout + outcome.stderr)
        self.assertGreater(killed, 0, "nobody was there to be killed")
        self.assertGreater(Kill.from_workers, 0, "no worker has compiled anything")

    def test_the_scheduler_is_killed(self):
        self.kill_again_and_again("hpcc-scheduler", rounds(2))

    def test_the_worker_is_killed(self):
        self.kill_again_and_again("hpcc-worker", rounds(2))

    def test_the_agent_is_killed(self):
        self.kill_again_and_again("hpcc-agent", rounds(3))

    def test_the_sandbox_is_killed(self):
        self.kill_again_and_again("sandbox", rounds(3))

    def test_the_worker_stops_answering(self):
        """Silence is worse than death: bounds, not errors, end the wait."""
        self.build_while("hpcc-worker", signal.SIGSTOP)
        os.kill(self.cluster.program("hpcc-worker"), signal.SIGCONT)


if __name__ == "__main__":
    cluster_case.main()
