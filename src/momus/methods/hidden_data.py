"""Four ways to hide bits or values in a trained model, and to read them back (Song et al. 2017, arXiv:1709.07886).

Low bits and signs of the parameters, values that the parameters correlate with, and labels of made-up inputs. Arrays
in, arrays out: planting needs a term in the loss or rows beside the training data, which the caller brings in.
Bits are (n,) uint8 of 0 and 1.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from array_api_compat import array_namespace, device

from momus.core.samples import NumpyArray

Array = Any
# Bytes of a float -> explicit bits of its mantissa and the whole numbers of the same width.
MANTISSA = {2: 10, 4: 23, 8: 52}
_WHOLE: dict[int, Any] = {2: np.uint16, 4: np.uint32, 8: np.uint64}


def laid_out(values: Mapping[str, NumpyArray]) -> NumpyArray:
    """Arrays laid end to end in their order, in the widest of their types."""
    return np.concatenate([np.ravel(v) for v in values.values()]) if values else np.zeros(0)


def put_back(flat: NumpyArray, like: Mapping[str, NumpyArray]) -> dict[str, NumpyArray]:
    """The reverse of :func:`laid_out`: the same names, shapes and types as ``like``."""
    out, start = {}, 0
    for name, v in like.items():
        out[name] = flat[start : start + v.size].reshape(v.shape).astype(v.dtype)
        start += v.size
    return out


# --- low bits -------------------------------------------------------------------------------------------------------


def room(values: Mapping[str, NumpyArray], b: int) -> int:
    """How many bits fit into the lowest ``b`` of every mantissa (fewer where a mantissa has fewer)."""
    return sum(v.size * min(b, MANTISSA.get(v.dtype.itemsize, 0)) for v in values.values())


def put_low_bits(values: Mapping[str, NumpyArray], bits: NumpyArray, b: int) -> dict[str, NumpyArray]:
    """Copies of the arrays whose lowest ``b`` mantissa bits spell ``bits``; numbers after the last bit stay.

    Sign and exponent are never touched, so a number changes by less than a share 2 ** (b - mantissa bits) of itself.
    ValueError where there is no room for so many.
    """
    if len(bits) > room(values, b):
        raise ValueError(f"{len(bits)} bits do not fit into {room(values, b)}")
    out, start = {}, 0
    for name, v in values.items():
        depth = min(b, MANTISSA.get(v.dtype.itemsize, 0))
        piece = bits[start : start + v.size * depth]
        start += len(piece)
        out[name] = _written(v, piece, depth) if len(piece) else v.copy()
    return out


def _written(v: NumpyArray, bits: NumpyArray, depth: int) -> NumpyArray:
    kind = _WHOLE[v.dtype.itemsize]
    flat = np.ascontiguousarray(v).reshape(-1).copy().view(kind)
    whole, rest = divmod(len(bits), depth)
    flat[:whole] = (flat[:whole] >> kind(depth) << kind(depth)) | _numbers(bits[: whole * depth], depth).astype(kind)
    if rest:
        under = kind(depth - rest)  # the last bits go to the top of the last number's field
        kept = flat[whole] & ((kind(1) << under) - kind(1))
        value = _numbers(bits[whole * depth :], rest).astype(kind)[0]
        flat[whole] = (flat[whole] >> kind(depth) << kind(depth)) | (value << under) | kept
    out: NumpyArray = flat.view(v.dtype).reshape(v.shape)
    return out


def get_low_bits(values: Mapping[str, NumpyArray], b: int, count: int | None = None) -> NumpyArray:
    """The first ``count`` bits that :func:`put_low_bits` wrote with the same ``b``; all of them without ``count``."""
    parts, left = [np.zeros(0, dtype=np.uint8)], room(values, b) if count is None else count
    for v in values.values():
        depth = min(b, MANTISSA.get(v.dtype.itemsize, 0))
        numbers = min(v.size, -(-left // depth)) if depth else 0
        if numbers <= 0:
            continue
        kind = _WHOLE[v.dtype.itemsize]
        flat = np.ascontiguousarray(v).reshape(-1)[:numbers].view(kind)
        piece = _bits(flat & ((kind(1) << kind(depth)) - kind(1)), depth)[:left]
        parts.append(piece)
        left -= len(piece)
    return np.concatenate(parts)


# --- signs ----------------------------------------------------------------------------------------------------------


def sign_term(bits: NumpyArray, strength: float, margin: float = 0.0) -> Callable[[Array], Array]:
    """The gradient of ``strength`` times the mean of max(0, margin - parameter * sign) over the first parameters.

    Bit 1 asks for a positive number, bit 0 for a negative one. ``margin`` keeps them that far from zero, so that
    rounding does not turn them. The mean is over as many parameters as there are bits.
    """
    signs = 2.0 * np.asarray(bits, dtype=np.float64) - 1.0

    def gradient(flat: Array) -> Array:
        xp = array_namespace(flat)
        s = xp.asarray(signs, dtype=flat.dtype, device=device(flat))
        short = xp.astype(flat[: len(signs)] * s < margin, flat.dtype)
        out = xp.zeros_like(flat)
        out[: len(signs)] = -s * short * (strength / max(len(signs), 1))
        return out

    return gradient


def get_signs(flat: NumpyArray, count: int) -> NumpyArray:
    """Bits that the signs of the first ``count`` parameters spell."""
    return (np.asarray(flat[:count]) > 0).astype(np.uint8)


# --- correlated values ----------------------------------------------------------------------------------------------


def correlation(a: NumpyArray, b: NumpyArray) -> float:
    """Pearson's correlation, 0 where either side is constant."""
    a, b = (np.ravel(np.asarray(v, dtype=float)) - np.mean(v) for v in (a, b))
    norm = float(np.sqrt((a @ a) * (b @ b)))
    return float(a @ b) / norm if norm > 0 else 0.0


