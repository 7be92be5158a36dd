"""What the benches share: launchers, timed commands, interleaved rounds, tables and verdicts.

A bench compares the same command through several launchers. They take turns (A B C A B C …), so
that whatever else the machine does hits all alike, and ratios are taken within one run, of medians.
Every launcher gets its own cache in the bench's own temporary directory, and an environment in
which the user's configuration of any of these tools is not seen.
"""

import argparse
import contextlib
import json
import os
import platform
import select
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


class BenchError(Exception):
    """The measurement can't be trusted or made; the message says why."""


@dataclass
class Sample:
    """One run of one command: seconds, of the command and of all children it waited for."""

    wall: float
    cpu: float


@dataclass
class Counts:
    """What a cache says it did: `others` is whatever was neither a direct hit nor a miss."""

    hits: int
    misses: int
    others: int

    def since(self, before):
        return Counts(
            self.hits - before.hits, self.misses - before.misses, self.others - before.others
        )


@dataclass
class Launcher:
    """A way to run a compiler: words before it and variables around it."""

    name: str
    words: list = field(default_factory=list)
    env: dict = field(default_factory=dict)
    # Only during the run that fills the cache.
    record_env: dict = field(default_factory=dict)
    # Returns the Counts so far; None where the launcher doesn't count.
    counts: object = None
    cache_dir: Path = None
    daemon: object = None  # a Daemon, whose CPU time is the launcher's too
    put_aside: int = 0  # caches

    def environment(self, base, recording=False):
        return {**base, **self.env, **(self.record_env if recording else {})}

    def run(self, argv, env, cwd, log):
        """As run_timed. The daemon's time is in the kernel's ticks: right for builds only."""
        before = self.daemon.cpu() if self.daemon else 0.0
        sample = run_timed(argv, env, cwd, log)
        if self.daemon:
            sample.cpu += self.daemon.cpu() - before
        return sample

    def empty_cache(self):
        """An empty cache, and a daemon that remembers nothing.

        The old one stays aside until the bench ends: for every file it makes, ext4 without a journal
        goes through the inodes that were freed in the last minute. That is no matter of a cache
        which was empty before."""
        if not self.cache_dir:
            return
        if self.daemon:
            self.daemon.stop()
        if self.cache_dir.exists():
            self.put_aside += 1
            self.cache_dir.rename(f"{self.cache_dir} {self.put_aside}")
        self.cache_dir.mkdir()
        if self.daemon:
            self.daemon.start()


def base_environment(home):
    """What every measured command sees; nothing of the caller's but PATH."""
    return {"PATH": os.environ["PATH"], "HOME": str(home), "LC_ALL": "C", "TMPDIR": str(home)}


def run_timed(argv, env, cwd, log):
    """Runs argv[0] (a path) to its end. A failure is a BenchError with the end of its output."""
    fd = os.open(log, os.O_RDWR | os.O_CREAT | os.O_TRUNC)
    actions = [
        (os.POSIX_SPAWN_OPEN, 0, "/dev/null", os.O_RDONLY, 0),
        (os.POSIX_SPAWN_DUP2, fd, 1),
        (os.POSIX_SPAWN_DUP2, fd, 2),
    ]
    os.chdir(cwd)
    start = time.perf_counter_ns()
    pid = os.posix_spawn(argv[0], argv, env, file_actions=actions)
    _, status, usage = os.wait4(pid, 0)
    wall = time.perf_counter_ns() - start
    os.close(fd)
    if status != 0:
        tail = Path(log).read_text(errors="replace")[-2000:]
        raise BenchError(f"status {status} from {' '.join(map(str, argv))}\n{tail}")
    return Sample(wall / 1e9, usage.ru_utime + usage.ru_stime)


