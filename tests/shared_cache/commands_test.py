#!/usr/bin/env python3
"""hpcc's own commands with remote tiers: stats, cache check, cache copy, doctor, config."""

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import shared_cache_case  # noqa: E402
from radosgw import USERS  # noqa: E402
from shared_cache_case import harness  # noqa: E402


class CommandTest(shared_cache_case.BuildTest):
    def filled(self, path="filler", *tiers, **options):
        machine = self.builder(path, *tiers, **options)
        machine.check_build()
        machine.wait_until_written()
        return machine

    def output(self, machine, *words, status=0):
        outcome = machine.hpcc(*words)
        text = outcome.stdout.decode() + outcome.stderr.decode()
        self.assertEqual(status, outcome.status, text)
        return text


class Stats(CommandTest):
    def tier(self, machine):
        """What is said of the one remote tier."""
        tiers = [tier for tier in machine.stats()["remote_caches"] if tier["type"] == "s3"]
        self.assertEqual(1, len(tiers))
        return tiers[0]

    def test_each_tier_has_its_figures(self):
        units = len(self.expected)
        first = self.filled()
        tier = self.tier(first)
        self.assertEqual(0, tier["hits"])
        self.assertEqual(len(self.objects()), tier["writes"])
        self.assertEqual(sum(self.objects().values()), tier["bytes_sent"])
        second = self.filled("second/machine")
        tier = self.tier(second)
        self.assertEqual(2 * units, tier["hits"])
        self.assertEqual((0, 0), (tier["misses"], tier["read_errors"]))
        self.assertGreater(tier["bytes_received"], 0)
        text = self.output(second, "stats")
        self.assertIn("s3://" + self.bucket, text)

    def test_zero_forgets_them(self):
        machine = self.filled()
        self.output(machine, "stats", "--zero")
        self.assertEqual(0, self.tier(machine)["writes"])


class Check(CommandTest):
    def test_whole_tier(self):
        machine = self.filled()
        text = self.output(machine, "cache", "check")
        self.assertIn(str(len(self.objects())), text)

    def test_damaged_objects_are_named(self):
        machine = self.filled()
        names = sorted(self.objects())
        for name in names[:2]:
            self.owner.put(self.bucket, name, self.owner.get(self.bucket, name)[:-1])
        outcome = machine.hpcc("cache", "check")
        text = outcome.stdout.decode() + outcome.stderr.decode()
        self.assertNotEqual(0, outcome.status, text)
        for name in names[:2]:
            self.assertIn(name.rpartition("/")[2][:12], text)

    def test_everything_damaged_is_named(self):
        """However many are damaged one after the other: the walk is not held up by them."""
        machine = self.filled()
        names = sorted(self.objects())
        for name in names:
            self.owner.put(self.bucket, name, b"x" * 200)
        report = json.loads(machine.hpcc("cache", "check", "s3", "--json").stdout)["caches"][0]
        self.assertEqual((len(names), None), (len(report["damaged"]), report["error"]))

    def test_damage_on_the_way(self):
        machine = self.filled()
        self.proxy.set_fault("tampered", matching="GET .*/cache/default/result")
        self.assertNotEqual(0, machine.hpcc("cache", "check").status)

    def test_tier_that_does_not_answer(self):
        machine = self.filled()
        self.proxy.set_fault("500")
        outcome = machine.hpcc("cache", "check", timeout=60)
        self.assertNotEqual(0, outcome.status)


class Copy(CommandTest):
    def test_from_disk_to_bucket_and_back(self):
        units = len(self.expected)
        machine = self.builder("a")
        machine.configure()  # compiled before there was a bucket
        machine.check_build()
        self.assertEqual({}, self.objects())
        machine.configure(self.s3())
        self.output(machine, "cache", "copy", "disk", "s3")
        self.assertGreaterEqual(len(self.objects()), 2 * units)
        second = self.builder("second/machine")
        self.output(second, "cache", "copy", "s3", "disk")
        self.proxy.forget()
        second.check_build()
        self.assertEqual(units, second.counts().hits)
        self.assertEqual({}, dict(self.proxy.requests))

    def test_again_there_is_nothing_to_do(self):
        machine = self.filled()
        self.proxy.forget()
        self.output(machine, "cache", "copy", "disk", "s3")
        self.assertEqual(0, self.proxy.requests["PUT"])

    def test_damaged_objects_are_left_behind(self):
        self.filled()
        name = sorted(self.objects())[0]
        self.owner.put(self.bucket, name, b"x" * 200)
        second = self.builder("second/machine")
        second.hpcc("cache", "copy", "s3", "disk")
        second.check_build()

    def test_single_failures_do_not_end_it(self):
        machine = self.filled()
        there = len(self.objects())
        self.owner.empty(self.bucket)
        self.proxy.set_fault("403", rate=0.1, seed=5, matching="^PUT")
        report = machine.hpcc("cache", "copy", "disk", "s3", "--json", timeout=120)
        counts = json.loads(report.stdout)
        self.assertEqual(there, counts["copied"] + counts["failed"], counts)
        self.assertEqual(1 if counts["failed"] else 0, report.status)
        self.proxy.set_fault(None)
        self.output(machine, "cache", "copy", "disk", "s3")
        self.assertEqual(there, len(self.objects()))

    def test_failures_are_an_error(self):
        machine = self.filled()
        self.owner.empty(self.bucket)
        self.proxy.set_fault("403", matching="^PUT")
        self.assertNotEqual(0, machine.hpcc("cache", "copy", "disk", "s3", timeout=120).status)


class DoctorAndConfig(CommandTest):
    def test_doctor_is_content(self):
        machine = self.builder("a")
        text = self.output(machine, "doctor")
        self.assertIn(self.bucket, text)

    def test_doctor_of_a_reader(self):
        self.filled()
        machine = self.builder("a", self.s3(read_only=True), user="reader")
        self.output(machine, "doctor")

    def test_config_shows_tiers_and_no_secrets(self):
        key = USERS["full"]
        machine = self.builder("a", self.s3(access_key=key.access_key,
                                                secret_key=key.secret_key))
        for words in (["config"], ["config", "--json"]):
            outcome = machine.hpcc(*words)
            text = outcome.stdout.decode() + outcome.stderr.decode()
            self.assertNotIn(key.secret_key, text)
        self.assertIn(self.bucket, self.output(machine, "config"))

    def test_stats_are_json_that_says_nothing_secret(self):
        key = USERS["full"]
        machine = self.filled("a", self.s3(access_key=key.access_key, secret_key=key.secret_key))
        self.assertNotIn(key.secret_key, json.dumps(machine.stats()))


if __name__ == "__main__":
    shared_cache_case.main()
