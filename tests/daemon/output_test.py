#!/usr/bin/env python3
"""What a hit from the daemon writes is what the caller's compiler would have written: with its
rights, its umask, in its working directory, under its view of the file system."""

import os
import shutil
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import daemon_case  # noqa: E402
from daemon_case import COMPILE, harness  # noqa: E402

NOBODY = 65534


class OutputTest(daemon_case.DaemonTest):
    def setUp(self):
        super().setUp()
        self.start_daemon()

    def warm(self, command=None):
        """The unit is known to the daemon, which answers with a hit."""
        self.check_compiles(command=command)
        before = self.statistics()
        self.check_compiles(command=command)
        self.assertEqual(1, (self.statistics() - before).hits)

    def compare(self, command, prefix=(), cwd=None, **options):
        """The same plainly and as a hit: status, streams, every file and its mode."""
        results = []
        for launcher in ([], [harness.HPCC]):
            work = cwd or self.tree
            kept = self.folder / "kept"
            shutil.rmtree(kept, ignore_errors=True)
            shutil.copytree(self.tree, kept, symlinks=True)
            outcome = self.run_command([*prefix, *launcher, *command], cwd=work, **options)
            results.append((outcome, harness.snapshot(self.tree)))
            self.empty(self.tree)
            shutil.copytree(kept, self.tree, symlinks=True, dirs_exist_ok=True)
        (plain, expected), (got, files) = results
        self.assertEqual((plain.status, plain.stdout, plain.stderr),
                         (got.status, got.stdout, got.stderr))
        self.assertEqual([], harness.compare_snapshots(expected, files))
        return plain

    def empty(self, folder):
        for path in folder.iterdir():
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink()


class Modes(OutputTest):
    def test_umask_of_the_caller_counts_and_not_the_daemons(self):
        command = [*COMPILE, "-MD"]
        self.warm(command)
        self.addCleanup((self.tree / "unit.d").unlink, missing_ok=True)
        for umask in (0o077, 0o022, 0o027, 0, 0o777):
            with self.subTest("%03o" % umask):
                self.compare(command, umask=umask)

    def test_object_that_exists_keeps_its_mode_as_with_the_compiler(self):
        self.warm()
        for mode in (0o600, 0o444, 0o755):
            with self.subTest("%o" % mode):
                path = self.write("unit.o", "old")
                path.chmod(mode)
                self.compare(COMPILE)

    def test_object_that_is_a_link_is_treated_as_the_compiler_treats_it(self):
        self.warm()
        self.write("elsewhere.o", "old")
        (self.tree / "unit.o").symlink_to("elsewhere.o")
        self.compare(COMPILE)
        (self.tree / "unit.o").unlink()
        (self.tree / "unit.o").symlink_to("nowhere/unit.o")
        self.compare(COMPILE)
        (self.tree / "unit.o").unlink()
        os.link(self.tree / "elsewhere.o", self.tree / "unit.o")
        self.compare(COMPILE)


