"""A real OCI registry on loopback: Debian's docker-registry, all of its state in a temporary
directory. Without authentication, with a password (user "bob", PASSWORD), or with tokens of a token
service, as the test likes it; with TLS by an authority of its own.

Images are made here of a few bytes and pushed over HTTP as the distribution specification has it.
Needs Debian's packages docker-registry and, for TLS, openssl.
"""

import base64
import hashlib
import json
import os
import shutil
import signal
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
import warnings
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from radosgw import START, PeerError, free_ports, make_authority, make_certificate, openssl  # noqa

USER, PASSWORD = "bob", "password-of-bob-0123456789"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"


def digest_of(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


class Image:
    """An image of these layers (packed tar files), with all its blobs by digest."""

    def __init__(self, layers, platform=("linux", "amd64"), diff_ids=None, docker=False):
        kind = "application/vnd.docker." if docker else "application/vnd.oci.image."
        self.layers = layers
        self.platform = platform
        self.config = json.dumps({
            "os": platform[0], "architecture": platform[1], "config": {},
            "rootfs": {"type": "layers", "diff_ids": diff_ids or [digest_of(layer)
                                                                  for layer in layers]}}).encode()
        self.type = DOCKER_MANIFEST if docker else MANIFEST
        self.manifest = json.dumps({
            "schemaVersion": 2, "mediaType": self.type,
            "config": self._descriptor(kind + (
                "container.image.v1+json" if docker else "config.v1+json"), self.config),
            "layers": [self._descriptor(kind + (
                "image.rootfs.diff.tar.gzip" if docker else "layer.v1.tar+gzip"), layer)
                for layer in layers]}).encode()
        self.digest = digest_of(self.manifest)

    @staticmethod
    def _descriptor(media_type, data):
        return {"mediaType": media_type, "digest": digest_of(data), "size": len(data)}

    def descriptor(self):
        return dict(self._descriptor(self.type, self.manifest),
                    platform={"os": self.platform[0], "architecture": self.platform[1]})

    def blobs(self):
        return [self.config, *self.layers]


def make_index(images):
    return json.dumps({"schemaVersion": 2, "mediaType": INDEX,
                       "manifests": [image.descriptor() for image in images]}).encode()


class TokenService:
    """A stand-in for the token service that big registries have: docker-registry has none of its
    own, but believes tokens by whoever has the key. It wants USER and PASSWORD."""

    def __init__(self, folder):
        openssl(folder, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "token.key",
                "-out", "token.pem", "-days", "2", "-subj", "/CN=issuer")
        self.folder = folder
        self.requests = []
        service = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                service.requests.append((self.path, self.headers.get("Authorization")))
                wanted = "Basic " + base64.b64encode(
                    ("%s:%s" % (USER, PASSWORD)).encode()).decode()
                right = self.headers.get("Authorization") == wanted
                body = json.dumps({"token": service.token(self.path), "expires_in": 300}
                                  if right else {}).encode()
                self.send_response(200 if right else 401)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.realm = "http://127.0.0.1:%d/token" % self.server.server_port
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def token(self, path):
        query = urllib.parse.parse_qs(urllib.parse.urlsplit(path).query)
        kind, name, actions = query["scope"][0].split(":")
        now = int(time.time())
        der = subprocess.run(["openssl", "x509", "-in", "token.pem", "-outform", "DER"],
                             cwd=self.folder, capture_output=True, check=True).stdout
        head = {"typ": "JWT", "alg": "RS256", "x5c": [base64.b64encode(der).decode()]}
        claims = {"iss": "issuer", "sub": USER, "aud": query["service"][0], "exp": now + 300,
                  "nbf": now - 5, "iat": now, "jti": "1",
                  "access": [{"type": kind, "name": name, "actions": actions.split(",")}]}

        def part(data):
            return base64.urlsafe_b64encode(data).rstrip(b"=")

        signed = part(json.dumps(head).encode()) + b"." + part(json.dumps(claims).encode())
        signature = subprocess.run(["openssl", "dgst", "-sha256", "-sign", "token.key"],
                                   cwd=self.folder, input=signed, capture_output=True,
                                   check=True).stdout
        return (signed + b"." + part(signature)).decode()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()


class DockerRegistry:
    """From start() to stop(); also a context manager. `authentication`: "", "password", "token"."""

    def __init__(self, authentication="", tls=False):
        if not shutil.which("docker-registry"):
            raise PeerError("not installed: docker-registry (scripts/lib.sh names the packages)")
        self.authentication, self.tls = authentication, tls
        self.process = self.folder = self.tokens = self.context = self.ca_file = None

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.stop()

    def start(self):
        self.folder = Path(tempfile.mkdtemp(prefix="hpcc-registry."))
        (port,) = free_ports(1)
        self.host = "127.0.0.1:%d" % port
        http = {"addr": self.host}
        if self.tls:
            self.ca_file = make_authority(self.folder)
            make_certificate(self.folder, "server", "IP:127.0.0.1")
            http["tls"] = {"certificate": str(self.folder / "server.crt"),
                           "key": str(self.folder / "server.key")}
            self.context = ssl.create_default_context(cafile=str(self.ca_file))
        self.url = "%s://%s" % ("https" if self.tls else "http", self.host)
        # YAML takes JSON.
        (self.folder / "config.yml").write_text(json.dumps({
            "version": 0.1, "log": {"level": "warn"}, "http": http,
            "storage": {"filesystem": {"rootdirectory": str(self.folder / "data")}},
            **self._authentication()}))
        self.log = open(self.folder / "log", "wb")
        self.process = subprocess.Popen(
            ["setpriv", "--pdeathsig", "TERM", "docker-registry", "serve",
             str(self.folder / "config.yml")],
            stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log,
            env=dict(os.environ, OTEL_TRACES_EXPORTER="none"))
        deadline = time.monotonic() + START
        while not self._answers():
            if self.process.poll() is not None or time.monotonic() > deadline:
                said = (self.folder / "log").read_text(errors="replace")
                self.stop()
                raise PeerError("docker-registry does not start: " + said)
            time.sleep(0.02)

    def _authentication(self):
        if self.authentication == "password":
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                import crypt
                line = "%s:%s\n" % (USER, crypt.crypt(PASSWORD, "$2b$05$abcdefghijklmnopqrstuu"))
            (self.folder / "passwords").write_text(line)
            return {"auth": {"htpasswd": {"realm": "r", "path": str(self.folder / "passwords")}}}
        if self.authentication == "token":
            self.tokens = TokenService(self.folder)
            return {"auth": {"token": {"realm": self.tokens.realm, "service": "registry",
                                       "issuer": "issuer",
                                       "rootcertbundle": str(self.folder / "token.pem")}}}
        return {}

    def _answers(self):
        try:
            urllib.request.urlopen(self.url + "/v2/", timeout=5, context=self.context)
        except urllib.error.HTTPError:
            return True
        except OSError:
            return False
        return True

    def stop(self):
        if self.process:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
            self.log.close()
        if self.tokens:
            self.tokens.stop()
        if self.folder:
            shutil.rmtree(self.folder, ignore_errors=True)
        self.process = self.folder = self.tokens = None

    def _ask(self, method, path, data=None, content_type="application/octet-stream",
             repository=""):
        url = path if path.startswith("http") else self.url + path
        headers = {"Content-Type": content_type}
        if self.authentication == "password":
            headers["Authorization"] = "Basic " + base64.b64encode(
                ("%s:%s" % (USER, PASSWORD)).encode()).decode()
        if self.authentication == "token":
            headers["Authorization"] = "Bearer " + self.tokens.token(
                "/?service=registry&scope=repository:%s:pull,push" % repository)
        request = urllib.request.Request(url, data=data, headers=headers, method=method)
        return urllib.request.urlopen(request, timeout=30, context=self.context)

    def push(self, repository, tag, image):
        """An Image, or the bytes of an index whose images were pushed."""
        blobs = [] if isinstance(image, bytes) else image.blobs()
        for blob in blobs:
            place = self._ask("POST", "/v2/%s/blobs/uploads/" % repository, b"",
                              repository=repository).headers["Location"]
            self._ask("PUT", "%s%sdigest=%s" % (place, "&" if "?" in place else "?",
                                                digest_of(blob)), blob, repository=repository)
        text, kind = (image, INDEX) if isinstance(image, bytes) else (image.manifest, image.type)
        self._ask("PUT", "/v2/%s/manifests/%s" % (repository, tag), text, kind,
                  repository=repository)

    def blob_file(self, digest):
        """Where the registry has a blob on its disk."""
        name = digest.partition(":")[2]
        return self.folder / "data/docker/registry/v2/blobs/sha256" / name[:2] / name / "data"
