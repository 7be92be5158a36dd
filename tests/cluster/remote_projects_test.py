#!/usr/bin/env python3
"""Real projects compiled by a worker: what comes back is, byte for byte, what the compiler here writes;
a second checkout elsewhere compiles nothing; another tenant compiles everything again.

    HPCC_BIN=... tests/cluster/remote_projects_test.py [redis|sqlite|googletest]
"""

import shutil
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "projects"))
import cluster_case  # noqa: E402
import projects_test  # noqa: E402
from cluster_case import harness  # noqa: E402


def busy(counts):
    return counts["fallbacks_by_cause"].get("busy", 0)


def answered(counts):
    """What workers compiled and what they had, and what they would have, had there been room."""
    return counts["compiled"] + counts["hits"] + busy(counts)


class OnWorkers:
    """In front of a project of projects_test.py: what is checked of it."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.class_folder = Path(tempfile.mkdtemp(prefix="hpcc-remote-projects."))
        cls.addClassCleanup(shutil.rmtree, cls.class_folder, ignore_errors=True)
        cls.cluster = cluster_case.Cluster(cls.class_folder / "dev", tenants=2).start()
        cls.addClassCleanup(cls.cluster.stop)

    def build_at(self, folder, source, what, launcher="", config=None):
        """Builds as a user with nothing cached; the objects, and what was compiled where."""
        self.build_folder = self.folder / folder
        self.build_folder.parent.mkdir(parents=True, exist_ok=True)
        plain, counts = dict(self.environment), None
        if config:
            client = cluster_case.Client(self.cluster, self.folder / ("user of " + what), config)
            self.addCleanup(client.end)
            # What the project wants of its environment stays.
            self.environment = {**plain, **client.environment}
        elif launcher:
            self.environment = {**plain, "HPCC_CACHE_DIR": str(self.folder / ("cache of " + what))}
        try:
            seconds, results = self.one_build(source, launcher)
        finally:
            self.environment = plain
        if config:
            counts = client.remote()
        shutil.rmtree(self.build_folder)
        objects = {name: data for name, data in results.items() if name.endswith(".o")}
        self.assertGreater(len(objects), 1)
        print("%s, %s: %d objects in %.1f s; %s" % (type(self).__name__, what, len(objects), seconds,
                                                    counts), flush=True)
        return objects, counts

    def check_project(self):
        source = self.fetch()
        plain, _ = self.build_at("here", source, "the compiler")
        remote, counts = self.build_at("here", source, "a worker", harness.HPCC, "client.toml")
        self.check_same(plain, remote, "remote objects")
        self.check_compiled(counts)

        (source / ".hpcc").touch()
        local, _ = self.build_at("one", source, "a marked project here", harness.HPCC)
        first, first_counts = self.build_at("one", source, "the first checkout", harness.HPCC,
                                            "client.toml")
        self.check_same(local, first, "objects of a marked project")
        self.check_compiled(first_counts)
        second, counts = self.build_at("another/place/two", source, "the second checkout",
                                       harness.HPCC, "client.toml")
        self.check_same(first, second, "the second checkout's objects")
        self.assertLessEqual(counts["compiled"], busy(first_counts), counts)
        self.assertEqual(answered(first_counts), answered(counts))

        other, counts = self.build_at("one", source, "another tenant", harness.HPCC, "client2.toml")
        self.check_same(first, other, "the other tenant's objects")
        self.check_compiled(counts)
        # What the build itself compiles twice is a hit for any tenant; nothing else is.
        self.assertEqual(answered(first_counts), answered(counts))
        self.assertLessEqual(counts["hits"], first_counts["hits"] + busy(first_counts), counts)
        self.assertEqual(0, self.cluster.audit("verify").status)

    def check_compiled(self, counts):
        """By workers, but for compiles that failed, as a configuration's tests do, and a few that a
        machine with other things to do had no place for."""
        self.assertGreater(counts["compiled"], 1)
        self.assertEqual(set(), set(counts["fallbacks_by_cause"]) - {"failed", "busy"}, counts)
        self.assertLessEqual(busy(counts), answered(counts) / 10, counts)


class Redis(OnWorkers, projects_test.Redis):
    pass


class Sqlite(OnWorkers, projects_test.Sqlite):
    pass


class Googletest(OnWorkers, projects_test.Googletest):
    pass


if __name__ == "__main__":
    names = {"redis": "Redis", "sqlite": "Sqlite", "googletest": "Googletest"}
    sys.argv[1:] = [names.get(word, word) for word in sys.argv[1:]]
    cluster_case.main()
