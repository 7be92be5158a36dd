#!/usr/bin/env python3
"""What comes back from a bucket is believed only when it is what an honest (and, where that is asked
for, a trusted) writer stored under that name. And no secret is ever shown."""

import subprocess
import sys
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import shared_cache_case  # noqa: E402
from radosgw import USERS  # noqa: E402
from s3_client import Credentials  # noqa: E402
from shared_cache_case import harness  # noqa: E402

RESULTS = "/result/"


class Tampering(shared_cache_case.BuildTest):
    def setUp(self):
        super().setUp()
        self.content = self.fill_bucket()
        self.names = sorted(self.content)

    def spoil(self, changed):
        """`changed`: name -> bytes, for every object."""
        for name in self.names:
            self.owner.put(self.bucket, name, changed(name))

    def check_refused(self):
        """Every unit is compiled anew, rightly, and each object is reported."""
        machine = self.builder("reader")
        machine.check_build()
        counts = machine.counts()
        self.assertEqual((0, len(self.expected)), (counts.hits, counts.misses))
        self.assertTrue(machine.security_events(), machine.logged()[-2000:])
        return machine

    def test_one_byte_changed(self):
        def changed(name):
            body = bytearray(self.content[name])
            body[len(name) * 7919 % len(body)] ^= 0x20
            return bytes(body)
        self.spoil(changed)
        machine = self.check_refused()
        self.assertRegex(machine.security_events()[0], r"remote-object-damaged")

    def test_cut_short(self):
        self.spoil(lambda name: self.content[name][:-1])
        self.check_refused()

    @shared_cache_case.long_form
    def test_something_behind(self):
        self.spoil(lambda name: self.content[name] + b"\0")
        self.check_refused()

    def test_empty(self):
        self.spoil(lambda name: b"")
        self.check_refused()

    def test_each_under_the_name_of_another(self):
        """All are whole and sealed, for other keys."""
        others = dict(zip(self.names, self.names[1:] + self.names[:1]))
        self.spoil(lambda name: self.content[others[name]])
        self.check_refused()

    @shared_cache_case.long_form
    def test_damage_in_results_alone(self):
        for name in self.names:
            if RESULTS in name:
                self.owner.put(self.bucket, name, self.content[name][:-8] + b"deadbeef")
        self.check_refused()

    def test_damage_is_mended_by_the_next_writer(self):
        """As long as few are damaged: the reads of a tier that gives nothing else are suspended,
        and an index that could not be read is not replaced."""
        for name in self.names[::9]:
            self.owner.put(self.bucket, name, b"x" * 100)
        writer = self.builder("writer")
        writer.check_build()
        self.assertGreater(writer.counts().misses, 0)
        writer.wait_until_written()
        machine = self.builder("another")
        machine.check_build()
        self.assertEqual((0, []), (machine.counts().misses, machine.security_events()))

    def test_damage_on_the_way(self):
        self.proxy.set_fault("tampered")
        self.check_refused()

    def test_damage_is_not_kept_locally(self):
        self.spoil(lambda name: self.content[name][:-1])
        machine = self.check_refused()
        self.proxy.forget()
        machine.check_build()
        self.assertEqual(len(self.expected), machine.counts().hits)

    def test_what_a_daemon_hands_out_is_checked_too(self):
        self.spoil(lambda name: self.content[name][::-1])
        machine = self.builder("reader")
        self.assertEqual(0, machine.hpcc("start", "--background").status)
        machine.check_build()
        self.assertEqual(0, machine.counts().hits)


