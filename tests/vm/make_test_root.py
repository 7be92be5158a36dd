#!/usr/bin/env python3
"""Makes a root file system for virtual machines in tests, out of this machine's own packages.

usage: make_test_root.py --output FILE --agent HPCC_AGENT [--add SOURCE:PATH ...] [--no-packages]

A squashfs file with gcc and g++ as Debian packaged them (the very files that are installed here, so
that objects must equal those compiled here), a shell and small tools, the agent at /.hpcc/agent and
the mount points. A stand-in for the image room's writer: mksquashfs makes the file.

Nothing is made when FILE is already what would be made: its inputs' digest lies beside it.
"""

import argparse
import functools
import hashlib
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

WANTED = ("base-files", "bash", "dash", "coreutils", "findutils", "grep", "sed", "gcc", "g++", "cpp")
MOUNT_POINTS = ("dev", "proc", "sys", "tmp", "run")
LEFT_OUT = re.compile(r"/usr/share/(doc|man|info|locale|lintian|bug)/|/usr/lib/.*/lto1$|/etc/(?!alternatives)")
MERGED = ("bin", "sbin", "lib", "lib32", "lib64", "libx32")  # links into /usr


def installed_packages():
    """name -> (version, names it depends on), of what is installed."""
    listing = subprocess.run(
        ["dpkg-query", "-W", "-f",
         "${db:Status-Status}\t${binary:Package}\t${Version}\t${Pre-Depends}, ${Depends}\n"],
        check=True, capture_output=True, text=True).stdout
    packages = {}
    for line in listing.splitlines():
        status, name, version, depends = line.split("\t")
        if status == "installed":
            packages[name.split(":")[0]] = (version, depends)
    return packages


def closure(packages, wanted=WANTED):
    """What these need to run, themselves included."""
    found, waiting = set(), list(wanted)
    while waiting:
        name = waiting.pop()
        if name in found or name not in packages:
            continue
        found.add(name)
        for alternatives in packages[name][1].split(","):
            names = [re.sub(r"[\s(:].*", "", word.strip()) for word in alternatives.split("|")]
            waiting += [word for word in names if word in packages][:1]
    missing = [name for name in wanted if name not in found]
    if missing:
        sys.exit(f"make_test_root.py: not installed: {' '.join(missing)}")
    return sorted(found)


@functools.lru_cache(maxsize=None)
def real_directory(path):
    return os.path.realpath(path)


def files_of(names):
    listing = subprocess.run(["dpkg-query", "-L", *names], check=True, capture_output=True,
                             text=True).stdout
    for path in sorted(set(listing.splitlines())):
        if not path.startswith("/") or path == "/.":
            continue
        # As it lies on this machine, where /bin is /usr/bin.
        path = os.path.join(real_directory(os.path.dirname(path)), os.path.basename(path))
        if os.path.lexists(path) and not LEFT_OUT.search(path):
            if os.path.islink(path) or not os.path.isdir(path):
                yield path


def place(source, target):
    target.parent.mkdir(parents=True, exist_ok=True)
    if os.path.lexists(target):
        return
    # A hard link would be quicker, and would change the stamps of the machine's own compilers.
    shutil.copy2(source, target, follow_symlinks=False)


def place_packages(tree, names):
    for path in files_of(names):
        place(path, tree / path[1:])
    for name in MERGED:
        if os.path.islink("/" + name) and not os.path.lexists(tree / name):
            os.symlink(os.readlink("/" + name), tree / name)
    place("/etc/ld.so.cache", tree / "etc/ld.so.cache")
    # cc and c++, which no package lists.
    for link in pathlib.Path("/etc/alternatives").iterdir():
        if link.is_symlink() and (tree / os.readlink(link)[1:]).exists():
            place(link, tree / "etc/alternatives" / link.name)
            if os.path.islink(f"/usr/bin/{link.name}"):
                place(f"/usr/bin/{link.name}", tree / "usr/bin" / link.name)


def make_tree(tree, names, agent, additions):
    if names:
        place_packages(tree, names)
    for name in MOUNT_POINTS:
        (tree / name).mkdir(exist_ok=True)
    place(agent, tree / ".hpcc/agent")
    for source, path in additions:
        target = tree / path[1:]
        target.unlink(missing_ok=True)
        place(source, target)


def digest_of(names, packages, agent, additions):
    digest = hashlib.sha256(pathlib.Path(__file__).read_bytes())
    for name in names:
        digest.update(f"{name} {packages[name][0]}\n".encode())
    for source, path in [(agent, ""), *additions]:
        digest.update(path.encode() + b"\0" + pathlib.Path(source).read_bytes())
    return digest.hexdigest()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--output", required=True, type=pathlib.Path)
    parser.add_argument("--agent", required=True)
    parser.add_argument("--add", action="append", default=[])
    parser.add_argument("--no-packages", action="store_true", help="as of an image FROM scratch")
    options = parser.parse_args()
    additions = [tuple(addition.split(":")) for addition in options.add]

    packages = installed_packages()
    names = [] if options.no_packages else closure(packages)
    digest = digest_of(names, packages, options.agent, additions)
    stamp = options.output.with_suffix(".digest")
    if options.output.exists() and stamp.exists() and stamp.read_text() == digest:
        return
    options.output.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=options.output.parent) as place_to_work:
        tree = pathlib.Path(place_to_work) / "tree"
        tree.mkdir(mode=0o755)
        make_tree(tree, names, options.agent, additions)
        image = pathlib.Path(place_to_work) / "root.sqfs"
        # Not compressed: an emulated guest would take long over that.
        subprocess.run(["mksquashfs", tree, image, "-noappend", "-quiet", "-no-progress",
                        "-all-root", "-noI", "-noD", "-noF", "-noX"], check=True,
                       stdout=subprocess.DEVNULL)
        image.chmod(0o644)
        stamp.unlink(missing_ok=True)
        image.replace(options.output)
    stamp.write_text(digest)


if __name__ == "__main__":
    main()
