#!/usr/bin/env python3
"""Two builds of the same tree at the same time, in two copies with .hpcc markers, one daemon.

  two_builds.py lua            make -j8 in both
  two_builds.py googletest     ninja -j8 in both

Claim: every unit is compiled once between them; the other build gets it as a hit.
"""

import os
import shutil
import subprocess
import sys

import lib
from projects import PROJECTS

PARALLEL = "8"


class Copies:
    def __init__(self, project_class, directory, launcher, source=None):
        self.directory = directory
        self.launcher = launcher
        self.base = lib.base_environment(directory)
        first = project_class(directory / "first", PARALLEL)
        if source:
            shutil.copytree(source, first.tree, symlinks=True, copy_function=first.copy_file)
        else:
            first.fetch()
        (first.tree / ".hpcc").touch()
        second = project_class(directory / "second", PARALLEL)
        shutil.copytree(first.tree, second.tree, symlinks=True, copy_function=second.copy_file)
        self.projects = [first, second]
        for project in self.projects:
            project.configure(launcher, self.base)
        os.chdir(directory)

    def build_both(self):
        started = []
        for project in self.projects:
            project.clean()
            log = open(self.directory / f"{project.tree.name}.log", "wb")
            started.append((log, self.start(project, log)))
        for log, process in started:
            status = process.wait(3600)
            log.close()
            if status != 0:
                with open(log.name, errors="replace") as text:
                    raise lib.BenchError(f"status {status}\n{text.read()[-2000:]}")

    def start(self, project, log):
        return subprocess.Popen(
            project.command(self.launcher, objects_only=False),
            cwd=project.tree,
            env={**self.launcher.environment(self.base), **project.env},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
        )

    def check_same_objects(self):
        first, second = (
            {path.relative_to(one.tree): path.read_bytes() for path in one.tree.rglob("*.o")}
            for one in self.projects
        )
        names = first.keys() | second.keys()
        different = [str(name) for name in names if first.get(name) != second.get(name)]
        if different:
            raise lib.BenchError(f"the copies differ: {', '.join(sorted(different))}")

    def units(self):
        project = self.projects[0]
        return project.units(project.tree) - project.uncacheable


def measure(options):
    project_class = PROJECTS[options.project]
    rows, misses, hits = [], [], []
    with lib.workspace(options.keep) as directory:
        with lib.hpcc_daemon_launcher(directory, lib.find_hpcc(options.hpcc)) as launcher:
            copies = Copies(project_class, directory, launcher, options.source)
            for number in range(options.rounds):
                launcher.empty_cache()
                copies.build_both()
                copies.check_same_objects()
                seen, units = launcher.counts(), copies.units()
                misses.append(seen.misses / units)
                hits.append(seen.hits / units)
                rows.append([number + 1, units, seen.misses, seen.hits])
    what = project_class.package
    lib.print_table(
        f"Two builds of {what} at once, -j{PARALLEL} each, into an empty cache",
        ["round", "units", "compiled", "hits"],
        rows,
    )
    return {
        "bench": f"two builds of {what}",
        "rounds": rows,
        "bars": [
            lib.bar(f"two builds of {what}: compiles of a unit", max(misses), 1.0),
            lib.bar(f"two builds of {what}: hits short of one per unit", 1.0 - min(hits), 0.0),
        ],
    }


def main():
    parser = lib.argument_parser(__doc__)
    parser.add_argument("project", choices=PROJECTS)
    parser.add_argument("--source", metavar="DIR", help="the sources, instead of fetching them")
    parser.add_argument("--rounds", type=int, default=5)
    return lib.bench_main(measure, parser.parse_args())


if __name__ == "__main__":
    sys.exit(main())
