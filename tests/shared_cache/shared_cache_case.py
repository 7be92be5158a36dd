"""What the tests of the shared cache share: one S3 server for a suite, machines that know it, and a
project to build: many small units, because what a network costs counts by the unit and not by the
compiler's work; Lua in the long form.

A "machine" is a home, a local cache, a configuration, a runtime directory (and so a daemon and an
hpcc-remote of its own) and a checkout at a path of its own; all of them are on this one.
"""

import atexit
import json
import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
import unittest
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
for room in ("peers", "daemon"):
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent / room))
import harness  # noqa: E402
import wire  # noqa: E402
from fault_proxy import FaultProxy  # noqa: E402
from radosgw import USERS, Radosgw  # noqa: E402
from small_project import write_small_project  # noqa: E402

REPOSITORY = Path(__file__).resolve().parent.parent.parent
LONG = os.environ.get("HPCC_LONG_TESTS") == "1"
# What differs little from another test, and runs in the long form only.
long_form = unittest.skipUnless(LONG, "long form")
# As many units must wait for a dead remote one after the other that it would show.
JOBS = "-j8" if LONG else "-j4"
# Seconds a build may lose to a remote that does not answer, in all (issue: at most 5 s).
DEAD_REMOTE = 5.0
# What a build is given beyond what it took undisturbed: this machine runs other things as well.
BUSY_FACTOR, BUSY_SECONDS = 1.6, 1.5
PATIENCE = 60  # seconds, for what happens in the background
FLAGS = "CFLAGS=-O0 -g -Wall -DLUA_COMPAT_5_3 -DLUA_USE_LINUX"


