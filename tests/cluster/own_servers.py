"""A cluster whose scheduler and worker a test starts itself, and ends as it likes.

It is the one of `hpcc cluster dev`, which ends with any of its parts, from a directory of programs in
which hpcc-scheduler and hpcc-worker are placeholders that do nothing. Its identity provider and its
configurations are real."""

import shutil
import subprocess
import tempfile
from pathlib import Path

import cluster_case
from cluster_case import harness, wait_until

BUILT = Path(harness.HPCC)  # the class has a directory of its own instead
PROGRAMS = ("hpcc", "hpcc-audit", "hpcc-cluster", "hpcc-remote")
PLACEHOLDER = "#!/bin/sh\necho ready: nobody at all\nexec sleep 100000\n"


def programs_without_servers(place):
    for name in PROGRAMS:
        shutil.copy2(BUILT.with_name(name), place / name)
    for name in ("hpcc-scheduler", "hpcc-worker"):
        (place / name).write_text(PLACEHOLDER)
        (place / name).chmod(0o755)
    return str(place / "hpcc")


class Server:
    """hpcc-scheduler or hpcc-worker, with the cluster's configuration."""

    def __init__(self, cluster, name):
        self.cluster = cluster
        self.name = name
        self.runs = 0
        self.process = None

    def start(self):
        self.runs += 1
        self.output = self.cluster.folder / ("real-%s%d.log" % (self.name, self.runs))
        config = self.cluster.folder / (self.name.partition("-")[2] + ".toml")
        with open(self.output, "wb") as out:
            self.process = subprocess.Popen(
                [BUILT.with_name(self.name), "--config", config], stdout=out, stderr=out,
                stdin=subprocess.DEVNULL, start_new_session=True,
                env=harness.base_environment(self.cluster.folder, self.cluster.folder / "unused"))
        wait_until(lambda: "ready" in self.said() or self.process.poll() is not None, self.name)
        assert self.process.poll() is None, self.said()

    def kill(self):
        self.process.kill()
        self.process.wait(cluster_case.PATIENCE)

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.terminate()
            self.process.wait(cluster_case.PATIENCE)

    def said(self):
        return self.output.read_text()


class OwnServersTest(cluster_case.ClusterTest):
    worker_limits = ""  # lines of [limits] in the worker's configuration

    @classmethod
    def setUpClass(cls):
        programs = Path(tempfile.mkdtemp(prefix="hpcc-programs."))
        cls.addClassCleanup(shutil.rmtree, programs, ignore_errors=True)
        harness.HPCC = programs_without_servers(programs)
        super().setUpClass()
        config = cls.cluster.folder / "worker.toml"
        config.write_text(config.read_text() + "[limits]\n" + cls.worker_limits)

    def setUp(self):
        super().setUp()
        self.scheduler = Server(self.cluster, "hpcc-scheduler")
        self.worker = Server(self.cluster, "hpcc-worker")
        for server in (self.scheduler, self.worker):
            self.addCleanup(server.stop)
            server.start()
