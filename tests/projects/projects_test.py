#!/usr/bin/env python3
"""Real projects from Debian's source packages, built plainly, through a cold and a warm cache.

    HPCC_BIN=... tests/projects/projects_test.py [lua|sqlite|googletest|redis|hpcc]

Each project is built in the same folder every time, afresh. Objects, dependency files and programs
of all builds must be the same bytes, the warm build must be answered from the cache alone, and the
programs must work.
"""

import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import harness  # noqa: E402

REPOSITORY = Path(__file__).resolve().parent.parent.parent
COMPARED = re.compile(r".*\.(o|d|lo|a|so|dwo)$|.*\.so\.[0-9.]+$")
LONG = os.environ.get("HPCC_LONG_TESTS") == "1"
JOBS = "-j%d" % (os.cpu_count() or 1)


class Project(harness.CacheTest):
    """Subclasses say how to build and how to try what was built."""

    package = None
    upstream = True
    programs = ()  # besides everything COMPARED
    build_plainly = True

    def prepare(self, source):
        """Changes the unpacked source once, before any build."""

    def build(self, launcher):
        """Builds in self.build_folder; launcher is "" or the path of hpcc."""
        raise NotImplementedError

    def smoke_test(self):
        raise NotImplementedError

    def run_long(self, argv, cwd=None, environment=None):
        outcome = self.run_command(argv, environment, cwd=cwd or self.build_folder, timeout=1800)
        if outcome.status != 0:
            self.fail("%s: status %d\n%s\n%s" % (
                argv, outcome.status, outcome.stdout[-2000:].decode(errors="replace"),
                outcome.stderr[-4000:].decode(errors="replace")))
        return outcome.stdout.decode(errors="replace")

    def compiler(self, launcher, compiler="gcc"):
        return (launcher + " " + compiler).strip()

    def fetch(self):
        source = self.folder / "source"
        store = os.environ.get("HPCC_TEST_SOURCES") or os.path.join(
            os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"),
            "hpcc-test-sources")
        command = [str(REPOSITORY / "scripts/fetch-source.sh"), self.package, str(source)]
        if self.upstream:
            command.insert(1, "--upstream")
        result = subprocess.run(command, env=dict(os.environ, HPCC_TEST_SOURCES=store),
                                capture_output=True, text=True, timeout=900)
        self.assertEqual(0, result.returncode, result.stdout + result.stderr)
        self.prepare(source)
        return source

    def one_build(self, source, launcher):
        shutil.rmtree(self.build_folder, ignore_errors=True)
        # -p: a build system that compares times sees the same every time.
        subprocess.run(["cp", "-a", str(source), str(self.build_folder)], check=True)
        harness.settle()
        start = time.monotonic()
        self.build(launcher)
        return time.monotonic() - start, self.results()

    def results(self):
        found = {}
        for path in sorted(self.build_folder.rglob("*")):
            name = str(path.relative_to(self.build_folder))
            if path.is_file() and (COMPARED.match(name) or name in self.programs):
                found[name] = path.read_bytes()
        return found

    def check_same(self, wanted, got, what):
        self.assertEqual(sorted(wanted), sorted(got), "%s: other files" % what)
        different = [name for name in wanted if wanted[name] != got[name]]
        details = ["%s %s" % (name, harness.describe_bytes(wanted[name], got[name], 60))
                   for name in different[:5]]
        self.assertEqual([], different, "%s: %s" % (what, "; ".join(details)))

    def check_project(self):
        self.build_folder = self.folder / "build"
        source = self.fetch()
        plain_time, plain = self.one_build(source, "") if self.build_plainly else (0, None)
        cold_time, cold = self.one_build(source, harness.HPCC)
        plain = plain or cold
        self.assertGreater(len(plain), 3, "too little was built to say anything")
        self.check_same(plain, cold, "cold")
        after_cold = self.statistics()
        warm_time, warm = self.one_build(source, harness.HPCC)
        self.check_same(plain, warm, "warm")
        added = self.statistics() - after_cold
        print("%s: plain %.1f s, cold %.1f s, warm %.1f s; %d objects; cold: %d misses; warm: "
              "%d hits, %d misses, not cacheable %s" % (
                  type(self).__name__, plain_time, cold_time, warm_time,
                  sum(name.endswith(".o") for name in plain), after_cold.misses, added.hits,
                  added.misses, added.reasons), flush=True)
        self.assertEqual(0, added.misses, "the warm build missed")
        self.assertEqual(0, added.errors)
        self.assertGreater(after_cold.misses, 0)
        self.assertGreaterEqual(added.hits, after_cold.misses)
        if harness.Statistics.exact:
            expected = self.expected_reasons()
            self.assertEqual({}, {name: count for name, count in added.reasons.items()
                                  if name not in expected}, "refused for these reasons")
        self.smoke_test()

    def expected_reasons(self):
        return {"links", "not-a-compile", "preprocesses-only", "several-sources",
                "dependencies-only"}


