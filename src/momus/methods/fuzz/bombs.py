"""Small files that ask for much: decompression bombs, declared sizes, depth, and work that grows faster than the file.

They are valid or nearly so, and always tried: chance finds few of them. Sizes follow from the memory that one request
may take, so that a path which holds its limit is not blamed and one that does not is.
"""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from collections.abc import Callable
from functools import cache

from momus.methods.fuzz import mutate_jpeg, mutate_png, seeds
from momus.methods.fuzz.mutate_bytes import put
from momus.methods.fuzz.mutate_sound import flac_joined
from momus.methods.fuzz.mutate_text import laughs
from momus.methods.fuzz.riff import riff_joined

Bombs = list[tuple[str, bytes]]
_LARGEST_MB = 2048  # that a bomb unfolds to, so that making it stays cheap
_BLOCK = 1 << 20


@cache
def _zero_block() -> bytes:
    """A mebibyte of zeros as a piece of a DEFLATE stream that may stand any number of times in a row."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    return packer.compress(bytes(_BLOCK)) + packer.flush(zlib.Z_FULL_FLUSH)


def deflated_zeros(size: int) -> bytes:
    """Raw DEFLATE of ``size`` zeros, a thousandth of it."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    return _zero_block() * (size // _BLOCK) + packer.compress(bytes(size % _BLOCK)) + packer.flush()


def zlib_zeros(size: int) -> bytes:
    """The same as a zlib stream; the checksum of zeros is known without adding them up."""
    return b"\x78\xda" + deflated_zeros(size) + struct.pack(">I", (size % 65521) << 16 | 1)


def png(memory_mb: int) -> Bombs:
    """Black pictures of many pixels (just below what Pillow refuses by itself, and above), and a profile and a text."""

    def black(side: int, depth: int) -> bytes:
        row = 1 + (side * depth + 7) // 8
        head = struct.pack(">IIBBBBB", side, side, depth, 0, 0, 0, 0)
        return mutate_png.joined([(b"IHDR", head), (b"IDAT", zlib_zeros(row * side)), (b"IEND", b"")])

    small = mutate_png.chunks(seeds.examples("png")[0])
    packed = zlib_zeros(min(2 * memory_mb, _LARGEST_MB) << 20)
    made = [("black, 13,300 x 13,300, 1 bit", black(13_300, 1)), ("black, 40,000 x 40,000, 1 bit", black(40_000, 1))]
    for name, chunk in (("profile", (b"iCCP", b"x\0\0" + packed)), ("text", (b"zTXt", b"x\0\0" + packed))):
        made.append((f"packed {name}", mutate_png.joined([small[0], chunk, *small[1:]])))
    return made


def jpeg(_memory_mb: int) -> Bombs:
    """Declared sizes over almost no data, and a progressive picture with scans over and over."""
    plain, *_ = seeds.examples("jpeg")
    parts = mutate_jpeg.segments(plain)
    made = []
    for side in (13_300, 65_500):
        size = struct.pack(">HH", side, side)
        wide = [(m, put(b, 1, size) if m == 0xC0 else b, s) for m, b, s in parts]
        made.append((f"declares {side:,} x {side:,}", mutate_jpeg.joined(wide)))
    progressive = next(d for d in seeds.examples("jpeg") if b"\xff\xc2" in d)
    parts = [(m, put(b, 1, struct.pack(">HH", 6000, 6000)) if m == 0xC2 else b, s)
             for m, b, s in mutate_jpeg.segments(progressive)]  # fmt: skip
    scans = [p for p in parts if p[0] == 0xDA]
    at = parts.index(scans[0])
    made.append(("150 scans of 6,000 x 6,000", mutate_jpeg.joined([*parts[:at], *(scans * 150)[:150], *parts[-1:]])))
    return made


def gif(_memory_mb: int) -> Bombs:
    """A screen of the largest size, and thousands of frames of it."""
    plain = seeds.examples("gif")[0]
    wide = put(plain, 6, struct.pack("<HH", 65_535, 65_535))
    at = plain.rindex(b",", 0, len(plain) - 20) if b"," in plain else 13
    screen = put(plain, 6, struct.pack("<HH", 13_000, 13_000))
    body = plain[at:-1][:400]
    return [
        ("a screen of 65,535 x 65,535", wide),
        ("2,000 frames on 13,000 x 13,000", screen[:-1] + body * 2000 + b";"),
    ]


