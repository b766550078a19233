"""Which model answers behind an address: a few rows whose answers are part of its identity, asked again at the end.

A served model has no file to digest. Its address, its settings and what the server tells of it say which model is
meant; the answers to the canaries say whether it is still the one that answered before.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from momus.core import digest
from momus.core.cache import Cache
from momus.core.samples import NumpyArray, Samples

ROWS = 16
TEXTS = 4  # a model that generates is slow
RELATIVE, ABSOLUTE = 1e-3, 1e-5  # by which numbers of one model may differ: another batch, another device


@dataclass(frozen=True)
class Canaries:
    """The rows in the target's canonical space, what they were answered at first, and whether a repeat was the same.

    ``shared`` is True for rows that whoever opened the model at the beginning of the run asked too.
    """

    rows: NumpyArray
    answers: NumpyArray
    steady: bool = True
    shared: bool = False

    @property
    def digest(self) -> str:
        """Over the answers, numbers rounded; "" of a model that answers differently each time."""
        if not self.steady or not len(self.rows):
            return ""
        return digest.of_value(_rounded(self.answers))

    def same(self, answers: NumpyArray) -> bool:
        return alike(self.answers, answers)


def alike(first: NumpyArray, second: NumpyArray) -> bool:
    """Whether two answers to the same rows are those of one model."""
    if first.shape != second.shape:
        return False
    if first.dtype.kind in "fiub" and second.dtype.kind in "fiub":
        a, b = first.astype(np.float64), second.astype(np.float64)
        return bool(np.allclose(a, b, rtol=RELATIVE, atol=ABSOLUTE, equal_nan=True))
    return bool((first.astype(str) == second.astype(str)).all())


def _rounded(answers: NumpyArray) -> list[str]:
    if answers.dtype.kind == "f":
        return [f"{v:.3g}" for v in answers.ravel()]
    return [str(v) for v in answers.ravel()]


def drawn(samples: Samples | None, encode: Callable[[NumpyArray], NumpyArray], blank: NumpyArray | None, n: int) -> Any:
    """Canary rows: evenly spaced over the data, or random ones where there are none."""
    if samples is not None and len(samples):
        at = np.unique(np.linspace(0, len(samples) - 1, n).astype(np.int64))
        return encode(samples.x[at])
    return blank


def recognise(
    identity: Mapping[str, Any],
    rows: NumpyArray | None,
    ask: Callable[[NumpyArray], NumpyArray],
    *,
    folder: Path | None,
    first: bool,
) -> Canaries:
    """The canaries of the model that is meant, asked now.

    The first to open it in a run (``first``) draws them, asks them twice and keeps them in ``folder``; the others ask
    the same rows once. Whoever finds other answers than were kept keeps what it found: it is another model.
    """
    key = digest.of_value(["canaries", identity])
    cache = None if folder is None else Cache(folder)
    kept = None if cache is None or not cache.holds(key) else _held(cache.arrays(key, dict))
    if kept is None or (first and not _fits(kept, rows)):
        if rows is None or not len(rows):
            return Canaries(np.zeros(0), np.zeros(0))
        return _new(rows, ask, cache, key)
    now = ask(kept.rows)
    if not kept.steady:
        return Canaries(kept.rows, now, steady=False, shared=True)
    # What was kept counts where it is the same model: rounding must not make two of one.
    return kept if kept.same(now) else replace(_new(kept.rows, ask, cache if first else None, key, now), shared=True)


def _new(
    rows: NumpyArray, ask: Callable[[NumpyArray], NumpyArray], cache: Cache | None, key: str, now: Any = None
) -> Canaries:
    answers = ask(rows) if now is None else now
    made = Canaries(rows, answers, alike(answers, ask(rows)))
    if cache is not None:
        arrays = {"rows": _plain(rows), "answers": _plain(answers), "steady": np.array(made.steady)}
        Cache(cache.folder, reads=False).arrays(key, lambda: arrays)
    return made


def _plain(a: NumpyArray) -> NumpyArray:
    """Objects as texts: nothing that would have to be unpickled is kept."""
    return np.array([str(v) for v in a.ravel()]).reshape(a.shape) if a.dtype == object else a


def _held(arrays: Mapping[str, NumpyArray]) -> Canaries | None:
    if not {"rows", "answers", "steady"} <= arrays.keys() or not len(arrays["rows"]):
        return None
    rows, answers = (a.astype(object) if a.dtype.kind == "U" else a for a in (arrays["rows"], arrays["answers"]))
    return Canaries(rows, answers, bool(arrays["steady"]), shared=True)


def _fits(kept: Canaries, rows: NumpyArray | None) -> bool:
    """Whether the kept rows are rows of the data as they are now: another shape would only fail."""
    return rows is None or (kept.rows.shape[1:] == rows.shape[1:] and kept.rows.dtype.kind == rows.dtype.kind)
