#!/usr/bin/env python3
"""Hits through one daemon as fast as eight wrappers can ask for them.

  throughput.py                        30 seconds: requests per second, latencies, memory
  throughput.py --requests 200000      as many requests

Every request is a whole hpcc process, as a build starts it, on a C++ unit of some 540 headers; null
is measured the same way first. Latencies are those of processes waiting for one another: there are
more wrappers than CPUs.

Claim: once warm, the daemon's memory stays what it is: it grows by less than 5% or 2 MiB.
"""

import array
import concurrent.futures
import os
import sys
import time
from dataclasses import dataclass

import hit
import lib

WRAPPERS = 8
NULL_SECONDS = 5
WARM_UP = 0.1  # of the requests or the time: after that, memory may not grow
GROWTH = 0.05
GROWTH_BYTES = 2 << 20
SAMPLE_SECONDS = 2


@dataclass
class Hammering:
    """What one wrapper does over and over."""

    argv: list
    env: dict
    folder: str
    log: str
    seconds: float
    requests: int  # 0: until the time is over


def hammer(work):
    """Seconds of each request."""
    object_file = os.path.join(work.folder, "unit.o")
    taken = array.array("d")
    end = time.monotonic() + work.seconds
    while len(taken) < work.requests if work.requests else time.monotonic() < end:
        os.unlink(object_file)
        taken.append(lib.run_timed(work.argv, work.env, work.folder, work.log).wall)
    return taken


class Wrappers:
    """A folder and a unit of its own for each wrapper, compiled once."""

    def __init__(self, directory, launcher):
        self.launcher = launcher
        self.env = launcher.environment(lib.base_environment(directory))
        self.argv = [*launcher.words, "/usr/bin/g++", *hit.COMMAND, "-o", "unit.o"]
        self.folders = []
        for number in range(WRAPPERS):
            folder = directory / f"{launcher.name} {number}"
            folder.mkdir()
            (folder / "unit.cc").write_text(hit.SOURCE + f"int number = {number};\n")
            self.folders.append(folder)
            recording = launcher.environment(lib.base_environment(directory), recording=True)
            lib.run_timed(self.argv, recording, folder, folder / "log")
        self.expected = self.objects()

    def objects(self):
        return [(folder / "unit.o").read_bytes() for folder in self.folders]

    def hammer(self, seconds, requests, watch):
        """Latencies in order of size, and the seconds all took; watch(elapsed) now and then."""
        work = [
            Hammering(self.argv, self.env, str(folder), str(folder / "log"), seconds, requests)
            for folder in self.folders
        ]
        start = time.monotonic()
        with concurrent.futures.ProcessPoolExecutor(WRAPPERS) as pool:
            pending = {pool.submit(hammer, one) for one in work}
            done = set()
            while pending:
                finished, pending = concurrent.futures.wait(pending, timeout=SAMPLE_SECONDS)
                done |= finished
                watch(time.monotonic() - start)
        taken = sorted(seconds for one in done for seconds in one.result())
        if self.objects() != self.expected:
            raise lib.BenchError(f"{self.launcher.name}: other objects than the compiler's")
        return taken, time.monotonic() - start


def latencies(taken, elapsed):
    return {
        "requests": len(taken),
        "per_second": len(taken) / elapsed,
        "p50": taken[len(taken) // 2],
        "p99": taken[len(taken) * 99 // 100],
        "max": taken[-1],
    }


def measure(options):
    memory = []
    with lib.workspace(options.keep) as directory:
        null = Wrappers(directory, lib.null_launcher(directory))
        null_seen = latencies(*null.hammer(NULL_SECONDS, 0, lambda elapsed: None))
        with lib.hpcc_daemon_launcher(directory, lib.find_hpcc(options.hpcc)) as launcher:
            mine = Wrappers(directory, launcher)

            def watch(elapsed):
                memory.append((elapsed, *launcher.daemon.memory()))

            watch(0.0)
            before, cpu = launcher.counts(), launcher.daemon.cpu()
            each = -(-options.requests // WRAPPERS)
            taken, elapsed = mine.hammer(options.seconds, each, watch)
            cpu = launcher.daemon.cpu() - cpu
            seen = launcher.counts().since(before)
            if seen != lib.Counts(len(taken), 0, 0):
                raise lib.BenchError(f"{len(taken)} requests, but {seen}")
    hpcc_seen = latencies(taken, elapsed)
    print_report(null_seen, hpcc_seen, memory)
    warm = [own + shared for at, own, shared in memory if at >= elapsed * WARM_UP]
    growth = warm[-1] - warm[0]
    allowed = max(GROWTH_BYTES, GROWTH * warm[0])
    return {
        "bench": "throughput",
        "null": null_seen,
        "hpcc, daemon": hpcc_seen,
        "daemon_cpu_per_request": cpu / len(taken),
        "memory": memory,
        "bars": [lib.bar("growth of the daemon's memory", growth / 2**20, allowed / 2**20, "MiB")],
    }


def print_report(null_seen, hpcc_seen, memory):
    rows = [
        [name, seen["requests"], f"{seen['per_second']:.0f}"]
        + [f"{seen[key] * 1e3:.2f}" for key in ("p50", "p99", "max")]
        for name, seen in (("null", null_seen), ("hpcc, daemon", hpcc_seen))
    ]
    lib.print_table(
        f"{WRAPPERS} wrappers at once; latencies in milliseconds",
        ["launcher", "requests", "per second", "p50", "p99", "max"],
        rows,
    )
    step = max(1, len(memory) // 20)
    chosen = memory[::step] + ([memory[-1]] if (len(memory) - 1) % step else [])
    lib.print_table(
        "The daemon's memory, KiB",
        ["seconds", "own", "shared"],
        [[f"{at:.0f}", own >> 10, shared >> 10] for at, own, shared in chosen],
    )


def main():
    parser = lib.argument_parser(__doc__)
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--requests", type=int, default=0, help="that many, instead of --seconds")
    return lib.bench_main(measure, parser.parse_args())


if __name__ == "__main__":
    sys.exit(main())
