"""The model asked about ordinary rows and about the cases of a scenario, some of which it may refuse."""

from __future__ import annotations

import numpy as np

from momus.core.capabilities import Predicts, to_numpy
from momus.core.errors import ProbeError, TargetError
from momus.core.records import Caveat, Figure
from momus.core.samples import NumpyArray, Samples
from momus.probes.incomplete_testing import _heed
from momus.probes.incomplete_testing._answers import Answered
from momus.probes.incomplete_testing._cases import Cases
from momus.stats import intervals

BATCH = 128


def ordinary(target: Predicts, part: Samples, n: int, bar: float | None) -> tuple[Figure | None, list[Caveat]]:
    """The error on ordinary test rows, to read the scenarios by; and what speaks against any pass: a model
    that heeds no input, or, where ``bar`` is given, is never as confident as that."""
    said = _predict(target, part.x)
    caveats, figure = _heed.constant(said), None
    if part.y is not None:
        wrong = int((said != np.asarray(part.y)).sum())
        ci = intervals.wilson(wrong, len(part))
        figure = Figure(name="ordinary_error", value=wrong / len(part), ci=ci, n=len(part))
        caveats = caveats or _heed.chance(said, np.asarray(part.y))
    if bar is not None and not caveats:
        _, sure = _refusing(target, part.x[:n], probabilities=True)
        caveats = [] if sure is None else _heed.doubt(sure, bar)
    return figure, caveats


def answered(target: Predicts, cases: Cases, bar: float, asks_confidence: bool) -> Answered:
    """Ask about one scenario. Inputs that the target refuses are answered -1 with confidence 0."""
    said, sure = _refusing(target, cases.x, probabilities=asks_confidence and cases.expect == "abstain")
    if cases.expect == "abstain":
        wrong = np.zeros(len(said), dtype=bool) if sure is None else sure > bar
    else:
        wrong = said != (np.asarray(cases.y) if cases.expect == "label" else _index(target, cases.expect))
    known = cases.expect != "abstain" or sure is not None
    return Answered(cases, said, sure, np.asarray(wrong), cases.counts and known, known)


def _index(target: Predicts, name: str) -> int:
    classes = [str(c) for c in target.info.classes]
    if name not in classes:
        raise ProbeError(f"the model has no class '{name}'", hint=f"Its classes: {', '.join(classes[:8])}")
    return classes.index(name)


def _refusing(target: Predicts, x: NumpyArray, *, probabilities: bool) -> tuple[NumpyArray, NumpyArray | None]:
    """Answers and confidences; where a batch is refused its rows are asked one by one."""
    said, sure = np.full(len(x), -1), np.zeros(len(x))
    parts = [np.arange(i, min(i + BATCH, len(x))) for i in range(0, len(x), BATCH)]
    while parts:
        rows = parts.pop(0)
        try:
            if probabilities:
                p = to_numpy(target.probabilities(target.encode(x[rows])))  # type: ignore[attr-defined]
                p = np.where(np.isfinite(p).all(axis=1, keepdims=True), p, 0.0)
                said[rows], sure[rows] = np.where(p.max(axis=1) > 0, p.argmax(axis=1), -1), p.max(axis=1)
            else:
                said[rows] = _predict(target, x[rows])
        except TargetError:
            parts += [rows[i : i + 1] for i in range(len(rows))] if len(rows) > 1 else []
    return said, sure if probabilities else None


def _predict(target: Predicts, x: NumpyArray) -> NumpyArray:
    parts = [to_numpy(target.predict(target.encode(x[i : i + BATCH]))) for i in range(0, len(x), BATCH)]
    return np.concatenate(parts)
