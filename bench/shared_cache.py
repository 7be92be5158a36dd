#!/usr/bin/env python3
"""The shared cache: hpcc, sccache and ccache on the same S3 server (Ceph's radosgw on loopback), with
nothing in a local cache.

  shared_cache.py build lua          a warm build: wall and CPU time, bytes on the wire
  shared_cache.py build googletest
  shared_cache.py hit                one hit on a unit with some 540 headers: p50 and p99
  shared_cache.py dead               what a remote that does not answer costs a cold build of Lua

Claims: a warm remote build takes at most half of sccache's time; a dead remote costs a build at most
5 seconds in all. CPU times include hpcc-remote's and sccache's server's.

Debian 12's sccache was built without remote storage. It then keeps its results on the local disk,
which spares it the network; the claim is the same. ccache, for information, uses the server's HTTP
without signatures, which hpcc and sccache have to make.
"""

import contextlib
import statistics
import sys
import time

import lib
import shared_cache_lib as shared
from build import Builds
from hit import Hits
from projects import JOBS, PROJECTS

OVER_SCCACHE = 0.5
DEAD_SECONDS = 5.0
BUCKETS = [tool.bucket for tool in (shared.Hpcc, shared.Sccache, shared.Ccache)]


@contextlib.contextmanager
def all_tools(options, directory, port, suffix="", disk=True):
    """hpcc, sccache and ccache with a bucket each, reached through `port`."""
    binary = lib.find_hpcc(options.hpcc)
    hpcc = shared.Hpcc(directory, binary, "hpcc" + suffix, f"http://127.0.0.1:{port}", disk)
    ccache = shared.Ccache(directory, port, suffix)
    try:
        with shared.Sccache(directory, port, suffix) as sccache:
            yield [hpcc, sccache, ccache]
    finally:
        hpcc.end()


def make_buckets(server):
    return shared.make_buckets(server, BUCKETS)


def fill(builds, owner, tools):
    """{bucket: objects in it}."""
    for tool in tools:
        builds.build(tool.launcher.name, empty_cache=True)
    return {name: shared.wait_until_written(owner, name) for name in BUCKETS}


def check_all_hits(tool, before, units):
    seen = tool.launcher.counts().since(before)
    if seen != lib.Counts(units, 0, 0):
        raise lib.BenchError(f"{tool.launcher.name}: {units} objects, but {seen}")


def bytes_of_a_build(options, directory, server, builds, tools):
    """One more warm build each, through a proxy that counts: {name: received, sent, requests}."""
    result = {}
    with shared.FaultProxy(server.port) as proxy:
        with all_tools(options, directory, proxy.port, ", counted") as counted:
            for tool, with_proxy in zip(tools, counted):
                name = tool.launcher.name
                if not tool.remote:
                    continue
                builds.launchers[name] = with_proxy.launcher  # in the same tree
                proxy.forget()
                builds.build(name, empty_cache=True)
                if with_proxy.launcher.counts().misses:
                    raise lib.BenchError(f"{name}: misses through the proxy")
                result[name] = {
                    "received": proxy.bytes_to_clients,
                    "sent": proxy.bytes_from_clients,
                    "requests": sum(proxy.requests.values()),
                }
                builds.launchers[name] = tool.launcher
    return result


