#!/usr/bin/env python3
"""A real S3 server on loopback: Ceph's radosgw with one monitor and one storage daemon in memory.

    tests/peers/radosgw.py               starts it, says how to reach it, stops it at the end of stdin
    tests/peers/radosgw.py COMMAND...    runs a command with S3_ENDPOINT, AWS_ACCESS_KEY_ID, ... set

It is ready in about two seconds, most of which Ceph's own start needs: without the two paxos settings
it would be fourteen. All state is in a temporary directory; it needs no configuration of the machine,
no service manager, and no user of its own. Needs Debian's packages radosgw, ceph-mon, ceph-osd and
openssl.

Users (all with fixed keys, see USERS):
  full        owns every bucket that is made with it
  restricted  what make_bucket() allows: list, get and put below cache/ only
  reader      the same without put
  nobody      nothing

Ceph 16 tries a key as a user's and as a session's, and reports why the first of these failed. Users
come first here, so that a wrong secret is told from an unknown key as AWS does; a session that has
ended is InvalidAccessKeyId, where AWS says ExpiredToken.
"""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from s3_client import S3, Credentials, S3Error  # noqa: E402

PROGRAMS = ("radosgw", "radosgw-admin", "ceph-mon", "ceph-osd", "ceph", "ceph-authtool",
            "monmaptool", "openssl")
START = 60  # seconds, of all of it on a busy machine
ATTEMPTS = 3  # a port chosen as free may be taken by the time it is used
USERS = {
    "full": Credentials("FULLACCESSKEY", "secret-of-full-0123456789"),
    "restricted": Credentials("RESTRICTEDKEY", "secret-of-restricted-0123456789"),
    "reader": Credentials("READERKEY", "secret-of-reader-0123456789"),
    "nobody": Credentials("NOBODYKEY", "secret-of-nobody-0123456789"),
}

CONFIGURATION = """\
[global]
fsid = {fsid}
mon host = [v2:127.0.0.1:{mon_port}/0]
public addr = 127.0.0.1
cluster addr = 127.0.0.1
ms bind ipv6 = false
run dir = {folder}/run
admin socket = {folder}/run/$name.asok
log file = {folder}/log/$name.log
keyring = {folder}/keyring
osd crush chooseleaf type = 0
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 1
osd pool default pgp num = 1
mon allow pool size one = true
mon data = {folder}/mon
mon cluster log file = {folder}/log/cluster.log
mon max pg per osd = 1000
auth allow insecure global id reclaim = false
paxos propose interval = 0.01
paxos min wait = 0.01
mon data avail crit = 1
mon warn on pool no redundancy = false
osd data = {folder}/osd
osd objectstore = memstore
memstore device bytes = 2147483648
osd max object name len = 460
osd max object namespace len = 64
rgw data = {folder}/rgw
rgw frontends = beast endpoint=127.0.0.1:{port} ssl_endpoint=127.0.0.1:{tls_port} ssl_certificate={folder}/tls.pem
rgw s3 auth order = local, sts
rgw s3 auth use sts = true
rgw sts key = abcdefghijklmnop
rgw sts min session duration = 1
rgw enable usage log = false
rgw run sync thread = false
rgw gc max objs = 8
rgw lc max objs = 1
rgw num rados handles = 1
"""


class PeerError(Exception):
    """The server can't be had; the message says why."""


def missing_programs():
    return [name for name in PROGRAMS if not shutil.which(name)]


def free_ports(count):
    probes = [socket.socket() for _ in range(count)]
    try:
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [probe.getsockname()[1] for probe in probes]
    finally:
        for probe in probes:
            probe.close()


def openssl(folder, *words):
    subprocess.run(["openssl", *words], cwd=folder, check=True, capture_output=True, timeout=START)


NEW_KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]


def make_authority(folder):
    """A certificate authority of our own: ca.pem and ca.key."""
    openssl(folder, "req", "-x509", *NEW_KEY, "-keyout", "ca.key", "-out", "ca.pem", "-days", "2",
            "-subj", "/CN=authority of the tests")
    return folder / "ca.pem"


def make_certificate(folder, name, hosts):
    """A server's key and certificate by that authority, in <name>.pem. `hosts`: as openssl has it
    in subjectAltName."""
    openssl(folder, "req", *NEW_KEY, "-keyout", name + ".key", "-out", name + ".csr", "-subj",
            "/CN=" + name)
    (folder / "extensions").write_text("subjectAltName=%s\n" % hosts)
    openssl(folder, "x509", "-req", "-in", name + ".csr", "-CA", "ca.pem", "-CAkey", "ca.key",
            "-CAcreateserial", "-days", "2", "-extfile", "extensions", "-out", name + ".crt")
    together = folder / (name + ".pem")
    together.write_bytes(b"".join(
        (folder / (name + end)).read_bytes() for end in (".key", ".crt")))
    return together


