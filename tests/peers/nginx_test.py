#!/usr/bin/env python3
"""The HTTP server of the tests stores, removes and asks for passwords; asked with curl."""

import subprocess
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import radosgw_test  # noqa: E402
from nginx import PASSWORD, TOKEN, Nginx  # noqa: E402


class NginxTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Nginx()
        cls.addClassCleanup(cls.server.stop)
        cls.server.start()

    def curl(self, path, *words, endpoint=None):
        outcome = subprocess.run(
            ["curl", "-sS", "--max-time", "20", "-w", "\n%{http_code}", *words,
             (endpoint or self.server.endpoint) + path], capture_output=True, timeout=30)
        body, _, status = outcome.stdout.rpartition(b"\n")
        return int(status), body

    def test_put_get_delete(self):
        put = ["-X", "PUT", "--data-binary", "content"]
        self.assertEqual(201, self.curl("/open/a/b/c", *put)[0])
        self.assertEqual((200, b"content"), self.curl("/open/a/b/c"))
        self.assertEqual({"a/b/c": b"content"}, self.server.files("open"))
        self.assertEqual(204, self.curl("/open/a/b/c", "-X", "DELETE")[0])
        self.assertEqual(404, self.curl("/open/a/b/c")[0])

    def test_passwords_and_tokens(self):
        put = ["-X", "PUT", "--data-binary", "content"]
        for place, right, wrong in (
                ("basic", ["-u", "ada:" + PASSWORD], ["-u", "ada:wrong"]),
                ("bearer", ["-H", "Authorization: Bearer " + TOKEN],
                 ["-H", "Authorization: Bearer wrong"])):
            self.assertEqual(401, self.curl("/%s/x" % place, *put)[0])
            self.assertEqual(401, self.curl("/%s/x" % place, *put, *wrong)[0])
            self.assertEqual(201, self.curl("/%s/x" % place, *put, *right)[0])
            self.assertEqual((200, b"content"), self.curl("/%s/x" % place, *right))

    def test_tls(self):
        endpoint = self.server.tls_endpoint
        self.assertEqual(404, self.curl("/open/none", "--cacert", str(self.server.ca_file),
                                        endpoint=endpoint)[0])
        self.assertEqual(0, self.curl("/open/none", endpoint=endpoint)[0])


if __name__ == "__main__":
    radosgw_test.main()
