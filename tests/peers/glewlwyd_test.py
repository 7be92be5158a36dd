#!/usr/bin/env python3
"""A scheduler with two tenants, each with a glewlwyd of its own: whose tokens count where."""

import base64
import hashlib
import hmac
import json
import os
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import radosgw_test  # noqa: E402
from glewlwyd import CLIENTS, PASSWORD, SCOPE, SECRET, USER, Glewlwyd  # noqa: E402

PATIENCE = 60

CONFIGURATION = """\
listen = "127.0.0.1:0"
name = "s1"
state_dir = "{folder}/state"
log_file = "{folder}/log"
[workers]
secret_file = "{folder}/secret"
"""
TENANT = """\
[[tenant]]
id = "{tenant}"
issuer = "{idp.issuer}"
audience = "{scope}"
client_id = "cli-rs"
user_claim = "preferred_username"
ca_file = "{idp.ca_file}"
images = ["host"]
"""


def encoded(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class GlewlwydTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.idps = {}
        for tenant in ("acme", "other"):
            cls.idps[tenant] = cls.enterClassContext(Glewlwyd())
        folder = Path(cls.enterClassContext(tempfile.TemporaryDirectory(prefix="hpcc-scheduler.")))
        cls.folder = folder
        (folder / "secret").write_text("0123456789abcdef0123\n")
        (folder / "secret").chmod(0o600)
        cls.configure("acme", "other")
        cls.scheduler = subprocess.Popen(
            [os.environ["HPCC_SCHEDULER"], "--config", folder / "scheduler.toml"],
            stdout=subprocess.PIPE, text=True)
        cls.addClassCleanup(cls.stop)
        cls.ready = cls.scheduler.stdout.readline()
        cls.address = cls.ready.split(" at ")[1].split(",")[0]

    @classmethod
    def stop(cls):
        cls.scheduler.kill()
        cls.scheduler.wait(PATIENCE)
        cls.scheduler.stdout.close()

    @classmethod
    def configure(cls, *tenants, more=""):
        text = CONFIGURATION.format(folder=cls.folder)
        for tenant in tenants:
            text += TENANT.format(tenant=tenant, idp=cls.idps[tenant], scope=SCOPE)
        (cls.folder / "scheduler.toml").write_text(text + more)

    def reload(self, expected):
        before = (self.folder / "log").read_text().count(expected)
        self.scheduler.send_signal(signal.SIGHUP)
        deadline = time.monotonic() + PATIENCE
        while (self.folder / "log").read_text().count(expected) == before:
            self.assertLess(time.monotonic(), deadline, "no line with " + expected)
            time.sleep(0.05)

    def log_in(self, tenant, algorithm, password=PASSWORD):
        """The probe's exit status and line."""
        idp = self.idps[tenant]
        outcome = subprocess.run(
            [os.environ["IDP_PROBE"], idp.ca_file, idp.issuer, CLIENTS[algorithm], SCOPE, SCOPE, USER],
            input=password + "\n" + SECRET + "\n", capture_output=True, text=True, timeout=PATIENCE)
        return outcome.returncode, outcome.stdout.strip()

    def token(self, tenant, algorithm="ES256"):
        status, line = self.log_in(tenant, algorithm)
        self.assertEqual(0, status, line)
        self.assertIn("user=%s alg=%s " % (USER, algorithm), line)
        return line.split(" token=")[1]

    def present(self, token, tenant):
        return subprocess.run(
            [os.environ["SCHEDULER_PROBE"], self.address, self.folder / "state/certificate.pem", tenant],
            input=token + "\n", capture_output=True, text=True, timeout=PATIENCE).stdout.strip()

    def events(self):
        with sqlite3.connect(self.folder / "state/audit.db") as database:
            return set(database.execute("SELECT event, tenant FROM security_event"))

    def test_tokens_of_each_algorithm_count_for_their_own_tenant_only(self):
        for algorithm in CLIENTS:
            token = self.token("acme", algorithm)
            self.assertEqual("accepted", self.present(token, "acme"))
            # Both providers call their keys alike.
            self.assertTrue(self.present(token, "other").startswith("token-signature-wrong"))
            self.assertTrue(self.present(token, "nobody").startswith("token-key-unknown"))
        self.assertEqual("accepted", self.present(self.token("other"), "other"))
        self.assertLessEqual({("token-signature-wrong", "other"), ("tenant-unknown", "nobody")},
                             self.events())

    def test_forged_tokens_are_refused(self):
        header, claims, signature = self.token("acme", "RS256").split(".")
        with self.idps["acme"].opener.open(self.idps["acme"].issuer + "/jwks") as answer:
            key = json.dumps(json.load(answer)["keys"][0]).encode()
        none = encoded(json.dumps({"alg": "none", "kid": "rs1"}).encode()) + "." + claims
        mac = encoded(json.dumps({"alg": "HS256", "kid": "rs1"}).encode()) + "." + claims
        mac += "." + encoded(hmac.digest(key, mac.encode(), hashlib.sha256))
        self.assertTrue(self.present(none + ".", "acme").startswith("token-algorithm-refused"))
        self.assertTrue(self.present(mac, "acme").startswith("token-algorithm-refused"))
        self.assertTrue(self.present(".".join((header, claims, signature[:-8] + "AAAAAAAA")), "acme")
                        .startswith("token-signature-wrong"))
        self.assertTrue(self.present(header + "." + claims, "acme").startswith("token-malformed"))

    def test_a_wrong_password_is_refused_and_not_repeated(self):
        status, line = self.log_in("acme", "ES256", "n0t-the-password")
        self.assertEqual(1, status)
        self.assertIn("refuses", line)
        self.assertNotIn("n0t-the-password", line)

    def test_a_reload_drops_nobody_and_a_broken_file_changes_nothing(self):
        token = self.token("acme")
        self.configure("acme", "other", more="mistake = 1\n")
        self.reload("nothing was reloaded")
        self.assertEqual("accepted", self.present(token, "acme"))
        self.configure("acme")
        self.reload("reloaded: 1 tenants")
        self.assertEqual("accepted", self.present(token, "acme"))
        self.assertTrue(self.present(self.token("other"), "other").startswith("token-key-unknown"))
        self.configure("acme", "other")
        self.reload("reloaded: 2 tenants")
        self.assertEqual("accepted", self.present(self.token("other"), "other"))

    def test_the_line_when_it_is_ready_names_the_certificate(self):
        shown = self.ready.split("sha256 ")[1].strip()
        made = subprocess.run(
            ["openssl", "x509", "-in", self.folder / "state/certificate.pem", "-noout", "-fingerprint",
             "-sha256"], capture_output=True, text=True, check=True).stdout
        self.assertEqual(made.split("=")[1].strip().replace(":", "").lower(), shown)


if __name__ == "__main__":
    radosgw_test.main()
