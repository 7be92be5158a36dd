"""An identity provider of the tests' own: its key is here, so its tokens say whatever a test wants."""

import base64
import http.server
import json
import subprocess
import threading
import time


def encoded(content):
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


class Key:
    """An Ed25519 key, by openssl."""

    def __init__(self, folder, name):
        self.name = name
        self.path = folder / (name + ".pem")
        self.message = folder / (name + ".message")
        subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", self.path],
                       check=True, capture_output=True, timeout=60)

    def public(self):
        der = subprocess.run(["openssl", "pkey", "-in", self.path, "-pubout", "-outform", "DER"],
                             check=True, capture_output=True, timeout=60).stdout
        return {"kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "use": "sig", "kid": self.name,
                "x": encoded(der[-32:])}

    def token(self, claims, header=()):
        header = dict({"typ": "JWT", "alg": "EdDSA", "kid": self.name}, **dict(header))
        signed = ".".join(encoded(json.dumps(part).encode()) for part in (header, claims))
        self.message.write_text(signed)
        signature = subprocess.run(
            ["openssl", "pkeyutl", "-sign", "-rawin", "-inkey", self.path, "-in", self.message],
            check=True, capture_output=True, timeout=60).stdout
        return signed + "." + encoded(signature)


class Provider:
    """Serves its key set on loopback; stop() ends it."""

    AUDIENCE = "hpcc-own"

    def __init__(self, folder):
        self.key = Key(folder, "own")
        key_set = json.dumps({"keys": [self.key.public()]}).encode()

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(key_set)))
                self.end_headers()
                self.wfile.write(key_set)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.issuer = "http://127.0.0.1:%d" % self.server.server_address[1]
        self.thread = threading.Thread(target=self.server.serve_forever)
        self.thread.start()

    def stop(self):
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()

    def tenant(self, name):
        """What a scheduler's configuration says of a tenant with this provider."""
        return ('\n[[tenant]]\nid = "%s"\nissuer = "%s"\njwks_url = "%s/keys"\n'
                'token_url = "%s/token"\naudience = "%s"\nclient_id = "own"\nimages = ["host"]\n' %
                (name, self.issuer, self.issuer, self.issuer, self.AUDIENCE))

    def claims(self, **changes):
        """Those of a good token, but for the changes."""
        now = int(time.time())
        return dict({"iss": self.issuer, "sub": "ada", "aud": self.AUDIENCE, "iat": now, "nbf": now,
                     "exp": now + 600}, **changes)
