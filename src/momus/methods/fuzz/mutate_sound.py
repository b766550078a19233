"""WAV, FLAC and Ogg: headers, lengths and samples, with checksums mended."""

from __future__ import annotations

import struct
from random import Random

from momus.methods.fuzz.mutate_bytes import BLIND, Mutation, havoc, number, overwrite, put
from momus.methods.fuzz.riff import riff, riff_joined, riff_lies, riff_order

# ---- WAV

_WAV = ((0, 2), (2, 2), (4, 4), (8, 4), (12, 2), (14, 2))
_FORMATS = (0, 1, 2, 3, 6, 7, 17, 85, 0xFFFE, 0xFFFF)


def wav_format(data: bytes, rng: Random) -> bytes:
    """Coding, channels, rate, block size or bits."""
    form, parts = riff(data)
    for i, (kind, body) in enumerate(parts):
        if kind == b"fmt ":
            at, width = rng.choice(_WAV)
            value = overwrite(body, rng, at, width, big=False)
            if at == 0:
                value = put(body, 0, struct.pack("<H", rng.choice(_FORMATS)))
            elif at == 14 and rng.random() < 0.6:
                value = put(body, 14, struct.pack("<H", rng.choice((0, 1, 7, 8, 12, 16, 20, 24, 32, 64, 255))))
            parts[i] = (kind, value)
            return riff_joined(form, parts)
    return data


