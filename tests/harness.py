"""What the end-to-end suites share: the program under test, its statistics, running and comparing.

The program under test is named by the environment variable HPCC_BIN. It may also be ccache, so that
the suites themselves can be tried against a program known to work; what ccache has no answer for is
then left out (see Statistics.exact).

With HPCC_TEST_WITH_DAEMON=1, one daemon runs for as long as the suite does, and every test uses it
with a cache of its own.
"""

import atexit
import fcntl
import json
import os
import pty
import re
import shutil
import signal
import stat
import struct
import subprocess
import sys
import tempfile
import termios
import threading
import time
import unittest
from dataclasses import dataclass, field
from pathlib import Path

HPCC = os.environ.get("HPCC_BIN", "")
IS_CCACHE = os.path.basename(os.path.realpath(HPCC)) == "ccache"
TIMEOUT = 300  # seconds, of one command
# A file changed within this time of now may be one whose digest isn't trusted yet: the clock of
# file times ticks every 4 ms (CONFIG_HZ=250) or 10 ms.
CLOCK_TICK = 0.02


def require_program():
    if not HPCC or not os.access(HPCC, os.X_OK):
        sys.exit("HPCC_BIN must name the hpcc binary (it is %r)" % HPCC)
    if os.environ.get("HPCC_TEST_WITH_DAEMON") == "1":
        global session_daemon
        session_daemon = SessionDaemon()


session_daemon = None


class SessionDaemon:
    """The daemon of a whole suite. A suite whose daemon died, or was never asked, has failed."""

    def __init__(self):
        self.folder = Path(tempfile.mkdtemp(prefix="hpcc-session."))
        self.runtime = self.folder / "run"
        self.runtime.mkdir(mode=0o700)
        self.environment = base_environment(self.folder, self.folder / "cache")
        self.environment["HPCC_RUNTIME_DIR"] = str(self.runtime)
        self.process = subprocess.Popen([HPCC, "start"], env=self.environment,
                                        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
        if b"ready" not in self.process.stdout.readline():
            sys.exit("hpcc start: there is no daemon to test with")
        atexit.register(self.stop)

    def stop(self):
        report = subprocess.run([HPCC, "stats", "--json"], env=self.environment,
                                capture_output=True, timeout=TIMEOUT)
        daemon = json.loads(report.stdout)["daemon"] or {"requests": 0}
        self.process.send_signal(signal.SIGTERM)
        try:
            status = self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            status = self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)
        if status != 0 or not daemon["requests"]:
            print("the daemon left with status %d after %d requests\n0 passed, 1 failed" % (
                status, daemon["requests"]), flush=True)
            os._exit(1)


def base_environment(home, cache):
    """A small environment of our own: nothing of the caller's shell reaches a compiler."""
    environment = {
        "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "HOME": str(home),
        "TERM": "xterm-256color",
        "HPCC_CACHE_DIR": str(cache),
    }
    if IS_CCACHE:
        environment["CCACHE_DIR"] = str(cache)
    if session_daemon:
        environment["HPCC_RUNTIME_DIR"] = str(session_daemon.runtime)
    for name in ("ASAN_OPTIONS", "UBSAN_OPTIONS", "TSAN_OPTIONS"):
        if name in os.environ:
            environment[name] = os.environ[name]
    return environment


@dataclass
class Statistics:
    hits: int = 0
    misses: int = 0
    not_cacheable: int = 0
    errors: int = 0
    reasons: dict = field(default_factory=dict)

    # False where the numbers can only be compared with care (ccache counts otherwise).
    exact = not IS_CCACHE

    def __sub__(self, before):
        reasons = {name: count - before.reasons.get(name, 0) for name, count in self.reasons.items()}
        return Statistics(
            self.hits - before.hits,
            self.misses - before.misses,
            self.not_cacheable - before.not_cacheable,
            self.errors - before.errors,
            {name: count for name, count in reasons.items() if count},
        )


def read_statistics(environment):
    if IS_CCACHE:
        return _read_ccache_statistics(environment)
    result = subprocess.run([HPCC, "stats", "--json"], env=environment, capture_output=True,
                            timeout=TIMEOUT)
    if result.returncode != 0:
        raise RuntimeError("hpcc stats --json: status %d: %s" % (
            result.returncode, result.stderr.decode(errors="replace")))
    numbers = json.loads(result.stdout)
    return Statistics(numbers["hits"], numbers["misses"], numbers["not_cacheable"],
                      numbers["errors"], dict(numbers.get("not_cacheable_by_reason", {})))


