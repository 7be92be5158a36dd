"""A development cluster, clients of it, and what both can be looked at with."""

import json
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path

TESTS = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(TESTS))
import harness  # noqa: E402

LONG = os.environ.get("HPCC_LONG_TESTS") == "1"
PATIENCE = 60  # seconds, for what should take one or two on an idle machine


def wait_until(condition, what, patience=PATIENCE):
    deadline = time.monotonic() + patience
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError("waited %d s in vain for: %s" % (patience, what))
        time.sleep(0.02)


def parents():
    """{process: (parent, name)} of everything that is no zombie."""
    found = {}
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        try:
            text = Path("/proc", entry, "stat").read_text()
        except OSError:
            continue
        name = text[text.index("(") + 1:text.rindex(")")]
        state, parent = text[text.rindex(")") + 2:].split()[:2]
        if state != "Z":
            found[int(entry)] = (int(parent), name)
    return found


def descendants(process, name=None):
    """Of one process, those of a name (15 characters, as the kernel keeps it)."""
    everybody = parents()
    found, more = [], [process]
    while more:
        above = more.pop()
        below = [pid for pid, (parent, _) in everybody.items() if parent == above]
        found += below
        more += below
    return [pid for pid in found if name is None or everybody[pid][1] == name[:15]]


class Cluster:
    """One `hpcc cluster dev`, from start() to stop(). What it says is in self.out and self.err."""

    def __init__(self, folder, tenants=1):
        self.folder = Path(folder)
        self.words = ["--dir", str(self.folder)]
        if tenants != 1:
            self.words += ["--tenants", str(tenants)]
        self.process = None
        self.command = [harness.HPCC]

    def start(self, wait=True):
        self.output = self.folder.with_name(self.folder.name + ".out")
        self.errors = self.folder.with_name(self.folder.name + ".err")
        with open(self.output, "wb") as out, open(self.errors, "wb") as err:
            self.process = subprocess.Popen(
                [*self.command, "cluster", "dev", *self.words], stdin=subprocess.DEVNULL,
                stdout=out, stderr=err, start_new_session=True,
                env=harness.base_environment(self.folder, self.folder / "unused"))
        if wait:
            wait_until(self.is_up_or_gone, "a cluster that is ready")
            if self.process.poll() is not None:
                raise AssertionError("the cluster did not start: %s" % self.logs())
        return self

    def is_up_or_gone(self):
        return b"ready" in self.output.read_bytes() or self.process.poll() is not None

    def program(self, name):
        """The one process of a program of the cluster; None when there is none."""
        found = descendants(self.process.pid, name)
        return found[0] if found else None

    def stop(self, number=signal.SIGTERM):
        """The exit status."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        try:
            return self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            raise AssertionError("the cluster did not end: %s" % self.logs())

    def logs(self):
        texts = [self.output.read_text(), self.errors.read_text()]
        texts += [path.read_text() for path in sorted(self.folder.glob("*.log"))]
        return "\n".join(texts)

    @property
    def audit_log(self):
        return self.folder / "worker/audit.db"

    def audit(self, *words, log=None):
        return harness.run([harness.HPCC, "audit", words[0], "--log", str(log or self.audit_log),
                            *words[1:]], str(self.folder),
                           harness.base_environment(self.folder, self.folder / "unused"))

    def replay(self, job, *words):
        """`hpcc audit replay` of a job, by what the cluster's worker keeps."""
        return harness.run([harness.HPCC, "audit", "replay", "--config",
                            str(self.folder / "worker.toml"), *words, job], str(self.folder),
                           harness.base_environment(self.folder, self.folder / "unused"))

    def rows(self, *words):
        outcome = self.audit("query", "--json", *words)
        assert outcome.status == 0, outcome.stderr
        return json.loads(outcome.stdout)

    def events(self, log=None):
        outcome = self.audit("query", "--events", "--json", log=log)
        assert outcome.status == 0, outcome.stderr
        return json.loads(outcome.stdout)


