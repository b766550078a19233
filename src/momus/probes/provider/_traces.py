"""Parts of provider.traces: the clean models it compares with, parameters without use, what it shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from momus.core import seeds
from momus.core.capabilities import Predicts, Trains, missing, to_numpy
from momus.core.errors import BudgetSpent, TargetError
from momus.core.evidence import Bars, Table
from momus.core.probe import Trial
from momus.core.records import Figure
from momus.core.samples import NumpyArray, Samples
from momus.methods import hidden_data, hidden_records, trace_bits, traces
from momus.methods.traces_clean import clean_models
from momus.stats import intervals

MOST_NUMBERS = 300_000
_SHOWN = 24


@dataclass(frozen=True)
class Clean:
    """Statistics of clean models. ``retrained``: they are copies of the target, not models of other recipes."""

    models: Sequence[Mapping[str, float]]
    retrained: bool
    spent: bool = False
    why: str = ""


def statistics(values: Mapping[str, NumpyArray], records: NumpyArray) -> dict[str, float]:
    """All numbers that are compared: of the parameters alone, and how like the training records they are."""
    found = traces.describe(values)
    if len(records):
        flat = hidden_data.laid_out(traces.floats(values))[:MOST_NUMBERS]
        found["data: likeness"] = traces.likeness(flat, records)
    return found


def records_of(trial: Trial, most: int) -> NumpyArray:
    """Training records as rows of values, the first ones: whoever hides records takes them in order. May be empty."""
    train = trial.data.get("train")
    if train is None or not len(train) or hidden_records.kind_of(train) is None:
        return np.zeros((0, 8))
    rows = hidden_records.to_values(hidden_records.records_of(train.take(slice(most))))
    return rows.reshape(len(rows), -1)[:, :4096]


def clean_of(target: Any, trial: Trial, copies: int, records: NumpyArray) -> Clean:
    """Copies of the target trained on the same rows, or models of other recipes where it cannot be trained again."""
    train = trial.data.get("train")
    bare = target.target
    if missing(bare, Trains):
        return Clean(clean_models(), False, why="the target cannot be trained again")
    if train is None or train.y is None or not len(train):
        return Clean(clean_models(), False, why="no labelled training rows are given to train copies on")
    found, spent = [], False
    for i in range(copies):
        trial.progress(0.9 * i / copies, f"clean copy {i + 1} of {copies}")
        try:
            copy = target.retrain(train.x, train.y, seed=seeds.derive(trial.seed, "clean copy", i) % 2**31)
        except BudgetSpent:
            spent = True
            break
        if not callable(getattr(copy, "parameters", None)):
            return Clean(clean_models(), False, why="its retrained copies do not show their parameters")
        found.append(statistics(copy.parameters(), records))
    return Clean(found, True, spent)


def unused(target: Any, values: Mapping[str, NumpyArray], rows: Samples | None, most: int) -> list[str] | None:
    """Arrays that no answer depends on, each replaced by other numbers. None where it could not be tried.

    Asks ``most`` rows for every array of 32 numbers or more, besides the first time.
    """
    if missing(target.target, Predicts) or rows is None or not len(rows):
        return None
    name = next((n for n in ("scores", "probabilities") if callable(getattr(type(target.target), n, None))), "predict")
    x = target.encode(rows.x[:most])
    found = []
    try:
        before = to_numpy(getattr(target, name)(x))
        for key in [k for k, v in values.items() if v.size >= 32]:
            target.spend(len(x))
            v = values[key]
            changed = (v + (1.0 + np.abs(v)) * np.linspace(0.5, 1.5, v.size).reshape(v.shape)).astype(v.dtype)
            other = target.with_parameters({**values, key: changed})
            try:
                if np.array_equal(to_numpy(getattr(other, name)(x)), before):
                    found.append(key)
            except TargetError:
                continue  # answers that are no numbers any more depend on them
    except BudgetSpent:
        return None
    return found


def room(values: Mapping[str, NumpyArray]) -> tuple[float, float, int]:
    """Bytes below the leading bits of the numbers, bytes in their signs, and bits of mantissa that most of them use."""
    held = traces.floats(values)
    seen = {k: trace_bits.precision(v) for k, v in held.items()}
    low = sum(held[k].size * (0 if s.quantised else max(s.stored - trace_bits.LEADING, 0)) for k, s in seen.items())
    size = sum(v.size for v in held.values())
    stored = [(0 if s.quantised else s.stored, held[k].size) for k, s in seen.items()]
    order = sorted(stored, reverse=True)
    weights = np.cumsum([n for _, n in order])
    usual = order[int(np.searchsorted(weights, size / 2))][0] if order else 0
    return low / 8, size / 8, usual


def mixed(values: Mapping[str, NumpyArray]) -> list[str]:
    """Arrays of rounded numbers among which a few are not rounded: something was written into their low bits."""
    seen = {k: trace_bits.precision(v) for k, v in traces.floats(values).items() if v.size >= 64}
    return [k for k, s in seen.items() if s.mixed > 0.001]


def rates(clean: Clean, level: float) -> Figure:
    """How often a clean model is called one with traces: each clean one held against the others."""
    n = len(clean.models)
    alarms = traces.false_alarms(clean.models, level) if n > 4 else 0
    kind = "retrained copies" if clean.retrained else "clean models of other recipes"
    note = f"{alarms} of {n} {kind}, each held against the others"
    ci = intervals.wilson(alarms, n)
    return Figure(name="false_alarm_rate", value=alarms / n if n else 0.0, ci=ci, n=n, note=note)


def table(found: Mapping[str, float], clean: Clean, stand: traces.Standing) -> Table:
    """The statistics that stand out most, each beside the clean models."""
    order = sorted(stand.z, key=lambda k: -abs(stand.z[k]))[:_SHOWN]
    rows = []
    for k in order:
        others = np.array([c[k] for c in clean.models if k in c])
        z, p = round(stand.z[k], 1), float(f"{stand.p[k]:.2g}")
        rows.append((traces.family(k), k, round(found[k], 4), round(float(others.mean()), 4), z, p))
    columns = ("group", "statistic", "this model", "clean models", "deviations", "p, corrected")
    note = f"the {len(rows)} of {len(stand.z)} statistics that differ most"
    return Table(title="Parameters beside clean models", columns=columns, rows=tuple(rows), note=note)


def bars(stand: traces.Standing) -> list[Bars]:
    """The largest deviation of each group."""
    most: dict[str, float] = {}
    for k, z in stand.z.items():
        most[traces.family(k)] = max(most.get(traces.family(k), 0.0), abs(z))
    if not most:
        return []
    names = tuple(sorted(most))
    title = "Largest deviation from clean models by group"
    return [Bars(title=title, y_label="standard deviations", names=names, values=tuple(most[n] for n in names))]