class Signing(shared_cache_case.BuildTest):
    """Keys made by openssl, public ones named by file."""

    def make_key(self, name):
        key = self.folder / (name + ".pem")
        subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", key], check=True,
                       timeout=30)
        key.chmod(0o600)
        public = self.folder / (name + ".pub.pem")
        subprocess.run(["openssl", "pkey", "-in", key, "-pubout", "-out", public], check=True,
                       timeout=30)
        return str(key), str(public)

    def signing_machine(self, path, key=None, trusted=None):
        return self.builder(path, extra=shared_cache_case.block(
            "[signing]", key_file=key, trusted_keys=trusted))

    def fill(self, **options):
        writer = self.signing_machine("writer", **options)
        writer.check_build()
        writer.wait_until_written()

    def check(self, machine, hits, event=None):
        machine.check_build()
        counts = machine.counts()
        wanted = len(self.expected) if hits else 0
        self.assertEqual((wanted, len(self.expected) - wanted), (counts.hits, counts.misses))
        events = machine.security_events()
        if event is None:
            self.assertEqual([], events)
        else:
            self.assertTrue(any(event in line for line in events), machine.logged()[-2000:])

    def test_signed_and_trusted(self):
        key, public = self.make_key("ci")
        self.fill(key=key)
        self.check(self.signing_machine("reader", trusted=[public]), hits=True)

    @shared_cache_case.long_form
    def test_one_of_several_trusted(self):
        (key, public), (_, other) = self.make_key("ci"), self.make_key("other")
        self.fill(key=key)
        self.check(self.signing_machine("reader", trusted=[other, public]), hits=True)

    def test_signed_and_nobody_asks(self):
        self.fill(key=self.make_key("ci")[0])
        self.check(self.builder("reader"), hits=True)

    def test_unsigned_is_refused(self):
        _, public = self.make_key("ci")
        self.fill()
        self.check(self.signing_machine("reader", trusted=[public]), hits=False,
                   event="remote-object-unsigned")

    def test_foreign_is_refused(self):
        (key, _), (_, public) = self.make_key("mallory"), self.make_key("ci")
        self.fill(key=key)
        self.check(self.signing_machine("reader", trusted=[public]), hits=False,
                   event="remote-object-untrusted")

    def test_spoiled_signature_is_refused(self):
        key, public = self.make_key("ci")
        self.fill(key=key)
        for name in self.objects():
            body = bytearray(self.owner.get(self.bucket, name))
            body[40] ^= 1  # magic 4, version 1, signer 32, then the signature
            self.owner.put(self.bucket, name, bytes(body))
        self.check(self.signing_machine("reader", trusted=[public]), hits=False,
                   event="remote-object-forged")

    @shared_cache_case.long_form
    def test_signature_of_another_object_is_refused(self):
        key, public = self.make_key("ci")
        self.fill(key=key)
        names = sorted(self.objects())
        content = {name: self.owner.get(self.bucket, name) for name in names}
        for name, other in zip(names, names[1:] + names[:1]):
            self.owner.put(self.bucket, name, content[other][:101] + content[name][101:])
        self.check(self.signing_machine("reader", trusted=[public]), hits=False,
                   event="remote-object-forged")

    def test_signature_for_another_namespace_is_refused(self):
        """What one team's writers signed is nothing to another's readers."""
        key, public = self.make_key("ci")
        signing = shared_cache_case.block("[signing]", key_file=key)
        writer = self.builder("writer", self.s3(name_space="team-a"), extra=signing)
        writer.check_build()
        writer.wait_until_written()
        for name in self.objects():
            self.owner.put(self.bucket, name.replace("/team-a/", "/team-b/"),
                           self.owner.get(self.bucket, name))
        trusting = shared_cache_case.block("[signing]", trusted_keys=[public])
        reader = self.builder("reader", self.s3(name_space="team-b"), extra=trusting)
        self.check(reader, hits=False, event="remote-object-forged")

    def test_key_others_may_read_is_not_used(self):
        key, _ = self.make_key("ci")
        Path(key).chmod(0o644)
        machine = self.signing_machine("writer", key=key)
        machine.check_build()
        self.assertIn("ci.pem", machine.logged())
        self.assertEqual({}, self.objects(), "wrote unsigned what was to be signed")


class Secrets(shared_cache_case.BuildTest):
    """Nothing secret in an argument list, a log, a report, or a file hpcc writes."""

    def watch_arguments(self, stop, seen):
        while not stop.is_set():
            for entry in Path("/proc").glob("[0-9]*/cmdline"):
                try:
                    line = entry.read_bytes()
                except OSError:
                    continue
                if not line.startswith(b"radosgw"):  # of a test beside this one, which may tell it
                    seen.add(line)
            time.sleep(0.01)

    def check_nothing_shown(self, machine, secrets):
        stop, seen = threading.Event(), set()
        watcher = threading.Thread(target=self.watch_arguments, args=(stop, seen))
        watcher.start()
        try:
            machine.check_build()
            machine.wait_until_written()
            texts = [machine.logged().encode(), *seen]
            for words in (["stats"], ["stats", "--json"], ["config"], ["doctor"],
                          ["cache", "check"], ["explain", self.a_unit + ".c"]):
                outcome = machine.hpcc(*words)
                texts += [outcome.stdout, outcome.stderr]
        finally:
            stop.set()
            watcher.join()
        self.assertTrue(any(b"hpcc-remote" in line for line in seen))
        for secret in secrets:
            for text in texts:
                self.assertNotIn(secret.encode(), text)
            for path in machine.folder.rglob("*"):
                if path.is_file() and not path.is_symlink() and path != machine.config \
                        and machine.checkout not in path.parents:
                    self.assertNotIn(secret.encode(), path.read_bytes(), path)

    def test_of_the_environment(self):
        session = self.server.session(900)
        self.check_nothing_shown(self.builder("a", user=session), [
            session.secret_key, session.session_token])

    def test_of_the_configuration(self):
        key = USERS["full"]
        machine = self.builder("a", self.s3(access_key=key.access_key,
                                                secret_key=key.secret_key))
        self.check_nothing_shown(machine, [key.secret_key])

    @shared_cache_case.long_form
    def test_that_are_wrong(self):
        machine = self.builder("a", user=Credentials("FULLACCESSKEY", "almost-the-secret"))
        self.check_nothing_shown(machine, ["almost-the-secret"])

    def test_signatures_are_not_carried_to_where_a_redirect_leads(self):
        self.proxy.set_fault("redirect")
        machine = self.builder("a")
        machine.check_build(self.bound())
        self.assertEqual([], [line for line in self.proxy.asked if "elsewhere" in line])

    def test_socket_is_the_owner_s_alone(self):
        machine = self.builder("a")
        self.compile(machine)
        sockets = [path for path in machine.runtime.rglob("*") if path.is_socket()]
        self.assertTrue(sockets)
        for path in sockets:
            self.assertEqual(0o700, path.parent.stat().st_mode & 0o777)


if __name__ == "__main__":
    shared_cache_case.main()
