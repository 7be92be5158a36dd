#!/usr/bin/env python3
"""Who may speak to the daemon, and what becomes of those who speak nonsense: another user can't
connect, read the token or make the daemon write; a wrong token is refused; garbage, half a frame
and silence cost one connection and are logged."""

import os
import random
import socket
import struct
import subprocess
import sys
import time
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import daemon_case  # noqa: E402
import wire  # noqa: E402
from daemon_case import harness  # noqa: E402

NOBODY = 65534
SILENCE = 60  # seconds after which a silent peer must be gone
BOTH = (("unix", wire.connect_unix), ("tcp", wire.connect_tcp))


class SecurityTest(daemon_case.DaemonTest):
    def setUp(self):
        super().setUp()
        self.start()

    def start(self):
        self.daemon = self.start_daemon()

    def check_still_serves(self):
        """The daemon is alive and answers a hit."""
        self.check_compiles()
        before = daemon_case.wait_until(self.daemon_report, "an answer")["requests"]
        self.assertLess(self.check_compiles(), 5)
        self.assertGreater(self.requests(), before)
        self.assertIsNone(self.daemon.poll())

    def check_logged(self, count_before, at_least=1):
        daemon_case.wait_until(
            lambda: len(self.security_events()) >= count_before + at_least, "a security event", 10)

    def ask_status(self, connection, **options):
        connection.sendall(wire.frame(wire.status_request(**options)))
        return wire.receive(connection)