def correlation_term(values: NumpyArray, strength: float) -> Callable[[Array], Array]:
    """The gradient of minus ``strength`` times |Pearson's correlation| of the first parameters with ``values``."""
    wanted = np.asarray(values, dtype=np.float64) - (np.mean(values) if len(values) else 0.0)
    wanted = wanted / max(float(np.linalg.norm(wanted)), 1e-12)

    def gradient(flat: Array) -> Array:
        xp = array_namespace(flat)
        if not len(wanted):
            return xp.zeros_like(flat)
        s = xp.asarray(wanted, dtype=flat.dtype, device=device(flat))
        head = flat[: len(wanted)]
        head = head - xp.mean(head)
        norm = xp.sqrt(xp.sum(head * head)) + 1e-12
        c = xp.sum(head * s) / norm
        up = xp.where(c < 0, -xp.ones_like(c), xp.ones_like(c))
        out = xp.zeros_like(flat)
        out[: len(wanted)] = -strength * up * (s - c * head / norm) / norm
        return out

    return gradient


def with_pilots(values: NumpyArray, seed: int, every: int = 32) -> NumpyArray:
    """Values in [0, 1] with one that sender and reader both know in front of each ``every - 1`` of them.

    The known ones settle sign and scale, which differ from layer to layer. The last block is filled up with 1/2.
    """
    width = every - 1
    blocks = np.concatenate([values, np.full(-len(values) % width, 0.5)]).reshape(-1, width)
    return np.concatenate([_pilots(len(blocks), seed)[:, None], blocks], axis=1).reshape(-1)


def room_for_values(numbers: int, every: int = 32) -> int:
    """How many values fit beside their pilots."""
    return numbers // every * (every - 1)