def wait_until(condition, what, seconds=PATIENCE):
    """The first true value of condition()."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        value = condition()
        if value:
            return value
        time.sleep(0.02)
    raise AssertionError("waited %d seconds in vain: %s" % (seconds, what))


def processes_of(runtime, program):
    """Process ids of `program` (a file's name) that were given this runtime directory."""
    variable = b"HPCC_RUNTIME_DIR=" + os.fsencode(str(runtime))
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            first = (entry / "cmdline").read_bytes().split(b"\0")[0]
            if first.endswith(program.encode()) and variable in (
                    entry / "environ").read_bytes().split(b"\0"):
                if (entry / "stat").read_text().rpartition(")")[2].split()[0] not in "ZX":
                    found.append(int(entry.name))
        except OSError:
            continue  # it has ended
    return found


def toml(value):
    if isinstance(value, bool):
        return "true" if value else "false"
    return json.dumps(value)


def block(header, **keys):
    """A table of a configuration file. `name_space` stands for namespace."""
    lines = ["%s = %s" % (key.replace("name_space", "namespace"), toml(value))
             for key, value in keys.items() if value is not None]
    return "\n".join([header, *lines, ""])


class Machine:
    """See above. `path` below the test's folder; two machines should differ in length."""

    def __init__(self, test, path):
        self.test = test
        self.folder = test.folder / path
        self.home = self.folder / "home"
        self.cache = self.folder / "cache"
        self.runtime = self.folder / "run"
        self.checkout = self.folder / "src" / "project"
        self.log = self.folder / "log"
        self.config = self.home / "config.toml"
        for folder in (self.home, self.checkout, self.folder / "tmp"):
            folder.mkdir(parents=True)
        self.runtime.mkdir(mode=0o700)
        (self.checkout / ".hpcc").touch()
        self.environment = harness.base_environment(self.home, self.cache)
        self.environment.update({
            "HPCC_RUNTIME_DIR": str(self.runtime), "HPCC_CONFIG": str(self.config),
            "TMPDIR": str(self.folder / "tmp"),
            # Nobody asks this machine's own cloud, if it has one.
            "AWS_EC2_METADATA_DISABLED": "true",
        })
        self.configure()
        test.addCleanup(self.end_programs)

    def configure(self, *tiers, disk=True, extra="", **top):
        """Writes the configuration: top-level keys, the local cache unless told not to, tiers."""
        parts = [block("", log_file=str(self.log), **top), extra]
        if disk:
            parts.append(block("[[cache]]", type="disk", location=str(self.cache)))
        self.config.write_text("\n".join([*parts, *tiers]))
        self.config.chmod(0o600)

    def use(self, user):
        """Credentials by environment: the name of one of radosgw's users, or Credentials."""
        credentials = USERS[user] if isinstance(user, str) else user
        self.environment["AWS_ACCESS_KEY_ID"] = credentials.access_key
        self.environment["AWS_SECRET_ACCESS_KEY"] = credentials.secret_key
        self.environment.pop("AWS_SESSION_TOKEN", None)
        if credentials.session_token:
            self.environment["AWS_SESSION_TOKEN"] = credentials.session_token

    def run(self, *words, cwd=None, **options):
        return harness.run([str(word) for word in words], cwd or self.checkout,
                           dict(self.environment, **options.pop("environment", {})), **options)

    def hpcc(self, *words, **options):
        return self.run(harness.HPCC, *words, **options)

    def stats(self):
        outcome = self.hpcc("stats", "--json")
        if outcome.status != 0:
            raise AssertionError("hpcc stats --json: %r" % (outcome,))
        return json.loads(outcome.stdout)

    def counts(self):
        return harness.read_statistics(self.environment)

    def logged(self):
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def security_events(self):
        return [line for line in self.logged().splitlines() if "security:" in line]

    def forget_locally(self):
        """The local cache as a new machine has it."""
        shutil.rmtree(self.cache, ignore_errors=True)

    def remote_programs(self):
        return processes_of(self.runtime, "hpcc-remote")

    def end_programs(self):
        for program in ("hpcc-daemon", "hpcc-remote"):
            for pid in processes_of(self.runtime, program):
                for number in (signal.SIGCONT, signal.SIGKILL):
                    try:
                        os.kill(pid, number)
                    except ProcessLookupError:
                        pass

    def queued_bytes(self):
        """What hpcc-remote has taken and not written yet; 0 where there is none."""
        question = wire.frame(wire.number_field(1, 1) + wire.bytes_field(9, b""))
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(PATIENCE)
            try:
                connection.connect(str(self.runtime / "remote.sock"))
            except (FileNotFoundError, ConnectionRefusedError):
                return 0
            connection.sendall(question)
            size = struct.unpack("<I", wire.receive_exactly(connection, 4))[0]
            answer = wire.fields(wire.receive_exactly(connection, size))
        return wire.fields(answer[6]).get(6, 0)

    def wait_until_written(self):
        """Until hpcc-remote has written everything it took (proto/hpcc/remote)."""
        wait_until(lambda: self.queued_bytes() == 0, "everything written to the remote")

    # --- the project, copied into the checkout

    def take_project(self):
        shutil.copytree(project().source, self.checkout, dirs_exist_ok=True)
        harness.settle()

    def clean(self):
        for path in (self.checkout / "src").glob("*.o"):
            path.unlink()

    def build_command(self, *launcher):
        return ["make", JOBS, "-C", "src", "o", "CC=%s" % " ".join([*launcher, "gcc -std=gnu99"]),
                FLAGS]

    def build(self, launcher=None):
        """Seconds; the build must succeed and print nothing of hpcc's but notices."""
        self.clean()
        start = time.monotonic()
        outcome = self.run(*self.build_command(launcher or harness.HPCC), timeout=120)
        took = time.monotonic() - start
        self.test.assertEqual(0, outcome.status, outcome.stderr[-3000:])
        return took

    def built(self):
        return {path.name: path.read_bytes() for path in (self.checkout / "src").glob("*.o")}

    def check_build(self, seconds=None):
        """Builds, compares with the plain compiler; returns the seconds it took."""
        took = self.build()
        self.test.check_objects(project().expected, self.built())
        if seconds is not None:
            self.test.assertLess(took, seconds, "the build took too long")
        return took


class Project:
    """The sources, and their objects as the plain compiler makes them with the flag that a marker
    stands for, from a checkout at a place of its own."""

    def __init__(self):
        self.folder = Path(tempfile.mkdtemp(prefix="hpcc-project."))
        atexit.register(shutil.rmtree, self.folder, ignore_errors=True)
        self.source = self.folder / "source"
        if LONG:
            fetch("lua5.4", self.source)
        else:
            write_small_project(self.source)
        plain = self.folder / "plain"
        shutil.copytree(self.source, plain)
        harness.settle()
        command = Machine.build_command(None, "")
        command[-1] += " -ffile-prefix-map=%s=." % plain
        start = time.monotonic()
        subprocess.run(command, cwd=plain, check=True, capture_output=True, timeout=120,
                       env=harness.base_environment(self.folder, self.folder))
        self.plain_seconds = time.monotonic() - start
        self.expected = {path.name: path.read_bytes() for path in plain.glob("src/*.o")}
        self.a_unit = "src/lapi" if LONG else "src/unit_00"  # without the ".c"


kept = {}  # what a suite makes once: its project, a server of each class


def project():
    if Project not in kept:
        kept[Project] = Project()
    return kept[Project]


def server_of(server_class):
    """One server for all of a suite. It ends with the thread that first asks, the main one."""
    if server_class not in kept:
        server = server_class()
        atexit.register(server.stop)
        server.start()
        kept[server_class] = server
    return kept[server_class]


class SharedCacheTest(harness.CacheTest):
    """One server for the suite; a bucket, a fault proxy and any number of machines for each test."""

    bucket_number = 0
    server_class = Radosgw

    @classmethod
    def setUpClass(cls):
        cls.server = server_of(cls.server_class)

    def setUp(self):
        super().setUp()
        if self.server_class is not Radosgw:
            return
        SharedCacheTest.bucket_number += 1
        self.bucket = "bucket-%d" % self.bucket_number
        self.owner = self.server.make_bucket(self.bucket)
        self.proxy = FaultProxy(self.server.port)
        self.proxy.start()
        self.addCleanup(self.proxy.stop)

    def s3(self, endpoint=None, **keys):
        """A [[cache]] block of the bucket, by the fault proxy unless told otherwise."""
        return block("[[cache]]", **{
            "type": "s3", "bucket": self.bucket, "region": "us-east-1",
            "endpoint": endpoint or self.proxy.endpoint, **keys})

    def machine(self, path, *tiers, user="full", **options):
        machine = Machine(self, path)
        machine.configure(*(tiers or [self.s3()]), **options)
        if user:
            machine.use(user)
        return machine

    def objects(self):
        """{name: size} of the bucket."""
        return self.owner.list(self.bucket)

    def check_objects(self, expected, got):
        self.assertEqual(sorted(expected), sorted(got), "other files")
        different = [name for name in expected if expected[name] != got[name]]
        self.assertEqual([], ["%s %s" % (name, harness.describe_bytes(
            expected[name], got[name], 60)) for name in different[:3]])

    def compile(self, machine, name="unit.c", source="int value(void) { return 7; }\n", words=()):
        """Compiles one unit of a machine's checkout through hpcc; the object's bytes."""
        path = machine.checkout / name
        if not path.exists() or path.read_text() != source:
            path.write_text(source)
            harness.settle()
        target = path.with_suffix(".o")
        outcome = machine.hpcc("gcc", "-O1", "-g", *words, "-c", name, "-o", target.name)
        self.assertEqual((0, b""), (outcome.status, outcome.stdout), outcome.stderr)
        content = target.read_bytes()
        target.unlink()
        return content

    def plain(self, machine, name="unit.c", words=()):
        target = machine.checkout / "plain.o"
        outcome = machine.run("gcc", "-O1", "-g", "-ffile-prefix-map=%s=." % machine.checkout,
                              *words, "-c", name, "-o", target)
        self.assertEqual(0, outcome.status, outcome.stderr)
        content = target.read_bytes()
        target.unlink()
        return content


class BuildTest(SharedCacheTest):
    """Also has the project, in the checkouts of its builders."""

    filled = filled_by = None  # what fill_bucket() puts, and whose it is

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.expected = project().expected
        cls.plain_seconds = project().plain_seconds
        cls.a_unit = project().a_unit

    def builder(self, path, *tiers, **options):
        machine = self.machine(path, *tiers, **options)
        machine.take_project()
        return machine

    def fill_bucket(self):
        """As a machine leaves it that has built the project. {name: bytes}."""
        if BuildTest.filled is None or BuildTest.filled_by is not self.server_class:
            filler = self.builder("filler", self.s3(self.server.endpoint))
            filler.check_build()
            filler.wait_until_written()
            filler.end_programs()
            BuildTest.filled_by = self.server_class
            BuildTest.filled = {name: self.owner.get(self.bucket, name) for name in self.objects()}
            self.assertTrue(BuildTest.filled)
        else:
            with ThreadPoolExecutor(4) as at_once:
                list(at_once.map(lambda item: self.owner.put(self.bucket, *item),
                                 BuildTest.filled.items()))
        return dict(BuildTest.filled)

    def bound(self, lost=DEAD_REMOTE):
        """Seconds a build may take that lost so many to a remote."""
        return self.plain_seconds * BUSY_FACTOR + BUSY_SECONDS + lost


def fetch(package, target):
    """Upstream's sources of a Debian package, as scripts/fetch-source.sh gets and keeps them."""
    store = os.environ.get("HPCC_TEST_SOURCES") or os.path.join(
        os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "hpcc-test-sources")
    result = subprocess.run(
        [str(REPOSITORY / "scripts/fetch-source.sh"), "--upstream", package, str(target)],
        env=dict(os.environ, HPCC_TEST_SOURCES=store), capture_output=True, text=True, timeout=900)
    if result.returncode != 0:
        raise AssertionError(result.stdout + result.stderr)


def main():
    """As harness.main(), for suites that need hpcc-remote beside hpcc."""
    harness.require_program()
    remote = Path(harness.HPCC).with_name("hpcc-remote")
    if not os.access(remote, os.X_OK):
        sys.exit("%s is missing: build it" % remote)
    harness.main()
