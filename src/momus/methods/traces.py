"""Numbers that describe trained parameters, and whether one model stands out among clean ones of its kind."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from momus.core.samples import NumpyArray
from momus.methods import trace_bits

LARGEST = 4
_FEWEST = 256
_LEVELS = (0.02, 0.1, 0.3, 0.5, 0.7, 0.9, 0.98)


def floats(values: Mapping[str, NumpyArray]) -> dict[str, NumpyArray]:
    """The arrays that hold finite floats of a width that bits are known of."""
    known = {k: v for k, v in values.items() if v.dtype.kind == "f" and v.dtype.itemsize in (2, 4, 8)}
    return {k: v for k, v in known.items() if v.size and np.isfinite(v).all()}


def describe(values: Mapping[str, NumpyArray]) -> dict[str, float]:
    """Statistics by name: of all numbers laid end to end and of the few largest arrays.

    Shape: quantiles in units of the root mean square, the share near zero, the weight of the tails. Order: correlation
    of neighbours and of numbers some steps apart, for values and for signs. Signs: how many are positive, and whether
    groups of eight of them are all alike frequent. Low bits: see :func:`momus.methods.trace_bits.evenness`.
    """
    held = floats(values)
    parts = {"all": np.concatenate([_scaled(v) for v in held.values()])} if held else {}
    largest = sorted((k for k in held if held[k].size >= _FEWEST), key=lambda k: -held[k].size)[:LARGEST]
    parts |= {k: _scaled(held[k]) for k in largest}
    found = {f"{name}: {what}": s for name, v in parts.items() if v.size >= _FEWEST for what, s in _of(v).items()}
    for name in largest:
        found |= {f"{name}: low bits, {what}": s for what, s in trace_bits.evenness(held[name]).items()}
        found[f"{name}: low bits, in use"] = float(trace_bits.precision(held[name]).stored)
    return found


def _scaled(v: NumpyArray) -> NumpyArray:
    """One array in units of its own root mean square: layers differ in scale by design."""
    flat = np.ravel(v).astype(np.float64)
    rms = float(np.sqrt(np.mean(flat**2)))
    return flat / rms if rms > 0 else flat


def _of(v: NumpyArray) -> dict[str, float]:
    n = v.size
    signs = np.sign(v)
    out = {f"quantile {q:g}": float(x) for q, x in zip(_LEVELS, np.quantile(v, _LEVELS), strict=True)}
    out["near zero"] = float(np.log(np.mean(np.abs(v) < 0.1) + 4 / n))
    out["tails"] = float(np.log(np.mean(v**4) + 1e-9))
    out["positive"] = float(np.mean(signs > 0))
    for lag in (1, 2, 3, 8):
        out[f"order {lag}"] = _lagged(v, lag)
        out[f"signs {lag}"] = _lagged(signs, lag)
    bits = (signs[: n // 8 * 8].reshape(-1, 8) > 0) @ (1 << np.arange(8))
    counts = np.bincount(bits, minlength=256)
    out["groups of eight signs"] = float(np.log(((counts - n / 2048) ** 2).sum() / (n / 2048) / 255))
    return out


def _lagged(v: NumpyArray, lag: int) -> float:
    a, b = v[lag:] - v.mean(), v[:-lag] - v.mean()
    norm = float(((v - v.mean()) ** 2).sum())
    return float(a @ b) / norm if norm > 0 else 0.0


def likeness(flat: NumpyArray, records: NumpyArray, top: int = 5) -> float:
    """How like the likest records (n, d) some stretch of the parameters is: the mean of the ``top`` largest |r|.

    Every stretch of d numbers is tried, wherever it begins. Fisher's z of the correlation, so that differences near 1
    count.
    """
    v = np.asarray(flat, dtype=np.float64)
    n, d = records.shape
    if not n or d < 8 or len(v) < d:
        return 0.0
    kernel = records - records.mean(axis=1, keepdims=True)
    norm = np.linalg.norm(kernel, axis=1)
    kernel = kernel[norm > 0] / norm[norm > 0][:, None]
    sums, squares = np.cumsum(np.r_[0.0, v]), np.cumsum(np.r_[0.0, v * v])
    spread = (squares[d:] - squares[:-d]) - (sums[d:] - sums[:-d]) ** 2 / d
    spread = np.sqrt(np.maximum(spread, 1e-30))
    size = 1 << int(np.ceil(np.log2(len(v) + d)))
    seen = np.fft.rfft(v, size)
    best = []
    for row in kernel:
        r = np.fft.irfft(seen * np.conj(np.fft.rfft(row, size)), size)[: len(spread)] / spread
        best.append(float(np.abs(r).max()))
    highest = np.sort(np.clip(best, 0, 1 - 1e-9))[::-1][:top]
    return float(np.arctanh(highest).mean()) if len(highest) else 0.0


@dataclass(frozen=True)
class Standing:
    """How one model stands among clean ones: ``p`` by statistic, corrected for their number, and its ``z``."""

    p: dict[str, float]
    z: dict[str, float]

    def beyond(self, level: float) -> list[str]:
        """Statistics that are beyond the level, the least likely first."""
        return sorted((k for k, p in self.p.items() if p < level), key=lambda k: (self.p[k], k))


def standing(found: Mapping[str, float], clean: Sequence[Mapping[str, float]]) -> Standing:
    """Hold one model's statistics against those of clean models: Student's t for a further draw, Bonferroni's bound.

    Needs at least 4 clean models. A statistic that hardly varies among the clean ones is given a least spread, so that
    the last digit decides nothing.
    """
    names = [k for k in found if all(k in c for c in clean)]
    if len(clean) < 4 or not names:
        return Standing({}, {})
    table = np.array([[c[k] for k in names] for c in clean])
    mean, spread = table.mean(axis=0), table.std(axis=0, ddof=1)
    floor = 0.01 * np.maximum(np.abs(mean), 0.1)
    m = len(clean)
    z = (np.array([found[k] for k in names]) - mean) / (np.sqrt(1 + 1 / m) * np.maximum(spread, floor))
    p = np.minimum(1.0, 2 * stats.t.sf(np.abs(z), m - 1) * len(names))
    return Standing(dict(zip(names, p.tolist(), strict=True)), dict(zip(names, z.tolist(), strict=True)))


def false_alarms(clean: Sequence[Mapping[str, float]], level: float) -> int:
    """How many of the clean models stand out beyond the level among all the others."""
    return sum(bool(standing(c, [*clean[:i], *clean[i + 1 :]]).beyond(level)) for i, c in enumerate(clean))


def family(name: str) -> str:
    """The group that a statistic belongs to: signs of one group are one trace, not several."""
    what = name.split(": ", 1)[-1]
    if what.startswith("low bits"):
        return "low bits"
    if what == "likeness":
        return "likeness to the data"
    if "signs" in what or what == "positive":
        return "signs"
    return "order" if what.startswith("order") else "distribution"