def interleave(names, rounds, run, every=None, progress=True):
    """Calls run(name) `rounds` times for each name, in turns; every[name] = n takes every n-th."""
    every = every or {}
    samples = {name: [] for name in names}
    last = 0.0
    for number in range(rounds):
        for name in names:
            if number % every.get(name, 1) == 0:
                samples[name].append(run(name))
        if progress and sys.stderr.isatty() and time.monotonic() - last > 0.5:
            last = time.monotonic()
            print(f"\r  round {number + 1} of {rounds}", end="", file=sys.stderr, flush=True)
    if progress and sys.stderr.isatty():
        print("\r\033[K", end="", file=sys.stderr)
    return samples


def summarize(samples, kind):
    """Median and quartiles of the wall or cpu seconds of some samples."""
    values = sorted(getattr(sample, kind) for sample in samples)
    quarters = statistics.quantiles(values, n=4) if len(values) > 1 else [values[0]] * 3
    return {
        "median": statistics.median(values),
        "q1": quarters[0],
        "q3": quarters[2],
        "min": values[0],
        "runs": len(values),
    }


def paired_ratio(mine, other, kind):
    """The median over the rounds of mine / other within one round.

    A machine's slow minutes touch both of a pair, so they cancel out, which they don't in a
    ratio of two medians. Launchers that ran in fewer rounds have no pairs; then the medians serve.
    """
    if len(mine) != len(other):
        return summarize(mine, kind)["median"] / summarize(other, kind)["median"]
    return statistics.median(
        getattr(one, kind) / getattr(another, kind) for one, another in zip(mine, other)
    )


def bar(name, value, limit, unit=""):
    """One claim: `value` may be at most `limit`."""
    return {"name": name, "value": value, "limit": limit, "unit": unit, "pass": value <= limit}


def print_bars(bars):
    for one in bars:
        verdict = "PASS" if one["pass"] else "FAIL"
        unit = f" {one['unit']}" if one["unit"] else ""
        print(f"{verdict}  {one['name']}: {one['value']:.3f}{unit} (limit {one['limit']:g}{unit})")


def print_table(title, header, rows):
    """Columns padded to their widest cell; the first is left-aligned, the rest right-aligned."""
    print(f"\n{title}")
    cells = [header] + [[str(cell) for cell in row] for row in rows]
    widths = [max(len(row[column]) for row in cells) for column in range(len(header))]
    for index, row in enumerate(cells):
        padded = [row[0].ljust(widths[0])]
        padded += [cell.rjust(width) for cell, width in zip(row[1:], widths[1:])]
        print("  " + "  ".join(padded).rstrip())
        if index == 0:
            print("  " + "  ".join("-" * width for width in widths))


def timing_rows(samples, kind, scale, reference):
    """Rows of name, median, quartiles, runs and the ratio to `reference`'s median."""
    summaries = {name: summarize(runs, kind) for name, runs in samples.items()}
    base = summaries[reference]["median"]
    rows = []
    for name, one in summaries.items():
        numbers = [f"{one[key] * scale:.2f}" for key in ("median", "q1", "q3")]
        rows.append([name, *numbers, one["runs"], f"{one['median'] / base:.2f}"])
    return summaries, rows


# --- The launchers -------------------------------------------------------------------------------


def find_hpcc(given):
    path = Path(given or os.environ.get("HPCC_BIN") or ROOT / "build/release/bin/hpcc").resolve()
    if not os.access(path, os.X_OK):
        raise BenchError(f"no hpcc at {path}: build the release preset, or give --hpcc")
    return path


def build_null(directory):
    """The null launcher, built from source: one file, half a second, never out of date."""
    binary = Path(directory) / "null"
    source = ROOT / "bench/null_launcher.c"
    subprocess.run(["cc", "-O2", "-static", "-o", binary, source], check=True, timeout=60)
    return binary


def hpcc_counts(binary, env):
    out = subprocess.run(
        [binary, "stats", "--json"], env=env, check=True, capture_output=True, timeout=30
    ).stdout
    stats = json.loads(out)
    others = stats["preprocessed_hits"] + stats["not_cacheable"] + stats["errors"]
    return Counts(stats["direct_hits"], stats["misses"], others)


