"""Have two samples the same distribution? Per column, jointly, and how large a difference could have been missed."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import scipy

from momus.core.samples import NumpyArray


def ks_statistic(a: NumpyArray, b: NumpyArray) -> float:
    """Kolmogorov-Smirnov distance sup |F_a - F_b| of two flat samples; exact under ties. Two sorts, no more."""
    x, y = np.sort(a), np.sort(b)
    n, m = len(x), len(y)
    if not n or not m:
        raise ValueError("the Kolmogorov-Smirnov distance needs at least one value on each side")
    upto = np.searchsorted(y, x, side="right")
    before = upto
    tied = y[np.maximum(upto - 1, 0)] == x
    if tied.any():  # a second search only where it can differ from the first: searching is nearly all of the cost
        before = upto.copy()
        before[tied] = np.searchsorted(y, x[tied], side="left")
    steps = np.arange(n + 1) / n
    above = np.max(steps[1:] - upto / m)
    below = np.max(before / m - steps[:-1])
    return float(max(above, below, 0.0))


def ks_p_value(d: float, n: int, m: int) -> float:
    """Asymptotic two-sided p-value of a Kolmogorov-Smirnov distance (as scipy's ``method='asymp'``)."""
    return float(np.clip(scipy.stats.kstwo.sf(d, max(1, round(n * m / (n + m)))), 0.0, 1.0))


def ks_columns(a: NumpyArray, b: NumpyArray) -> tuple[NumpyArray, NumpyArray]:
    """Distances and p-values of the columns of (n, d) and (m, d)."""
    found: list[float] = []
    for start in range(0, a.shape[1], 16):  # 16 columns at a time: rows lie together in memory, columns do not
        one, two = (np.ascontiguousarray(v[:, start : start + 16].T) for v in (a, b))
        found += [ks_statistic(x, y) for x, y in zip(one, two, strict=True)]
    d = np.array(found)
    return d, np.array([ks_p_value(float(v), len(a), len(b)) for v in d])


def total_variation(counts_a: NumpyArray, counts_b: NumpyArray) -> float:
    """Half the summed absolute difference of two count vectors' shares, in [0, 1]."""
    return float(np.abs(counts_a / max(1, counts_a.sum()) - counts_b / max(1, counts_b.sum())).sum() / 2)


def chi2_p_value(counts_a: NumpyArray, counts_b: NumpyArray, *, least_expected: float = 5.0) -> float:
    """p-value of Pearson's test that two count vectors share one distribution, without continuity correction.

    Categories that expect fewer than ``least_expected`` rows on a side are pooled first, since the approximation is
    poor for them. One category left gives 1.
    """
    table = np.stack([counts_a, counts_b]).astype(float)
    table = table[:, table.sum(0) > 0]
    expected = table.sum(1, keepdims=True) * table.sum(0) / table.sum()
    rare = expected.min(0) < least_expected
    if rare.sum() > 1:
        table = np.column_stack([table[:, ~rare], table[:, rare].sum(1)])
        expected = table.sum(1, keepdims=True) * table.sum(0) / table.sum()
    if table.shape[1] < 2 or np.any(expected == 0):
        return 1.0
    statistic = float(((table - expected) ** 2 / expected).sum())
    return float(scipy.stats.chi2.sf(statistic, table.shape[1] - 1))


def half_width(n: int, m: int, looks: int = 1, level: float = 0.95) -> float:
    """How far ``looks`` KS or TV distances may lie from the population's, all at once, with at least ``level``.

    sqrt((1/n + 1/m) ln(2 looks / alpha) / 2): the bounded-differences (McDiarmid) bound for both distances, and the
    Dvoretzky-Kiefer-Wolfowitz-Massart bound for KS. The two-sample process is a Brownian bridge less an independent
    Gaussian term, so Anderson's inequality lets the one-population bound stand for differing populations as well.
    """
    if not n or not m:
        return 1.0
    return min(1.0, math.sqrt((1 / n + 1 / m) * math.log(2 * looks / (1 - level)) / 2))


def tv_bias(counts_a: NumpyArray, counts_b: NumpyArray) -> float:
    """At most how much chance alone adds to the expected total variation; 0 for two categories.

    E|p - q| exceeds |E p - E q| by at most the standard deviation of each category's difference.
    """
    if len(counts_a) <= 2:
        return 0.0
    n, m = max(1, counts_a.sum()), max(1, counts_b.sum())
    p, q = counts_a / n, counts_b / m
    return float(np.sqrt(p * (1 - p) / n + q * (1 - q) / m).sum() / 2)


def least_detectable(n: int, m: int, looks: int = 1, *, alpha: float = 0.05, power: float = 0.8) -> float:
    """Smallest KS distance that a test at ``alpha``, shared among ``looks`` columns, sees with at least ``power``.

    The critical distance plus a normal quantile of the largest standard deviation that the difference of two
    empirical distribution functions has at one point, sqrt(1/n + 1/m) / 2.
    """
    scale = math.sqrt(1 / n + 1 / m)
    return min(1.0, scale * (math.sqrt(math.log(2 * looks / alpha) / 2) + 0.5 * float(scipy.special.ndtri(power))))


def as_standard_deviations(distance: float) -> float:
    """The mean shift, in standard deviations of a normal column, that has this KS distance. Infinite at 1."""
    return math.inf if distance >= 1 else 2 * float(scipy.special.ndtri((1 + max(0.0, distance)) / 2))


@dataclass(frozen=True)
class Mmd:
    """Squared maximum mean discrepancy (biased estimate), its permutation p-value, and the kernel's bandwidth."""

    value: float
    p: float
    bandwidth: float


@dataclass(frozen=True)
class Energy:
    """Energy distance 2 E|X - Y| - E|X - X'| - E|Y - Y'| of standardised columns (biased estimate) and its p-value."""

    value: float
    p: float


def mmd(
    a: NumpyArray,
    b: NumpyArray,
    rng: np.random.Generator,
    *,
    features: int = 512,
    permutations: int = 999,
    blocks: int = 1000,
) -> Mmd:
    """Multivariate two-sample test in linear time: a Gaussian kernel through random Fourier features.

    Columns are standardised on the pooled sample; the bandwidth is the median distance of up to 1,000 pooled rows.
    Rows of each sample fall at random into equal blocks, and permutations exchange blocks: under equal distributions
    block means are exchangeable, so the p-value is exact, and all permutations are one small matrix product. Up to one
    block of rows is left out per side. Cost O((n + m) d features). NaN must be filled before.
    Source: Gretton et al. 2012; Zhao & Meng 2015 (random Fourier features).
    """
    n, m = len(a), len(b)
    size = max(1, math.ceil((n + m) / blocks))
    if n // size < 2 or m // size < 2:
        return Mmd(0.0, 1.0, 0.0)
    centre, scale = _pooled(a, b)
    some = np.concatenate([a[rng.permutation(n)[:500]], b[rng.permutation(m)[:500]]])
    some = (some - centre) * scale
    square = (some**2).sum(1)
    distances = np.maximum(square[:, None] + square - 2 * some @ some.T, 0)[np.triu_indices(len(some), 1)]
    bandwidth = math.sqrt(float(np.median(distances))) or 1.0
    half = features // 2
    weights = (rng.normal(size=(a.shape[1], half)) / bandwidth * scale[:, None]).astype(np.float32)
    offset = centre.astype(np.float32) @ weights

    def waves(z: NumpyArray, count: int) -> NumpyArray:
        z -= offset
        parts = [f(z).reshape(count, size, half).mean(1) for f in (np.cos, np.sin)]
        out: NumpyArray = np.concatenate(parts, axis=1) / math.sqrt(half)
        return out

    means = np.concatenate([_block_means(x, rng.permutation(len(x)), size, weights, waves) for x in (a, b)])
    value, p = _exchanged(means, n // size, rng, permutations)
    return Mmd(value, p, bandwidth)


def energy(
    a: NumpyArray,
    b: NumpyArray,
    rng: np.random.Generator,
    *,
    directions: int = 32,
    cuts: int = 32,
    permutations: int = 999,
    blocks: int = 1000,
) -> Energy:
    """Energy distance in linear time, over random directions, with an exact permutation p-value.

    In one dimension the distance is twice the integral of (F - G)^2, and the mean length of a projection is that of the
    vector up to a constant; so random ``directions`` give an unbiased estimate, and F and G at ``cuts`` places (from
    the 0.2 % to the 99.8 % quantile of the pool) give the integral. Blocks are exchanged as in :func:`mmd`. It needs no
    bandwidth and weighs shifts of the mean more than a Gaussian kernel does. Cost O((n + m) (d + 1) directions).
    Source: Szekely & Rizzo 2004 (energy distance); Baringhaus & Franz 2004 (projections).
    """
    n, m, d = len(a), len(b), a.shape[1]
    size = max(1, math.ceil((n + m) / blocks))
    if n // size < 2 or m // size < 2:
        return Energy(0.0, 1.0)
    _, scale = _pooled(a, b)
    way = rng.normal(size=(d, directions))
    way /= np.linalg.norm(way, axis=0)
    weights = (way * scale[:, None]).astype(np.float32)
    some = np.concatenate([x[rng.permutation(len(x))[:2000]] for x in (a, b)]).astype(np.float32) @ weights
    low, high = np.quantile(some, [0.002, 0.998], axis=0)
    step = np.maximum((high - low) / cuts, 1e-12)
    # Mean absolute projection of a unit vector: E|w.v| = Gamma(d/2) / (sqrt(pi) Gamma((d+1)/2)).
    constant = math.sqrt(math.pi) * math.exp(math.lgamma((d + 1) / 2) - math.lgamma(d / 2))
    root = np.repeat(np.sqrt(2 * constant * step / directions), cuts)

    def below(z: NumpyArray, count: int) -> NumpyArray:
        bins = np.clip(((z - low) / step).astype(np.int32), -1, cuts - 1) + 1
        bins[z < low] = 0
        place = (np.arange(count).repeat(size)[:, None] * directions + np.arange(directions)) * (cuts + 1) + bins
        counts = np.bincount(place.ravel(), minlength=count * directions * (cuts + 1))
        upto = counts.reshape(count, directions, cuts + 1).cumsum(2)[:, :, :cuts] / size
        out: NumpyArray = upto.reshape(count, directions * cuts) * root
        return out

    means = np.concatenate([_block_means(x, rng.permutation(len(x)), size, weights, below) for x in (a, b)])
    return Energy(*_exchanged(means, n // size, rng, permutations))


def _pooled(a: NumpyArray, b: NumpyArray) -> tuple[NumpyArray, NumpyArray]:
    """Mean and reciprocal spread of the pooled rows, column by column; a constant column gets 0. Few rows at a time."""
    sums = np.zeros((2, a.shape[1]))
    shift = a[:1].astype(float)[0]
    for x in (a, b):
        for start in range(0, len(x), 8192):
            part = x[start : start + 8192] - shift
            sums += part.sum(0, dtype=float), np.einsum("ij,ij->j", part, part, dtype=float)
    mean, square = sums / (len(a) + len(b))
    spread = np.sqrt(np.maximum(square - mean**2, 0))
    return mean + shift, np.where(spread > 0, 1 / np.where(spread > 0, spread, 1.0), 0.0)


def _exchanged(means: NumpyArray, first: int, rng: np.random.Generator, permutations: int) -> tuple[float, float]:
    """Squared distance between the means of the ``first`` blocks and the others, and its permutation p-value."""
    count = len(means)
    signs = np.full((permutations + 1, count), -1.0 / (count - first))
    signs[0, :first] = 1 / first
    for i in range(1, permutations + 1):
        signs[i, rng.permutation(count)[:first]] = 1 / first
    values = ((signs @ means) ** 2).sum(1)
    # Sums of floats: a permutation equal to the observed one may differ in the last digits and must still count.
    p = (1 + np.sum(values[1:] >= values[0] * (1 - 1e-9) - 1e-20)) / (permutations + 1)
    return float(values[0]), float(p)


def _block_means(
    x: NumpyArray,
    order: NumpyArray,
    size: int,
    weights: NumpyArray,
    summarise: Callable[[NumpyArray, int], NumpyArray],
) -> NumpyArray:
    """What ``summarise(projected rows, blocks)`` makes of consecutive blocks of ``size`` rows in the given order."""
    count, rows = len(order) // size, max(1, 8192 // size)
    parts = []
    for start in range(0, count, rows):
        stop = min(count, start + rows)
        z = x[order[start * size : stop * size]].astype(np.float32, copy=False) @ weights
        parts.append(summarise(z, stop - start))
    return np.concatenate(parts)
