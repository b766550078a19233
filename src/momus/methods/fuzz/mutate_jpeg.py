"""JPEG: segments, tables and scans; lengths stay true unless a mutation is about them."""

from __future__ import annotations

import struct
from random import Random

from momus.methods.fuzz.mutate_bytes import BLIND, Mutation, havoc, number, overwrite, put

_FRAMES = frozenset((0xC0, 0xC1, 0xC2, 0xC3, 0xC5, 0xC6, 0xC7, 0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF))
_ALONE = frozenset((0x01, 0xD8, 0xD9, *range(0xD0, 0xD8)))
_MOST = 200  # segments that are looked at
Segments = list[tuple[int, bytes, bytes]]  # marker, body, scan data behind it


def segments(data: bytes) -> Segments:
    """Everything behind the start of the image, as far as it can be read."""
    found: Segments = []
    at = 2 if data.startswith(b"\xff\xd8") else len(data)
    while at + 2 <= len(data) and data[at] == 0xFF and len(found) < _MOST:
        marker, body = data[at + 1], b""
        at += 2
        if marker not in _ALONE and at + 2 <= len(data):
            (size,) = struct.unpack_from(">H", data, at)
            body = data[at + 2 : at + max(size, 2)]
            at += max(size, 2)
        start = at
        while at < len(data) and not (data[at] == 0xFF and at + 1 < len(data) and _new(data[at + 1])):
            at += 1
        found.append((marker, body, data[start:at]))
    return found


def _new(after: int) -> bool:
    return after != 0 and after != 0xFF and not 0xD0 <= after <= 0xD7


def joined(parts: Segments) -> bytes:
    out = [b"\xff\xd8"]
    for marker, body, scan in parts:
        size = b"" if marker in _ALONE else struct.pack(">H", (len(body) + 2) & 0xFFFF)
        out.append(bytes((0xFF, marker)) + size + body + scan)
    return b"".join(out)


def _changed(data: bytes, rng: Random, markers: frozenset[int], change: Mutation) -> bytes:
    parts = segments(data)
    places = [i for i, (marker, _, _) in enumerate(parts) if marker in markers]
    if not places:
        return data
    at = rng.choice(places)
    marker, body, scan = parts[at]
    parts[at] = (marker, change(body, rng)[:65_533], scan)
    return joined(parts)


def _frame_field(body: bytes, rng: Random) -> bytes:
    at, width = rng.choice(((0, 1), (1, 2), (3, 2), (5, 1), (6, 1), (7, 1), (7, 1), (8, 1), (10, 1), (13, 1)))
    if at == 7:
        return put(body, 7, bytes([rng.choice((0x00, 0x01, 0x10, 0x11, 0x22, 0x41, 0x44, 0xFF))]))
    return overwrite(body, rng, at, width)


def frame(data: bytes, rng: Random) -> bytes:
    """Precision, sizes, number of components, sampling or tables of a frame."""
    return _changed(data, rng, _FRAMES, _frame_field)


def process(data: bytes, rng: Random) -> bytes:
    """Another coding process: progressive, lossless, arithmetic."""
    parts = segments(data)
    return joined([(rng.choice(sorted(_FRAMES)) if m in _FRAMES else m, b, s) for m, b, s in parts]) if parts else data


def huffman(data: bytes, rng: Random) -> bytes:
    """Counts, symbols or number of a Huffman table."""
    if rng.random() < 0.5:
        return _changed(data, rng, frozenset((0xC4,)), lambda b, r: overwrite(b, r, r.randrange(17), 1))
    return _changed(data, rng, frozenset((0xC4,)), rng.choice(BLIND))


def quantise(data: bytes, rng: Random) -> bytes:
    """Quantisation by zeros, in 16 bits, or cut short."""
    return _changed(data, rng, frozenset((0xDB,)), rng.choice((_zero, *BLIND)))


def _zero(body: bytes, rng: Random) -> bytes:
    return bytes([rng.choice((0, 1, 3, 16, 0xFF))]) + bytes(64)


def scan(data: bytes, rng: Random) -> bytes:
    """What a scan holds, and its data: components, spectral selection, restart markers in wrong places."""
    parts = segments(data)
    places = [i for i, (marker, _, _) in enumerate(parts) if marker == 0xDA]
    if not places:
        return data
    at = rng.choice(places)
    marker, body, bits = parts[at]
    what = rng.randrange(4)
    if what == 0:
        body = overwrite(body, rng, rng.randrange(max(1, len(body))), 1)
    elif what == 1:
        bits = havoc(bits, rng)
    elif what == 2:
        place = rng.randint(0, len(bits))
        bits = bits[:place] + bytes((0xFF, 0xD0 + rng.randrange(8))) * rng.choice((1, 2, 100)) + bits[place:]
    else:
        parts[at:at] = [parts[at]] * rng.choice((1, 3, 40))  # scans over and over: slow decoders
    parts[at] = (marker, body, bits)
    return joined(parts)


def restart(data: bytes, rng: Random) -> bytes:
    """A restart interval that the scan does not keep."""
    return _inserted(data, rng, 0xDD, struct.pack(">H", number(rng, 2)))


def marked(data: bytes, rng: Random) -> bytes:
    """Adobe's colour transform, an EXIF turn, a JFIF density, a comment, an ICC profile in pieces that are missing."""
    turn = struct.pack(">HHIHH", 0x0112, rng.choice((3, 4, 0)), number(rng, 4), number(rng, 2), 0)
    tiff = b"MM\0*" + struct.pack(">IH", rng.choice((8, 0, 0xFFFFFFFF)), rng.choice((1, 65535))) + turn + bytes(4)
    marker, body = rng.choice(
        (
            (0xEE, b"Adobe\0\x64\0\0\0\0" + bytes([rng.choice((0, 1, 2, 9))])),
            (0xE1, b"Exif\0\0" + tiff),
            (0xE0, b"JFIF\0\1\1\1\0\0\0\0" + rng.randbytes(2)),
            (0xFE, rng.randbytes(300)),
            (0xE2, b"ICC_PROFILE\0" + bytes((rng.choice((0, 1, 2)), rng.choice((0, 1, 255)))) + b"acsp" * 40),
            (0xED, b"Photoshop 3.0\x008BIM" + rng.randbytes(20)),
        )
    )
    return _inserted(data, rng, marker, body)


def _inserted(data: bytes, rng: Random, marker: int, body: bytes) -> bytes:
    parts = segments(data)
    at = rng.randint(0, max(0, min(len(parts) - 1, 4)))
    return joined([*parts[:at], (marker, body, b""), *parts[at:]]) if parts else data


def order(data: bytes, rng: Random) -> bytes:
    """A segment left out, doubled or moved."""
    parts = segments(data)
    if len(parts) < 2:
        return data
    at = rng.randrange(len(parts))
    what = rng.randrange(3)
    if what == 0:
        del parts[at]
    elif what == 1:
        parts.insert(rng.randrange(len(parts)), parts[at])
    else:
        parts.insert(rng.randrange(len(parts) - 1), parts.pop(at))
    return joined(parts)


def lies(data: bytes, rng: Random) -> bytes:
    """A segment length that does not fit."""
    parts = segments(data)
    if not parts:
        return data
    at = rng.randrange(len(parts))
    return overwrite(data, rng, 2 + len(joined(parts[:at])) - 2 + 2, 2)


JPEG: tuple[Mutation, ...] = (frame, frame, process, huffman, quantise, scan, scan, restart, marked, order, lies)
