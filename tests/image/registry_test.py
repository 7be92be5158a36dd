"""`hpcc image` against a real registry, layouts and archives: what is pulled is what was pushed, and
what isn't is refused by name."""

import base64
import http.client
import json
import os
import random
import signal
import subprocess
import sys
import tarfile
import threading
import time
import unittest
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "peers"))
import harness  # noqa: E402
import layers  # noqa: E402
from docker_registry import (PASSWORD, USER, DockerRegistry, Image, digest_of,  # noqa: E402
                             make_index)

LARGE = 8 << 20


def small_layer(text):
    tar = layers.layer(layers.directory(b"usr/"), layers.entry(b"usr/file", text))
    return layers.packed(tar, "gzip"), digest_of(tar)


def make_image(text=b"hello", **options):
    packed, diff_id = small_layer(text)
    return Image([packed], diff_ids=[diff_id], **options)


def large_image():
    """One layer of random bytes, which no packing makes smaller."""
    tar = layers.layer(layers.entry(b"large", random.Random(1).randbytes(LARGE)))
    return Image([layers.packed(tar, "gzip")], diff_ids=[digest_of(tar)])


class Proxy:
    """Stands between hpcc and a registry; what it does to blobs over a MiB is `fault`'s business:
    a function of the handler and the bytes, or none."""

    def __init__(self, upstream):
        self.ranges = []  # of each request for such a blob
        self.fault = None
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                connection = http.client.HTTPConnection(upstream, timeout=30)
                headers = {name: value for name, value in self.headers.items() if name != "Host"}
                connection.request("GET", self.path, headers=headers)
                answer = connection.getresponse()
                body = answer.read()
                connection.close()
                if "/blobs/" in self.path and len(body) > 1 << 20:
                    proxy.ranges.append(self.headers.get("Range"))
                fault = proxy.fault if len(body) > 1 << 20 else None
                self.send_response(answer.status)
                for name, value in answer.getheaders():
                    self.send_header(name, value)
                self.end_headers()
                try:
                    if fault:
                        fault(self, body)
                    else:
                        self.wfile.write(body)
                except OSError:
                    self.close_connection = True

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.host = "127.0.0.1:%d" % self.server.server_port
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()


class ImageCase(harness.CacheTest):
    def setUp(self):
        super().setUp()
        self.store = self.folder / "images"
        self.environment["HPCC_IMAGE_DIR"] = str(self.store)

    def image(self, *words, **options):
        return self.run_command([harness.HPCC, "image", *words], **options)

    def pull(self, name, *words):
        outcome = self.image("pull", name, "--json", *words)
        self.assertEqual(outcome.status, 0, outcome.stderr)
        return json.loads(outcome.stdout)

    def refused(self, name, *words, status=1):
        outcome = self.image("pull", name, *words)
        self.assertEqual(outcome.status, status, outcome)
        self.assertEqual(outcome.stdout, b"")
        return outcome.stderr.decode()

    def log_in(self, host, password=PASSWORD):
        folder = self.home / ".docker"
        folder.mkdir(exist_ok=True)
        auth = base64.b64encode(("%s:%s" % (USER, password)).encode()).decode()
        (folder / "config.json").write_text(json.dumps({"auths": {host: {"auth": auth}}}))

    def assert_stored(self, image):
        for blob in [image.manifest, *image.blobs()]:
            path = self.store / "blobs/sha256" / digest_of(blob).partition(":")[2]
            self.assertEqual(path.read_bytes(), blob)

    def assert_nothing_stored_of(self, digest):
        name = digest.partition(":")[2]
        self.assertFalse((self.store / "blobs/sha256" / name).exists())
        self.assertFalse((self.store / "partial" / name).exists())


