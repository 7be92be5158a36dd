#!/usr/bin/env python3
"""What virtual machines of one image cost in memory, idle and suspended, and how many fit into a GiB.

    bench/vm_memory.py [--build build/release] [--machines N] [--memory MiB] [--json FILE]

Starts that many sandboxes of the qemu driver at once, on hpcc's kernel and a root made of this machine's
packages (tests/vm/make_test_root.py), and reads what each hypervisor's process holds: PSS of
/proc/PID/smaps_rollup, in which a page that n of them share counts for 1/n in each. Idle after the boot
(a clone of the image's template), after one exec of /bin/true, and after a suspend and a resume. Of the
suspended: what processes are left, and the bytes on disk of their states. The table says what the
machines ran on: qemu-tcg is emulation, whose translated code is part of it. As root, or as whoever may
look at the processes."""

import argparse
import contextlib
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import lib

SETTLE = 3  # seconds until a machine that was asked for nothing counts as idle
MIB = 1 << 20
GIB = 1 << 30
HYPERVISOR = "qemu-system-x86"  # as much of a name as the kernel keeps
TEMPLATE = "/memfd:guest-"


def rollup(text):
    """Bytes by name of a smaps_rollup."""
    found = {}
    for line in text.splitlines()[1:]:
        name, _, value = line.partition(":")
        number, unit = value.split()
        if unit != "kB":
            raise lib.BenchError("smaps_rollup counts in " + unit)
        found[name] = int(number) * 1024
    if "Pss" not in found:
        raise lib.BenchError("smaps_rollup without Pss")
    return found


def memory_of(process):
    return rollup(Path("/proc/%d/smaps_rollup" % process).read_text())


def hypervisors(parent):
    """Children of the process, by whichever of its threads."""
    found = []
    for task in Path("/proc/%d/task" % parent).iterdir():
        for child in map(int, (task / "children").read_text().split()):
            if Path("/proc/%d/comm" % child).read_text().strip() == HYPERVISOR:
                found.append(child)
    return sorted(found)


def bytes_held(process, wanted):
    """What the process's open files whose name `wanted` likes occupy, each once."""
    files = {}
    for descriptor in Path("/proc/%d/fd" % process).iterdir():
        with contextlib.suppress(FileNotFoundError):  # closed meanwhile
            if wanted(os.readlink(descriptor)):
                facts = os.stat(descriptor)
                files[facts.st_dev, facts.st_ino] = facts.st_blocks * 512
    return sum(files.values())


class Machines:
    """hpcc_bench_machines; `isolation` is what its machines are."""

    def __init__(self, build, directory, kernel, root, count, memory):
        self.directory = directory / "machines"
        self.process = subprocess.Popen(
            [build / "bench/hpcc_bench_machines", kernel, root, self.directory, str(count),
             str(memory)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.isolation = self.answer()

    def answer(self):
        words = self.process.stdout.readline().split()
        if words[:1] != ["ready"]:
            raise lib.BenchError("the machines ended, with status %d" % self.process.wait())
        return words[1]

    def all(self, what):
        self.process.stdin.write(what + "\n")
        self.process.stdin.flush()
        self.answer()

    def end(self):
        self.process.stdin.close()
        self.process.wait()

    def sample(self):
        time.sleep(SETTLE)
        states = str(self.directory)
        return {
            "machines": [memory_of(process) for process in hypervisors(self.process.pid)],
            "keeper": memory_of(self.process.pid)["Pss"],
            "template": bytes_held(self.process.pid, lambda name: name.startswith(TEMPLATE)),
            "disk": bytes_held(self.process.pid, lambda name: name.startswith(states)
                               and "/state." in name),
        }


def measure(options, directory):
    build = Path(options.build).resolve()
    kernel = subprocess.run([lib.ROOT / "scripts/build-guest-kernel.sh"], check=True,
                            stdout=subprocess.PIPE, text=True).stdout.splitlines()[-1]
    root = build / "bench/vm_roots/toolchain.sqfs"
    subprocess.run([lib.ROOT / "tests/vm/make_test_root.py", "--output", root, "--agent",
                    build / "bin/hpcc-agent"], check=True)
    machines = Machines(build, directory, kernel, root, options.machines, options.memory)
    try:
        samples = {"booted": machines.sample()}
        for step, name in (("exec", "after an exec"), ("suspend", "suspended"),
                           ("resume", "resumed")):
            machines.all(step)
            samples[name] = machines.sample()
    finally:
        machines.end()
    for name, sample in samples.items():
        expected = 0 if name == "suspended" else options.machines
        if len(sample["machines"]) != expected:
            raise lib.BenchError("%s: %d machines have a process, not %d"
                                 % (name, len(sample["machines"]), expected))
    return {"isolation": machines.isolation, "count": options.machines,
            "memory_mib": options.memory, "samples": samples, "bars": []}  # it claims nothing


def per_machine(sample, name):
    return statistics.median(machine[name] for machine in sample["machines"])


def rows_of(report):
    rows = []
    for name, sample in report["samples"].items():
        if not sample["machines"]:
            continue
        pss = per_machine(sample, "Pss")
        own = per_machine(sample, "Private_Clean") + per_machine(sample, "Private_Dirty")
        rows.append([name, "%.1f" % (pss / MIB), "%.1f" % (own / MIB),
                     "%.1f" % (per_machine(sample, "Rss") / MIB), "%.1f" % (GIB / pss)])
    return rows


def print_report(report):
    lib.print_table(
        "%s, %d machines of %d MiB and one image: MiB of each (medians)"
        % (report["isolation"], report["count"], report["memory_mib"]),
        ["idle", "PSS", "its own", "RSS", "per GiB"], rows_of(report))
    samples, count = report["samples"], report["count"]
    suspended = samples["suspended"]
    held = max(0, suspended["keeper"] - samples["booted"]["keeper"])
    print("suspended: no process; %.2f MiB of memory each (the worker's), %.1f MiB on disk each"
          % (held / count / MIB, suspended["disk"] / count / MIB))
    print("the image's template: %.1f MiB, once (what machines have touched of it is in their PSS)"
          % (samples["booted"]["template"] / MIB))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", default=lib.ROOT / "build/release")
    parser.add_argument("--machines", type=int, default=4)
    parser.add_argument("--memory", type=int, default=512, help="MiB of each, for its commands")
    parser.add_argument("--json", help="writes the figures there")
    options = parser.parse_args()
    directory = Path(tempfile.mkdtemp(prefix="hpcc-bench-vm."))
    # A hypervisor has a user id of its own.
    directory.chmod(0o711)
    try:
        report = measure(options, directory)
    except (lib.BenchError, OSError, subprocess.SubprocessError) as error:
        print("not measured: %s" % error, file=sys.stderr)
        return 2
    finally:
        shutil.rmtree(directory, ignore_errors=True)
    print_report(report)
    if options.json:
        Path(options.json).write_text(json.dumps(report, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
