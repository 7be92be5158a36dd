#!/usr/bin/env python3
"""The transparency suite: each command of commands.txt gives the same with hpcc as without.

    HPCC_BIN=build/release/bin/hpcc tests/transparency/run.py [-j N] [-k] [PATTERN...]

Every case gets a folder of its own, in which a fresh copy of fixture/ is made at the same absolute
path for each of these runs, all with one cache:

    plain            the compiler alone
    miss, hit        through hpcc, twice
    terminal         the three again with a terminal as stderr, where the plain run wrote to stderr

After each command, every file below the copy (content, mode, existence), stdout, stderr and the
exit status are compared with the plain run's. The statistics must then say that the second run was
answered from the cache, or, where the line is marked so, that the command was not cacheable.

commands.txt explains how its lines are written. PATTERNs choose the lines that contain any of them.
-k keeps the folders. --part 1/2 runs every other line (all of them where HPCC_LONG_TESTS is set): what
runs with a daemon and without one takes turns in the short form. The last line printed is "N passed, N failed".
"""

import argparse
import concurrent.futures
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import harness  # noqa: E402

TIMEOUT = 60  # seconds, of one command
HERE = Path(__file__).resolve().parent
PREFIX = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)=(.*)", re.DOTALL)


@dataclass
class Command:
    argv: list
    shell: str = ""  # set: not a compiler command but a preparation, run by /bin/sh
    environment: dict = field(default_factory=dict)
    umask: int = 0o022
    folder: str = "."
    stdin: str = ""
    columns: int = 100


@dataclass
class Case:
    line_number: int
    text: str
    commands: list
    tags: dict

    def compiler_commands(self):
        return [command for command in self.commands if not command.shell]


def parse_command(text):
    text = text.strip()
    if text.startswith("!"):
        return Command([], shell=text[1:].strip())
    words = shlex.split(text)
    command = Command([])
    while words and PREFIX.fullmatch(words[0]):
        name, value = PREFIX.fullmatch(words.pop(0)).groups()
        if name == "umask":
            command.umask = int(value, 8)
        elif name == "cd":
            command.folder = value
        elif name == "stdin":
            command.stdin = value
        elif name == "columns":
            command.columns = int(value)
        else:
            command.environment[name] = value
    if not words:
        raise ValueError("no command")
    command.argv = words
    return command


def parse_tags(text):
    tags = {}
    for word in text.split():
        name, _, value = word.partition("=")
        if name not in ("not-cacheable", "not-counted", "hits", "any", "varies"):
            raise ValueError("unknown mark %r" % word)
        tags[name] = value
    return tags


