#!/usr/bin/env python3
"""Counts the test cases in the log of `ctest --verbose`; prints "N passed, N failed".

A test program counts with its cases where it says how many it had: GoogleTest's closing lines, or
a last line "N passed, N failed". Otherwise it counts as one, by ctest's own verdict.
"""

import re
import sys

RESULT = re.compile(r"^ *\d+/\d+ +Test +#(\d+): (\S+) \.*(.*?)(?: +[\d.]+ sec)?$")
LINE = re.compile(r"^(\d+): (.*)$")
OURS = re.compile(r"^(\d+) passed, (\d+) failed$")
GTEST_PASSED = re.compile(r"^\[  PASSED  \] (\d+) tests?")
GTEST_FAILED = re.compile(r"^\[  FAILED  \] (\d+) tests?, listed below")


def count(lines):
    cases = {}  # number of the test -> [passed, failed], where its output says
    passed = failed = 0
    for line in lines:
        line = line.rstrip("\n")
        output = LINE.match(line)
        if output:
            number, text = output.groups()
            for pattern, places in ((OURS, (0, 1)), (GTEST_PASSED, (0,)), (GTEST_FAILED, (1,))):
                match = pattern.match(text)
                if match:
                    entry = cases.setdefault(number, [0, 0])
                    for place, value in zip(places, match.groups()):
                        entry[place] = int(value)
            continue
        result = RESULT.match(line)
        if not result:
            continue
        number, _, verdict = result.groups()
        succeeded = "Passed" in verdict
        entry = cases.get(number, [1, 0] if succeeded else [0, 1])
        if not succeeded and entry[1] == 0:
            entry = [entry[0], 1]  # it crashed or ran out of time after its own count
        passed += entry[0]
        failed += entry[1]
    return passed, failed


def main():
    with open(sys.argv[1], encoding="utf-8", errors="replace") as log:
        print("%d passed, %d failed" % count(log))


if __name__ == "__main__":
    main()
