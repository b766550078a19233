"""Grows the tree of ``tree.json`` again, the same file each time: ``python examples/credit-tree/train.py``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.tree import DecisionTreeClassifier

import data

LEAVES = 26  # as many as the model that Tramèr et al. found on BigML


def main() -> None:
    """Fit, write, and say how the tree compares with the paper's."""
    samples = data.train()
    assert samples.y is not None
    x, asks = spread(samples)
    tree = DecisionTreeClassifier(max_leaf_nodes=LEAVES, min_samples_leaf=3, random_state=0).fit(x, samples.y).tree_
    nodes: list[dict[str, Any]] = []
    for i in range(tree.node_count):
        counts = np.rint(tree.value[i, 0] * tree.n_node_samples[i])
        node: dict[str, Any] = {"pays": int(counts[0]), "defaults": int(counts[1])}
        if tree.children_left[i] >= 0:
            column, kind = asks[tree.feature[i]]
            left, right = int(tree.children_left[i]), int(tree.children_right[i])
            node["column"] = column
            if kind is None:
                node |= {"at_most": float(tree.threshold[i]), "yes": left, "no": right}
            else:
                node |= {"is": kind, "yes": right, "no": left}
        nodes.append(node)
    Path(__file__).with_name("tree.json").write_text(json.dumps(nodes, indent=0) + "\n")
    leaves = [n for n in nodes if "column" not in n]
    unique = {(n["pays"] + 1) / (n["pays"] + n["defaults"] + 2) for n in leaves}
    print(f"{len(leaves)} leaves, {len(unique)} different answers, depth {tree.max_depth}")


def spread(samples: Any) -> tuple[Any, list[tuple[int, float | None]]]:
    """Categories as one column a value, and which (column, value) each asks about."""
    parts, asks = [], []
    for j, column in enumerate(samples.columns):
        for kind in range(len(column.categories)):
            parts.append(samples.x[:, j] == kind)
            asks.append((j, float(kind)))
        if not column.categories:
            parts.append(samples.x[:, j])
            asks.append((j, None))
    return np.column_stack(parts).astype(float), asks


if __name__ == "__main__":
    main()
