#!/usr/bin/env python3
"""The scheduler with 10,000 workers and 1,000 tenants: routes per second on one core, and memory.

    bench/scheduler.py [--build build/release] [--workers N] [--tenants N] [--routes N] [--json FILE]

Measured is the scheduler's core in one process on one core, by CPU time: the check of the session,
the choice of the worker, and the signed routing token, each time anew. gRPC and TLS are not in it.
"First" routes also verify the signature of a session never seen before. Memory is what the process
has in RAM after all of it. The bar is 10,000 routes per second."""

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path

ROUTES_BAR = 10_000


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", default=Path(__file__).resolve().parent.parent / "build/release")
    parser.add_argument("--workers", type=int, default=10_000)
    parser.add_argument("--tenants", type=int, default=1_000)
    parser.add_argument("--routes", type=int, default=100_000)
    parser.add_argument("--json", help="writes the figures there")
    arguments = parser.parse_args()
    program = Path(arguments.build) / "bench/hpcc_bench_scheduler"
    core = {max(os.sched_getaffinity(0))}
    done = subprocess.run(
        [program, str(arguments.workers), str(arguments.tenants), str(arguments.routes)],
        capture_output=True, text=True, timeout=600, preexec_fn=lambda: os.sched_setaffinity(0, core))
    if done.returncode != 0:
        sys.exit("hpcc_bench_scheduler: " + done.stderr.strip())
    figures = json.loads(done.stdout)
    print("%d workers, %d tenants, one core" % (figures["workers"], figures["tenants"]))
    for name, unit in (("routes_per_second", "routes/s"), ("first_routes_per_second", "first routes/s"),
                       ("heartbeats_per_second", "heartbeats/s"),
                       ("registrations_per_second", "registrations/s")):
        print("  %10s %s" % ("{:,.0f}".format(figures[name]), unit))
    print("  %10.1f MiB resident" % (figures["resident_bytes"] / 2**20))
    good = figures["routes_per_second"] >= ROUTES_BAR
    print("%s: at least %s routes/s" % ("PASS" if good else "FAIL", "{:,}".format(ROUTES_BAR)))
    if arguments.json:
        Path(arguments.json).write_text(json.dumps(figures) + "\n")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
