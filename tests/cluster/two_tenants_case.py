"""A cluster on which each of two tenants has compiled something, and all that they have sent for it;
so that one's words can be put into the other's mouth."""

import os
import re
import signal
import subprocess
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import grpc

import cluster_case
import recorder
import sent_manifest
import wire_schema as schema
from cluster_case import harness, wait_until

Code = grpc.StatusCode
FIRST, SECOND = "dev", "dev2"
SCHEDULER, WORKER = "hpcc.scheduler.v1.Scheduler", "hpcc.worker.v1.Worker"
MARKER = b"what-only-the-first-tenant-may-read"
# Of the first tenant alone. No worker has it, and no registry.
PRIVATE_IMAGE = "registry.invalid/first/private@sha256:" + "5" * 64
# Long enough to be sent compressed, as the other's are not: then these fields differ, too.
SOURCE = '#include "hidden.h"\nconst char* text(void) { return HIDDEN; }\n' + 20 * "/* long */\n"
HEADER = '#define HIDDEN "%s"\n' % MARKER.decode() + 20 * "/* long */\n"


@dataclass
class Answer:
    code: object
    messages: list
    everything: bytes  # with what was said beside them, and what is in it compressed


def unfolded(data):
    """With the contents of every zstd frame in it behind."""
    parts = [data]
    for found in re.finditer(re.escape(sent_manifest.ZSTD_MAGIC), data):
        parts.append(sent_manifest.expanded(data[found.start():]) or b"")
    return b"\0".join(parts)


def ask(channel, method, requests, bearer=""):
    """What is at the other end of a call; any kind of call. `bearer`: one, or several at once."""
    bearers = [bearer] if isinstance(bearer, str) else bearer
    metadata = [("authorization", "Bearer " + one) for one in bearers if one]
    if not isinstance(method, str):
        method = schema.path_of(method)
    call = recorder.stream_of(channel, method, [
        request if isinstance(request, bytes) else request.SerializeToString()
        for request in requests], metadata)
    messages, code = [], Code.OK
    try:
        messages.extend(call)
    except grpc.RpcError as error:
        code = error.code()
    beside = [part if isinstance(part, bytes) else part.encode()
              for pair in [*call.initial_metadata(), *call.trailing_metadata()] for part in pair]
    # Metadata one by one: what is read in a row belongs together. Messages may be pieces of one.
    everything = b"\0".join([b"".join(messages), *messages, *beside, call.details().encode()])
    return Answer(code, messages, unfolded(everything))


