#!/usr/bin/env python3
"""A real OpenID Connect provider on loopback: glewlwyd, with one realm, over TLS.

    tests/peers/glewlwyd.py               starts it, says how to reach it, stops it at the end of stdin
    tests/peers/glewlwyd.py COMMAND...    runs a command with IDP_ISSUER, IDP_CA_FILE, ... set

All state is in a temporary directory; it needs no configuration of the machine, no service manager, and
no user of its own. Needs Debian's packages glewlwyd, dbconfig-sqlite3, rnbyc, sqlite3, curl and openssl.

Its one user is USER with PASSWORD. CLIENTS are confidential, with SECRET (glewlwyd has the password
grant for no others), one for each algorithm tokens are signed with.
In the password grant glewlwyd's `aud` is the scope, so the scope is called as the audience is to be.
"""

import json
import os
import shutil
import socket
import ssl
import subprocess
import sys
import tempfile
import time
import urllib.request
from http.cookiejar import CookieJar
from pathlib import Path

PROGRAMS = ("glewlwyd", "rnbyc", "sqlite3", "openssl")
DATABASE = Path("/usr/share/dbconfig-common/data/glewlwyd/install/sqlite3")
START = 60  # seconds, on a busy machine
USER, PASSWORD = "alice", "wonderland1"
SECRET = "s3cret-of-the-client"
SCOPE = "hpcc"
CLIENTS = {"RS256": "cli-rs", "ES256": "cli-es", "EdDSA": "cli-ed"}
KEY_IDS = {"RS256": "rs1", "ES256": "es1", "EdDSA": "ed1"}

CONFIGURATION = """\
port={port}
bind_address="127.0.0.1"
external_url="{url}"
login_url="login.html"
api_prefix="api"
log_mode="console"
log_level="WARNING"
cookie_secure=1
use_secure_connection=true
secure_connection_key_file="{folder}/tls.key"
secure_connection_pem_file="{folder}/tls.crt"
session_expiration=2419200
session_key="GLEWLWYD2_SESSION_ID"
login_api_enabled=true
admin_scope="g_admin"
profile_scope="g_profile"
user_module_path="/usr/lib/glewlwyd/user"
client_module_path="/usr/lib/glewlwyd/client"
user_auth_scheme_module_path="/usr/lib/glewlwyd/scheme"
plugin_module_path="/usr/lib/glewlwyd/plugin"
hash_algorithm="SHA512"
database = {{ type="sqlite3"; path="{folder}/db"; }};
"""


class PeerError(Exception):
    """The server can't be had; the message says why."""


