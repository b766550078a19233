"""PNG and BMP files as image libraries do not write them: 16 bits, interlaced, with a gamma, upside down (W3C PNG)."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence

import numpy as np

from momus.core.samples import NumpyArray

SIGNATURE = b"\x89PNG\r\n\x1a\n"
# First row and column, and the steps, of the seven passes of Adam7.
_PASSES = ((0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1))


def chunk(kind: bytes, data: bytes) -> bytes:
    """Length, kind, data and checksum."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(
    image: NumpyArray, *, interlaced: bool = False, before: Sequence[tuple[bytes, bytes]] = (), tail: bytes = b""
) -> bytes:
    """A PNG of (h, w, 3), uint8 or uint16, with further chunks ``before`` the picture and bytes behind the end."""
    height, width, _ = image.shape
    depth = 16 if image.dtype == np.uint16 else 8
    head = struct.pack(">IIBBBBB", width, height, depth, 2, 0, 0, int(interlaced))
    wide = image.astype(">u2") if depth == 16 else image
    parts = [wide[r::dr, c::dc] for r, c, dr, dc in _PASSES] if interlaced else [wide]
    raw = b"".join(b"\0" + row.tobytes() for part in parts if part.size for row in part)
    chunks = [(b"IHDR", head), *before, (b"IDAT", zlib.compress(raw, 1)), (b"IEND", b"")]
    return SIGNATURE + b"".join(chunk(k, d) for k, d in chunks) + tail


def with_chunk(data: bytes, kind: bytes, content: bytes) -> bytes:
    """A PNG with one more chunk behind its header."""
    at = len(SIGNATURE) + 25
    return data[:at] + chunk(kind, content) + data[at:]


def bmp(image: NumpyArray, *, bits: int = 24, top_down: bool = False) -> bytes:
    """A BMP of (h, w, 3) uint8: 24 bits, 32 bits with a fourth byte of 0, or 16 bits (5-6-5)."""
    height, width, _ = image.shape
    rows = image if top_down else image[::-1]
    masks = b""
    if bits == 16:
        r, g, b = (rows[..., i].astype(np.uint16) for i in range(3))
        pixels = ((r >> 3) << 11 | (g >> 2) << 5 | b >> 3).astype("<u2")
        body = [row.tobytes() for row in pixels]
        masks = struct.pack("<III", 0xF800, 0x07E0, 0x001F)
    elif bits == 32:
        body = [np.concatenate([row[:, ::-1], np.zeros((width, 1), np.uint8)], axis=1).tobytes() for row in rows]
    else:
        body = [row[:, ::-1].tobytes() for row in rows]
    packed = b"".join(row.ljust(-(-len(row) // 4) * 4, b"\0") for row in body)
    start = 54 + len(masks)
    info = struct.pack(
        "<IiiHHIIiiII",
        40,
        width,
        -height if top_down else height,
        1,
        bits,
        3 if masks else 0,
        len(packed),
        2835,
        2835,
        0,
        0,
    )
    return b"BM" + struct.pack("<IHHI", start + len(packed), 0, 0, start) + info + masks + packed