class Radosgw:
    """A server, from start() to stop(); also a context manager.

    The daemons die with the thread that started them (setpriv --pdeathsig), so that a suite that is
    killed leaves none behind."""

    def __init__(self):
        missing = missing_programs()
        if missing:
            raise PeerError("not installed: %s (scripts/lib.sh names the packages)" % (
                " ".join(missing)))
        self.folder = None
        self.processes = []

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.stop()

    def start(self):
        for attempt in range(ATTEMPTS):
            try:
                self._start()
                return
            except (PeerError, OSError, subprocess.SubprocessError) as error:
                said = self._logs()
                self.stop()
                if attempt + 1 == ATTEMPTS:
                    raise PeerError("radosgw does not start: %s\n%s" % (error, said)) from error
            except BaseException:
                self.stop()
                raise

    def stop(self):
        # The storage daemon's orderly end takes seconds, and nothing it holds is needed.
        for process in self.processes:
            process.kill()
        for process in self.processes:
            process.wait(30)
        self.processes = []
        if self.folder:
            shutil.rmtree(self.folder, ignore_errors=True)
            self.folder = None

    def client(self, user="full", endpoint=None, credentials=None):
        return S3(endpoint or self.endpoint, credentials or USERS[user], ca_file=self.ca_file)

    def make_bucket(self, bucket):
        """A bucket of `full`, with the policies of the other users."""
        owner = self.client()
        owner.make_bucket(bucket)
        writers = ["arn:aws:iam:::user/restricted"]
        readers = [*writers, "arn:aws:iam:::user/reader"]
        place = "arn:aws:s3:::" + bucket

        def allow(who, actions, what, **condition):
            return {"Effect": "Allow", "Principal": {"AWS": who},
                    "Action": ["s3:" + action for action in actions], "Resource": [what],
                    **condition}

        only_cache = {"Condition": {"StringLike": {"s3:prefix": "cache/*"}}}
        owner.set_policy(bucket, json.dumps({"Version": "2012-10-17", "Statement": [
            allow(readers, ["ListBucket"], place, **only_cache),
            allow(readers, ["GetObject"], place + "/cache/*"),
            allow(writers, ["PutObject"], place + "/cache/*"),
        ]}))
        return owner

    def _start(self):
        self.folder = Path(tempfile.mkdtemp(prefix="hpcc-radosgw."))
        for name in ("mon", "osd", "rgw", "log", "run"):
            (self.folder / name).mkdir()
        self.deadline = time.monotonic() + START
        self.port, self.tls_port, mon_port = free_ports(3)
        self.endpoint = "http://127.0.0.1:%d" % self.port
        self.tls_endpoint = "https://127.0.0.1:%d" % self.tls_port
        self.fsid = str(uuid.uuid4())
        (self.folder / "ceph.conf").write_text(CONFIGURATION.format(
            folder=self.folder, fsid=self.fsid, port=self.port, tls_port=self.tls_port,
            mon_port=mon_port))
        self.environment = {"PATH": os.environ["PATH"], "HOME": str(self.folder), "LC_ALL": "C",
                            "CEPH_CONF": str(self.folder / "ceph.conf")}
        self.ca_file = make_authority(self.folder)
        make_certificate(self.folder, "tls", "IP:127.0.0.1,DNS:localhost")
        self._make_keys()
        self._start_monitor(mon_port)
        self._start_storage()
        self._start_gateway()

    def _run(self, *words):
        left = max(1, self.deadline - time.monotonic())
        outcome = subprocess.run(words, env=self.environment, cwd=self.folder, timeout=left,
                                 capture_output=True, text=True, stdin=subprocess.DEVNULL)
        if outcome.returncode != 0:
            raise PeerError("%s: status %d: %s" % (
                " ".join(words), outcome.returncode, outcome.stderr.strip()[-1000:]))
        return outcome.stdout

    def _spawn(self, name, *words):
        with open(self.folder / "log" / (name + ".out"), "wb") as out:
            self.processes.append(subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", *words], env=self.environment, cwd=self.folder,
                stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True))

    def _wait(self, condition, what):
        while not condition():
            ended = [process.args for process in self.processes if process.poll() is not None]
            if ended:
                raise PeerError("%s ended by itself" % ended[0][3])
            if time.monotonic() > self.deadline:
                raise PeerError("waited %d seconds in vain: %s" % (START, what))
            time.sleep(0.03)

    def _make_keys(self):
        ring = str(self.folder / "keyring")
        self._run("ceph-authtool", "--create-keyring", ring, "--gen-key", "-n", "mon.",
                  "--cap", "mon", "allow *")
        for name in ("client.admin", "client.rgw"):
            self._run("ceph-authtool", ring, "--gen-key", "-n", name, "--cap", "mon", "allow *",
                      "--cap", "osd", "allow *", "--cap", "mgr", "allow *")
        self._run("ceph-authtool", ring, "--gen-key", "-n", "osd.0", "--cap", "mon",
                  "allow profile osd", "--cap", "osd", "allow *", "--cap", "mgr",
                  "allow profile osd")

    def _start_monitor(self, mon_port):
        self._run("monmaptool", "--create", "--clobber", "--fsid", self.fsid, "--addv", "a",
                  "[v2:127.0.0.1:%d/0]" % mon_port, "monmap")
        self._run("ceph-mon", "-i", "a", "--mkfs", "--monmap", "monmap", "--keyring", "keyring")
        self._spawn("mon", "ceph-mon", "-i", "a", "-f")

    def _start_storage(self):
        self._run("ceph", "osd", "create")
        with ThreadPoolExecutor() as at_once:
            steps = [at_once.submit(self._run, "ceph", "osd", "crush", "add", "osd.0", "1",
                                    "root=default"),
                     at_once.submit(self._run, "ceph-osd", "-i", "0", "--mkfs")]
            for step in steps:
                step.result()
        self._spawn("osd", "ceph-osd", "-i", "0", "-f")
        self._wait(lambda: "1 up" in self._run("ceph", "osd", "stat"), "storage daemon up")

    def _start_gateway(self):
        self._spawn("rgw", "radosgw", "-n", "client.rgw", "-f")
        full = USERS["full"]
        self._run("radosgw-admin", "user", "create", "--uid=full", "--display-name=full",
                  "--access-key=" + full.access_key, "--secret=" + full.secret_key,
                  "--caps=users=*;roles=*", "-n", "client.rgw")
        self._wait(self._answers, "gateway answers")
        self._allow_sessions()
        for name in USERS:
            if name != "full":
                self._make_user(name)

    def _answers(self):
        try:
            # A gateway that has just started may not know of the user yet.
            return self.client().request("GET", "/")[0] == 200
        except ConnectionError:
            return False

    def _allow_sessions(self):
        """A role that `full` may take on, and that may do everything in S3."""
        def policy(action, **more):
            return json.dumps({"Version": "2012-10-17", "Statement": [
                {"Effect": "Allow", "Action": [action], **more}]})

        client = self.client()
        client.form("iam", Action="CreateRole", Version="2010-05-08", RoleName="session",
                    Path="/", AssumeRolePolicyDocument=policy(
                        "sts:AssumeRole", Principal={"AWS": ["arn:aws:iam:::user/full"]}))
        client.form("iam", Action="PutRolePolicy", Version="2010-05-08", RoleName="session",
                    PolicyName="all", PolicyDocument=policy(
                        "s3:*", Resource="arn:aws:s3:::*"))

    def session(self, seconds):
        """Credentials that end after some seconds."""
        answer = self.client().form(
            "sts", Action="AssumeRole", Version="2011-06-15", DurationSeconds=seconds,
            RoleArn="arn:aws:iam:::role/session", RoleSessionName="session")
        return Credentials(answer["AccessKeyId"], answer["SecretAccessKey"],
                           answer["SessionToken"])

    def _make_user(self, name):
        status, _, body = self.client().request("PUT", "/admin/user", [
            ("uid", name), ("display-name", name), ("access-key", USERS[name].access_key),
            ("secret-key", USERS[name].secret_key)])
        if status != 200:
            raise PeerError("user %s: %s" % (name, S3Error(status, body)))

    def _logs(self):
        said = []
        for path in sorted((self.folder / "log").glob("*")) if self.folder else ():
            said += ["%s: %s" % (path.name, path.read_text(errors="replace")[-1500:])]
        return "\n".join(said)


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    started = time.monotonic()
    with Radosgw() as server:
        server.make_bucket("bucket")
        full, restricted = USERS["full"], USERS["restricted"]
        about = {"S3_ENDPOINT": server.endpoint, "S3_TLS_ENDPOINT": server.tls_endpoint,
                 "S3_CA_FILE": str(server.ca_file), "S3_BUCKET": "bucket",
                 "AWS_ACCESS_KEY_ID": full.access_key, "AWS_SECRET_ACCESS_KEY": full.secret_key,
                 "S3_RESTRICTED_ACCESS_KEY": restricted.access_key,
                 "S3_RESTRICTED_SECRET_KEY": restricted.secret_key, "AWS_REGION": "us-east-1"}
        if sys.argv[1:]:
            return subprocess.run(sys.argv[1:], env={**os.environ, **about}).returncode
        for name, value in about.items():
            print("%s=%s" % (name, value))
        print("ready after %.1f s; ends with its input" % (time.monotonic() - started), flush=True)
        sys.stdin.read()
    return 0


if __name__ == "__main__":
    sys.exit(main())
