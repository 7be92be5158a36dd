#!/usr/bin/env python3
"""Remote compiles on loopback, by `hpcc cluster dev`: how long a hit and a compile take, what they cost
the client, and what is sent.

    bench/remote.py [--rounds N] [--json FILE] [--hpcc BINARY]

Time: one command after the other, by a client that keeps nothing (paranoid), so that all goes to the
worker. A hit is a unit that the worker has; a compile is one whose source was just changed, with headers
that hpcc-remote knows. Both are of Lua's units.

CPU: of the wrapper and of hpcc-remote together for each such compile, as a share of what the compiler
takes here; each unit counts alike. Bar: 10 %.

Bytes: what hpcc-remote has sent to the worker, as the kernel counts it (TLS included), for Lua built
with nothing known, with the worker knowing it all, from the local cache, and after one header changed.
"""

import contextlib
import json
import os
import re
import statistics
import subprocess
import sys
import time
from pathlib import Path

import lib
import projects

CPU_BAR = 0.10
FLAGS = ["-std=gnu99", "-O2", "-Wall", "-DLUA_COMPAT_5_3", "-DLUA_USE_LINUX"]


class Cluster:
    """A development cluster of the bench's own, on its machine."""

    def __init__(self, hpcc, folder):
        self.folder = folder
        self.log = open(folder.with_name("cluster.log"), "wb")
        self.process = subprocess.Popen(
            [hpcc, "cluster", "dev", "--dir", folder], env=lib.base_environment(folder.parent),
            stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log, start_new_session=True)
        deadline = time.monotonic() + 60
        while b"ready" not in folder.with_name("cluster.log").read_bytes():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise lib.BenchError("hpcc cluster dev: no cluster; see " + self.log.name)
            time.sleep(0.05)
        worker = (folder / "worker.toml").read_text()
        self.port = re.search(r'listen = ".*:(\d+)"', worker)[1]

    def stop(self):
        self.process.terminate()
        self.process.wait(60)


