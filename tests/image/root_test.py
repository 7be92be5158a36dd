"""Roots made of layers: what squashfs-tools and the kernel read in them is what the layers say.

BUILD_ROOT names the program of tests/image/build_root.cc.
"""

import hashlib
import os
import random
import re
import shutil
import stat
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import debian_tree  # noqa: E402
import harness  # noqa: E402
import layer_model  # noqa: E402
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
        """unsquashfs -ll, without the root, the mount points, and how long lists of names are."""
        done = subprocess.run(["unsquashfs", "-lln", "-d", "", image], capture_output=True,
                              text=True, check=True, timeout=600)
        left_out = re.compile(" (/(%s)(/.*)?)?$" % "|".join(map(re.escape, MOUNT_POINTS)))
        lines = [re.sub(r"^(d\S+ \S+) +\d+", r"\1", line) for line in done.stdout.split("\n")]
        return [line for line in lines if line and not left_out.search(line)]


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


class Flattening(Root):
    def found(self, tree):
        found = {}
        for name in snapshot(tree)[0]:
            path = tree / name
            if path.is_symlink():
                found[name] = ("link", os.readlink(path).encode())
            elif path.is_dir():
                found[name] = ("directory",)
            else:
                found[name] = ("file", path.read_bytes())
        return found

    def test_random_layers_are_what_a_simple_model_says(self):
        for seed in range(60):
            with self.subTest(seed):
                data, expected = layer_model.make(random.Random(seed))
                image = self.make(*map(self.write, data), output="root-%d" % seed)
                self.assertEqual(expected, self.found(self.unpack(image)))


