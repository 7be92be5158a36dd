#!/usr/bin/env python3
"""A network that fails while a build runs: each fault of the proxy, at every request and, in the long
form, at a tenth of them too. The build succeeds, its objects are the plain compiler's, and what it
loses is bounded.

Each round is a machine that finds everything in the bucket and (in the short form for some faults
only) one that has to fill it, both with the fault between them and the bucket."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import shared_cache_case  # noqa: E402
from fault_proxy import FAULTS  # noqa: E402


RATES = (0.1, 1.0) if shared_cache_case.LONG else (1.0,)


class Faults(shared_cache_case.BuildTest):
    filled_bucket = None  # one for all: what a reader puts there is what was there

    def setUp(self):
        super().setUp()
        if not Faults.filled_bucket:
            self.fill_bucket()
            Faults.filled_bucket = self.bucket
        self.bucket = Faults.filled_bucket

    def check_reader(self, name, rate, seed):
        """Misses where it must, never a wrong object; the bucket is as it was or better."""
        machine = self.builder("r%d" % seed)
        self.proxy.forget()
        self.proxy.set_fault(name, rate, seed)
        took = machine.check_build(self.bound())
        counts = machine.counts()
        met = self.proxy.faults[name]
        self.assertEqual(len(self.expected), counts.hits + counts.misses)
        self.assertEqual(0, counts.errors)
        machine.end_programs()
        self.proxy.set_fault(None)
        return took, counts, met

    def check_writer(self, name, rate, seed):
        """Into a namespace of its own; what arrives there is whole."""
        place = "%s-%d" % (name.replace(" ", "-"), seed)
        machine = self.builder("w%d" % seed, self.s3(name_space=place))
        self.proxy.set_fault(name, rate, seed, matching="^PUT")
        took = machine.check_build(self.bound())
        machine.end_programs()
        self.proxy.set_fault(None)
        reader = self.builder("v%d" % seed, self.s3(name_space=place))
        reader.check_build()
        self.assertEqual([], reader.security_events(), "half an object was left behind")
        reader.end_programs()
        return took

    def check_fault(self, name):
        for seed, rate in enumerate(RATES):
            with self.subTest(rate=rate):
                took, counts, met = self.check_reader(name, rate, seed)
                print("%-22s %3.0f%%: build %.1f s, %d hits, %d misses, met %d times" % (
                    name, rate * 100, took, counts.hits, counts.misses, met), flush=True)
                self.assertGreater(met, 0, "the fault was never met")
                if rate == 1.0 and name in ALWAYS_A_MISS:
                    self.assertEqual(0, counts.hits)
                if shared_cache_case.LONG or (name in WRITERS and rate == 1.0):
                    self.check_writer(name, rate, seed)


# With these at every request nothing can come back. ("longer than said" may be: a client that
# reads no more than was announced has half an object, whose seal is broken.)
ALWAYS_A_MISS = set(FAULTS) - {"slow answer", "slow drip", "slow drip of the body", "clock skew"}
# Of which the writing side is tried in the short form, too.
WRITERS = {"truncated", "slow first byte"}


def test_of(name):
    return lambda self: self.check_fault(name)


for fault in FAULTS:
    setattr(Faults, "test_" + fault.replace(" ", "_").replace("-", "_"), test_of(fault))


class AfterFaults(shared_cache_case.BuildTest):
    def test_remote_is_used_again_when_it_has_recovered(self):
        self.fill_bucket()
        machine = self.builder("a")
        self.proxy.set_fault("500")
        machine.check_build(self.bound())
        self.assertEqual(0, machine.counts().hits)
        self.proxy.set_fault(None)

        def recovered():
            machine.forget_locally()
            before = machine.counts()
            machine.check_build()
            return (machine.counts() - before).hits == len(self.expected)

        # The first pause is five seconds, and the probe has to succeed.
        shared_cache_case.wait_until(recovered, "hits from the recovered remote", 30)


if __name__ == "__main__":
    shared_cache_case.main()
