#!/usr/bin/env python3
"""What is wrong with a remote is said once, in one clear line, and the build works without it."""

import re
import socket
import ssl
import sys
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import shared_cache_case  # noqa: E402
from fault_proxy import BlackHole, refusing_endpoint  # noqa: E402
from radosgw import USERS, make_certificate  # noqa: E402
from s3_client import Credentials  # noqa: E402
from shared_cache_case import harness  # noqa: E402

SECRETS = [key.secret_key for key in USERS.values()]


class TlsServer:
    """Shakes hands with everybody; `requests` counts who then said something."""

    def __init__(self, certificate):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        self.listener = context.wrap_socket(socket.create_server(("127.0.0.1", 0)),
                                            server_side=True)
        self.endpoint = "https://127.0.0.1:%d" % self.listener.getsockname()[1]
        self.requests = 0

    def __enter__(self):
        threading.Thread(target=self.serve, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()

    def serve(self):
        while self.listener.fileno() >= 0:
            try:
                connection, _ = self.listener.accept()
                self.requests += bool(connection.recv(1))
                connection.close()
            except OSError:  # refused by the client, or closed by us
                continue


class RefusalTest(shared_cache_case.BuildTest):
    def lines(self, machine, text):
        """The lines of a text that are about the remote tier."""
        return [line for line in text.splitlines()
                if self.bucket in line or "missing-bucket" in line]

    def check_reason(self, machine, pattern, bound=None):
        """A build works within a bound; the log and the doctor give the reason."""
        took = machine.check_build(bound or self.bound())
        machine.check_build(bound or self.bound())
        logged = self.lines(machine, machine.logged())
        matching = [line for line in logged if re.search(pattern, line, re.IGNORECASE)]
        self.assertTrue(matching, "the log does not say why: %s" % machine.logged()[-3000:])
        # One notice, not one for each file: a build has some thirty.
        self.assertLessEqual(len(logged), 6, "\n".join(logged))
        start = time.monotonic()
        outcome = machine.hpcc("doctor")
        self.assertLess(time.monotonic() - start, 15)
        said = outcome.stdout.decode(errors="replace") + outcome.stderr.decode(errors="replace")
        about = [line for line in said.splitlines() if re.search(pattern, line, re.IGNORECASE)]
        self.assertTrue(about, "the doctor does not say why: %s" % said)
        for text in (said, machine.logged()):
            for secret in SECRETS:
                self.assertNotIn(secret, text)
        print("%s: build %.1f s (plain %.1f s); %s" % (
            self._testMethodName, took, self.plain_seconds, about[0].strip()), flush=True)

    def test_wrong_secret(self):
        machine = self.builder("a", user=Credentials(USERS["full"].access_key, "wrong-secret"))
        self.check_reason(machine, r"secret|signature")
        self.assertNotIn("wrong-secret", machine.logged())

    @shared_cache_case.long_form
    def test_unknown_key(self):
        machine = self.builder("a", user=Credentials("UNKNOWNKEY", "wrong-secret"))
        self.check_reason(machine, r"access key|InvalidAccessKeyId")

    def test_no_permission(self):
        self.check_reason(self.builder("a", user="nobody"), r"denied|permission|allow")

    def test_no_permission_to_write(self):
        """Reads go on."""
        writer = self.builder("writer")
        writer.check_build()
        writer.wait_until_written()
        machine = self.builder("a", user="reader")
        self.compile(machine)
        before = machine.counts()
        self.check_reason(machine, r"denied|permission|allow")
        self.assertEqual(0, (machine.counts() - before).misses)

    def test_missing_bucket(self):
        machine = self.builder("a", self.s3(bucket="missing-bucket"))
        self.check_reason(machine, r"missing-bucket.*(bucket|exist)")

    def test_no_credentials(self):
        machine = self.builder("a")
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            del machine.environment[name]
        self.check_reason(machine, r"credentials")

    def test_session_that_has_ended(self):
        session = self.server.session(1)
        time.sleep(2.1)
        self.check_reason(self.builder("a", user=session), r"session|token|access key|expired")

    @shared_cache_case.long_form
    def test_session_that_has_ended_as_aws_says_it(self):
        self.proxy.set_fault("expired token")
        self.check_reason(self.builder("a", user=self.server.session(900)), r"expired")

    def test_clock_skew(self):
        self.proxy.set_fault("clock skew")
        self.check_reason(self.builder("a"), r"clock")

    def test_unknown_authority(self):
        machine = self.builder("a", self.s3(self.server.tls_endpoint))
        self.check_reason(machine, r"certificate|ca_file")

    @shared_cache_case.long_form
    def test_certificate_of_another_host(self):
        with TlsServer(make_certificate(self.server.folder, "other", "DNS:other.example")) as other:
            machine = self.builder("a", self.s3(
                other.endpoint, ca_file=str(self.server.ca_file)))
            self.check_reason(machine, r"certificate|127\.0\.0\.1")
        self.assertEqual(0, other.requests, "spoke to whom it could not know")

    @shared_cache_case.long_form
    def test_ca_file_that_is_missing(self):
        machine = self.builder("a", self.s3(
            self.server.tls_endpoint, ca_file=str(self.folder / "nowhere.pem")))
        self.check_reason(machine, r"nowhere\.pem")

    @shared_cache_case.long_form
    def test_plain_http_spoken_to_a_tls_port(self):
        endpoint = self.server.tls_endpoint.replace("https", "http")
        self.check_reason(self.builder("a", self.s3(endpoint)), r"http|answer|400|protocol")

    def test_refused_connection(self):
        self.check_reason(self.builder("a", self.s3(refusing_endpoint())),
                          r"refused|connect", self.bound(1))

    @shared_cache_case.long_form
    def test_host_that_has_no_address(self):
        self.check_reason(self.builder("a", self.s3("http://nowhere.invalid:80")), r"resolve")

    def test_black_hole(self):
        with BlackHole() as hole:
            self.check_reason(self.builder("a", self.s3(hole.endpoint)),
                              r"time|answer|within")

    @shared_cache_case.long_form
    def test_black_hole_that_does_not_even_accept(self):
        with BlackHole(accepting=False) as hole:
            self.check_reason(self.builder("a", self.s3(hole.endpoint)),
                              r"time|answer|connect|within")


if __name__ == "__main__":
    shared_cache_case.main()
