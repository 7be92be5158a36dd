#!/usr/bin/env python3
"""A toolchain image out of Debian's packages, from a registry to objects: a worker pulls it, builds its
root, boots it in virtual machines of QEMU and compiles Lua in them; the objects are those of the local
compiler, which is the same. An image with another compiler, and one that can't be had, change nothing
but where the compile is done.

The short form compiles a few files of Lua, the long form all. Exit status 77: no QEMU, no kernel source
or no docker-registry here."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
for folder in ("cluster", "peers", "image", "vm"):
    sys.path.insert(0, str(HERE.parent / folder))
import cluster_case  # noqa: E402
import debian_tree  # noqa: E402
import docker_registry  # noqa: E402
import expected_isolation  # noqa: E402
import make_test_root  # noqa: E402
from cluster_case import harness, wait_until  # noqa: E402

PROGRAMS = Path(harness.HPCC).parent
NEEDED = ("/usr/bin/qemu-system-x86_64", "/usr/bin/docker-registry",
          "/usr/src/linux-source-6.1.tar.xz")
WANTED = ("base-files", "gcc", "libc6-dev")
SHORT = ("lzio.c", "lctype.c", "lstring.c")
FLAGS = ["-O2", "-g", "-Wall", "-DLUA_USE_LINUX"]
IMAGE_PATIENCE = 300  # seconds, for a pull and a root on a machine that is busy
SOURCE = "int number_%d(void) { return %d; }\n"

SCHEDULER = """#!/bin/sh
# hpcc-scheduler --config FILE, with images of the test's registry for all tenants.
sed 's|^images = .*|images = ["host", "{registry}/*"]|' "$2" > "$2.images"
exec "{program}" --config "$2.images"
"""

WORKER = """#!/bin/sh
# hpcc-worker --config FILE ..., with machines whose roots come from the test's registry.
config="$2.images"
cat "$2" - > "$config" <<'END'

