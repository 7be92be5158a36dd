#!/usr/bin/env python3
"""Writes src/cli/hit_path.ld anew: the code that a hit with the daemon runs, for the link to put
together.

A hit lives for two milliseconds, and each page of code it touches first costs some two microseconds
of it. The list may well be old: what is missing from it only stands elsewhere. Needs valgrind, and
a release build, whose last link is made again with a map.
"""

import argparse
import bisect
import os
import re
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

import hit
import lib

HEADER = """\
/* What a hit runs, put together by the link: bench/hit_path.py writes this file. */
SECTIONS {
  .text.hit_path : {
"""
FOOTER = """\
  }
} INSERT BEFORE .text;
"""


def link_with_map(build, directory):
    """The program linked again, as (program, map)."""
    commands = subprocess.run(
        ["ninja", "-C", build, "-t", "commands", "hpcc"], capture_output=True, text=True, check=True
    ).stdout
    link = commands.splitlines()[-1].removeprefix(": && ").removesuffix(" && :")
    words = shlex.split(link)
    words[words.index("-o") + 1] = str(directory / "hpcc")
    subprocess.run([*words, f"-Wl,-Map={directory}/map"], cwd=build, check=True)
    return directory / "hpcc", directory / "map"


def sections_of(link_map):
    """(start, size, section, file) of all code in the map."""
    found, name = [], None
    text = link_map.read_text().partition("Linker script and memory map")[2]
    for line in text.splitlines():
        if match := re.match(r"^ (\.text\S*)\s*$", line):
            name = match[1]
            continue
        match = re.match(r"^ (\.text\S*)?\s+0x([0-9a-f]+)\s+0x([0-9a-f]+) (\S.*)$", line)
        if match and (match[1] or name):
            start, size = int(match[2], 16), int(match[3], 16)
            if start and size:
                found.append((start, size, match[1] or name, match[4].strip()))
        name = None
    return sorted(found)


def addresses_run(program, daemon_words, directory):
    """Of every instruction of a hit. Three runs: valgrind is part of a compile's environment."""
    work = directory / "work"
    work.mkdir()
    (work / "unit.cc").write_text(hit.SOURCE)
    env = {
        **lib.base_environment(directory),
        "HPCC_CACHE_DIR": str(directory / "cache"),
        "HPCC_RUNTIME_DIR": str(directory / "run"),
    }
    subprocess.run([*daemon_words, "start", "--background"], env=env, check=True)
    out = directory / "callgrind"
    words = ["valgrind", "--tool=callgrind", "--dump-instr=yes", "--compress-pos=no"]
    words += [f"--callgrind-out-file={out}", program, "g++", *hit.COMMAND, "-o", "unit.o"]
    try:
        for _ in range(3):
            subprocess.run(words, env=env, cwd=work, check=True, stderr=subprocess.DEVNULL)
    finally:
        subprocess.run([*daemon_words, "stop"], env=env)
    return {int(m, 16) for m in re.findall(r"^0x([0-9a-f]+) ", out.read_text(), re.MULTILINE)}


def pattern(section, file):
    """What names this section in a linker script; None for what only crt files have."""
    if re.match(r"\.text\._?[A-Za-z_]{2}", section) and not re.match(
        r"\.text\.(avx|evex|sse|unlikely|startup|hot|exit)", section
    ):
        return f"*({section})"
    member = re.match(r"(?:.*/)?([^/]+\.a)\(([^)]+)\)$", file)
    return f"*{member[1]}:{member[2]}({section})" if member else None


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", type=Path, default=lib.ROOT / "build/release")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        program, link_map = link_with_map(options.build, directory)
        sections = sections_of(link_map)
        starts = [section[0] for section in sections]
        patterns = set()
        for address in addresses_run(program, [options.build / "bin/hpcc"], directory):
            at = bisect.bisect_right(starts, address) - 1
            if at >= 0 and address < starts[at] + sections[at][1]:
                patterns.add(pattern(*sections[at][2:]))
    lines = "".join(f"    {one}\n" for one in sorted(patterns - {None}))
    (lib.ROOT / "src/cli/hit_path.ld").write_text(HEADER + lines + FOOTER)
    print(f"{len(patterns)} sections")


if __name__ == "__main__":
    os.environ.pop("LD_PRELOAD", None)
    sys.exit(main())
