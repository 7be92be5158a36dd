#!/usr/bin/env python3
"""What hpcc adds to a command that it can't cache: start, read the command, say no, execute.

The compiler is a stand-in that does nothing, so that only the difference is left. The same command
is run alone, through null (the least any launcher can add) and through hpcc.
Claim: through hpcc it takes at most 1 ms more than alone.
"""

import subprocess
import sys

import lib

STAND_IN = "int main(void) { return 0; }\n"
# The reasons a build meets most: preprocessing, linking, asking for the version.
COMMANDS = {
    "preprocess": ["-O2", "-Iinclude", "-DNAME=1", "-E", "unit.c"],
    "link": ["-O2", "unit.o", "other.o", "-o", "program", "-lm"],
    "version": ["--version"],
}
LIMIT_MS = 1.0


def measure(options):
    samples = {}
    with lib.workspace(options.keep) as directory:
        stand_in = directory / "gcc"
        source = directory / "stand_in.c"
        source.write_text(STAND_IN)
        build = ["cc", "-O2", "-static", "-o", stand_in, source]
        subprocess.run(build, check=True, timeout=60)
        work = directory / "work"
        (work / "include").mkdir(parents=True)
        (work / "unit.c").write_text("int one = 1;\n")

        hpcc = lib.hpcc_launcher(directory, lib.find_hpcc(options.hpcc))
        launchers = {
            one.name: one
            for one in (
                lib.Launcher("alone"),
                lib.null_launcher(directory),
                hpcc,
                lib.ccache_launcher(directory),
            )
        }
        base = lib.base_environment(directory)

        def run(name_and_command):
            name, command = name_and_command
            launcher = launchers[name]
            argv = [*launcher.words, str(stand_in), *COMMANDS[command]]
            return lib.run_timed(argv, launcher.environment(base), work, directory / "log")

        names = [(name, command) for command in COMMANDS for name in launchers]
        for name in names:
            run(name)
        samples = lib.interleave(names, options.rounds, run)
        seen = hpcc.counts()
        if seen.hits or seen.misses:
            raise lib.BenchError(f"commands that can't be cached gave {seen}")

    bars, report = [], {}
    for command in COMMANDS:
        mine = {name: samples[name, command] for name in launchers}
        summaries, rows = lib.timing_rows(mine, "wall", 1e3, "alone")
        alone = summaries["alone"]["median"]
        for row in rows:
            row[-1] = f"{(summaries[row[0]]['median'] - alone) * 1e3:+.2f}"
        lib.print_table(
            f"{command}: gcc {' '.join(COMMANDS[command])}; wall milliseconds",
            ["launcher", "median", "q1", "q3", "runs", "added"],
            rows,
        )
        added = (summaries["hpcc"]["median"] - alone) * 1e3
        bars.append(lib.bar(f"added to an uncacheable command ({command})", added, LIMIT_MS, "ms"))
        report[command] = summaries
    return {"bench": "not_cacheable", "wall_seconds": report, "bars": bars}


def main():
    parser = lib.argument_parser(__doc__)
    parser.add_argument("--rounds", type=int, default=500)
    return lib.bench_main(measure, parser.parse_args())


if __name__ == "__main__":
    sys.exit(main())
