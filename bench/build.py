#!/usr/bin/env python3
"""Whole builds of Lua 5.4 or of googletest with its tests, from
Debian's source packages without Debian's patches.

  build.py lua --warm          every object is in the cache
  build.py googletest --warm
  build.py googletest --cold   an empty cache: what does filling it cost?

Claims: a warm build takes at most 1.25 of null's time and less than ccache's; a cold build of
googletest takes at most 3% more CPU than the plain build. Warm builds are measured whole (with the
links, which no launcher saves) and, for information, up to the objects alone.

Every launcher has its own tree, which stands at the same path while it builds. Objects must come
out byte for byte as the plain compiler's, and warm builds must be all hits.
"""

import os
import shutil
import subprocess
import sys

import lib

JOBS = str(len(os.sched_getaffinity(0)))
WARM_OVER_NULL = 1.25
COLD_OVER_PLAIN = 1.03


def fetch(package, tree):
    """Upstream's sources of the Debian package, without Debian's patches, as `tree`."""
    script = lib.ROOT / "scripts/fetch-source.sh"
    subprocess.run(
        [script, "--upstream", package, tree], check=True, timeout=600, stdout=sys.stderr
    )


class Lua:
    """Upstream's own Makefile: no dependency files, the links go through the launcher too."""

    package = "lua5.4"

    def __init__(self, tree):
        self.tree = tree

    def configure(self, launcher, base):
        pass

    def command(self, launcher, objects_only):
        words = " ".join([*launcher.words, "gcc -std=gnu99"])
        make = ["/usr/bin/make", "-C", "src", "-j", JOBS, f"CC={words}"]
        if objects_only:
            return [*make, "o", "SYSCFLAGS=-DLUA_USE_LINUX"]
        return [*make, "linux"]

    def clean(self):
        for pattern in ("*.o", "*.a"):
            for path in self.tree.glob(f"src/{pattern}"):
                path.unlink()
        for name in ("lua", "luac"):
            (self.tree / "src" / name).unlink(missing_ok=True)


class Googletest:
    """CMake with Ninja and CMake's own flags (so -MD), googletest's and googlemock's tests on."""

    package = "googletest"

    def __init__(self, tree):
        self.tree = tree

    def configure(self, launcher, base):
        word = ";".join(launcher.words)
        argv = ["cmake", "-S", self.tree, "-B", self.tree / "build", "-G", "Ninja"]
        argv += ["-Dgtest_build_tests=ON", "-Dgmock_build_tests=ON"]
        argv += [f"-DCMAKE_C_COMPILER_LAUNCHER={word}", f"-DCMAKE_CXX_COMPILER_LAUNCHER={word}"]
        env = launcher.environment(base, recording=True)
        subprocess.run(argv, env=env, check=True, timeout=300, stdout=subprocess.DEVNULL)

    def command(self, launcher, objects_only):
        ninja = [shutil.which("ninja"), "-C", "build", "-j", JOBS]
        return [*ninja, *self.objects] if objects_only else ninja

    def clean(self):
        # Before the first build there is nothing to clean, and the names aren't known.
        build = self.tree / "build"
        self.objects = sorted(str(path.relative_to(build)) for path in build.rglob("*.o"))
        subprocess.run(
            ["ninja", "-C", build, "-t", "clean"],
            check=True,
            timeout=60,
            stdout=subprocess.DEVNULL,
        )


class Builds:
    """One tree per launcher, moved to the common path while it is worked on."""

    def __init__(self, project_class, directory, launchers, source=None):
        self.directory = directory
        self.base = lib.base_environment(directory)
        self.launchers = {one.name: one for one in launchers}
        self.at = directory / "tree"
        if source:
            shutil.copytree(source, self.at, symlinks=True)
        else:
            fetch(project_class.package, self.at)
        self.project = project_class(self.at)
        pristine = directory / "pristine"
        self.at.rename(pristine)
        for one in launchers:
            shutil.copytree(pristine, self.tree_of(one.name), symlinks=True)
            self.enter(one.name)
            self.project.configure(one, self.base)
            self.leave(one.name)

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
            env = launcher.environment(self.base, recording)
            return lib.run_timed(argv, env, self.at, self.directory / "log")
        finally:
            os.chdir(self.directory)
            self.leave(name)

    def objects(self, name):
        tree = self.tree_of(name)
        return {path.relative_to(tree): path.read_bytes() for path in tree.rglob("*.o")}

    def check_objects(self, reference):
        """Returns how many there are; they must be the same for all launchers."""
        expected = self.objects(reference)
        for name in self.launchers:
            found = self.objects(name)
            if found.keys() != expected.keys():
                raise lib.BenchError(f"{name} made other objects than {reference}")
            different = [str(path) for path in found if found[path] != expected[path]]
            if different:
                raise lib.BenchError(f"{name}: differs from {reference}: {', '.join(different)}")
        return len(expected)


