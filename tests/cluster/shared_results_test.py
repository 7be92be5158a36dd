#!/usr/bin/env python3
"""Workers that share their results through a bucket (a real radosgw): what one has compiled is a hit on
the next, which has an empty disk; what somebody has spoiled in the bucket is compiled again and is a
security event; without the bucket everything still builds.

The cluster is the one of `hpcc cluster dev`, from a directory of programs in which hpcc-worker is a
placeholder that does nothing: the tests start their workers themselves, one after the other."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

HERE = Path(__file__).resolve().parent
for room in ("peers", "shared_cache"):
    sys.path.insert(0, str(HERE.parent / room))
sys.path.insert(0, str(HERE))
import cluster_case  # noqa: E402
from cluster_case import PATIENCE, harness, wait_until  # noqa: E402
from radosgw import USERS, Radosgw, free_ports  # noqa: E402
from small_project import write_small_project  # noqa: E402

BUILT = harness.HPCC  # the class has a directory of its own instead
BUCKET = "results"
UNITS = ["unit_%02d" % number for number in range(8)]
FLAGS = ["-O1", "-g"]
EVENT = "shared-result-refused"

PLACEHOLDER = "#!/bin/sh\necho ready: no worker at all\nexec sleep 100000\n"

CACHE = """\
[[cache]]
type = "s3"
bucket = "{bucket}"
region = "us-east-1"
endpoint = "{endpoint}"
namespace = "workers"
access_key = "{user.access_key}"
secret_key = "{user.secret_key}"
"""
SIGNING = '[signing]\nkey_file = "{folder}/key.pem"\ntrusted_keys = ["{folder}/pub.pem"]\n'


PROGRAMS = ("hpcc", "hpcc-audit", "hpcc-cluster", "hpcc-remote", "hpcc-scheduler")


def programs_without_worker(place):
    for name in PROGRAMS:
        shutil.copy2(Path(BUILT).with_name(name), place / name)
    worker = place / "hpcc-worker"
    worker.write_text(PLACEHOLDER)
    worker.chmod(0o755)
    return str(place / "hpcc")


class Worker:
    """An hpcc-worker of the cluster with a disk of its own, from its making to stop()."""

    def __init__(self, cluster, name, cache_file):
        self.cluster = cluster
        self.state = cluster.folder / name
        self.output = cluster.folder / (name + ".log")
        self.log = cluster.folder / (name + ".own.log")
        self.config = cluster.folder / (name + ".toml")
        usual = (cluster.folder / "worker.toml").read_text()
        _, scheduler, rest = usual.partition("[scheduler]")
        self.config.write_text(
            'name = "%s"\nlisten = "127.0.0.1:%d"\nstate_dir = "%s"\nlog_file = "%s"\n'
            'cache_file = "%s"\n%s%s' % (name, free_ports(1)[0], self.state, self.log, cache_file,
                                        scheduler, rest))
        with open(self.output, "wb") as out:
            self.process = subprocess.Popen(
                [Path(BUILT).with_name("hpcc-worker"), "--config", self.config], stdout=out,
                stderr=out, stdin=subprocess.DEVNULL, start_new_session=True,
                env=harness.base_environment(cluster.folder, cluster.folder / "unused"))
        wait_until(lambda: "ready" in self.said() or self.process.poll() is not None, "a worker")
        assert self.process.poll() is None, self.said()

    def said(self):
        return self.output.read_text()

    def stop(self):
        """Lets it write what it has to share."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            raise AssertionError("the worker did not end: %s" % self.said())

    def rows(self):
        outcome = self.cluster.audit("query", "--json", log=self.state / "audit.db")
        assert outcome.status == 0, outcome.stderr
        return json.loads(outcome.stdout)

    def events(self):
        return self.cluster.events(self.state / "audit.db")


