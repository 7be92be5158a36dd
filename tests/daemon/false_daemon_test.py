#!/usr/bin/env python3
"""A wrapper whose daemon answers wrongly, or breaks off, works alone: the object is the compiler's,
and nothing is said."""

import os
import socket
import struct
import sys
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import daemon_case  # noqa: E402
import wire  # noqa: E402
from daemon_case import harness  # noqa: E402


def response(number, value=b""):
    return wire.frame(wire.number_field(1, wire.VERSION) + wire.bytes_field(number, value))


class FalseDaemon:
    """Listens where the daemon would; `answer(connection, request)` does the rest."""

    def __init__(self, runtime, answer):
        self.answer = answer
        self.asked = 0
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(runtime / "daemon.sock"))
        os.chmod(runtime / "daemon.sock", 0o600)
        self.listener.listen(64)
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve_one, args=(connection,), daemon=True).start()

    def serve_one(self, connection):
        connection.settimeout(30)
        with connection:
            try:
                size, descriptors, _, _ = socket.recv_fds(connection, 4, 8)
                for descriptor in descriptors:
                    os.close(descriptor)
                if len(size) < 4:
                    return
                request = wire.receive_exactly(connection, struct.unpack("<I", size)[0])
                if request is None:
                    return
                self.asked += 1
                self.answer(connection, request)
            except (BrokenPipeError, ConnectionResetError, socket.timeout):
                pass

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()


