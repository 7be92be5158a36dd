#!/usr/bin/env python3
"""The fault proxy does what its faults are called, at the rate it was told, and nothing else."""

import http.client
import http.server
import socket
import sys
import threading
import time
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from fault_proxy import DRIP, FAULTS, BlackHole, FaultProxy, refusing_endpoint  # noqa: E402

BODY = bytes(range(256)) * 20


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.server.asked.append((self.path, dict(self.headers)))
        self.send_response(404 if self.path == "/missing" else 200)
        self.send_header("Content-Length", str(len(BODY)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(BODY)

    do_HEAD = do_GET

    def do_PUT(self):
        self.server.stored[self.path] = self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


class FaultProxyTest(unittest.TestCase):
    def setUp(self):
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.asked, self.server.stored = [], {}
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()
        self.addCleanup(self.server.server_close)
        self.addCleanup(self.server.shutdown)
        self.proxy = FaultProxy(self.server.server_address[1])
        self.proxy.start()
        self.addCleanup(self.proxy.stop)

    def request(self, method="GET", path="/x", body=None, timeout=5, headers=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.proxy.port, timeout=timeout)
        self.addCleanup(connection.close)
        connection.request(method, path, body, headers or {})
        response = connection.getresponse()
        return response, response.read()

    def test_passes_on_what_comes_and_counts_it(self):
        response, body = self.request()
        self.assertEqual((200, BODY), (response.status, body))
        self.assertEqual(404, self.request(path="/missing")[0].status)
        self.assertEqual(b"", self.request("HEAD")[1])
        self.assertEqual(200, self.request("PUT", "/new", b"content")[0].status)
        self.assertEqual({"/new": b"content"}, self.server.stored)
        self.assertEqual({"GET": 2, "HEAD": 1, "PUT": 1}, dict(self.proxy.requests))
        self.assertGreater(self.proxy.bytes_to_clients, 2 * len(BODY))
        self.assertGreater(self.proxy.bytes_from_clients, 100)
        self.proxy.forget()
        self.assertEqual(0, self.proxy.bytes_to_clients)

    def test_one_connection_serves_many_requests(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.proxy.port, timeout=5)
        self.addCleanup(connection.close)
        for _ in range(5):
            connection.request("GET", "/x")
            self.assertEqual(BODY, connection.getresponse().read())
        self.assertEqual(1, self.proxy.connections)

    def test_waiting_for_permission_to_send_a_body_is_answered(self):
        with socket.create_connection(("127.0.0.1", self.proxy.port), 5) as connection:
            connection.sendall(b"PUT /big HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n"
                               b"Content-Length: 3\r\n\r\n")
            self.assertIn(b"100 Continue", connection.recv(100))
            connection.sendall(b"abc")
            self.assertIn(b"200 OK", connection.recv(1000))

    def test_rate_and_seed_choose_the_same_requests_again(self):
        def outcomes(rate, seed):
            self.proxy.set_fault("404", rate, seed)
            return [self.request()[0].status for _ in range(60)]

        first = outcomes(0.3, 1)
        self.assertEqual(first, outcomes(0.3, 1))
        self.assertNotEqual(first, outcomes(0.3, 2))
        self.assertTrue(5 < first.count(404) < 35, first)
        self.assertEqual({404}, set(outcomes(1.0, 1)))
        self.assertEqual({200}, set(outcomes(0.0, 1)))

    def test_only_matching_requests_meet_the_fault(self):
        self.proxy.set_fault("403", matching="^PUT")
        self.assertEqual(200, self.request()[0].status)
        self.assertEqual(403, self.request("PUT", "/x", b"y")[0].status)
        self.assertEqual({"403": 1}, dict(self.proxy.faults))

    def test_statuses_have_the_body_of_s3(self):
        for name, status, code in (("403", 403, b"AccessDenied"), ("404", 404, b"NoSuchKey"),
                                   ("500", 500, b"InternalError"),
                                   ("503 SlowDown", 503, b"<Code>SlowDown<"),
                                   ("expired token", 400, b"ExpiredToken")):
            self.proxy.set_fault(name)
            response, body = self.request()
            self.assertEqual(status, response.status)
            self.assertIn(code, body)
            self.assertEqual(b"", self.request("HEAD")[1])

    def test_bodies_of_right_length_and_wrong_bytes(self):
        self.proxy.set_fault("tampered")
        _, body = self.request()
        self.assertEqual(1, sum(a != b for a, b in zip(BODY, body)))
        self.proxy.set_fault("garbage body")
        _, body = self.request()
        self.assertEqual(len(BODY), len(body))
        self.assertNotEqual(BODY, body)

    def test_broken_answers_are_errors_of_the_transport(self):
        for name in ("truncated", "reset", "reset in mid-body", "garbage", "shorter than said"):
            with self.subTest(name):
                self.proxy.set_fault(name)
                with self.assertRaises((http.client.HTTPException, OSError)):
                    self.request()
                with self.assertRaises((http.client.HTTPException, OSError)):
                    self.request("HEAD") if name == "reset" else self.request()

    def test_longer_than_said(self):
        self.proxy.set_fault("longer than said")
        self.assertEqual(BODY[:len(BODY) // 2], self.request()[1])

    def test_slow_ones_are_slow(self):
        for name in ("slow first byte", "slow drip", "slow drip of the body", "black hole"):
            with self.subTest(name):
                self.proxy.set_fault(name)
                with socket.create_connection(("127.0.0.1", self.proxy.port)) as connection:
                    connection.sendall(b"GET /x HTTP/1.1\r\nHost: x\r\n\r\n")
                    connection.settimeout(3 * DRIP)
                    got, end = b"", time.monotonic() + 3 * DRIP
                    try:
                        while time.monotonic() < end:
                            got += connection.recv(65536)
                    except TimeoutError:
                        pass
                    if "drip" not in name:
                        self.assertEqual(b"", got)
                    else:
                        self.assertTrue(0 < len(got) < 300, len(got))

    def test_slow_answers_are_right_and_late(self):
        self.proxy.set_fault("slow answer", seed=1)
        start = time.monotonic()
        self.assertEqual(BODY, self.request()[1])
        self.assertEqual(404, self.request(path="/missing")[0].status)
        self.assertTrue(0.2 <= time.monotonic() - start < 4.5, time.monotonic() - start)

    def test_huge_bodies_go_on(self):
        for name in ("huge body", "endless body"):
            with self.subTest(name):
                self.proxy.set_fault(name)
                connection = http.client.HTTPConnection("127.0.0.1", self.proxy.port, timeout=5)
                connection.request("GET", "/x")
                response = connection.getresponse()
                self.assertEqual(8 << 20, len(response.read(8 << 20)))
                connection.close()
        self.proxy.set_fault(None)
        self.assertEqual(BODY, self.request()[1])

    def test_redirect_leads_back_here(self):
        self.proxy.set_fault("redirect")
        response, _ = self.request()
        self.assertIn(response.status, (301, 302, 307, 308))
        self.assertEqual(self.proxy.endpoint + "/elsewhere", response.headers["Location"])

    def test_clock_skew_changes_the_date_the_server_sees(self):
        self.proxy.set_fault("clock skew")
        now = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
        self.request(headers={"x-amz-date": now})
        seen = self.server.asked[-1][1]
        self.assertEqual(1, sum(name.lower() == "x-amz-date" for name in seen))
        self.assertNotEqual(now[:11], {k.lower(): v for k, v in seen.items()}["x-amz-date"][:11])

    def test_every_fault_was_tried_here(self):
        text = Path(__file__).read_text()
        self.assertEqual([], [name for name in FAULTS if '"%s"' % name not in text])

    def test_stopping_does_not_wait_for_slow_ones(self):
        self.proxy.set_fault("slow first byte")
        with socket.create_connection(("127.0.0.1", self.proxy.port)) as connection:
            connection.sendall(b"GET /x HTTP/1.1\r\nHost: x\r\n\r\n")
            time.sleep(0.1)
            start = time.monotonic()
            self.proxy.stop()
            self.assertLess(time.monotonic() - start, 2)
        self.proxy.start()  # for the clean-up


class DeadEndpoints(unittest.TestCase):
    def test_black_hole_accepts_and_never_answers(self):
        with BlackHole() as hole, socket.create_connection(("127.0.0.1", hole.port), 2) as one:
            one.sendall(b"GET / HTTP/1.1\r\n\r\n")
            one.settimeout(0.3)
            with self.assertRaises(TimeoutError):
                one.recv(1)

    def test_black_hole_that_does_not_even_accept(self):
        with BlackHole(accepting=False) as hole, self.assertRaises(TimeoutError):
            socket.create_connection(("127.0.0.1", hole.port), 0.3)

    def test_refusing_endpoint_refuses(self):
        port = int(refusing_endpoint().rpartition(":")[2])
        with self.assertRaises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port), 2)


def main():
    result = unittest.main(exit=False, verbosity=1).result
    bad = len(result.failures) + len(result.errors)
    print("%d passed, %d failed" % (result.testsRun - bad, bad), flush=True)
    sys.exit(1 if bad or not result.testsRun else 0)


if __name__ == "__main__":
    main()