def missing_programs():
    missing = [name for name in PROGRAMS if not shutil.which(name)]
    return missing if DATABASE.exists() else missing + ["dbconfig-sqlite3"]


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Glewlwyd:
    """A server, from start() to stop(); also a context manager. It dies with the thread that started
    it, so that a suite that is killed leaves none behind."""

    def __init__(self, token_seconds=600):
        missing = missing_programs()
        if missing:
            raise PeerError("not installed: %s (scripts/lib.sh names the packages)" % " ".join(missing))
        self.token_seconds = token_seconds
        self.folder = None
        self.process = None

    def __enter__(self):
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_):
        self.stop()

    @property
    def issuer(self):
        return self.url + "/api/oidc"

    @property
    def ca_file(self):
        return str(self.folder / "tls.crt")

    def start(self):
        self.folder = Path(tempfile.mkdtemp(prefix="hpcc-glewlwyd."))
        self.port = free_port()
        self.url = "https://127.0.0.1:%d" % self.port
        self._run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
                   "-nodes", "-keyout", "tls.key", "-out", "tls.crt", "-days", "2", "-subj", "/CN=idp",
                   "-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost"])
        self._run(["sqlite3", "db"], DATABASE.read_text())
        # A client's own signing key is a property its module has to know.
        self._run(["sqlite3", "db"], "UPDATE g_client_module_instance SET gcmi_parameters=json_set("
                  "gcmi_parameters,'$.data-format.sign_kid',"
                  "json('{\"multiple\":false,\"read\":true,\"write\":true}'));")
        (self.folder / "conf").write_text(CONFIGURATION.format(
            port=self.port, url=self.url, folder=self.folder))
        with open(self.folder / "log", "wb") as log:
            self.process = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", "glewlwyd", "--config-file=%s/conf" % self.folder],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        context = ssl.create_default_context(cafile=self.ca_file)
        self.opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context),
            urllib.request.HTTPCookieProcessor(CookieJar()))
        self._wait()
        self._configure()

    def stop(self):
        if self.process:
            self.process.kill()
            self.process.wait(30)
            self.process = None
        if self.folder:
            shutil.rmtree(self.folder, ignore_errors=True)
            self.folder = None

    def _run(self, words, text=None):
        return subprocess.run(words, cwd=self.folder, input=text, text=True, check=True,
                              capture_output=True, timeout=START).stdout

    def _wait(self):
        deadline = time.monotonic() + START
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise PeerError("glewlwyd ended: " + (self.folder / "log").read_text()[-2000:])
            try:
                self.opener.open(self.url + "/config", timeout=5).read()
                return
            except OSError:
                time.sleep(0.1)
        raise PeerError("glewlwyd does not answer: " + (self.folder / "log").read_text()[-2000:])

    def post(self, path, document):
        request = urllib.request.Request(self.url + "/api/" + path, json.dumps(document).encode(),
                                         {"Content-Type": "application/json"})
        return self.opener.open(request, timeout=START).read()

    def _configure(self):
        self.post("auth/", {"username": "admin", "password": "password"})
        self.post("scope/", {"name": SCOPE, "display_name": SCOPE, "description": "compiles",
                             "password_required": True, "password_max_age": 0, "scheme": {}})
        self.post("user/", {"username": USER, "password": PASSWORD, "name": "Alice", "enabled": True,
                            "email": "alice@example.org", "scope": ["openid", SCOPE]})
        self._run(["rnbyc", "-j", "-g", "RSA2048", "-a", "RS256", "-k", "rs1", "-g", "EC256", "-a", "ES256",
                   "-k", "es1", "-g", "Ed25519", "-a", "EdDSA", "-k", "ed1", "-o", "private.jwks",
                   "-p", "public.jwks"])
        self.post("mod/plugin/", {"module": "oidc", "name": "oidc", "display_name": "oidc", "parameters": {
            "iss": self.issuer, "jwks-private": (self.folder / "private.jwks").read_text(),
            "default-kid": "rs1", "client-sign_kid-parameter": "sign_kid", "jwks-show": True,
            "jwt-type": "rsa", "jwt-key-size": "256", "access-token-duration": self.token_seconds,
            "refresh-token-duration": 1209600, "code-duration": 600, "refresh-token-rolling": True,
            "allow-non-oidc": True, "auth-type-password-enabled": True, "auth-type-client-enabled": True,
            "auth-type-refresh-enabled": True, "auth-type-code-enabled": False,
            "auth-type-token-enabled": False, "auth-type-id-token-enabled": False,
            "auth-type-none-enabled": False, "auth-type-device-enabled": False,
            "subject-type": "public", "additional-parameters": [
                {"user-parameter": "username", "token-parameter": "preferred_username"}]}})
        for algorithm, client in CLIENTS.items():
            self.post("client/", {
                "client_id": client, "name": client, "confidential": True, "password": SECRET,
                "enabled": True, "authorization_type": ["password", "client_credentials", "refresh_token"],
                "token_endpoint_auth_method": ["client_secret_basic"],
                "redirect_uri": [], "scope": [SCOPE], "sign_kid": KEY_IDS[algorithm]})


def main():
    try:
        with Glewlwyd() as server:
            if len(sys.argv) > 1:
                environment = dict(os.environ, IDP_ISSUER=server.issuer, IDP_CA_FILE=server.ca_file,
                                   IDP_USER=USER, IDP_PASSWORD=PASSWORD, IDP_SCOPE=SCOPE,
                                   IDP_CLIENT_SECRET=SECRET)
                return subprocess.call(sys.argv[1:], env=environment)
            print("issuer %s\nca_file %s\nuser %s, password %s, scope %s, clients %s, secret %s" % (
                server.issuer, server.ca_file, USER, PASSWORD, SCOPE, CLIENTS, SECRET), flush=True)
            sys.stdin.read()
            return 0
    except PeerError as error:
        sys.exit("glewlwyd.py: %s" % error)


if __name__ == "__main__":
    sys.exit(main())
