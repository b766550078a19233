"""Twins for shift.left_out: a group with a rule of its own, and groups that follow everybody's."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from momus.core.samples import NumpyArray, Samples
from momus.zoo import Case
from momus.zoo.tables import fitted, people


def _turned(samples: Samples, mask: NumpyArray) -> Samples:
    """Labels of the rows in ``mask`` follow the opposite rule: learnable, and nobody else shows it."""
    y = np.asarray(samples.y).copy()
    y[mask] = 1 - y[mask]
    return replace(samples, y=y)


def _crowd(samples: Samples) -> tuple[Samples, NumpyArray]:
    """The same people with an age band as a further group; the first numbers say who belongs where."""
    age = samples.x[:, 2]
    band = np.where(age < -0.5, "young", np.where(age > 0.8, "old", "middle"))
    return replace(samples, groups={**samples.groups, "band": band}), age > 0.8


def cases(seed: int) -> tuple[Case, ...]:
    """Planted: one site, or the old, follow the opposite rule, which only those who saw them can know. Clean: groups
    that differ in numbers or not at all."""
    from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
    from sklearn.tree import DecisionTreeClassifier

    rng = np.random.default_rng(seed)
    train, test = people(2500, rng, name="train", noise=0.2), people(2000, rng, name="test", noise=0.2)
    site = ("market", "hill", "harbour")[seed % 3]
    own = {role: _turned(s, s.groups["site"] == site) for role, s in (("train", train), ("test", test))}
    old_train, is_old = _crowd(train)
    old_test, was_old = _crowd(test)
    old = {"train": _turned(old_train, is_old), "test": _turned(old_test, was_old)}
    moved = rng.normal(0, 0.4)
    shifted = {}
    for role, s in (("train", train), ("test", test)):
        x = s.x.copy()
        x[:, 1] += moved * (s.groups["site"] == "hill")
        shifted[role] = replace(s, x=x)
    boosted = HistGradientBoostingClassifier(max_iter=40, random_state=seed)
    forest = RandomForestClassifier(40, min_samples_leaf=3, random_state=seed)
    tree = DecisionTreeClassifier(max_depth=8, random_state=seed)
    return (
        Case(f"{site} follows its own rule", True, fitted(boosted, own["train"], "own-rule"), own),
        Case("everybody alike", False, fitted(boosted, train, "alike"), {"train": train, "test": test}),
        Case("the old follow their own rule", True, fitted(forest, old["train"], "old"), old, held_out=True),
        Case("one site with other numbers", False, fitted(forest, shifted["train"], "shifted"), shifted, held_out=True),
        Case("split off train", True, fitted(tree, own["train"], "tree"), {"train": own["train"]}, held_out=True),
    )