class Places(OutputTest):
    def test_output_directory_that_does_not_exist_fails_as_plain(self):
        self.warm()
        self.assertNotEqual(0, self.compare([*COMPILE[:-1], "missing/unit.o"]).status)

    def test_output_that_is_a_directory_fails_as_plain(self):
        self.warm()
        (self.tree / "folder").mkdir()
        self.assertNotEqual(0, self.compare([*COMPILE[:-1], "folder"]).status)

    def test_dependency_file_that_cannot_be_written_fails_as_plain(self):
        (self.tree / "deps").mkdir()
        for name in ("deps", "missing/unit.d"):
            with self.subTest(name):
                command = [*COMPILE, "-MD", "-MF", name]
                self.assertNotEqual(0, self.compare(command).status)
                self.warm([*COMPILE, "-MD", "-MF", "unit.d"])
                (self.tree / "unit.d").unlink()
                self.assertNotEqual(0, self.compare(command).status)

    def test_relative_names_are_the_callers(self):
        self.warm()
        for name in ("deep", "deep/er"):
            folder = self.tree / name
            folder.mkdir()
            with self.subTest(name):
                up = "../" * (name.count("/") + 1)
                self.compare(["gcc", "-O1", "-c", up + "unit.c", "-o", "unit.o"], cwd=folder)
                self.compare(["gcc", "-O1", "-c", up + "unit.c", "-o", up + "unit.o"], cwd=folder)

    def test_many_callers_in_different_directories_at_once(self):
        processes = []
        for number in range(24):
            folder = self.tree / ("folder%d" % number)
            folder.mkdir()
            (folder / "unit.c").write_text("int of_%d(void) { return %d; }\n" % (number, number))
        harness.settle()
        for turn in range(2):
            processes = [self.start_in_background([harness.HPCC, *COMPILE],
                                                  cwd=self.tree / ("folder%d" % number))
                         for number in range(24)]
            for process in processes:
                self.assertEqual((b"", b""), process.communicate(timeout=60))
                self.assertEqual(0, process.returncode)
            for number in range(24):
                folder = self.tree / ("folder%d" % number)
                made = (folder / "unit.o").read_bytes()
                self.run_command(COMPILE, cwd=folder)
                self.assertTrue(made == (folder / "unit.o").read_bytes(), "turn %d" % turn)
        self.assertEqual(24, self.statistics().hits)

    def test_working_directory_named_through_a_link(self):
        (self.folder / "link").symlink_to(self.tree)
        command = ["sh", "-c", 'cd "$0" && exec "$@"', str(self.folder / "link")]
        debug = ["gcc", "-g", "-c", "unit.c", "-o", "unit.o"]
        for _ in range(2):
            self.compare(debug, prefix=command)
            self.compare(debug)

    def test_working_directory_that_was_removed(self):
        self.warm()
        gone = self.tree / "gone"
        remove = 'mkdir -p "$0" && cd "$0" && rmdir "$0" && exec "$@"'
        command = ["gcc", "-c", str(self.tree / "unit.c"), "-o", str(self.tree / "unit.o")]
        for _ in range(2):
            self.compare(command, prefix=["sh", "-c", remove, str(gone)])

    def test_output_on_another_file_system(self):
        other = Path("/dev/shm")
        if not other.is_dir():
            self.skipTest("/dev/shm is missing")
        target = other / ("hpcc-test.%d.o" % os.getpid())
        self.addCleanup(target.unlink, missing_ok=True)
        self.warm()
        wanted = self.plain_object()
        outcome = self.cached([*COMPILE[:-1], str(target)])
        self.assertEqual((0, b""), (outcome.status, outcome.stderr))
        self.assertTrue(target.read_bytes() == wanted)


@unittest.skipUnless(os.geteuid() == 0, "needs root, to become somebody whose rights are limited")
class Rights(daemon_case.DaemonTest):
    """As a user who is not root: daemon and wrapper alike."""

    as_nobody = ["setpriv", "--reuid=%d" % NOBODY, "--regid=%d" % NOBODY, "--clear-groups"]

    def setUp(self):
        super().setUp()
        for path in [self.folder, *self.folder.rglob("*")]:
            os.chown(path, NOBODY, NOBODY)
        self.start_daemon(before=self.as_nobody)

    def compile_as_nobody(self, launcher, command=COMPILE):
        return self.run_command([*self.as_nobody, *launcher, *command])

    def test_read_only_output_directory_fails_as_plain(self):
        for _ in range(2):
            outcome = self.compile_as_nobody([harness.HPCC])
            self.assertEqual((0, b""), (outcome.status, outcome.stderr))
        (self.tree / "closed").mkdir(mode=0o555)
        command = [*COMPILE[:-1], "closed/unit.o"]
        plain = self.compile_as_nobody([], command)
        cached = self.compile_as_nobody([harness.HPCC], command)
        self.assertNotEqual(0, plain.status)
        self.assertEqual((plain.status, plain.stdout, plain.stderr),
                         (cached.status, cached.stdout, cached.stderr))
        self.assertEqual([], os.listdir(self.tree / "closed"))

    def test_read_only_object_is_replaced_or_not_as_plain(self):
        self.compile_as_nobody([harness.HPCC])
        results = []
        for launcher in ([], [harness.HPCC]):
            path = self.write("unit.o", "old")
            path.chmod(0o444)
            os.chown(path, 0, 0)
            outcome = self.compile_as_nobody(launcher)
            results.append((outcome.status, outcome.stdout, outcome.stderr,
                            harness.snapshot(self.tree)["unit.o"]))
            path.unlink()
        self.assertEqual(results[0], results[1])

    def test_source_that_the_caller_may_not_read_fails_as_plain(self):
        self.compile_as_nobody([harness.HPCC])
        os.chown(self.tree / "unit.c", 0, 0)
        (self.tree / "unit.c").chmod(0o600)
        plain = self.compile_as_nobody([])
        cached = self.compile_as_nobody([harness.HPCC])
        self.assertNotEqual(0, plain.status)
        self.assertEqual((plain.status, plain.stderr), (cached.status, cached.stderr))


