"""PNG: chunks with mended checksums, so that a change reaches the code behind them."""

from __future__ import annotations

import struct
import zlib
from random import Random

from momus.methods.fuzz.mutate_bytes import BLIND, Mutation, number, overwrite, packed

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_MOST = 8 << 20  # bytes of pixels that are unpacked here
Chunks = list[tuple[bytes, bytes]]


def chunks(data: bytes) -> Chunks:
    """Type and body of each chunk, as far as it can be read."""
    found: Chunks = []
    at = 8 if data.startswith(_SIGNATURE[:4]) else len(data)
    while at + 8 <= len(data):
        (size,) = struct.unpack_from(">I", data, at)
        found.append((data[at + 4 : at + 8], data[at + 8 : at + 8 + size]))
        at += 12 + size
    return found


def joined(parts: Chunks) -> bytes:
    out = [_SIGNATURE]
    for kind, body in parts:
        out.append(struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body)))
    return b"".join(out)


def _index(parts: Chunks, kind: bytes) -> int:
    return next((i for i, (k, _) in enumerate(parts) if k == kind), -1)


def header(data: bytes, rng: Random) -> bytes:
    """Width, height, depth, colour, compression, filter or interlace."""
    parts = chunks(data)
    at = _index(parts, b"IHDR")
    if at < 0:
        return data
    offset, width = rng.choice(((0, 4), (4, 4), (8, 1), (9, 1), (9, 1), (10, 1), (11, 1), (12, 1)))
    body = parts[at][1]
    if width == 1 and rng.random() < 0.6:
        body = body[:offset] + bytes([rng.choice((0, 1, 2, 3, 4, 6, 8, 16))]) + body[offset + 1 :]
    else:
        body = overwrite(body, rng, offset, width)
    parts[at] = (b"IHDR", body)
    return joined(parts)


def pixels(data: bytes, rng: Random) -> bytes:
    """The unpacked rows changed (filter bytes too), cut or prolonged, and packed again."""
    parts = chunks(data)
    packed_rows = b"".join(body for kind, body in parts if kind == b"IDAT")
    try:
        rows = zlib.decompressobj().decompress(packed_rows, _MOST)
    except zlib.error:
        return data
    rows = rng.choice(BLIND)(rows, rng)
    stream = zlib.compress(rows, rng.choice((0, 1, 6)))
    if rng.random() < 0.2:
        stream = rng.choice(BLIND)(stream, rng)
    at = _index(parts, b"IDAT")
    kept = [p for p in parts if p[0] != b"IDAT"]
    pieces = [stream] if rng.random() < 0.7 else [stream[i : i + 7] for i in range(0, min(len(stream), 2000), 7)]
    return joined(kept[:at] + [(b"IDAT", p) for p in pieces] + kept[at:])


def remade(data: bytes, rng: Random) -> bytes:
    """A valid picture of another size, depth or colour type: of one colour, of noise, or of two halves."""
    depth, colour = rng.choice(
        ((1, 0), (2, 0), (4, 0), (8, 0), (16, 0), (8, 2), (16, 2), (8, 3), (4, 3), (8, 4), (8, 6), (16, 6))
    )
    sides = (1, 1, 2, 3, 5, 7, 8, 16, 28, 31, 32, 64, 100, 255, 256, 300)
    width, height = (
        (rng.choice(sides), rng.choice(sides)) if rng.random() < 0.8 else rng.choice(((1, 20_000), (20_000, 1)))
    )
    line = (width * depth * {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[colour] + 7) // 8
    fill = rng.choice((b"\0", b"\xff", rng.randbytes(1)))
    rows = [b"\0" + (rng.randbytes(line) if rng.random() < 0.01 else fill * line) for _ in range(height)]
    if rng.random() < 0.5:
        rows = [b"\0" + rng.randbytes(line)] * height
    palette = [(b"PLTE", rng.randbytes(3 * rng.choice((1, 16, 256))))] if colour == 3 else []
    head = (b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0))
    return joined([head, *palette, (b"IDAT", zlib.compress(b"".join(rows), 1)), (b"IEND", b"")])