class OpenRegistryTest(ImageCase):
    @classmethod
    def setUpClass(cls):
        cls.registry = DockerRegistry()
        cls.registry.start()

    @classmethod
    def tearDownClass(cls):
        cls.registry.stop()

    def name(self, tag="1", repository="a/b"):
        return "%s/%s:%s" % (self.registry.host, repository, tag)

    def test_an_image_is_pulled_listed_inspected_and_removed(self):
        for number, docker in enumerate((False, True)):
            image = make_image(b"first %d" % number, docker=docker)
            name = self.name("whole%d" % number)
            self.registry.push("a/b", "whole%d" % number, image)
            pulled = self.pull(name)
            self.assertEqual((pulled["name"], pulled["digest"]), (name, image.digest))
            self.assertEqual(pulled["fetched_bytes"], sum(map(len, image.blobs())))
            self.assert_stored(image)
            self.assertEqual(self.pull(name)["fetched_bytes"], 0)
            listed = json.loads(self.image("list", "--json").stdout)["images"]
            self.assertEqual([entry["digest"] for entry in listed], [image.digest])
            self.assertIn(name.encode(), self.image("list").stdout)
            told = json.loads(self.image("inspect", image.digest[7:19], "--json").stdout)
            self.assertEqual([layer["digest"] for layer in told["layers"]],
                             [digest_of(layer) for layer in image.layers])
            self.assertEqual(self.image("remove", name).status, 0)
            self.assertEqual(os.listdir(self.store / "blobs/sha256"), [])
            self.assertEqual(self.image("inspect", name).status, 1)

    def test_a_digest_pins_an_image(self):
        image = make_image(b"pinned")
        self.registry.push("a/b", "pinned", image)
        self.pull("%s/a/b@%s" % (self.registry.host, image.digest))
        self.pull("%s@%s" % (self.name("whatever"), image.digest))
        other = "sha256:" + 64 * "a"
        self.assertIn("the registry has none (MANIFEST_UNKNOWN)",
                      self.refused("%s/a/b@%s" % (self.registry.host, other)))

    def test_a_missing_tag_and_a_missing_repository_are_named(self):
        self.registry.push("a/b", "1", make_image())
        self.assertIn("/a/b:none: the registry has none (MANIFEST_UNKNOWN)",
                      self.refused(self.name("none")))
        self.assertIn("/no/such:1: the registry has none",
                      self.refused(self.name("1", "no/such")))

    def test_a_wrong_word_is_a_wrong_command_line(self):
        self.assertIn("lower case", self.refused("Debian", status=2))
        self.assertIn("linux/amd64", self.refused(self.name(), "--platform", "x", status=2))
        self.assertEqual(self.image("pull").status, 2)
        self.assertEqual(self.image("frobnicate").status, 2)
        self.assertIn(b"hpcc image pull", self.image("--help").stdout)

    def test_nobody_there_is_said_at_once(self):
        began = time.monotonic()
        self.assertIn("nobody accepts connections", self.refused("127.0.0.1:1/a/b"))
        self.assertLess(time.monotonic() - began, 10)

    def test_a_platform_is_chosen_from_an_index(self):
        amd64 = make_image(b"amd64")
        arm64 = make_image(b"arm64", platform=("linux", "arm64"))
        for image in (amd64, arm64):
            self.registry.push("multi", image.platform[1], image)
        self.registry.push("multi", "1", make_index([arm64, amd64]))
        name = self.name("1", "multi")
        self.assertEqual(self.pull(name)["digest"], amd64.digest)
        self.assertEqual(self.pull(name, "--platform", "linux/aarch64")["digest"], arm64.digest)
        self.assertIn("not for linux/riscv64; it is for: linux/arm64, linux/amd64",
                      self.refused(name, "--platform", "linux/riscv64"))
        self.assertIn("the image is for linux/arm64, not for linux/amd64",
                      self.refused(self.name("arm64", "multi")))

    def test_a_blob_damaged_on_the_registrys_disk_is_refused_by_name(self):
        image = make_image(b"damaged")
        self.registry.push("damaged", "1", image)
        digest = digest_of(image.layers[0])
        path = self.registry.blob_file(digest)
        data = bytearray(path.read_bytes())
        data[len(data) // 2] ^= 1
        path.write_bytes(data)
        said = self.refused(self.name("1", "damaged"))
        self.assertIn(digest + ": its bytes are not those it is named after", said)
        self.assert_nothing_stored_of(digest)
        path.write_bytes(data[:-1])
        self.refused(self.name("1", "damaged"))
        path.write_bytes(data + b"x")
        self.refused(self.name("1", "damaged"))
        self.assertEqual(json.loads(self.image("list", "--json").stdout)["images"], [])
        path.write_bytes(image.layers[0])
        self.pull(self.name("1", "damaged"))

    def test_a_damaged_manifest_is_refused(self):
        image = make_image(b"manifest")
        self.registry.push("manifest", "1", image)
        path = self.registry.blob_file(image.digest)
        path.write_bytes(image.manifest.replace(b"linux", b"linux") + b" ")
        # The registry notices by itself, or we do.
        self.refused("%s/manifest@%s" % (self.registry.host, image.digest))

    def test_two_pulls_at_once_fetch_a_blob_once(self):
        image = large_image()
        self.registry.push("large", "1", image)
        proxy = Proxy(self.registry.host)
        self.addCleanup(proxy.stop)
        words = [harness.HPCC, "image", "pull", proxy.host + "/large:1"]
        pulls = [subprocess.Popen(words, env=self.environment, stdout=subprocess.DEVNULL,
                                  stderr=subprocess.DEVNULL) for _ in range(3)]
        self.assertEqual([pull.wait(60) for pull in pulls], [0, 0, 0])
        self.assertEqual(proxy.ranges, [None])
        self.assert_stored(image)

    def test_a_broken_download_goes_on_where_it_broke(self):
        image = large_image()
        self.registry.push("large", "1", image)
        proxy = Proxy(self.registry.host)
        self.addCleanup(proxy.stop)

        def cut(handler, body):
            handler.wfile.write(body[:3 << 20])
            handler.close_connection = True

        proxy.fault = cut
        self.pull(proxy.host + "/large:1")
        self.assertEqual(proxy.ranges[:2], [None, "bytes=%d-" % (3 << 20)])
        self.assertEqual(len(proxy.ranges), 3)
        self.assert_stored(image)

    def test_a_killed_pull_is_continued_by_the_next(self):
        image = large_image()
        self.registry.push("large", "1", image)
        proxy = Proxy(self.registry.host)
        self.addCleanup(proxy.stop)
        half, gone = threading.Event(), threading.Event()
        self.addCleanup(gone.set)

        def stop_halfway(handler, body):
            handler.wfile.write(body[:4 << 20])
            handler.wfile.flush()
            half.set()
            gone.wait(60)
            handler.close_connection = True

        proxy.fault = stop_halfway
        pull = subprocess.Popen([harness.HPCC, "image", "pull", proxy.host + "/large:1"],
                                env=self.environment, stdout=subprocess.DEVNULL,
                                stderr=subprocess.DEVNULL)
        self.addCleanup(pull.kill)
        self.assertTrue(half.wait(60))
        partial = self.store / "partial" / digest_of(image.layers[0]).partition(":")[2]
        deadline = time.monotonic() + 60
        while partial.stat().st_size < 4 << 20 and time.monotonic() < deadline:
            time.sleep(0.02)
        pull.send_signal(signal.SIGKILL)
        pull.wait(30)
        gone.set()
        proxy.fault = None
        self.assertEqual(json.loads(self.image("list", "--json").stdout)["images"], [])
        fetched = self.pull(proxy.host + "/large:1")["fetched_bytes"]
        self.assertEqual(proxy.ranges, [None, "bytes=%d-" % (4 << 20)])
        self.assertEqual(fetched, len(image.layers[0]) - (4 << 20))
        self.assert_stored(image)
        self.assertEqual(os.listdir(self.store / "holds"), ["pull." + name.partition(".")[2]
                         for name in os.listdir(self.store / "holds")])
        self.image("remove", proxy.host + "/large:1")
        self.assertEqual(os.listdir(self.store / "holds"), [])
        self.assertEqual(os.listdir(self.store / "blobs/sha256"), [])

    def test_a_terminal_shows_a_bar_and_nothing_else_does(self):
        self.registry.push("large", "1", large_image())
        proxy = Proxy(self.registry.host)
        self.addCleanup(proxy.stop)

        def slowly(handler, body):
            for start in range(0, len(body), 1 << 19):
                handler.wfile.write(body[start:start + (1 << 19)])
                time.sleep(0.12)

        proxy.fault = slowly
        outcome = harness.run_on_terminal([harness.HPCC, "image", "pull", proxy.host + "/large:1"],
                                          self.tree, self.environment)
        self.assertEqual(outcome.status, 0, outcome.stderr)
        self.assertRegex(outcome.stderr, rb"Pulling 127.0.0.1:\d+/large  \[#+-+\] +[\d.]+%  "
                                         rb"[\d.]+ MiB of 8 MiB")

    def test_a_root_is_built_of_an_image_that_was_not_pulled_yet(self):
        image = make_image(b"root")
        self.registry.push("a/b", "root", image)
        outcome = self.image("build", self.name("root"), "--json")
        self.assertEqual(outcome.status, 0, outcome.stderr)
        built = json.loads(outcome.stdout)
        self.assertEqual((built["digest"], built["built"]), (image.digest, True))
        root = subprocess.run(["unsquashfs", "-cat", built["path"], "usr/file"],
                              capture_output=True, check=True)
        self.assertEqual(root.stdout, b"root")
        again = json.loads(self.image("build", self.name("root"), "--json").stdout)
        self.assertEqual((again["path"], again["built"]), (built["path"], False))
        listed = json.loads(self.image("list", "--json").stdout)["roots"]
        self.assertEqual([(entry["image"], entry["in_use"]) for entry in listed],
                         [(image.digest, False)])
        self.image("remove", self.name("root"))
        self.assertEqual(json.loads(self.image("list", "--json").stdout)["roots"], [])

    def test_a_layer_that_is_another_than_the_configuration_says_makes_no_root(self):
        packed, _ = small_layer(b"one")
        image = Image([packed], diff_ids=["sha256:" + 64 * "1"])
        self.registry.push("a/b", "diff", image)
        self.pull(self.name("diff"))
        outcome = self.image("build", self.name("diff"))
        self.assertEqual(outcome.status, 1)
        self.assertEqual(outcome.stdout, b"")
        self.assertEqual(json.loads(self.image("list", "--json").stdout)["roots"], [])


class PasswordTest(ImageCase):
    @classmethod
    def setUpClass(cls):
        cls.registry = DockerRegistry("password")
        cls.registry.start()
        cls.registry.push("a/b", "1", make_image())

    @classmethod
    def tearDownClass(cls):
        cls.registry.stop()

    def test_a_login_is_taken_from_dockers_configuration(self):
        name = self.registry.host + "/a/b:1"
        self.assertIn("wants a login", self.refused(name))
        self.log_in(self.registry.host)
        self.pull(name)

    def test_a_wrong_password_is_said_and_not_shown(self):
        self.log_in(self.registry.host, "wr0ng-pass")
        said = self.refused(self.registry.host + "/a/b:1")
        self.assertIn("the user and password of config.json are refused", said)
        self.assertNotIn("wr0ng-pass", said)

    def test_a_login_elsewhere_is_not_used_here(self):
        self.log_in("registry.example.com")
        self.assertIn("wants a login", self.refused(self.registry.host + "/a/b:1"))

    def test_a_credential_helper_is_refused_clearly(self):
        folder = self.home / ".docker"
        folder.mkdir()
        (folder / "config.json").write_text(json.dumps(
            {"credHelpers": {self.registry.host: "desktop"}}))
        self.assertIn('credential helper "desktop"',
                      self.refused(self.registry.host + "/a/b:1"))


class TokenTest(ImageCase):
    """docker-registry checks the tokens; who gives them is the tests' own TokenService."""

    def test_a_token_is_fetched_once_with_the_login(self):
        with DockerRegistry("token") as registry:
            registry.push("a/b", "1", make_image())
            name = registry.host + "/a/b:1"
            self.assertIn("wants a login", self.refused(name))
            self.log_in(registry.host, "wrong")
            self.assertIn("refused by its token service", self.refused(name))
            self.log_in(registry.host)
            registry.tokens.requests.clear()
            self.pull(name)
            self.assertEqual(len(registry.tokens.requests), 1)
            path, authorization = registry.tokens.requests[0]
            self.assertIn("scope=repository%3Aa%2Fb%3Apull", path)
            self.assertTrue(authorization.startswith("Basic "))


class TlsTest(ImageCase):
    def test_only_a_trusted_certificate_will_do(self):
        with DockerRegistry(tls=True) as registry:
            registry.push("a/b", "1", make_image())
            name = registry.host + "/a/b:1"
            self.assertIn("not trusted", self.refused(name))
            self.pull(name, "--ca-file", str(registry.ca_file))
            self.assertIn("can't be read", self.refused(name, "--ca-file", "/nowhere.pem"))

    def test_with_an_authority_given_plain_http_will_not_do(self):
        with DockerRegistry() as registry, DockerRegistry(tls=True) as other:
            registry.push("a/b", "1", make_image())
            self.refused(registry.host + "/a/b:1", "--ca-file", str(other.ca_file))


class LocalTest(ImageCase):
    """Layouts and archives, the latter as skopeo writes them."""

    def layout(self, images):
        folder = self.folder / "layout"
        (folder / "blobs/sha256").mkdir(parents=True, exist_ok=True)
        (folder / "oci-layout").write_text('{"imageLayoutVersion":"1.0.0"}')
        entries = []
        for name, image in images.items():
            for blob in [image.manifest, *image.blobs()]:
                (folder / "blobs/sha256" / digest_of(blob).partition(":")[2]).write_bytes(blob)
            entries.append(dict(image.descriptor(), annotations={
                "org.opencontainers.image.ref.name": name}))
        (folder / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": entries}))
        return folder

    def test_an_image_is_taken_from_a_layout(self):
        one, two = make_image(b"one"), make_image(b"two")
        folder = self.layout({"v1": one, "v2": two})
        self.assertEqual(self.pull("oci:%s:v2" % folder)["digest"], two.digest)
        self.assertEqual(self.pull("oci:%s@%s" % (folder, one.digest))["digest"], one.digest)
        said = self.refused("oci:%s" % folder, status=2)
        self.assertIn('holds several images', said)
        self.assertIn('"v1", "v2"', said)
        self.assertIn("there is no such image", self.refused("oci:%s:v3" % folder))
        self.assertIn("no OCI image layout", self.refused("oci:%s/nowhere" % folder))
        blob = folder / "blobs/sha256" / digest_of(two.layers[0]).partition(":")[2]
        blob.write_bytes(bytes(len(two.layers[0])))
        self.image("remove", "oci:%s:v2" % folder)
        self.assertIn(digest_of(two.layers[0]), self.refused("oci:%s:v2" % folder))

    def test_the_store_itself_is_a_layout_skopeo_reads(self):
        image = make_image(b"one")
        self.pull("oci:%s" % self.layout({"v1": image}))
        copy = self.folder / "copy"
        subprocess.run(["skopeo", "--insecure-policy", "copy", "-q", "oci:%s" % self.store,
                        "oci:%s:x" % copy], check=True, capture_output=True, timeout=60)
        self.assertEqual(self.pull("oci:%s:x" % copy)["digest"], image.digest)

    def test_an_image_is_taken_from_a_docker_archive(self):
        packed, diff_id = small_layer(b"in an archive")
        other, other_id = small_layer(b"over it")
        image = Image([packed, other], diff_ids=[diff_id, other_id])
        folder = self.layout({"v1": image})
        archive = self.folder / "archive.tar"
        subprocess.run(["skopeo", "--insecure-policy", "copy", "-q", "oci:%s:v1" % folder,
                        "docker-archive:%s:debian:12" % archive], check=True, capture_output=True,
                       timeout=60)
        whole = self.pull("docker-archive:%s" % archive)
        named = self.pull("docker-archive:%s:debian:12" % archive)
        self.assertEqual(whole["digest"], named["digest"])
        told = json.loads(self.image("inspect", whole["digest"], "--json").stdout)
        self.assertEqual([layer["diff_id"] for layer in told["layers"]], [diff_id, other_id])
        built = json.loads(self.image("build", whole["digest"], "--json").stdout)
        root = subprocess.run(["unsquashfs", "-cat", built["path"], "usr/file"],
                              capture_output=True, check=True)
        self.assertEqual(root.stdout, b"over it")
        self.assertIn("holds no image", self.refused("docker-archive:%s:debian:13" % archive))

    def test_a_broken_archive_is_refused(self):
        archive = self.folder / "archive.tar"
        archive.write_bytes(b"x" * 2000)
        self.assertIn("docker-archive:", self.refused("docker-archive:%s" % archive, status=2))
        with tarfile.open(archive, "w") as tar:
            tar.add("/etc/hostname", "x")
        self.assertIn('has no file "manifest.json"',
                      self.refused("docker-archive:%s" % archive, status=2))
        self.assertIn("nowhere", self.refused("docker-archive:/nowhere.tar"))


if __name__ == "__main__":
    harness.main()
