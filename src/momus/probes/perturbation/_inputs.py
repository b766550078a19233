"""What both perturbation probes do before they attack: check the request, encode, ask for the clean answers."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from array_api_compat import array_namespace, device

from momus.core.capabilities import Array, Scores, to_numpy
from momus.core.errors import BudgetSpent, ProbeError
from momus.core.probe import Trial
from momus.core.samples import NumpyArray, Samples
from momus.methods.ascent import rows_for
from momus.methods.domain import Domain, Norm


@dataclass(frozen=True)
class Inputs:
    """Inputs ready to be attacked. ``right`` (n,) NumPy booleans: what the model gets right untouched."""

    samples: Samples
    x: Array
    y: Array
    scores: Array
    right: NumpyArray
    domain: Domain
    epsilon: float
    norm: Norm
    complete: bool

    @property
    def chosen(self) -> NumpyArray:
        """Indices of the inputs worth attacking."""
        return np.flatnonzero(self.right)

    @property
    def is_image(self) -> bool:
        return bool(self.x.ndim == 4)

    def at(self, index: NumpyArray) -> tuple[Array, Array]:
        """x and y of some inputs, native."""
        native = array_namespace(self.x).asarray(index, device=device(self.x))
        return self.x[native], self.y[native]


def prepare(
    target: Scores, trial: Trial, *, n: int, epsilon: float | None, norm: str, switches: int, options: dict[str, int]
) -> Inputs:
    """Checks the options, draws ``n`` inputs, encodes them and asks for the clean answers.

    Raises ProbeError for options out of range, inputs that are neither images nor a table, or labels that do not fit.
    """
    for name, value in options.items():
        if value < 1:
            raise ProbeError(f"{name} must be at least 1, not {value}", place=f"option '{name}'")
    if norm not in ("linf", "l2"):
        raise ProbeError(f"norm '{norm}' is unknown", place="option 'norm'", hint="Use linf or l2")
    samples = _limited(trial, trial.samples("test"), n)
    labels = _labels(samples, target)
    x = target.encode(samples.x)
    if x.ndim not in (2, 4):
        raise ProbeError(
            f"inputs have {x.ndim} axes; this attack knows pictures (n, c, h, w) and tables (n, d)", place=samples.name
        )
    if not bool(np.isfinite(to_numpy(x)).all()) and x.ndim == 4:
        raise ProbeError("pictures contain NaN or infinity", place=samples.name, hint="Clean the data first")
    domain = _domain(target, trial, samples, x, switches)
    typed: Norm = "l2" if norm == "l2" else "linf"
    radius = _radius(epsilon, typed, x, domain)
    y = array_namespace(x).asarray(labels, device=device(x))
    scores, complete = _clean(target, x)
    reached = len(scores)
    right = np.argmax(to_numpy(scores), axis=1) == labels[:reached] if reached else np.zeros(0, dtype=bool)
    return Inputs(
        samples.take(slice(0, reached)), x[:reached], y[:reached], scores, right, domain, radius, typed, complete
    )


def reserved(trial: Trial, keep: int) -> Callable[[int], None]:
    """A check to make before each query: BudgetSpent while ``keep`` rows are still left, for the final re-check."""

    def ask(rows: int) -> None:
        meter = trial.meter
        if meter is None or meter.budget.queries is None:
            return
        if meter.queries + rows + keep > meter.budget.queries:
            raise BudgetSpent

    return ask


def rows_within(trial: Trial, x: Array) -> int:
    """Rows a call: what suits the processor, and at most a tenth of what the budget still allows."""
    rows = rows_for(x)
    meter = trial.meter
    if meter is not None and meter.budget.queries is not None:
        rows = max(1, min(rows, (meter.budget.queries - meter.queries) // 10))
    return rows


def _limited(trial: Trial, samples: Samples, n: int) -> Samples:
    """At most ``n`` inputs drawn by the trial's seed, and no more than a third of the query budget."""
    if trial.budget.queries is not None:
        n = max(1, min(n, trial.budget.queries // 3))
    return samples.sample(n, trial.rng)


def _labels(samples: Samples, target: Scores) -> NumpyArray:
    if samples.y is None:
        raise ProbeError(
            "the test data carries no labels", place=samples.name, hint="Name the label column on the card"
        )
    y = np.asarray(samples.y)
    if y.dtype.kind not in "iub" and not np.array_equal(y, np.round(np.asarray(y, dtype=float))):
        raise ProbeError("labels must be class indices", place=samples.name, hint="A regressor has no class to change")
    y = y.astype(np.int64)
    classes = target.info.classes or samples.classes
    if len(y) and classes and not 0 <= int(y.min()) <= int(y.max()) < len(classes):
        raise ProbeError(
            f"labels run from {int(y.min())} to {int(y.max())} but there are {len(classes)} classes",
            place=samples.name,
            hint="Labels are indices into the card's classes",
        )
    return y


def _domain(target: Scores, trial: Trial, samples: Samples, x: Array, switches: int) -> Domain:
    if x.ndim == 4:
        low, high = target.info.low, target.info.high
        return Domain.image(0.0 if low is None else low, 1.0 if high is None else high)
    reference = trial.data.get("train", trial.samples("test"))
    if samples.columns and len(samples.columns) != x.shape[1]:
        raise ProbeError(f"{len(samples.columns)} columns are described but the target takes {x.shape[1]}")
    return Domain.table(samples, reference, switches=switches)


def _radius(epsilon: float | None, norm: Norm, x: Array, domain: Domain) -> float:
    """The epsilon to use, or ProbeError. None: 8/255 (pictures) or a tenth of a column's scale (tables) under Linf."""
    values = math.prod(x.shape[1:])
    if epsilon is None:
        if x.ndim == 2:
            return 0.1 if norm == "linf" else 0.25
        return 8 / 255 if norm == "linf" else 8 / 255 * math.sqrt(values) / 4
    if not math.isfinite(epsilon) or epsilon < 0:
        raise ProbeError(f"epsilon must be a finite number of at least 0, not {epsilon}", place="option 'epsilon'")
    span: Any = domain.high - domain.low if x.ndim == 4 else math.inf
    most = span if norm == "linf" else span * math.sqrt(values)
    if epsilon > most:
        raise ProbeError(
            f"epsilon {epsilon:g} is more than the whole range of a picture ({most:.4g} in {norm})",
            place="option 'epsilon'",
            hint=f"Epsilon is in units of [{domain.low:g}, {domain.high:g}]: for 8 of 255 grey levels give "
            f"{8 / 255 * span:.4g}; for {epsilon:g} of 255 give {epsilon / 255 * span:.4g}",
        )
    return float(epsilon)


def _clean(target: Scores, x: Array) -> tuple[Array, bool]:
    """Scores of the untouched inputs; only those of the first ones where the budget ends."""
    xp = array_namespace(x)
    rows = max(rows_for(x), 64)
    parts: list[Array] = []
    complete = True
    try:
        for i in range(0, len(x), rows):
            parts.append(target.scores(x[i : i + rows]))  # noqa: PERF401 - what was answered before the end is kept
    except BudgetSpent:
        complete = False
    if not parts:
        return xp.zeros((0, max(1, len(target.info.classes))), dtype=x.dtype, device=device(x)), complete
    return xp.concat(parts, axis=0), complete