class SharedResults(cluster_case.ClusterTest):
    @classmethod
    def setUpClass(cls):
        cls.server = Radosgw()
        cls.addClassCleanup(cls.server.stop)
        cls.server.start()
        cls.owner = cls.server.make_bucket(BUCKET)
        cls.programs = Path(tempfile.mkdtemp(prefix="hpcc-shared."))
        cls.addClassCleanup(shutil.rmtree, cls.programs, ignore_errors=True)
        harness.HPCC = programs_without_worker(cls.programs)
        super().setUpClass()
        cls.tree = cls.class_folder / "project"
        write_small_project(cls.tree)
        for words in (["genpkey", "-algorithm", "ed25519", "-out", "key.pem"],
                      ["pkey", "-in", "key.pem", "-pubout", "-out", "pub.pem"]):
            subprocess.run(["openssl", *words], cwd=cls.class_folder, check=True,
                           capture_output=True, timeout=PATIENCE)
        (cls.class_folder / "key.pem").chmod(0o600)
        harness.settle()
        plain = cls.class_folder / "plain"
        plain.mkdir()
        for unit in UNITS:
            subprocess.run(["gcc", *FLAGS, "-c", unit + ".c", "-o", str(plain / (unit + ".o"))],
                           cwd=cls.tree / "src", check=True, timeout=PATIENCE)
        cls.expected = {path.name: path.read_bytes() for path in plain.iterdir()}

    def cache_file(self, signing=True):
        path = self.folder / "cache.toml"
        text = CACHE.format(bucket=BUCKET, endpoint=self.server.endpoint, user=USERS["full"])
        path.write_text(text + (SIGNING.format(folder=self.class_folder) if signing else ""))
        path.chmod(0o600)
        return path

    def worker(self, name, cache_file):
        worker = Worker(self.cluster, name, cache_file)
        self.addCleanup(worker.stop)
        return worker

    def build(self, words=()):
        """All units by a user whose cache is empty; what became of them."""
        client = self.client()
        client.tree = self.tree / "src"

        def compile_unit(unit):
            target = client.home / (unit + ".o")
            outcome = client.hpcc("gcc", *FLAGS, *words, "-c", unit + ".c", "-o", unit + ".o")
            (client.tree / (unit + ".o")).rename(target)
            return outcome

        with ThreadPoolExecutor(4) as at_once:
            outcomes = list(at_once.map(compile_unit, UNITS))
        self.assertEqual([(0, b"", b"")] * len(UNITS),
                         [(one.status, one.stdout, one.stderr) for one in outcomes])
        if not words:
            for name, content in self.expected.items():
                self.assertEqual(content, (client.home / name).read_bytes(), name)
        remote = client.remote()
        self.assertEqual({}, remote["fallbacks_by_cause"], client.log() + self.cluster.logs())
        return remote

    def objects(self):
        return {name: self.owner.get(BUCKET, name) for name in self.owner.list(BUCKET)}

    def test_results_travel_through_the_bucket(self):
        signed = self.cache_file()

        first = self.worker("worker-1", signed)
        self.assertEqual((len(UNITS), 0), self.pick(self.build()))
        self.assertEqual(0, first.stop(), first.said())
        self.assertNotIn("warning", first.said())
        shared = self.objects()
        self.assertEqual(len(UNITS), len(shared), first.said())
        for name in shared:
            self.assertTrue(name.startswith("cache/workers/result/"), name)

        # Another worker has them all, although it has compiled nothing.
        second = self.worker("worker-2", signed)
        self.assertEqual((0, len(UNITS)), self.pick(self.build()), second.said())
        rows = second.rows()
        self.assertEqual([(True, "worker-2", "process", "")] * len(UNITS),
                         [(row["hit"], row["worker"], row["isolation"], row["sandbox"])
                          for row in rows])
        of_first = {row["cache_key"]: row["output_digests"] for row in first.rows()}
        self.assertEqual(of_first, {row["cache_key"]: row["output_digests"] for row in rows})
        self.assertEqual([], second.events())
        # Now on its own disk: the bucket is not needed for them.
        kept = [path for path in second.state.rglob("results/**/*") if path.is_file()
                and len(path.name) == 64]
        self.assertEqual(len(UNITS), len(kept))
        self.assertEqual(0, second.stop(), second.said())

        # What somebody has spoiled never reaches a build.
        for name in shared:
            self.owner.put(BUCKET, name, b"garbage")
        third = self.worker("worker-3", signed)
        self.assertEqual((len(UNITS), 0), self.pick(self.build()), third.said())
        self.assertEqual([False] * len(UNITS), [row["hit"] for row in third.rows()])
        refused = [event for event in third.events() if event["event"] == EVENT]
        self.assertEqual({"remote-object-unsigned"},
                         {event["detail"].split(":")[0] for event in refused})
        self.assertIn("security event " + EVENT, third.log.read_text())
        wait_until(lambda: b"garbage" not in self.objects().values(), "objects that are right again")

        # Without a bucket it compiles, and says why it shares nothing.
        self.owner.empty(BUCKET)
        self.owner.request("DELETE", "/" + BUCKET)
        self.assertEqual((len(UNITS), 0), self.pick(self.build(["-DANOTHER"])), third.said())
        self.assertIn("shared cache: s3://" + BUCKET, third.log.read_text())
        self.assertEqual(0, third.stop(), third.said())

    @staticmethod
    def pick(remote):
        return remote["compiled"], remote["hits"]

    def check(self, cache_file):
        config = self.folder / "worker.toml"
        usual = (self.cluster.folder / "worker.toml").read_text()
        config.write_text('cache_file = "%s"\n%s' % (cache_file, usual))
        outcome = harness.run(
            [str(Path(BUILT).with_name("hpcc-worker")), "--check-config", "--config", str(config)],
            str(self.folder), harness.base_environment(self.folder, self.folder / "unused"))
        return outcome.status, outcome.stderr.decode()

    def test_a_cache_file_is_checked(self):
        signed = self.cache_file()
        self.assertEqual((0, ""), self.check(signed))
        self.assertIn("cache.toml: ", self.check(self.cache_file(signing=False))[1])
        status, said = self.check(self.cache_file(signing=False))
        self.assertEqual(0, status, said)
        self.assertIn("warning: ", said)
        self.assertIn("trusted_keys", said)
        signed.write_text(signed.read_text() + '[signing]\nkey_file = "/nowhere/key.pem"\n')
        status, said = self.check(signed)
        self.assertEqual(2, status, said)
        self.assertIn("/nowhere/key.pem", said)
        signed.write_text('[[cache]]\ntype = "disk"\n')
        status, said = self.check(signed)
        self.assertEqual(2, status, said)
        self.assertIn("%s:2: cache[0].type: " % signed, said)


if __name__ == "__main__":
    cluster_case.main()
