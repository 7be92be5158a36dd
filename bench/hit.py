#!/usr/bin/env python3
"""One hit on a C++ unit that includes some 540 headers, through each cache.

Claim: hpcc, without a daemon, takes at most half of ccache's time (both with their defaults).
"""

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


def measure(options):
    with lib.workspace(options.keep) as directory, lib.sccache_launcher(directory) as sccache:
        binary = lib.find_hpcc(options.hpcc)
        launchers = [
            lib.null_launcher(directory),
            lib.hpcc_launcher(directory, binary),
            lib.hpcc_launcher(
                directory, binary, "hpcc, uncompressed", {"HPCC_COMPRESSION": "none"}
            ),
            lib.ccache_launcher(directory),
            lib.ccache_launcher(
                directory,
                "ccache, hard links, uncompressed",
                {"CCACHE_HARDLINK": "1", "CCACHE_NOCOMPRESS": "1"},
            ),
        ]
        launchers += [sccache] if sccache else []
        launchers += [lib.plain_launcher()]
        compiler = options.compiler or "/usr/bin/g++"
        hits = Hits(directory, compiler, launchers)
        hits.prime()
        every = {"sccache": 10, "plain": max(1, options.rounds // 5)}
        samples = lib.interleave(hits.launchers, options.rounds, hits.run, every)
        hits.check(samples)
        hits.run("hpcc")
        if hits.outputs() != hits.expected:
            raise lib.BenchError("hpcc's outputs are not the compiler's")
        object_bytes = len(hits.expected[0])

    summaries, rows = lib.timing_rows(samples, "wall", 1e3, "ccache")
    lib.print_table(
        f"One hit: {hits.headers} headers, object of {object_bytes} bytes; wall milliseconds",
        ["launcher", "median", "q1", "q3", "runs", "/ ccache"],
        rows,
    )
    cpu, rows = lib.timing_rows(samples, "cpu", 1e3, "ccache")
    lib.print_table(
        "The same, CPU milliseconds (of sccache: without its server)",
        ["launcher", "median", "q1", "q3", "runs", "/ ccache"],
        rows,
    )
    ratio = summaries["hpcc"]["median"] / summaries["ccache"]["median"]
    return {
        "bench": "hit",
        "headers": hits.headers,
        "object_bytes": object_bytes,
        "compiler": compiler,
        "wall_seconds": summaries,
        "cpu_seconds": cpu,
        "bars": [lib.bar("one hit, hpcc / ccache", ratio, 0.5)],
    }


def main():
    parser = lib.argument_parser(__doc__)
    parser.add_argument("--rounds", type=int, default=300)
    parser.add_argument("--compiler", help="default /usr/bin/g++")
    return lib.bench_main(measure, parser.parse_args())


if __name__ == "__main__":
    sys.exit(main())
