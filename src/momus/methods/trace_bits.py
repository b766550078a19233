"""What the lowest bits of trained numbers look like: noise, as training leaves them, or something that was put there.

The bits far below the leading one are nearly even and independent in a model that was trained in that precision. Bits
that were encrypted are as even: no test of this kind can tell the two apart.
"""

from __future__ import annotations

import bz2
import lzma
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from momus.core.samples import NumpyArray
from momus.methods.hidden_data import MANTISSA, get_low_bits

_WHOLE: dict[int, Any] = {2: np.uint16, 4: np.uint32, 8: np.uint64}
# The leading bits of a mantissa follow the size of the numbers; below these they are even.
LEADING = 7
_FEWEST = 64


@dataclass(frozen=True, slots=True)
class Precision:
    """``stored`` bits of the mantissa that most numbers of an array use, ``mixed`` share of them that use more.

    ``levels`` is how many different values there are: a few hundred are a quantised layer.
    """

    stored: int
    mixed: float
    levels: int
    size: int

    @property
    def quantised(self) -> bool:
        return self.levels < 0.3 * self.size


def precision(v: NumpyArray) -> Precision:
    """How many bits of their mantissas the numbers really use; zeros and powers of two tell nothing of it."""
    whole, mantissa = _mantissas(v)
    used = whole[whole != 0]
    levels = len(np.unique(np.ravel(v)))
    if len(used) < _FEWEST:
        return Precision(mantissa, 0.0, levels, int(v.size))
    trailing = _trailing_zeros(used)
    if np.median(trailing) < 6:
        return Precision(mantissa, 0.0, levels, int(v.size))
    # Half of all rounded numbers end exactly where they were rounded; bits that were written in later end anywhere,
    # half of them in a 1.
    spare = int(np.bincount(trailing)[6:].argmax()) + 6
    below = int((trailing < spare).sum())
    written = below > 0 and float((trailing == 0).sum()) >= 0.3 * below
    return Precision(mantissa - spare, below / len(used) if written else 0.0, levels, int(v.size))


def _mantissas(v: NumpyArray) -> tuple[NumpyArray, int]:
    mantissa = MANTISSA[v.dtype.itemsize]
    kind = _WHOLE[v.dtype.itemsize]
    flat = np.ascontiguousarray(v).reshape(-1).view(kind)
    return flat & kind((1 << mantissa) - 1), mantissa


def _trailing_zeros(whole: NumpyArray) -> NumpyArray:
    lowest = whole & (~whole + whole.dtype.type(1))
    places: NumpyArray = np.log2(lowest.astype(np.float64)).astype(int)
    return places


def evenness(v: NumpyArray) -> dict[str, float]:
    """How uneven one array's low bits are, as logarithms that grow with it; to be held against clean models.

    ``means``: some bit is 1 more often than 0. ``serial``: bits of numbers up to 64 apart go together. ``bytes``: the
    lowest byte prefers some values. In theory all are noise; numbers that training never moved still show the grid of
    the generator that drew them, so clean models of the same kind are the measure. Empty for a quantised layer.
    """
    seen = precision(v)
    whole, mantissa = _mantissas(v)
    shift = mantissa - seen.stored
    whole = whole[whole != 0] >> whole.dtype.type(shift)
    depth = min(seen.stored - LEADING, 16)
    if seen.quantised or depth < 1 or len(whole) < _FEWEST:
        return {}
    bits = ((whole[:, None] >> np.arange(depth, dtype=whole.dtype)) & whole.dtype.type(1)).astype(np.int8)
    n, centred = len(bits), 2.0 * bits - 1
    z = np.abs(centred.mean(axis=0)) * np.sqrt(n)
    found = {"means": float(np.log1p(z.max()))}
    lags = [k for k in (1, 2, 3, 4, 8, 16, 32, 64) if k < n // 4]
    serial = [np.abs((centred[k:] * centred[:-k]).sum(axis=0)) / np.sqrt(n - k) for k in lags]
    if serial:
        found["serial"] = float(np.log1p(np.max(serial)))
    if depth >= 8 and n >= 5 * 256:
        counts = np.bincount((whole & whole.dtype.type(255)).astype(int), minlength=256)
        found["bytes"] = float(np.log(((counts - n / 256) ** 2).sum() / (n / 256) / 255))
    return found


def payloads(values: Mapping[str, NumpyArray], deepest: int = 22) -> list[str]:
    """What the low bits spell when they are read as a file: squeezed data that unpack, or text. Empty for noise.

    Read the way that Song et al. write: the lowest b bits of one number after another, for each b. Squeezed data carry
    a checksum, so what unpacks was put there.
    """
    floats = {k: v for k, v in values.items() if v.dtype.kind == "f" and v.dtype.itemsize in MANTISSA}
    found = []
    for b in range(1, deepest + 1):
        bits = get_low_bits(floats, b, 8 * 65536)
        for name, stream in (("", bits), (" from the last number backwards", bits[::-1])):
            what = spells(np.packbits(stream[: len(stream) // 8 * 8]).tobytes())
            if what:
                found.append(f"the lowest {b} bits{name} hold {what}")
    return found


def spells(content: bytes) -> str:
    """Squeezed data or text at the head of some bytes, in words; nothing for noise."""
    for start in range(min(17, len(content))):
        head = content[start : start + 6]
        if head[:1] == b"\x78" and len(head) > 1 and (head[0] * 256 + head[1]) % 31 == 0:
            size = _unpacked(zlib.decompressobj(), content[start:])
            if size:
                return f"{size:,} bytes that were squeezed by zlib"
        for magic, unpacker, name in (
            (b"\x1f\x8b", zlib.decompressobj(31), "gzip"),
            (b"BZh", bz2.BZ2Decompressor(), "bzip2"),
            (b"\xfd7zXZ", lzma.LZMADecompressor(), "xz"),
        ):
            if head.startswith(magic) and (size := _unpacked(unpacker, content[start:])):
                return f"{size:,} bytes that were squeezed by {name}"
        for magic, name in ((b"\x89PNG\r\n", "a PNG picture"), (b"PK\x03\x04", "a zip file"), (b"%PDF-", "a PDF")):
            if head.startswith(magic):
                return name
    text = content[:256]
    printable = sum(32 <= c < 127 or c in (9, 10, 13) for c in text)
    return "text" if len(text) == 256 and printable >= 0.95 * len(text) else ""


def _unpacked(unpacker: Any, content: bytes) -> int:
    """How many bytes come out, at most 1 MB of them; 0 for what is no such stream. A few could unpack by chance."""
    size = 0
    try:
        for start in range(0, len(content), 4096):
            size += len(unpacker.decompress(content[start : start + 4096]))
            if getattr(unpacker, "eof", False) or size > 2**20:
                break
    except (zlib.error, OSError, lzma.LZMAError, EOFError):
        return 0
    return size if size >= 64 else 0
