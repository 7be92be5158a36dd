#!/usr/bin/env python3
"""Two tenants and a hostile client, which speaks to scheduler and worker by itself: tokens shown in
the wrong place, to the wrong tenant, altered; and what one tenant sees of another."""

import base64
import hashlib
import json
import os
import re
import signal
import sys
import time
import urllib.parse
import urllib.request
from pathlib import Path

try:
    import grpc
except ImportError:  # Debian's package is for Debian's Python, which may not be the first on PATH
    if sys.executable == "/usr/bin/python3":
        raise
    os.execv("/usr/bin/python3", ["/usr/bin/python3", "-B", *sys.argv])

sys.path.insert(0, str(Path(__file__).resolve().parent))
sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "daemon"))
import cluster_case  # noqa: E402
import wire  # noqa: E402
from own_provider import Key, Provider  # noqa: E402

Code = grpc.StatusCode
SCHEDULER = "/hpcc.scheduler.v1.Scheduler/"
WORKER = "/hpcc.worker.v1.Worker/"


def text(number, value):
    return wire.bytes_field(number, value.encode())


class Peer:
    """One end of gRPC calls whose messages are bytes."""

    def __init__(self, address, certificate):
        self.channel = grpc.secure_channel(address, grpc.ssl_channel_credentials(certificate))

    def ask(self, method, message, bearer=""):
        """(code, fields of the answer, words of the refusal)."""
        call = self.channel.unary_unary(method)
        metadata = [("authorization", "Bearer " + bearer)] if bearer else []
        try:
            return Code.OK, wire.fields(call(message, timeout=20, metadata=metadata)), ""
        except grpc.RpcError as error:
            return error.code(), {}, error.details()

    def ask_stream(self, method, message, bearer=""):
        """The same for an answer that is a stream: the last message's fields."""
        call = self.channel.unary_stream(method)
        metadata = [("authorization", "Bearer " + bearer)] if bearer else []
        last = {}
        try:
            for answer in call(message, timeout=20, metadata=metadata):
                last = wire.fields(answer)
            return Code.OK, last, ""
        except grpc.RpcError as error:
            return error.code(), last, error.details()

    def send_stream(self, method, messages, bearer=""):
        call = self.channel.stream_unary(method)
        metadata = [("authorization", "Bearer " + bearer)] if bearer else []
        try:
            return Code.OK, wire.fields(call(iter(messages), timeout=20, metadata=metadata)), ""
        except grpc.RpcError as error:
            return error.code(), {}, error.details()


def decoded(part):
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


def encoded(content):
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def with_claims(token, **claims):
    """The token with other claims, under the old signature."""
    header, body, signature = token.split(".")
    return ".".join([header, encoded(json.dumps(dict(json.loads(decoded(body)), **claims)).encode()),
                     signature])


def with_header(token, **fields):
    header, body, signature = token.split(".")
    return ".".join([encoded(json.dumps(dict(json.loads(decoded(header)), **fields)).encode()), body,
                     signature])


