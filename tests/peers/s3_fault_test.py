#!/usr/bin/env python3
"""The client for S3 behind the fault proxy: with every fault each call ends within its bound, with a
status that says what happened and a message of one line.

    S3_PROBE=... tests/peers/s3_fault_test.py"""

import os
import subprocess
import sys
import time
import unittest
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "shared_cache"))
import radosgw_test  # noqa: E402
from fault_proxy import FAULTS, BlackHole, FaultProxy, refusing_endpoint  # noqa: E402
from radosgw import USERS, Radosgw  # noqa: E402

LONG = os.environ.get("HPCC_LONG_TESTS") == "1"
PROBE = os.environ.get("S3_PROBE", "")
SECRET = USERS["full"].secret_key
# Seconds, as store/object_store.h has them, and what a busy machine adds: less than the shortest
# bound, so that one that is kept anew by each try is found.
BOUNDS = {"get": 2, "put": 5, "exists": 2, "list": 30, "remove": 5, "check": 10}
BUSY = 1.8
RETRIED = {"UNAVAILABLE", "DEADLINE_EXCEEDED"}
BROKEN = {"UNAVAILABLE", "DATA_LOSS", "DEADLINE_EXCEEDED"}
# What a get of an object of 100000 bytes may end with. OK: the bytes come, and it is for the seal
# to find that they are others.
GET = {
    "slow first byte": {"DEADLINE_EXCEEDED"},
    "slow answer": {"OK", "DEADLINE_EXCEEDED"},  # within the bound, or just beyond it
    "slow drip": {"DEADLINE_EXCEEDED"},
    "slow drip of the body": {"DEADLINE_EXCEEDED"},
    "black hole": {"DEADLINE_EXCEEDED"},
    "reset": {"UNAVAILABLE"},
    "reset in mid-body": BROKEN,
    "truncated": BROKEN,
    "shorter than said": BROKEN,
    "garbage": BROKEN,
    "garbage body": {"OK"},
    "tampered": {"OK"},
    "longer than said": {"OK", "DATA_LOSS"},
    "403": {"PERMISSION_DENIED"},
    "404": {"NOT_FOUND"},
    "500": RETRIED,
    "503 SlowDown": RETRIED,
    "expired token": {"UNAUTHENTICATED"},
    "redirect": {"FAILED_PRECONDITION"},
    "huge body": {"RESOURCE_EXHAUSTED"},
    "endless body": {"RESOURCE_EXHAUSTED", "DEADLINE_EXCEEDED"},
    "clock skew": {"UNAUTHENTICATED", "PERMISSION_DENIED"},
}


class S3FaultTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Radosgw()
        cls.addClassCleanup(cls.server.stop)
        cls.server.start()
        cls.owner = cls.server.make_bucket("bucket")
        cls.owner.put("bucket", "object", b"x" * 100000)

    def probe(self, endpoint, *lines):
        """[(status, seconds, count, message)] of calls made one after the other."""
        outcome = subprocess.run(
            [PROBE], input="\n".join(lines), text=True, capture_output=True, timeout=120, env={
                "S3_ENDPOINT": endpoint, "S3_BUCKET": "bucket", "PATH": os.environ["PATH"],
                "AWS_ACCESS_KEY_ID": USERS["full"].access_key, "AWS_SECRET_ACCESS_KEY": SECRET})
        self.assertEqual(0, outcome.returncode, outcome.stderr)
        answers = []
        for line in outcome.stdout.splitlines():
            status, milliseconds, count, message = line.split(" ", 3)
            answers.append((status, int(milliseconds) / 1000, int(count), message))
        self.assertEqual(len(lines), len(answers), "a message has several lines")
        for line, (status, seconds, _, message) in zip(lines, answers):
            self.assertLess(seconds, BOUNDS[line.split()[0]] + BUSY, (line, status, message))
            self.assertEqual(status == "OK", message == "")
            self.assertNotIn(SECRET, message)
        return answers

    def with_fault(self, name, *lines, **options):
        with FaultProxy(self.server.port) as proxy:
            proxy.set_fault(name, **options)
            answers = self.probe(proxy.endpoint, *lines)
            self.assertEqual([], [line for line in proxy.asked if "elsewhere" in line])
        return answers

    def test_nothing_fails_without_a_fault(self):
        for answer in self.with_fault(None, "get object", "put other 5000", "exists other",
                                      "list o", "remove other", "check cache/"):
            self.assertEqual("OK", answer[0], answer)

    def test_every_fault_has_an_expectation(self):
        self.assertEqual(sorted(FAULTS), sorted(GET))

    def test_get(self):
        def one(name):
            return name, self.with_fault(name, "get object")[0]

        with ThreadPoolExecutor(8) as at_once:
            for name, answer in at_once.map(one, FAULTS):
                with self.subTest(name):
                    print("get %-22s %s" % (name, answer), flush=True)
                    self.assertIn(answer[0], GET[name])

    def test_put_exists_and_list(self):
        """None says that something happened, or is so, when it is not."""
        def one(name):
            lines = ["put %s 5000" % name.replace(" ", "-"), "exists object"]
            if LONG or "DEADLINE_EXCEEDED" not in GET[name]:
                lines.append("list o")  # may take half a minute
            return name, self.with_fault(name, *lines)

        with ThreadPoolExecutor(8) as at_once:
            for name, answers in at_once.map(one, FAULTS):
                with self.subTest(name):
                    for what, answer in zip(("put", "exists", "list"), answers):
                        print("%-6s %-22s %s" % (what, name, answer), flush=True)
                    put, exists, *listed = answers
                    if put[0] == "OK":
                        self.assertEqual(5000, len(self.owner.get(
                            "bucket", name.replace(" ", "-"))))
                    if exists[0] == "OK":
                        self.assertEqual(name != "404", bool(exists[2]))
                    for answer in listed:
                        # One byte of a list may mean nothing; half a minute is time enough.
                        if name not in ("tampered", "slow answer"):
                            self.assertNotEqual("OK", answer[0])

    def test_now_and_then_is_tried_again(self):
        """Server errors and broken connections are retried within the bound."""
        for name in ("500", "503 SlowDown", "reset"):
            answers = self.with_fault(name, *["get object"] * 20, rate=0.1, seed=4)
            self.assertEqual({"OK"}, {answer[0] for answer in answers}, name)

    def test_dead_endpoints(self):
        with BlackHole() as silent, BlackHole(accepting=False) as closed:
            for endpoint, status in ((refusing_endpoint(), "UNAVAILABLE"),
                                     (silent.endpoint, "DEADLINE_EXCEEDED"),
                                     (closed.endpoint, "DEADLINE_EXCEEDED"),
                                     ("http://nowhere.invalid", "UNAVAILABLE")):
                start = time.monotonic()
                answer, = self.probe(endpoint, "get object")
                self.assertEqual(status, answer[0], (endpoint, answer))
                self.assertLess(time.monotonic() - start, 4)


if __name__ == "__main__":
    radosgw_test.main()
