#!/usr/bin/env python3
"""Several machines at one bucket at once: two writers of one key, three that evict, one that empties
the bucket while another builds."""

import random
import sys
import threading
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import shared_cache_case  # noqa: E402
from shared_cache_case import harness  # noqa: E402


def at_once(calls):
    """Calls all; the first failure is everybody's."""
    failures = []

    def run(call):
        try:
            call()
        except BaseException as failure:  # noqa: BLE001 - handed on to the test's thread
            failures.append(failure)

    threads = [threading.Thread(target=run, args=(call,)) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]


class TwoWriters(shared_cache_case.BuildTest):
    def test_of_every_key_of_a_build(self):
        machines = [self.builder("a"), self.builder("second/machine")]
        at_once([machine.check_build for machine in machines])
        for machine in machines:
            machine.wait_until_written()
        third = self.builder("the/third/machine")
        third.check_build()
        self.assertEqual((len(self.expected), 0), (third.counts().hits, third.counts().misses))
        self.assertEqual([], third.security_events())

    def test_while_another_reads(self):
        """Whole objects, or none: never a part."""
        machines = [self.builder("m%d" % number) for number in range(3)]
        for _ in range(3):
            self.owner.empty(self.bucket)
            for machine in machines:
                machine.forget_locally()
            at_once([machine.check_build for machine in machines])
        for machine in machines:
            self.assertEqual([], machine.security_events())


class EmptiedInMidBuild(shared_cache_case.BuildTest):
    def test_by_somebody_else(self):
        self.fill_bucket()
        machine = self.builder("a")
        done = threading.Event()

        def empty():
            while not done.is_set():
                self.owner.empty(self.bucket)

        thread = threading.Thread(target=empty)
        thread.start()
        try:
            machine.check_build()
        finally:
            done.set()
            thread.join()
        counts = machine.counts()
        self.assertEqual(len(self.expected), counts.hits + counts.misses)
        self.assertEqual([], machine.security_events())

    def test_results_without_their_index_and_index_without_results(self):
        content = self.fill_bucket()
        for kind in ("/direct/", "/result/"):
            for name, body in content.items():
                self.owner.put(self.bucket, name, body)
            gone = [name for name in content if kind in name]
            self.assertTrue(gone, sorted(content)[:3])
            for name in gone:
                self.owner.remove(self.bucket, name)
            machine = self.builder("without" + kind.strip("/"))
            machine.check_build()
            self.assertEqual([], machine.security_events())
            machine.wait_until_written()
            self.assertEqual(sorted(content), sorted(self.objects()), "not filled again")


class Eviction(shared_cache_case.SharedCacheTest):
    UNITS = 400 if shared_cache_case.LONG else 60
    PADDING = 4096  # bytes of incompressible text in each unit
    LIMIT = 300_000

    def compile_many(self, machine, numbers):
        """Units that nobody else has; what they are is checked against the plain compiler."""
        names = []
        for number in numbers:
            text = random.Random("%s %d" % (machine.folder.name, number)).randbytes(
                self.PADDING).hex()
            (machine.checkout / ("u%d.c" % number)).write_text(
                'const char text_%d[] = "%s";\n' % (number, text))
            names.append("u%d" % number)
        harness.settle()
        script = "for name in %s; do \"$@\" -O1 -c $name.c -o $name.o || exit 1; done" % (
            " ".join(names))
        outcome = machine.run("sh", "-c", script, "sh", harness.HPCC, "gcc")
        self.assertEqual(0, outcome.status, outcome.stderr)
        outcome = machine.run("sh", "-c", script.replace("$name.o", "$name.plain"), "sh", "gcc",
                              "-ffile-prefix-map=%s=." % machine.checkout)
        for name in names:
            self.assertEqual((machine.checkout / (name + ".plain")).read_bytes(),
                             (machine.checkout / (name + ".o")).read_bytes(), name)

    def size(self):
        return sum(self.objects().values())

    def test_by_three_machines_at_once(self):
        machines = [self.machine("m%d" % number, self.s3(max_size=self.LIMIT))
                    for number in range(3)]
        for start in range(0, self.UNITS, 20):
            at_once([lambda machine=machine: self.compile_many(machine, range(start, start + 20))
                     for machine in machines])
        for machine in machines:
            machine.wait_until_written()
        written = len(machines) * self.UNITS * self.PADDING  # hexadecimal: packed to a half
        self.assertGreater(written, 2 * self.LIMIT, "the test writes too little")
        # A client lists only after the limit is overshot by a tenth; what the three put while one
        # lists comes on top.
        shared_cache_case.wait_until(lambda: self.size() <= 1.2 * self.LIMIT,
                                     "eviction; it is %d bytes now" % self.size(), 20)
        self.assertGreater(self.size(), self.LIMIT // 3, "evicted far more than it had to")
        for machine in machines:
            self.assertEqual([], machine.security_events())
            self.assertEqual(0, machine.counts().errors)

    def test_without_a_limit_nothing_goes(self):
        machine = self.machine("a")
        self.compile_many(machine, range(20))
        machine.wait_until_written()
        self.assertEqual(40, len(self.objects()))
        self.assertEqual(0, sum("delete" in line for line in self.proxy.asked))

    def test_least_recently_used_go_first(self):
        limit = self.LIMIT * 2 // 3
        machine = self.machine("a", self.s3(max_size=limit))
        self.compile_many(machine, range(20))
        machine.wait_until_written()
        oldest = set(self.objects())
        self.compile_many(machine, range(20, 60))
        machine.wait_until_written()
        shared_cache_case.wait_until(lambda: self.size() <= 1.15 * limit, "eviction", 20)
        left = set(self.objects())
        self.assertLess(len(oldest & left), len(left - oldest) / 2)

    def test_without_the_permission_to_remove_builds_go_on(self):
        machine = self.machine("a", self.s3(max_size=self.LIMIT // 10), user="restricted")
        self.compile_many(machine, range(30))
        machine.wait_until_written()
        self.assertGreaterEqual(len(self.objects()), 60)


if __name__ == "__main__":
    shared_cache_case.main()
