#!/usr/bin/env python3
"""A worker that is gone without a word: its host has no power, its packets are dropped. No error comes
from it, so clients ask whether it is there, and go on without it within a bound."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import cluster_case  # noqa: E402
from cluster_case import harness  # noqa: E402

# Of dispatch/worker_client.cc: how often a silent worker is asked, and how long its answer may take.
BOUND = 20
SLACK = 15  # for a machine with other things to do


def large_source(functions, name):
    """Takes a compiler seconds."""
    lines = ["int %s_%d(int a, int b) { for (int i = 0; i < b; ++i) a = a * %d + (i ^ a) / (b | 1);"
             " return a; }" % (name, i, i + 3) for i in range(functions)]
    return "\n".join(lines) + "\n"


class Vanish(cluster_case.ClusterTest):
    def stop_worker(self):
        worker = self.cluster.program("hpcc-worker")
        harness.suspend(worker)
        self.addCleanup(os.kill, worker, signal.SIGCONT)

    def compile_while_it_stops(self, client, moment):
        """Starts a compile, and stops the worker when `moment` comes. Seconds from then until the
        compiler here begins."""
        compile = subprocess.Popen([harness.HPCC, "gcc", "-O2", "-c", "a.c", "-o", "built.o"],
                                   cwd=client.tree, env=client.environment,
                                   stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                   stderr=subprocess.STDOUT)
        self.addCleanup(compile.kill)
        cluster_case.wait_until(lambda: compile.poll() is not None or moment(), "the moment")
        self.assertIsNone(compile.poll(), "it ended before the worker could be stopped")
        self.stop_worker()
        start = time.monotonic()
        cluster_case.wait_until(lambda: cluster_case.descendants(compile.pid, "cc1"),
                                "the compiler here", BOUND + SLACK)
        waited = time.monotonic() - start
        said = compile.communicate(timeout=600)[0]
        self.assertEqual((0, b""), (compile.returncode, said), client.log())
        return waited

    def test_a_compile_under_way_goes_on_here(self):
        client = self.client()
        client.write("a.c", large_source(2500, "f"))
        self.assertEqual(0, client.run("gcc", "-O2", "-c", "a.c", "-o", "plain.o").status)
        # The worker asks the compiler what it is, once: that is another cc1.
        client.write("b.c", "int b;\n")
        self.assertEqual(0, client.hpcc("gcc", "-O2", "-c", "b.c").status)
        worker = self.cluster.program("hpcc-worker")
        waited = self.compile_while_it_stops(client,
                                             lambda: cluster_case.descendants(worker, "cc1"))
        print("the compiler here began after %.1f s" % waited, flush=True)
        self.assertEqual((client.tree / "plain.o").read_bytes(),
                         (client.tree / "built.o").read_bytes())
        self.assertEqual({"worker-lost": 1}, client.remote()["fallbacks_by_cause"], client.log())
        # The others of the build wait no more.
        for i in range(3):
            client.write("b.c", "int b%d;\n" % i)
            start = time.monotonic()
            self.assertEqual(0, client.hpcc("gcc", "-c", "b.c").status)
            self.assertLess(time.monotonic() - start, SLACK)
        # When it comes back, it is used again.
        os.kill(worker, signal.SIGCONT)

        def compiled_again():
            client.write("b.c", "int b_%d;\n" % time.monotonic_ns())
            self.assertEqual(0, client.hpcc("gcc", "-c", "b.c").status)
            return client.remote()["compiled"] > 1
        cluster_case.wait_until(compiled_again, "a compile by the worker")


class VanishIdle(cluster_case.ClusterTest):
    def test_a_worker_that_went_between_two_compiles(self):
        client = self.client()
        client.write("a.c", "int a;\n")
        self.compile_and_compare(client, "gcc", "a.c")
        self.assertEqual(1, client.remote()["compiled"], client.log())
        worker = self.cluster.program("hpcc-worker")
        harness.suspend(worker)
        self.addCleanup(os.kill, worker, signal.SIGCONT)
        start = time.monotonic()
        client.write("a.c", "int another;\n")
        self.compile_and_compare(client, "gcc", "a.c")
        self.assertLess(time.monotonic() - start, BOUND + SLACK)
        self.assertEqual({"worker-lost": 1}, client.remote()["fallbacks_by_cause"], client.log())


if __name__ == "__main__":
    cluster_case.main()