class Client:
    """A user with a home, an empty cache and an hpcc-remote of their own."""

    def __init__(self, cluster, folder, config="client.toml"):
        self.home = Path(folder)
        runtime = self.home / "run"
        runtime.mkdir(parents=True, mode=0o700)
        self.tree = self.home / "tree"
        self.tree.mkdir()
        self.environment = harness.base_environment(self.home, self.home / "cache")
        self.environment.update(HPCC_CONFIG=str(cluster.folder / config), LC_ALL="C",
                                HPCC_RUNTIME_DIR=str(runtime), HPCC_LOG_FILE=str(self.home / "log"))

    def write(self, name, text):
        (self.tree / name).write_text(text)
        harness.settle()

    def run(self, *words, **options):
        return harness.run([str(word) for word in words], str(self.tree), self.environment,
                           **options)

    def hpcc(self, *words):
        return self.run(harness.HPCC, *words)

    def remote(self):
        """What was compiled by workers, answered by them, and compiled here in their place."""
        outcome = self.hpcc("stats", "--json")
        assert outcome.status == 0, outcome.stderr
        return json.loads(outcome.stdout)["remote_compiles"]

    def log(self):
        path = self.home / "log"
        return path.read_text() if path.exists() else ""

    def end(self):
        """No hpcc-remote lives on for its minute."""
        runtime = str(self.home / "run").encode()
        for entry in parents():
            try:
                environment = Path("/proc", str(entry), "environ").read_bytes()
                name = Path("/proc", str(entry), "comm").read_text().strip()
            except OSError:
                continue
            if name == "hpcc-remote" and b"HPCC_RUNTIME_DIR=" + runtime in environment:
                os.kill(entry, signal.SIGTERM)


def fetch_source(package, folder):
    """Upstream's sources of a Debian package, as a folder that isn't there yet."""
    store = os.environ.get("HPCC_TEST_SOURCES") or os.path.join(
        os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "hpcc-test-sources")
    subprocess.run([str(TESTS.parent / "scripts/fetch-source.sh"), "--upstream", package,
                    str(folder)], env=dict(os.environ, HPCC_TEST_SOURCES=store), check=True,
                   stdout=subprocess.DEVNULL, timeout=900)
    harness.settle()
    return Path(folder)


class ClusterTest(harness.unittest.TestCase):
    """One cluster for the class, clients for each test."""

    tenants = 1
    make_cluster = Cluster

    @classmethod
    def setUpClass(cls):
        cls.class_folder = Path(tempfile.mkdtemp(prefix="hpcc-cluster."))
        cls.addClassCleanup(shutil.rmtree, cls.class_folder, ignore_errors=True)
        cls.cluster = cls.make_cluster(cls.class_folder / "dev", cls.tenants)
        cls.addClassCleanup(cls.end_cluster)
        cls.cluster.start()

    @classmethod
    def end_cluster(cls):
        if cls.cluster.process.poll() is None:
            cls.cluster.stop()

    def setUp(self):
        self.folder = Path(tempfile.mkdtemp(prefix="client.", dir=self.class_folder))
        self.clients = 0

    def client(self, config="client.toml"):
        self.clients += 1
        client = Client(self.cluster, self.folder / ("client%d" % self.clients), config)
        self.addCleanup(client.end)
        return client

    def compile_and_compare(self, client, compiler, name, words=()):
        """Through hpcc and plainly; both must give the same."""
        built = client.hpcc(compiler, *words, "-c", name, "-o", "built.o")
        plain = client.run(compiler, *words, "-c", name, "-o", "plain.o")
        self.assertEqual((plain.status, plain.stdout, plain.stderr),
                         (built.status, built.stdout, built.stderr), client.log())
        self.assertEqual((client.tree / "plain.o").read_bytes(),
                         (client.tree / "built.o").read_bytes())


def tampered(log, sql, copy):
    """A copy of an audit log, altered as somebody might who has the file."""
    with sqlite3.connect("file:%s?mode=ro" % log, uri=True) as source, \
            sqlite3.connect(copy) as target:
        source.backup(target)
    with sqlite3.connect(copy) as database:
        database.executescript(sql)
    return copy


def rounds(normal, long_form=50):
    return long_form if LONG else normal


def seeded():
    """A random source whose seed is printed, so that a failure can be had again."""
    seed = int(os.environ.get("HPCC_TEST_SEED") or random.randrange(2**32))
    print("HPCC_TEST_SEED=%d" % seed, flush=True)
    return random.Random(seed)


def main():
    harness.require_program()
    for name in ("hpcc-cluster", "hpcc-scheduler", "hpcc-worker", "hpcc-agent", "hpcc-remote",
                 "hpcc-audit", "hpcc-auth", "hpcc-sandbox"):
        program = Path(harness.HPCC).with_name(name)
        if not os.access(program, os.X_OK):
            sys.exit("%s is missing: build it" % program)
    harness.main()
