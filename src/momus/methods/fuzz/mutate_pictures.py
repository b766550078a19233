"""GIF, BMP, TIFF and WebP: sizes, tables, frames and pointers."""

from __future__ import annotations

import struct
from random import Random

from momus.methods.fuzz.mutate_bytes import BLIND, Mutation, havoc, number, overwrite, put
from momus.methods.fuzz.riff import RiffChunks, riff, riff_joined

# ---- GIF


def gif_screen(data: bytes, rng: Random) -> bytes:
    """Size of the screen, size or absence of the colour table, background."""
    at, width = rng.choice(((6, 2), (8, 2), (10, 1), (10, 1), (11, 1), (12, 1)))
    return overwrite(data, rng, at, width, big=False) if data[:3] == b"GIF" else data


def _images(data: bytes) -> list[int]:
    """Where image descriptors may begin: a comma behind the end of a block or of the colour table."""
    return [i for i in range(13, len(data) - 10) if data[i] == 0x2C and data[i + 9] & 0x18 == 0]


def gif_frame(data: bytes, rng: Random) -> bytes:
    """Place, size, flags or first code size of a frame."""
    places = _images(data)
    if not places:
        return data
    at = rng.choice(places)
    offset, width = rng.choice(((1, 2), (3, 2), (5, 2), (7, 2), (9, 1), (10, 1), (10, 1), (11, 1)))
    if offset == 10:
        return put(data, at + 10, bytes([rng.choice((0, 1, 2, 8, 11, 12, 13, 255))]))
    return overwrite(data, rng, at + offset, width, big=False)


