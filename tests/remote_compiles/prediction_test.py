#!/usr/bin/env python3
"""What is predicted of real units holds what the compiler says it reads.

    PREDICT_INCLUDES=... tests/remote_compiles/prediction_test.py [lua|sqlite|googletest|redis]

Each unit of the projects is asked for twice: `gcc -M` says what is read, predict_includes what hpcc
would send to a worker. The second must hold all of the first; a doubt counts as none and is told.
Redis and googletest are asked in the long form (HPCC_LONG_TESTS=1).
"""

import concurrent.futures
import os
import shlex
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent.parent
PREDICT = os.environ.get("PREDICT_INCLUDES", "")
# Doubts that are right, by project: units whose includes only the compiler can tell.
DOUBTS_ALLOWED = 0.05
LONG_FORM = unittest.skipUnless(os.environ.get("HPCC_LONG_TESTS") == "1", "long form")


def listed(text):
    """The files of a dependency rule."""
    rule = text.replace("\\\n", " ").split(":", 1)[1]
    return [word.replace("\\ ", " ") for word in shlex.split(rule.split("\n", 1)[0])]


class Prediction(unittest.TestCase):
    def setUp(self):
        self.folder = Path(tempfile.mkdtemp(prefix="hpcc-prediction."))
        self.addCleanup(subprocess.run, ["rm", "-rf", str(self.folder)])

    def fetch(self, package, upstream=True):
        source = self.folder / package
        command = [str(REPOSITORY / "scripts/fetch-source.sh")]
        command += ["--upstream"] if upstream else []
        store = os.environ.get("HPCC_TEST_SOURCES") or os.path.expanduser(
            "~/.cache/hpcc-test-sources")
        result = subprocess.run(command + [package, str(source)], capture_output=True, text=True,
                                env=dict(os.environ, HPCC_TEST_SOURCES=store), timeout=900)
        self.assertEqual(0, result.returncode, result.stdout + result.stderr)
        return source

    def check(self, units):
        """`units`: pairs of a directory and the words of a compile."""
        environment = {"PATH": "/usr/bin:/bin", "LC_ALL": "C"}
        doubts = []

        def one(unit):
            directory, words = unit
            said = subprocess.run(words[:1] + ["-M"] + words[1:], cwd=directory, env=environment,
                                  capture_output=True, text=True, timeout=300)
            self.assertEqual(0, said.returncode, said.stderr)
            read = {os.path.realpath(os.path.join(directory, name))
                    for name in listed(said.stdout)}
            predicted = subprocess.run(
                [PREDICT, str(directory)] + words[:1] + ["-c"] + words[1:] + ["-o", "x.o"],
                env=environment, capture_output=True, text=True, timeout=300)
            self.assertEqual(0, predicted.returncode, predicted.stderr)
            if predicted.stdout.startswith("doubt: "):
                doubts.append((words[-1], predicted.stdout.strip()))
                return
            missing = read - set(predicted.stdout.splitlines())
            self.assertFalse(missing, "%s: not predicted: %s" % (words, sorted(missing)))

        with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
            list(pool.map(one, units))
        self.assertGreater(len(units), 0)
        print("%d units, %d doubts: %s" % (len(units), len(doubts), doubts[:5]), flush=True)
        self.assertLessEqual(len(doubts), DOUBTS_ALLOWED * len(units))

    def test_lua(self):
        source = self.fetch("lua5.4") / "src"
        self.check([(source, ["gcc", "-O2", "-DLUA_COMPAT_5_3", "-DLUA_USE_LINUX", name.name])
                    for name in sorted(source.glob("*.c"))])

    def test_sqlite(self):
        source = self.fetch("sqlite3")
        subprocess.run(["sh", "configure"], cwd=source, check=True, capture_output=True)
        subprocess.run(["make", "-s", "sqlite3.c"], cwd=source, check=True, capture_output=True)
        self.check([(source, ["gcc", "-I.", "-DSQLITE_ENABLE_FTS5", "sqlite3.c"])])

    @LONG_FORM
    def test_redis(self):
        source = self.fetch("redis") / "src"
        flags = ["-std=c11", "-DREDIS_STATIC=", "-I../deps/hiredis", "-I../deps/linenoise",
                 "-I../deps/lua/src", "-I../deps/hdr_histogram", "-I../deps/jemalloc/include"]
        (source / "release.h").write_text("")
        # Parts of others, and of other systems, which no compiler here takes by themselves.
        left_out = {"ae_epoll.c", "ae_evport.c", "ae_kqueue.c", "ae_select.c"}
        self.check([(source, ["gcc"] + flags + [name.name])
                    for name in sorted(source.glob("*.c")) if name.name not in left_out])

    @LONG_FORM
    def test_googletest(self):
        source = self.fetch("googletest")
        flags = ["-std=c++17", "-Igoogletest/include", "-Igoogletest", "-Igooglemock/include",
                 "-Igooglemock"]
        units = [*(source / "googletest/src").glob("*.cc"),
                 *(source / "googlemock/src").glob("*.cc"),
                 *(source / "googletest/samples").glob("*.cc")]
        self.check([(source, ["g++"] + flags + [str(unit.relative_to(source))])
                    for unit in sorted(units)])


if __name__ == "__main__":
    if not os.access(PREDICT, os.X_OK):
        sys.exit("PREDICT_INCLUDES must name the program (it is %r)" % PREDICT)
    program = unittest.main(argv=[sys.argv[0]] + ["Prediction.test_" + name
                                                  for name in sys.argv[1:]], exit=False)
    failed = len(program.result.failures) + len(program.result.errors)
    print("%d passed, %d failed" % (program.result.testsRun - failed, failed))
    sys.exit(failed != 0)
