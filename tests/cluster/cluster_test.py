#!/usr/bin/env python3
"""`hpcc cluster dev` itself: it starts, compiles, writes rows that verify, and ends with all its
children however it ends. `hpcc audit` and `hpcc auth` against it."""

import csv
import io
import os
import shutil
import signal
import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import cluster_case  # noqa: E402
from cluster_case import Cluster, harness, wait_until  # noqa: E402

C_SOURCE = "#include <stdio.h>\nint main(void) { int unused; return puts(\"hello\"); }\n"
CXX_SOURCE = "#include <map>\n#include <string>\nint f() { return std::map<int, std::string>().size(); }\n"


class Compiles(cluster_case.ClusterTest):
    def test_objects_are_the_local_ones_and_each_job_has_its_row(self):
        before = len(self.cluster.rows())
        client = self.client()
        client.write("a.c", C_SOURCE)
        client.write("b.cc", CXX_SOURCE)
        self.compile_and_compare(client, "gcc", "a.c", ["-O2", "-g", "-Wall"])
        self.compile_and_compare(client, "g++", "b.cc", ["-O1"])
        self.assertEqual((2, 0), (client.remote()["compiled"], client.remote()["fallbacks"]),
                         client.log() + self.cluster.logs())
        rows = self.cluster.rows()[before:]
        self.assertEqual(2, len(rows))
        self.assertEqual({"dev"}, {row["tenant"] for row in rows})
        self.assertEqual({"developer"}, {row["user"] for row in rows})
        self.assertEqual({"process"}, {row["isolation"] for row in rows})
        self.assertEqual({"host"}, {row["image_digest"] for row in rows})
        self.assertEqual({"dev-worker"}, {row["worker"] for row in rows})
        self.assertEqual({"dev-scheduler"}, {row["scheduler"] for row in rows})
        for row in rows:
            self.assertFalse(row["hit"])
            self.assertEqual(0, row["exit_status"])
            self.assertRegex(row["source_digest"], "^[0-9a-f]{64}$")
            self.assertRegex(row["cache_key"], "^[0-9a-f]{64}$")
            self.assertIn("object", [output["role"] for output in row["output_digests"]])

    def test_another_user_of_the_tenant_gets_a_hit_and_a_row(self):
        source = C_SOURCE.replace("hello", "shared")
        first, second = self.client(), self.client()
        for client in (first, second):
            client.write("a.c", source)
        # The working directory reaches the object's debug information only, and there is none.
        second.tree = first.tree
        self.compile_and_compare(first, "gcc", "a.c", ["-O1"])
        self.compile_and_compare(second, "gcc", "a.c", ["-O1"])
        self.assertEqual(1, second.remote()["hits"], second.log())
        row = self.cluster.rows("--hit")[-1]
        self.assertEqual(("process", ""), (row["isolation"], row["sandbox"]))

    def test_a_failed_compile_has_a_row(self):
        client = self.client()
        client.write("a.c", "int main(void) { return nowhere; }\n")
        built = client.hpcc("gcc", "-c", "a.c", "-o", "a.o")
        plain = client.run("gcc", "-c", "a.c", "-o", "a.o")
        self.assertEqual((plain.status, plain.stderr), (built.status, built.stderr))
        self.assertEqual("", built.stdout.decode())
        self.assertEqual(1, self.cluster.rows("--exit", "1")[-1]["exit_status"])


