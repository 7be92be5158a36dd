#!/usr/bin/env python3
"""One cluster, two tenants: one whose users a glewlwyd knows, and one with the cluster's own identity
provider. Each tenant's user compiles; the token of one, presented as the other, is refused and logged."""

import json
import os
import re
import signal
import subprocess
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "cluster"))
import cluster_case  # noqa: E402
from cluster_case import wait_until  # noqa: E402
from glewlwyd import CLIENTS, PASSWORD, SCOPE, SECRET, USER, Glewlwyd  # noqa: E402

TENANT = """
[[tenant]]
id = "acme"
issuer = "{idp.issuer}"
audience = "{scope}"
scope = "{scope}"
client_id = "{client}"
user_claim = "preferred_username"
ca_file = "{idp.ca_file}"
images = ["host"]
"""
CLIENT = """
[[cache]]
type = "disk"
location = "{folder}/cache-acme"

[remote]
scheduler = "{scheduler}"
ca_file = "{folder}/authorities.pem"
tenant = "acme"
image = "host"
username = "{user}"
password_file = "{folder}/acme-password"
client_secret_file = "{folder}/acme-client-secret"
"""


class TwoProviders(cluster_case.ClusterTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.idp = cls.enterClassContext(Glewlwyd())
        folder = cls.cluster.folder
        with open(folder / "scheduler.toml", "a") as config:
            config.write(TENANT.format(idp=cls.idp, scope=SCOPE, client=CLIENTS["ES256"]))
        os.kill(cls.cluster.program("hpcc-scheduler"), signal.SIGHUP)
        wait_until(lambda: "reloaded: 2 tenants" in (folder / "scheduler.log").read_text(),
                   "a second tenant")
        cls.scheduler = re.search(r'listen = "(.*)"', (folder / "scheduler.toml").read_text())[1]
        (folder / "authorities.pem").write_text(
            (folder / "scheduler/certificate.pem").read_text() + Path(cls.idp.ca_file).read_text())
        for name, secret in (("acme-password", PASSWORD), ("acme-client-secret", SECRET)):
            (folder / name).write_text(secret + "\n")
            (folder / name).chmod(0o600)
        (folder / "acme.toml").write_text(
            CLIENT.format(folder=folder, scheduler=cls.scheduler, user=USER))

    def compile_remotely(self, config):
        """By a client of that configuration; its token, and the row that its compile has."""
        client = self.client(config)
        client.tree = self.folder / "tree"  # the same for all: the same job, but for the tenant
        client.tree.mkdir(exist_ok=True)
        client.write("a.c", "#include <stdio.h>\nint f(void) { return puts(\"two providers\"); }\n")
        before = len(self.cluster.rows())
        self.compile_and_compare(client, "gcc", "a.c", ["-O2", "-g"])
        counts = client.remote()
        self.assertEqual((1, 0, 0), (counts["compiled"], counts["hits"], counts["fallbacks"]),
                         client.log() + self.cluster.logs())
        rows = self.cluster.rows()[before:]
        self.assertEqual(1, len(rows))
        tokens = [json.loads(path.read_text()) for path in client.home.rglob("*.json")
                  if "access_token" in path.read_text()]
        self.assertEqual(1, len(tokens))
        return tokens[0]["access_token"], rows[0]

    def present(self, token, tenant):
        return subprocess.run(
            [os.environ["SCHEDULER_PROBE"], self.scheduler,
             self.cluster.folder / "scheduler/certificate.pem", tenant], input=token + "\n",
            capture_output=True, text=True, timeout=cluster_case.PATIENCE).stdout.strip()

    def test_each_compiles_and_neither_is_taken_for_the_other(self):
        token, row = {}, {}
        for tenant, config in (("dev", "client.toml"), ("acme", "acme.toml")):
            token[tenant], row[tenant] = self.compile_remotely(config)
        self.assertEqual(("dev", "developer"), (row["dev"]["tenant"], row["dev"]["user"]))
        self.assertEqual(("acme", USER), (row["acme"]["tenant"], row["acme"]["user"]))
        # What one has compiled is no result of the other's, though it is the same to the byte.
        self.assertEqual((False, False), (row["dev"]["hit"], row["acme"]["hit"]))
        self.assertEqual(row["dev"]["output_digests"], row["acme"]["output_digests"])
        self.assertNotEqual(row["dev"]["sandbox"], row["acme"]["sandbox"])

        log = self.cluster.folder / "scheduler/audit.db"
        for tenant, other in (("dev", "acme"), ("acme", "dev")):
            self.assertEqual("accepted", self.present(token[tenant], tenant))
            before = len(self.cluster.events(log))
            self.assertRegex(self.present(token[tenant], other), "^token-key-unknown")
            events = self.cluster.events(log)[before:]
            self.assertIn(("token-key-unknown", other),
                          [(event["event"], event["tenant"]) for event in events])


if __name__ == "__main__":
    unittest.TestCase.maxDiff = None
    cluster_case.main()