@unittest.skipUnless(os.geteuid() == 0, "needs root, to make namespaces")
class OtherViews(OutputTest):
    """A caller for whom the same paths are other files."""

    def setUp(self):
        super().setUp()
        self.write("include/unit.h", "#define VALUE 1\n")
        self.write("other/unit.h", "#define VALUE 2\n")
        self.write("unit.c", '#include "unit.h"\nint value = VALUE;\n')
        self.command = ["gcc", "-Iinclude", "-c", "unit.c", "-o", "unit.o"]
        harness.settle()
        self.wanted = self.plain_object(self.command)
        self.warm(self.command)

    def in_namespace(self, preparation):
        return ["unshare", "--mount", "sh", "-ec", preparation + '\nexec "$@"', "sh"]

    def check(self, prefix, tree=None):
        """`tree`: where the files are that the caller sees as the tree."""
        made = (tree or self.tree) / "unit.o"
        plain = self.run_command([*prefix, *self.command])
        self.assertEqual(0, plain.status, plain.stderr)
        wanted = made.read_bytes()
        self.assertFalse(wanted == self.wanted, "the other view makes no difference")
        for _ in range(2):
            made.unlink()
            outcome = self.run_command([*prefix, harness.HPCC, *self.command])
            self.assertEqual((0, b"", b""), (outcome.status, outcome.stdout, outcome.stderr))
            self.assertTrue(made.read_bytes() == wanted, "another view's object")
        self.check_compiles(self.wanted, self.command)

    def test_header_mounted_over_in_another_namespace(self):
        self.check(self.in_namespace("mount --bind other/unit.h include/unit.h"))

    def test_whole_tree_mounted_over_in_another_namespace(self):
        shutil.copytree(self.tree, self.folder / "copy")
        (self.folder / "copy/include/unit.h").write_text("#define VALUE 3\n")
        harness.settle()
        self.check(self.in_namespace('mount --bind "%s" "%s"; cd "%s"' % (
            self.folder / "copy", self.tree, self.tree)), self.folder / "copy")

    def test_other_root(self):
        root = self.folder / "root"
        inside = root / str(self.folder)[1:]
        inside.mkdir(parents=True)
        shutil.copytree(self.tree, inside / "tree")
        (inside / "tree/include/unit.h").write_text("#define VALUE 4\n")
        for name in ("run", "cache", "tmp", "home"):
            (inside / name).mkdir()
        binds = ["/usr", "/etc", "/dev", "/proc", str(Path(harness.HPCC).parent)]
        links = ["/bin", "/lib", "/lib64", "/sbin"]
        lines = []
        for path in binds + ["%s/%s" % (self.folder, name) for name in ("run", "cache")]:
            lines.append('mkdir -p "%s%s"; mount --bind "%s" "%s%s"' % (
                root, path, path, root, path))
        for path in links:
            if os.path.islink(path):
                lines.append('ln -sfn "%s" "%s%s"' % (os.readlink(path), root, path))
            else:
                lines.append('mkdir -p "%s%s"; mount --bind "%s" "%s%s"' % (
                    root, path, path, root, path))
        inner = 'cd "%s"; exec "$@"' % self.tree
        prefix = ["unshare", "--mount", "sh", "-ec",
                  "\n".join(lines) + '\nexec chroot "%s" sh -ec \'%s\' sh "$@"' % (root, inner),
                  "sh"]
        self.check(prefix, inside / "tree")


if __name__ == "__main__":
    harness.main()
