#!/usr/bin/env python3
"""Compiles by a real worker, from a development cluster on loopback.

    HPCC_BIN=... tests/remote_compiles/remote_compile_test.py

What a worker compiled must be what the compiler would have written here, byte for byte: object,
dependency file, diagnostics, status. What can't be had from a worker is compiled here, and the
build does not see it.
"""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import harness  # noqa: E402


class Cluster:
    """One for all tests: starting one takes seconds."""

    def __init__(self, folder):
        self.folder = folder
        self.process = subprocess.Popen(
            [harness.HPCC, "cluster", "dev", "--dir", str(folder)], stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            env=harness.base_environment(folder, folder / "unused"), start_new_session=True)
        deadline = time.monotonic() + 120
        self.said = []
        while time.monotonic() < deadline:
            line = self.process.stdout.readline().decode()
            self.said.append(line)
            if not line or "ready" in line:
                break
        if not (folder / "client.toml").exists():
            sys.exit("hpcc cluster dev did not start:\n" + "".join(self.said))

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()


cluster = None


class RemoteCompileCase(unittest.TestCase):
    def setUp(self):
        self.folder = Path(harness.tempfile.mkdtemp(prefix="hpcc-remote-compiles."))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.clients = 0
        self.environment = self.new_client()

    def new_client(self, more=""):
        """A user's environment with nothing cached, on whom hpcc-remote waits."""
        self.clients += 1
        home = self.folder / ("client%d" % self.clients)
        runtime = home / "run"
        runtime.mkdir(parents=True, mode=0o700)
        text = (cluster.folder / "client.toml").read_text()
        (home / "hpcc.toml").write_text(more + text)
        environment = harness.base_environment(home, home / "cache")
        environment.update(HPCC_CONFIG=str(home / "hpcc.toml"), HPCC_RUNTIME_DIR=str(runtime),
                           HPCC_LOG_FILE=str(home / "log"), LC_ALL="C")
        return environment

    def remote(self, environment=None):
        result = subprocess.run([harness.HPCC, "stats", "--json"], capture_output=True,
                                env=environment or self.environment, timeout=60)
        self.assertEqual(0, result.returncode, result.stderr)
        return json.loads(result.stdout)["remote_compiles"]

    def compile(self, words, cwd, environment=None):
        return harness.run([harness.HPCC] + words, str(cwd), environment or self.environment)

    def plainly(self, words, cwd, more=()):
        outcome = harness.run(words[:1] + list(more) + words[1:], str(cwd), self.environment)
        return outcome

    def project(self, name, marked):
        folder = self.folder / name
        (folder / "src").mkdir(parents=True)
        (folder / "include/deep").mkdir(parents=True)
        if marked:
            (folder / ".hpcc").write_text("")
        (folder / "include/deep/a.h").write_text("#include <stdio.h>\n#define A __FILE__\n")
        (folder / "src/a.c").write_text(
            "#include \"deep/a.h\"\n#include \"b.h\"\n"
            "int main(void) { int unused; return puts(A) + B; }\n")
        (folder / "src/b.h").write_text("#if __has_include(<nowhere.h>)\n#define B 1\n#else\n"
                                        "#define B 2\n#endif\n")
        return folder


