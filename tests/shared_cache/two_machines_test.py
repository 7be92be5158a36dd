#!/usr/bin/env python3
"""What one machine compiled another gets: homes, caches and checkouts at different paths, with
markers. A small project in every variation of the tiers; Redis in the long form."""

import os
import shutil
import subprocess
import sys
import time
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import shared_cache_case  # noqa: E402
from shared_cache_case import harness  # noqa: E402


class TwoMachines(shared_cache_case.BuildTest):
    def first_build(self, machine):
        machine.check_build()
        machine.wait_until_written()
        counts = machine.counts()
        self.assertEqual((0, len(self.expected)), (counts.hits, counts.misses))

    def check_all_hits(self, machine, **options):
        before = machine.counts()
        machine.check_build(**options)
        added = machine.counts() - before
        self.assertEqual((len(self.expected), 0, 0), (added.hits, added.misses, added.errors))

    def test_second_machine_gets_everything_from_the_bucket(self):
        first, second = self.builder("a"), self.builder("second/machine")
        self.first_build(first)
        self.assertTrue(all(name.startswith("cache/default/") for name in self.objects()))
        self.proxy.forget()
        self.check_all_hits(second)
        # An entry and a result for each, and nothing in vain.
        self.assertEqual(2 * len(self.expected), self.proxy.requests["GET"])
        second.wait_until_written()
        self.assertEqual(0, self.proxy.requests["PUT"], "wrote what was there")

    @shared_cache_case.long_form
    def test_hits_are_kept_locally(self):
        first, second = self.builder("a"), self.builder("second/machine")
        self.first_build(first)
        self.check_all_hits(second)
        self.proxy.forget()
        self.check_all_hits(second)
        self.assertEqual({}, dict(self.proxy.requests), "asked the network about what it has")

    @unittest.skipIf(shared_cache_case.LONG, "edits the small project")
    def test_results_that_are_here_are_not_fetched_for_entries_that_no_longer_hold(self):
        machine = self.builder("a")
        self.first_build(machine)
        header = machine.checkout / "src/shared.h"
        header.write_text(header.read_text() + "struct another { int one; };\n")
        harness.settle()
        self.proxy.forget()
        machine.build()
        self.assertEqual(len(self.expected), machine.counts().misses - len(self.expected))
        self.assertEqual([], [line for line in self.proxy.asked
                              if line.startswith("GET") and "/result/" in line])

    def test_without_a_disk_tier(self):
        first = self.builder("a", disk=False)
        second = self.builder("second/machine", disk=False)
        self.first_build(first)
        self.check_all_hits(second)
        self.check_all_hits(second)

    def test_with_daemons(self):
        first, second = self.builder("a"), self.builder("second/machine")
        for machine in (first, second):
            outcome = machine.hpcc("start", "--background")
            self.assertEqual(0, outcome.status, outcome.stderr)
        self.first_build(first)
        self.check_all_hits(second)
        self.assertGreater(second.stats()["daemon"]["requests"], 0)

    @shared_cache_case.long_form
    def test_with_encryption_and_a_private_authority(self):
        tier = self.s3(self.server.tls_endpoint, ca_file=str(self.server.ca_file))
        first, second = self.builder("a", tier), self.builder("second/machine", tier)
        self.first_build(first)
        self.check_all_hits(second)

    def test_with_the_permissions_of_the_prefix_only(self):
        """List, get and put below cache/ are enough."""
        first = self.builder("a", user="restricted")
        second = self.builder("second/machine", user="reader")
        self.first_build(first)
        self.check_all_hits(second)

    @shared_cache_case.long_form
    def test_namespaces_do_not_see_each_other(self):
        first = self.builder("a", self.s3(name_space="team.A_b-1"))
        second = self.builder("second/machine", self.s3(name_space="other"))
        self.first_build(first)
        self.assertTrue(all(name.startswith("cache/team.A_b-1/") for name in self.objects()))
        self.first_build(second)

    def test_reader_takes_and_never_writes(self):
        first = self.builder("a")
        second = self.builder("second/machine", self.s3(read_only=True))
        self.first_build(first)
        self.proxy.forget()
        self.check_all_hits(second)
        self.compile(second)
        second.wait_until_written()
        self.assertEqual(set(), set(self.proxy.requests) - {"GET", "HEAD"})

    @shared_cache_case.long_form
    def test_two_remote_tiers_are_asked_in_order_and_both_written(self):
        other = self.server.make_bucket(self.bucket + "-other")
        tiers = [self.s3(), self.s3(bucket=self.bucket + "-other")]
        self.first_build(self.builder("a", *tiers))
        here = self.objects()
        self.assertEqual(sorted(here), sorted(other.list(self.bucket + "-other")))
        self.owner.empty(self.bucket)
        second = self.builder("second/machine", *tiers)
        self.check_all_hits(second)
        second.wait_until_written()
        self.assertEqual(sorted(here), sorted(self.objects()), "the nearer one was not filled")

    @shared_cache_case.long_form
    def test_missing_bucket_is_made_when_asked_for(self):
        name = self.bucket + "-new"
        first = self.builder("a", self.s3(bucket=name, auto_create=True))
        self.first_build(first)
        self.assertTrue(self.owner.list(name))

    @shared_cache_case.long_form
    def test_keys_in_the_configuration(self):
        key = shared_cache_case.USERS["full"]
        tier = self.s3(access_key=key.access_key, secret_key=key.secret_key)
        first = self.builder("a", tier)
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            del first.environment[name]
        self.first_build(first)

    @shared_cache_case.long_form
    def test_profile_of_the_shared_files(self):
        key = shared_cache_case.USERS["full"]
        first = self.builder("a")
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            del first.environment[name]
        (first.home / ".aws").mkdir()
        (first.home / ".aws/credentials").write_text(
            "[default]\naws_access_key_id = WRONG\naws_secret_access_key = wrong\n"
            "[ci]\naws_access_key_id = %s\naws_secret_access_key = %s\n" % (
                key.access_key, key.secret_key))
        first.environment["AWS_PROFILE"] = "ci"
        self.first_build(first)
        self.assertTrue(self.objects())

    def test_session_token(self):
        first = self.builder("a", user=self.server.session(900))
        second = self.builder("second/machine", user=self.server.session(900))
        self.first_build(first)
        self.check_all_hits(second)


