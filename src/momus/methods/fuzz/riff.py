"""RIFF containers (WAV, WebP): chunks with true lengths, and mutations of what every such file has."""

from __future__ import annotations

import struct
from random import Random

from momus.methods.fuzz.mutate_bytes import BLIND, overwrite

_MOST = 500  # chunks that are looked at
RiffChunks = list[tuple[bytes, bytes]]


def riff(data: bytes) -> tuple[bytes, RiffChunks]:
    """The form (WAVE, WEBP) and the chunks, as far as they can be read."""
    found: RiffChunks = []
    at = 12 if data[:4] == b"RIFF" else len(data)
    while at + 8 <= len(data) and len(found) < _MOST:
        (size,) = struct.unpack_from("<I", data, at + 4)
        found.append((data[at : at + 4], data[at + 8 : at + 8 + size]))
        at += 8 + size + (size & 1)
    return data[8:12], found


def riff_joined(form: bytes, parts: RiffChunks) -> bytes:
    inner = b"".join(k + struct.pack("<I", len(b)) + b + bytes(len(b) & 1) for k, b in parts)
    return b"RIFF" + struct.pack("<I", len(inner) + 4) + form + inner


def riff_order(data: bytes, rng: Random) -> bytes:
    """A chunk left out, doubled, moved, or changed inside."""
    form, parts = riff(data)
    if not parts:
        return data
    at, what = rng.randrange(len(parts)), rng.randrange(4)
    if what == 0:
        del parts[at]
    elif what == 1:
        parts.insert(rng.randint(0, len(parts)), parts[at])
    elif what == 2:
        parts.insert(rng.randrange(len(parts)), parts.pop(at))
    else:
        parts[at] = (parts[at][0], rng.choice(BLIND)(parts[at][1], rng))
    return riff_joined(form, parts)


def riff_lies(data: bytes, rng: Random) -> bytes:
    """A length that does not fit: of the whole or of a chunk."""
    form, parts = riff(data)
    if not parts:
        return data
    places, at = [4], 12
    for _, body in parts:
        places.append(at + 4)
        at += 8 + len(body) + (len(body) & 1)
    return overwrite(riff_joined(form, parts), rng, rng.choice(places), 4, big=False)
