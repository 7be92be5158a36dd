"""BLAKE3-256 in Python: slow, and enough for a manifest that a test makes up.

By the paper (https://github.com/BLAKE3-team/BLAKE3-specs): plain hashing only. Who uses it first
compares it with a digest that hpcc has made."""

import struct

CHUNK = 1024
BLOCK = 64
CHUNK_START, CHUNK_END, PARENT, ROOT = 1, 2, 4, 8
INITIAL = (0x6A09E667, 0xBB67AE85, 0x3C6EF372, 0xA54FF53A,
           0x510E527F, 0x9B05688C, 0x1F83D9AB, 0x5BE0CD19)
PERMUTATION = (2, 6, 3, 10, 7, 0, 4, 13, 1, 11, 12, 5, 9, 14, 15, 8)
MIXES = ((0, 4, 8, 12), (1, 5, 9, 13), (2, 6, 10, 14), (3, 7, 11, 15),
         (0, 5, 10, 15), (1, 6, 11, 12), (2, 7, 8, 13), (3, 4, 9, 14))


def turned(value, bits):
    return (value >> bits | value << (32 - bits)) & 0xFFFFFFFF


def mix(state, places, x, y):
    a, b, c, d = places
    for word, first, second in ((x, 16, 12), (y, 8, 7)):
        state[a] = (state[a] + state[b] + word) & 0xFFFFFFFF
        state[d] = turned(state[d] ^ state[a], first)
        state[c] = (state[c] + state[d]) & 0xFFFFFFFF
        state[b] = turned(state[b] ^ state[c], second)


def compress(chaining, block, counter, flags):
    """The first half of the output: all a digest or a chaining value needs."""
    words = struct.unpack("<16I", block.ljust(BLOCK, b"\0"))
    state = [*chaining, *INITIAL[:4], counter & 0xFFFFFFFF, counter >> 32, len(block), flags]
    for _ in range(7):
        for number, places in enumerate(MIXES):
            mix(state, places, words[2 * number], words[2 * number + 1])
        words = [words[place] for place in PERMUTATION]
    return [low ^ high for low, high in zip(state[:8], state[8:])]


def chunk_value(chunk, counter, last_flags):
    value = INITIAL
    blocks = [chunk[at:at + BLOCK] for at in range(0, len(chunk), BLOCK)] or [b""]
    for number, block in enumerate(blocks):
        flags = CHUNK_START if number == 0 else 0
        if number == len(blocks) - 1:
            flags |= CHUNK_END | last_flags
        value = compress(value, block, counter, flags)
    return value


def tree_value(data, counter, last_flags):
    if len(data) <= CHUNK:
        return chunk_value(data, counter, last_flags)
    # The left side has as many chunks as is a power of two and leaves some for the right.
    left = CHUNK << ((len(data) - 1) // CHUNK).bit_length() - 1
    values = (tree_value(data[:left], counter, 0) +
              tree_value(data[left:], counter + left // CHUNK, 0))
    return compress(INITIAL, struct.pack("<16I", *values), 0, PARENT | last_flags)


def digest(data):
    return struct.pack("<8I", *tree_value(data, 0, ROOT))
