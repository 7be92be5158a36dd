#!/usr/bin/env python3
"""Runs every bench and gives the verdict on every claim.

  run.py --json results.json      everything: half an hour and more on two cores
  run.py --quick                  few rounds and no cold build: a look, not a measurement

Exit status: 0 when every claim held, 1 when one did not, 2 when one could not be measured.
"""

import json
import subprocess
import sys
from pathlib import Path

import lib

# Bench, rounds when measuring, rounds when looking (0: left out).
BENCHES = [
    (["hit.py"], 300, 50),
    (["not_cacheable.py"], 500, 100),
    (["build.py", "lua", "--warm"], 25, 5),
    (["build.py", "googletest", "--warm"], 9, 3),
    (["build.py", "googletest", "--cold"], 5, 0),
]


def run_one(words, rounds, options, directory):
    """The report, or None when the bench could not measure."""
    report = directory / "report.json"
    report.unlink(missing_ok=True)
    argv = [sys.executable, Path(__file__).with_name(words[0]), *words[1:]]
    argv += ["--rounds", str(rounds), "--json", report]
    argv += ["--hpcc", options.hpcc] if options.hpcc else []
    print(f"\n=== {' '.join(words)}, {rounds} rounds", flush=True)
    subprocess.run(argv, timeout=7200)
    return json.loads(report.read_text()) if report.exists() else None


def main():
    parser = lib.argument_parser(__doc__)
    parser.add_argument("--quick", action="store_true", help="few rounds and no cold build")
    options = parser.parse_args()
    reports, bars, unmeasured = {}, [], []
    with lib.workspace() as directory:
        for words, rounds, quick_rounds in BENCHES:
            rounds = quick_rounds if options.quick else rounds
            if not rounds:
                continue
            name = " ".join(words)
            report = run_one(words, rounds, options, directory)
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
