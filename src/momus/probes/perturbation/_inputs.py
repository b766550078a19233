"""What every perturbation probe does before it attacks: check the request, encode, ask for the clean answers."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from array_api_compat import array_namespace, device

from momus.core.capabilities import Array, Predicts, Scores, missing, to_numpy
from momus.core.errors import BudgetSpent, ProbeError
from momus.core.probe import Trial
from momus.core.samples import NumpyArray, Samples
from momus.methods.ascent import rows_for
from momus.methods.domain import Domain, Norm
from momus.methods.objectives import MISCLASSIFIED, Crosses, Deviates, Misclassified, Objective


@dataclass(frozen=True)
class Inputs:
    """Inputs ready to be attacked. ``right`` (n,) NumPy booleans: what the model gets right untouched.

    ``y`` (n,) native is what the objective compares with: class indices, or reference values of a regressor, or sides
    of a detector's threshold. ``scores`` (n, k) are the clean outputs, None where the target gives labels alone.
    ``answers`` (n,) NumPy are the clean decisions: class indices or values.
    """

    samples: Samples
    x: Array
    y: Array
    scores: Array | None
    answers: NumpyArray
    right: NumpyArray
    domain: Domain
    epsilon: float
    norm: Norm
    complete: bool
    objective: Objective = MISCLASSIFIED
    modality: str = "image"

    @property
    def outputs(self) -> Array:
        """The clean scores; ProbeError where the target gives labels alone."""
        if self.scores is None:
            raise ProbeError("this target gives labels alone")
        return self.scores

    @property
    def classes(self) -> bool:
        """Whether ``y`` holds class indices."""
        return isinstance(self.objective, Misclassified)

    def won(self, answers: NumpyArray, y: NumpyArray) -> NumpyArray:
        """(m,) booleans: decisions of the target (labels or values) against references, both NumPy."""
        if self.classes:
            return np.asarray(answers != y)
        return np.asarray(self.objective.won(np.asarray(answers, dtype=float)[:, None], y))

    @property
    def chosen(self) -> NumpyArray:
        """Indices of the inputs worth attacking."""
        return np.flatnonzero(self.right)

    @property
    def is_image(self) -> bool:
        return self.modality == "image"

    def at(self, index: NumpyArray) -> tuple[Array, Array]:
        """x and y of some inputs, native."""
        native = array_namespace(self.x).asarray(index, device=device(self.x))
        return self.x[native], self.y[native]


def prepare(
    target: Predicts,
    trial: Trial,
    *,
    n: int,
    epsilon: float | None,
    norm: str,
    switches: int = 1,
    options: dict[str, int],
    tolerance: float | None = None,
    threshold: float | None = None,
) -> Inputs:
    """Checks the options, draws ``n`` inputs, encodes them and asks for the clean answers.

    A classifier's inputs are attacked where the model is right. A regressor's are attacked everywhere: success is an
    output that moves by more than ``tolerance`` (in the output's units; default half the standard deviation of the
    outputs), or, with a ``threshold``, one that ends on the other side of it than the label, or the clean output where
    there is no label. Raises ProbeError for options out of range, inputs of another kind than pictures, tables or
    sound, or labels that do not fit.
    """
    for name, value in options.items():
        if value < 1:
            raise ProbeError(f"{name} must be at least 1, not {value}", place=f"option '{name}'")
    if switches < 0:
        raise ProbeError(f"switches must be at least 0, not {switches}", place="option 'switches'")
    if norm not in ("linf", "l2"):
        raise ProbeError(f"norm '{norm}' is unknown", place="option 'norm'", hint="Use linf or l2")
    samples = _limited(trial, trial.samples("test"), n)
    regressor = target.info.task == "regressor"
    labels = np.zeros(len(samples), dtype=np.int64) if regressor else _labels(samples, target)
    x = target.encode(samples.x)
    modality = _modality(target, samples, x)
    if not bool(np.isfinite(to_numpy(x)).all()) and modality != "table":
        raise ProbeError(f"{modality} data contain NaN or infinity", place=samples.name, hint="Clean the data first")
    domain = _domain(target, trial, samples, x, switches, modality)
    typed: Norm = "l2" if norm == "l2" else "linf"
    radius = _radius(epsilon, typed, x, domain, modality)
    answers, scores, complete = _clean(target, trial, x)
    reached = len(answers)
    samples, xp = samples.take(slice(0, reached)), array_namespace(x)
    objective: Objective = MISCLASSIFIED
    if regressor:
        objective, reference, right = _values(samples, answers, tolerance, threshold)
        y = xp.asarray(reference, dtype=x.dtype, device=device(x))
    else:
        right = answers == labels[:reached]
        y = xp.asarray(labels[:reached], device=device(x))
    return Inputs(samples, x[:reached], y, scores, answers, right, domain, radius, typed, complete, objective, modality)


def _modality(target: Predicts, samples: Samples, x: Array) -> str:
    """image, table or audio, by what the target says and what the arrays are."""
    if x.ndim == 4:
        return "image"
    if x.ndim == 2:
        return "audio" if samples.is_sound or target.info.modality == "audio" else "table"
    raise ProbeError(
        f"inputs have {x.ndim} axes; this attack knows pictures (n, c, h, w), tables (n, d) and sound (n, t)",
        place=samples.name,
    )


def _values(
    samples: Samples, answers: NumpyArray, tolerance: float | None, threshold: float | None
) -> tuple[Objective, NumpyArray, NumpyArray]:
    """What a regressor or detector is attacked for, the reference of each input, and which inputs are right."""
    if threshold is not None:
        side = answers >= threshold
        truth = side if samples.y is None else np.asarray(samples.y, dtype=float) >= threshold
        return Crosses(float(threshold)), truth.astype(float), side == truth
    if tolerance is None:
        spread = float(np.std(answers)) if len(answers) else 0.0
        tolerance = 0.5 * spread or 0.05 * float(np.abs(answers).mean() if len(answers) else 0.0) or 1e-6
    if not math.isfinite(tolerance) or tolerance <= 0:
        raise ProbeError(f"tolerance must be more than 0, not {tolerance}", place="option 'tolerance'")
    return Deviates(float(tolerance)), answers.astype(float), np.ones(len(answers), dtype=bool)


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


def _labels(samples: Samples, target: Predicts) -> NumpyArray:
    if samples.y is None:
        raise ProbeError(
            "the test data carries no labels", place=samples.name, hint="Name the label column on the card"
        )
    y = np.asarray(samples.y)
    if y.dtype.kind not in "iubfO" or any(isinstance(v, str) for v in y):
        raise ProbeError(
            f"labels must be class indices, not {str(y[0])!r}" if len(y) else "labels must be class indices",
            place=samples.name,
            hint="Number the classes in the order of the target's classes, from 0",
        )
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


def _domain(target: Predicts, trial: Trial, samples: Samples, x: Array, switches: int, modality: str) -> Domain:
    low, high = target.info.low, target.info.high
    if modality == "image":
        return Domain.image(0.0 if low is None else low, 1.0 if high is None else high)
    if modality == "audio":
        return Domain.sound()
    reference = trial.data.get("train", trial.samples("test"))
    if samples.columns and len(samples.columns) != x.shape[1]:
        raise ProbeError(f"{len(samples.columns)} columns are described but the target takes {x.shape[1]}")
    return Domain.table(samples, reference, switches=switches)


def _radius(epsilon: float | None, norm: Norm, x: Array, domain: Domain, modality: str) -> float:
    """The epsilon to use, or ProbeError.

    None under Linf: 8/255 (pictures), 0.01 of full scale, -40 dB (sound), a tenth of a column's scale (tables).
    """
    values = math.prod(x.shape[1:])
    if epsilon is None:
        if modality == "audio":
            return 0.01 if norm == "linf" else 0.01 * math.sqrt(values) / 4
        if modality == "table":
            return 0.1 if norm == "linf" else 0.25
        return 8 / 255 if norm == "linf" else 8 / 255 * math.sqrt(values) / 4
    if not math.isfinite(epsilon) or epsilon < 0:
        raise ProbeError(f"epsilon must be a finite number of at least 0, not {epsilon}", place="option 'epsilon'")
    span: Any = math.inf if modality == "table" else domain.high - domain.low
    most = span if norm == "linf" else span * math.sqrt(values)
    if epsilon > most:
        raise ProbeError(
            f"epsilon {epsilon:g} is more than the whole range of {_WHAT[modality]} ({most:.4g} in {norm})",
            place="option 'epsilon'",
            hint=f"Epsilon is in units of [{domain.low:g}, {domain.high:g}]: "
            + (
                f"for {epsilon:g} of 32,768 give {epsilon / 32768:.4g}"
                if modality == "audio"
                else f"for {epsilon:g} of 255 grey levels give {epsilon / 255 * span:.4g}"
            ),
        )
    return float(epsilon)


_WHAT = {"image": "a picture", "audio": "a sound"}


def _clean(target: Predicts, trial: Trial, x: Array) -> tuple[NumpyArray, Array | None, bool]:
    """Decisions and scores of the untouched inputs; only those of the first ones where the budget ends."""
    xp = array_namespace(x)
    rows = max(rows_for(x), 64)
    bare = target if trial.meter is None else trial.meter.target
    scored = not missing(bare, Scores)
    ask = target.scores if scored else target.predict  # type: ignore[attr-defined]
    parts: list[Array] = []
    complete = True
    try:
        for i in range(0, len(x), rows):
            parts.append(ask(x[i : i + rows]))  # noqa: PERF401 - what was answered before the end is kept
    except BudgetSpent:
        complete = False
    values = target.info.task == "regressor"
    if not parts:
        width = 1 if values else max(1, len(target.info.classes))
        none = xp.zeros((0, width), dtype=x.dtype, device=device(x)) if scored else None
        return np.zeros(0, dtype=float if values else np.int64), none, complete
    out = xp.concat(parts, axis=0)
    if not scored:
        return to_numpy(out), None, complete
    found = to_numpy(out)
    return (found[:, 0].astype(float) if values else np.argmax(found, axis=1)), out, complete
