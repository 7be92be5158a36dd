"""Roots made of layers: what squashfs-tools and the kernel read in them is what the layers say.

BUILD_ROOT names the program of tests/image/build_root.cc.
"""

import hashlib
import os
import re
import shutil
import stat
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import debian_tree  # noqa: E402
import harness  # noqa: E402
import layers  # noqa: E402

BUILD_ROOT = os.environ.get("BUILD_ROOT", "")
MOUNT_POINTS = {"proc", "sys", "dev", "tmp", "run", "exec", ".hpcc"}
GIB = 1 << 30


def describe(path, facts, links):
    """What of a file must be the same in the image; `links` gathers names of one inode."""
    mode = stat.S_IMODE(facts.st_mode) & 0o1777  # set-uid and set-gid are left out
    if stat.S_ISLNK(facts.st_mode):
        return ("link", os.readlink(path))
    if stat.S_ISDIR(facts.st_mode):
        return ("directory", mode)
    if facts.st_nlink > 1:
        links.setdefault(facts.st_ino, []).append(path)
    with open(path, "rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return ("file", mode, facts.st_size, int(facts.st_mtime), facts.st_nlink, digest)


def snapshot(tree):
    """Path in the tree to what is there, the mount points left out; and who are hard links."""
    tree = str(tree)
    found, links = {}, {}
    waiting = [""]
    while waiting:
        folder = waiting.pop()
        for item in os.scandir(os.path.join(tree, folder)):
            name = os.path.join(folder, item.name)
            if name in MOUNT_POINTS:
                continue
            found[name] = describe(item.path, item.stat(follow_symlinks=False), links)
            if item.is_dir(follow_symlinks=False):
                waiting.append(name)
    groups = {frozenset(os.path.relpath(path, tree) for path in paths) for paths in links.values()}
    return found, groups


class Root(unittest.TestCase):
    def setUp(self):
        self.dir = Path(tempfile.mkdtemp(prefix="hpcc-root."))
        self.addCleanup(shutil.rmtree, self.dir, ignore_errors=True)
        self.count = 0

    def write(self, data):
        self.count += 1
        path = self.dir / ("layer-%d" % self.count)
        path.write_bytes(data)
        return path

    def build(self, *words, output="root"):
        """(exit status, what it said, peak KiB)"""
        words = [str(word) for word in words]
        options = [word for word in words if word.startswith("--")]
        inputs = [word for word in words if not word.startswith("--")]
        done = subprocess.run([BUILD_ROOT, *options, self.dir / output, *inputs],
                              capture_output=True, text=True, timeout=600)
        peak = int(re.search(r"peak KiB: (\d+)", done.stdout).group(1))
        return done.returncode, done.stderr, peak

    def make(self, *words, output="root"):
        status, said, _ = self.build(*words, output=output)
        self.assertEqual((0, ""), (status, said))
        return self.dir / output

    def unpack(self, image):
        target = self.dir / (image.name + ".tree")
        done = subprocess.run(["unsquashfs", "-no-progress", "-d", target, image],
                              capture_output=True, text=True, timeout=600)
        self.assertEqual(0, done.returncode, done.stderr)
        self.addCleanup(subprocess.run, ["chmod", "-R", "u+w", target])
        return target

    def mounted(self, image):
        """Where the kernel shows the image; skips the test loudly where it may not."""
        place = self.dir / (image.name + ".mounted")
        place.mkdir()
        done = subprocess.run(["mount", "-o", "loop,ro,nosuid,nodev", image, place],
                              capture_output=True, text=True)
        if done.returncode != 0:
            self.skipTest("THE KERNEL'S READING IS NOT TESTED: mount -o loop: " +
                          done.stderr.strip())
        self.addCleanup(subprocess.run, ["umount", place], check=True)
        return place

    def listing(self, image):
        """unsquashfs -ll, without the root and the mount points."""
        done = subprocess.run(["unsquashfs", "-lln", "-d", "", image], capture_output=True,
                              text=True, check=True, timeout=600)
        left_out = re.compile(" (/(%s)(/.*)?)?$" % "|".join(map(re.escape, MOUNT_POINTS)))
        return [line for line in done.stdout.split("\n") if line and not left_out.search(line)]


class Toolchain(Root):
    @classmethod
    def setUpClass(cls):
        cls.tree = debian_tree.tree()

    def test_every_tool_reads_what_the_packages_hold(self):
        layer = self.dir / "layer.tar"
        debian_tree.make_layer(self.tree, layer)
        expected = snapshot(self.tree)
        self.assertGreater(len(expected[0]), 10_000)
        image = self.make(layer)
        with self.subTest("unsquashfs"):
            self.assertEqual(expected, snapshot(self.unpack(image)))
        with self.subTest("mksquashfs lists the same"):
            theirs = self.dir / "theirs"
            subprocess.run(["mksquashfs", self.tree, theirs, "-all-root", "-comp", "zstd",
                            "-no-progress", "-quiet"], check=True, timeout=600)
            without_set_gid = [re.sub("^(d.{5})s", r"\1x", line) for line in self.listing(theirs)]
            self.assertEqual(without_set_gid, self.listing(image))
        with self.subTest("gzip and zstd layers, gzip images"):
            first = image.read_bytes()
            for how in (["gzip", "-1"], ["zstd", "-q", "--rm"]):
                copy = self.dir / "copy.tar"
                shutil.copy(layer, copy)
                subprocess.run([*how, copy], check=True)
                other = self.make(next(self.dir.glob("copy.tar.*")), output="other")
                self.assertEqual(first, other.read_bytes())
                for file in self.dir.glob("copy.tar*"):
                    file.unlink()
            small = self.make(layer, "--gzip", "--level=1", output="gzip")
            self.assertEqual(expected, snapshot(self.unpack(small)))
        with self.subTest("the kernel"):
            self.assertEqual(expected, snapshot(self.mounted(image)))

    def test_agent_and_mount_points_are_there(self):
        agent = self.write(b"\x7fELF agent")
        image = self.make("--agent=%s" % agent)
        tree = self.unpack(image)
        self.assertEqual(MOUNT_POINTS, {item.name for item in tree.iterdir()})
        self.assertEqual(b"\x7fELF agent", (tree / ".hpcc/agent").read_bytes())
        self.assertEqual(0o755, stat.S_IMODE((tree / ".hpcc/agent").stat().st_mode))
        self.assertEqual(0o1777, stat.S_IMODE((tree / "tmp").stat().st_mode))

    def test_same_layers_give_the_same_bytes(self):
        first, second = self.dir / "first.tar", self.dir / "second.tar"
        debian_tree.make_layer(self.tree / "usr/include", first)
        debian_tree.make_layer(self.tree / "usr/bin", second)
        one = self.make(first, second, output="one")
        self.assertEqual(one.read_bytes(), self.make(first, second, output="two").read_bytes())
        self.assertEqual(0, one.stat().st_size % 4096)


class Sizes(Root):
    def tar(self, folder, *options):
        output = self.dir / "sizes.tar"
        debian_tree.make_layer(folder, output, *options)
        return output

    def tree_of(self):
        folder = self.dir / "made"
        folder.mkdir()
        return folder

    def test_long_names_and_paths(self):
        folder = self.tree_of()
        place = folder
        for i in range(14):
            place = place / (chr(ord("a") + i) * 255)
            place.mkdir()
        (place / ("z" * 255)).write_text("far down")
        (folder / ("ä" * 127)).write_text("not ASCII")
        (folder / "link").symlink_to("l" * 4000)
        expected = snapshot(folder)
        for form in ("gnu", "posix"):
            with self.subTest(form):
                image = self.make(self.tar(folder, "--format=" + form), output=form)
                self.assertEqual(expected, snapshot(self.unpack(image)))
        self.assertEqual(expected, snapshot(self.mounted(image)))

    def test_sparse_file_of_two_gibibytes(self):
        folder = self.tree_of()
        with open(folder / "sparse", "wb") as file:
            for offset in (0, 5_000_000, GIB + 123, 2 * GIB - 10):
                file.seek(offset)
                file.write(b"0123456789")
        with open(folder / "hole", "wb") as file:
            file.truncate(GIB)
        expected = snapshot(folder)
        images = []
        for options in (["--format=gnu"], ["--format=posix", "--sparse-version=0.0"],
                        ["--format=posix", "--sparse-version=0.1"],
                        ["--format=posix", "--sparse-version=1.0"]):
            with self.subTest(options):
                image = self.make(self.tar(folder, "--sparse", *options), output=options[-1])
                self.assertLess(image.stat().st_size, 1 << 20)
                images.append(image.read_bytes())
                self.assertEqual(images[0], images[-1])
        tree = self.unpack(image)
        self.assertEqual(expected, snapshot(tree))
        self.assertLess((tree / "sparse").stat().st_blocks * 512, 1 << 20)
        place = self.mounted(image)
        self.assertEqual(expected, snapshot(place))
        self.assertLess((place / "sparse").stat().st_blocks * 512, 1 << 20)

    def test_directory_of_100_000_entries(self):
        folder = self.tree_of()
        for i in range(100_000):
            (folder / ("entry-%x" % (i * 2654435761 % (1 << 32)))).touch()
        os.utime(folder, (1, 1))
        image = self.make(self.tar(folder, "--mtime=@1"))
        names = sorted(os.listdir(folder))
        listed = self.listing(image)
        self.assertEqual(names, [line.rsplit("/", 1)[1] for line in listed])
        place = self.mounted(image)
        self.assertEqual(names, sorted(set(os.listdir(place)) - MOUNT_POINTS))
        for name in names:
            (place / name).lstat()
        for name in names[::97]:
            self.assertFalse((place / (name + "!")).exists())

    def test_files_of_every_size_and_duplicates(self):
        folder = self.tree_of()
        noise = os.urandom(1 << 20)
        block = 128 << 10
        for size in (0, 1, 511, 512, block - 1, block, block + 1, 3 * block + 7, 8 * block):
            for name, data in (("noise", noise), ("same", noise), ("text", b"text" * (size // 4 + 1)),
                               ("zeros", bytes(size))):
                (folder / ("%s-%d" % (name, size))).write_bytes(data[:size])
        os.link(folder / "noise-1", folder / "linked")
        (folder / "departs").write_bytes(noise[:5 * block] + b"otherwise" * 50_000)
        expected = snapshot(folder)
        for options in ([], ["--gzip"]):
            image = self.make(self.tar(folder), *options, output="sizes" + "".join(options))
            self.assertEqual(expected, snapshot(self.unpack(image)))
            place = self.mounted(image)
            self.assertEqual(expected, snapshot(place))
        self.assertLess(image.stat().st_size, 3 << 20)  # noise once, once more where it departs

    def test_extended_attributes(self):
        data = layers.layer(
            layers.pax((b"SCHILY.xattr.user.one", b"1"), (b"SCHILY.xattr.user.more", b"x" * 2_000)),
            layers.entry(b"file", b"data"),
            layers.pax((b"SCHILY.xattr.user.dir", b"2")), layers.directory(b"dir/"),
            layers.pax((b"SCHILY.xattr.security.capability", b"all"),
                       (b"SCHILY.xattr.system.posix_acl_access", b"acl"),
                       (b"SCHILY.xattr.trusted.overlay.opaque", b"y")),
            layers.entry(b"plain", mode=0o6755))
        image = self.make(self.write(data))
        for root in (self.unpack(image), self.mounted(image)):
            self.assertEqual(b"1", os.getxattr(root / "file", "user.one"))
            self.assertEqual(b"x" * 2_000, os.getxattr(root / "file", "user.more"))
            self.assertEqual(b"2", os.getxattr(root / "dir", "user.dir"))
            self.assertEqual([], os.listxattr(root / "plain"))
            self.assertEqual(0o755, stat.S_IMODE((root / "plain").stat().st_mode))


if __name__ == "__main__":
    if not os.access(BUILD_ROOT, os.X_OK):
        sys.exit("BUILD_ROOT must name the program build_root (it is %r)" % BUILD_ROOT)
    harness.main()