def measure_build(options):
    project_class = PROJECTS[options.project]
    with contextlib.ExitStack() as stack:
        directory = stack.enter_context(lib.workspace(options.keep))
        server = stack.enter_context(shared.s3_server())
        owner = make_buckets(server)
        tools = stack.enter_context(all_tools(options, directory, server.port))
        launchers = [lib.plain_launcher(), *(tool.launcher for tool in tools)]
        builds = Builds(project_class, directory, launchers, options.source)
        plain = builds.build("plain")
        written = fill(builds, owner, tools)
        units = builds.check_objects("plain")
        names = [tool.launcher.name for tool in tools]
        for name in names:
            builds.build(name, empty_cache=True)
        parts = {"whole build": False}
        if project_class.has_objects_part:
            parts["objects only"] = True
        before = {tool.name: tool.launcher.counts() for tool in tools}
        samples = lib.interleave(
            [(name, part) for part in parts for name in names],
            options.rounds,
            lambda what: builds.build(what[0], objects_only=parts[what[1]], empty_cache=True),
        )
        for tool in tools:
            if tool.launcher.cache_dir:  # its counters are emptied with its cache
                check_all_hits(tool, lib.Counts(0, 0, 0), units)
            else:
                check_all_hits(tool, before[tool.name], units * options.rounds * len(parts))
        builds.check_objects("plain")
        wire = bytes_of_a_build(options, directory, server, builds, tools)
        where = {tool.launcher.name: "S3" if tool.remote else "local disk" for tool in tools}
    report = report_build(project_class, units, plain, samples, parts, names, where)
    lib.print_table(
        f"{project_class.package}: on the wire, one warm build",
        ["launcher", "bytes received", "bytes sent", "requests"],
        [[name, one["received"], one["sent"], one["requests"]] for name, one in wire.items()],
    )
    return {**report, "wire": wire, "objects_in_bucket": written}


def report_build(project_class, units, plain, samples, parts, names, where):
    what = f"{project_class.package}, warm from S3"
    report = {"bench": f"shared_cache {what}", "units": units, "jobs": int(JOBS),
              "plain_seconds": plain.wall, "from": where}
    for part in parts:
        mine = {name: samples[name, part] for name in names}
        for kind in ("wall", "cpu"):
            summaries, rows = lib.timing_rows(mine, kind, 1e3, "sccache")
            lib.print_table(
                f"{what}, {part}: {units} objects, -j{JOBS}; {kind} milliseconds"
                f" (plain build: {plain.wall:.1f} s)",
                ["launcher", "from", "median", "q1", "q3", "runs", "/ sccache"],
                [[row[0], where[row[0]], *row[1:]] for row in rows],
            )
            report[f"{part}, {kind}_seconds"] = summaries
    median = {name: report["whole build, wall_seconds"][name]["median"] for name in names}
    report["bars"] = [
        lib.bar(f"build of {what}, hpcc / sccache from {where['sccache']}",
                median["hpcc"] / median["sccache"], OVER_SCCACHE)
    ]
    return report


def percentiles(samples):
    values = sorted(sample.wall for sample in samples)
    hundredths = statistics.quantiles(values, n=100)
    return {"p50": hundredths[49], "p99": hundredths[98], "runs": len(values)}


