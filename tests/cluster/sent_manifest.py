"""Manifests as clients send them (src/compiler/manifest.h), taken apart and put together again, so
that they may also name what their sender has not got."""

import ctypes
import struct
from dataclasses import dataclass, replace

import blake3

ZSTD = ctypes.CDLL("libzstd.so.1")
for function in (ZSTD.ZSTD_findFrameCompressedSize, ZSTD.ZSTD_decompress, ZSTD.ZSTD_compress,
                 ZSTD.ZSTD_compressBound):
    function.restype = ctypes.c_size_t
ZSTD.ZSTD_getFrameContentSize.restype = ctypes.c_ulonglong
ZSTD_MAGIC = bytes.fromhex("28b52ffd")
FILE, EXECUTABLE, LINK = 0, 1, 2


def expanded(frame):
    """The contents of the one zstd frame that `frame` begins with; None: it is none."""
    used = ZSTD.ZSTD_findFrameCompressedSize(frame, ctypes.c_size_t(len(frame)))
    size = ZSTD.ZSTD_getFrameContentSize(frame, ctypes.c_size_t(len(frame)))
    if ZSTD.ZSTD_isError(ctypes.c_size_t(used)) or size > 1 << 28:
        return None
    out = ctypes.create_string_buffer(size or 1)
    done = ZSTD.ZSTD_decompress(out, ctypes.c_size_t(size), frame, ctypes.c_size_t(used))
    return None if ZSTD.ZSTD_isError(ctypes.c_size_t(done)) else out.raw[:done]


def compressed(data):
    room = ZSTD.ZSTD_compressBound(ctypes.c_size_t(len(data)))
    out = ctypes.create_string_buffer(room)
    done = ZSTD.ZSTD_compress(out, ctypes.c_size_t(room), data, ctypes.c_size_t(len(data)), 1)
    assert not ZSTD.ZSTD_isError(ctypes.c_size_t(done))
    return out.raw[:done]


@dataclass
class Entry:
    path: bytes
    kind: int
    said: bytes = b""  # the digest of a file, the target of a link


def varint(value):
    encoded = bytearray()
    while value > 0x7F:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes(encoded) + bytes([value])


class Reader:
    def __init__(self, data):
        self.data = data
        self.at = 0

    def raw(self, size):
        self.at += size
        assert self.at <= len(self.data)
        return self.data[self.at - size:self.at]

    def varint(self):
        value = shift = 0
        while True:
            byte = self.raw(1)[0]
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    def string(self):
        return self.raw(self.varint())


def decode(data):
    reader = Reader(data)
    assert reader.raw(1) == b"\1", "another version of manifests"
    entries = []
    for _ in range(reader.varint()):
        entry = Entry(reader.string(), reader.raw(1)[0])
        if entry.kind in (FILE, EXECUTABLE):
            entry.said = reader.raw(32)
        elif entry.kind == LINK:
            entry.said = reader.string()
        entries.append(entry)
    assert reader.at == len(data)
    return entries


def encode(entries):
    parts = [b"\1", varint(len(entries))]
    for entry in sorted(entries, key=lambda entry: entry.path):
        parts += [varint(len(entry.path)), entry.path, bytes([entry.kind])]
        if entry.kind == LINK:
            parts.append(varint(len(entry.said)))
        parts.append(entry.said)
    return b"".join(parts)


def digest(encoded):
    """As ManifestDigest makes it."""
    domain = b"hpcc.manifest.v1"
    return blake3.digest(b"".join(struct.pack("<Q", len(part)) + part for part in (domain, encoded)))


def with_entry(entries, number, **changes):
    return [replace(entry, **changes) if at == number else entry
            for at, entry in enumerate(entries)]