def measure_warm(options, project_class):
    with lib.workspace(options.keep) as directory:
        hpcc = lib.hpcc_launcher(directory, lib.find_hpcc(options.hpcc))
        ccache = lib.ccache_launcher(directory)
        timed = [lib.null_launcher(directory), hpcc, ccache]
        builds = Builds(project_class, directory, timed, options.source)
        for name in builds.launchers:
            builds.build(name, recording=True)
        for one in timed:
            builds.build(one.name)
        before = {one.name: one.counts() for one in (hpcc, ccache)}
        units = builds.check_objects("null")  # what the plain compiler made when it was recorded

        parts = {"whole build": False, "objects only": True}
        names = [(one.name, part) for part in parts for one in timed]
        samples = lib.interleave(
            names, options.rounds, lambda name: builds.build(name[0], objects_only=parts[name[1]])
        )
        for one in (hpcc, ccache):
            seen = one.counts().since(before[one.name])
            if seen.hits != units * options.rounds * len(parts) or seen.misses:
                raise lib.BenchError(f"{one.name}: {units} objects a build, but {seen}")

    what = f"{project_class.package}, warm"
    report = {"bench": f"build {what}", "units": units, "jobs": int(JOBS)}
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
    whole = report["whole build, wall_seconds"]
    over_null = whole["hpcc"]["median"] / whole["null"]["median"]
    over_ccache = whole["hpcc"]["median"] / whole["ccache"]["median"]
    report["bars"] = [
        lib.bar(f"build of {what}, hpcc / null", over_null, WARM_OVER_NULL),
        lib.bar(f"build of {what}, hpcc / ccache", over_ccache, 1.0),
    ]
    return report


def measure_cold(options, project_class):
    with lib.workspace(options.keep) as directory:
        launchers = [
            lib.plain_launcher(),
            lib.hpcc_launcher(directory, lib.find_hpcc(options.hpcc)),
            lib.ccache_launcher(directory),
        ]
        builds = Builds(project_class, directory, launchers, options.source)
        builds.build("plain")  # so that no launcher pays for reading the disk first
        samples = lib.interleave(
            builds.launchers,
            options.rounds,
            lambda name: builds.build(name, empty_cache=True),
            every={"ccache": 2},
        )
        units = builds.check_objects("plain")
        for one in launchers[1:]:
            seen = one.counts()
            if seen.misses != units or seen.hits:
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
    cpu = report["cpu_seconds"]
    ratio = cpu["hpcc"]["median"] / cpu["plain"]["median"]
    report["bars"] = [lib.bar(f"build of {what}, CPU, hpcc / plain", ratio, COLD_OVER_PLAIN)]
    return report


PROJECTS = {"lua": Lua, "googletest": Googletest}


def main():
    parser = lib.argument_parser(__doc__)
    parser.add_argument("project", choices=PROJECTS)
    kind = parser.add_mutually_exclusive_group(required=True)
    kind.add_argument("--warm", action="store_const", dest="measure", const=measure_warm)
    kind.add_argument("--cold", action="store_const", dest="measure", const=measure_cold)
    parser.add_argument("--source", metavar="DIR", help="upstream's sources, instead of fetching them")
    parser.add_argument("--rounds", type=int, help="default: 15 warm, 5 cold")
    options = parser.parse_args()
    if options.rounds is None:
        options.rounds = 15 if options.measure is measure_warm else 5
    return lib.bench_main(
        lambda given: given.measure(given, PROJECTS[given.project]), options
    )


if __name__ == "__main__":
    sys.exit(main())
