#!/usr/bin/env python3
"""Whole builds of Lua 5.4, of googletest with its tests (from Debian's source packages without
Debian's patches) or of Linux 6.1 tinyconfig (Debian's linux-source-6.1).

  build.py lua --warm          every object is in the cache
  build.py googletest --warm
  build.py googletest --cold   an empty cache: what does filling it cost?
  build.py kernel --warm
  build.py kernel --cold

Claims: a warm build takes at most 1.25 of null's time and less than ccache's, with the daemon 1.10
and less than ccache's in any setting; a cold build takes at most 3% more CPU than the plain build,
the daemon's included. Warm builds are measured whole (with the links, which no launcher saves) and,
for information, up to the objects alone.

Every launcher has its own tree, which stands at the same path while it builds. Objects must come
out byte for byte as the plain compiler's, and warm builds must be all hits.
"""

import contextlib
import os
import shutil
import sys

import lib
from projects import JOBS, PROJECTS

WARM_OVER_NULL = 1.25
WARM_WITH_DAEMON_OVER_NULL = 1.10
COLD_OVER_PLAIN = 1.03


class Builds:
    """One tree per launcher, moved to the common path while it is worked on."""

    def __init__(self, project_class, directory, launchers, source=None):
        self.directory = directory
        self.base = lib.base_environment(directory)
        self.launchers = {one.name: one for one in launchers}
        self.at = directory / "tree"
        self.project = project_class(self.at)
        if source:
            self.copy_tree(source, self.at)
        else:
            self.project.fetch()
        pristine = directory / "pristine"
        self.at.rename(pristine)
        for one in launchers:
            self.copy_tree(pristine, self.tree_of(one.name))
            self.enter(one.name)
            self.project.configure(one, self.base)
            self.leave(one.name)

    def copy_tree(self, source, target):
        shutil.copytree(source, target, symlinks=True, copy_function=self.project.copy_file)

    def tree_of(self, name):
        return self.directory / f"tree of {name}"

    def enter(self, name):
        self.tree_of(name).rename(self.at)

    def leave(self, name):
        self.at.rename(self.tree_of(name))

    def build(self, name, recording=False, objects_only=False, empty_cache=False):
        launcher = self.launchers[name]
        self.enter(name)
        try:
            self.project.clean()
            if empty_cache:
                launcher.empty_cache()
            argv = self.project.command(launcher, objects_only)
            env = {**launcher.environment(self.base, recording), **self.project.env}
            return launcher.run(argv, env, self.at, self.directory / "log")
        finally:
            os.chdir(self.directory)
            self.leave(name)

    def objects(self, name):
        tree = self.tree_of(name)
        return {path.relative_to(tree): path.read_bytes() for path in tree.rglob("*.o")}

    def check_objects(self, reference):
        """They must be the same for all launchers. Returns how many compiles can be hits."""
        expected = self.objects(reference)
        for name in self.launchers:
            found = self.objects(name)
            if found.keys() != expected.keys():
                raise lib.BenchError(f"{name} made other objects than {reference}")
            different = [str(path) for path in found if found[path] != expected[path]]
            if different:
                raise lib.BenchError(f"{name}: differs from {reference}: {', '.join(different)}")
        return self.project.units(self.tree_of(reference)) - self.project.uncacheable


    def repeated_objects(self, name):
        """How many compiles repeat another one: even a cold cache may answer those."""
        contents = list(self.objects(name).values())
        return len(contents) - len(set(contents))


@contextlib.contextmanager
def hpcc_launchers(options, directory):
    """hpcc alone, and unless told otherwise with a daemon."""
    binary = lib.find_hpcc(options.hpcc)
    alone = lib.hpcc_launcher(directory, binary)
    if options.no_daemon:
        yield [alone]
        return
    with lib.hpcc_daemon_launcher(directory, binary) as with_daemon:
        yield [alone, with_daemon]


def peers(options, directory):
    return [] if options.without_peers else lib.ccache_launchers(directory)


def is_expected(launcher, project_class, count, units):
    if launcher.name.startswith("ccache") and project_class.ccache_answers_tests:
        return count >= units
    return count == units