class Hostile(Root):
    """One rule broken once: refused by name, nothing left, and little memory needed."""

    MEMORY = 64 << 10  # KiB; building an empty root takes about 10,000

    def refused(self, why, *layer_data, options=(), memory=MEMORY):
        paths = [self.write(data) for data in layer_data]
        (self.dir / "root").unlink(missing_ok=True)
        status, said, peak = self.build(*options, *paths)
        self.assertEqual(1, status, "not refused: " + why)
        self.assertIn(why, said)
        self.assertEqual([], [item.name for item in self.dir.iterdir() if "root" in item.name])
        self.assertLess(peak, memory, why)

    def test_every_rule(self):
        file, folder, link = layers.entry(b"f", b"data"), layers.directory(b"d/"), b"l"
        to_etc = layers.symlink(link, b"/etc")
        header = layers.header
        sparse = [(b"GNU.sparse.size", b"9"), (b"GNU.sparse.map", b"0,4")]
        members = {
            "../f: its path climbs": layers.entry(b"../f"),
            "d/../../f: its path climbs": layers.entry(b"d/../../f"),
            "./..: its path climbs": layers.directory(b"./.."),
            "/f: its path is absolute": layers.entry(b"/f"),
            "its PAX record path holds NUL":
                layers.pax((b"path", b"a\0b")) + file,
            "its long name holds NUL": layers.entry(b"L", b"a\0b\0", kind=b"L") + file,
            "l/passwd: it goes through a symlink": to_etc + layers.entry(b"l/passwd"),
            "l/a/b/c: it goes through a symlink": to_etc + layers.entry(b"l/a/b/c"),
            "l/.wh.x: it goes through a symlink": to_etc + layers.entry(b"l/.wh.x"),
            "h: it goes through a symlink": to_etc + layers.hard_link(b"h", b"l/passwd"),
            "f/x: it lies below what is no directory": file + layers.entry(b"f/x"),
            "h: it is a hard link to what isn't there": layers.hard_link(b"h", b"none"),
            "h: it is a hard link to a directory": folder + layers.hard_link(b"h", b"d"),
            "h: of its link's target: its path climbs": layers.hard_link(b"h", b"../etc/passwd"),
            "h: of its link's target: its path is absolute":
                layers.hard_link(b"h", b"/etc/passwd"),
            "s: it is a symlink to nothing": layers.symlink(b"s", b""),
            "its target is too long": layers.pax((b"linkpath", b"t" * 4096)) +
                layers.symlink(b"s", b"t"),
            "a path is longer than 4096 bytes": layers.pax((b"path", b"a/" * 2049)) + file,
            "a name in its path is longer than 255 bytes":
                layers.pax((b"path", b"a" * 256)) + file,
            "d/.wh.: it is a whiteout of nothing": layers.entry(b"d/.wh."),
            "d/.wh...: it is a whiteout of nothing": layers.entry(b"d/.wh..."),
            ".wh.d/x: it lies below a whiteout": layers.entry(b".wh.d/x"),
            ".: it would replace the root": layers.symlink(b".", b"/etc"),
            "f: its type Q is unknown": header(b"f", kind=b"Q"),
            "its name is empty": header(b""),
            "its check sum is wrong": header(b"f", raw_sum=(148, b"0000001\0")),
            "its check sum is malformed": header(b"f", raw_sum=(148, b"check me")),
            "its size is malformed": header(b"f", size_field=(124, b"12x")),
            "its mode is malformed": header(b"f", mode_field=(100, b"-1")),
            "its user id is malformed": header(b"f", uid_field=(108, b"root")),
            "f: its user or group id has more than 32 bits":
                layers.pax((b"uid", b"4294967296")) + file,
            "its PAX header is malformed": layers.entry(b"x", b"999 a=b\n", kind=b"x") + file,
            "its PAX record size is malformed": layers.pax((b"size", b"-4")) + file,
            "its extended header is longer than 1048576 bytes":
                layers.pax((b"comment", bytes(2 << 20))) + file,
            "its extended attributes have more than 65536 bytes":
                layers.pax((b"SCHILY.xattr.user.a", b"x" * 65536)) + file,
            "the name of an extended attribute is too long":
                layers.pax((b"SCHILY.xattr.user." + b"n" * 251, b"x")) + file,
            "no member follows its extended header": layers.pax((b"path", b"f")),
            "a single block of zeros stands before it": bytes(512) + file,
            "its sparse map isn't of the data that follows":
                layers.pax(*sparse) + layers.entry(b"f", b"12345"),
            "its sparse map overlaps or leaves the file":
                layers.pax((b"GNU.sparse.size", b"3"), sparse[1]) + layers.entry(b"f", b"1234"),
            "more than the 68719476736 bytes": layers.pax(
                (b"GNU.sparse.size", b"68719476737"), (b"GNU.sparse.map", b"0,4")) + file,
        }
        for why, member in members.items():
            with self.subTest(why):
                self.refused(why, layers.layer(member))
        with self.subTest("a link of a layer below"):
            self.refused("layer 2", layers.layer(to_etc), layers.layer(layers.entry(b"l/x")))

    def test_streams(self):
        good = layers.layer(layers.entry(b"f", os.urandom(100_000)))
        for how in ("gzip", "zstd"):
            packed = layers.packed(good, how)
            with self.subTest(how):
                self.refused("it is cut short", packed[:-1])
                self.refused("it is cut short", packed[:50_000])
                self.refused(how + ": ", packed + b"rubbish")
                broken = bytearray(packed)
                broken[-4 if how == "zstd" else -8] ^= 1
                self.refused(how + ": ", bytes(broken))
        self.refused("the tar file is cut short", good[:50_000])
        self.refused("its digest is", good, options=["--digest=sha256:" + "0" * 64])

    def test_bombs(self):
        zeros = layers.header(b"zeros", kind=b"0", size=8 * GIB - 1)
        with self.subTest("ratio"):
            bomb = subprocess.run(
                ["sh", "-c", "(cat; head -c 1G /dev/zero) | gzip -9"], input=zeros,
                capture_output=True, check=True).stdout
            self.refused("it unpacks to more than 200 times its size", bomb)
        with self.subTest("bytes"):
            self.refused("it unpacks to more than the 100000000 bytes", bomb,
                         options=["--expansion=10000", "--tar-bytes=100000000"])
        with self.subTest("window"):
            wide = subprocess.run(["zstd", "-q", "-c", "--ultra", "--long=31"],
                                  input=layers.layer(layers.entry(b"f", bytes(9 << 20))) * 30,
                                  capture_output=True, check=True).stdout
            self.refused("zstd: ", wide)
        with self.subTest("entries"):
            many = b"".join(layers.entry(b"%x" % i) for i in range(200_001))
            self.refused("more than the 200000 entries", layers.layer(many),
                         options=["--entries=200000"], memory=200 << 10)
        with self.subTest("entries that one path makes"):
            deep = b"".join(layers.pax((b"path", b"%x/" % i + b"a/" * 2000 + b"f")) +
                            layers.entry(b"f") for i in range(110))
            self.refused("more than the 200000 entries", layers.layer(deep),
                         options=["--entries=200000"], memory=200 << 10)
        with self.subTest("attributes"):
            large = b"".join(layers.pax((b"SCHILY.xattr.user.a", b"%8x" % i + bytes(65_000))) +
                             layers.entry(b"%x" % i) for i in range(1000))
            self.refused("more than the 30000000 bytes of paths and attributes",
                         layers.layer(large), options=["--metadata-bytes=30000000"],
                         memory=90 << 10)
        with self.subTest("whiteouts over and over"):
            wide = b"".join(layers.entry(b"d/%x" % i) for i in range(50_000))
            over = b"".join(layers.entry(b"d/.wh..wh..opq") for i in range(50_000))
            path = self.write(layers.layer(wide, over, layers.entry(b"../x")))
            start = time.monotonic()
            self.assertIn("its path climbs", self.build(path)[1])
            self.assertLess(time.monotonic() - start, 20)


if __name__ == "__main__":
    if not os.access(BUILD_ROOT, os.X_OK):
        sys.exit("BUILD_ROOT must name the program build_root (it is %r)" % BUILD_ROOT)
    harness.main()
