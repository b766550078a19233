"""Batch: events of a served model in columns, as detectors read them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from momus.core.samples import NumpyArray


@dataclass(frozen=True)
class Batch:
    """``n`` events in the order of their arrival. A column that a log does not have is filled with its "not known".

    Attributes
    ----------
    time : float64 (n,), seconds since 1970, by the event itself; NaN not known.
    callers : names; ``caller`` int32 (n,) are indices into it, -1 where nobody is named.
    x : float64 (n, d), the input as the reference describes it (:class:`~momus.monitor.reference.Reference`); NaN a
        value that is missing; (n, 0) where events carry no input.
    outputs : float64 (n, k) probabilities, or values (n, 1) of a regressor; (n, 0) where events carry none.
    said : int64 (n,), the class that was answered; -1 not known.
    label : float64 (n,), the true class or value where it is known by now; NaN not known.
    contributors : names; ``contributor`` int32 (n,) says who supplied the label or the row to learn from, -1 nobody.
    learned : bool (n,), whether the row goes back into training.
    seconds, size, memory : float64 (n,), time of the answer, bytes of the request, bytes of memory; NaN not known.
    status : int16 (n,), the HTTP status of the answer; 0 not known.
    reward, goal : float64 (n,), the reward that an agent counted and what its makers really wanted; NaN not known.
    version : names of model versions; ``served`` int32 (n,) are indices into it, -1 not known.
    """

    time: NumpyArray
    caller: NumpyArray
    callers: tuple[str, ...]
    x: NumpyArray
    outputs: NumpyArray
    said: NumpyArray
    label: NumpyArray
    contributor: NumpyArray
    contributors: tuple[str, ...]
    learned: NumpyArray
    seconds: NumpyArray
    size: NumpyArray
    memory: NumpyArray
    status: NumpyArray
    reward: NumpyArray
    goal: NumpyArray
    served: NumpyArray
    version: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.time)

    def take(self, rows: slice | NumpyArray) -> Batch:
        """Some of the events: a slice costs no copy."""
        some: dict[str, Any] = {k: v[rows] if isinstance(v, np.ndarray) else v for k, v in vars(self).items()}
        return Batch(**some)


def blank(n: int, *, columns: int = 0, outputs: int = 0, **known: Any) -> Batch:
    """A batch in which nothing is known but what is given by name."""
    unknown = np.full(n, np.nan)
    nobody = np.full(n, -1, np.int32)
    fields: dict[str, Any] = {
        "time": unknown, "caller": nobody, "callers": (), "x": np.full((n, columns), np.nan),
        "outputs": np.full((n, outputs), np.nan), "said": np.full(n, -1, np.int64), "label": unknown,
        "contributor": nobody, "contributors": (), "learned": np.zeros(n, bool), "seconds": unknown, "size": unknown,
        "memory": unknown, "status": np.zeros(n, np.int16), "reward": unknown, "goal": unknown, "served": nobody,
        "version": (),
    }  # fmt: skip
    return Batch(**{**fields, **known})