def wav_floats(data: bytes, rng: Random) -> bytes:
    """The same sound as floating point numbers, with some that are none."""
    form, parts = riff(data)
    held = next((body for kind, body in parts if kind == b"data"), None)
    if held is None:
        return data
    odd = (float("nan"), float("inf"), -float("inf"), 3e38, 1e-45, -0.0)
    values = [rng.choice(odd) if rng.random() < 0.05 else rng.uniform(-1, 1) for _ in range(min(len(held) // 2, 2000))]
    rate = 16_000
    head = struct.pack("<HHIIHH", 3, 1, rate, 4 * rate, 4, 32)
    return riff_joined(form, [(b"fmt ", head), (b"data", struct.pack(f"<{len(values)}f", *values))])


def wav_samples(data: bytes, rng: Random) -> bytes:
    """Silence, the loudest square wave, an odd number of bytes, nothing."""
    form, parts = riff(data)
    for i, (kind, body) in enumerate(parts):
        if kind == b"data":
            made = (b"", bytes(len(body)), b"\xff\x7f\0\x80" * (len(body) // 4), body[:-1], body[:1], havoc(body, rng))
            parts[i] = (kind, rng.choice(made))
            return riff_joined(form, parts)
    return data


def wav_remade(data: bytes, rng: Random) -> bytes:
    """A valid sound of another length, rate, width or number of channels: silence, a step or noise."""
    bits, channels = rng.choice((8, 16, 24, 32)), rng.choice((1, 1, 2, 6))
    size = bits // 8 * channels
    count = rng.choice((0, 1, 2, 3, 5, 100, 255, 256, 1000, 8000))
    rate = rng.choice((1, 8000, 16_000, 44_100, 192_000, 4_000_000_000))
    body = rng.choice((bytes(size), rng.randbytes(size))) * count if rng.random() < 0.7 else rng.randbytes(size * count)
    head = struct.pack("<HHIIHH", 1, channels, rate, rate * size % (1 << 32), size, bits)
    return riff_joined(b"WAVE", [(b"fmt ", head), (b"data", body)])


def wav_extra(data: bytes, rng: Random) -> bytes:
    """Chunks that few readers expect, before the sound or instead of its length."""
    form, parts = riff(data)
    if not parts:
        return data
    extra = rng.choice(
        (
            (b"LIST", b"INFOISFT" + struct.pack("<I", number(rng, 4)) + b"x"),
            (b"fact", struct.pack("<I", number(rng, 4))),
            (b"cue ", struct.pack("<I", number(rng, 4)) + rng.randbytes(24)),
            (b"smpl", rng.randbytes(36)),
            (b"ds64", rng.randbytes(28)),
            (b"bext", rng.randbytes(602)),
            (b"\0\0\0\0", b""),
        )
    )
    at = rng.randint(0, len(parts))
    made = riff_joined(form, [*parts[:at], extra, *parts[at:]])
    return b"RF64" + made[4:] if rng.random() < 0.1 else made


WAV: tuple[Mutation, ...] = (
    wav_format, wav_format, wav_floats, wav_samples, wav_remade, wav_extra, riff_order, riff_lies,
)  # fmt: skip

# ---- FLAC


def crc8(data: bytes) -> int:
    value = 0
    for byte in data:
        value ^= byte
        for _ in range(8):
            value = (value << 1) ^ (0x107 if value & 0x80 else 0)
    return value & 0xFF


def crc16(data: bytes) -> int:
    value = 0
    for byte in data:
        value ^= byte << 8
        for _ in range(8):
            value = ((value << 1) ^ (0x8005 if value & 0x8000 else 0)) & 0xFFFF
    return value


def flac_blocks(data: bytes) -> tuple[list[tuple[int, bytes]], bytes]:
    """Kind and body of each block of metadata, and the frames behind them."""
    found: list[tuple[int, bytes]] = []
    if data[:4] != b"fLaC":
        return found, data
    at, last = 4, False
    while not last and at + 4 <= len(data):
        last, kind = bool(data[at] & 0x80), data[at] & 0x7F
        size = int.from_bytes(data[at + 1 : at + 4], "big")
        found.append((kind, data[at + 4 : at + 4 + size]))
        at += 4 + size
    return found, data[at:]


def flac_joined(blocks: list[tuple[int, bytes]], frames: bytes) -> bytes:
    out = [b"fLaC"]
    for i, (kind, body) in enumerate(blocks):
        last = 0x80 if i == len(blocks) - 1 else 0
        out.append(bytes([kind & 0x7F | last]) + len(body).to_bytes(3, "big") + body)
    return b"".join(out) + frames


def flac_info(data: bytes, rng: Random) -> bytes:
    """Block sizes, rate, channels, bits or length of the whole."""
    blocks, frames = flac_blocks(data)
    if not blocks:
        return data
    at, width = rng.choice(((0, 2), (2, 2), (4, 2), (10, 2), (12, 1), (13, 1), (14, 4), (12, 2)))
    blocks[0] = (blocks[0][0], overwrite(blocks[0][1], rng, at, width))
    return flac_joined(blocks, frames)


def flac_metadata(data: bytes, rng: Random) -> bytes:
    """Comments and pictures whose lengths lie, seek tables, blocks of unknown kinds."""
    blocks, frames = flac_blocks(data)
    if not blocks:
        return data
    text, picture = struct.pack("<I", number(rng, 4)) + b"x", struct.pack(">II", 3, number(rng, 4)) + b"image/png"
    made = rng.choice(((4, text), (6, picture), (3, rng.randbytes(18 * 4)), (127, b""), (0, b""), (5, bytes(396))))
    return flac_joined([*blocks, made], frames)


def flac_frame(data: bytes, rng: Random) -> bytes:
    """The first frame's header or subframes, with both checksums mended where the frame is the last."""
    blocks, frames = flac_blocks(data)
    if not blocks or len(frames) < 9:
        return data
    head, rest = bytearray(frames[:5]), frames[6:-2]
    if rng.random() < 0.5:
        head[rng.choice((2, 2, 3, 3, 4))] = rng.getrandbits(8)
    else:
        rest = rng.choice(BLIND)(rest, rng)
    body = bytes(head) + bytes([crc8(bytes(head))]) + rest
    return flac_joined(blocks, body + struct.pack(">H", crc16(body) if len(body) < 20_000 else 0))


FLAC: tuple[Mutation, ...] = (flac_info, flac_info, flac_metadata, flac_frame, flac_frame)

# ---- Ogg


def _crc_table() -> tuple[int, ...]:
    table = []
    for i in range(256):
        value = i << 24
        for _ in range(8):
            value = ((value << 1) ^ (0x04C11DB7 if value & 0x80000000 else 0)) & 0xFFFFFFFF
        table.append(value)
    return tuple(table)


_CRC = _crc_table()


def ogg_crc(data: bytes) -> int:
    value = 0
    for byte in data:
        value = ((value << 8) & 0xFFFFFFFF) ^ _CRC[(value >> 24) ^ byte]
    return value


def ogg_pages(data: bytes) -> list[bytes]:
    """Pages, as far as they can be read."""
    found, at = [], 0
    while data[at : at + 4] == b"OggS" and at + 27 <= len(data):
        count = data[at + 26]
        end = at + 27 + count + sum(data[at + 27 : at + 27 + count])
        found.append(data[at:end])
        at = end
    return found


def ogg_mended(page: bytes) -> bytes:
    bare = put(page, 22, bytes(4))
    return put(bare, 22, struct.pack("<I", ogg_crc(bare)))


def ogg_page(data: bytes, rng: Random) -> bytes:
    """Flags, position, stream number, sequence, segment table or content of a page."""
    pages = ogg_pages(data)
    if not pages:
        return data
    at = rng.randrange(len(pages))
    page = pages[at]
    offset, width = rng.choice(((4, 1), (5, 1), (6, 8), (14, 4), (18, 4), (26, 1), (27, 1), (0, 0), (0, 0)))
    body = 27 + page[26]
    changed = overwrite(page, rng, offset, width, big=False) if width else page[:body] + havoc(page[body:], rng)
    pages[at] = ogg_mended(changed)
    return b"".join(pages)


def ogg_order(data: bytes, rng: Random) -> bytes:
    """A page left out, doubled, moved, or one that goes on for ever."""
    pages = ogg_pages(data)
    if not pages:
        return data
    at, what = rng.randrange(len(pages)), rng.randrange(3)
    if what == 0:
        del pages[at]
    elif what == 1:
        pages[at:at] = [pages[at]] * rng.choice((1, 20))
    else:
        pages.insert(rng.randrange(len(pages)), pages.pop(at))
    return b"".join(pages)


OGG: tuple[Mutation, ...] = (ogg_page, ogg_page, ogg_page, ogg_order)
