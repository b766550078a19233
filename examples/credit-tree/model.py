"""The bank's decision tree behind a service that answers as BigML's did.

A category is asked about one value at a time ("purpose is A43?"). The answer is the class distribution of the node that
the row reaches, smoothed by one (Laplace), so that pure leaves of different size differ, as they did in BigML's
confidence. Where a value is missing the row stops at the node that asks for it, and that node answers.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np

from momus.core.samples import NumpyArray

HERE = Path(__file__).parent


def service() -> Callable[[NumpyArray], NumpyArray]:
    """The function behind the interface."""
    nodes = json.loads((HERE / "tree.json").read_text())

    def answer(x: NumpyArray) -> NumpyArray:
        return np.array([_walk(nodes, row) for row in x])

    return answer


def _walk(nodes: list[dict[str, float]], row: NumpyArray) -> list[float]:
    node = nodes[0]
    while "column" in node:
        value = row[int(node["column"])]
        if np.isnan(value):
            break
        yes = value == node["is"] if "is" in node else value <= node["at_most"]
        node = nodes[int(node["yes" if yes else "no"])]
    good, bad = node["pays"], node["defaults"]
    return [(good + 1) / (good + bad + 2), (bad + 1) / (good + bad + 2)]
