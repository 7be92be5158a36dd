#!/usr/bin/env python3
"""What keeps compiles from being remote comes in the middle of a build: the build succeeds, every object
is right, what still can be a worker's is, and what is said of it is said once (DESIGN.md section 6).
Parts of a cluster that are killed have kill_test.py; silence has vanish_test.py."""

import os
import re
import shutil
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
SOURCE_BYTES = 20_000  # of each, at least
MAKEFILE = """OBJECTS = $(patsubst %.c,%.o,$(wildcard *.c))
all: $(OBJECTS)
%.o: %.c
\t$(CC) -O2 -g -c $< -o $@
"""


class Fallback(OwnServersTest):
    def sources(self, client):
        for i in range(UNITS):
            (client.tree / ("unit%d.c" % i)).write_text(
                '#include <stdio.h>\n#include "common.h"\nint f%d(void) { return puts("%d"); }\n'
                "/* %s */\n" % (i, i, str(i) * SOURCE_BYTES))
        client.write("common.h", "/* %s */\n" % client.tree)
        client.write("Makefile", MAKEFILE)

    def objects(self, client):
        return {path.name: path.read_bytes() for path in client.tree.glob("*.o")}

    def build_while(self, happens, after=3):
        """The client, after a build in which something happened once some objects were there."""
        client = self.client()
        self.sources(client)
        build = subprocess.Popen(["make", "-j2", "CC=%s gcc" % harness.HPCC], cwd=client.tree,
                                 env=client.environment, stdin=subprocess.DEVNULL,
                                 stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.addCleanup(build.kill)
        wait_until(lambda: build.poll() is not None or len(self.objects(client)) >= after,
                   "objects of the build")
        self.assertIsNone(build.poll(), "it ended too soon")
        happens()
        _, said = build.communicate(timeout=300)
        self.assertEqual((0, b""), (build.returncode, said), client.log())
        self.check_objects(client)
        return client

    def check_objects(self, client):
        built = self.objects(client)
        self.assertEqual(UNITS, len(built))
        for name in built:
            os.unlink(client.tree / name)
        self.assertEqual(0, client.run("make", "-j2", "CC=gcc").status)
        self.assertEqual(self.objects(client), built)

    def check_some_are_remote(self, client, causes):
        """Each of `causes` came, and no other, and was said once."""
        remote = client.remote()
        self.assertGreaterEqual(remote["compiled"], 3, client.log())
        self.assertEqual(causes, set(remote["fallbacks_by_cause"]), client.log())
        said = re.findall("remote compiles: (.*)", client.log())
        said = [line for line in said if "workers compile again" not in line]
        self.assertEqual(len(causes), len(said), said)

    def check_all_are_remote(self, client):
        remote = client.remote()
        self.assertEqual((UNITS, {}), (remote["compiled"], remote["fallbacks_by_cause"]),
                         client.log() + self.worker.said() + self.scheduler.said())

    def limit_uploads(self, size):
        config = self.cluster.folder / "scheduler.toml"
        text = re.sub("\nupload_bytes_per_hour = .*", "", config.read_text())
        config.write_text(text.replace(
            "\naudience", '\nupload_bytes_per_hour = "%s"\naudience' % size, 1))
        os.kill(self.scheduler.process.pid, signal.SIGHUP)

    def test_the_tenants_quota_is_used_up(self):
        # What other tests of this class have sent counts for the worker that took it.
        self.worker.stop()
        self.limit_uploads("%dK" % (8 * SOURCE_BYTES // 1000))
        self.addCleanup(self.limit_uploads, "0")
        shutil.rmtree(self.cluster.folder / "worker/tenants", ignore_errors=True)
        self.worker.start()
        client = self.build_while(lambda: None, after=1)
        self.check_some_are_remote(client, {"quota"})

    def renew_keys(self):
        """Every session and route that the scheduler has given is no longer good."""
        self.scheduler.kill()
        os.unlink(self.cluster.folder / "scheduler/signing-keys")
        self.scheduler.start()
        self.worker.kill()
        self.worker.start()

    def test_a_session_that_is_no_longer_good_is_begun_anew(self):
        client = self.build_while(self.renew_keys)
        remote = client.remote()
        # Those that asked while the servers were gone went elsewhere; the others signed in again.
        self.assertLessEqual(set(remote["fallbacks_by_cause"]),
                             {"worker-lost", "no-worker", "no-scheduler"}, client.log())
        self.assertNotIn("not signed in", client.log())
        wait_until(lambda: self.another_is_remote(client), "a compile by the worker")

    def another_is_remote(self, client):
        before = client.remote()["compiled"]
        client.write("another.c", "int another_%d;\n" % time.monotonic_ns())
        self.compile_and_compare(client, "gcc", "another.c")
        return client.remote()["compiled"] > before

    def test_nobody_can_sign_in_any_more(self):
        def expire():
            harness.suspend(self.cluster.process.pid)  # the identity provider
            self.addCleanup(os.kill, self.cluster.process.pid, signal.SIGCONT)
            for tokens in self.folder.glob("client*/**/auth/*.json"):
                tokens.unlink()
            self.renew_keys()
        client = self.build_while(expire)
        remote = client.remote()
        self.assertGreaterEqual(remote["compiled"], 3, client.log())
        self.assertLess(remote["compiled"], UNITS)
        self.assertLessEqual(set(remote["fallbacks_by_cause"]),
                             {"worker-lost", "no-worker", "no-scheduler", "not-signed-in"},
                             client.log())

    def test_the_worker_loses_what_it_was_sent(self):
        sources = self.cluster.folder / "worker/tenants"

        def lose():
            lost = 0
            for path in sources.glob("*/blobs/??/*"):
                path.unlink()
                lost += 1
            self.assertGreater(lost, 0, list(sources.glob("*/*")))
        self.check_all_are_remote(self.build_while(lose))


if __name__ == "__main__":
    cluster_case.main()
