"""Decision trees as arrays: what every tree library holds, in one form that exact methods can read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from momus.core.samples import NumpyArray


@dataclass(frozen=True)
class Tree:
    """One binary tree of m nodes; node 0 is the root.

    ``feature`` (m,) int: the column a node asks about, -1 at a leaf. ``threshold`` (m,) float64: a row goes left where
    ``x[feature] <= threshold``; libraries that compare with ``<`` come with the threshold moved to the next smaller
    value of the type they compare in. ``left``/``right`` (m,) int: children. ``value`` (m, k) float64: what a leaf adds
    to the ensemble's outputs. ``missing_left`` (m,) bool: where a missing value goes. ``count`` (m,) int: how many
    training rows reached a node, where the library has kept that number.
    """

    feature: NumpyArray
    threshold: NumpyArray
    left: NumpyArray
    right: NumpyArray
    value: NumpyArray
    missing_left: NumpyArray | None = None
    count: NumpyArray | None = None


@dataclass(frozen=True)
class TreeEnsemble:
    """Trees whose leaf values are added up: outputs (n, k) = ``base`` + sum of the leaves reached.

    A classifier answers the first column with the greatest output; with one column (k = 1) it answers class 1 where
    the output is above ``cut``. A regressor answers column 0. ``dtype`` is the type the library compares in: columns
    are rounded to it before they meet a threshold.
    """

    trees: tuple[Tree, ...]
    base: NumpyArray
    task: Literal["classifier", "regressor"]
    cut: float = 0.0
    dtype: Literal["float32", "float64"] = "float64"

    @property
    def outputs(self) -> int:
        return len(self.base)
