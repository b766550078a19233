"""All columns at once: MMD, energy distance, a classifier, and the model's own outputs."""

from __future__ import annotations

import numpy as np
import scipy

from momus.core.capabilities import Probabilities, Target, missing, to_numpy
from momus.core.meter import Meter
from momus.core.probe import Trial
from momus.core.records import Caveat, Figure, Interval
from momus.core.samples import NumpyArray, Samples
from momus.methods import describe
from momus.methods.domain_classifier import tell_apart
from momus.methods.embedding import embed_pair
from momus.stats import multiple, two_sample

JOINT = 0.1  # a distance of the classifier's scores beyond this, at the interval's nearer end, forbids a pass
OUTPUTS = 2000  # rows a side whose probabilities are asked for


def joint(
    before: Samples, after: Samples, rng: np.random.Generator, permutations: int
) -> tuple[list[Figure], list[Caveat]]:
    """Figures of three tests on the embedded rows, their common p-value, and the classifier's effect."""
    a, b = embed_pair(before, after, rng)
    n = len(a) + len(b)
    kernel = two_sample.mmd(a, b, rng, permutations=permutations)
    far = two_sample.energy(a, b, rng, permutations=permutations)
    area, ci, left, right = tell_apart(a, b, rng)
    k = len(left)
    # One-sided: rows that stand in both sets pull the area below a half, and that is no difference.
    p_area = float(scipy.special.ndtr((0.5 - area) / np.sqrt((2 * k + 1) / (12 * k * k)))) if k else 1.0
    p = float(multiple.holm(np.array([kernel.p, far.p, p_area])).min())
    effect = two_sample.ks_statistic(left, right) if k and area > 0.5 else 0.0
    half = two_sample.half_width(k, k)
    figures = [
        Figure(name="mmd", value=kernel.value, n=n, note="squared, Gaussian kernel, median bandwidth"),
        Figure(name="mmd_p", value=kernel.p, n=n, note=f"{permutations} permutations"),
        Figure(name="energy", value=far.value, n=n, note="energy distance over random directions"),
        Figure(name="energy_p", value=far.p, n=n, note=f"{permutations} permutations"),
        Figure(name="classifier_auc", value=area, ci=ci, note="0.5: no classifier tells the sets apart"),
        Figure(
            name="joint_effect",
            value=effect,
            ci=Interval(low=max(0.0, effect - half), high=min(1.0, effect + half), method="dkw"),
            n=2 * k,
            note="Kolmogorov-Smirnov distance of the classifier's scores: the whole rows differ at least this much",
        ),
        Figure(name="joint_p", value=p, n=n, note="the smallest of MMD, energy and classifier, after Holm"),
    ]
    if effect - half <= JOINT:
        return figures, []
    message = f"a classifier tells the sets apart (AUC {area:.2f}), whatever single columns show"
    return figures, [Caveat(code="joint-shift", message=message, blocks="pass")]


def same_rows(before: Samples, after: Samples) -> list[Caveat]:
    """Says so where the current rows are the reference rows, in whatever order: then nothing was compared."""
    if len(before) != len(after) or before.x.shape != after.x.shape:
        return []
    if before.is_text:
        same = sorted(map(str, before.x)) == sorted(map(str, after.x))
    else:
        keys = [np.sort(describe.row_keys(s)) for s in (before, after)]
        same = np.array_equal(keys[0], keys[1])
    message = "the current rows are the reference rows themselves, so nothing was compared"
    return [Caveat(code="same-rows", message=message, blocks="both")] if same else []


def outputs(target: Target, before: Samples, after: Samples, trial: Trial) -> list[Figure]:
    """How far the model's own probabilities moved: often the most sensitive test of all (arXiv:1810.11953)."""
    bare = target.target if isinstance(target, Meter) else target
    if missing(bare, Probabilities) or bare.info.task != "classifier":
        return []
    asks = target if isinstance(target, Meter) else Meter(target, trial.budget)
    said = [to_numpy(asks.probabilities(asks.encode(s.sample(OUTPUTS, trial.rng).x))) for s in (before, after)]
    if said[0].ndim != 2 or not all(np.isfinite(s).all() for s in said):
        return []
    d, p = two_sample.ks_columns(*(_some_classes(s, said) for s in said))
    n = sum(map(len, said))
    return [
        Figure(name="output_shift", value=float(d.max()), n=n, note="largest KS distance of a class's probability"),
        Figure(name="output_p", value=float(multiple.holm(p).min()), n=n, note="after Holm over the classes"),
    ]


def _some_classes(said: NumpyArray, both: list[NumpyArray]) -> NumpyArray:
    """The 20 classes that are given the most probability in the reference: others have next to nothing to move."""
    top = np.sort(np.argsort(-both[0].mean(0), kind="stable")[:20])
    out: NumpyArray = said[:, top]
    return out
