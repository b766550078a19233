"""Pictures and sounds that cost a decoder much for their bytes: each generator fills at most a given size."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable
from functools import lru_cache, partial

from momus.methods.fuzz import mutate_jpeg, seeds
from momus.methods.fuzz.bombs import zlib_zeros

Make = Callable[[int], bytes]
_SIDES = (30_000, 8192, 4096, 2048, 1024, 512)  # a service that bounds the size stops the larger ones only
_MOST = 1 << 30  # bytes that one picture unfolds to


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def _png(side: int, depth: int, colour: int, interlace: int, stream: bytes, extra: bytes = b"") -> bytes:
    head = struct.pack(">IIBBBBB", side, side, depth, colour, 0, 0, interlace)
    palette = _chunk(b"PLTE", bytes(6)) if colour == 3 else b""
    return (
        b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", head) + palette + extra + _chunk(b"IDAT", stream) + _chunk(b"IEND", b"")
    )


def _black(most: int, depth: int, colour: int, interlace: int, size: int) -> bytes:
    """The largest black square that fits: zeros shrink to a thousandth."""
    bits = depth * {0: 1, 2: 3, 3: 1, 6: 4}[colour]
    room = min(max(size - 200, 60) * 950, _MOST)
    side = max(1, min(most, int((room * 8 / bits) ** 0.5)))
    rows = side * ((side * bits + 7) // 8 + 1)
    return _png(side, depth, colour, interlace, zlib_zeros(rows + (7 * side + 4096 if interlace else 0)))


def _filtered(kind: int, size: int) -> bytes:
    """Every row under one filter: undoing Paeth takes longest."""
    side = max(1, min(2048, int((max(size - 200, 60) * 300) ** 0.5)))
    return _png(side, 8, 0, 0, zlib.compress((bytes([kind]) + bytes(side)) * side, 9))


def _chunks(kind: bytes, size: int) -> bytes:
    """As many small chunks as fit before a small picture."""
    body = b"k\0v" if kind == b"tEXt" else b""
    one = _chunk(kind, body)
    small = zlib.compress(bytes(9 * 8), 9)
    return _png(8, 8, 0, 0, small, one * max(0, (size - 120) // len(one)))


def _text_chunk(kind: bytes, size: int) -> bytes:
    """One packed text or profile that unfolds a thousandfold."""
    head = b"k\0\0" if kind in (b"zTXt", b"iCCP") else b"k\0\1\0\0\0"
    packed = zlib_zeros(min(max(size - 200, 60) * 900, 1 << 28))
    return _png(8, 8, 0, 0, zlib.compress(bytes(72), 9), _chunk(kind, head + packed))


def _frames_png(size: int) -> bytes:
    small = zlib.compress(bytes(9 * 8), 9)
    frame = struct.pack(">IIIIIHHBB", 0, 8, 8, 0, 0, 1, 10, 0, 0)
    one = _chunk(b"fcTL", frame) + _chunk(b"fdAT", struct.pack(">I", 1) + small)
    count = max(1, (size - 200) // len(one))
    extra = _chunk(b"acTL", struct.pack(">II", count, 0))
    made = _png(8, 8, 0, 0, small, extra)
    return made[:-12] + one * count + made[-12:]


def _gif(side: int, screen: int, size: int) -> bytes:
    """As many frames as fit; a large screen is painted anew for each."""
    head = b"GIF89a" + struct.pack("<HHBBB", screen, screen, 0x80, 0, 0) + bytes(6)
    # one frame of one colour, as a clear code, a pixel and an end code each three bits wide
    one = b"\x21\xf9\x04\x08\x01\0\0\0" + b"\x2c" + struct.pack("<HHHHB", 0, 0, side, side, 0) + b"\x02\x02\x44\x01\0"
    return head + one * max(1, (size - len(head) - 1) // len(one)) + b"\x3b"


@lru_cache(maxsize=256)
def _saved(kind: str, mode: str, most: int, options: tuple[tuple[str, object], ...], size: int) -> bytes:
    """The largest one-coloured picture of Pillow's own making that fits, in steps of about a half."""
    from PIL import Image

    best, side = b"", 32
    while side <= most:
        out = io.BytesIO()
        try:
            Image.new(mode, (side, side), 1).save(out, kind, **dict(options))
        except (OSError, ValueError, KeyError):
            break  # this Pillow cannot write it
        if out.tell() > size:
            break
        best, side = out.getvalue(), side * 3 // 2
    return best


