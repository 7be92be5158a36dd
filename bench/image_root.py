#!/usr/bin/env python3
"""An image's layer to a root file system, beside mksquashfs of the same tree; both on one core.

    bench/image_root.py [--build build/release] [--rounds N] [--tree FOLDER] [--json FILE]

The tree is a Debian toolchain (tests/image/debian_tree.py) unless one is given; its layer is one
gzipped tar file. hpcc reads the layer (twice), checks its digests and writes the root; mksquashfs
-processors 1 -comp zstd reads the unpacked tree, at its own level (15) and at ours. The bar: at most
1.5 times the time of mksquashfs as it comes."""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import lib

sys.path.insert(0, str(lib.ROOT / "tests/image"))
import debian_tree  # noqa: E402

BAR = 1.5
LEVEL = 9  # of BuildRoot's zstd


def measure(argv, core):
    """Wall seconds, CPU seconds, peak MiB."""
    start = time.perf_counter()
    pid = os.posix_spawnp("taskset", ["taskset", "-c", str(core), *map(str, argv)], os.environ,
                          file_actions=[(os.POSIX_SPAWN_OPEN, 1, "/dev/null", os.O_WRONLY, 0)])
    _, status, usage = os.wait4(pid, 0)
    if status != 0:
        raise lib.BenchError("status %d from %s" % (status, argv[0]))
    return {"wall": time.perf_counter() - start, "cpu": usage.ru_utime + usage.ru_stime,
            "peak": usage.ru_maxrss / 1024}


def median(runs, key):
    values = sorted(run[key] for run in runs)
    return values[len(values) // 2]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", default=lib.ROOT / "build/release")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--tree", help="a folder to take instead of the toolchain")
    parser.add_argument("--json", help="writes the figures there")
    arguments = parser.parse_args()
    tree = Path(arguments.tree) if arguments.tree else debian_tree.tree()
    folder = Path(tempfile.mkdtemp(prefix="hpcc-bench-root."))
    try:
        layer = folder / "layer.tar"
        debian_tree.make_layer(tree, layer)
        tar_bytes = layer.stat().st_size
        subprocess.run(["gzip", layer], check=True)
        mksquashfs = ["mksquashfs", tree, folder / "theirs", "-noappend", "-all-root", "-processors",
                      "1", "-comp", "zstd", "-no-progress", "-quiet"]
        commands = {
            "hpcc": [Path(arguments.build) / "tests/build_root", folder / "ours",
                     folder / "layer.tar.gz"],
            "mksquashfs": mksquashfs,
            "mksquashfs, our level": [*mksquashfs, "-Xcompression-level", str(LEVEL)],
        }
        core = max(os.sched_getaffinity(0))
        sizes = {}

        def run(name):
            figures = measure(commands[name], core)
            sizes[name] = (folder / ("ours" if name == "hpcc" else "theirs")).stat().st_size
            return figures

        samples = lib.interleave(list(commands), arguments.rounds, run)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    rows = []
    for name, runs in samples.items():
        rows.append([name, "%.2f" % median(runs, "wall"), "%.2f" % median(runs, "cpu"),
                     "%.0f" % (tar_bytes / 1e6 / median(runs, "wall")),
                     "%.0f" % median(runs, "peak"), "%.1f" % (sizes[name] / 1e6)])
    lib.print_table("%.0f MB of tar, one core, medians of %d" % (tar_bytes / 1e6, arguments.rounds),
                    ["", "seconds", "CPU s", "MB/s", "peak MiB", "image MB"], rows)
    ratios = sorted(mine["cpu"] / theirs["cpu"]
                    for mine, theirs in zip(samples["hpcc"], samples["mksquashfs"]))
    bars = [lib.bar("image to root, CPU time beside mksquashfs", ratios[len(ratios) // 2], BAR)]
    lib.print_bars(bars)
    if arguments.json:
        Path(arguments.json).write_text(json.dumps({"samples": samples, "bars": bars}) + "\n")
    return 0 if all(one["pass"] for one in bars) else 1


if __name__ == "__main__":
    sys.exit(main())
