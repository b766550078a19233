"""Q-tables as policies: the greedy action of a table, read from a file of numbers."""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from momus.core.errors import TargetError
from momus.core.samples import NumpyArray


class QTable:
    """Greedy actions from a table of values. An observation the table lacks gets the action that is best on average."""

    def __init__(self, keys: NumpyArray, q: NumpyArray) -> None:
        self.rows = {str(k): i for i, k in enumerate(keys)}
        self.q = q
        self.fallback = int(q.mean(axis=0).argmax())

    def __call__(self, observation: Any) -> int:
        row = self.rows.get(observation_key(observation))
        return self.fallback if row is None else int(self.q[row].argmax())

    def together(self, observations: NumpyArray, /) -> NumpyArray:
        """(n, ...) observations -> (n,) actions. Each observation that is new among them is looked up once."""
        observations = np.asarray(observations)
        if observations.ndim == 1:
            return np.array([self(o) for o in observations.tolist()], dtype=np.int64)
        rows = np.ascontiguousarray(observations).reshape(len(observations), -1)
        _, first, inverse = np.unique(
            rows.view(np.dtype((np.void, rows.dtype.itemsize * rows.shape[1])))[:, 0],
            return_index=True, return_inverse=True,
        )  # fmt: skip
        return np.array([self(observations[i]) for i in first], dtype=np.int64)[inverse]


def observation_key(observation: Any) -> str:
    """A stable name of an observation: whole numbers by value, everything else by the sha256 of its content."""
    if isinstance(observation, str | bool | int | np.integer):
        return str(observation)
    h = hashlib.sha256()
    _digest(h, observation)
    return h.hexdigest()[:24]


def save_table(path: str | Path, table: Mapping[str, Sequence[float]]) -> None:
    """Write a Q-table, observation key -> value of each action, as .npz: ``keys`` (m,) texts, ``q`` (m, actions)."""
    keys = sorted(table)
    np.savez_compressed(path, keys=np.array(keys), q=np.array([table[k] for k in keys], dtype=np.float64))


def load_table(path: Path) -> QTable:
    """Read a Q-table from .npz, never unpickling: ``q`` (m, actions) and ``keys`` (m,), or rows 0..m-1 without keys."""
    try:
        with np.load(path, allow_pickle=False) as held:
            q = np.asarray(held["q"], dtype=np.float64)
            keys = held["keys"] if "keys" in held else np.arange(len(q))
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise TargetError(
            f"not a Q-table: {' '.join(str(error).split())[:200]}",
            place=str(path),
            hint="It needs q (m, actions), keys (m,)",
        ) from error
    if q.ndim != 2 or not q.size or len(keys) != len(q) or not np.isfinite(q).all():
        raise TargetError(f"the Q-table has shape {q.shape} for {len(keys)} keys, or holds NaN", place=str(path))
    return QTable(keys, q)


def _digest(h: Any, value: Any) -> None:
    if isinstance(value, Mapping):
        for key in sorted(value, key=str):
            h.update(f"{key}=".encode())
            _digest(h, value[key])
    elif isinstance(value, tuple | list):
        for item in value:
            h.update(b",")
            _digest(h, item)
    elif isinstance(value, np.ndarray):
        h.update(f"{value.dtype.str}{value.shape}".encode())
        h.update(np.ascontiguousarray(value).tobytes())
    else:
        h.update(str(value).encode())
