#!/usr/bin/env python3
"""A cluster whose programs have no rights that every user hasn't, as deploy/systemd runs them: another
user than root, no capability and none to be had. Its worker's sandboxes start all the same."""

import os
import shutil
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import cluster_case  # noqa: E402
from cluster_case import harness  # noqa: E402

NOBODY = 65534
PROGRAMS = ("hpcc", "hpcc-agent", "hpcc-cluster", "hpcc-scheduler", "hpcc-worker")


class AsNobody(cluster_case.Cluster):
    def __init__(self, folder, tenants=1):
        super().__init__(folder, tenants)
        # Where the programs are built, nobody else may be allowed to look.
        self.programs = self.folder.parent / "programs"
        self.programs.mkdir()
        for name in PROGRAMS:
            shutil.copy2(Path(harness.HPCC).with_name(name), self.programs / name)
        for path in (self.folder.parent, self.programs, *self.programs.iterdir()):
            os.chmod(path, 0o755)
        self.folder.mkdir(mode=0o700)
        os.chown(self.folder, NOBODY, NOBODY)
        self.command = ["setpriv", "--reuid", str(NOBODY), "--regid", str(NOBODY),
                        "--clear-groups", "--no-new-privs", "--inh-caps=-all",
                        "--bounding-set=-all", str(self.programs / "hpcc")]


@unittest.skipUnless(os.getuid() == 0, "only root can become nobody")
class Unprivileged(cluster_case.ClusterTest):
    make_cluster = AsNobody

    def test_its_worker_compiles(self):
        client = self.client()
        client.write("a.c", "int compiled_by_nobody(void) { return 3; }\n")
        self.compile_and_compare(client, "gcc", "a.c", ["-O1", "-g"])
        self.assertEqual((1, {}), (client.remote()["compiled"],
                                   client.remote()["fallbacks_by_cause"]),
                         client.log() + self.cluster.logs())
        self.assertEqual("process", self.cluster.rows()[-1]["isolation"])


if __name__ == "__main__":
    cluster_case.main()
