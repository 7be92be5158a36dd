#!/usr/bin/env python3
"""One hit on a C++ unit that includes some 540 headers, through each cache.

Claims, all programs with their defaults: hpcc takes at most half of ccache's time without a daemon,
and with one at most a quarter of it and twice that of null.
"""

import contextlib
import sys

import lib

# The standard library whole, and Abseil's status and strings: 540-odd headers with g++ 12.
SOURCE = """\
#include <bits/stdc++.h>

#include "absl/status/statusor.h"

namespace {
struct Word {
  std::string text;
  std::vector<int> places;
};
}  // namespace

absl::StatusOr<std::map<std::string, Word>> Index(const std::vector<std::string>& lines) {
  std::map<std::string, Word> index;
  for (size_t number = 0; number < lines.size(); ++number) {
    std::istringstream words(lines[number]);
    for (std::string word; words >> word;) {
      if (word.size() > 100) return absl::InvalidArgumentError("word too long");
      Word& entry = index[word];
      entry.text = word;
      entry.places.push_back(static_cast<int>(number));
    }
  }
  return index;
}

std::vector<std::string> Sorted(std::unordered_map<std::string, int> counts) {
  std::vector<std::pair<int, std::string>> order;
  for (auto& [word, count] : counts) order.emplace_back(count, word);
  std::ranges::sort(order, std::greater<>());
  std::vector<std::string> words;
  for (auto& [count, word] : order) words.push_back(std::move(word));
  return words;
}
"""
COMMAND = ["-std=c++20", "-O2", "-g", "-Wall", "-MD", "-MF", "unit.d", "-c", "unit.cc"]


def headers_in(depfile):
    words = depfile.read_text().replace("\\\n", " ").split()
    return len(words) - 2  # the target and the source


class Hits:
    """Primes each launcher once, then times hits and sees to it that they were hits."""

    def __init__(self, directory, compiler, launchers):
        self.directory = directory
        self.compiler = compiler
        self.base = lib.base_environment(directory)
        self.launchers = {one.name: one for one in launchers}
        self.work = directory / "work"
        self.work.mkdir()
        (self.work / "unit.cc").write_text(SOURCE)
        self.object = self.work / "unit.o"
        self.depfile = self.work / "unit.d"
        self.log = directory / "log"

    def run(self, name, recording=False):
        launcher = self.launchers[name]
        self.object.unlink(missing_ok=True)
        self.depfile.unlink(missing_ok=True)
        argv = [*launcher.words, self.compiler, *COMMAND, "-o", "unit.o"]
        env = launcher.environment(self.base, recording)
        return lib.run_timed(argv, env, self.work, self.log)

    def outputs(self):
        return self.object.read_bytes(), self.depfile.read_bytes()

    def prime(self):
        self.run("plain")
        self.expected = self.outputs()
        self.headers = headers_in(self.depfile)
        for name in self.launchers:
            self.run(name, recording=True)
            self.run(name)  # sccache and ccache finish some of their set-up on the first hit
            if self.outputs() != self.expected:
                raise lib.BenchError(f"{name}'s outputs are not the compiler's")
        self.before = self.counts()

    def counts(self):
        return {name: one.counts() for name, one in self.launchers.items() if one.counts}

    def check(self, samples):
        for name, now in self.counts().items():
            seen = now.since(self.before[name])
            if seen != lib.Counts(len(samples[name]), 0, 0):
                raise lib.BenchError(f"{name}: {len(samples[name])} runs, but {seen}")


@contextlib.contextmanager
def all_launchers(options, directory):
    binary = lib.find_hpcc(options.hpcc)
    with contextlib.ExitStack() as stack:
        launchers = [lib.null_launcher(directory)]
        if not options.no_daemon:
            launchers.append(stack.enter_context(lib.hpcc_daemon_launcher(directory, binary)))
        launchers.append(lib.hpcc_launcher(directory, binary))
        launchers.append(
            lib.hpcc_launcher(directory, binary, "hpcc, uncompressed", {"HPCC_COMPRESSION": "none"})
        )
        launchers += lib.ccache_launchers(directory)
        sccache = stack.enter_context(lib.sccache_launcher(directory))
        launchers += [sccache] if sccache else []
        yield [*launchers, lib.plain_launcher()]


def measure(options):
    with lib.workspace(options.keep) as directory, all_launchers(options, directory) as launchers:
        compiler = options.compiler or "/usr/bin/g++"
        hits = Hits(directory, compiler, launchers)
        hits.prime()
        daemons = {one.name: one.daemon for one in launchers if one.daemon}
        before = {name: daemon.cpu() for name, daemon in daemons.items()}
        every = {"sccache": 10, "plain": max(1, options.rounds // 5)}
        samples = lib.interleave(hits.launchers, options.rounds, hits.run, every)
        in_daemon = {name: daemon.cpu() - before[name] for name, daemon in daemons.items()}
        hits.check(samples)
        for name in (name for name in hits.launchers if name.startswith("hpcc")):
            hits.run(name)
            if hits.outputs() != hits.expected:
                raise lib.BenchError(f"{name}'s outputs are not the compiler's")
        object_bytes = len(hits.expected[0])

    summaries, rows = lib.timing_rows(samples, "wall", 1e3, "ccache")
    lib.print_table(
        f"One hit: {hits.headers} headers, object of {object_bytes} bytes; wall milliseconds",
        ["launcher", "median", "q1", "q3", "runs", "/ ccache"],
        rows,
    )
    cpu, rows = lib.timing_rows(samples, "cpu", 1e3, "ccache")
    lib.print_table(
        "The same, CPU milliseconds (without servers and daemons)",
        ["launcher", "median", "q1", "q3", "runs", "/ ccache"],
        rows,
    )
    for name, seconds in in_daemon.items():
        cpu[name]["daemon_mean"] = seconds / options.rounds
        print(f"  {name}: and {seconds / options.rounds * 1e3:.2f} in the daemon, on average")
    return {
        "bench": "hit",
        "headers": hits.headers,
        "object_bytes": object_bytes,
        "compiler": compiler,
        "wall_seconds": summaries,
        "cpu_seconds": cpu,
        "bars": bars({name: summary["median"] for name, summary in summaries.items()}),
    }


def bars(median):
    claims = [("hpcc", "ccache", 0.5)]
    if "hpcc, daemon" in median:
        claims += [("hpcc, daemon", "null", 2.0), ("hpcc, daemon", "ccache", 0.25)]
    return [
        lib.bar(f"one hit, {mine} / {other}", median[mine] / median[other], limit)
        for mine, other, limit in claims
    ]


def main():
    parser = lib.argument_parser(__doc__)
    parser.add_argument("--rounds", type=int, default=300)
    parser.add_argument("--compiler", help="default /usr/bin/g++")
    return lib.bench_main(measure, parser.parse_args())


if __name__ == "__main__":
    sys.exit(main())