def bmp(_memory_mb: int) -> Bombs:
    """Declared sizes, with run lengths that fill them."""
    made = []
    for side in (13_300, 65_000):
        head = struct.pack("<IiiHHIIiiII", 40, side, side, 1, 8, 1, 0, 0, 0, 256, 0)
        data = b"BM" + struct.pack("<IHHI", 0, 0, 0, 14 + 40 + 1024) + head + bytes(1024) + b"\xff\0" * 4000 + b"\0\1"
        made.append((f"declares {side:,} x {side:,}", data))
    return made


def tiff(_memory_mb: int) -> Bombs:
    """A black strip of many pixels, packed."""
    side = 13_300
    strip = zlib_zeros(side * side)
    tags = ((256, 4, side), (257, 4, side), (258, 3, 8), (259, 3, 8), (262, 3, 1), (273, 4, 8 + 2 + 12 * 9 + 4), (277,
    3, 1),
            (278, 4, side), (279, 4, len(strip)))  # fmt: skip
    entries = b"".join(struct.pack("<HHII", tag, kind, 1, value) for tag, kind, value in tags)
    return [("black, 13,300 x 13,300", b"II*\0" + struct.pack("<IH", 8, len(tags)) + entries + bytes(4) + strip)]


def webp(_memory_mb: int) -> Bombs:
    """One colour over the largest size: codes of one symbol take no bits at all."""
    made = []
    for side in (13_000, 16_383):
        fields = [(side - 1, 14), (side - 1, 14), (1, 1), (0, 3), (0, 1), (0, 1), (0, 1)]
        for symbol in (200, 10, 20, 255, 0):  # green, red, blue, alpha, distance: one symbol each, in eight bits
            fields += [(1, 1), (0, 1), (1, 1), (symbol, 8)]
        bits, at = 0, 0
        for value, width in fields:
            bits |= value << at
            at += width
        body = b"\x2f" + bits.to_bytes(at // 8 + 8, "little")
        made.append((f"one colour, {side:,} x {side:,}", riff_joined(b"WEBP", [(b"VP8L", body)])))
    return made


def wav(memory_mb: int) -> Bombs:
    """More channels, samples or bits than there are."""
    body = bytes(2000)
    head = struct.pack("<HHIIHH", 1, 65_535, 16_000, 1, 65_535 * 2 % 65_536, 16)
    claims = riff_joined(b"WAVE", [(b"fmt ", struct.pack("<HHIIHH", 1, 1, 16_000, 32_000, 2, 16)), (b"data", body)])
    large = put(put(claims, 40, struct.pack("<I", 0xFFFFFFF0)), 4, struct.pack("<I", 0xFFFFFFFF))
    slow = riff_joined(b"WAVE", [(b"fmt ", struct.pack("<HHIIHH", 1, 1, 1, 2, 2, 16)), (b"data", body)])
    many = riff_joined(b"WAVE", [(b"fmt ", head), (b"data", body)])
    return [("4 GB of samples declared", large), ("65,535 channels", many), ("one sample a second", slow)]


def flac(_memory_mb: int) -> Bombs:
    """Frames of one value for 65,535 samples, and a length of 2^36."""
    info = struct.pack(">HH", 65_535, 65_535) + bytes(6)
    info += (16_000 << 44 | 7 << 41 | 15 << 36 | (1 << 36) - 1).to_bytes(8, "big") + bytes(16)
    frames = b"".join(seeds.flac_frame(i % 128, seeds.sound(), constant=True) for i in range(2000))
    return [("2^36 samples declared", flac_joined([(0, info)], frames))]


def ogg(_memory_mb: int) -> Bombs:
    return [("20,000 pages", seeds.ogg()[:200] + seeds.ogg()[200:] * 20)]


def npy(memory_mb: int) -> Bombs:
    """Shapes that are not there, in the width that was allowed and far beyond."""
    made = []
    for count in (memory_mb << 18, 1 << 40):
        text = f"{{'descr': '<f8', 'fortran_order': False, 'shape': ({count},), }}"
        head = text + " " * (-(len(text) + 11) % 64) + "\n"
        made.append(
            (f"declares {count:,} numbers", b"\x93NUMPY\1\0" + struct.pack("<H", len(head)) + head.encode() + bytes(64))
        )
    return made


def npz(memory_mb: int) -> Bombs:
    """An array of zeros, packed to a thousandth; one member inside another is for readers that go on unpacking."""
    count = min(2 * memory_mb, _LARGEST_MB) << 17
    text = f"{{'descr': '<f8', 'fortran_order': False, 'shape': ({count},), }}"
    head = text + " " * (-(len(text) + 11) % 64) + "\n"
    front = b"\x93NUMPY\1\0" + struct.pack("<H", len(head)) + head.encode()
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    stream = packer.compress(front) + packer.flush(zlib.Z_FULL_FLUSH) + deflated_zeros(8 * count)
    return [("zeros, packed a thousand times", _zip_of("x.npy", stream, len(front) + 8 * count))]


def _zip_of(name: str, stream: bytes, size: int) -> bytes:
    """A zip of one member that is already packed. Its checksum is left out: readers see that only at the end."""
    raw = name.encode()
    fields = struct.pack(
        "<HHHHHIIIHH", 20, 0, zipfile.ZIP_DEFLATED, 0, 33, 0, len(stream), size & 0xFFFFFFFF, len(raw), 0
    )
    local = b"PK\3\4" + fields + raw
    central = b"PK\1\2" + struct.pack("<H", 20) + fields + struct.pack("<HHHII", 0, 0, 0, 0, 0) + raw
    end = b"PK\5\6" + struct.pack("<HHHHIIH", 0, 0, 1, 1, len(central), len(local) + len(stream), 0)
    return local + stream + central + end


def parquet(memory_mb: int) -> Bombs:
    """A column of one value in many groups of rows."""
    try:
        import numpy as np
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError:
        return []
    table = pa.table({"x": pa.array(np.zeros(1 << 20))})
    out = io.BytesIO()
    with pq.ParquetWriter(out, table.schema, compression="zstd") as writer:
        for _ in range(min(memory_mb // 4, 256)):
            writer.write_table(table)
    return [("one value, many times", out.getvalue())]


def text(_memory_mb: int) -> Bombs:
    return [
        ("one word of 900,000 letters", b"a" * 900_000),
        ("300,000 marks on one letter", b"a" + "\u0301".encode() * 300_000),
        ("nearly a match, for patterns that go back", b"a" * 20_000 + b"!"),
        ("blanks", b" " * 900_000 + b"x"),
    ]


def csv(_memory_mb: int) -> Bombs:
    wide = ",".join(["1"] * 400_000)
    return [
        ("400,000 columns", f"{wide}\n{wide[: len(wide) // 2]}\n".encode()),
        ("a quote that never closes", b'a,b\n"' + b"x,\n" * 300_000),
        ("300,000 lines", b"1,2\n" * 300_000),
        ("a number of 900,000 digits", b"a\n" + b"9" * 900_000 + b"\n"),
    ]


def json(_memory_mb: int) -> Bombs:
    return [
        ("100,000 lists inside each other", b"[" * 100_000 + b"]" * 100_000),
        ("100,000 objects inside each other", b'{"a":' * 100_000 + b"1" + b"}" * 100_000),
        ("a number of 900,000 digits", b"9" * 900_000),
        ("400,000 small lists", b"[" + b"[]," * 300_000 + b"[]]"),
        ("the same key 100,000 times", b"{" + b'"a":1,' * 100_000 + b'"a":1}'),
    ]


def xml(_memory_mb: int) -> Bombs:
    flat = f'<!DOCTYPE x [<!ENTITY a "{"a" * 60_000}">]><x>{"&a;" * 20_000}</x>'
    return [
        ("entities to the ninth power of ten", f"<?xml version='1.0'?>{laughs(9)}<x>&a;</x>".encode()),
        ("one long entity 20,000 times", flat.encode()),
        ("100,000 elements inside each other", b"<a>" * 100_000),
    ]


_MAKERS: dict[str, Callable[[int], Bombs]] = {
    "png": png, "jpeg": jpeg, "gif": gif, "bmp": bmp, "tiff": tiff, "webp": webp, "wav": wav, "flac": flac, "ogg": ogg,
    "npy": npy, "npz": npz, "parquet": parquet, "text": text, "csv": csv, "json": json, "jsonl": json, "xml": xml,
}  # fmt: skip


@cache
def bombs(kind: str, memory_mb: int) -> tuple[tuple[str, bytes], ...]:
    """Name and bytes of each bomb of a format, the same every time."""
    return tuple(_MAKERS[kind](memory_mb)) if kind in _MAKERS else ()