[sandbox]
driver = "qemu"
kernel = "{kernel}"
cpus = 2
memory = "1G"
[images]
registries = ["{registry}"]
max_image = "1G"
[limits]
queue_time = "60s"
END
shift 2
exec "{program}" --config "$config" "$@"
"""


def packed(tree, folder):
    """The tree as a layer: (its bytes, the digest of the tar in them)."""
    tar = folder / "layer.tar"
    debian_tree.make_layer(tree, tar)
    digest = docker_registry.digest_of(tar.read_bytes())
    data = subprocess.run(["gzip", "-1", "-n", "-c", tar], check=True, capture_output=True).stdout
    tar.unlink()
    return data, digest


def toolchain_layer(folder):
    """gcc for C, as it is installed here, with what it needs."""
    tree = folder / "tree"
    tree.mkdir(mode=0o755)
    make_test_root.place_packages(tree, make_test_root.closure(
        make_test_root.installed_packages(), WANTED))
    return packed(tree, folder)


def other_compiler_layer(folder):
    """Over that: the compiler with one more byte, of the same version and size of code."""
    path = subprocess.run(["gcc", "-print-prog-name=cc1"], check=True, text=True,
                          stdout=subprocess.PIPE).stdout.strip()
    tree = folder / "other"
    other = tree / path.lstrip("/")
    other.parent.mkdir(parents=True)
    other.write_bytes(Path(path).read_bytes() + b"\0")
    other.chmod(0o755)
    return packed(tree, folder)


def image_of(*layers):
    return docker_registry.Image([data for data, _ in layers], diff_ids=[tar for _, tar in layers])


def make_programs(folder, registry, kernel):
    """A directory of programs; its hpcc."""
    place = folder / "bin"
    place.mkdir()
    scripts = {"hpcc-scheduler": SCHEDULER, "hpcc-worker": WORKER}
    for program in PROGRAMS.glob("hpcc*"):
        if program.name not in scripts:
            shutil.copy2(program, place / program.name)
    for name, text in scripts.items():
        (place / name).write_text(text.format(registry=registry, kernel=kernel,
                                              program=PROGRAMS / name))
        (place / name).chmod(0o755)
    return place / "hpcc"


class Images(cluster_case.ClusterTest):
    @classmethod
    def setUpClass(cls):
        cls.programs = Path(tempfile.mkdtemp(prefix="hpcc-vm."))
        cls.addClassCleanup(shutil.rmtree, cls.programs, ignore_errors=True)
        cls.registry = docker_registry.DockerRegistry()
        cls.registry.start()
        cls.addClassCleanup(cls.registry.stop)
        toolchain = toolchain_layer(cls.programs)
        cls.image = image_of(toolchain)
        cls.registry.push("toolchain", "12", cls.image)
        cls.registry.push("toolchain", "other", image_of(toolchain,
                                                         other_compiler_layer(cls.programs)))
        kernel = subprocess.run([HERE.parent.parent / "scripts/build-guest-kernel.sh"], check=True,
                                stdout=subprocess.PIPE, text=True).stdout.splitlines()[-1]
        cls.isolation = expected_isolation.expected_isolation(kernel)
        harness.HPCC = str(make_programs(cls.programs, cls.registry.host, kernel))
        super().setUpClass()
        cls.lua = cluster_case.fetch_source("lua5.4", cls.programs / "lua") / "src"

    def client_of(self, image):
        """A client that is configured for this image of the registry."""
        name = "client-%s.toml" % image.replace(":", "-").replace("@", "-")
        text = (self.cluster.folder / "client.toml").read_text()
        self.assertIn('image = "host"', text)
        (self.cluster.folder / name).write_text(text.replace(
            'image = "host"', 'image = "%s/%s"' % (self.registry.host, image)))
        client = self.client(name)
        self.start_remote(client)
        return client

    def start_remote(self, client):
        """The client's hpcc-remote: hpcc would start it, but compiles by itself when that takes long."""
        process = subprocess.Popen([Path(harness.HPCC).with_name("hpcc-remote"), "--idle", "1h"],
                                   env=client.environment, stdin=subprocess.DEVNULL)
        self.addCleanup(process.wait)
        self.addCleanup(process.terminate)
        wait_until(lambda: " is ready at " in client.log(), "an hpcc-remote that is ready")

    def first_answer(self, image):
        """Of a client's first compile once the worker has got the image, or can't; every try is a
        client of its own, which knows of no outage."""
        tries = []

        def settled():
            client = self.client_of(image)
            client.write("a.c", SOURCE % (len(tries), len(tries)))
            self.compile_and_compare(client, "gcc", "a.c")
            tries.append(client)
            on_its_way = "it is on its way to this worker" in client.log()
            time.sleep(1 if on_its_way else 0)
            return not on_its_way

        wait_until(settled, "an answer about " + image, IMAGE_PATIENCE)
        return tries

    def test_lua_is_compiled_in_the_image_as_it_is_here(self):
        tries = self.first_answer("toolchain:12")
        self.assertEqual(1, tries[-1].remote()["compiled"],
                         tries[-1].log() + self.cluster.logs())
        # While the worker was getting it, nobody waited.
        for early in tries[:-1]:
            self.assertEqual({"no-image": 1}, early.remote()["fallbacks_by_cause"], early.log())

        client = self.client_of("toolchain@" + self.image.digest)
        shutil.copytree(self.lua, client.tree, dirs_exist_ok=True)
        harness.settle()
        # An image is known by its name: this one has not been asked for yet.
        self.first_answer("toolchain@" + self.image.digest)
        names = sorted(path.name for path in self.lua.glob("*.c")) if cluster_case.LONG else SHORT
        before = len(self.cluster.rows())
        for name in names:
            self.compile_and_compare(client, "gcc", name, FLAGS)
        self.assertEqual((len(names), 0), (client.remote()["compiled"],
                                           client.remote()["fallbacks"]),
                         client.log() + self.cluster.logs())
        rows = self.cluster.rows()[before:]
        self.assertEqual(len(names), len(rows))
        for row in rows:
            self.assertEqual(self.isolation, row["isolation"])
            self.assertEqual((self.image.digest, False, 0),
                             (row["image_digest"], row["hit"], row["exit_status"]))

        # Again, with a cache that is empty: the worker knows all of it.
        client.environment["HPCC_CACHE_DIR"] = str(client.home / "another-cache")
        for name in names:
            self.compile_and_compare(client, "gcc", name, FLAGS)
        self.assertEqual((0, len(names), 0), (client.remote()["compiled"], client.remote()["hits"],
                                              client.remote()["fallbacks"]), client.log())
        self.assertEqual([True] * len(names),
                         [row["hit"] for row in self.cluster.rows()[before + len(names):]])

        # A job is repeated beside the worker, in a machine of its own.
        for row in (rows[0], self.cluster.rows()[-1]):
            outcome = self.cluster.replay(row["job_id"], "--json")
            self.assertEqual(0, outcome.status, outcome.stdout + outcome.stderr)
            report = json.loads(outcome.stdout)
            self.assertEqual(("equal", row["output_digests"]),
                             (report["verdict"], report["output_digests"]))
        client.write("after.c", SOURCE % (1000, 1000))
        self.compile_and_compare(client, "gcc", "after.c")
        self.assertEqual(1, client.remote()["compiled"], client.log() + self.cluster.logs())

    def test_an_image_with_another_compiler_compiles_nothing(self):
        last = self.first_answer("toolchain:other")[-1]
        self.assertEqual({"image-differs": 1}, last.remote()["fallbacks_by_cause"],
                         last.log() + self.cluster.logs())
        self.assertIn("another compiler of that name", last.log())

    def test_an_image_that_cannot_be_had_is_said_why(self):
        last = self.first_answer("toolchain:none")[-1]
        self.assertEqual({"no-image": 1}, last.remote()["fallbacks_by_cause"], last.log())
        self.assertIn("the registry has none", last.log())


if __name__ == "__main__":
    missing = [path for path in NEEDED if not os.path.exists(path)]
    if missing:
        print("not here: " + ", ".join(missing))
        sys.exit(77)
    cluster_case.main()
