#!/usr/bin/env python3
"""Runs every bench and gives the verdict on every claim.

  run.py --json results.json      everything: hours on two cores
  run.py --quick                  few rounds and no cold build: a look, not a measurement

Exit status: 0 when every claim held, 1 when one did not, 2 when one could not be measured.
"""

import json
import subprocess
import sys
from pathlib import Path

import lib

# Bench, its options when measuring, its options when looking (None: left out).
BENCHES = [
    (["hit.py"], ["--rounds", "300"], ["--rounds", "50"]),
    (["not_cacheable.py"], ["--rounds", "500"], ["--rounds", "100"]),
    (["build.py", "lua", "--warm"], ["--rounds", "25"], ["--rounds", "5"]),
    (["build.py", "googletest", "--warm"], ["--rounds", "9"], ["--rounds", "3"]),
    (["build.py", "googletest", "--cold"], ["--rounds", "5"], None),
    (["build.py", "kernel", "--warm"], ["--rounds", "5"], None),
    (["build.py", "kernel", "--cold"], ["--rounds", "3"], None),
    (["throughput.py"], ["--seconds", "30"], ["--seconds", "10"]),
    (["throughput.py"], ["--requests", "200000"], None),
    (["two_builds.py", "lua"], ["--rounds", "5"], ["--rounds", "1"]),
    (["two_builds.py", "googletest"], ["--rounds", "2"], None),
    (["shared_cache.py", "build", "lua"], ["--rounds", "15"], ["--rounds", "3"]),
    (["shared_cache.py", "build", "googletest"], ["--rounds", "5"], None),
    (["shared_cache.py", "hit"], ["--rounds", "1000"], ["--rounds", "100"]),
    (["remote.py"], ["--rounds", "330"], ["--rounds", "66"]),
    (["shared_cache.py", "dead"], ["--rounds", "5"], ["--rounds", "1"]),
    (["image_root.py"], ["--rounds", "5"], ["--rounds", "1"]),
    (["sandbox_times.py"], ["--starts", "20", "--execs", "300"], ["--starts", "3", "--execs", "30"]),
    (["vm_memory.py"], ["--machines", "4"], ["--machines", "2"]),
]
# No launchers of compilers: they measure what a build has beside hpcc.
OF_A_BUILD = {"image_root.py", "sandbox_times.py", "vm_memory.py"}
ONLY_WITH_DAEMON = {"throughput.py", "two_builds.py"}


def run_one(words, options, directory):
    """The report, or None when the bench could not measure."""
    report = directory / "report.json"
    report.unlink(missing_ok=True)
    argv = [sys.executable, Path(__file__).with_name(words[0]), *words[1:], "--json", report]
    if words[0] in OF_A_BUILD:
        # <build>/bin/hpcc
        argv += ["--build", Path(options.hpcc).resolve().parent.parent] if options.hpcc else []
    else:
        argv += ["--hpcc", options.hpcc] if options.hpcc else []
        argv += ["--no-daemon"] if options.no_daemon else []
    print(f"\n=== {' '.join(words)}", flush=True)
    subprocess.run(argv, timeout=7200)
    return json.loads(report.read_text()) if report.exists() else None


def main():
    parser = lib.argument_parser(__doc__)
    parser.add_argument("--quick", action="store_true", help="few rounds and no cold build")
    options = parser.parse_args()
    reports, bars, unmeasured = {}, [], []
    with lib.workspace() as directory:
        for bench, measuring, looking in BENCHES:
            chosen = looking if options.quick else measuring
            if chosen is None or (options.no_daemon and bench[0] in ONLY_WITH_DAEMON):
                continue
            name = " ".join([*bench, *chosen])
            report = run_one([*bench, *chosen], options, directory)
            if report is None:
                unmeasured.append(name)
                continue
            reports[name] = report
            bars += report["bars"]

    print("\n=== Verdicts")
    lib.print_bars(bars)
    for name in unmeasured:
        print(f"NONE  {name}: not measured, see above")
    if options.json:
        everything = {"bars": bars, "unmeasured": unmeasured, "reports": reports}
        Path(options.json).write_text(json.dumps(everything, indent=1) + "\n")
    if unmeasured:
        return 2
    return 0 if all(one["pass"] for one in bars) else 1


if __name__ == "__main__":
    sys.exit(main())