class Lua(Project):
    package = "lua5.4"
    programs = ("src/lua", "src/luac")

    def build(self, launcher):
        self.run_long(["make", JOBS, "-C", "src", "linux",
                       "CC=%s -std=gnu99" % self.compiler(launcher)])

    def smoke_test(self):
        lua = self.build_folder / "src/lua"
        self.assertIn("Lua 5.4", self.run_long([lua, "-v"]))
        script = ("local t = {} for i = 1, 1000 do t[i] = i * i end table.sort(t, function(a, b) "
                  "return a > b end) print(t[1], #t, ('x'):rep(3), string.format('%.3f', math.pi))")
        self.assertEqual("1000000\t1000\txxx\t3.142\n", self.run_long([lua, "-e", script]))

    def test_lua(self):
        self.check_project()


class Sqlite(Project):
    package = "sqlite3"
    programs = ("shell",)

    def prepare(self, source):
        """Keeps only the amalgamation: sqlite3.c, sqlite3.h, shell.c."""
        making = self.folder / "making"
        source.rename(making)
        for name in ("configure", "install-sh", "config.sub", "config.guess"):
            (making / name).chmod(0o755)
        self.run_long(["./configure", "--disable-tcl", "--disable-readline"], cwd=making)
        self.run_long(["make", "sqlite3.c", "shell.c"], cwd=making)
        source.mkdir()
        for name in ("sqlite3.c", "sqlite3.h", "sqlite3ext.h", "shell.c"):
            shutil.copy2(making / name, source / name)
        (source / "Makefile").write_text(
            "CFLAGS = -O1 -g -DSQLITE_THREADSAFE=1 -DSQLITE_OMIT_LOAD_EXTENSION\n"
            "shell: shell.o sqlite3.o\n\t$(CC) $^ -o $@ -lm -lpthread\n"
            "%.o: %.c\n\t$(CC) $(CFLAGS) -MMD -MP -MF $*.d -c $< -o $@\n")

    def build(self, launcher):
        self.run_long(["make", JOBS, "CC=" + self.compiler(launcher)])

    def smoke_test(self):
        self.assertEqual("3|b\n", self.run_long([
            self.build_folder / "shell", ":memory:",
            "create table t(a integer primary key, b text); insert into t(b) values('a'),('c'),('b');"
            " select * from t order by a desc limit 1;"]))

    def test_sqlite(self):
        self.check_project()


class Googletest(Project):
    package = "googletest"

    def build(self, launcher):
        build = self.build_folder / "cmake"
        configure = ["cmake", "-S", self.build_folder, "-B", build, "-G", "Ninja",
                     "-DCMAKE_BUILD_TYPE=" + ("Release" if LONG else "Debug"),
                     "-Dgtest_build_tests=ON",
                     "-Dgtest_build_samples=ON"]
        if launcher:
            configure += ["-DCMAKE_C_COMPILER_LAUNCHER=" + launcher,
                          "-DCMAKE_CXX_COMPILER_LAUNCHER=" + launcher]
        self.run_long(configure)
        self.run_long(["ninja", JOBS, "-C", build])

    def results(self):
        # ninja keeps the dependency files to itself unless told; what CMake tried out is no result.
        return {name: content for name, content in super().results().items()
                if "/CMakeScratch/" not in name and "/CompilerId" not in name}

    def smoke_test(self):
        tests = [path for path in sorted((self.build_folder / "cmake").rglob("*"))
                 if path.is_file() and os.access(path, os.X_OK)
                 and re.fullmatch(r"sample\d+_unittest|gtest-(vector|string)?.*_test|gtest_unittest",
                                  path.name)]
        self.assertGreater(len(tests), 10)
        for test in tests:
            self.assertIn("[  PASSED  ]", self.run_long([test]))

    def test_googletest(self):
        self.check_project()