class TwoTenantsTest(cluster_case.ClusterTest):
    tenants = 2

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        folder = cls.cluster.folder
        cls.services = schema.all_services()
        config = (folder / "scheduler.toml").read_text()
        cls.scheduler_address = re.search(r'listen = "(.*)"', config)[1]
        cls.make_private_image_known(config)
        cls.channels = {SCHEDULER: cls.connect("scheduler"), WORKER: cls.connect("worker")}
        cls.calls = {FIRST: cls.record("client.toml", "gcc", {"a.c": SOURCE, "hidden.h": HEADER}),
                     SECOND: cls.record("client2.toml", "g++", {"b.cc": "int mine;\n"})}
        cls.tokens = {tenant: cls.tokens_of(calls) for tenant, calls in cls.calls.items()}
        cls.record_second_worker()
        cls.find_what_is_the_firsts()

    @classmethod
    def server(cls, name):
        """(address, certificate, key)."""
        config = (cls.cluster.folder / (name + ".toml")).read_text()
        place = cls.cluster.folder / name
        return (re.search(r'listen = "(.*)"', config)[1], (place / "certificate.pem").read_bytes(),
                (place / "certificate.key").read_bytes())

    @classmethod
    def connect(cls, name):
        address, certificate, _ = cls.server(name)
        channel = grpc.secure_channel(address, grpc.ssl_channel_credentials(certificate),
                                      recorder.ALL_SIZES)
        cls.addClassCleanup(channel.close)
        return channel

    @classmethod
    def make_private_image_known(cls, config):
        """From here on the first tenant may use it."""
        config = config.replace('images = ["host"]', 'images = ["host", "%s"]' % PRIVATE_IMAGE, 1)
        (cls.cluster.folder / "scheduler.toml").write_text(config)
        os.kill(cls.cluster.program("hpcc-scheduler"), signal.SIGHUP)

    @classmethod
    def start_recorder(cls):
        def with_address(answer, address):
            message = schema.parsed(cls.method(SCHEDULER, "Route").output_type, answer)
            message.address = address
            return message.SerializeToString()

        between = recorder.Recorder(cls.server("scheduler"), cls.server("worker"), with_address)
        cls.addClassCleanup(between.stop)
        return between

    @classmethod
    def method(cls, service, name):
        return cls.services[service].methods_by_name[name]

    # --- what was sent

    @classmethod
    def record(cls, config, compiler, sources):
        """The calls of a client that has these compiled."""
        between = cls.start_recorder()
        own = cls.cluster.folder / ("recorded-" + config)
        own.write_text((cls.cluster.folder / config).read_text().replace(
            '"%s"' % cls.scheduler_address, '"%s"' % between.scheduler.address))
        own.chmod(0o600)
        client = cluster_case.Client(cls.cluster, cls.class_folder / config, own.name)
        cls.addClassCleanup(client.end)
        for name, text in sources.items():
            client.write(name, text)
        if compiler == "gcc":
            client.environment["SOURCE_DATE_EPOCH"] = "1"
        outcome = client.hpcc(compiler, "-O1", "-c", list(sources)[0], "-o", config + ".o")
        assert outcome.status == 0 and client.remote()["compiled"] == 1, (
            outcome.stderr, client.log(), cls.cluster.logs())
        if compiler == "gcc":
            cls.object = (client.tree / (config + ".o")).read_bytes()
        return cls.last_of_each(between.calls)

    @staticmethod
    def last_of_each(calls):
        return {call.method: call for call in calls if call.code == Code.OK}

    @classmethod
    def tokens_of(cls, calls):
        """{what for: token} of a tenant."""
        said = {name: schema.parsed(cls.method(SCHEDULER, name).output_type,
                                    calls["/%s/%s" % (SCHEDULER, name)].answers[0])
                for name in ("Authenticate", "Route")}
        login = schema.parsed(cls.method(SCHEDULER, "Authenticate").input_type,
                              calls["/%s/Authenticate" % SCHEDULER].requests[0])
        return {"login": login.token, "session": said["Authenticate"].session,
                "route": said["Route"].token}

    @classmethod
    def record_second_worker(cls):
        """What a worker says to the scheduler, and one for whom nobody here has a token."""
        between = cls.start_recorder()
        folder = cls.cluster.folder
        config = (folder / "worker.toml").read_text()
        config = config.replace('"dev-worker"', '"second-worker"')
        config = config.replace('"%s"' % (folder / "worker"), '"%s"' % (folder / "second"))
        config = config.replace('"%s"' % cls.scheduler_address, '"%s"' % between.scheduler.address)
        config = re.sub(r'listen = ".*"', 'listen = "127.0.0.1:0"', config)
        (folder / "second.toml").write_text(config)
        with open(folder / "second.log", "wb") as log:
            process = subprocess.Popen(
                [Path(harness.HPCC).with_name("hpcc-worker"), "--config", folder / "second.toml"],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                env=harness.base_environment(folder, folder / "unused"))
        cls.addClassCleanup(process.wait, cluster_case.PATIENCE)
        cls.addClassCleanup(process.terminate)
        words = ["/%s/%s" % (SCHEDULER, name) for name in ("RegisterWorker", "Heartbeat")]
        wait_until(lambda: all(word in cls.last_of_each(between.calls) for word in words),
                   "a second worker that registers, and lives")
        cls.worker_calls = cls.last_of_each(between.calls)
        cls.worker_secret = cls.worker_calls[words[0]].bearer
        registered = schema.parsed(cls.method(SCHEDULER, "RegisterWorker").input_type,
                                   cls.worker_calls[words[0]].requests[0])
        cls.second_worker = grpc.secure_channel(
            registered.address,
            grpc.ssl_channel_credentials(registered.certificate_pem.encode()))
        cls.addClassCleanup(cls.second_worker.close)

    # --- what is the first tenant's

    @classmethod
    def find_what_is_the_firsts(cls):
        rows = [row for row in cls.cluster.rows() if row["tenant"] == FIRST]
        assert len(rows) == 1, rows
        cls.row = rows[0]
        # Not those of the compiler's own headers, which are everybody's.
        cls.blobs = [message.digest for message in cls.sent(FIRST, cls.method(WORKER, "UploadBlobs"))
                     if message.digest]
        outputs = [bytes.fromhex(output["digest"]) for output in cls.row["output_digests"]]
        cls.keys = [bytes.fromhex(cls.row["cache_key"])]
        cls.digests = [*cls.blobs, *outputs, *cls.keys, bytes.fromhex(cls.row["source_digest"])]
        texts = [MARKER, cls.object, PRIVATE_IMAGE.encode(), *cls.digests,
                 *(digest.hex().encode() for digest in cls.digests),
                 *(token.encode() for token in cls.tokens[FIRST].values()),
                 cls.worker_secret.encode(), cls.row["working_directory"].encode()]
        # A name that ends with a number is no part of one with a longer number.
        names = [cls.row["job_id"], cls.row["sandbox"]]
        assert all(names) and len(cls.blobs) == 2, (cls.row, cls.blobs)
        cls.secrets = [re.compile(re.escape(text)) for text in texts]
        cls.secrets += [re.compile(re.escape(name.encode()) + b"(?![0-9])") for name in names]

    @classmethod
    def sent(cls, tenant, method):
        """The messages of the tenant's last call, or of a worker's; None: there was none."""
        calls = cls.calls[tenant]
        if tenant == FIRST:
            calls = {**cls.worker_calls, **calls} if hasattr(cls, "worker_calls") else calls
        call = calls.get(schema.path_of(method))
        return call and [schema.parsed(method.input_type, data) for data in call.requests]

    def leaks(self, answer, requests):
        """What of the first tenant's stands in an answer, and not in the question already."""
        asked = unfolded(b"\0".join(request.SerializeToString() for request in requests))
        return [secret.pattern for secret in self.secrets
                if secret.search(answer.everything) and not secret.search(asked)]

    def rows_of(self, tenant):
        return [row for row in self.cluster.rows() if row["tenant"] == tenant]

    def files_of(self, tenant):
        """{name: contents} of what the worker keeps for a tenant."""
        folders = [name.parent for name in (self.cluster.folder / "worker/tenants").glob("*/tenant")
                   if name.read_text().strip() == tenant]
        self.assertEqual(1, len(folders))
        files = {str(path.relative_to(folders[0])): path.read_bytes()
                 for path in folders[0].rglob("*") if path.is_file()}
        self.assertTrue(all(any(digest.hex() in name for name in files)
                            for digest in self.blobs), sorted(files))
        return files

    @contextmanager
    def nothing_of_the_firsts_changes(self):
        rows, files = self.rows_of(FIRST), self.files_of(FIRST)
        yield
        self.assertEqual(rows, self.rows_of(FIRST))
        self.assertEqual(files, self.files_of(FIRST))
