"""What the successes look like: pictures side by side, or the columns that were changed."""

from __future__ import annotations

import numpy as np
from array_api_compat import array_namespace, device

from momus.core.capabilities import Array, Predicts, to_numpy
from momus.core.errors import BudgetSpent
from momus.core.evidence import Cell, Picture, Pictures, Table
from momus.core.samples import NumpyArray
from momus.methods.picture import png
from momus.probes.perturbation._inputs import Inputs

SHOWN = 4


def pictures(target: Predicts, inputs: Inputs, x: Array, won: NumpyArray, labels: NumpyArray) -> list[Pictures | Table]:
    """Original, adversarial and enlarged difference of a few successes, of different classes where there are any."""
    index = _few(won, to_numpy(inputs.y)[inputs.chosen])
    if not len(index):
        return []
    before, after = _native(inputs.at(inputs.chosen)[0], index), _native(x, index)
    sure0, sure1 = _confidence(target, inputs, before), _confidence(target, inputs, after)
    original, changed = to_numpy(before), to_numpy(after)
    low, high = float(inputs.domain.low), float(inputs.domain.high)
    largest = max(float(np.abs(changed - original).max()), 1e-9)
    factor = max(1, int(0.5 * (high - low) / largest))
    true = inputs.answers[inputs.chosen][index]
    rows = []
    for i, j in enumerate(index):
        was, now = _name(inputs, true[i]), _name(inputs, labels[j])
        difference = 0.5 + factor * (changed[i] - original[i]) / (high - low)
        rows.append(
            (
                Picture(caption=f"{was}{sure0[i]}", png=png((original[i] - low) / (high - low))),
                Picture(caption=f"{was} → {now}{sure1[i]}", png=png((changed[i] - low) / (high - low))),
                Picture(caption=f"difference × {factor}", png=png(difference)),
            )
        )
    note = f"{inputs.norm}, epsilon {inputs.epsilon:.4g}; grey in the difference means unchanged"
    return [Pictures(title="Original, adversarial, difference", note=note, rows=tuple(rows))]


def changed_columns(
    target: Predicts, inputs: Inputs, x: Array, won: NumpyArray, labels: NumpyArray
) -> list[Pictures | Table]:
    """The columns that were changed in a few successes, fewest changes first."""
    original, changed = to_numpy(inputs.at(inputs.chosen)[0]), to_numpy(x)
    true = inputs.answers[inputs.chosen]
    differs = (original != changed) & ~(np.isnan(original) & np.isnan(changed))
    index = np.flatnonzero(won)
    index = index[np.argsort(differs[index].sum(axis=1), kind="stable")][:SHOWN]
    rows: list[tuple[Cell, ...]] = []
    for j in index:
        verdict = f"{_name(inputs, true[j])} → {_name(inputs, labels[j])}"
        rows += [
            (int(inputs.chosen[j]), column, before, after, verdict)
            for column, before, after in _changes(inputs, original[j], changed[j], differs[j])
        ]
    if not rows:
        return []
    names = ("input", "column", "original", "changed to", "decision")
    return [Table(title="Rows that were turned, and by which columns", columns=names, rows=tuple(rows))]


def _changes(
    inputs: Inputs, before: NumpyArray, after: NumpyArray, differs: NumpyArray
) -> list[tuple[str, Cell, Cell]]:
    out: list[tuple[str, Cell, Cell]] = []
    for i in np.flatnonzero(differs):
        column = inputs.samples.columns[i] if inputs.samples.columns else None
        name = column.name if column else f"column {i}"
        values: list[Cell] = []
        for v in (float(before[i]), float(after[i])):
            known = column is not None and column.categories and v.is_integer() and 0 <= v < len(column.categories)
            values.append(column.categories[int(v)] if known and column else round(v, 6))
        out.append((name, values[0], values[1]))
    return out


def _few(won: NumpyArray, y: NumpyArray) -> NumpyArray:
    """Up to SHOWN successes: the first of each class, then the first of the rest."""
    index = np.flatnonzero(won)
    _, first = np.unique(y[index], return_index=True)
    order = np.concatenate([np.sort(first), np.setdiff1d(np.arange(len(index)), first)]).astype(int)
    return np.asarray(index[order[:SHOWN]])


def _native(x: Array, index: NumpyArray) -> Array:
    return x[array_namespace(x).asarray(index, device=device(x))]


def _confidence(target: Predicts, inputs: Inputs, x: Array) -> list[str]:
    """', 93%' of each row's winning class by softmax of the scores; empty without scores or budget, or for values."""
    if inputs.scores is None or not inputs.classes:
        return [""] * len(x)
    try:
        z = to_numpy(target.scores(x)).astype(float)  # type: ignore[attr-defined]
    except BudgetSpent:
        return [""] * len(x)
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return [f", {p:.0%}" for p in e.max(axis=1) / e.sum(axis=1)]


def _name(inputs: Inputs, answer: float) -> str:
    if not inputs.classes:
        return f"{answer:.4g}"
    classes, label = inputs.samples.classes, int(answer)
    return classes[label] if 0 <= label < len(classes) else f"class {label}"
