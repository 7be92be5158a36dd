#!/usr/bin/env python3
"""A sandbox whose agent lives and does nothing: no error comes from it, so the worker ends it when a
compile's time is over, and the next compile has another."""

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

SECONDS = 6  # of the two together
SLACK = 20


class HungAgent(OwnServersTest):
    worker_limits = 'job_time = "3s"\njob_margin = "3s"\n'

    def compile_remotely(self, client, number):
        client.write("a.c", "int unit_%d;\n" % number)
        self.compile_and_compare(client, "gcc", "a.c")

    def test_it_is_lost_and_replaced(self):
        client = self.client()
        self.compile_remotely(client, 1)
        self.assertEqual(1, client.remote()["compiled"], client.log() + self.worker.said())
        sandbox = self.cluster.rows()[-1]["sandbox"]
        agents = cluster_case.descendants(self.worker.process.pid, "hpcc-agent")
        self.assertTrue(agents)
        for agent in agents:
            os.kill(agent, signal.SIGSTOP)
        client.write("a.c", "int unit_2;\n")
        start = time.monotonic()
        compile = subprocess.Popen([harness.HPCC, "gcc", "-c", "a.c", "-o", "built.o"],
                                   cwd=client.tree, env=client.environment,
                                   stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                   stderr=subprocess.STDOUT)
        self.addCleanup(compile.kill)
        said = compile.communicate(timeout=300)[0]
        waited = time.monotonic() - start
        self.assertEqual((0, b""), (compile.returncode, said), client.log())
        self.assertTrue(SECONDS - 1 < waited < SECONDS + SLACK, waited)
        wait_until(lambda: not set(agents) & set(cluster_case.parents()), "the agent's end")
        names = [event["event"] for event in self.cluster.events()]
        self.assertIn("sandbox-lost", names)
        self.assertIn("job-unfinished", names)

        def compiled_again():
            self.compile_remotely(client, time.monotonic_ns())
            return client.remote()["compiled"] > 1
        wait_until(compiled_again, "a compile in another sandbox")
        self.assertNotEqual(sandbox, self.cluster.rows()[-1]["sandbox"])


if __name__ == "__main__":
    cluster_case.main()
