#!/usr/bin/env python3
"""Networks whose only way out is a proxy: the variables that say so reach the bucket's requests, and
those of each build its own."""

import select
import socket
import sys
import threading
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import shared_cache_case  # noqa: E402

PATIENCE = 30


class WebProxy:
    """Passes on what is asked of any host to one server: GET http://host/... as it is, CONNECT to its
    encrypted port. `asked` is every request line that began a connection."""

    def __init__(self, port, tls_port):
        self.port, self.tls_port = port, tls_port
        self.asked = []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address = "http://127.0.0.1:%d" % self.listener.getsockname()[1]
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.pass_on, args=(connection,), daemon=True).start()

    def pass_on(self, client):
        with client:
            head = b""
            while b"\r\n\r\n" not in head:
                part = client.recv(65536)
                if not part:
                    return
                head += part
            line = head.partition(b"\r\n")[0].decode()
            self.asked.append(line)
            tunnel = line.startswith("CONNECT ")
            with socket.create_connection(
                    ("127.0.0.1", self.tls_port if tunnel else self.port)) as server:
                if tunnel:
                    client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
                else:
                    server.sendall(head)
                self.exchange(client, server)

    @staticmethod
    def exchange(client, server):
        other = {client: server, server: client}
        while True:
            for end in select.select([client, server], [], [], PATIENCE)[0] or [None]:
                data = end.recv(65536) if end else b""
                if not data:
                    return
                other[end].sendall(data)

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()


class ThroughAProxy(shared_cache_case.BuildTest):
    # Nobody but the proxy knows where this is.
    ENDPOINT = "http://s3.nowhere.invalid"

    def setUp(self):
        super().setUp()
        self.web_proxy = WebProxy(self.server.port, self.server.tls_port)
        self.addCleanup(self.web_proxy.close)

    def shared(self, tier, **variables):
        """Two machines with these variables; what the second found."""
        machines = [self.builder(path, tier) for path in ("a", "second/machine")]
        for machine in machines:
            machine.environment.update(variables)
            machine.check_build()
            machine.wait_until_written()
        return machines[1].counts().hits

    def test_http_proxy(self):
        hits = self.shared(self.s3(self.ENDPOINT), http_proxy=self.web_proxy.address)
        self.assertEqual(len(self.expected), hits)
        self.assertTrue(self.web_proxy.asked)
        for line in self.web_proxy.asked:
            self.assertRegex(line, r"^[A-Z]+ http://s3\.nowhere\.invalid/")

    def test_https_proxy_is_a_tunnel(self):
        tier = self.s3("https://localhost:%d" % self.server.tls_port,
                       ca_file=str(self.server.ca_file))
        hits = self.shared(tier, HTTPS_PROXY=self.web_proxy.address)
        self.assertEqual(len(self.expected), hits)
        self.assertEqual({"CONNECT localhost:%d HTTP/1.1" % self.server.tls_port},
                         set(self.web_proxy.asked))

    def test_no_proxy(self):
        hits = self.shared(self.s3(), http_proxy=self.web_proxy.address,
                           NO_PROXY="example.com,127.0.0.1")
        self.assertEqual(len(self.expected), hits)
        self.assertEqual([], self.web_proxy.asked)

    def test_authorities_of_the_environment(self):
        hits = self.shared(self.s3(self.server.tls_endpoint),
                           SSL_CERT_FILE=str(self.server.ca_file))
        self.assertEqual(len(self.expected), hits)

    def test_each_build_has_its_own(self):
        """One hpcc-remote, started by a build without a proxy."""
        machine = self.builder("a", self.s3(self.ENDPOINT))
        self.compile(machine)
        self.assertEqual({}, self.objects())
        machine.environment["http_proxy"] = self.web_proxy.address
        self.compile(machine, "other.c", "int other(void) { return 8; }\n")
        machine.wait_until_written()
        self.assertEqual(2, len(self.objects()))
        self.assertEqual(1, len(machine.remote_programs()))


if __name__ == "__main__":
    shared_cache_case.main()