def _read_ccache_statistics(environment):
    result = subprocess.run([HPCC, "--print-stats"], env=environment, capture_output=True,
                            timeout=TIMEOUT, check=True)
    numbers = dict(line.split("\t") for line in result.stdout.decode().splitlines())
    numbers = {name: int(value) for name, value in numbers.items()}
    reasons = ("autoconf_test", "bad_compiler_arguments", "called_for_link",
               "called_for_preprocessing", "compile_failed", "could_not_use_modules",
               "could_not_use_precompiled_header", "modified_input_file", "multiple_source_files",
               "no_input_file", "output_to_stdout", "preprocessor_error",
               "unsupported_code_directive", "unsupported_compiler_option",
               "unsupported_environment_variable", "unsupported_source_language",
               "bad_output_file", "compiler_produced_no_output", "compiler_produced_empty_output",
               "compiler_produced_stdout")
    return Statistics(
        numbers["direct_cache_hit"] + numbers["preprocessed_cache_hit"],
        numbers["cache_miss"],
        sum(numbers.get(name, 0) for name in reasons),
        numbers["internal_error"],
        {name: numbers[name] for name in reasons if numbers.get(name)},
    )


@dataclass
class Outcome:
    status: int  # as subprocess gives it: negative for a signal
    stdout: bytes
    stderr: bytes


def run(argv, cwd, environment, stdin=b"", umask=0o022, timeout=TIMEOUT):
    """Runs a command with pipes for all three streams."""
    process = subprocess.Popen(argv, cwd=cwd, env=environment, stdin=subprocess.PIPE,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, umask=umask,
                               start_new_session=True)
    return _finish(process, stdin, timeout)


def _finish(process, stdin, timeout):
    try:
        stdout, stderr = process.communicate(stdin, timeout=timeout)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        raise
    return Outcome(process.returncode, stdout, stderr)


def run_on_terminal(argv, cwd, environment, stdin=b"", umask=0o022, columns=100, timeout=TIMEOUT):
    """As run(), but stderr is a terminal of 24 rows and the given columns."""
    controller, terminal = pty.openpty()
    attributes = termios.tcgetattr(terminal)
    attributes[1] &= ~termios.OPOST  # the bytes as written
    termios.tcsetattr(terminal, termios.TCSANOW, attributes)
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    chunks = []

    def drain():
        while True:
            try:
                chunk = os.read(controller, 65536)
            except OSError:  # EIO: the last writer closed it
                return
            if not chunk:
                return
            chunks.append(chunk)

    process = subprocess.Popen(argv, cwd=cwd, env=environment, stdin=subprocess.PIPE,
                               stdout=subprocess.PIPE, stderr=terminal, umask=umask,
                               start_new_session=True)
    os.close(terminal)
    reader = threading.Thread(target=drain, daemon=True)
    reader.start()
    try:
        outcome = _finish(process, stdin, timeout)
        reader.join(timeout)
    finally:
        os.close(controller)
    outcome.stderr = b"".join(chunks)
    return outcome


def snapshot(tree):
    """{relative path: (kind, mode, content or target)} of everything below `tree`."""
    found = {}
    tree = os.fsencode(str(tree))
    for folder, folders, files in os.walk(tree):
        for name in folders + files:
            path = os.path.join(folder, name)
            status = os.lstat(path)
            kind, content = "other", b""
            if stat.S_ISLNK(status.st_mode):
                kind, content = "link", os.readlink(path)
            elif stat.S_ISDIR(status.st_mode):
                kind = "folder"
            elif stat.S_ISREG(status.st_mode):
                kind = "file"
                with open(path, "rb") as file:
                    content = file.read()
            elif stat.S_ISCHR(status.st_mode):
                kind, content = "device", b"%d" % status.st_rdev
            mode = 0 if kind == "link" else stat.S_IMODE(status.st_mode)
            found[os.path.relpath(path, tree).decode(errors="surrogateescape")] = (
                kind, mode, content)
    return found