class Redis(Project):
    package = "redis"
    programs = ("src/redis-server", "src/redis-cli", "src/redis-benchmark")

    def setUp(self):
        super().setUp()
        # src/mkreleasehdr.sh writes date and host into release.h, unless told a time.
        self.environment["SOURCE_DATE_EPOCH"] = "1700000000"

    def prepare(self, source):
        script = source / "src/mkreleasehdr.sh"
        text = script.read_text()
        self.assertIn("uname -n", text)
        script.write_text(text.replace("`uname -n`", "host"))

    def build(self, launcher):
        self.run_long(["make", JOBS, "MALLOC=libc", "USE_SYSTEMD=no", "BUILD_TLS=no", "V=1",
                       "OPTIMIZATION=-O1", "CC=" + self.compiler(launcher),
                       "CXX=" + self.compiler(launcher, "g++")])

    def smoke_test(self):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = str(free.getsockname()[1])
        server = subprocess.Popen(
            [self.build_folder / "src/redis-server", "--port", port, "--bind", "127.0.0.1",
             "--save", "", "--appendonly", "no"], cwd=self.home, env=self.environment,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.addCleanup(server.communicate)
        self.addCleanup(server.kill)
        client = [self.build_folder / "src/redis-cli", "-p", port]
        deadline = time.monotonic() + 20
        while self.run_command([*client, "ping"]).stdout != b"PONG\n":
            self.assertLess(time.monotonic(), deadline, "the server doesn't answer")
            time.sleep(0.05)
        self.assertEqual("OK\n", self.run_long([*client, "set", "key", "value"]))
        self.assertEqual("value\n", self.run_long([*client, "get", "key"]))
        self.assertEqual("3\n", self.run_long(
            [*client, "eval", "return redis.call('rpush', KEYS[1], 1, 2, 3)", "1", "list"]))
        benchmark = self.run_long([self.build_folder / "src/redis-benchmark", "-p", port, "-q",
                                   "-n", "2000", "-t", "set,get,lpush"])
        self.assertIn("requests per second", benchmark)

    def test_redis(self):
        self.check_project()


class Hpcc(Project):
    """hpcc builds hpcc: with itself as launcher, twice."""

    build_plainly = LONG  # takes minutes, and the suites above compare with plain builds

    def fetch(self):
        source = self.folder / "source"
        shutil.copytree(REPOSITORY, source, symlinks=True, ignore=shutil.ignore_patterns(
            "build", "build-*", ".git", "__pycache__", ".cache"))
        return source

    programs = ("cmake/bin/hpcc",)

    def build(self, launcher):
        build = self.build_folder / "cmake"
        configure = ["cmake", "-S", self.build_folder, "-B", build, "-G", "Ninja",
                     "-DCMAKE_BUILD_TYPE=Release"]
        if launcher:
            configure += ["-DCMAKE_C_COMPILER_LAUNCHER=" + launcher,
                          "-DCMAKE_CXX_COMPILER_LAUNCHER=" + launcher]
        self.run_long(configure)
        self.run_long(["ninja", "-C", build, "hpcc"])

    def results(self):
        return {name: content for name, content in super().results().items()
                if "/CMakeScratch/" not in name and "/CompilerId" not in name}

    def smoke_test(self):
        built = self.build_folder / "cmake/bin/hpcc"
        self.assertRegex(self.run_long([built, "version"]), r"\d+\.\d+\.\d+")
        self.write("unit.c", "int value(void) { return 1; }\n")
        self.run_long([built, "gcc", "-c", "unit.c"], cwd=self.tree)

    def test_hpcc(self):
        self.check_project()


# Project itself has no test methods, so unittest finds none in it.

if __name__ == "__main__":
    names = {"lua": "Lua", "sqlite": "Sqlite", "googletest": "Googletest", "redis": "Redis",
             "hpcc": "Hpcc"}
    sys.argv[1:] = [names.get(word, word) for word in sys.argv[1:]]
    harness.main()