def order(data: bytes, rng: Random) -> bytes:
    """A chunk left out, doubled or moved."""
    parts = chunks(data)
    if not parts:
        return data
    at = rng.randrange(len(parts))
    what = rng.randrange(3)
    if what == 0:
        del parts[at]
    elif what == 1:
        parts[at:at] = [parts[at]] * rng.choice((1, 2, 50))
    else:
        parts.insert(rng.randint(0, len(parts) - 1), parts.pop(at))
    return joined(parts)


def body(data: bytes, rng: Random) -> bytes:
    """Any chunk's content changed blindly, its checksum mended."""
    parts = chunks(data)
    if not parts:
        return data
    at = rng.randrange(len(parts))
    parts[at] = (parts[at][0], rng.choice(BLIND)(parts[at][1], rng)[:100_000])
    return joined(parts)


def lies(data: bytes, rng: Random) -> bytes:
    """A chunk's length or checksum that does not fit."""
    parts = chunks(data)
    if not parts:
        return data
    at, offset = rng.randrange(len(parts)), 8
    for kind, content in parts[:at]:
        offset += 12 + len(kind + content) - 4
    return overwrite(joined(parts), rng, offset if rng.random() < 0.7 else offset + 8 + len(parts[at][1]), 4)


def extra(data: bytes, rng: Random) -> bytes:
    """A chunk that few files carry: colours, profile, gamma, turn, text, physical size, animation."""
    parts = chunks(data)
    if not parts:
        return data
    made = _EXTRAS[rng.choice(sorted(_EXTRAS))](rng)
    at = 1 if rng.random() < 0.8 else rng.randint(0, len(parts))
    return joined(parts[:at] + made + parts[at:])


def _palette(rng: Random) -> Chunks:
    return [(b"PLTE", rng.randbytes(rng.choice((0, 1, 3, 4, 768, 771, 3000))))]


def _transparent(rng: Random) -> Chunks:
    return [(b"tRNS", rng.randbytes(rng.choice((0, 1, 2, 6, 255, 256, 257, 5000))))]


def _profile(rng: Random) -> Chunks:
    profile = zlib.compress(rng.choice((b"", b"acsp" * 40, bytes(1 << 20), rng.randbytes(200))))
    return [(b"iCCP", rng.choice((b"icc", b"", b"x" * 90)) + b"\0" + bytes([rng.choice((0, 0, 1))]) + profile)]


def _gamma(rng: Random) -> Chunks:
    return [(b"gAMA", packed(rng, 4, True)), (b"cHRM", b"".join(packed(rng, 4, True) for _ in range(8)))]


def _turn(rng: Random) -> Chunks:
    entry = struct.pack(">HHIHH", 0x0112, rng.choice((3, 3, 1, 0, 99)), number(rng, 4), number(rng, 2), 0)
    offset = rng.choice((8, 8, 0, 0xFFFFFFF0))
    return [(b"eXIf", b"MM\0*" + struct.pack(">IH", offset, rng.choice((1, 0, 65535))) + entry + bytes(4))]


def _text(rng: Random) -> Chunks:
    long = zlib.compress(b"a" * rng.choice((1, 100_000, 4 << 20)))
    return [
        rng.choice(
            (
                (b"tEXt", b"k\0" + rng.randbytes(20)),
                (b"tEXt", b"nothing ends this key"),
                (b"zTXt", b"k\0\0" + long),
                (b"zTXt", b"k\0\7" + long),
                (b"iTXt", b"k\0\1\0\0\0" + long),
                (b"iTXt", b"k\0"),
            )
        )
    ]


def _animated(rng: Random) -> Chunks:
    frame = struct.pack(">IIIII", 0, number(rng), number(rng), number(rng), number(rng)) + rng.randbytes(6)
    return [(b"acTL", packed(rng, 4, True) + packed(rng, 4, True)), (b"fcTL", frame), (b"fdAT", rng.randbytes(30))]


def _physical(rng: Random) -> Chunks:
    return [(b"pHYs", packed(rng, 4, True) + packed(rng, 4, True) + bytes([rng.choice((0, 1, 9))])), (b"sBIT", b"\0")]


_EXTRAS = {
    "palette": _palette, "transparent": _transparent, "profile": _profile, "gamma": _gamma, "turn": _turn,
    "text": _text, "animated": _animated, "physical": _physical,
}  # fmt: skip
PNG: tuple[Mutation, ...] = (header, header, pixels, pixels, remade, remade, order, body, lies, extra)