def ccache_counts(binary, env):
    out = subprocess.run(
        [binary, "--print-stats"], env=env, check=True, capture_output=True, text=True, timeout=30
    ).stdout
    stats = {key: int(value) for key, value in (line.split("\t") for line in out.splitlines())}
    slow_hits = stats["preprocessed_cache_hit"]
    return Counts(stats["direct_cache_hit"], stats["cache_miss"], slow_hits)


def plain_launcher():
    return Launcher("plain")


def null_launcher(directory):
    kept = Path(directory) / "null-kept"
    kept.mkdir()
    binary = build_null(directory)
    env = {"NULL_DIR": str(kept)}
    return Launcher("null", [str(binary)], env, {"NULL_RECORD": "1"}, cache_dir=kept)


def hpcc_launcher(directory, binary, name="hpcc", extra=None):
    """hpcc with its defaults, or with some HPCC_* variables under another name."""
    cache = Path(directory) / f"{name}-cache"
    cache.mkdir()
    config = Path(directory) / "empty.toml"
    config.touch()
    env = {"HPCC_CACHE_DIR": str(cache), "HPCC_CONFIG": str(config), **(extra or {})}
    base = base_environment(directory)
    counts = lambda: hpcc_counts(binary, {**base, **env})
    return Launcher(name, [str(binary)], env, counts=counts, cache_dir=cache)


class Daemon:
    """An hpcc daemon of a bench's own."""

    def __init__(self, binary, env, log):
        self.binary = binary
        self.env = env
        self.log = log
        self.process = None

    def start(self):
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                [self.binary, "start"],
                env=self.env,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
            )
        ready, _, _ = select.select([self.process.stdout], [], [], 10)
        if not ready or b"ready" not in self.process.stdout.readline():
            self.process.kill()
            self.process.wait()
            said = Path(self.log).read_text(errors="replace")[-2000:]
            raise BenchError(f"hpcc start: no daemon\n{said}")

    def stop(self):
        if self.process.poll() is not None:
            raise BenchError(f"the daemon left with status {self.process.returncode}")
        self.process.send_signal(signal.SIGTERM)
        if self.process.wait(30) != 0:
            raise BenchError(f"the daemon left with status {self.process.returncode} when told to")
        self.process.stdout.close()

    def cpu(self):
        """Seconds so far, of all its threads."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def memory(self):
        """Bytes that are its own, and those of the memory files it holds, mapped or not."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        own = dict(line.split(":", 1) for line in status.splitlines())["RssAnon"]
        files = {}
        for descriptor in Path(f"/proc/{self.process.pid}/fd").iterdir():
            with contextlib.suppress(OSError):  # closed meanwhile
                if os.readlink(descriptor).startswith("/memfd:"):
                    held = os.stat(descriptor)
                    files[held.st_ino] = held.st_blocks * 512
        return int(own.split()[0]) * 1024, sum(files.values())


@contextlib.contextmanager
def hpcc_daemon_launcher(directory, binary, name="hpcc, daemon", extra=None):
    """hpcc with a daemon, which is gone afterwards."""
    if not os.access(binary.with_name("hpcc-daemon"), os.X_OK):
        raise BenchError(f"no hpcc-daemon beside {binary}: build it, or give --no-daemon")
    runtime = Path(directory) / f"{name}-runtime"
    runtime.mkdir(mode=0o700)
    launcher = hpcc_launcher(
        directory, binary, name, {"HPCC_RUNTIME_DIR": str(runtime), **(extra or {})}
    )
    env = {**base_environment(directory), **launcher.env}
    launcher.daemon = Daemon(binary, env, Path(directory) / f"{name}-log")
    launcher.daemon.start()
    try:
        yield launcher
    except BaseException:
        launcher.daemon.process.kill()
        launcher.daemon.process.wait()
        raise
    launcher.daemon.stop()


