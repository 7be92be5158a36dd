#!/usr/bin/env python3
"""The S3 server of the tests is what they take it for: strict about signatures, users, sessions and
TLS; and it leaves nothing behind. Asked with curl and with the tests' own client alike."""

import datetime
import subprocess
import sys
import time
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from radosgw import USERS, Radosgw  # noqa: E402
from s3_client import S3, Credentials, S3Error  # noqa: E402

EMPTY = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
EVERY_BYTE = "".join(chr(number) for number in range(0x20, 0x7F)) + "\u00e4\u20ac"


class RadosgwTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Radosgw()
        cls.addClassCleanup(cls.server.stop)
        cls.server.start()
        cls.owner = cls.server.make_bucket("bucket")

    def curl(self, user, path, *words, endpoint=None):
        """The HTTP status and the body; the server's own text where it refuses."""
        key = USERS[user]
        outcome = subprocess.run(
            ["curl", "-sS", "--max-time", "20", "--aws-sigv4", "aws:amz:us-east-1:s3", "--user",
             "%s:%s" % (key.access_key, key.secret_key), "-w", "\n%{http_code}",
             "-H", "x-amz-content-sha256: " + EMPTY, *words,
             (endpoint or self.server.endpoint) + path],
            capture_output=True, timeout=30)
        body, _, status = outcome.stdout.rpartition(b"\n")
        return int(status), body + outcome.stderr

    def refused(self, status, client, call, *words):
        with self.assertRaises(S3Error) as caught:
            getattr(client, call)(*words)
        self.assertEqual(status, caught.exception.status, caught.exception)
        return str(caught.exception)

    def test_curl_reads_what_our_client_wrote(self):
        self.owner.put("bucket", "cache/x", b"content")
        self.assertEqual((200, b"content"), self.curl("full", "/bucket/cache/x"))
        self.assertEqual(404, self.curl("full", "/bucket/cache/y")[0])
        self.assertEqual(403, self.curl("nobody", "/bucket/cache/x")[0])

    def test_tls_needs_the_authority(self):
        self.owner.put("bucket", "cache/x", b"content")
        endpoint = self.server.tls_endpoint
        self.assertEqual((200, b"content"), self.curl(
            "full", "/bucket/cache/x", "--cacert", str(self.server.ca_file), endpoint=endpoint))
        status, said = self.curl("full", "/bucket/cache/x", endpoint=endpoint)
        self.assertEqual(0, status)
        self.assertIn(b"certificate", said)
        client = self.server.client(endpoint=endpoint)
        self.assertEqual(b"content", client.get("bucket", "cache/x"))

    def test_names_with_every_printable_byte(self):
        self.owner.put("bucket", "every/" + EVERY_BYTE, b"content")
        self.assertEqual({"every/" + EVERY_BYTE: 7}, self.owner.list("bucket", "every/"))
        self.assertEqual(b"content", self.owner.get("bucket", "every/" + EVERY_BYTE))

    def test_listing_goes_over_pages(self):
        names = {"many/%04d" % number: 1 for number in range(25)}
        for name in names:
            self.owner.put("bucket", name, b"x")
        self.assertEqual(names, self.owner.list("bucket", "many/", page_size=10))
        self.owner.empty("bucket", "many/")
        self.assertEqual({}, self.owner.list("bucket", "many/"))

    def test_restricted_user_has_the_cache_prefix_and_no_more(self):
        client = self.server.client("restricted")
        client.put("bucket", "cache/a/b", b"content")
        self.assertEqual(b"content", client.get("bucket", "cache/a/b"))
        self.assertEqual({"cache/a/b": 7}, client.list("bucket", "cache/a/"))
        self.refused(403, client, "put", "bucket", "elsewhere", b"content")
        self.refused(403, client, "get", "bucket", "elsewhere")
        self.refused(403, client, "list", "bucket", "")
        self.refused(403, client, "remove", "bucket", "cache/a/b")

    def test_reader_can_not_write_and_nobody_can_not_read(self):
        self.owner.put("bucket", "cache/r", b"content")
        self.assertEqual(b"content", self.server.client("reader").get("bucket", "cache/r"))
        self.refused(403, self.server.client("reader"), "put", "bucket", "cache/r", b"other")
        for call, words in (("get", ["cache/r"]), ("list", ["cache/"]), ("put", ["cache/r", b""])):
            self.refused(403, self.server.client("nobody"), call, "bucket", *words)

    def test_wrong_secret_wrong_key_and_missing_bucket(self):
        key = USERS["full"].access_key
        wrong = self.server.client(credentials=Credentials(key, "wrong"))
        self.assertIn("SignatureDoesNotMatch", self.refused(403, wrong, "list", "bucket"))
        unknown = self.server.client(credentials=Credentials("UNKNOWN", "wrong"))
        self.assertIn("InvalidAccessKeyId", self.refused(403, unknown, "list", "bucket"))
        self.assertIn("NoSuchBucket", self.refused(404, self.owner, "list", "missing"))

    def test_session_ends(self):
        client = self.server.client(credentials=self.server.session(900))
        client.put("bucket", "cache/session", b"content")
        self.assertEqual(b"content", client.get("bucket", "cache/session"))
        short = self.server.client(credentials=self.server.session(1))
        time.sleep(2.1)
        self.refused(403, short, "get", "bucket", "cache/session")

    def test_clock_skew_is_refused(self):
        class Late(S3):
            def _sign(self, *words):
                super()._sign(*words)
                earlier = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(
                    minutes=20)
                words[3]["x-amz-date"] = earlier.strftime("%Y%m%dT%H%M%SZ")

        late = Late(self.server.endpoint, USERS["full"])
        self.assertIn("RequestTimeTooSkewed", self.refused(403, late, "list", "bucket"))

    def test_other_bytes_than_signed_are_refused(self):
        class Forger(S3):
            def _sign(self, method, path, query, headers, digest, service):
                super()._sign(method, path, query, headers, EMPTY, service)

        forger = Forger(self.server.endpoint, USERS["full"])
        self.refused(400, forger, "put", "bucket", "cache/forged", b"content")


class Leaving(unittest.TestCase):
    def test_nothing_stays_behind(self):
        with Radosgw() as server:
            folder = server.folder
            pids = [process.pid for process in server.processes]
        self.assertFalse(folder.exists())
        for pid in pids:
            self.assertFalse(Path("/proc/%d" % pid).exists())

    def test_nothing_stays_behind_when_its_owner_is_killed(self):
        owner = subprocess.Popen([sys.executable, "-B", str(Path(__file__).with_name("radosgw.py"))],
                                 stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.addCleanup(owner.communicate)
        self.addCleanup(owner.kill)
        for line in owner.stdout:
            if b"ready" in line:
                break
        children = Path("/proc/%d/task/%d/children" % (owner.pid, owner.pid)).read_text().split()
        self.assertEqual(3, len(children))
        owner.kill()
        owner.wait()
        deadline = time.monotonic() + 10
        while any(Path("/proc/" + child).exists() for child in children):
            self.assertLess(time.monotonic(), deadline, "the daemons outlived their owner")
            time.sleep(0.05)


def main():
    program = unittest.main(exit=False, verbosity=1)
    result = program.result
    bad = len(result.failures) + len(result.errors)
    print("%d passed, %d failed" % (result.testsRun - bad, bad), flush=True)
    sys.exit(1 if bad or not result.testsRun else 0)


if __name__ == "__main__":
    main()
