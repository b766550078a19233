"""Tally: what detectors of a population share. Their state is arrays of counts: of this window, and lasting ones."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

import numpy as np

from momus.core.samples import NumpyArray
from momus.monitor.detector import State
from momus.monitor.events import Batch

_LARGE = 1e6
MICRO = 1e6  # amounts are added up as whole millionths, so that no order of adding changes the last bit


class Tally:
    """``window`` arrays begin at zero in each window, ``lasting`` ones are kept; both keep their shapes.
    ``sparse`` ones, equally long, are mostly empty: a state holds only the places that are not.

    Counts are whole numbers: the same events cut into batches in any way leave the same state, to the last bit.
    """

    name: ClassVar[str]
    metric: ClassVar[str]
    worse: ClassVar[Literal["lower", "higher"]] = "higher"
    cheap: ClassVar[bool] = True

    def __init__(
        self,
        window: Mapping[str, NumpyArray],
        lasting: Mapping[str, NumpyArray] | None = None,
        sparse: tuple[str, ...] = (),
    ) -> None:
        self._window, self._sparse = tuple(window), sparse
        self.of: dict[str, NumpyArray] = {k: v.copy() for k, v in {**window, **(lasting or {})}.items()}

    def clear(self) -> None:
        """Begin the next window."""
        for name in self._window:
            self.of[name] = np.zeros_like(self.of[name])

    def state(self) -> State:
        whole = {k: v.copy() for k, v in self.of.items() if k not in self._sparse}
        if not self._sparse:
            return whole
        used = np.flatnonzero(np.any([self.of[k].astype(bool) for k in self._sparse], axis=0))
        return {**whole, **{k: self.of[k][used] for k in self._sparse}, "places": used}

    def restore(self, state: State) -> None:
        places = state.get("places", np.zeros(0, np.int64))
        wanted = {k: ((len(places),) if k in self._sparse else v.shape, v.dtype.kind) for k, v in self.of.items()}
        if {k: (v.shape, v.dtype.kind) for k, v in state.items() if k != "places"} != wanted:
            raise ValueError(f"no state of {self.name}")
        if len(places) and not 0 <= int(places.min()) <= int(places.max()) < len(self.of[self._sparse[0]]):
            raise ValueError(f"no state of {self.name}: its places do not exist")
        for name, now in self.of.items():
            if name in self._sparse:
                now = np.zeros_like(now)
                now[places] = state[name]
                self.of[name] = now
            else:
                self.of[name] = state[name].astype(now.dtype)


def inputs(batch: Batch, columns: int) -> NumpyArray:
    """(n, columns) the inputs of a batch; all missing where its events carry none, or another number of columns."""
    if batch.x.ndim == 2 and batch.x.shape[1] == columns:
        return batch.x
    return np.full((len(batch), columns), np.nan)


def millionths(values: NumpyArray) -> NumpyArray:
    """Amounts as whole millionths (int64), NaN as 0; beyond a million they count as a million, so that a million of
    them can be added up."""
    out: NumpyArray = np.rint(np.clip(np.nan_to_num(values, posinf=_LARGE, neginf=-_LARGE), -_LARGE, _LARGE) * MICRO)
    return out.astype(np.int64)


def middles(x: NumpyArray) -> NumpyArray:
    """(d,) median of what is finite in each column, 0 where nothing is."""
    x = np.where(np.isfinite(x), x, np.nan)
    return np.asarray(np.nanmedian(np.where(np.isnan(x).all(axis=0), 0.0, x), axis=0))


def filled(x: NumpyArray, by: NumpyArray) -> NumpyArray:
    """Missing values filled ``by`` (d,); infinite ones stay as far out as squares can be taken of."""
    return np.asarray(np.clip(np.where(np.isnan(x), by, x), -1e100, 1e100))