class Audit(cluster_case.ClusterTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        client = cluster_case.Client(cls.cluster, cls.class_folder / "filler")
        cls.addClassCleanup(client.end)
        for i in range(3):
            client.write("a.c", "int f%d(void) { return %d; }\n" % (i, i))
            assert client.hpcc("gcc", "-c", "a.c", "-o", "a.o").status == 0
        assert len(cls.cluster.rows()) == 3, client.log() + cls.cluster.logs()

    def test_a_log_nobody_touched_is_whole(self):
        outcome = self.cluster.audit("verify")
        self.assertEqual((0, b""), (outcome.status, outcome.stderr))
        self.assertIn(b"whole: 3 rows", outcome.stdout)
        head = outcome.stdout.decode().split("head ")[1].strip()
        self.assertEqual(0, self.cluster.audit("verify", "--head", head).status)
        other = head[:-1] + ("0" if head[-1] != "0" else "1")
        self.assertEqual(1, self.cluster.audit("verify", "--head", other).status)

    def test_tampering_is_named(self):
        for number, (sql, said) in enumerate([
                ("UPDATE audit_row SET user = 'eve' WHERE sequence = 2", b"row 2 (job "),
                ("UPDATE audit_row SET exit_status = 1 WHERE sequence = 1", b"row 1 (job "),
                ("DELETE FROM audit_row WHERE sequence = 2", b"row 2 is missing"),
                ("DELETE FROM audit_row WHERE sequence = 3", b"row 3 is missing"),
                ("UPDATE audit_row SET sequence = 9 WHERE sequence = 1; UPDATE audit_row SET "
                 "sequence = 1 WHERE sequence = 2; UPDATE audit_row SET sequence = 2 WHERE "
                 "sequence = 9", b"row 2 (job ")]):
            with self.subTest(sql=sql):
                copy = cluster_case.tampered(self.cluster.audit_log, sql,
                                             self.folder / ("%d.db" % number))
                outcome = self.cluster.audit("verify", log=copy)
                self.assertEqual(1, outcome.status)
                self.assertIn(said, outcome.stdout)

    def test_filters_and_forms(self):
        rows = self.cluster.rows()
        self.assertEqual([rows[1]], self.cluster.rows("--job", rows[1]["job_id"]))
        self.assertEqual(rows, self.cluster.rows("--tenant", "dev", "--user", "developer", "--miss",
                                                 "--since", "1h", "--exit", "0"))
        for nothing in (["--tenant", "dev2"], ["--hit"], ["--until", "1h"], ["--exit", "7"]):
            self.assertEqual([], self.cluster.rows(*nothing))
        text = self.cluster.audit("query", "--csv").stdout.decode()
        table = list(csv.DictReader(io.StringIO(text, newline="")))
        self.assertEqual([row["job_id"] for row in rows], [row["job_id"] for row in table])
        # The apostrophe keeps spreadsheets from taking "-o" for a formula.
        self.assertEqual("'" + "\n".join(rows[0]["flags"]) + "\n", table[0]["flags"])
        lines = self.cluster.audit("query").stdout.decode().splitlines()
        self.assertEqual(3, len(lines))
        self.assertIn("dev/developer  miss  process  exit 0", lines[0])
        self.assertEqual(2, self.cluster.audit("query", "--since", "yesterday").status)

    def test_a_log_is_its_owners_only(self):
        for path in self.cluster.audit_log.parent.glob("audit.db*"):
            self.assertEqual(0o600, path.stat().st_mode & 0o777, path)


class LogIn(cluster_case.ClusterTest):
    def test_login_status_logout(self):
        client = self.client()
        self.assertEqual(1, client.hpcc("auth", "status").status)
        wrong = client.tree / "wrong"
        wrong.write_text("guess\n")
        refused = client.hpcc("auth", "login", "--password-file", str(wrong))
        self.assertEqual(1, refused.status, refused.stdout)
        self.assertNotIn(b"guess", refused.stderr)
        outcome = client.hpcc("auth", "login")
        self.assertEqual((0, b"logged in to dev\n"), (outcome.status, outcome.stdout),
                         outcome.stderr)
        outcome = client.hpcc("auth", "status")
        self.assertEqual(0, outcome.status)
        self.assertIn(b"developer", outcome.stdout)
        self.assertEqual(0, client.hpcc("auth", "logout").status)
        self.assertEqual(1, client.hpcc("auth", "status").status)

    def test_without_a_scheduler_it_says_so(self):
        client = self.client()
        del client.environment["HPCC_CONFIG"]
        outcome = client.hpcc("auth", "login")
        self.assertEqual(2, outcome.status)
        self.assertIn(b"remote.scheduler", outcome.stderr)


class Life(unittest.TestCase):
    """Clusters that end, one for each test."""

    def setUp(self):
        self.folder = Path(tempfile.mkdtemp(prefix="hpcc-life."))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)

    def start(self):
        cluster = Cluster(self.folder / "dev").start()
        self.addCleanup(cluster.process.kill)
        return cluster

    def test_it_says_little_and_ends_with_everybody(self):
        cluster = self.start()
        self.assertEqual("hpcc cluster dev: ready, for development only: HPCC_CONFIG=%s\n" %
                         (self.folder / "dev/client.toml"), cluster.output.read_text())
        self.assertIn("DEVELOPMENT ONLY", cluster.errors.read_text())
        everybody = cluster_case.descendants(cluster.process.pid)
        self.assertGreaterEqual(len(everybody), 2)
        self.assertEqual(0, cluster.stop(signal.SIGINT), cluster.logs())
        self.assertEqual([], [pid for pid in everybody if pid in cluster_case.parents()])
        # The same folder again: its state is taken up.
        again = Cluster(self.folder / "dev").start()
        self.assertEqual(0, again.stop(), again.logs())

    def test_it_ends_when_a_part_does(self):
        for name in ("hpcc-worker", "hpcc-scheduler"):
            with self.subTest(name=name):
                cluster = self.start()
                everybody = cluster_case.descendants(cluster.process.pid)
                os.kill(cluster.program(name), signal.SIGKILL)
                self.assertEqual(1, cluster.process.wait(cluster_case.PATIENCE))
                self.assertIn("%s was ended by signal 9" % name, cluster.errors.read_text())
                wait_until(lambda: not set(everybody) & set(cluster_case.parents()), "their end")

    def test_nobody_outlives_it(self):
        cluster = self.start()
        everybody = cluster_case.descendants(cluster.process.pid)
        cluster.process.kill()
        cluster.process.wait()
        wait_until(lambda: not set(everybody) & set(cluster_case.parents()), "their end")

    def test_a_folder_open_to_others_is_refused(self):
        (self.folder / "dev").mkdir(mode=0o755)
        cluster = Cluster(self.folder / "dev").start(wait=False)
        self.assertEqual(1, cluster.process.wait(cluster_case.PATIENCE))
        self.assertIn("dev", cluster.errors.read_text().splitlines()[-1])

    def test_a_wrong_command_line_says_what_is_right(self):
        environment = harness.base_environment(self.folder, self.folder)
        for words in ([], ["dev"], ["prod", "--dir", "x"], ["dev", "--dir", "x", "--tenants", "0"]):
            outcome = harness.run([harness.HPCC, "cluster", *words], str(self.folder), environment)
            self.assertEqual(2, outcome.status, words)


if __name__ == "__main__":
    cluster_case.main()