def _scans(side: int, size: int) -> bytes:
    """A progressive picture whose last scan comes again and again: each goes over every block once more."""
    from PIL import Image

    out = io.BytesIO()
    Image.new("L", (side, side)).save(out, "JPEG", progressive=True)
    parts = mutate_jpeg.segments(out.getvalue())
    last = next(p for p in reversed(parts) if p[0] == 0xDA)
    plain = mutate_jpeg.joined([*parts[:-1], *parts[-1:]])
    more = max(0, (size - len(plain)) // (4 + len(last[1]) + len(last[2])))
    return mutate_jpeg.joined([*parts[:-1], *[last] * more, *parts[-1:]])


def _wav(channels: int, bits: int, size: int) -> bytes:
    body = bytes(max(0, size - 44))
    block = channels * max(bits // 8, 1)
    head = struct.pack("<HHIIHH", 1, channels, 1, block & 0xFFFFFFFF, block & 0xFFFF, bits)
    inner = b"WAVEfmt " + struct.pack("<I", 16) + head + b"data" + struct.pack("<I", len(body)) + body
    return b"RIFF" + struct.pack("<I", len(inner)) + inner


def _flac(size: int) -> bytes:
    """Frames of one value each: a few bytes for hundreds of samples."""
    import numpy as np

    head = seeds.flac()[:42]
    one = seeds.flac_frame(0, np.zeros(192, np.int16), constant=True)
    return (head[:4] + b"\x80" + head[5:]) + one * max(1, (size - 42) // len(one))


PNG: dict[str, Make] = {
    **{f"black, 1 bit, up to {s} a side": partial(_black, s, 1, 0, 0) for s in _SIDES},
    **{f"black, 16 bits and alpha, up to {s} a side": partial(_black, s, 16, 6, 0) for s in _SIDES[:3]},
    "black, palette": partial(_black, 8192, 1, 3, 0),
    "black, interlaced": partial(_black, 4096, 8, 2, 1),
    "Paeth filter": partial(_filtered, 4),
    "small texts": partial(_chunks, b"tEXt"),
    "empty data chunks": partial(_chunks, b"IDAT"),
    "unknown chunks": partial(_chunks, b"quIt"),
    "packed text": partial(_text_chunk, b"zTXt"),
    "packed profile": partial(_text_chunk, b"iCCP"),
    "many frames": _frames_png,
}
GIF: dict[str, Make] = {
    "frames of one pixel": partial(_gif, 1, 8),
    "frames on a large screen": partial(_gif, 1, 8192),
    "frames on a middling screen": partial(_gif, 1, 1024),
}
JPEG: dict[str, Make] = {
    **{f"scans over and over, {s} a side": partial(_scans, s) for s in (256, 1024, 2048)},
    "one colour": partial(_saved, "JPEG", "L", 16_000, (("quality", 1),)),
    "one colour, progressive": partial(_saved, "JPEG", "RGB", 8000, (("quality", 1), ("progressive", True))),
}
WEBP: dict[str, Make] = {
    "one colour": partial(_saved, "WEBP", "RGB", 4096, (("lossless", True), ("method", 0))),
    "one colour, lossy": partial(_saved, "WEBP", "RGB", 2048, (("quality", 0), ("method", 0))),
}
TIFF: dict[str, Make] = {
    f"one colour, {c}": partial(_saved, "TIFF", "1" if c == "group4" else "L", 20_000, (("compression", c),))
    for c in ("tiff_adobe_deflate", "tiff_lzw", "packbits", "group4")
}
BMP: dict[str, Make] = {"one bit": partial(_saved, "BMP", "1", 8192, ())}
WAV: dict[str, Make] = {
    "8 bits": partial(_wav, 1, 8),
    "65,535 channels": partial(_wav, 65_535, 8),
    "one bit": partial(_wav, 1, 1),
}
FLAC: dict[str, Make] = {"frames of one value": _flac}