def describe_bytes(expected, got, limit=160):
    """Where two byte strings part, with a little of each."""
    place = next((i for i, (a, b) in enumerate(zip(expected, got)) if a != b),
                 min(len(expected), len(got)))
    start = max(0, place - 40)
    return "differs at byte %d (%d and %d bytes): expected %r, got %r" % (
        place, len(expected), len(got), expected[start:start + limit], got[start:start + limit])


def compare_snapshots(expected, got):
    """Sentences about each difference; empty when there is none."""
    problems = []
    for path in sorted(expected.keys() | got.keys()):
        if path not in got:
            problems.append("%s is missing" % path)
        elif path not in expected:
            problems.append("%s should not exist" % path)
        else:
            (kind, mode, content), (got_kind, got_mode, got_content) = expected[path], got[path]
            if kind != got_kind:
                problems.append("%s is a %s, expected a %s" % (path, got_kind, kind))
            elif mode != got_mode:
                problems.append("%s has mode %o, expected %o" % (path, got_mode, mode))
            if kind == got_kind and content != got_content:
                problems.append("%s %s" % (path, describe_bytes(content, got_content)))
    return problems


def suspend(pid):
    """Sends SIGSTOP and waits until every thread has stopped: until the first of them has seen the
    signal, the others of a busy machine go on."""
    def has_stopped(thread):
        try:
            with open("/proc/%d/task/%s/stat" % (pid, thread)) as file:
                return file.read().rpartition(")")[2].split()[0] in "TtZ"
        except FileNotFoundError:
            return True  # it has ended

    os.kill(pid, signal.SIGSTOP)
    deadline = time.monotonic() + 60
    while not all(has_stopped(thread) for thread in os.listdir("/proc/%d/task" % pid)):
        if time.monotonic() > deadline:
            raise AssertionError("process %d does not stop" % pid)
        time.sleep(0.01)


def settle():
    """Waits until a file written now is older than the resolution of file times."""
    time.sleep(CLOCK_TICK)


class CacheTest(unittest.TestCase):
    """A test with a folder, a cache and an environment of its own.

    The folder's name is the same length and the tests run one after the other, but nothing relies
    on it: plain and cached compiles of one check always happen in the same folder.
    """

    def setUp(self):
        self.folder = Path(tempfile.mkdtemp(prefix="hpcc-test."))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.tree = self.folder / "tree"
        self.home = self.folder / "home"
        self.cache = self.folder / "cache"
        for path in (self.tree, self.home, self.folder / "tmp"):
            path.mkdir()
        self.environment = base_environment(self.home, self.cache)
        self.environment["TMPDIR"] = str(self.folder / "tmp")

    def write(self, name, content):
        """Writes a file below the tree, making its folders."""
        path = self.tree / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, bytes):
            path.write_bytes(content)
        else:
            path.write_text(content)
        return path

    def statistics(self):
        return read_statistics(self.environment)

    def run_command(self, argv, environment=None, cwd=None, **options):
        merged = dict(self.environment, **(environment or {}))
        return run([str(word) for word in argv], cwd or self.tree, merged, **options)

    def cached(self, argv, **options):
        """Runs a compiler command through the program under test."""
        return self.run_command([HPCC, *argv], **options)

    def counting(self, argv, **options):
        """As cached(); the outcome and what it added to the statistics."""
        before = self.statistics()
        outcome = self.cached(argv, **options)
        return outcome, self.statistics() - before


def main():
    """Runs the unittest suite of the calling file; the last line is "N passed, N failed"."""
    require_program()
    program = unittest.main(exit=False, verbosity=1)
    result = program.result
    # A test may fail in several subtests, and a class before any test of it runs.
    failed = {getattr(test, "test_case", test) for test, _ in result.failures + result.errors}
    failed |= set(result.unexpectedSuccesses)
    ran = sum(isinstance(test, unittest.TestCase) for test in failed)
    for test, reason in result.skipped:
        print("skipped: %s: %s" % (test, reason))
    sys.stdout.flush()
    sys.stderr.flush()
    passed = result.testsRun - ran - len(result.skipped)
    print("%d passed, %d failed" % (passed, len(failed)), flush=True)
    sys.exit(1 if failed or not result.testsRun else 0)


def without_random_names(text, folder):
    """Names of temporary files below `folder`, which the compilers choose at random, made equal."""
    pattern = re.escape(os.fsencode(str(folder))) + rb"/[\w.-]+"
    return re.sub(pattern, b"<temporary>", text)