def measure_hit(options):
    with contextlib.ExitStack() as stack:
        directory = stack.enter_context(lib.workspace(options.keep))
        server = stack.enter_context(shared.s3_server())
        owner = make_buckets(server)
        tools = stack.enter_context(all_tools(options, directory, server.port, disk=False))
        launchers = [*(tool.launcher for tool in tools), lib.plain_launcher()]
        hits = Hits(directory, "/usr/bin/g++", launchers)
        time.sleep(2.1)  # until the compiler is old enough to be remembered
        prime(hits, owner)
        companions = {tool.name: tool.launcher.daemon for tool in tools if tool.launcher.daemon}
        for launcher in launchers:
            launcher.daemon = None  # its ticks are too coarse for one hit
        before = {name: companion.cpu() for name, companion in companions.items()}
        every = {"sccache": 3, "plain": max(1, options.rounds // 3)}
        samples = lib.interleave(hits.launchers, options.rounds, hits.run, every)
        servers = {name: companion.cpu() - before[name] for name, companion in companions.items()}
        hits.check(samples)
        where = {tool.name: "S3" if tool.remote else "local disk" for tool in tools}
        hits.run("hpcc")
        if hits.outputs() != hits.expected:
            raise lib.BenchError("hpcc's outputs are not the compiler's")
    return report_hit(hits, samples, servers, where)


def prime(hits, owner):
    hits.run("plain")
    hits.expected = hits.outputs()
    hits.headers = len(hits.depfile.read_text().replace("\\\n", " ").split()) - 2
    for name in hits.launchers:
        hits.run(name, recording=True)
        for bucket in BUCKETS:
            shared.wait_until_written(owner, bucket)
        hits.run(name)
        if hits.outputs() != hits.expected:
            raise lib.BenchError(f"{name}'s outputs are not the compiler's")
    hits.before = hits.counts()


def report_hit(hits, samples, servers, where):
    spread = {name: percentiles(samples[name]) for name in where}
    rows, cpu = [], {}
    for name, one in spread.items():
        runs = samples[name]
        cpu[name] = {
            "command": statistics.mean(sample.cpu for sample in runs),
            "server": servers.get(name, 0.0) / len(runs),
        }
        rows.append([name, where[name], *(f"{one[key] * 1e3:.2f}" for key in ("p50", "p99")),
                     one["runs"], *(f"{seconds * 1e3:.2f}" for seconds in cpu[name].values())])
    lib.print_table(
        f"One hit: {hits.headers} headers, object of {len(hits.expected[0])} bytes; "
        "milliseconds of wall time, and of CPU on average",
        ["launcher", "from", "p50", "p99", "runs", "cpu, command", "cpu, hpcc-remote or server"],
        rows,
    )
    return {
        "bench": "shared_cache hit",
        "headers": hits.headers,
        "from": where,
        "wall_seconds": spread,
        "cpu_seconds": cpu,
        "bars": [lib.bar(f"one hit from S3, p50, hpcc / sccache from {where['sccache']}",
                         spread["hpcc"]["p50"] / spread["sccache"]["p50"], OVER_SCCACHE)],
    }


def dead_tools(options, directory, holes):
    """hpcc without a remote, and with each kind of dead one."""
    binary = lib.find_hpcc(options.hpcc)
    return {
        name: shared.Hpcc(directory, binary, name, endpoint)
        for name, endpoint in (("local only", None), *holes.items())
    }


def measure_dead(options):
    with contextlib.ExitStack() as stack:
        directory = stack.enter_context(lib.workspace(options.keep))
        silent = stack.enter_context(shared.BlackHole())
        unreachable = stack.enter_context(shared.BlackHole(accepting=False))
        tools = dead_tools(options, directory, {
            "refuses": shared.refusing_endpoint(),
            "never answers": silent.endpoint,
            "never accepts": unreachable.endpoint,
        })
        for tool in tools.values():
            stack.callback(tool.end)
        launchers = [tool.launcher for tool in tools.values()]
        builds = Builds(PROJECTS["lua"], directory, launchers, options.source)
        builds.build("local only", empty_cache=True)

        def build(name):
            tools[name].end()
            return builds.build(name, empty_cache=True)

        samples = lib.interleave(tools, options.rounds, build)
        builds.check_objects("local only")
    summaries, rows = lib.timing_rows(samples, "wall", 1, "local only")
    lib.print_table(
        f"Lua, cold, with a dead remote, -j{JOBS}; wall seconds",
        ["remote", "median", "q1", "q3", "runs", "/ local only"],
        rows,
    )
    base = summaries["local only"]["median"]
    worst = {name: max(sample.wall for sample in runs) for name, runs in samples.items()}
    return {
        "bench": "shared_cache dead",
        "wall_seconds": summaries,
        "bars": [
            lib.bar(f"what a remote that {name} costs a build, at worst", worst[name] - base,
                    DEAD_SECONDS, "s")
            for name in tools if name != "local only"
        ],
    }


def main():
    parser = lib.argument_parser(__doc__)
    parser.add_argument("what", choices=["build", "hit", "dead"])
    parser.add_argument("project", nargs="?", choices=["lua", "googletest"], default="lua")
    parser.add_argument("--rounds", type=int, help="default: build 7, hit 300, dead 3")
    parser.add_argument("--source", metavar="DIR", help="the sources, instead of fetching them")
    options = parser.parse_args()
    options.rounds = options.rounds or {"build": 7, "hit": 300, "dead": 3}[options.what]
    measures = {"build": measure_build, "hit": measure_hit, "dead": measure_dead}
    return lib.bench_main(measures[options.what], options)


if __name__ == "__main__":
    sys.exit(main())
