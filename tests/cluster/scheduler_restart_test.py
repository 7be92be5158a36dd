#!/usr/bin/env python3
"""A scheduler that is killed and started again beside a worker and a client that live on: nobody signs
in again, nobody is registered by hand, and a build under way takes no notice."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import cluster_case  # noqa: E402
from cluster_case import harness, wait_until  # noqa: E402
from own_servers import OwnServersTest  # noqa: E402

UNITS = 16
SOURCE = """#include <stdio.h>
#include <string.h>
int work_{0}(int n) {{ char text[64]; snprintf(text, sizeof text, "%d {0}", n);
  return (int)strlen(text); }}
"""
MAKEFILE = """OBJECTS = $(patsubst %.c,%.o,$(wildcard *.c))
all: $(OBJECTS)
%.o: %.c
\t$(CC) -O2 -g -c $< -o $@
"""


class SchedulerRestart(OwnServersTest):
    def compile_remotely(self, client, count):
        """One more unit; `count` is then the number of those that were compiled by the worker."""
        client.write("a.c", "int unit_%d;\n" % count)
        self.compile_and_compare(client, "gcc", "a.c")
        remote = client.remote()
        self.assertEqual((count, {}), (remote["compiled"], remote["fallbacks_by_cause"]),
                         client.log() + self.scheduler.said() + self.worker.said())

    def scheduler_knows_the_worker(self):
        """A client without a past gets a route from it."""
        client = self.client()
        client.write("a.c", "int probe_%d;\n" % time.monotonic_ns())
        self.assertEqual(0, client.hpcc("gcc", "-c", "a.c").status)
        return client.remote()["compiled"] == 1

    def test_nobody_signs_in_again_and_the_worker_comes_by_itself(self):
        client = self.client()
        self.compile_remotely(client, 1)
        worker = self.worker.process.pid
        self.scheduler.kill()
        self.compile_remotely(client, 2)  # its route holds still
        self.scheduler.start()
        wait_until(self.scheduler_knows_the_worker, "the worker at the new scheduler")
        self.assertEqual(worker, self.worker.process.pid)
        self.assertIsNone(self.worker.process.poll())
        # From here on nobody can sign in: the identity provider says nothing.
        harness.suspend(self.cluster.process.pid)
        self.addCleanup(os.kill, self.cluster.process.pid, signal.SIGCONT)
        self.compile_remotely(client, 3)
        # A worker that has gone, too, takes the client's route along: a new one costs the session
        # that the scheduler gave before it was killed.
        self.worker.kill()
        self.worker.start()
        wait_until(lambda: self.another_unit_is_remote(client), "a compile by the worker")

    def another_unit_is_remote(self, client):
        """Before that it may be found out once that the worker has gone."""
        before = client.remote()["compiled"]
        client.write("a.c", "int unit_%d;\n" % time.monotonic_ns())
        self.compile_and_compare(client, "gcc", "a.c")
        remote = client.remote()
        self.assertLessEqual(set(remote["fallbacks_by_cause"]), {"worker-lost", "no-worker"},
                             client.log())
        return remote["compiled"] > before

    def test_a_build_under_way_goes_on(self):
        client = self.client()
        for i in range(UNITS):
            (client.tree / ("unit%d.c" % i)).write_text(SOURCE.format(i))
        client.write("Makefile", MAKEFILE)
        build = subprocess.Popen(["make", "-j2", "CC=%s gcc" % harness.HPCC], cwd=client.tree,
                                 env=client.environment, stdin=subprocess.DEVNULL,
                                 stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.addCleanup(build.kill)
        objects = lambda: len(list(client.tree.glob("*.o")))  # noqa: E731
        wait_until(lambda: build.poll() is not None or objects() >= 3, "objects of the build")
        self.assertIsNone(build.poll(), "it ended too soon")
        self.scheduler.kill()
        wait_until(lambda: build.poll() is not None or objects() >= 6, "objects without a scheduler")
        self.scheduler.start()
        said = build.communicate(timeout=300)[0]
        self.assertEqual(0, build.returncode, said.decode() + client.log())
        remote = client.remote()
        self.assertEqual((UNITS, {}), (remote["compiled"], remote["fallbacks_by_cause"]),
                         client.log())
        built = {path.name: path.read_bytes() for path in client.tree.glob("*.o")}
        for name in built:
            os.unlink(client.tree / name)
        self.assertEqual(0, client.run("make", "-j2", "CC=gcc").status)
        self.assertEqual(built, {path.name: path.read_bytes()
                                 for path in client.tree.glob("*.o")})
        rows = [row for row in self.cluster.rows() if row["working_directory"] == str(client.tree)]
        self.assertEqual(UNITS, len(rows))


if __name__ == "__main__":
    cluster_case.main()
