"""Who stands in the line-ups, and where a search may look: all that both probes fix before their first query."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from array_api_compat import array_namespace, device

from momus.core.capabilities import Array, Encodes, to_numpy
from momus.core.errors import ProbeError
from momus.core.evidence import Table
from momus.core.probe import Trial
from momus.core.records import Caveat, Interval, Measurement
from momus.core.samples import NumpyArray, Samples
from momus.methods.inversion_space import Space, Waves, rows_space
from momus.methods.lineup import Panel, panel

PHOTOS = 6  # held-out photographs of a person that are looked at, at most


@dataclass(frozen=True)
class People:
    """The people in the line-ups, as classes of the target, and the space their likeness is searched in."""

    panel: Panel
    classes: NumpyArray
    names: tuple[str, ...]
    space: Space
    like: Array
    target: Any
    rounds: int
    notes: tuple[Caveat, ...]

    @property
    def is_image(self) -> bool:
        return self.panel.photos.ndim == 4

    def native(self, x: NumpyArray) -> Array:
        """Canonical inputs in the library and on the device of the target."""
        return array_namespace(self.like).asarray(x, dtype=self.like.dtype, device=device(self.like))

    def read(self, z: NumpyArray) -> NumpyArray:
        """Inputs as data are read: what the recogniser and the reader look at."""
        return np.asarray(self.target.decode(self.native(self.space.lift(z))))


def people_of(
    target: Encodes, trial: Trial, *, persons: int, line_up: int, photos: int, most: int
) -> People | tuple[Caveat, ...]:
    """The people, or why no line-up could be held."""
    for name, value, least in (("persons", persons, 2), ("line_up", line_up, 2), ("photos", photos, 1)):
        if value < least:
            raise ProbeError(f"{name} must be at least {least}, not {value}", place=f"option '{name}'")
    test = trial.samples("test")
    if test.y is None or not (test.is_image or test.is_table):
        raise ProbeError("a line-up needs pictures or rows with labels", place="data.test")
    rng = trial.rng
    held = _unseen(test, trial.data.get("train"))
    label = np.asarray(test.y)[held].astype(np.int64)
    known, counts = np.unique(label[label >= 0], return_counts=True)
    if len(known) < line_up:
        return (_few(len(known), line_up),)
    order = rng.permutation(len(known))
    chosen = np.sort(known[order[np.argsort(counts[order] < 2, kind="stable")][:persons]])
    rows = np.concatenate([np.flatnonzero(label == c)[:PHOTOS] for c in chosen])
    taken = test.take(held[rows])
    position = np.searchsorted(chosen, label[rows])
    like = target.encode(taken.x[:1])
    names = target.info.classes or test.classes
    return People(
        panel(np.asarray(taken.x), position, line_up, rng),
        chosen,
        tuple(names[c] if c < len(names) else f"class {c}" for c in chosen),
        _space(target, test, trial.data.get("pool"), like, most),
        like,
        target,
        photos,
        _notes(trial, test.take(held), counts),
    )


def nothing(trial: Trial, why: tuple[Caveat, ...]) -> Measurement:
    """The measurement of a line-up that could not be held."""
    table = Table(title="No line-up was held", columns=("why",), rows=tuple((c.message,) for c in why))
    return trial.measurement(0.0, Interval(low=-1.0, high=1.0), 0, evidence=[table], caveats=why)


def _few(classes: int, size: int) -> Caveat:
    message = f"{classes} classes have held-out photographs, and a line-up needs {size}: nobody could be picked out"
    return Caveat(code="too-few-classes", message=message, blocks="both")


def _unseen(test: Samples, train: Samples | None) -> NumpyArray:
    """Rows of the test data that are not in the training data as well, to the last bit."""
    if train is None or train.x.shape[1:] != test.x.shape[1:]:
        return np.arange(len(test))
    learned = {np.ascontiguousarray(row).tobytes() for row in train.x}
    own = [np.ascontiguousarray(row).tobytes() not in learned for row in test.x]
    return np.flatnonzero(np.array(own, dtype=bool))


def _space(target: Encodes, test: Samples, pool: Samples | None, like: Array, most: int) -> Space:
    """Pictures start from plain grey and rows from the middle of their range, both from the pool's mean with a pool."""
    others = pool if pool is not None and len(pool) > 1 and pool.x.shape[1:] == test.x.shape[1:] else None
    if test.is_table:
        return rows_space(test.columns, np.asarray(test.x, float), None if others is None else np.asarray(others.x))
    shape = tuple(int(s) for s in like.shape[1:])
    if others is None:
        return Waves(np.full(shape, 0.5, dtype=np.float32), most)
    return Waves(np.asarray(to_numpy(target.encode(others.x)).mean(axis=0), dtype=np.float32), most)


def _notes(trial: Trial, test: Samples, counts: NumpyArray) -> tuple[Caveat, ...]:
    """What stands in the way of reading the number as people who are given away."""
    found = []
    said = trial.context.get("class_is_person")
    if test.ids is not None and said is None:
        each = [len(np.unique(np.asarray(test.ids)[np.asarray(test.y) == c])) for c in np.unique(np.asarray(test.y))]
        said = float(np.median(each)) < 2
    if not said:
        why = "nobody says that a class is a person" if said is None else "a class is not one person"
        hint = "give the rows' ids or the fact data.class_is_person" if said is None else "no one person is given away"
        message = f"{why}: what was recovered is what the members of a class have in common ({hint})"
        found.append(Caveat(code="class-is-no-person", message=message, blocks="fail"))
    if (counts > 1).sum() < 2:
        message = "hardly anybody has two held-out photographs, so the recogniser could not be checked on real ones"
        found.append(Caveat(code="recogniser-unchecked", message=message, blocks="both"))
    return tuple(found)
