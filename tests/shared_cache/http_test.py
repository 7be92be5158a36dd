#!/usr/bin/env python3
"""The cache on a plain HTTP server (nginx with WebDAV): basic and bearer authentication, TLS, what
is refused, what fails."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import shared_cache_case  # noqa: E402
from fault_proxy import FaultProxy  # noqa: E402
from nginx import PASSWORD, TOKEN, Nginx  # noqa: E402


class Http(shared_cache_case.BuildTest):
    server_class = Nginx

    def setUp(self):
        super().setUp()
        for place in ("open", "basic", "bearer"):
            for name in self.server.files(place):
                (self.server.root / place / name).unlink()

    def tier(self, place, endpoint=None, **keys):
        return shared_cache_case.block("[[cache]]", type="http", url="%s/%s" % (
            endpoint or self.server.endpoint, place), **keys)

    def machines(self, *tiers, **options):
        return [self.builder(path, *tiers, user=None, **options)
                for path in ("a", "second/machine")]

    def check_shared(self, place, machines):
        first, second = machines
        first.check_build()
        first.wait_until_written()
        names = self.server.files(place)
        self.assertTrue(names)
        self.assertTrue(all(name.startswith("cache/default/") for name in names))
        second.check_build()
        self.assertEqual((len(self.expected), 0),
                         (second.counts().hits, second.counts().misses))

    def check_reason(self, machine, *words):
        machine.check_build(self.bound())
        self.assertEqual(0, machine.counts().hits)
        said = machine.hpcc("doctor")
        for text in (machine.logged(), (said.stdout + said.stderr).decode()):
            for word in words:
                self.assertIn(word, text)
            for secret in (PASSWORD, TOKEN, "wrong-password"):
                self.assertNotIn(secret, text)

    @shared_cache_case.long_form
    def test_open_to_all(self):
        self.check_shared("open", self.machines(self.tier("open")))

    def test_basic_authentication(self):
        self.check_shared("basic", self.machines(
            self.tier("basic", username="ada", password=PASSWORD)))

    @shared_cache_case.long_form
    def test_password_of_a_file(self):
        secret = self.folder / "password"
        secret.write_text(PASSWORD + "\n")
        secret.chmod(0o600)
        self.check_shared("basic", self.machines(
            self.tier("basic", username="ada", password_file=str(secret))))

    def test_bearer_authentication(self):
        self.check_shared("bearer", self.machines(self.tier("bearer", bearer_token=TOKEN)))

    @shared_cache_case.long_form
    def test_tls_with_a_private_authority(self):
        self.check_shared("basic", self.machines(self.tier(
            "basic", self.server.tls_endpoint, username="ada", password=PASSWORD,
            ca_file=str(self.server.ca_file))))

    def test_wrong_password(self):
        machine, _ = self.machines(self.tier("basic", username="ada", password="wrong-password"))
        self.check_reason(machine, "401")

    @shared_cache_case.long_form
    def test_no_password(self):
        machine, _ = self.machines(self.tier("basic"))
        self.check_reason(machine, "401")

    @shared_cache_case.long_form
    def test_wrong_token(self):
        machine, _ = self.machines(self.tier("bearer", bearer_token="wrong-password"))
        self.check_reason(machine, "401")

    @shared_cache_case.long_form
    def test_server_that_takes_no_put(self):
        machine, _ = self.machines(self.tier(""))  # the root is not the server's to write
        self.server.root.chmod(0o555)
        machine.check_build(self.bound())

    def test_reader_never_writes(self):
        first, _ = self.machines(self.tier("open"))
        first.check_build()
        first.wait_until_written()
        reader = self.builder("reader", self.tier("open", read_only=True), user=None)
        before = len(self.server.requests())
        reader.check_build()
        self.compile(reader)
        reader.wait_until_written()
        self.assertEqual([], [line for line in self.server.requests()[before:]
                              if '"PUT' in line or '"DELETE' in line])

    def test_copying_goes_one_way(self):
        first, second = self.machines(self.tier("open"))
        first.configure()
        first.check_build()
        first.configure(self.tier("open"))
        self.assertEqual(0, first.hpcc("cache", "copy", "disk", "http").status)
        self.assertTrue(self.server.files("open"))
        # Again there is nothing to do: it is asked what is there, and nothing is put.
        before = len(self.server.requests())
        again = first.hpcc("cache", "copy", "disk", "http")
        self.assertEqual(0, again.status)
        self.assertIn(b"Copied 0 values", again.stdout)
        asked = self.server.requests()[before:]
        self.assertEqual([], [line for line in asked if '"PUT' in line])
        self.assertTrue([line for line in asked if '"HEAD' in line])
        for words in (["copy", "http", "disk"], ["check", "http"]):
            outcome = second.hpcc("cache", *words)
            said = (outcome.stdout + outcome.stderr).decode()
            self.assertEqual(1, outcome.status, said)
            self.assertIn("can't tell what it holds", said)
        second.check_build()
        self.assertEqual(len(self.expected), second.counts().hits)

    def test_tampered_file(self):
        first, second = self.machines(self.tier("open"))
        first.check_build()
        first.wait_until_written()
        for name, content in self.server.files("open").items():
            (self.server.root / "open" / name).write_bytes(content[:-1] + b"!")
        second.check_build()
        self.assertEqual(0, second.counts().hits)
        self.assertTrue(second.security_events())

    def test_faults(self):
        with FaultProxy(self.server.port) as proxy:
            for seed, name in enumerate(("reset in mid-body", "truncated", "500", "redirect",
                                         "tampered", "slow first byte")):
                with self.subTest(name):
                    machine = self.builder("m%d" % seed, self.tier("open", proxy.endpoint),
                                               user=None)
                    proxy.set_fault(name, 0.3, seed)
                    machine.check_build(self.bound())
                    machine.end_programs()

    @shared_cache_case.long_form
    def test_disk_then_bucket_like_server(self):
        """With a local cache in front, a second build asks nobody."""
        first, second = self.machines(self.tier("open"))
        self.check_shared("open", (first, second))
        before = len(self.server.requests())
        second.check_build()
        self.assertEqual(before, len(self.server.requests()))


if __name__ == "__main__":
    shared_cache_case.main()
