#!/usr/bin/env python3
"""How long sandboxes take to come and go, and what an exec costs beside a plain call.

    bench/sandbox_times.py [--build build/release] [--driver process|qemu] [--starts N] [--execs N]
                           [--json FILE]

Of both drivers, unless one is named: bin/sandbox_round_trip starts sandboxes and runs /bin/true in them
(process: the machine's own image; qemu: hpcc's kernel and a root made of this machine's packages). Of qemu,
boots, clones, suspends and resumes take turns; calls to the agent and execs do, on one sandbox, whose one
stream both go over. Claims: a clone takes at most a quarter of a boot, an exec of a command that does nothing
at most three times a plain call. "spawn" is that command started without any sandbox. Ratios are of medians
of what took turns."""

import argparse
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import lib

CLONE_BAR = 0.25  # of a boot
EXEC_BAR = 3  # plain calls
ORDER = ("start", "boot", "clone", "suspend", "resume", "call", "exec", "exec-300", "spawn")


def parse(text):
    """The label, and milliseconds by what they were taken for."""
    lines = [line.split(" ", 1) for line in text.splitlines()]
    if not lines or lines[0][0] != "isolation" or any(len(line) != 2 for line in lines):
        raise lib.BenchError("sandbox_round_trip: unreadable: %r" % text[:200])
    times = {}
    for what, value in lines[1:]:
        if what not in ORDER:
            raise lib.BenchError("sandbox_round_trip: it took %r" % what)
        times.setdefault(what, []).append(float(value))
    return lines[0][1], times


def bars_of(isolation, times):
    median = {what: statistics.median(values) for what, values in times.items()}
    bars = []
    if "boot" in median:
        bars.append(lib.bar("%s: a clone beside a boot" % isolation,
                            median["clone"] / median["boot"], CLONE_BAR))
    bars.append(lib.bar("%s: an exec of /bin/true beside a plain call" % isolation,
                        median["exec"] / median["call"], EXEC_BAR))
    return bars


def rows_of(times):
    rows = []
    for what in ORDER:
        if what in times:
            values = sorted(times[what])
            rows.append([what, "%.2f" % statistics.median(values), "%.2f" % values[0],
                         "%.2f" % values[len(values) * 99 // 100], str(len(values))])
    return rows


def run(options, driver, directory):
    build = Path(options.build).resolve()
    argv = [build / "bin/sandbox_round_trip", driver, str(options.starts), str(options.execs)]
    if driver == "qemu":
        kernel = subprocess.run([lib.ROOT / "scripts/build-guest-kernel.sh"], check=True,
                                stdout=subprocess.PIPE, text=True).stdout.splitlines()[-1]
        root = build / "bench/vm_roots/toolchain.sqfs"
        subprocess.run([lib.ROOT / "tests/vm/make_test_root.py", "--output", root, "--agent",
                        build / "bin/hpcc-agent"], check=True)
        argv += [kernel, root, directory]
    return parse(subprocess.run(argv, check=True, stdout=subprocess.PIPE, text=True).stdout)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", default=lib.ROOT / "build/release")
    parser.add_argument("--driver", choices=("process", "qemu"), help="default: both")
    parser.add_argument("--starts", type=int, default=10)
    parser.add_argument("--execs", type=int, default=100)
    parser.add_argument("--json", help="writes the figures there")
    options = parser.parse_args()
    directory = Path(tempfile.mkdtemp(prefix="hpcc-bench-sandboxes."))
    # A hypervisor has a user id of its own.
    directory.chmod(0o711)
    report, bars = {}, []
    try:
        for driver in [options.driver] if options.driver else ["process", "qemu"]:
            isolation, times = run(options, driver, directory)
            lib.print_table("%s: milliseconds" % isolation, ["", "median", "least", "p99", "of"],
                            rows_of(times))
            bars += bars_of(isolation, times)
            report[isolation] = times
    except (lib.BenchError, OSError, subprocess.SubprocessError) as error:
        print("not measured: %s" % error, file=sys.stderr)
        return 2
    finally:
        shutil.rmtree(directory, ignore_errors=True)
    lib.print_bars(bars)
    if options.json:
        Path(options.json).write_text(json.dumps({"bars": bars, "samples": report}, indent=1) + "\n")
    return 0 if all(one["pass"] for one in bars) else 1


if __name__ == "__main__":
    sys.exit(main())