class FalseDaemonTest(daemon_case.DaemonTest):
    lease = response(wire.LEASE, wire.number_field(1, 1))

    def check_works_alone(self, answer, seconds=10, counts=(1, 1)):
        """Twice; then `counts` are the hits and misses. What was learned is found without the false
        daemon, too."""
        wanted = self.plain_object()
        false_daemon = FalseDaemon(self.runtime, answer)
        try:
            for _ in range(2):
                self.assertLess(self.check_compiles(wanted), seconds)
            self.assertGreater(false_daemon.asked, 0, "it was never asked")
            seen = self.statistics()
            self.assertEqual((*counts, 0), (seen.hits, seen.misses, seen.errors))
            self.check_compiles(wanted, environment={"HPCC_DAEMON": "off"})
            self.assertEqual(seen.hits + 1, self.statistics().hits)
        finally:
            false_daemon.close()
            for path in self.runtime.iterdir():
                path.unlink()
            self.run_command([harness.HPCC, "clean", "--all"])
            self.run_command([harness.HPCC, "stats", "--zero"])

    def check_bytes(self, cases):
        for what, sent in cases.items():
            with self.subTest(what):
                self.check_works_alone(lambda connection, request: connection.sendall(sent))

    def test_nonsense(self):
        whole = response(wire.LEASE)
        self.check_bytes({
            "nothing": b"",
            "one byte": b"\x01",
            "half a frame": whole[:-1] if len(whole) > 5 else whole[:5],
            "no size": whole[4:],
            "garbage": os.urandom(512),
            "huge frame": struct.pack("<I", 0xFFFFFFFF) + b"x" * 100,
            "no answer in it": wire.frame(wire.number_field(1, wire.VERSION)),
            "empty frame": struct.pack("<I", 0),
            "no protobuf": wire.frame(b"\xff" * 40),
        })

    def test_refusal_and_other_versions(self):
        newer = wire.frame(wire.number_field(1, wire.VERSION + 1) + wire.bytes_field(
            wire.REFUSED, wire.bytes_field(1, b"this daemon speaks another version")))
        newer_answer = wire.frame(
            wire.number_field(1, wire.VERSION + 1) + wire.bytes_field(99, b"what is new"))
        self.check_bytes({
            "refusal": response(wire.REFUSED, wire.bytes_field(1, b"no")),
            "refusal of a newer daemon": newer,
            "unknown answer of a newer daemon": newer_answer,
            "alone": response(wire.ALONE, wire.bytes_field(1, b"reason")),
        })

    def hit(self, outputs=(), total=0, **fields):
        message = b"".join(
            wire.bytes_field(1, wire.number_field(1, role) + wire.number_field(2, size))
            for role, size in outputs)
        message += wire.number_field(2, total)
        for number, value in fields.get("more", ()):
            message += wire.bytes_field(number, value)
        return response(wire.HIT, message)

    def test_hits_that_can_not_be(self):
        """Promised outputs that don't come, don't fit, or are of no kind that there is."""
        self.check_bytes({
            "outputs without a descriptor": self.hit([(0, 1000)], 1000),
            "no outputs": self.hit(),
            "sizes that don't add up": self.hit([(0, 10), (1, 20)], 5),
            "sizes that overflow": self.hit([(0, 1 << 63), (0, 1 << 63)], 0),
        })

    def test_hit_whose_descriptor_is_shorter_than_promised(self):
        def answer(connection, request):
            with open(self.folder / "short", "wb+") as short:
                short.write(b"x" * 10)
                short.flush()
                socket.send_fds(connection, [self.hit([(0, 1000)], 1000)], [short.fileno()])

        self.check_works_alone(answer)

    def test_hit_whose_descriptor_is_no_file(self):
        def answer(connection, request):
            reading, writing = os.pipe()
            try:
                socket.send_fds(connection, [self.hit([(0, 1000)], 1000)], [reading])
            finally:
                os.close(reading)
                os.close(writing)

        self.check_works_alone(answer)

    def tentative(self):
        """A complete hit that says of itself that it may be wrong."""
        message = (wire.bytes_field(1, wire.number_field(1, 0) + wire.number_field(2, 10))
                   + wire.number_field(2, 10) + wire.bytes_field(7, b"x" * 10)
                   + wire.number_field(8, 1))
        return response(wire.HIT, message)

    def test_tentative_hit_that_is_never_confirmed(self):
        """What it brought is not seen, whatever comes next."""
        gone = b""
        for what, after in {
                "gone": gone,
                "garbage": os.urandom(64),
                "alone": response(wire.ALONE, wire.bytes_field(1, b"reason")),
                "another tentative one": self.tentative() + response(wire.CONFIRMED),
        }.items():
            with self.subTest(what):
                self.check_works_alone(
                    lambda connection, request: connection.sendall(self.tentative() + after))

    def test_tentative_hit_and_then_silence(self):
        stay = threading.Event()
        self.addCleanup(stay.set)

        def answer(connection, request):
            connection.sendall(self.tentative())
            stay.wait(30)

        self.check_works_alone(answer)

    def test_confirmation_of_nothing(self):
        self.check_bytes({"confirmed": response(wire.CONFIRMED)})

    def test_stored_result_that_is_not_there(self):
        self.check_bytes({
            "no such result": self.hit(more=[(9, b"k" * 32)]),
            "no key": self.hit(more=[(9, b"k" * 31)]),
        })

    def test_silence_after_the_request(self):
        stay = threading.Event()
        self.addCleanup(stay.set)
        self.check_works_alone(lambda connection, request: stay.wait(30))

    def test_lease_whose_daemon_leaves_before_it_is_told(self):
        self.check_works_alone(
            lambda connection, request: connection.sendall(self.lease), counts=(0, 2))

    def test_lease_whose_daemon_never_says_that_it_learned(self):
        stay = threading.Event()
        self.addCleanup(stay.set)

        def answer(connection, request):
            connection.sendall(self.lease)
            stay.wait(30)

        # Silence is remembered: the second compile does not ask.
        self.check_works_alone(answer, seconds=20)

    def test_learned_with_nonsense(self):
        def answer(connection, request):
            connection.sendall(self.lease)
            connection.recv(65536)
            connection.sendall(os.urandom(64))

        self.check_works_alone(answer, counts=(0, 2))

    def test_waiting_and_then_gone(self):
        def answer(connection, request):
            for _ in range(3):
                connection.sendall(response(wire.WAITING))
                time.sleep(0.2)

        self.check_works_alone(answer)

    def test_every_answer_cut_off_at_every_length(self):
        answers = [response(wire.REFUSED, wire.bytes_field(1, b"no")), self.hit([(0, 10)], 10)]
        wanted = self.plain_object()
        for whole in answers:
            for size in range(len(whole)):
                false_daemon = FalseDaemon(
                    self.runtime, lambda connection, request: connection.sendall(whole[:size]))
                try:
                    self.check_compiles(wanted)
                finally:
                    false_daemon.close()
                    for path in self.runtime.iterdir():
                        path.unlink()


if __name__ == "__main__":
    harness.main()