def read_cases(path):
    cases = []
    for number, line in enumerate(path.read_text().splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        text, _, tags = line.partition("  # ")
        try:
            commands = [parse_command(part) for part in text.split(" ;; ")]
            cases.append(Case(number, text.strip(), commands, parse_tags(tags)))
        except ValueError as error:
            sys.exit("%s:%d: %s" % (path, number, error))
    return cases


class CaseRun:
    """One case in one folder."""

    def __init__(self, case, folder):
        self.case = case
        self.tree = folder / "tree"
        self.temporary = folder / "tmp"
        self.environment = harness.base_environment(folder / "home", folder / "cache")
        self.environment["TMPDIR"] = str(self.temporary)
        (folder / "home").mkdir()
        self.problems = []

    def run_all(self):
        """What each command gave: a list of (outcome, snapshot)."""
        plain = self.pass_over(launcher=False, terminal=False)
        self.check_pass("miss", plain, False)
        self.check_hits("hit", plain, False)
        if any(outcome.stderr for outcome, _ in plain):
            on_terminal = self.pass_over(launcher=False, terminal=True)
            self.check_pass("terminal miss", on_terminal, True)
            self.check_hits("terminal hit", on_terminal, True)
        return self.problems

    def pass_over(self, launcher, terminal):
        for path in (self.tree, self.temporary):
            if path.exists():
                shutil.rmtree(path)
        shutil.copytree(HERE / "fixture", self.tree, symlinks=True)
        self.temporary.mkdir()
        harness.settle()
        results = []
        prepared = {}
        for command in self.case.commands:
            if command.shell:
                subprocess.run(["/bin/sh", "-ec", command.shell], cwd=self.tree, check=True,
                               env=self.environment, timeout=TIMEOUT)
                harness.settle()
                prepared = harness.snapshot(self.tree)
                continue
            outcome = self.execute(command, launcher, terminal)
            results.append((outcome, self.changes(prepared)))
        left = os.listdir(self.temporary)
        if launcher and left and not self.plain_left:
            self.problems.append("temporary files are left behind: %s" % ", ".join(left))
        elif not launcher:
            self.plain_left = left
        return results

    def changes(self, prepared):
        """The tree now. A file as a preparation left it says so in place of its content, for what
        a preparation makes (a precompiled header) may differ each time."""
        files = harness.snapshot(self.tree)
        for path, entry in files.items():
            if prepared.get(path) == entry:
                files[path] = (entry[0], entry[1], b"as prepared")
        return files

    def execute(self, command, launcher, terminal):
        argv = [harness.HPCC, *command.argv] if launcher else command.argv
        environment = dict(self.environment, **command.environment)
        cwd = self.tree / command.folder
        stdin = (self.tree / command.stdin).read_bytes() if command.stdin else b""
        if terminal:
            outcome = harness.run_on_terminal(argv, cwd, environment, stdin, command.umask,
                                              command.columns, timeout=TIMEOUT)
        else:
            outcome = harness.run(argv, cwd, environment, stdin, command.umask, TIMEOUT)
        outcome.stdout = harness.without_random_names(outcome.stdout, self.temporary)
        outcome.stderr = harness.without_random_names(outcome.stderr, self.temporary)
        return outcome

    def check_pass(self, what, plain, terminal):
        results = self.pass_over(launcher=True, terminal=terminal)
        # What varies by nature can't equal the plain run's, but a hit must equal the miss before it.
        if "varies" not in self.case.tags:
            self.compare(what, plain, results)
        elif len(self.case.compiler_commands()) == 1:
            self.compare_loosely(what, plain, results)
        return results

    def check_hits(self, what, plain, terminal):
        before = harness.read_statistics(self.environment)
        self.check_pass(what, plain, terminal)
        added = harness.read_statistics(self.environment) - before
        tags = self.case.tags
        count = len(self.case.compiler_commands())
        if "hits" in tags:
            hits, refused = int(tags["hits"]), count - int(tags["hits"])
        elif "not-cacheable" in tags:
            hits, refused = 0, count
        else:
            hits, refused = 0 if "not-counted" in tags else count, 0
        if added.errors:
            self.problems.append("%s: %d errors counted" % (what, added.errors))
        if not harness.Statistics.exact:
            return
        reason = tags.get("not-cacheable")
        if "any" in tags:
            right = added.hits + added.not_cacheable == count and added.misses == 0
        else:
            right = (added.hits, added.misses, added.not_cacheable) == (hits, 0, refused)
        if not right or (reason and set(added.reasons) != {reason}):
            self.problems.append(
                "%s: expected %d hits and %d not cacheable%s, counted %d hits, %d misses, "
                "%d not cacheable %s" % (what, hits, refused, " (%s)" % reason if reason else "",
                                         added.hits, added.misses, added.not_cacheable,
                                         added.reasons or ""))

    def compare(self, what, plain, results):
        for number, ((expected, expected_files), (got, got_files)) in enumerate(
                zip(plain, results), 1):
            where = what if len(plain) == 1 else "%s, command %d" % (what, number)
            problems = harness.compare_snapshots(expected_files, got_files)
            if expected.status != got.status:
                problems.append("exit status %d, expected %d" % (got.status, expected.status))
            for stream in ("stdout", "stderr"):
                a, b = getattr(expected, stream), getattr(got, stream)
                if a != b:
                    problems.append("%s %s" % (stream, harness.describe_bytes(a, b)))
            self.problems += ["%s: %s" % (where, problem) for problem in problems]

    def compare_loosely(self, what, plain, results):
        (expected, expected_files), (got, got_files) = plain[0], results[0]

        def shape(files):
            return {path: (kind, mode) for path, (kind, mode, _) in files.items()}

        if expected.status != got.status:
            self.problems.append("%s: exit status %d, expected %d" % (
                what, got.status, expected.status))
        if shape(expected_files) != shape(got_files):
            self.problems.append("%s: other files or modes than the plain run: %s" % (
                what, set(shape(expected_files).items()) ^ set(shape(got_files).items())))


def run_case(case, root):
    folder = root / ("case-%03d" % case.line_number)
    folder.mkdir()
    try:
        return CaseRun(case, folder).run_all()
    except (OSError, subprocess.SubprocessError, RuntimeError, ValueError) as error:
        return ["could not be run: %s: %s" % (type(error).__name__, error)]


def part(text):
    first, count = (int(number) for number in text.split("/"))
    if not 1 <= first <= count:
        raise argparse.ArgumentTypeError(f"{text} is no part of a whole")
    return first, count


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("-j", "--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--part", type=part, default=(1, 1), metavar="K/N",
                        help="each Nth case, from the Kth on")
    parser.add_argument("-k", "--keep", action="store_true", help="keep the cases' folders")
    parser.add_argument("pattern", nargs="*")
    options = parser.parse_args()
    harness.require_program()

    cases = read_cases(HERE / "commands.txt")
    if "HPCC_LONG_TESTS" not in os.environ:
        cases = cases[options.part[0] - 1::options.part[1]]
    if options.pattern:
        cases = [case for case in cases if any(text in case.text for text in options.pattern)]
    root = Path(tempfile.mkdtemp(prefix="hpcc-transparency."))
    failed = 0
    try:
        with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
            results = pool.map(lambda case: run_case(case, root), cases)
            for case, problems in zip(cases, results):
                if problems:
                    failed += 1
                    print("FAILED: line %d: %s" % (case.line_number, case.text))
                    for problem in problems[:6]:
                        print("    %s" % problem)
                    if len(problems) > 6:
                        print("    and %d more" % (len(problems) - 6))
                    sys.stdout.flush()
    finally:
        if options.keep:
            print("kept: %s" % root)
        else:
            shutil.rmtree(root, ignore_errors=True)
    print("%d passed, %d failed" % (len(cases) - failed, failed))
    sys.exit(1 if failed or not cases else 0)


if __name__ == "__main__":
    main()
