"""A served model of a small table, with all that a log can know of it: clean traffic, and ways it goes wrong."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np

from momus.core.samples import Column, ColumnKind, NumpyArray
from momus.monitor.events import Batch, blank
from momus.monitor.reference import Reference

NUMBERS = 6
COLUMNS = (
    *(Column(f"c{j}") for j in range(NUMBERS)),
    Column("kind", ColumnKind.CATEGORICAL, categories=tuple("abcde")),
    Column("flag", ColumnKind.BINARY, categories=("no", "yes")),
)
PEOPLE = tuple(f"person {i}" for i in range(60))
_WEIGHTS = np.array([1.6, -1.2, 0.8, 0.5, -0.3, 0.0])
Fault = Callable[[Batch, np.random.Generator], Batch]


def answer(x: NumpyArray) -> NumpyArray:
    """(n, 2) probabilities, calibrated."""
    p = 1 / (1 + np.exp(-1.5 * np.nan_to_num(x[:, :NUMBERS]) @ _WEIGHTS))
    return np.column_stack([1 - p, p])


def inputs(n: int, rng: np.random.Generator) -> NumpyArray:
    numbers = rng.normal(size=(n, NUMBERS))
    return np.column_stack([numbers, rng.choice(5, n, p=[0.4, 0.3, 0.2, 0.06, 0.04]), rng.integers(0, 2, n)])


def reference(n: int = 2000, seed: int = 0, *, versions: tuple[str, ...] = ("1.0",)) -> Reference:
    rng = np.random.default_rng(seed)
    x = inputs(n, rng)
    outputs = answer(x)
    label = (rng.random(n) < outputs[:, 1]).astype(float)
    said = outputs.argmax(axis=1).astype(np.int64)
    none = np.zeros((0, x.shape[1]))
    return Reference("m", "s", "classifier", x, COLUMNS, "table", outputs, said, label, none, ("no", "yes"), versions)


def traffic(n: int, seed: int) -> Batch:
    """Clean events that carry everything a log may."""
    rng = np.random.default_rng([seed, 77])
    x = inputs(n, rng)
    outputs = answer(x)
    who = (rng.random(n) ** 2 * len(PEOPLE)).astype(np.int32)
    goal = rng.normal(size=n)
    return replace(
        blank(n, columns=x.shape[1], outputs=2),
        time=np.arange(n, dtype=float),
        caller=who,
        callers=PEOPLE,
        x=x,
        outputs=outputs,
        said=outputs.argmax(axis=1).astype(np.int64),
        label=np.where(rng.random(n) < 0.4, (rng.random(n) < outputs[:, 1]).astype(float), np.nan),
        contributor=np.where(rng.random(n) < 0.5, who, -1).astype(np.int32),
        contributors=PEOPLE,
        learned=rng.random(n) < 0.3,
        seconds=rng.lognormal(-4, 0.5, n),
        size=rng.lognormal(6, 1, n),
        memory=rng.lognormal(18, 0.3, n),
        status=np.where(rng.random(n) < 0.003, 500, 200).astype(np.int16),
        reward=goal + 0.3 * rng.normal(size=n),
        goal=np.where(rng.random(n) < 0.4, goal + 0.3 * rng.normal(size=n), np.nan),
        served=np.zeros(n, np.int32),
        version=("1.0",),
    )


def cell(batch: Batch, column: int, value: NumpyArray | float, rows: slice = slice(None)) -> Batch:
    """Other values in one column; the model answers to what it is given."""
    x = batch.x.copy()
    x[rows, column] = value
    return replace(batch, x=x, outputs=answer(x), said=answer(x).argmax(axis=1).astype(np.int64))


def _relation(batch: Batch, rng: np.random.Generator) -> Batch:
    """Labels stop following the inputs: invisible but in labels."""
    return replace(batch, label=np.where(np.isnan(batch.label), np.nan, rng.integers(0, 2, len(batch))))


def _border(batch: Batch, rng: np.random.Generator) -> Batch:
    outputs = batch.outputs.copy()
    outputs[: len(outputs) // 5] = [0.49, 0.51]
    return replace(batch, outputs=outputs)


def _lies(batch: Batch, rng: np.random.Generator) -> Batch:
    lie = rng.random(len(batch)) < 0.3
    return replace(batch, label=np.where(lie & ~np.isnan(batch.label), 1 - batch.said, batch.label))


def _liar(batch: Batch, rng: np.random.Generator) -> Batch:
    return replace(batch, label=np.where(batch.contributor == 1, 1.0 - batch.said, batch.label))


def _crowding(batch: Batch, rng: np.random.Generator) -> Batch:
    return replace(batch, contributor=np.where(rng.random(len(batch)) < 0.6, 5, batch.contributor).astype(np.int32))


def _foreign(batch: Batch, rng: np.random.Generator) -> Batch:
    x = batch.x.copy()
    x[batch.caller == 7, :NUMBERS] *= 8
    return replace(batch, x=x)


def _greedy(batch: Batch, rng: np.random.Generator) -> Batch:
    return replace(batch, seconds=np.where(batch.caller == 7, 40 * batch.seconds, batch.seconds))


def _slow(batch: Batch, rng: np.random.Generator) -> Batch:
    seconds = batch.seconds.copy()
    seconds[::15] *= 40
    return replace(batch, seconds=seconds)


def _refused(batch: Batch, rng: np.random.Generator) -> Batch:
    return replace(batch, status=np.where(rng.random(len(batch)) < 0.08, 422, batch.status).astype(np.int16))


def _strange(batch: Batch, rng: np.random.Generator) -> Batch:
    served = (np.arange(len(batch)) % 50 == 0).astype(np.int32)
    return replace(batch, served=served, version=("1.0", "1.1-test"))


def _blind(batch: Batch, rng: np.random.Generator) -> Batch:
    """All of one kind of input is answered wrongly; the model knows nothing of it."""
    hit = (batch.x[:, 6] == 2) & ~np.isnan(batch.label)
    return replace(batch, label=np.where(hit, 1.0 - batch.said, batch.label))


# (detector, fault) -> what the fault does to a window, and the largest p it may be left with
FAULTS: Mapping[tuple[str, str], tuple[Fault, float]] = {
    ("shift.inputs", "moved"): (lambda b, r: cell(b, 0, b.x[:, 0] + 0.5), 1e-6),
    ("shift.inputs", "other categories"): (lambda b, r: cell(b, 6, r.integers(0, 5, len(b))), 1e-6),
    ("shift.inputs", "stopped coming"): (lambda b, r: cell(b, 4, np.nan), 1e-300),
    ("shift.harm", "moved"): (lambda b, r: cell(b, 0, b.x[:, 0] + 0.5), 1e-6),
    ("shift.harm", "relation"): (_relation, 1e-6),
    ("corruption.quality", "missing"): (lambda b, r: cell(b, 2, np.nan, slice(0, 60)), 1e-6),
    ("corruption.quality", "out of range"): (lambda b, r: cell(b, 2, 1e5, slice(0, 60)), 1e-6),
    ("corruption.quality", "unseen category"): (lambda b, r: cell(b, 6, -1.0, slice(0, 60)), 1e-6),
    ("corruption.quality", "stuck"): (lambda b, r: cell(b, 3, 0.25, slice(500, None)), 1e-6),
    ("corruption.quality", "doubled"): (lambda b, r: cell(b, 3, b.x[:, 1]), 1e-6),
    ("corruption.quality", "other unit"): (lambda b, r: cell(b, 1, b.x[:, 1] / 1000), 1e-6),
    ("perturbation.confidence", "border"): (_border, 1e-6),
    ("poisoning.labels", "lies"): (_lies, 1e-6),
    ("poisoning.contributors", "one liar"): (_liar, 1e-3),
    ("poisoning.contributors", "one crowds out"): (_crowding, 1e-2),
    ("reprogramming.cost", "foreign inputs"): (_foreign, 1e-6),
    ("reprogramming.cost", "greedy"): (_greedy, 1e-2),
    ("dependencies.cost", "slow"): (_slow, 1e-2),
    ("dependencies.cost", "refused"): (_refused, 1e-2),
    ("reward_hacking.divergence", "hollow"): (lambda b, r: replace(b, reward=b.reward + 0.5), 1e-6),
    ("natural.confident", "one kind of input"): (_blind, 1e-3),
    ("natural.confident", "relation"): (_relation, 1e-6),
    ("incomplete_testing.coverage", "foreign inputs"): (lambda b, r: cell(b, 2, 12.0, slice(0, 80)), 1e-6),
    ("incomplete_testing.coverage", "unseen category"): (lambda b, r: cell(b, 6, -1.0, slice(0, 80)), 1e-6),
    ("supply_chain.version", "unapproved"): (_strange, 0.0),
}