class Redis(shared_cache_case.SharedCacheTest):
    PROGRAMS = ("redis-server", "redis-cli", "redis-benchmark")

    def results(self, tree):
        """Every object, archive and program."""
        return {str(path.relative_to(tree)): path.read_bytes() for path in tree.rglob("*")
                if path.is_file() and (path.suffix in (".o", ".a") or path.name in self.PROGRAMS)}

    def build(self, tree, environment, launcher="", flag=""):
        words = ["make", "-j%d" % (os.cpu_count() or 1), "MALLOC=libc", "USE_SYSTEMD=no",
                 "BUILD_TLS=no", "V=1", "OPTIMIZATION=-O0",
                 "CC=" + " ".join([launcher, "gcc", flag]).strip(),
                 "CXX=" + " ".join([launcher, "g++", flag]).strip()]
        start = time.monotonic()
        # src/mkreleasehdr.sh writes date and host into release.h, unless told a time.
        outcome = harness.run(words, tree, dict(environment, SOURCE_DATE_EPOCH="1700000000"))
        self.assertEqual(0, outcome.status, outcome.stderr[-3000:])
        return time.monotonic() - start

    @shared_cache_case.long_form
    def test_redis(self):
        source = self.folder / "redis"
        shared_cache_case.fetch("redis", source)
        script = source / "src/mkreleasehdr.sh"
        script.write_text(script.read_text().replace("`uname -n`", "host"))
        machines = [self.machine("a"), self.machine("second/machine")]
        plain = self.folder / "plain"
        for tree in (plain, *(machine.checkout for machine in machines)):
            subprocess.run(["cp", "-a", str(source) + "/.", str(tree)], check=True)
        harness.settle()
        seconds = [self.build(plain, self.environment, flag="-ffile-prefix-map=%s=." % plain)]
        expected = self.results(plain)
        shutil.rmtree(plain)
        self.assertGreater(len(expected), 100)
        for machine in machines:
            seconds.append(self.build(machine.checkout, machine.environment, harness.HPCC))
            machine.wait_until_written()
            self.check_objects(expected, self.results(machine.checkout))
        first, second = (machine.counts() for machine in machines)
        print("Redis: plain %.1f s, first machine %.1f s, second %.1f s; %d compiled, %d from the "
              "bucket" % (*seconds, first.misses, second.hits), flush=True)
        self.assertEqual((0, 0), (second.misses, second.errors))
        self.assertEqual(first.misses + first.hits, second.hits)
        self.assertGreater(first.misses, 100)


if __name__ == "__main__":
    shared_cache_case.main()
