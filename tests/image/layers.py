"""Layers for the suites: tar files header by header, so that any rule can be broken in one."""

import gzip
import io
import subprocess

BLOCK = 512


def header(name, size=0, kind=b"0", link=b"", mode=0o644, uid=0, gid=0, mtime=0, magic=b"ustar\x0000",
           **fields):
    """A header block. `fields` are put over it as they are: name=(offset, bytes).

    One of them may be raw_sum: the check sum is not made then.
    """
    block = bytearray(BLOCK)

    def put(offset, value):
        block[offset:offset + len(value)] = value

    put(0, name)
    put(100, b"%07o\0" % mode)
    put(108, b"%07o\0" % uid)
    put(116, b"%07o\0" % gid)
    put(124, b"%011o\0" % size)
    put(136, b"%011o\0" % mtime)
    put(156, kind)
    put(157, link)
    put(257, magic)
    for offset, value in fields.values():
        put(offset, value)
    if "raw_sum" not in fields:
        put(148, b" " * 8)
        put(148, b"%06o\0 " % sum(block))
    return bytes(block)


def padded(data):
    return data + bytes(-len(data) % BLOCK)


def entry(name, data=b"", **options):
    return header(name, len(data), **options) + padded(data)


def directory(name, **options):
    return header(name, kind=b"5", **{"mode": 0o755, **options})


def symlink(name, target, **options):
    return header(name, kind=b"2", link=target, **options)


def hard_link(name, target, **options):
    return header(name, kind=b"1", link=target, **options)


def pax(*records, kind=b"x"):
    data = b""
    for key, value in records:
        body = b" " + key + b"=" + value + b"\n"
        length = len(body)
        while len(b"%d" % length) + len(body) != length:
            length = len(b"%d" % length) + len(body)
        data += b"%d" % length + body
    return entry(b"pax", data, kind=kind)


def layer(*parts, end=True):
    return b"".join(parts) + (bytes(2 * BLOCK) if end else b"")


def packed(data, how):
    if how == "gzip":
        out = io.BytesIO()
        with gzip.GzipFile(fileobj=out, mode="wb", mtime=0) as file:
            file.write(data)
        return out.getvalue()
    if how == "zstd":
        return subprocess.run(["zstd", "-q", "-c"], input=data, capture_output=True,
                              check=True).stdout
    return data
