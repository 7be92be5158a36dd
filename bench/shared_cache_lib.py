"""What bench/shared_cache.py compares: hpcc, sccache and ccache on the same S3 server, without
results of their own on this machine.

The server is the tests' (tests/peers/radosgw.py) and starts with the bench. hpcc's local cache is
emptied before each build, and left out for single hits.
"""

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import lib

sys.path.insert(0, str(lib.ROOT / "tests/peers"))
sys.path.insert(0, str(lib.ROOT / "tests/shared_cache"))
from fault_proxy import BlackHole, FaultProxy, refusing_endpoint  # noqa: E402,F401
from radosgw import USERS, PeerError, Radosgw  # noqa: E402

TICK = os.sysconf("SC_CLK_TCK")
KEY = USERS["full"]
CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": KEY.access_key,
    "AWS_SECRET_ACCESS_KEY": KEY.secret_key,
    "AWS_EC2_METADATA_DISABLED": "true",
}


@contextlib.contextmanager
def s3_server():
    try:
        server = Radosgw()
        server.start()
    except PeerError as error:
        raise lib.BenchError(str(error)) from error
    try:
        yield server
    finally:
        server.stop()


class Companion:
    """A program that works for a launcher: its CPU time counts. Lives as long as it likes."""

    def __init__(self, pids):
        self.pids = pids  # returns the process ids there are now
        self.ended = 0.0  # seconds of those that are gone
        self.seen = {}

    def cpu(self):
        now = {}
        for pid in self.pids():
            with contextlib.suppress(OSError):
                fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
                now[pid] = (int(fields[11]) + int(fields[12])) / TICK
        self.ended += sum(seconds for pid, seconds in self.seen.items() if pid not in now)
        self.seen = now
        return self.ended + sum(now.values())

    def start(self):
        pass  # it is started by whoever needs it

    def stop(self):
        pass  # and what it remembers are connections, not results


