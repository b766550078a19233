"""Changes that know nothing of a format: bits, numbers, pieces. They find what nobody thought of.

Every mutation in this folder is a pure function of the bytes and a generator of random numbers, and takes any bytes:
what it cannot read it changes blindly.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from random import Random

Mutation = Callable[[bytes, Random], bytes]
LARGEST = 1 << 20  # bytes that a mutated input may have
_EDGES = (0, 1, 2, 3, 4, 7, 8, 15, 16, 31, 32, 63, 64, 100, 127, 128, 255)
_WIDE = (256, 257, 511, 512, 1000, 1023, 1024, 4095, 4096, 32767, 32768, 65534, 65535)
_WIDER = (65536, 100_000, 1 << 20, 1 << 24, (1 << 31) - 1, 1 << 31, (1 << 32) - 2, (1 << 32) - 1)
_FORMATS = {1: "B", 2: "H", 4: "I", 8: "Q"}


def number(rng: Random, width: int = 4) -> int:
    """An unsigned number of ``width`` bytes, most often one at which programs turn wrong."""
    choices = _EDGES + (_WIDE if width > 1 else ()) + (_WIDER if width > 3 else ())
    if width == 8 and rng.random() < 0.3:
        return rng.choice(((1 << 63) - 1, 1 << 63, (1 << 64) - 1, 1 << 40))
    return rng.getrandbits(8 * width) if rng.random() < 0.2 else rng.choice(choices)


def packed(rng: Random, width: int, big: bool) -> bytes:
    return struct.pack((">" if big else "<") + _FORMATS[width], number(rng, width))


def put(data: bytes, at: int, value: bytes) -> bytes:
    """``data`` with ``value`` written over it from ``at``, as far as it reaches."""
    return data[:at] + value[: max(0, len(data) - at)] + data[at + len(value) :]


def overwrite(data: bytes, rng: Random, at: int, width: int, big: bool = True) -> bytes:
    """A field of a header set to an edge value, or moved by a little."""
    old = data[at : at + width]
    if len(old) < width:
        return data
    if rng.random() < 0.3:
        order = "big" if big else "little"
        value = int.from_bytes(old, order) + rng.choice((-2, -1, 1, 2, 16, -16))  # type: ignore[arg-type]
        return put(data, at, (value % (1 << (8 * width))).to_bytes(width, order))  # type: ignore[arg-type]
    return put(data, at, packed(rng, width, big))


def flip(data: bytes, rng: Random) -> bytes:
    """One to eight bits turned."""
    out = bytearray(data or b"\0")
    for _ in range(rng.randint(1, 8)):
        out[rng.randrange(len(out))] ^= 1 << rng.randrange(8)
    return bytes(out)


def letter(data: bytes, rng: Random) -> bytes:
    """One byte set to any value."""
    return put(data, rng.randrange(len(data)), rng.randbytes(1)) if data else rng.randbytes(1)


def set_number(data: bytes, rng: Random) -> bytes:
    """An edge value anywhere, in any width and order."""
    width = rng.choice((1, 1, 2, 4, 8))
    if len(data) < width:
        return data + packed(rng, width, True)
    return overwrite(data, rng, rng.randrange(len(data) - width + 1), width, rng.random() < 0.5)


def cut(data: bytes, rng: Random) -> bytes:
    """A piece left out."""
    if len(data) < 2:
        return b""
    at = rng.randrange(len(data))
    return data[:at] + data[at + rng.randint(1, max(1, min(len(data) // 2, rng.choice((4, 64, 4096))))) :]


def shorten(data: bytes, rng: Random) -> bytes:
    """The end left out, as of an upload that broke off."""
    return data[: rng.randrange(len(data))] if data else b""


def repeat(data: bytes, rng: Random) -> bytes:
    """A piece several times over."""
    if not data:
        return b"\0" * rng.choice((1, 100, 10_000))
    at = rng.randrange(len(data))
    piece = data[at : at + rng.randint(1, 64)]
    times = min(rng.choice((1, 2, 10, 100, 1000)), max(1, (LARGEST - len(data)) // len(piece)))
    return data[:at] + piece * times + data[at:]


def insert(data: bytes, rng: Random) -> bytes:
    """Random bytes, or one byte often, in between."""
    at, size = rng.randint(0, len(data)), rng.choice((1, 2, 4, 16, 256))
    return data[:at] + (rng.randbytes(size) if rng.random() < 0.5 else rng.randbytes(1) * size) + data[at:]


def swap(data: bytes, rng: Random) -> bytes:
    """Two pieces in each other's place."""
    if len(data) < 4:
        return data[::-1]
    a, b = sorted(rng.sample(range(len(data)), 2))
    size = min(rng.choice((1, 4, 16, 64)), b - a, len(data) - b)
    return data[:a] + data[b : b + size] + data[a + size : b] + data[a : a + size] + data[b + size :]


def fill(data: bytes, rng: Random) -> bytes:
    """A piece of zeros or ones."""
    if not data:
        return b"\xff"
    at = rng.randrange(len(data))
    return put(data, at, rng.choice((b"\0", b"\xff", b"\x80", b" ")) * rng.choice((1, 2, 4, 16, 64)))


BLIND: tuple[Mutation, ...] = (flip, letter, set_number, cut, shorten, repeat, insert, swap, fill)


def havoc(data: bytes, rng: Random) -> bytes:
    """Several blind changes one after another."""
    for _ in range(rng.choice((1, 1, 2, 4, 8))):
        data = rng.choice(BLIND)(data, rng)[:LARGEST]
    return data


def splice(data: bytes, other: bytes, rng: Random) -> bytes:
    """The beginning of one input and the end of another."""
    at = rng.randint(0, min(len(data), len(other))) if rng.random() < 0.7 else rng.randint(0, len(data))
    start = at if rng.random() < 0.7 else rng.randint(0, len(other))
    return (data[:at] + other[start:])[:LARGEST]


def tried(mutations: Sequence[Mutation], data: bytes, rng: Random) -> bytes:
    """One of a format's own mutations; where it changes nothing, as on bytes it cannot read, a blind one."""
    changed = rng.choice(mutations)(data, rng)[:LARGEST]
    return havoc(data, rng) if changed == data else changed