def get_values(flat: NumpyArray, count: int, seed: int, every: int = 32, window: int = 256) -> NumpyArray:
    """The first ``count`` values that :func:`with_pilots` laid out, as the parameters spell them, within [0, 1].

    Each block is brought to the mean and spread that the ``window`` nearest pilots should have; the sign is that of
    the correlation over all pilots.
    """
    if count == 0:
        return np.zeros(0)
    blocks = -(-count // (every - 1))
    table = np.asarray(flat[: blocks * every], dtype=float).reshape(-1, every)
    found, known = table[:, 0], _pilots(len(table), seed)
    sign = 1.0 if correlation(found, known) >= 0 else -1.0
    start = np.clip(np.arange(len(table)) - window // 2, 0, max(len(table) - window, 0))
    near = np.minimum(start[:, None] + np.arange(min(window, len(table))), len(table) - 1)
    mean_found, mean_known = found[near].mean(axis=1), known[near].mean(axis=1)
    scale = known[near].std(axis=1) / np.maximum(found[near].std(axis=1), 1e-30)
    out: NumpyArray = mean_known[:, None] + sign * scale[:, None] * (table[:, 1:] - mean_found[:, None])
    return np.clip(out.reshape(-1)[:count], 0.0, 1.0)


def _pilots(count: int, seed: int) -> NumpyArray:
    return np.random.default_rng(seed).random(count)


# --- labels of made-up inputs ---------------------------------------------------------------------------------------


def bits_a_label(classes: int) -> int:
    """Whole bits that one label of so many classes holds."""
    return max(int(np.log2(max(classes, 1))), 0)


def to_labels(bits: NumpyArray, classes: int) -> NumpyArray:
    """Labels (n,) that spell the bits, the last one filled up with zeros."""
    depth = bits_a_label(classes)
    if depth == 0:
        raise ValueError("one class alone spells nothing")
    padded = np.concatenate([bits, np.zeros(-len(bits) % depth, dtype=np.uint8)])
    return _numbers(padded, depth).astype(np.int64)


def from_labels(labels: NumpyArray, classes: int, count: int) -> NumpyArray:
    """The first ``count`` bits that the labels spell; a label beyond the last power of two reads as its remainder."""
    depth = bits_a_label(classes)
    return _bits(np.asarray(labels, dtype=np.uint64) % np.uint64(2**depth), depth)[:count]


# --- error correction -----------------------------------------------------------------------------------------------


def repeated(bits: NumpyArray, times: int) -> NumpyArray:
    """The whole message ``times`` over, so that one damaged stretch does not take all copies of a bit."""
    return np.tile(bits, times)


def voted(bits: NumpyArray, times: int) -> NumpyArray:
    """The majority of the copies that :func:`repeated` made; a tie is a 1."""
    out: NumpyArray = (2 * bits.reshape(times, -1).sum(axis=0) >= times).astype(np.uint8)
    return out


def error_rate(got: NumpyArray, meant: NumpyArray) -> float:
    """Share of bits that differ; one half is chance. 1/2 for no bits."""
    return float(np.mean(got != meant)) if len(meant) else 0.5


# --- bits and numbers -----------------------------------------------------------------------------------------------


def to_bits(numbers: NumpyArray, widths: NumpyArray) -> NumpyArray:
    """Whole numbers (n, v) as bits, column j in ``widths[j]`` bits, the highest first, row by row."""
    columns = [_bits(np.asarray(numbers[:, j], dtype=np.uint64), int(w)).reshape(-1, w) for j, w in enumerate(widths)]
    return np.concatenate(columns, axis=1).reshape(-1) if columns else np.zeros(0, dtype=np.uint8)


def from_bits(bits: NumpyArray, widths: NumpyArray) -> NumpyArray:
    """The reverse of :func:`to_bits`: (n, v) int64; bits of an unfinished row are left out."""
    size = int(np.sum(widths))
    table = bits[: len(bits) // max(size, 1) * size].reshape(-1, size)
    ends = np.cumsum(widths)
    parts = [_numbers(table[:, e - w : e].reshape(-1), int(w)) for w, e in zip(widths, ends, strict=True)]
    return np.stack(parts, axis=1).astype(np.int64)


def _bits(numbers: NumpyArray, width: int) -> NumpyArray:
    places = np.arange(width - 1, -1, -1, dtype=np.uint64)
    return ((numbers.astype(np.uint64)[:, None] >> places) & np.uint64(1)).astype(np.uint8).reshape(-1)


def _numbers(bits: NumpyArray, width: int) -> NumpyArray:
    table = bits.reshape(-1, width).astype(np.uint64)
    out = np.zeros(len(table), dtype=np.uint64)
    for j in range(width):
        out = (out << np.uint64(1)) | table[:, j]
    return out