def gif_frames(data: bytes, rng: Random) -> bytes:
    """Frames many times over, with waiting times and ways of disposal."""
    places = _images(data)
    if not places:
        return data
    body = data[places[0] : -1]
    control = b"\x21\xf9\x04" + bytes([rng.choice((0, 4, 8, 12, 0x1D))]) + rng.randbytes(3) + b"\0"
    times = max(1, min(rng.choice((1, 2, 20, 200)), 200_000 // max(1, len(body))))
    return data[: places[0]] + (control + body) * times + b";"


def gif_codes(data: bytes, rng: Random) -> bytes:
    """Blocks of packed pixels: lengths and codes."""
    places = _images(data)
    if not places:
        return data
    at = rng.choice(places) + 11
    return data[:at] + havoc(data[at:], rng)


GIF: tuple[Mutation, ...] = (gif_screen, gif_frame, gif_frame, gif_frames, gif_codes)

# ---- BMP

_BMP = ((2, 4), (10, 4), (14, 4), (18, 4), (22, 4), (26, 2), (28, 2), (30, 4), (34, 4), (46, 4), (50, 4), (54, 4))


def bmp_header(data: bytes, rng: Random) -> bytes:
    """Any field of the two headers; depth and compression most often as values that exist."""
    at, width = rng.choice(_BMP)
    if at == 28 and rng.random() < 0.7:
        return put(data, 28, struct.pack("<H", rng.choice((0, 1, 2, 4, 8, 16, 24, 32, 64))))
    if at == 30 and rng.random() < 0.7:
        return put(data, 30, struct.pack("<I", rng.choice((0, 1, 2, 3, 4, 5, 6))))
    if at == 22 and rng.random() < 0.3:
        return put(data, 22, struct.pack("<i", -rng.choice((1, 28, 1 << 20, (1 << 31) - 1))))
    return overwrite(data, rng, at, width, big=False)


def bmp_runs(data: bytes, rng: Random) -> bytes:
    """Run lengths with jumps out of the picture."""
    codes = b"".join(rng.choice((b"\0\0", b"\0\1", b"\0\2\xff\xff", b"\0\xff", b"\xff\1")) for _ in range(40))
    depth = rng.choice(((1, 8), (2, 4)))
    return put(put(data[:1078], 28, struct.pack("<H", depth[1])), 30, struct.pack("<I", depth[0])) + codes


BMP: tuple[Mutation, ...] = (bmp_header, bmp_header, bmp_header, bmp_runs)

# ---- TIFF

_TAGS = (256, 257, 258, 259, 262, 266, 273, 274, 277, 278, 279, 284, 317, 320, 322, 323, 324, 338, 339, 34665, 700)


def tiff_entries(data: bytes) -> tuple[bool, list[int]]:
    """Byte order, and where the entries of the first directories begin."""
    big = data[:2] == b"MM"
    if data[:2] not in (b"MM", b"II") or len(data) < 8:
        return big, []
    order, found, seen = ">" if big else "<", [], set[int]()
    (at,) = struct.unpack_from(order + "I", data, 4)
    while at and at not in seen and at + 2 <= len(data) and len(seen) < 8:
        seen.add(at)
        (count,) = struct.unpack_from(order + "H", data, at)
        last = min(count, (len(data) - at - 2) // 12)
        found += [at + 2 + 12 * i for i in range(last)]
        after = at + 2 + 12 * last
        at = struct.unpack_from(order + "I", data, after)[0] if after + 4 <= len(data) else 0
    return big, found


def tiff_entry(data: bytes, rng: Random) -> bytes:
    """Tag, type, count or value of an entry."""
    big, entries = tiff_entries(data)
    if not entries:
        return data
    at = rng.choice(entries)
    offset, width = rng.choice(((0, 2), (2, 2), (4, 4), (8, 4), (8, 2), (8, 2)))
    if offset == 0:
        return put(data, at, struct.pack(">H" if big else "<H", rng.choice(_TAGS)))
    if offset == 2:
        return put(data, at + 2, struct.pack(">H" if big else "<H", rng.choice((0, 1, 2, 3, 4, 5, 7, 11, 12, 13, 99))))
    return overwrite(data, rng, at + offset, width, big)


def tiff_value(data: bytes, rng: Random) -> bytes:
    """Compression, photometric meaning, planes and sample types as values that exist."""
    big, entries = tiff_entries(data)
    known = {259: (1, 2, 3, 4, 5, 6, 7, 8, 32773, 32946, 50000), 262: range(10), 284: (1, 2), 339: (1, 2, 3, 4),
    317: (1, 2, 3),
             277: (0, 1, 2, 3, 4, 5, 255), 258: (0, 1, 4, 8, 12, 16, 32, 64), 274: range(10)}  # fmt: skip
    order = ">" if big else "<"
    places = [(e, tag) for e in entries if (tag := struct.unpack_from(order + "H", data, e)[0]) in known]
    if not places:
        return data
    at, tag = rng.choice(places)
    return put(data, at + 8, struct.pack(order + "H", rng.choice(tuple(known[tag]))))


def tiff_pointers(data: bytes, rng: Random) -> bytes:
    """A directory behind itself, nowhere, or in the pixels."""
    big, entries = tiff_entries(data)
    if not entries:
        return data
    order = ">I" if big else "<I"
    (first,) = struct.unpack_from(order, data, 4)
    target = rng.choice((first, 0, 8, len(data) - 1, 0xFFFFFFFF, first + 2))
    return put(data, rng.choice((4, entries[-1] + 12)), struct.pack(order, target))


TIFF: tuple[Mutation, ...] = (tiff_entry, tiff_entry, tiff_value, tiff_value, tiff_pointers)

# ---- WebP

_CODED = (b"VP8 ", b"VP8L", b"ALPH")


def webp_frame(data: bytes, rng: Random) -> bytes:
    """Size and flags in the frame header of a picture, or its bits."""
    form, parts = riff(data)
    places = [i for i, (kind, _) in enumerate(parts) if kind in _CODED]
    if not places:
        return data
    at = rng.choice(places)
    kind, body = parts[at]
    if rng.random() < 0.5:
        body = overwrite(body, rng, rng.choice((0, 3, 6, 8) if kind == b"VP8 " else (0, 1, 2, 3, 5)), 2, big=False)
    else:
        body = body[:5] + rng.choice(BLIND)(body[5:], rng)
    parts[at] = (kind, body)
    return riff_joined(form, parts)


def webp_canvas(data: bytes, rng: Random) -> bytes:
    """An extended header with its own size and flags, alpha, animation or metadata that are not there."""
    form, parts = riff(data)
    if not parts:
        return data
    size = rng.choice((27, 0, 0xFFFF, 0xFFFFFF)).to_bytes(3, "little")
    head = (b"VP8X", bytes([rng.choice((0x00, 0x02, 0x10, 0x20, 0x08, 0xFF))]) + bytes(3) + size + size)
    added: RiffChunks = [head]
    if rng.random() < 0.5:
        inner = b"".join(k + struct.pack("<I", len(b)) + b + bytes(len(b) & 1) for k, b in parts if k in _CODED)
        frame = (b"ANMF", rng.randbytes(6) + size + size + rng.randbytes(4) + inner)
        added += [(b"ANIM", bytes(4) + struct.pack("<H", number(rng, 2))), frame]
    if rng.random() < 0.5:
        added.append((rng.choice((b"EXIF", b"ICCP", b"ALPH", b"XMP ")), rng.randbytes(40)))
    return riff_joined(form, added + parts)


WEBP: tuple[Mutation, ...] = (webp_frame, webp_frame, webp_canvas)
