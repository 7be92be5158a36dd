#!/usr/bin/env python3
"""`hpcc audit replay`: Lua is compiled by a cluster's worker, and its jobs are compiled again from
their rows, while the worker runs and after it; what was altered or taken away meanwhile is named."""

import json
import os
import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import cluster_case  # noqa: E402
from cluster_case import harness  # noqa: E402

LUA_FILES = ("lapi.c", "lcode.c", "lstrlib.c", "lvm.c")


class Replay(cluster_case.ClusterTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.lua = cluster_case.Client(cls.cluster, cls.class_folder / "lua")
        cls.addClassCleanup(cls.lua.end)
        cls.place = cluster_case.fetch_source("lua5.4", cls.lua.tree / "lua") / "src"
        for name in LUA_FILES:
            outcome = harness.run([harness.HPCC, "gcc", "-O2", "-g", "-DLUA_USE_LINUX", "-c", name,
                                   "-o", name[:-2] + ".o"], str(cls.place), cls.lua.environment)
            assert outcome.status == 0, outcome.stderr
        cls.all_rows = cls.cluster.rows()
        assert len(cls.all_rows) == len(LUA_FILES), cls.lua.log() + cls.cluster.logs()

    @classmethod
    def row_of(cls, name):
        return [row for row in cls.all_rows if name in row["flags"]][0]

    def check(self, job, status, said, *words):
        outcome = self.cluster.replay(job, *words)
        text = (outcome.stdout + outcome.stderr).decode()
        self.assertEqual(status, outcome.status, text)
        self.assertRegex(text, said)
        return text

    def blob_of(self, path):
        """Where the worker keeps a file, found by its contents."""
        content = path.read_bytes()
        found = [blob for blob in (self.cluster.folder / "worker").rglob("blobs/*/*")
                 if blob.stat().st_size == len(content) and blob.read_bytes() == content]
        self.assertEqual(1, len(found))
        return found[0]

    def without(self, path):
        """Takes a file away for the length of a test."""
        aside = self.folder / path.name
        os.rename(path, aside)
        self.addCleanup(os.rename, aside, path)
        return aside

    def test_every_job_gives_its_outputs_again(self):
        for row in self.all_rows:
            digest = [out["digest"] for out in row["output_digests"] if out["role"] == "object"][0]
            self.check(row["job_id"], 0, r"\Ajob %s: equal\n  object %s\n" % (
                re.escape(row["job_id"]), digest))
        # No trace, and the worker is none the worse.
        self.assertEqual(self.all_rows, self.cluster.rows())
        self.assertEqual(0, self.cluster.audit("verify").status)
        client = self.client()
        client.write("a.c", "int after_a_replay;\n")
        self.compile_and_compare(client, "gcc", "a.c")
        self.assertEqual(1, client.remote()["compiled"], client.log())

    def test_json_says_the_same(self):
        row = self.row_of("lvm.c")
        report = json.loads(self.check(row["job_id"], 0, "verdict", "--json"))
        self.assertEqual((row["job_id"], "equal", [], row["output_digests"]),
                         (report["job_id"], report["verdict"], report["findings"],
                          report["output_digests"]))

    def test_a_source_that_is_gone_is_named(self):
        blob = self.blob_of(self.place / "lvm.c")
        self.without(blob)
        self.check(self.row_of("lvm.c")["job_id"], 1,
                   r": not reproducible\n  .*/lvm\.c is no longer kept: %s\n\Z" % blob.name)
        self.check(self.row_of("lapi.c")["job_id"], 0, "equal")

    def test_an_altered_header_is_named(self):
        blob = self.blob_of(self.place / "lobject.h")
        aside = self.without(blob)
        blob.write_bytes(aside.read_bytes() + b"/* by another hand */\n")
        self.check(self.row_of("lvm.c")["job_id"], 1,
                   r"/lobject\.h: %s was altered since it was kept\n\Z" % blob.name)
        self.assertTrue(blob.exists())

    def test_a_manifest_that_is_gone_is_named(self):
        digest = self.row_of("lcode.c")["source_digest"]
        self.without(next((self.cluster.folder / "worker").rglob("manifests/*/" + digest)))
        self.check(self.row_of("lcode.c")["job_id"], 1,
                   "its manifest is no longer kept: " + digest)

    def test_a_row_that_says_something_else_is_found_out(self):
        job = self.row_of("lapi.c")["job_id"]
        for number, (change, said) in enumerate([
                # What a worker whose compiler was another one would have written.
                ("cache_key = '%064x'" % 1, r"gcc is another compiler than the job's"),
                ("output_digests = 'object %064x\n'" % 1, r": differs\n  object: [0-9a-f]{64}, not 0+1\n"),
                ("exit_status = 1", r": differs\n  exit status: 0, not 1\n"),
                ("isolation = 'qemu-kvm'", r"sandbox of the kind qemu-kvm; this worker's are process"),
                ("image_digest = 'sha256:00'", r"its image is not here: sha256:00"),
                ("tenant = 'dev2'", r"its manifest is no longer kept"),
                ("flags = '-fplugin=x.so\n-c\nlapi.c\n'", r"argument refused: -fplugin=x.so")]):
            with self.subTest(change=change):
                copy = cluster_case.tampered(
                    self.cluster.audit_log,
                    "UPDATE audit_row SET %s WHERE job_id = '%s'" % (change, job),
                    self.folder / ("%d.db" % number))
                self.check(job, 1, said, "--log", str(copy))

    def test_wrong_questions(self):
        self.check("no-such-job", 1, "no row of a job no-such-job")
        environment = harness.base_environment(self.folder, self.folder)
        for words in (["replay"], ["replay", "some-job"],
                      ["replay", "--config", str(self.folder / "nothing.toml"), "job"]):
            outcome = harness.run([harness.HPCC, "audit", *words], str(self.folder), environment)
            self.assertEqual(2, outcome.status, (words, outcome.stderr))

    def test_zz_it_works_when_the_worker_has_stopped(self):
        self.assertEqual(0, self.cluster.stop())
        self.check(self.row_of("lstrlib.c")["job_id"], 0, "equal")


if __name__ == "__main__":
    cluster_case.main()