def pids_of(program, variable):
    """Processes of a program that were given an environment variable ("NAME=value")."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            first = (entry / "cmdline").read_bytes().split(b"\0")[0]
            variables = (entry / "environ").read_bytes().split(b"\0")
            if first.endswith(program.encode()) and variable.encode() in variables:
                found.append(int(entry.name))
    return found


class Hpcc:
    """hpcc with a bucket, and a local cache where asked for. `launcher` is what benches take."""

    bucket = "of-hpcc"
    remote = True

    def __init__(self, directory, binary, name, endpoint, disk=True):
        if not os.access(binary.with_name("hpcc-remote"), os.X_OK):
            raise lib.BenchError(f"no hpcc-remote beside {binary}: build it")
        self.runtime = directory / f"{name}-runtime"
        self.runtime.mkdir(mode=0o700)
        config = directory / f"{name}.toml"
        cache = directory / f"{name}-cache"
        text = f'[[cache]]\ntype = "disk"\nlocation = "{cache}"\n' if disk else ""
        if endpoint:
            text += f'[[cache]]\ntype = "s3"\nbucket = "{self.bucket}"\nendpoint = "{endpoint}"\n'
        config.write_text(text)
        self.launcher = lib.hpcc_launcher(
            directory,
            binary,
            name,
            {"HPCC_CONFIG": str(config), "HPCC_RUNTIME_DIR": str(self.runtime), **CREDENTIALS},
        )
        self.name = name
        self.companion = self.launcher.daemon = Companion(self.pids)

    def pids(self):
        return pids_of("hpcc-remote", f"HPCC_RUNTIME_DIR={self.runtime}")

    def end(self):
        """The next compile starts an hpcc-remote that knows nothing of what failed before."""
        self.companion.cpu()
        for pid in self.pids():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        deadline = time.monotonic() + 10
        while self.pids() and time.monotonic() < deadline:
            time.sleep(0.01)


class Sccache:
    """sccache with a server of its own: with a bucket, or, where it was built without any remote
    storage (as Debian 12's is), with its own cache on the local disk, which is the faster one."""

    name = "sccache"
    bucket = "of-sccache"

    def __init__(self, directory, port, suffix=""):
        self.binary = shutil.which("sccache")
        if not self.binary:
            raise lib.BenchError("sccache is not installed: apt-get install sccache")
        home = directory / f"sccache{suffix}-home"
        home.mkdir()
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        env = {"SCCACHE_SERVER_PORT": str(self.port)}
        base = {
            **lib.base_environment(home),
            **env,
            "SCCACHE_START_SERVER": "1",
            "SCCACHE_NO_DAEMON": "1",
            "SCCACHE_IDLE_TIMEOUT": "0",
        }
        with_bucket = {
            **CREDENTIALS,
            "SCCACHE_BUCKET": self.bucket,
            "SCCACHE_ENDPOINT": f"127.0.0.1:{port}",
            "SCCACHE_REGION": "us-east-1",
            "SCCACHE_S3_USE_SSL": "false",
        }
        self.environments = [
            (True, {**base, **with_bucket}),
            (False, {**base, "SCCACHE_DIR": str(directory / f"sccache{suffix}-cache")}),
        ]
        self.log = directory / f"sccache{suffix}-log"
        self.server = None
        self.launcher = lib.Launcher(self.name, [self.binary], env, counts=self.counts)
        self.companion = self.launcher.daemon = Companion(lambda: [self.server.pid])

    def __enter__(self):
        for self.remote, self.server_env in self.environments:
            with open(self.log, "wb") as log:
                self.server = subprocess.Popen(
                    [self.binary],
                    env=self.server_env,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                )
            try:
                lib.wait_for_port(self.port, self.server)
                return self
            except lib.BenchError:
                self.__exit__()
                if "not enabled" not in self.log.read_text(errors="replace"):
                    raise
        raise lib.BenchError(f"sccache: {self.log.read_text(errors='replace')}")

    def __exit__(self, *_):
        self.server.send_signal(signal.SIGTERM)
        try:
            self.server.wait(10)
        except subprocess.TimeoutExpired:
            self.server.kill()
            self.server.wait(10)

    def end(self):
        pass

    def counts(self):
        out = subprocess.run(
            [self.binary, "--show-stats"],
            env={name: value for name, value in self.server_env.items()
                 if name != "SCCACHE_START_SERVER"},
            check=True,
            capture_output=True,
            text=True,
            timeout=30,
        ).stdout
        found = {}
        for line in out.splitlines():
            name, _, value = line.rpartition(" ")
            if value.isdigit():
                found[name.strip()] = int(value)
        others = sum(found.get(name, 0) for name in ("Cache errors", "Cache timeouts"))
        return lib.Counts(found.get("Cache hits", 0), found.get("Cache misses", 0), others)


class Ccache:
    """ccache with the same S3 server as its HTTP storage: it can't sign, so its bucket is open to
    everybody. Its local cache is left out."""

    name = "ccache, http"
    bucket = "of-ccache"
    remote = True

    def __init__(self, directory, port, suffix=""):
        self.launcher = lib.ccache_launcher(directory, self.name + suffix, {
            "CCACHE_REMOTE_STORAGE": f"http://127.0.0.1:{port}/{self.bucket}",
            "CCACHE_REMOTE_ONLY": "1",
        })

    def end(self):
        pass


def make_buckets(server, names):
    """A bucket for each tool. Returns its owner's client."""
    owner = server.client()
    for name in names:
        owner.make_bucket(name)
    place = f"arn:aws:s3:::{Ccache.bucket}"
    owner.set_policy(Ccache.bucket, json.dumps({"Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Principal": {"AWS": ["*"]},
        "Action": ["s3:GetObject", "s3:PutObject", "s3:ListBucket"],
        "Resource": [place, place + "/*"]}]}))
    return owner


def wait_until_written(owner, bucket, seconds=60):
    """Until nothing is added to a bucket any more; both caches write in the background."""
    deadline = time.monotonic() + seconds
    before, since = None, time.monotonic()
    while time.monotonic() < deadline:
        now = len(owner.list(bucket))
        if now != before:
            before, since = now, time.monotonic()
        elif time.monotonic() - since > 1.0:
            return now
        time.sleep(0.1)
    raise lib.BenchError(f"{bucket} is still being written to after {seconds} seconds")
