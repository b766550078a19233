"""One sensitive column of a table as something to be guessed: its values, and rows with each value put in turn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from momus.core.errors import ProbeError
from momus.core.samples import ColumnKind, NumpyArray, Samples

MOST_VALUES = 12
_CODED = (ColumnKind.CATEGORICAL, ColumnKind.BINARY)


@dataclass(frozen=True)
class Secret:
    """``at``: the columns it stands in (several for a one-hot group). ``settings`` (k, len(at)): what they hold for
    each of the k values, called ``labels``. ``edges``: where a numeric column was cut into ranges, each
    asked by its median.
    """

    name: str
    at: tuple[int, ...]
    settings: NumpyArray
    labels: tuple[str, ...]
    edges: NumpyArray | None = None

    @property
    def k(self) -> int:
        return len(self.labels)

    def codes(self, x: NumpyArray) -> NumpyArray:
        """(n,) which value a row has, -1 for a value that is too rare to be asked for, or missing."""
        held = np.asarray(x, dtype=float)[:, list(self.at)]
        if self.edges is not None:
            found = np.searchsorted(self.edges, held[:, 0], side="right")
            return np.where(np.isfinite(held[:, 0]), found, -1)
        same = np.isclose(held[:, None, :], self.settings[None]).all(2)
        return np.where(same.any(1), same.argmax(1), -1)

    def asked(self, x: NumpyArray) -> NumpyArray:
        """(n * k, d): each row k times in a row, with each value in turn."""
        rows = np.repeat(np.asarray(x), self.k, axis=0)
        rows[:, list(self.at)] = np.tile(self.settings, (len(x), 1)).astype(rows.dtype)
        return rows


def secrets(samples: Samples, named: str, held: NumpyArray, bins: int) -> tuple[Secret, ...]:
    """The columns to be guessed: the one ``named``, else those marked sensitive. Empty where none is.

    ``held`` are rows an attacker has: they decide which values are worth asking for, and where ranges are cut. A column
    that never varies there is nothing to guess and is left out. ProbeError for a name that no column has.
    """
    columns = samples.columns
    groups: dict[str, list[int]] = {}
    for j, column in enumerate(columns):
        groups.setdefault(column.one_hot or column.name, []).append(j)
    if named and named not in groups:
        inside = [g for g, at in groups.items() if named in {columns[j].name for j in at}]
        if not inside:
            raise ProbeError(f"no column '{named}'", hint=f"Columns: {', '.join(list(groups)[:12])}")
        named = inside[0]
    chosen = [named] if named else [g for g, at in groups.items() if any(columns[j].sensitive for j in at)]
    found = [_secret(samples, name, groups[name], held, bins) for name in chosen]
    return tuple(s for s in found if s is not None)


def _secret(samples: Samples, name: str, at: Sequence[int], held: NumpyArray, bins: int) -> Secret | None:
    values = np.asarray(held, dtype=float)[:, list(at)]
    values = values[np.isfinite(values).all(1)]
    if not len(values):
        return None
    settings, counts = np.unique(values, axis=0, return_counts=True)
    column = samples.columns[at[0]]
    if len(at) == 1 and column.kind not in _CODED and len(settings) > MOST_VALUES:
        return _ranges(name, at[0], values[:, 0], bins)
    often = np.flatnonzero(counts >= max(2, 0.01 * len(values)))
    often = np.sort(often[np.argsort(-counts[often], kind="stable")][:MOST_VALUES])
    if len(often) < 2:
        return None
    return Secret(name, tuple(at), settings[often], tuple(_label(samples, name, at, s) for s in settings[often]))


def _ranges(name: str, at: int, values: NumpyArray, bins: int) -> Secret | None:
    edges = np.unique(np.quantile(values, np.arange(1, bins) / bins))
    used = np.unique(np.searchsorted(edges, values, side="right"))
    edges = edges[used[1:] - 1]  # ties can leave a range empty
    if not len(edges):
        return None
    part = np.searchsorted(edges, values, side="right")
    middle = np.array([[np.median(values[part == i])] for i in range(len(edges) + 1)])
    bounds = ["", *(f"{e:.4g}" for e in edges), ""]
    labels = [f"{a} to {b}" if a and b else f"from {a}" if a else f"below {b}" for a, b in pairwise(bounds)]
    return Secret(name, (at,), middle, tuple(labels), edges)


def _label(samples: Samples, name: str, at: Sequence[int], setting: NumpyArray) -> str:
    if len(at) > 1:
        return (
            "none" if setting.max() <= 0 else samples.columns[at[int(setting.argmax())]].name.removeprefix(f"{name}_")
        )
    names, value = samples.columns[at[0]].categories, float(setting[0])
    return names[int(value)] if value.is_integer() and 0 <= value < len(names) else f"{value:g}"


def others(samples: Samples, secret: Secret) -> tuple[NumpyArray, NumpyArray]:
    """What is known of a person: (n, d') every other column, and (d',) which of them hold codes."""
    keep = [j for j in range(samples.x.shape[1]) if j not in secret.at]
    coded = [bool(samples.columns) and samples.columns[j].kind is ColumnKind.CATEGORICAL for j in keep]
    return np.asarray(samples.x, dtype=float)[:, keep], np.array(coded, dtype=bool)
