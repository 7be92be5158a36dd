#!/usr/bin/env python3
"""source_mode = "preprocessed" and a worker: it gets one text in place of the files, the objects are
what the compiler here writes, and a unit that can't be one text goes as files."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import cluster_case  # noqa: E402
from cluster_case import harness  # noqa: E402

HEADER = """#pragma once
#include <stdio.h>
#define LARGER(a, b) ((a) > (b) ? (a) : (b))
/* %s */
static inline int in_header(int x) { return LARGER(x, __LINE__); }
"""
SOURCE = """#include "m.h"
#if LIMIT > 3
/* a comment */ int work(int n) {
  printf("%%s %%d\\n", __FILE__, LARGER(n, LIMIT)); return in_header(n) + __COUNTER__;
}
#endif
%s"""
FLAGS = ["-g", "-O2", "-Wall", "-DLIMIT=7"]


class Preprocessed(cluster_case.ClusterTest):
    def user(self, mode="preprocessed"):
        client = self.client()
        client.environment["HPCC_SOURCE_MODE"] = mode
        return client

    def write(self, client, name, more=""):
        (client.tree / "m.h").write_text(HEADER % name)
        client.write("m.c", SOURCE % more)

    def compile(self, client, words=()):
        """As here, by a worker: the remote counts."""
        self.compile_and_compare(client, "gcc", "m.c", [*FLAGS, *words])
        return client.remote()

    def blobs(self):
        found = [path.read_bytes() for path in self.cluster.folder.glob("worker/tenants/*/blobs/**/*")
                 if path.is_file()]
        self.assertTrue(found)
        return found

    def test_the_worker_sees_one_text_and_no_header(self):
        client = self.user()
        self.write(client, "one text")
        counts = self.compile(client, ["-MMD", "-MF", "m.d"])
        self.assertEqual((1, 0, 0), (counts["compiled"], counts["hits"], counts["fallbacks"]))
        mine = [blob for blob in self.blobs() if b"one text" in blob]
        self.assertEqual(1, len(mine))
        self.assertTrue(mine[0].startswith(b'# 1 "m.c"\n'), mine[0][:100])
        self.assertEqual("built.o: m.c m.h\n", self.dependencies(client))
        # Its row says all that is needed to do it again.
        row = self.cluster.rows()[-1]
        outcome = self.cluster.replay(row["job_id"])
        self.assertEqual(0, outcome.status, outcome.stdout + outcome.stderr)

    def dependencies(self, client):
        """Of a compile to built.o."""
        (client.tree / "m.d").unlink()
        outcome = client.hpcc("gcc", *FLAGS, "-MMD", "-MF", "m.d", "-c", "m.c", "-o", "built.o")
        self.assertEqual(0, outcome.status, outcome.stderr)
        return (client.tree / "m.d").read_text()

    def test_a_second_user_gets_the_text_from_the_workers_cache(self):
        for what in ("compiled", "hits"):
            # In one place: the working directory stands in the debug information.
            client = self.user()
            client.tree = self.class_folder / "shared"
            client.tree.mkdir(exist_ok=True)
            self.write(client, "of two users")
            self.assertEqual(1, self.compile(client)[what])
        other_mode = self.user("direct")
        other_mode.tree = self.class_folder / "shared"
        self.assertEqual(1, self.compile(other_mode)["compiled"])

    def test_diagnostics_are_those_of_the_files(self):
        client = self.user()
        self.write(client, "warned", "int more(void) { int unused; return LARGER(1, 2); }\n")
        counts = self.compile(client)
        self.assertEqual((1, 0), (counts["compiled"], counts["fallbacks"]))

    def test_clang_and_assembly_go_as_files(self):
        client = self.user()
        self.write(client, "by clang")
        self.compile_and_compare(client, "clang", "m.c", FLAGS)
        client.write("m.S", "#include \"m.inc\"\n.globl FUNCTION\nFUNCTION: ret\n")
        client.write("m.inc", "#define FUNCTION work\n")
        self.compile_and_compare(client, "gcc", "m.S")
        counts = client.remote()
        self.assertEqual((2, 0), (counts["compiled"], counts["fallbacks"]))
        self.assertTrue(any(blob == (client.tree / "m.h").read_bytes() for blob in self.blobs()))


if __name__ == "__main__":
    cluster_case.main()