class Refusals(cluster_case.ClusterTest):
    tenants = 2

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        folder = cls.cluster.folder
        config = (folder / "scheduler.toml").read_text()
        cls.issuer = re.search(r'issuer = "(.*)"', config)[1]
        cls.scheduler = Peer(re.search(r'listen = "(.*)"', config)[1],
                             (folder / "scheduler/certificate.pem").read_bytes())
        cls.token = {tenant: cls.log_in(audience) for tenant, audience in (
            ("dev", "hpcc-dev"), ("dev2", "hpcc-dev2"))}
        cls.session = {tenant: cls.authenticate(tenant, cls.token[tenant])[1][1].decode()
                       for tenant in cls.token}
        cls.route = {tenant: cls.ask_route(session)[1] for tenant, session in cls.session.items()}
        route = cls.route["dev"]
        cls.worker = Peer(route[2].decode(), route[7])
        cls.routing = {tenant: answer[4].decode() for tenant, answer in cls.route.items()}

    @classmethod
    def log_in(cls, audience):
        form = urllib.parse.urlencode({
            "grant_type": "password", "client_id": "hpcc-dev-client", "username": "developer",
            "password": (cls.cluster.folder / "password").read_text().strip(),
            "audience": audience})
        with urllib.request.urlopen(cls.issuer + "/token", form.encode(), timeout=20) as answer:
            return json.load(answer)["access_token"]

    @classmethod
    def authenticate(cls, tenant, token):
        return cls.scheduler.ask(SCHEDULER + "Authenticate", text(1, tenant) + text(2, token))

    @classmethod
    def ask_route(cls, session, image="host"):
        return cls.scheduler.ask(SCHEDULER + "Route", text(1, image), session)

    def find_missing(self, bearer, digest):
        return self.worker.ask(WORKER + "FindMissingBlobs", wire.bytes_field(1, digest), bearer)

    def check_event(self, log, name, before):
        names = [event["event"] for event in self.cluster.events(log)[before:]]
        self.assertIn(name, names)

    @property
    def scheduler_log(self):
        return self.cluster.folder / "scheduler/audit.db"

    def count_events(self, log=None):
        return len(self.cluster.events(log))

    # --- the identity provider's tokens, at the scheduler

    def test_a_tenants_token_is_not_anothers(self):
        before = self.count_events(self.scheduler_log)
        for tenant, other in (("dev", "dev2"), ("dev2", "dev")):
            code, _, _ = self.authenticate(other, self.token[tenant])
            self.assertEqual(Code.UNAUTHENTICATED, code)
        self.check_event(self.scheduler_log, "token-audience-wrong", before)

    def test_altered_tokens_are_refused_and_logged(self):
        token = self.token["dev"]
        header, body, signature = token.split(".")
        for name, forged in {
                "token-algorithm-refused": with_header(token, alg="none"),
                "token-key-unknown": with_header(token, kid="another"),
                "token-signature-wrong": with_claims(token, sub="root"),
                "token-malformed": "no token at all",
        }.items():
            with self.subTest(name=name):
                before = self.count_events(self.scheduler_log)
                code, _, said = self.authenticate("dev", forged)
                self.assertEqual(Code.UNAUTHENTICATED, code, said)
                self.check_event(self.scheduler_log, name, before)
        for forged in (with_header(token, alg="HS256"), header + "." + body + ".",
                       ".".join([header, body, signature[:-4]]), token + "x",
                       with_claims(token, exp=2**40), ""):
            self.assertNotEqual(Code.OK, self.authenticate("dev", forged)[0], forged)

    def test_signed_tokens_that_say_something_else_are_refused_and_logged(self):
        """By a tenant's own provider and its right key: only what they say is wrong."""
        provider = Provider(self.folder)
        self.addCleanup(provider.stop)
        config = self.cluster.folder / "scheduler.toml"
        before = config.read_text()

        def say(key=provider.key, header=(), **claims):
            return self.authenticate("own", key.token(provider.claims(**claims), header))

        def reload(text, code):
            config.write_text(text)
            os.kill(self.cluster.program("hpcc-scheduler"), signal.SIGHUP)
            cluster_case.wait_until(lambda: say()[0] == code, "the new configuration")

        self.addCleanup(reload, before, Code.UNAUTHENTICATED)
        reload(before + provider.tenant("own"), Code.OK)
        now = int(time.time())
        for name, words in {
                "token-expired": {"iat": now - 7200, "nbf": now - 7200, "exp": now - 3600},
                "token-not-yet-valid": {"nbf": now + 3600, "exp": now + 7200},
                "token-issuer-wrong": {"iss": self.issuer},
                "token-audience-wrong": {"aud": "hpcc-dev"},
                "token-key-unknown": {"key": Key(self.folder, "stranger")},
                "token-signature-wrong": {"key": Key(self.folder, "other"),
                                          "header": {"kid": "own"}},
        }.items():
            with self.subTest(name=name):
                before = self.count_events(self.scheduler_log)
                code, _, said = say(**words)
                self.assertEqual(Code.UNAUTHENTICATED, code, said)
                events = self.cluster.events(self.scheduler_log)[before:]
                self.assertEqual([(name, "own")],
                                 [(event["event"], event["tenant"]) for event in events])
        # Nothing of it is the next one's trouble, and no other tenant takes this one's tokens.
        self.assertEqual(Code.OK, say()[0])
        self.assertEqual(Code.UNAUTHENTICATED, self.authenticate(
            "dev", provider.key.token(provider.claims(aud="hpcc-dev")))[0])

    def test_unknown_tenants_learn_nothing(self):
        code, answer, _ = self.scheduler.ask(SCHEDULER + "GetTenantIdP", text(1, "nobody"))
        known_code, known, _ = self.scheduler.ask(SCHEDULER + "GetTenantIdP", text(1, "dev"))
        self.assertEqual((known_code, sorted(known)), (code, sorted(answer)))
        self.assertEqual(Code.UNAUTHENTICATED, self.authenticate("nobody", self.token["dev"])[0])

    # --- hpcc's own tokens

    def test_each_token_is_good_in_its_own_place_only(self):
        for wrong in (self.token["dev"], self.routing["dev"], "", "x.y.z",
                      with_claims(self.session["dev"], tenant="dev2")):
            self.assertEqual(Code.UNAUTHENTICATED, self.ask_route(wrong)[0], wrong)
        digest = hashlib.sha256(b"some blob").digest()
        before = self.count_events()
        for wrong in (self.token["dev"], self.session["dev"], "", "x.y.z",
                      with_claims(self.routing["dev"], tenant="dev2"),
                      with_claims(self.routing["dev"], exp=2**40),
                      with_header(self.routing["dev"], alg="none")):
            self.assertEqual(Code.UNAUTHENTICATED, self.find_missing(wrong, digest)[0], wrong)
        self.check_event(None, "routing-token-refused", before)
        self.assertEqual(Code.OK, self.find_missing(self.routing["dev"], digest)[0])

    def test_only_workers_register(self):
        for method in ("RegisterWorker", "Heartbeat", "ReportSandboxLost"):
            for bearer in ("", "guess", self.session["dev"]):
                code = self.scheduler.ask(SCHEDULER + method, text(1, "dev-worker"), bearer)[0]
                self.assertEqual(Code.UNAUTHENTICATED, code, method)

    def test_images_of_nobody_are_refused(self):
        self.assertNotEqual(Code.OK, self.ask_route(self.session["dev"], "registry/other@sha256:0")[0])

    # --- what one tenant sees of another

    def test_the_same_source_is_compiled_for_each_tenant(self):
        source = "int shared_between_tenants(void) { return 42; }\n"
        first, second = self.client("client.toml"), self.client("client2.toml")
        first.write("a.c", source)
        second.write("a.c", source)
        second.tree = first.tree
        self.compile_and_compare(first, "gcc", "a.c", ["-O1"])
        self.compile_and_compare(second, "gcc", "a.c", ["-O1"])
        self.assertEqual((1, 0), (first.remote()["compiled"], first.remote()["hits"]))
        self.assertEqual((1, 0), (second.remote()["compiled"], second.remote()["hits"]))
        rows = self.cluster.rows()[-2:]
        self.assertEqual(["dev", "dev2"], [row["tenant"] for row in rows])
        self.assertEqual(rows[0]["source_digest"], rows[1]["source_digest"])
        self.assertNotEqual(rows[0]["cache_key"], rows[1]["cache_key"])
        self.assertEqual(rows[0]["output_digests"], rows[1]["output_digests"])

    def test_a_blob_of_one_tenant_is_missing_to_the_other(self):
        client = self.client("client.toml")
        client.write("a.c", "int only_one_tenant_has_this;\n")
        self.compile_and_compare(client, "gcc", "a.c")
        blobs = [path.name for path in (self.cluster.folder / "worker").rglob("blobs/*/*")
                 if re.fullmatch("[0-9a-f]{64}", path.name)
                 and path.read_bytes().startswith(b"int only_one_tenant")]
        self.assertEqual(1, len(blobs))
        digest = bytes.fromhex(blobs[0])
        self.assertEqual({}, self.find_missing(self.routing["dev"], digest)[1])
        self.assertEqual({1: digest}, self.find_missing(self.routing["dev2"], digest)[1])

    def test_a_blob_that_is_not_its_digest_is_refused(self):
        before = self.count_events()
        message = (wire.bytes_field(1, hashlib.sha256(b"promised").digest()) +
                   wire.number_field(2, 5) + wire.bytes_field(4, b"other") + wire.number_field(5, 1))
        code, _, _ = self.worker.send_stream(WORKER + "UploadBlobs", [message], self.routing["dev"])
        self.assertEqual(Code.INVALID_ARGUMENT, code)
        self.check_event(None, "digest-mismatch", before)

    def test_garbage_is_refused_and_the_next_is_served(self):
        digest = hashlib.sha256(b"x").digest()
        for garbage in (b"\xff" * 100, b"", b"\x0a\xff\xff\xff\xff\x0f", b"\x00" * 1000):
            for method in ("ProbeCompileCache", "Compile"):
                code = self.worker.ask_stream(WORKER + method, garbage, self.routing["dev"])[0]
                self.assertNotEqual(Code.OK, code, (method, garbage))
        self.assertEqual(Code.OK, self.find_missing(self.routing["dev"], digest)[0])


if __name__ == "__main__":
    cluster_case.main()
