"""What several models say about the same rows, in one order of classes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from momus.core.capabilities import Predicts, Probabilities, Trains, missing, to_numpy
from momus.core.errors import BudgetSpent, MomusError
from momus.core.probe import Trial
from momus.core.samples import NumpyArray, Samples

SAME = 1e-3  # mean of the largest gap between two models' probabilities below which they are one
VALUES = 10_000_000  # numbers handed to a model at once, at most


@dataclass(frozen=True)
class Said:
    """``said`` (n,) class indices of the target; ``probabilities`` (n, k) or None where a model gives labels alone."""

    said: NumpyArray
    probabilities: NumpyArray | None

    @property
    def confidence(self) -> NumpyArray:
        """(n,) probability of the answer; a bare label is given without doubt and counts as 1."""
        if self.probabilities is None:
            return np.ones(len(self.said))
        return np.asarray(self.probabilities[np.arange(len(self.said)), self.said], dtype=float)

    def take(self, rows: NumpyArray) -> Said:
        return Said(self.said[rows], None if self.probabilities is None else self.probabilities[rows])


def batch(x: NumpyArray) -> int:
    """Rows to hand over at once."""
    width = int(np.prod(x.shape[1:])) if x.ndim > 1 else 200
    return int(np.clip(VALUES // max(1, width), 1, 4096))


def ask(model: Any, x: NumpyArray, trial: Trial | None = None, part: tuple[float, float] = (0.0, 1.0)) -> Said:
    """The model's answers, in order, until a budget is spent: then fewer rows than were asked for.

    Numbers that are not finite count as probability 0. ``part`` of the whole work is told to ``trial``.
    """
    bare = getattr(model, "target", model)
    gives = not missing(bare, Probabilities)
    said, held = [], []
    size = batch(x)
    for start in range(0, len(x), size):
        if trial is not None:
            trial.progress(part[0] + (part[1] - part[0]) * start / len(x), f"{start} of {len(x)} rows")
        try:
            a = model.encode(x[start : start + size])
            if gives:
                p = np.nan_to_num(to_numpy(model.probabilities(a)).astype(np.float32), posinf=0.0, neginf=0.0)
                held.append(p)
                said.append(p.argmax(axis=1))
            else:
                said.append(to_numpy(model.predict(a)).astype(np.int64))
        except BudgetSpent:
            break
    if not said:
        return Said(np.zeros(0, dtype=np.int64), None)
    return Said(np.concatenate(said).astype(np.int64), np.concatenate(held) if gives else None)


def in_order(found: Said, classes: tuple[str, ...], wanted: tuple[str, ...]) -> Said | None:
    """Answers of a model that names its classes in another order, as the target orders them; None where they differ."""
    if not classes or not wanted or classes == wanted:
        return found
    if set(classes) != set(wanted):
        bare = tuple(str(i) for i in range(len(classes)))
        return found if len(classes) == len(wanted) and bare in (classes, wanted) else None
    to = np.array([wanted.index(c) for c in classes])
    back = np.array([classes.index(c) for c in wanted])
    p = found.probabilities
    return Said(to[found.said], None if p is None else p[:, back])


def same(a: Said, b: Said) -> bool:
    """Whether two models say the same of every row, in class and in probability: one model under two names.

    Of bare labels nobody can tell: good models mostly agree.
    """
    if a.probabilities is None or b.probabilities is None or a.probabilities.shape != b.probabilities.shape:
        return False
    gap = np.abs(a.probabilities - b.probabilities).max(axis=1)
    return bool(np.array_equal(a.said, b.said) and gap.mean() < SAME)


@dataclass(frozen=True)
class Second:
    """A model that had no part in finding anything. ``kind``: beside, copy."""

    name: str
    kind: str
    model: Any


def beside(trial: Trial, classes: tuple[str, ...]) -> list[Second]:
    """The user's other models of the same task that predict."""
    fit = [o for o in trial.others if not missing(o, Predicts) and o.info.task == "classifier"]
    return [Second(o.info.name, "beside", o) for o in fit if not _strange(o.info.classes, classes)]


def _strange(a: tuple[str, ...], b: tuple[str, ...]) -> bool:
    return bool(a and b) and len(a) != len(b)


def copies(target: Any, trial: Trial, count: int) -> tuple[list[Second], str]:
    """Models of the same recipe trained on the role ``train`` with other seeds, and why there are none."""
    bare = getattr(target, "target", target)
    train = trial.data.get("train")
    if missing(bare, Trains) or train is None or train.y is None:
        return [], ""
    made = []
    try:
        for i in range(count):
            trial.progress(0.5, f"training copy {i + 1} of {count}")
            model = target.retrain(train.x, train.y, seed=trial.seed + 1 + i)
            made.append(Second(f"copy {i + 1}", "copy", model))
    except BudgetSpent:
        return made, "the budget ended before all copies were trained"
    except MomusError as error:
        return made, f"no copy could be trained: {error.message}"
    return made, ""


def without(samples: Samples, seen: Samples | None) -> tuple[Samples, int]:
    """The rows whose input does not occur in ``seen``, and how many did."""
    if seen is None or not len(samples):
        return samples, 0
    known = set(keys(seen.x))
    fresh = np.array([k not in known for k in keys(samples.x)], dtype=bool)
    return (samples, 0) if fresh.all() else (samples.take(fresh), int((~fresh).sum()))


def keys(x: NumpyArray) -> list[bytes]:
    """What two equal inputs have in common; clips are compared without the zeros that fill them up."""
    if x.ndim == 1:
        return [str(t).encode() for t in x]
    flat = np.ascontiguousarray(x.reshape(len(x), -1))
    if flat.dtype.kind == "f":
        flat = flat + 0.0  # -0.0 and 0.0 are the same value
    return [row.tobytes().rstrip(b"\0") for row in flat]


def filled(samples: Samples) -> tuple[Samples, int]:
    """Texts that hold something, and how many were empty; other data as they are."""
    if not samples.is_text or not len(samples):
        return samples, 0
    holds = np.array([bool(str(t).strip()) for t in samples.x], dtype=bool)
    return (samples, 0) if holds.all() else (samples.take(holds), int((~holds).sum()))