class Tokens(SecurityTest):
    def check_refused(self, token):
        before = len(self.security_events())
        with wire.connect_tcp(self.runtime) as connection:
            try:
                answer = self.ask_status(connection, token=token)
            except (BrokenPipeError, ConnectionResetError):
                answer = None
        self.assertNotIn(wire.STATUS_REPORT, answer or {})
        self.check_logged(before)

    def test_right_token_is_answered(self):
        with wire.connect_tcp(self.runtime) as connection:
            answer = self.ask_status(connection, token=wire.token_of(self.runtime))
        self.assertIn(wire.STATUS_REPORT, answer)
        self.assertEqual([], self.security_events())

    def test_token_wrong_in_any_one_byte_is_refused(self):
        token = wire.token_of(self.runtime)
        for at in range(len(token)):
            wrong = bytearray(token)
            wrong[at] ^= 1 << at % 8
            self.check_refused(bytes(wrong))
        self.check_still_serves()

    def test_token_of_another_size_is_refused(self):
        token = wire.token_of(self.runtime)
        for wrong in (b"", token[:1], token[:-1], token + b"\0", token * 2, token.hex().encode(),
                      b"\0" * len(token), token + b"x" * (1 << 20), b"x" * (15 << 20)):
            with self.subTest(len(wrong)):
                self.check_refused(wrong)
        self.check_still_serves()

    def test_token_is_new_with_each_start_and_looks_random(self):
        tokens = set()
        for _ in range(4):
            tokens.add(wire.token_of(self.runtime))
            self.stop_daemon(self.daemon)
            self.start()
        self.assertEqual(4, len(tokens))
        for token in tokens:
            self.assertGreaterEqual(len(token), 16)
            self.assertGreater(len(set(token)), 8)

    def test_wrong_token_is_refused_in_the_same_time_wherever_it_differs(self):
        """Medians of many, taking turns; a byte by byte comparison could not be seen here, a slow
        path for one of the cases could."""
        token = wire.token_of(self.runtime)
        cases = {"first byte": bytes([token[0] ^ 1]) + token[1:],
                 "last byte": token[:-1] + bytes([token[-1] ^ 1]), "short": token[:1]}
        taken = {name: [] for name in cases}
        for _ in range(200):
            for name, wrong in cases.items():
                with wire.connect_tcp(self.runtime) as connection:
                    start = time.perf_counter()
                    self.assertNotIn(wire.STATUS_REPORT,
                                     self.ask_status(connection, token=wrong) or {})
                    taken[name].append(time.perf_counter() - start)
        medians = [sorted(times)[len(times) // 2] for times in taken.values()]
        self.assertLess(max(medians), 2 * min(medians) + 0.001)

    def test_token_reaches_no_log_and_no_environment_of_a_compiler(self):
        """Nor the command line of the daemon, which everybody may read."""
        token = wire.token_of(self.runtime)
        self.check_refused(token[:-1])
        self.check_compiles()
        command_line = Path("/proc/%d/cmdline" % self.daemon.pid).read_bytes()
        environment = Path("/proc/%d/environ" % self.daemon.pid).read_bytes()
        for text in (self.logged().encode(), command_line, environment):
            self.assertNotIn(token, text)
            self.assertNotIn(token.hex().encode(), text)


class Nonsense(SecurityTest):
    """On the socket, whose peers are known, as on loopback, whose peers may be anybody."""

    def messages(self):
        return {
            "garbage": b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
            "random": random.Random(1).randbytes(4096),
            "huge size": struct.pack("<I", 0xFFFFFFFF) + b"x",
            "size just above the limit": struct.pack("<I", (16 << 20) + 1) + b"x" * 4096,
            "no protobuf": wire.frame(b"\xff" * 64),
            "field that claims to be longer than the frame": wire.frame(b"\x1a\xff\xff\x03x"),
            "endless varint": wire.frame(b"\xff" * 11),
            "nested too deeply": wire.frame(b"\x1b" * 10000),
        }

    def test_each_kind_of_nonsense_costs_its_connection_and_is_logged(self):
        for name, connect in BOTH:
            for what, message in self.messages().items():
                with self.subTest(what, over=name):
                    before = len(self.security_events())
                    with connect(self.runtime, timeout=SILENCE) as connection:
                        self.send_all_there_is(connection, message)
                        self.drain(connection)
                    self.check_logged(before)
        self.check_still_serves()

    def test_requests_that_ask_nothing_are_refused_in_words(self):
        version = wire.number_field(1, wire.VERSION)
        token = wire.bytes_field(2, wire.token_of(self.runtime))
        for message in (b"", version, version + token, version + wire.bytes_field(99, b"new"),
                        version + wire.bytes_field(wire.LEARN, b"")):
            with self.subTest(message), wire.connect_unix(self.runtime) as connection:
                connection.sendall(wire.frame(message))
                self.assertIn(wire.REFUSED, wire.receive(connection))
        self.check_still_serves()

    def send_all_there_is(self, connection, message):
        """The daemon may close before it has all."""
        try:
            connection.sendall(message)
            connection.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def drain(self, connection):
        """Until the daemon closes; what it says meanwhile is a refusal, and short."""
        received = b""
        try:
            while chunk := connection.recv(65536):
                received += chunk
        except ConnectionResetError:
            pass
        self.assertLess(len(received), 4096)

    def test_half_a_frame_costs_its_connection_and_is_logged(self):
        whole = wire.frame(wire.status_request())
        for name, connect in BOTH:
            for size in (1, 3, 4, 5, len(whole) - 1):
                with self.subTest(size, over=name):
                    before = len(self.security_events())
                    with connect(self.runtime, timeout=SILENCE) as connection:
                        self.send_all_there_is(connection, whole[:size])
                        self.drain(connection)
                    self.check_logged(before)
        self.check_still_serves()

    def test_silent_peer_is_let_go_and_logged(self):
        for name, connect in BOTH:
            for said in (b"", b"\x10", wire.frame(b"x" * 100)[:50]):
                with self.subTest(said, over=name):
                    before = len(self.security_events())
                    with connect(self.runtime, timeout=SILENCE) as connection:
                        connection.sendall(said)
                        start = time.monotonic()
                        self.drain(connection)
                        self.assertLess(time.monotonic() - start, SILENCE)
                    self.check_logged(before)
        self.check_still_serves()

    def test_peer_that_dribbles_is_let_go(self):
        """A byte now and then is no way to hold a connection."""
        message = wire.frame(b"x" * 1000)
        with wire.connect_unix(self.runtime) as connection:
            start = time.monotonic()
            with self.assertRaises((BrokenPipeError, ConnectionResetError)):
                for byte in message:
                    connection.sendall(bytes([byte]))
                    time.sleep(0.25)
            self.assertLess(time.monotonic() - start, SILENCE)
        self.check_still_serves()

    def test_many_silent_peers_keep_nobody_from_a_hit(self):
        self.check_compiles()
        silent = [connect(self.runtime) for _ in range(100) for _, connect in BOTH]
        try:
            for _ in range(5):
                self.assertLess(self.check_compiles(), 5)
        finally:
            for connection in silent:
                connection.close()
        self.check_still_serves()

    def test_peer_that_never_reads_its_answers_keeps_nobody_from_a_hit(self):
        with wire.connect_unix(self.runtime) as connection:
            connection.setblocking(False)
            try:
                while True:
                    connection.send(wire.frame(wire.status_request()))
            except (BlockingIOError, BrokenPipeError, ConnectionResetError):
                pass
            self.check_still_serves()

    def test_requests_with_bits_flipped_never_end_the_daemon(self):
        look_up = b"".join([
            wire.bytes_field(1, b"/usr/bin/gcc"), wire.bytes_field(2, b"gcc"),
            wire.bytes_field(3, b"gcc"),
            *(wire.bytes_field(4, word.encode()) for word in daemon_case.COMPILE[1:]),
            wire.bytes_field(5, b"PATH=/usr/bin:/bin"),
            wire.bytes_field(5, b"HPCC_CACHE_DIR=" + os.fsencode(self.cache)),
            wire.bytes_field(6, os.fsencode(self.tree))])
        token = wire.token_of(self.runtime)
        chance = random.Random(2)
        for number in range(400):
            name, connect = BOTH[number % 2]
            body = wire.bytes_field(wire.LOOK_UP, look_up)
            message = bytearray(wire.request(body, token if name == "tcp" else b""))
            for _ in range(chance.randint(1, 8)):
                message[chance.randrange(len(message))] ^= 1 << chance.randrange(8)
            with connect(self.runtime, timeout=SILENCE) as connection:
                self.send_all_there_is(connection, wire.frame(bytes(message)))
        self.check_still_serves()


class Limits(SecurityTest):
    """Each limit is one a peer can try; the daemon's memory stays what it was."""

    def memory(self):
        status = Path("/proc/%d/status" % self.daemon.pid).read_text()
        return int(dict(line.split(":", 1) for line in status.splitlines())["VmHWM"].split()[0])

    def test_promise_of_a_large_frame_takes_no_memory(self):
        before = self.memory()
        promised = [wire.connect_unix(self.runtime) for _ in range(50)]
        for connection in promised:
            connection.sendall(struct.pack("<I", 15 << 20) + b"x" * 100)
        time.sleep(0.5)
        grown = self.memory() - before
        for connection in promised:
            connection.close()
        self.assertLess(grown, 50 * 256)
        self.check_still_serves()

    def test_a_hundred_thousand_and_one_words_are_refused(self):
        look_up = wire.bytes_field(1, b"/usr/bin/gcc") + wire.bytes_field(4, b"-c") * 100001
        with wire.connect_unix(self.runtime) as connection:
            before = len(self.security_events())
            connection.sendall(wire.frame(wire.request(wire.bytes_field(wire.LOOK_UP, look_up))))
            answer = wire.receive(connection)
            self.assertNotIn(wire.LEASE, answer or {})
            self.check_logged(before)
        self.check_still_serves()

    def test_descriptors_nobody_asked_for_are_closed(self):
        def open_descriptors():
            return len(os.listdir("/proc/%d/fd" % self.daemon.pid))

        self.check_still_serves()
        before = open_descriptors()
        for _ in range(20):
            with wire.connect_unix(self.runtime) as connection, open("/dev/null") as extra:
                socket.send_fds(connection, [wire.frame(wire.status_request())],
                                [extra.fileno()] * 100)
                try:
                    wire.receive(connection)
                except ConnectionResetError:
                    pass
        daemon_case.wait_until(lambda: open_descriptors() <= before + 2, "descriptors closed", 20)
        self.check_still_serves()


class Versions(SecurityTest):
    def test_other_version_is_refused_with_a_reason(self):
        for version in (0, wire.VERSION - 1, wire.VERSION + 1, 99, 1 << 31):
            with self.subTest(version), wire.connect_unix(self.runtime) as connection:
                answer = self.ask_status(connection, version=version)
                self.assertIn(wire.REFUSED, answer)
                self.assertIn(b"version", answer[wire.REFUSED])
        self.check_still_serves()


@unittest.skipUnless(os.geteuid() == 0, "needs root, to become another user")
class AnotherUser(SecurityTest):
    as_nobody = ["setpriv", "--reuid=%d" % NOBODY, "--regid=%d" % NOBODY, "--clear-groups"]

    def setUp(self):
        super().setUp()
        self.folder.chmod(0o755)

    def run_as_nobody(self, program, *words):
        return subprocess.run([*self.as_nobody, sys.executable, "-I", "-c", program, *words],
                              capture_output=True, text=True, timeout=60, cwd="/")

    def test_can_neither_see_nor_read_anything(self):
        for name in ("", "daemon.json", "daemon.sock"):
            look = "open" if name else "os.listdir"
            outcome = self.run_as_nobody("import os, sys; %s(sys.argv[1])" % look,
                                         str(self.runtime / name))
            self.assertIn("PermissionError", outcome.stderr, name)

    def test_can_not_connect(self):
        program = "import socket, sys; socket.socket(socket.AF_UNIX).connect(sys.argv[1])"
        outcome = self.run_as_nobody(program, str(self.runtime / "daemon.sock"))
        self.assertIn("PermissionError", outcome.stderr)

    def test_is_refused_by_its_number_where_the_directory_was_opened_to_all(self):
        self.runtime.chmod(0o755)
        (self.runtime / "daemon.sock").chmod(0o777)
        before = len(self.security_events())
        program = """if True:
            import socket, sys
            connection = socket.socket(socket.AF_UNIX)
            connection.connect(sys.argv[1])
            try:
                connection.sendall(bytes.fromhex(sys.argv[2]))
                print(len(connection.recv(65536)))
            except (BrokenPipeError, ConnectionResetError):
                print(0)
        """
        request = wire.frame(wire.status_request()).hex()
        outcome = self.run_as_nobody(program, str(self.runtime / "daemon.sock"), request)
        self.assertEqual("0\n", outcome.stdout, outcome.stderr)
        self.check_logged(before)
        self.assertIn(str(NOBODY), self.security_events()[-1])

    def test_token_stays_unreadable_where_the_directory_was_opened_to_all(self):
        self.runtime.chmod(0o755)
        outcome = self.run_as_nobody("open(__import__('sys').argv[1])",
                                     str(self.runtime / "daemon.json"))
        self.assertIn("PermissionError", outcome.stderr)

    def test_gets_nothing_by_loopback_without_the_token(self):
        program = """if True:
            import socket, sys
            connection = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
            connection.sendall(bytes.fromhex(sys.argv[2]))
            print(connection.recv(65536).hex())
        """
        port = str(wire.read_daemon_file(self.runtime)["port"])
        for token in (b"", b"x" * 32):
            request = wire.frame(wire.status_request(token=token)).hex()
            outcome = self.run_as_nobody(program, port, request)
            answer = bytes.fromhex(outcome.stdout.strip())
            self.assertNotIn(wire.STATUS_REPORT, wire.fields(answer[4:]) if answer else {})

    def test_can_not_make_the_daemon_write(self):
        """The daemon's files, and those a request could name, are as they were."""
        self.check_compiles()
        self.write("precious.o", "precious")
        before = harness.snapshot(self.folder)
        environment = {"HPCC_RUNTIME_DIR": str(self.runtime), "HPCC_CACHE_DIR": str(self.cache),
                       "PATH": self.environment["PATH"], "HOME": "/nonexistent"}
        subprocess.run(
            [*self.as_nobody, "/usr/bin/env", "-i",
             *("%s=%s" % item for item in environment.items()), harness.HPCC, "gcc", "-O1", "-c",
             str(self.tree / "unit.c"), "-o", str(self.tree / "precious.o")],
            cwd="/", capture_output=True, timeout=60)
        after = harness.snapshot(self.folder)
        for files in (before, after):
            files.pop("log", None)
        self.assertEqual([], harness.compare_snapshots(before, after))

    def test_runtime_directory_of_another_user_is_not_used(self):
        """What another user has put where the wrapper looks must not be believed."""
        self.stop_daemon(self.daemon)
        os.chown(self.runtime, NOBODY, NOBODY)
        deceiver = subprocess.Popen(
            [*self.as_nobody, sys.executable, "-I", "-c", """if True:
                import socket, sys
                listener = socket.socket(socket.AF_UNIX)
                listener.bind(sys.argv[1])
                listener.listen(8)
                print("ready", flush=True)
                connection, _ = listener.accept()
                print(len(connection.recv(65536)), flush=True)
            """, str(self.runtime / "daemon.sock")], stdout=subprocess.PIPE, text=True, cwd="/")
        self.addCleanup(deceiver.communicate)
        self.addCleanup(deceiver.kill)
        self.assertEqual("ready\n", deceiver.stdout.readline())
        self.check_compiles()
        self.check_compiles()
        deceiver.kill()
        self.assertIn(deceiver.stdout.read(), ("", "0\n"), "the wrapper told it something")
        self.assertEqual(1, self.statistics().hits)

    def test_port_of_a_killed_daemon_is_not_believed(self):
        """A port is anybody's to take; who takes it must neither be told nor heard."""
        self.daemon.kill()
        self.daemon.wait()
        port = str(wire.read_daemon_file(self.runtime)["port"])
        deceiver = subprocess.Popen(
            [*self.as_nobody, sys.executable, "-I", "-c", """if True:
                import socket, sys
                listener = socket.socket()
                listener.bind(("127.0.0.1", int(sys.argv[1])))
                listener.listen(8)
                print("ready", flush=True)
                while True:
                    connection, _ = listener.accept()
                    print(len(connection.recv(65536)), flush=True)
            """, port], stdout=subprocess.PIPE, text=True, cwd="/")
        self.addCleanup(deceiver.communicate)
        self.addCleanup(deceiver.kill)
        self.assertEqual("ready\n", deceiver.stdout.readline())
        self.check_compiles()
        self.check_compiles()
        deceiver.kill()
        self.assertEqual(set(), set(deceiver.stdout.read().split()) - {"0"},
                         "the wrapper told it something")
        self.assertEqual(1, self.statistics().hits)


if __name__ == "__main__":
    harness.main()