def ccache_launcher(directory, name="ccache", extra=None):
    binary = shutil.which("ccache")
    if not binary:
        raise BenchError("ccache is not installed: apt-get install ccache")
    cache = Path(directory) / f"{name}-cache"
    cache.mkdir()
    config = Path(directory) / "empty.conf"
    config.touch()
    env = {"CCACHE_DIR": str(cache), "CCACHE_CONFIGPATH": str(config), **(extra or {})}
    base = base_environment(directory)
    counts = lambda: ccache_counts(binary, {**base, **env})
    return Launcher(name, [binary], env, counts=counts, cache_dir=cache)


def ccache_launchers(directory):
    """ccache with its defaults and in the settings that make its hits faster."""
    uncompressed = {"CCACHE_NOCOMPRESS": "1"}
    return [
        ccache_launcher(directory),
        ccache_launcher(directory, "ccache, uncompressed", uncompressed),
        ccache_launcher(directory, "ccache, hard links", {"CCACHE_HARDLINK": "1", **uncompressed}),
    ]


@contextlib.contextmanager
def sccache_launcher(directory):
    """sccache with a server of its own, which is gone afterwards. None where it isn't installed."""
    binary = shutil.which("sccache")
    if not binary:
        yield None
        return
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    cache = Path(directory) / "sccache-cache"
    env = {"SCCACHE_DIR": str(cache), "SCCACHE_SERVER_PORT": str(port)}
    server = subprocess.Popen(
        [binary],
        env={
            **base_environment(directory),
            **env,
            "SCCACHE_START_SERVER": "1",
            "SCCACHE_NO_DAEMON": "1",
            "SCCACHE_IDLE_TIMEOUT": "0",
        },
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_for_port(port, server)
        yield Launcher("sccache", [binary], env)
    finally:
        server.send_signal(signal.SIGTERM)
        try:
            server.wait(10)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait(10)


def wait_for_port(port, server, seconds=10):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and server.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise BenchError("sccache's server did not start")


# --- The frame of a bench ------------------------------------------------------------------------


def version_line(argv):
    try:
        out = subprocess.run(argv, capture_output=True, text=True, timeout=20)
    except OSError:
        return "not installed"
    return (out.stdout.splitlines() or ["unknown"])[0]


def machine():
    model = "unknown"
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                model = line.partition(":")[2].strip()
                break
    return {
        "cpu": model,
        "cpus": len(os.sched_getaffinity(0)),
        "kernel": platform.release(),
        "load_before": os.getloadavg()[0],
        "compiler": version_line(["g++", "--version"]),
        "ccache": version_line(["ccache", "--version"]),
        "sccache": version_line(["sccache", "--version"]),
    }


def argument_parser(doc):
    parser = argparse.ArgumentParser(
        description=doc, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--hpcc", help="the binary (default $HPCC_BIN, build/release/bin/hpcc)")
    parser.add_argument("--no-daemon", action="store_true", help="leave hpcc's daemon out")
    parser.add_argument("--json", metavar="FILE", help="write samples, medians and verdicts there")
    parser.add_argument("--keep", action="store_true", help="keep the temporary directory")
    return parser


@contextlib.contextmanager
def workspace(keep=False):
    directory = Path(tempfile.mkdtemp(prefix="hpcc-bench-"))
    before = os.getcwd()
    try:
        yield directory
    finally:
        os.chdir(before)
        if keep:
            print(f"kept: {directory}")
        else:
            shutil.rmtree(directory, ignore_errors=True)


def bench_main(measure, options):
    """Runs measure(options) -> report with "bars"; returns the exit status: 0 all pass, 1 not, 2
    when it could not be measured."""
    about = machine()
    try:
        report = measure(options)
    except (BenchError, subprocess.SubprocessError) as error:
        print(f"not measured: {error}", file=sys.stderr)
        return 2
    about["load_after"] = os.getloadavg()[0]
    report["machine"] = about
    print()
    print_bars(report["bars"])
    load = max(about["load_before"], about["load_after"])
    if load > about["cpus"]:
        print(f"note: load average {load:.1f} on {about['cpus']} CPUs: times are inflated")
    if options.json:
        Path(options.json).write_text(json.dumps(report, indent=1) + "\n")
    return 0 if all(one["pass"] for one in report["bars"]) else 1
