"""What the tests of the safe direct mode share: one unit, compiled plainly and through hpcc.

Each test class is run four times, with gcc and clang, as C and as C++ (see for_each_compiler).
"""

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import harness  # noqa: E402

COMPILERS = (("Gcc", "gcc", "g++"), ("Clang", "clang-14", "clang++-14"))


class DirectModeTest(harness.CacheTest):
    # Set by for_each_compiler.
    compiler = None
    suffix = None
    is_clang = False
    language = None

    def setUp(self):
        super().setUp()
        self.source = "main." + self.suffix
        self.flags = []
        self.extra_environment = {}

    def write_source(self, text):
        self.write(self.source, text)

    def command(self):
        return [self.compiler, "-MD", *self.flags, "-c", self.source, "-o", "main.o"]

    def outputs(self):
        found = {}
        for name in ("main.o", "main.d"):
            path = self.tree / name
            if path.exists():
                found[name] = path.read_bytes()
                path.unlink()
        return found

    def compile_plainly(self):
        outcome = self.run_command(self.command(), self.extra_environment)
        return outcome, self.outputs()

    def check(self, expected, settled=True):
        """Compiles plainly and through hpcc, and compares every byte.

        `expected`: what hpcc counts: "hit", "miss", "no hit" (a miss, or not cacheable), "any".
        The plain compile comes second, so that hpcc sees the change first; and where `settled` is
        false, it sees it at once, within the resolution of file times.
        """
        if settled:
            harness.settle()
        outcome, added = self.counting(self.command(), environment=self.extra_environment)
        got = self.outputs()
        plain, wanted = self.compile_plainly()
        self.assertEqual((plain.status, plain.stdout, plain.stderr),
                         (outcome.status, outcome.stdout, outcome.stderr))
        self.assertEqual(wanted.keys(), got.keys())
        for name, content in wanted.items():
            if content != got[name]:
                self.fail("%s %s" % (name, harness.describe_bytes(content, got[name], 100)))
        counted = "hits %d, misses %d, not cacheable %s, errors %d" % (
            added.hits, added.misses, added.reasons, added.errors)
        if expected == "hit":
            self.assertEqual(1, added.hits, counted)
        elif expected == "miss" and harness.Statistics.exact:
            self.assertEqual((0, 1, 0), (added.hits, added.misses, added.not_cacheable), counted)
        elif expected in ("miss", "no hit"):
            self.assertEqual(0, added.hits, counted)
        self.assertEqual(0, added.errors, counted)
        self.assertEqual([], os.listdir(self.environment["TMPDIR"]), "temporary files left behind")
        return plain

    def check_fails(self):
        """The unit doesn't compile now; hpcc says so with the compiler's own words."""
        self.assertNotEqual(0, self.check("no hit").status)

    def warm(self):
        """The unit is in the cache afterwards."""
        self.check("miss")
        self.check("hit")

    def check_change(self):
        """After a change that the object must show: a miss, then a hit with the new object."""
        self.check("miss")
        self.check("hit")


def for_each_compiler(namespace, *test_classes):
    """Puts one class for each compiler and language into `namespace` (a module's globals())."""
    for test_class in test_classes:
        for family, c_compiler, cxx_compiler in COMPILERS:
            for language, compiler, suffix in (("C", c_compiler, "c"), ("Cxx", cxx_compiler, "cc")):
                name = "%s%s%s" % (test_class.__name__, family, language)
                namespace[name] = type(name, (test_class, DirectModeTest), {
                    "compiler": compiler, "suffix": suffix, "language": language,
                    "is_clang": family == "Clang", "__module__": namespace["__name__"],
                })