def measure_warm(options, project_class):
    with lib.workspace(options.keep) as directory, hpcc_launchers(options, directory) as hpcc:
        caches = [*hpcc, *peers(options, directory)]
        timed = [lib.null_launcher(directory), *caches]
        builds = Builds(project_class, directory, timed, options.source)
        filling = {name: [builds.build(name, recording=True)] for name in builds.launchers}
        for one in timed:
            builds.build(one.name)
        before = {one.name: one.counts() for one in caches}
        units = builds.check_objects("null")  # what the plain compiler made when it was recorded

        parts = {"whole build": False}
        if project_class.has_objects_part:
            parts["objects only"] = True
        names = [(one.name, part) for part in parts for one in timed]
        samples = lib.interleave(
            names, options.rounds, lambda name: builds.build(name[0], objects_only=parts[name[1]])
        )
        for one in caches:
            seen = one.counts().since(before[one.name])
            expected = units * options.rounds * len(parts)
            if seen.misses or not is_expected(one, project_class, seen.hits, expected):
                raise lib.BenchError(f"{one.name}: {units} objects a build, but {seen}")

    what = f"{project_class.package}, warm"
    report = {"bench": f"build {what}", "units": units, "jobs": int(JOBS)}
    summaries, rows = lib.timing_rows(filling, "cpu", 1, "null")
    lib.print_table(
        f"{what}: filling the caches, once each; cpu seconds (null: compiles and copies)",
        ["launcher", "seconds", "/ null"],
        [[row[0], row[1], row[-1]] for row in rows],
    )
    report["filling, cpu_seconds"] = summaries
    for part in parts:
        mine = {one.name: samples[one.name, part] for one in timed}
        for kind in ("wall", "cpu"):
            summaries, rows = lib.timing_rows(mine, kind, 1e3, "null")
            lib.print_table(
                f"{what}, {part}: {units} objects, -j{JOBS}; {kind} milliseconds",
                ["launcher", "median", "q1", "q3", "runs", "/ null"],
                rows,
            )
            report[f"{part}, {kind}_seconds"] = summaries
    report["bars"] = warm_bars(what, {one.name: samples[one.name, "whole build"] for one in timed})
    return report


def warm_bars(what, samples):
    def ratio_bar(mine, other, limit):
        ratio = lib.paired_ratio(samples[mine], samples[other], "wall")
        return lib.bar(f"build of {what}, {mine} / {other}", ratio, limit)

    bars = [ratio_bar("hpcc", "null", WARM_OVER_NULL)]
    if "ccache" in samples:
        bars.append(ratio_bar("hpcc", "ccache", 1.0))
    if "hpcc, daemon" in samples:
        bars.append(ratio_bar("hpcc, daemon", "null", WARM_WITH_DAEMON_OVER_NULL))
        ccaches = (name for name in samples if name.startswith("ccache"))
        bars += [ratio_bar("hpcc, daemon", name, 1.0) for name in ccaches]
    return bars


def measure_cold(options, project_class):
    with lib.workspace(options.keep) as directory, hpcc_launchers(options, directory) as hpcc:
        ccaches = peers(options, directory)
        launchers = [lib.plain_launcher(), *hpcc, *ccaches]
        builds = Builds(project_class, directory, launchers, options.source)
        # So that none pays for reading the disk, or for programs that only its tree's first build makes.
        for one in launchers:
            builds.build(one.name, empty_cache=True)
        samples = lib.interleave(
            builds.launchers,
            options.rounds,
            lambda name: builds.build(name, empty_cache=True),
            every={one.name: 3 for one in ccaches},
        )
        units = builds.check_objects("plain")
        for one in launchers[1:]:
            seen = one.counts()
            allowed = builds.repeated_objects("plain")
            if one not in hpcc and project_class.ccache_answers_tests:
                allowed = seen.hits
            wrong_hits = seen.hits > allowed
            if wrong_hits or not is_expected(one, project_class, seen.hits + seen.misses, units):
                raise lib.BenchError(f"{one.name}: {units} objects into an empty cache, but {seen}")

    what = f"{project_class.package}, cold"
    report = {"bench": f"build {what}", "units": units, "jobs": int(JOBS)}
    for kind in ("cpu", "wall"):
        summaries, rows = lib.timing_rows(samples, kind, 1, "plain")
        for row in rows:
            row[-1] = f"{float(summaries[row[0]]['median'] / summaries['plain']['median']):.3f}"
        lib.print_table(
            f"{what}: {units} objects, -j{JOBS}; {kind} seconds",
            ["launcher", "median", "q1", "q3", "runs", "/ plain"],
            rows,
        )
        report[f"{kind}_seconds"] = summaries
    report["bars"] = [
        lib.bar(
            f"build of {what}, CPU, {one.name} / plain",
            lib.paired_ratio(samples[one.name], samples["plain"], "cpu"),
            COLD_OVER_PLAIN,
        )
        for one in hpcc
    ]
    return report


def main():
    parser = lib.argument_parser(__doc__)
    parser.add_argument("project", choices=PROJECTS)
    kind = parser.add_mutually_exclusive_group(required=True)
    kind.add_argument("--warm", action="store_const", dest="measure", const=measure_warm)
    kind.add_argument("--cold", action="store_const", dest="measure", const=measure_cold)
    parser.add_argument("--source", metavar="DIR", help="the sources, instead of fetching them")
    parser.add_argument("--without-peers", action="store_true", help="leave ccache out")
    parser.add_argument("--rounds", type=int, help="default: 15 warm, 5 cold")
    options = parser.parse_args()
    if options.rounds is None:
        options.rounds = 15 if options.measure is measure_warm else 5
    return lib.bench_main(
        lambda given: given.measure(given, PROJECTS[given.project]), options
    )


if __name__ == "__main__":
    sys.exit(main())
