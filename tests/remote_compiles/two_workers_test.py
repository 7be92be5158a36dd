#!/usr/bin/env python3
"""Two real workers of one cluster: a build that is more than one takes uses both, and goes on when one
of them dies."""

import json
import os
import re
import subprocess
import sys
import threading
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "cluster"))
import cluster_case  # noqa: E402
from cluster_case import harness, wait_until  # noqa: E402

# Some time of a processor, so that compiles that are begun together are under way together.
SOURCE = """\
#include <regex>
#include <string>
bool f%d(const std::string& text) { return std::regex_match(text, std::regex("[a-z]+%d")); }
"""
# As many as the cluster's own worker takes (processors, unless told), and some more.
MANY = (os.cpu_count() or 1) + 2


class TwoWorkers(cluster_case.ClusterTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        folder = cls.cluster.folder
        config = (folder / "worker.toml").read_text()
        config = config.replace('"dev-worker"', '"second-worker"')
        config = config.replace('"%s"' % (folder / "worker"), '"%s"' % (folder / "second"))
        config = re.sub(r'listen = ".*"', 'listen = "127.0.0.1:0"\nslots = 2', config)
        (folder / "second.toml").write_text(config)
        cls.log = folder / "second.log"
        with open(cls.log, "wb") as log:
            cls.second = subprocess.Popen(
                [Path(harness.HPCC).with_name("hpcc-worker"), "--config", folder / "second.toml"],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                env=harness.base_environment(folder, folder / "unused"))
        cls.addClassCleanup(cls.end_second)
        wait_until(lambda: b"ready" in cls.log.read_bytes(), "a second worker")

    @classmethod
    def end_second(cls):
        cls.second.terminate()
        cls.second.wait(cluster_case.PATIENCE)

    def second_rows(self):
        outcome = self.cluster.audit("query", "--json", log=self.cluster.folder / "second/audit.db")
        assert outcome.status == 0, outcome.stderr
        return json.loads(outcome.stdout)

    def build(self, client, first, then=lambda: None):
        """MANY units at once; `then` is called meanwhile. All must come out as they would plainly."""
        names = ["u%d" % number for number in range(first, first + MANY)]
        for number, name in enumerate(names, first):
            client.write(name + ".cc", SOURCE % (number, number))
        outcomes = {}

        def compile_one(name):
            outcomes[name] = client.hpcc("g++", "-O1", "-c", name + ".cc", "-o", name + ".o")

        threads = [threading.Thread(target=compile_one, args=[name]) for name in names]
        for thread in threads:
            thread.start()
        then()
        for thread in threads:
            thread.join()
        for name in names:
            outcome = outcomes[name]
            self.assertEqual((0, b"", b""), (outcome.status, outcome.stdout, outcome.stderr))
        plain = client.run("g++", "-O1", "-c", names[0] + ".cc", "-o", "plain.o")
        self.assertEqual(0, plain.status)
        self.assertEqual((client.tree / "plain.o").read_bytes(),
                         (client.tree / (names[0] + ".o")).read_bytes())

    def test_what_one_has_no_place_for_goes_to_the_other_also_when_that_dies(self):
        client = self.client()
        self.build(client, 0)
        first, second = len(self.cluster.rows()), len(self.second_rows())
        self.assertGreater(first, 0, client.log())
        self.assertGreater(second, 0, client.log())
        self.assertEqual(client.remote()["compiled"], first + second)

        # The route to it is at hand; what it was compiling is compiled by somebody else.
        def kill():
            wait_until(lambda: cluster_case.descendants(self.second.pid, "cc1plus") or
                       not self.building(client), "a compile by the second worker")
            self.second.kill()

        self.build(client, 100, kill)
        self.assertEqual({"dev-worker"}, {row["worker"] for row in self.cluster.rows()})

    def building(self, client):
        return not all((client.tree / ("u%d.o" % number)).exists()
                       for number in range(100, 100 + MANY))


if __name__ == "__main__":
    cluster_case.main()
