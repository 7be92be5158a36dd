"""Frames to and from the daemon, put together by hand, so that they may also be wrong."""

import json
import socket
import struct

VERSION = 2


def varint(value):
    encoded = bytearray()
    while value > 0x7F:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)


def number_field(number, value):
    return varint(number << 3) + varint(value)


def bytes_field(number, value):
    return varint(number << 3 | 2) + varint(len(value)) + value


def frame(message):
    return struct.pack("<I", len(message)) + message


def request(body, token=b"", version=VERSION):
    """`body`: a field of the oneof, already encoded."""
    return number_field(1, version) + (bytes_field(2, token) if token else b"") + body


LOOK_UP, LEARN, STATUS, STOP = 3, 4, 5, 6  # fields of Request
# Of Response.
HIT, LEASE, ALONE, WAITING, LEARNED, STATUS_REPORT, STOPPING, REFUSED, CONFIRMED = range(2, 11)


def status_request(token=b"", version=VERSION):
    return request(bytes_field(STATUS, b""), token, version)


def fields(message):
    """{number: value of its last occurrence} of a message: integers, or bytes."""
    found, at = {}, 0

    def read_varint():
        nonlocal at
        value = shift = 0
        while True:
            byte = message[at]
            at += 1
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
            shift += 7

    while at < len(message):
        key = read_varint()
        if key & 7 == 2:
            size = read_varint()
            found[key >> 3] = message[at:at + size]
            at += size
        elif key & 7 == 0:
            found[key >> 3] = read_varint()
        else:
            raise ValueError("field %d of type %d" % (key >> 3, key & 7))
    return found


def receive_exactly(connection, count):
    """`count` bytes, or None where the peer closed before."""
    received = b""
    while len(received) < count:
        try:
            chunk = connection.recv(count - len(received))
        except ConnectionResetError:
            return None
        if not chunk:
            return None
        received += chunk
    return received


def receive(connection):
    """The fields of one frame, or None where the peer closed."""
    size = receive_exactly(connection, 4)
    if size is None:
        return None
    message = receive_exactly(connection, struct.unpack("<I", size)[0])
    return None if message is None else fields(message)


def connect_unix(runtime, timeout=10):
    connection = socket.socket(socket.AF_UNIX)
    connection.settimeout(timeout)
    connection.connect(str(runtime / "daemon.sock"))
    return connection


def read_daemon_file(runtime):
    return json.loads((runtime / "daemon.json").read_text())


def connect_tcp(runtime, timeout=10):
    return socket.create_connection(("127.0.0.1", read_daemon_file(runtime)["port"]), timeout)


def token_of(runtime):
    """As it travels: daemon.json has it in hexadecimal digits."""
    return bytes.fromhex(read_daemon_file(runtime)["token"])
