"""A small S3 client of the tests' own: Signature Version 4 by the standard library alone.

What the tests put into a bucket, take out of it and spoil in it must not pass through the code under
test. The signature follows AWS's "Signature Version 4 signing process"; bodies are hashed whole.
"""

import datetime
import hashlib
import hmac
import http.client
import ssl
import urllib.parse
import xml.etree.ElementTree as xml
from dataclasses import dataclass

TIMEOUT = 20  # seconds, of one request


@dataclass(frozen=True)
class Credentials:
    access_key: str
    secret_key: str
    session_token: str = ""


class S3Error(Exception):
    def __init__(self, status, body):
        super().__init__("status %d: %s" % (status, body[:500].decode(errors="replace")))
        self.status = status


def encode(text, safe=""):
    """Percent-encoding as the signature wants it: RFC 3986's unreserved characters stay."""
    return urllib.parse.quote(text, safe=safe + "-._~")


def _hmac(key, text):
    return hmac.new(key, text.encode(), hashlib.sha256).digest()


class S3:
    """One account at one endpoint. Each request has a connection of its own; thread-safe."""

    def __init__(self, endpoint, credentials, region="us-east-1", ca_file=None):
        self.url = urllib.parse.urlsplit(endpoint)
        self.credentials = credentials
        self.region = region
        self.ca_file = ca_file

    def _connect(self):
        if self.url.scheme == "https":
            context = ssl.create_default_context(cafile=self.ca_file)
            return http.client.HTTPSConnection(self.url.netloc, timeout=TIMEOUT, context=context)
        return http.client.HTTPConnection(self.url.netloc, timeout=TIMEOUT)

    def _sign(self, method, path, query, headers, digest, service):
        now = datetime.datetime.now(datetime.timezone.utc).strftime("%Y%m%dT%H%M%SZ")
        headers.update({"host": self.url.netloc, "x-amz-date": now, "x-amz-content-sha256": digest})
        if self.credentials.session_token:
            headers["x-amz-security-token"] = self.credentials.session_token
        names = sorted(headers)
        canonical = "\n".join([
            method, path, query, *("%s:%s" % (name, headers[name].strip()) for name in names), "",
            ";".join(names), digest])
        scope = "/".join([now[:8], self.region, service, "aws4_request"])
        key = ("AWS4" + self.credentials.secret_key).encode()
        for part in scope.split("/"):
            key = _hmac(key, part)
        text = "\n".join(["AWS4-HMAC-SHA256", now, scope,
                          hashlib.sha256(canonical.encode()).hexdigest()])
        headers["authorization"] = "AWS4-HMAC-SHA256 Credential=%s/%s, SignedHeaders=%s, " \
            "Signature=%s" % (self.credentials.access_key, scope, ";".join(names),
                              _hmac(key, text).hex())

    def request(self, method, path="/", query=(), body=b"", headers=None, service="s3"):
        """(status, headers, body); `path` unencoded, `query` a list of pairs."""
        headers = {name.lower(): value for name, value in (headers or {}).items()}
        path = encode(path, safe="/")
        query = "&".join(sorted("%s=%s" % (encode(name), encode(value)) for name, value in query))
        self._sign(method, path, query, headers, hashlib.sha256(body).hexdigest(), service)
        connection = self._connect()
        try:
            connection.request(method, path + ("?" + query if query else ""), body, headers)
            response = connection.getresponse()
            return response.status, response.headers, response.read()
        finally:
            connection.close()

    def _done(self, *words, **options):
        status, _, body = self.request(*words, **options)
        if status // 100 != 2:
            raise S3Error(status, body)
        return body

    def make_bucket(self, bucket):
        self._done("PUT", "/" + bucket)

    def set_policy(self, bucket, policy):
        self._done("PUT", "/" + bucket, [("policy", "")], policy.encode())

    def put(self, bucket, name, body):
        self._done("PUT", "/%s/%s" % (bucket, name), body=body)

    def get(self, bucket, name):
        return self._done("GET", "/%s/%s" % (bucket, name))

    def remove(self, bucket, name):
        self._done("DELETE", "/%s/%s" % (bucket, name))

    def list(self, bucket, prefix="", page_size=1000):
        """{name: size} of all objects below a prefix."""
        found, token = {}, None
        while True:
            query = [("list-type", "2"), ("prefix", prefix),
                     ("max-keys", str(page_size))]
            query += [("continuation-token", token)] if token else []
            page = xml.fromstring(self._done("GET", "/" + bucket, query))
            space = {"s3": page.tag[1:].partition("}")[0]}
            for entry in page.iterfind("s3:Contents", space):
                found[entry.findtext("s3:Key", "", space)] = int(
                    entry.findtext("s3:Size", "0", space))
            token = page.findtext("s3:NextContinuationToken", None, space)
            if not token:
                return found

    def empty(self, bucket, prefix=""):
        for name in self.list(bucket, prefix):
            self.remove(bucket, name)

    def form(self, service, **fields):
        """A call of the services beside S3, `sts` and `iam`: {element: text} of the answer."""
        text = urllib.parse.urlencode(fields, quote_via=urllib.parse.quote)
        body = self._done("POST", "/", body=text.encode(),
                          service=service,
                          headers={"content-type": "application/x-www-form-urlencoded"})
        return {element.tag.rpartition("}")[2]: element.text
                for element in xml.fromstring(body).iter()}