class Client:
    """A user with a hpcc-remote and, unless paranoid, a cache."""

    def __init__(self, hpcc, cluster, folder, paranoid=False):
        self.hpcc, self.cluster = str(hpcc), cluster
        runtime = folder / "run"
        runtime.mkdir(parents=True, mode=0o700)
        text = (cluster.folder / "client.toml").read_text()
        if paranoid:
            text = "paranoid = true\n" + text[text.index("[remote]"):]
        (folder / "hpcc.toml").write_text(text)
        self.env = {**lib.base_environment(folder), "HPCC_CONFIG": str(folder / "hpcc.toml"),
                    "HPCC_CACHE_DIR": str(folder / "cache"), "HPCC_RUNTIME_DIR": str(runtime)}
        self.log = folder / "log"

    @property
    def words(self):
        return [self.hpcc]

    def environment(self, base, recording=False):
        return {**base, **self.env}

    def remote_process(self):
        """hpcc-remote's id, which its lock file's holder is found by; None before the first compile."""
        wanted = b"HPCC_RUNTIME_DIR=" + self.env["HPCC_RUNTIME_DIR"].encode()
        for entry in Path("/proc").iterdir():
            with contextlib.suppress(OSError):
                if entry.name.isdigit() and (entry / "comm").read_text() == "hpcc-remote\n" and (
                        wanted in (entry / "environ").read_bytes().split(b"\0")):
                    return entry.name
        return None

    def remote_cpu(self):
        fields = Path("/proc", self.remote_process(), "stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def sent(self):
        """Bytes to the worker so far."""
        process = self.remote_process()
        if process is None:
            return 0
        said = subprocess.run(["ss", "-tinpOH", "dst", "127.0.0.1:" + self.cluster.port],
                              capture_output=True, text=True, check=True, timeout=20).stdout
        return sum(int(re.search(r"bytes_sent:(\d+)", line)[1]) for line in said.splitlines()
                   if "pid=%s," % process in line and "bytes_sent:" in line)

    def compile(self, unit, tree):
        return lib.run_timed([self.hpcc, "gcc", *FLAGS, "-c", unit, "-o", unit[:-2] + ".o"],
                             self.env, tree, self.log)

    def counts(self):
        out = subprocess.run([self.hpcc, "stats", "--json"], env=self.env, check=True,
                             capture_output=True, timeout=30).stdout
        return json.loads(out)["remote_compiles"]

    def check(self, before, **wanted):
        """That all that was just done was done by a worker."""
        now = self.counts()
        for name in ("compiled", "hits", "fallbacks"):
            if now[name] - before[name] != wanted.get(name, 0):
                raise lib.BenchError(f"{name}: {now[name] - before[name]}, not "
                                     f"{wanted.get(name, 0)}: {now}")


def percentiles(seconds):
    ordered = sorted(seconds)
    at = lambda share: ordered[min(len(ordered) - 1, int(share * len(ordered)))] * 1000
    return {"p50_ms": at(0.50), "p99_ms": at(0.99), "runs": len(ordered)}


def measure_times(client, tree, units, rounds):
    """Hits and compiles in turns; and the CPU seconds of the compiles by unit."""
    for unit in units:
        client.compile(unit, tree)  # the worker knows them, and hpcc-remote the headers
    before = client.counts()
    hits, compiles, cpu = [], [], {unit: [] for unit in units}
    for number in range(rounds):
        unit = units[number % len(units)]
        hits.append(client.compile(unit, tree).wall)
    client.check(before, hits=rounds)
    before = client.counts()
    remote_before = client.remote_cpu()
    for number in range(rounds):
        unit = units[number % len(units)]
        source = tree / unit
        kept = source.read_text()
        source.write_text(kept + "/* %d */\n" % number)
        sample = client.compile(unit, tree)
        source.write_text(kept)
        compiles.append(sample.wall)
        cpu[unit].append(sample.cpu)
    remote = (client.remote_cpu() - remote_before) / rounds
    client.check(before, compiled=rounds)
    return percentiles(hits), percentiles(compiles), cpu, remote


def measure_share(cpu, remote, tree, units, env, log):
    """Of what the compiler takes here: for each unit, and over all."""
    local = {unit: statistics.median(
        lib.run_timed(["/usr/bin/gcc", *FLAGS, "-c", unit, "-o", "local.o"], env, tree, log).cpu
        for _ in range(3)) for unit in units}
    mine = {unit: statistics.median(samples) + remote for unit, samples in cpu.items() if samples}
    total = sum(mine.values()) / sum(local[unit] for unit in mine)
    return {"client_ms": 1000 * statistics.mean(mine.values()),
            "wrapper_ms": 1000 * statistics.mean(mine.values()) - 1000 * remote,
            "hpcc_remote_ms": 1000 * remote,
            "local_ms": 1000 * statistics.mean(local[unit] for unit in mine),
            "share": total}


def build(client, lua):
    """Bytes to the worker, and what was done by it."""
    lua.clean()
    sent, before = client.sent(), client.counts()
    lib.run_timed(lua.command(client, True), client.environment({}), lua.tree, client.log)
    now = client.counts()
    return {"bytes": client.sent() - sent,
            **{name: now[name] - before[name] for name in ("compiled", "hits", "fallbacks")}}


def measure_bytes(hpcc, cluster, directory, lua):
    first, second = (Client(hpcc, cluster, directory / name) for name in ("first", "second"))
    bytes_sent = {"nothing known": build(first, lua), "local cache": build(first, lua),
                  "worker knows all": build(second, lua)}
    header = lua.tree / "src/lobject.h"
    kept = header.read_text()
    header.write_text(kept + "#define CHANGED_BY_THE_BENCH 1\n")
    bytes_sent["one header changed"] = build(first, lua)
    header.write_text(kept)
    return bytes_sent


def report(times, share, bytes_sent):
    lib.print_table("time of one command", ["", "p50 ms", "p99 ms", "runs"],
                    [[name, f"{one['p50_ms']:.1f}", f"{one['p99_ms']:.1f}", one["runs"]]
                     for name, one in times.items()])
    lib.print_table("CPU of one compile, ms", ["wrapper", "hpcc-remote", "client", "compiler here"],
                    [[f"{share[name]:.1f}" for name in
                      ("wrapper_ms", "hpcc_remote_ms", "client_ms", "local_ms")]])
    lib.print_table("bytes sent to the worker by a build", ["", "bytes", "compiled", "hits", "here"],
                    [[name, f"{one['bytes']:,}", one["compiled"], one["hits"], one["fallbacks"]]
                     for name, one in bytes_sent.items()])


def measure(options):
    hpcc = lib.find_hpcc(options.hpcc)
    with lib.workspace(options.keep) as directory:
        lua = projects.Lua(directory / "lua")
        lua.fetch()
        cluster = Cluster(hpcc, directory / "dev")
        try:
            client = Client(hpcc, cluster, directory / "paranoid", paranoid=True)
            tree = lua.tree / "src"
            units = sorted(path.name for path in tree.glob("*.c"))
            hits, compiles, cpu, remote = measure_times(client, tree, units, options.rounds)
            local = lib.base_environment(directory)
            share = measure_share(cpu, remote, tree, units, local, directory / "log")
            bytes_sent = measure_bytes(hpcc, cluster, directory, lua)
        finally:
            cluster.stop()
    times = {"a hit at the worker": hits, "a compile by the worker": compiles}
    report(times, share, bytes_sent)
    bars = [lib.bar("remote compile: client CPU as a share of compiling here", share["share"], CPU_BAR)]
    return {"times": times, "cpu": share, "bytes": bytes_sent, "bars": bars}


if __name__ == "__main__":
    parser = lib.argument_parser(__doc__)
    parser.add_argument("--rounds", type=int, default=330, help="hits, and compiles")
    chosen = parser.parse_args()
    sys.exit(lib.bench_main(measure, chosen))
