"""A Debian toolchain as a tree of files: some 11,000 of them, out of packages, by dpkg -x."""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

PACKAGES = (
    "base-files bash dash coreutils libc6 libc6-dev linux-libc-dev binutils binutils-common "
    "binutils-x86-64-linux-gnu libbinutils cpp-12 gcc-12 g++-12 libgcc-12-dev libstdc++-12-dev "
    "libstdc++6 libgcc-s1 perl-base perl-modules-5.36 tzdata cmake-data libpython3.11-stdlib "
    "netbase libssl-dev libprotobuf-dev").split()


def tree(folder=None):
    """The tree's folder. It is made once and kept in `folder`, which the environment may name."""
    folder = Path(folder or os.environ.get("HPCC_TEST_PACKAGES") or
                  os.path.join(tempfile.gettempdir(), "hpcc-debian-tree-%d" % os.getuid()))
    made = folder / "tree"
    if made.exists():
        return made
    debs = folder / "debs"
    debs.mkdir(parents=True, exist_ok=True)
    subprocess.run(["apt-get", "-qq", "download", *PACKAGES], cwd=debs, check=True, timeout=600,
                   stderr=subprocess.DEVNULL)
    half = folder / "tree.half"
    shutil.rmtree(half, ignore_errors=True)
    half.mkdir()
    for deb in sorted(debs.glob("*.deb")):
        subprocess.run(["dpkg", "-x", deb, half], check=True, timeout=120)
    half.rename(made)
    return made


def make_layer(tree_folder, output, *options):
    """The tree as one tar file, as image builders make them: in order, ids as numbers."""
    subprocess.run(["tar", "-C", tree_folder, "--sort=name", "--numeric-owner", "--owner=0",
                    "--group=0", *options, "-cf", output, "."], check=True, timeout=600)


if __name__ == "__main__":
    print(tree())