class RemoteCompileTest(RemoteCompileCase):
    def check_same(self, words, folder, outputs, more=()):
        """As a worker does it, and as the compiler does it here."""
        before = self.remote()
        outcome = self.compile(words, folder)
        made = {name: (folder / name).read_bytes() for name in outputs if (folder / name).exists()}
        for name in outputs:
            (folder / name).unlink(missing_ok=True)
        plain = self.plainly(words, folder, more)
        for name in outputs:
            self.assertEqual((folder / name).exists(), name in made, name)
            if name in made:
                self.assertEqual((folder / name).read_bytes(), made[name], name)
        self.assertEqual(plain.status, outcome.status)
        self.assertEqual(plain.stderr, outcome.stderr)
        self.assertEqual(plain.stdout, outcome.stdout)
        after = self.remote()
        self.assertEqual(before["fallbacks"], after["fallbacks"], after)
        return after

    def test_a_compile_is_what_it_would_be_here(self):
        folder = self.project("plain", marked=False)
        words = ["gcc", "-g", "-O2", "-Wall", "-Iinclude", "-MD", "-MF", "a.d", "-c", "src/a.c",
                 "-o", "a.o"]
        counts = self.check_same(words, folder, ["a.o", "a.d"])
        self.assertEqual(1, counts["compiled"])
        # From the local cache, then from the worker's for somebody whose cache is empty.
        self.assertEqual(0, self.compile(words, folder).status)
        self.assertEqual(1, harness.read_statistics(self.environment).hits)
        other = self.new_client()
        self.assertEqual(0, self.compile(words, folder, other).status)
        self.assertEqual(1, self.remote(other)["hits"], self.remote(other))

    def test_cxx_with_the_library_is_the_same(self):
        folder = self.project("cxx", marked=False)
        (folder / "x.cc").write_text("#include <iostream>\n#include <map>\n#include <vector>\n"
                                     "int main() { std::map<int, std::vector<int>> m; "
                                     "std::cout << m.size(); }\n")
        self.check_same(["g++", "-std=c++17", "-O1", "-MMD", "-c", "x.cc", "-o", "x.o"], folder,
                        ["x.o", "x.d"])

    def test_two_checkouts_are_compiled_once(self):
        first = self.project("first", marked=True)
        second = self.project("a/longer/path/to/the/second", marked=True)
        objects = []
        for folder in (first, second):
            words = ["gcc", "-g", "-Wall", "-I%s/include" % folder, "-MD", "-c",
                     str(folder / "src/a.c"), "-o", str(folder / "a.o")]
            self.environment = self.new_client()
            counts = self.check_same(words, folder, ["a.o", "a.d"],
                                     ["-ffile-prefix-map=%s=." % folder])
            objects.append((folder / "a.o").read_bytes())
        self.assertEqual((0, 1), (counts["compiled"], counts["hits"]), counts)
        self.assertEqual(*objects)

    def test_errors_are_the_compilers_own_here(self):
        folder = self.project("broken", marked=False)
        (folder / "e.c").write_text("int main(void) { return undeclared; }\n")
        words = ["gcc", "-c", "e.c", "-o", "e.o"]
        outcome, plain = self.compile(words, folder), self.plainly(words, folder)
        self.assertEqual((plain.status, plain.stdout, plain.stderr),
                         (outcome.status, outcome.stdout, outcome.stderr))
        self.assertNotEqual(0, outcome.status)
        self.assertFalse((folder / "e.o").exists())
        self.assertEqual({"failed": 1}, self.remote()["fallbacks_by_cause"])

    def test_assembly_that_embeds_files_is_sent_with_them(self):
        folder = self.project("assembly", marked=False)
        (folder / "data").write_bytes(b"embedded")
        (folder / "e.S").write_text(".global data\ndata: .incbin \"data\"\n")
        self.check_same(["gcc", "-c", "e.S", "-o", "e.o"], folder, ["e.o"])

    def test_a_machines_own_flags_stay_here(self):
        folder = self.project("native", marked=False)
        outcome = self.compile(["gcc", "-march=native", "-Iinclude", "-c", "src/a.c"], folder)
        self.assertEqual(0, outcome.status)
        self.assertEqual({"unsuitable": 1}, self.remote()["fallbacks_by_cause"])

    def explain(self, path, environment=None):
        """Where a unit was compiled: (place, cause, detail), and what a reader is told."""
        environment = environment or self.environment
        outcome = harness.run([harness.HPCC, "explain", "--json", str(path)], str(self.folder),
                              environment)
        self.assertEqual(0, outcome.status, outcome.stderr)
        where = json.loads(outcome.stdout)["where"]
        text = harness.run([harness.HPCC, "explain", str(path)], str(self.folder), environment)
        return (where["place"], where["cause"], where["detail"]), text.stdout.decode()

    def check_explanations(self, name):
        folder = self.project(name, marked=False)
        source = folder / "src/a.c"
        words = ["gcc", "-Iinclude", "-c", "src/a.c", "-o", "a.o"]
        self.assertEqual(0, self.compile(words, folder).status)
        where, text = self.explain(source)
        self.assertEqual(("worker", "none", ""), where)
        self.assertRegex(text, r"where +by a worker\n")
        other = self.new_client()
        self.assertEqual(0, self.compile(words, folder, other).status)
        self.assertEqual("worker's cache", self.explain(source, other)[0][0])

        self.assertEqual(0, self.compile(["gcc", "-march=native", *words[1:]], folder).status)
        where, text = self.explain(folder / "a.o")
        self.assertEqual(("here", "unsuitable", "a flag that means this machine's processor"), where)
        self.assertRegex(text, "where +here, by no worker: the command or its compiler is tied to "
                               "this machine: a flag that means this machine's processor\n")

        source.write_text("int main(void) { return nowhere; }\n")
        self.assertEqual(1, self.compile(words, folder).status)
        self.assertEqual(("here", "failed", "exit status 1"), self.explain(source)[0])

    def test_it_is_explained_where_a_unit_was_compiled(self):
        self.check_explanations("explained")

    def test_a_daemon_notes_it_too(self):
        outcome = harness.run([harness.HPCC, "start", "--background"], str(self.folder), self.environment)
        self.assertEqual(0, outcome.status, outcome.stderr)
        self.addCleanup(harness.run, [harness.HPCC, "stop"], str(self.folder), self.environment)
        self.check_explanations("explained_with_daemon")

    def test_what_the_scheduler_lacks_is_explained(self):
        config = Path(self.environment["HPCC_CONFIG"])
        config.write_text(re.sub(r'scheduler = ".*"', 'scheduler = "127.0.0.1:1"',
                                 config.read_text()))
        folder = self.project("unexplored", marked=False)
        self.assertEqual(0, self.compile(["gcc", "-Iinclude", "-c", "src/a.c"], folder).status)
        where, text = self.explain(folder / "src/a.c")
        self.assertEqual(("here", "no-scheduler"), where[:2])
        self.assertIn("here, by no worker: the scheduler does not answer: ", text)
        self.assertEqual(1, text.count("does not answer"), text)

    def test_the_paranoid_keep_nothing(self):
        self.environment = self.new_client("paranoid = true\n")
        config = Path(self.environment["HPCC_CONFIG"])
        lines, skip = [], False
        for line in config.read_text().splitlines():
            skip = line.startswith("[[cache]]") or (skip and not line.startswith("["))
            if not skip:
                lines.append(line)
        config.write_text("\n".join(lines) + "\n")
        folder = self.project("paranoid", marked=False)
        words = ["gcc", "-Iinclude", "-c", "src/a.c", "-o", "a.o"]
        for _ in range(2):
            self.assertEqual(0, self.compile(words, folder).status)
        counts = self.remote()
        self.assertEqual((1, 1), (counts["compiled"], counts["hits"]), counts)
        kept = [path for path in Path(self.environment["HPCC_CACHE_DIR"]).rglob("*")
                if path.is_file() and path.parts[-3:-2] and
                any(part in ("result", "direct", "unit") for part in path.parts)]
        self.assertEqual([], kept)

    def test_without_a_scheduler_the_build_goes_on(self):
        config = Path(self.environment["HPCC_CONFIG"])
        text = config.read_text()
        lines = ["scheduler = \"127.0.0.1:1\"" if line.startswith("scheduler") else line
                 for line in text.splitlines()]
        config.write_text("\n".join(lines) + "\n")
        folder = self.project("alone", marked=False)
        for i in range(5):
            (folder / "src/a.c").write_text("int a%d;\n" % i)
            outcome = self.compile(["gcc", "-c", "src/a.c", "-o", "a.o"], folder)
            self.assertEqual((0, b"", b""), (outcome.status, outcome.stdout, outcome.stderr))
        self.assertEqual({"no-scheduler": 5}, self.remote()["fallbacks_by_cause"])
        log = Path(self.environment["HPCC_LOG_FILE"]).read_text()
        self.assertEqual(1, log.count("remote compiles: "), log)


if __name__ == "__main__":
    harness.require_program()
    cluster_folder = Path(harness.tempfile.mkdtemp(prefix="hpcc-cluster."))
    cluster = Cluster(cluster_folder)
    try:
        program = unittest.main(exit=False)
        failed = len(program.result.failures) + len(program.result.errors)
        print("%d passed, %d failed" % (program.result.testsRun - failed, failed))
    finally:
        cluster.stop()
        if os.environ.get("HPCC_KEEP") != "1":
            shutil.rmtree(cluster_folder, ignore_errors=True)
    sys.exit(failed != 0)
