"""A real HTTP server on loopback that takes PUT and DELETE: nginx with its WebDAV module, all of its
state in a temporary directory. Three places, each the whole cache of somebody:

    /open/      anybody
    /basic/     user "ada" with PASSWORD
    /bearer/    with the bearer token TOKEN

Needs Debian's packages nginx and openssl.
"""

import shutil
import signal
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

from radosgw import START, PeerError, free_ports, make_authority, make_certificate

PASSWORD = "password-of-ada-0123456789"
TOKEN = "bearer-token-0123456789"

CONFIGURATION = """\
daemon off;
worker_processes 2;
pid {folder}/pid;
error_log {folder}/error.log;
events {{ worker_connections 256; }}
http {{
  access_log {folder}/access.log;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  client_max_body_size 1g;
  server {{
    listen 127.0.0.1:{port};
    listen 127.0.0.1:{tls_port} ssl;
    ssl_certificate {folder}/server.pem;
    ssl_certificate_key {folder}/server.pem;
    root {folder}/root;
    dav_methods PUT DELETE;
    create_full_put_path on;
    location /open/ {{ }}
    location /basic/ {{
      auth_basic "cache";
      auth_basic_user_file {folder}/passwords;
    }}
    location /bearer/ {{
      if ($http_authorization != "Bearer {token}") {{ return 401; }}
    }}
  }}
}}
"""


class Nginx:
    """From start() to stop(); also a context manager."""

    def __init__(self):
        if not shutil.which("nginx"):
            raise PeerError("not installed: nginx (scripts/lib.sh names the packages)")
        self.process = self.folder = None

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.stop()

    def start(self):
        self.folder = Path(tempfile.mkdtemp(prefix="hpcc-nginx."))
        self.folder.chmod(0o755)  # its workers are another user's when root starts it
        self.root = self.folder / "root"
        for name in ("", "open", "basic", "bearer"):
            (self.root / name).mkdir()
            (self.root / name).chmod(0o777)
        port, tls_port = free_ports(2)
        self.endpoint = "http://127.0.0.1:%d" % port
        self.tls_endpoint = "https://127.0.0.1:%d" % tls_port
        self.port = port
        self.ca_file = make_authority(self.folder)
        make_certificate(self.folder, "server", "IP:127.0.0.1")
        hashed = subprocess.run(["openssl", "passwd", "-apr1", "-stdin"], input=PASSWORD, text=True,
                                capture_output=True, check=True, timeout=START).stdout
        (self.folder / "passwords").write_text("ada:" + hashed)
        (self.folder / "nginx.conf").write_text(CONFIGURATION.format(
            folder=self.folder, port=port, tls_port=tls_port, token=TOKEN))
        self.process = subprocess.Popen(
            ["setpriv", "--pdeathsig", "TERM", "nginx", "-p", str(self.folder), "-e",
             str(self.folder / "error.log"), "-c", str(self.folder / "nginx.conf")],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        deadline = time.monotonic() + START
        while not self._answers():
            if self.process.poll() is not None or time.monotonic() > deadline:
                said = (self.folder / "error.log").read_text(errors="replace")
                self.stop()
                raise PeerError("nginx does not start: " + said)
            time.sleep(0.02)

    def _answers(self):
        try:
            urllib.request.urlopen(self.endpoint + "/open/nothing", timeout=5)
        except urllib.error.HTTPError:
            return True
        except OSError:
            pass
        return False

    def stop(self):
        if self.process:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
            self.process.communicate()
        if self.folder:
            shutil.rmtree(self.folder, ignore_errors=True)
        self.process = self.folder = None

    def files(self, place):
        """{name: bytes} of what was put."""
        top = self.root / place
        return {str(path.relative_to(top)): path.read_bytes() for path in top.rglob("*")
                if path.is_file()}

    def requests(self):
        return (self.folder / "access.log").read_text().splitlines()
