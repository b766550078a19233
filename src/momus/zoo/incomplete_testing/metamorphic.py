"""Twins for incomplete_testing.metamorphic: systems that keep the relations stated of them, and systems that do not."""

from __future__ import annotations

from typing import Any

import numpy as np

from momus.core.samples import NumpyArray
from momus.zoo import Case
from momus.zoo.incomplete_testing import _systems as systems
from momus.zoo.tables import fitted, people


def cases(seed: int) -> tuple[Case, ...]:
    """Planted: income that hurts, capitals, batches and mirrors that matter. Clean: monotone, blind to case."""
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.linear_model import LogisticRegression

    rng = np.random.default_rng(seed)
    table = people(1500, rng)
    test = {"test": people(500, rng)}
    line = fitted(LogisticRegression(), table, "line")
    monotone = HistGradientBoostingClassifier(max_iter=30, monotonic_cst=[1, -1, *[0] * 6], random_state=seed)
    free = HistGradientBoostingClassifier(max_iter=60, max_leaf_nodes=60, random_state=seed)
    amount = float(rng.uniform(0.3, 0.8))
    more = {"change": "add", "options": {"column": "income", "amount": amount}, "label": "class 1"}
    richer = [{**more, "expect": "not_down"}]
    worse = [{**more, "expect": "not_up"}]
    sites = [{"change": "permute", "options": {"columns": "visits"}, "expect": "same"}]
    mails = {"test": systems.mails(rng, 200)}
    capitals = [{"change": "upper"}, {"change": "whitespace"}, {"change": "punctuation"}]
    train, glyphs, _ = systems.road(rng, 500, by="glyph")
    _, hues, _ = systems.road(rng, 5, by="hue")
    mirrored = [
        {"change": "flip_horizontal"},
        {"change": "rotate", "options": {"degrees": float(rng.uniform(80, 100))}},
    ]
    return (
        _case("more income hurts", True, line, test, worse),
        _case("more income never hurts", False, line, test, richer),
        _case("capitals and full stops matter", True, _cased(), mails, capitals),
        _case("case does not matter", False, systems.by_words("reader", 0.5), mails, capitals),
        _case("unmonotone trees", True, fitted(free, table, "free"), test, richer, held_out=True),
        _case("monotone trees", False, fitted(monotone, table, "monotone"), test, richer, held_out=True),
        _case("visits move the answer", True, _by_visits(line), test, sites, held_out=True),
        _case("read by pixels, mirrored", True, systems.by_pixels("pixels", train), {"test": glyphs}, mirrored, True),
        _case("read by colour, mirrored", False, systems.by_hue("colour"), {"test": hues}, mirrored, True),
        _case("the batch decides", True, _by_batch(line), test, [], held_out=True),
        _case("nothing declared, a line", False, line, test, [], held_out=True),
    )


def _case(name: str, faulty: bool, target: Any, data: Any, relations: Any, held_out: bool = False) -> Case:
    return Case(name, faulty, target, data, context={"domain": {"relations": relations}}, held_out=held_out)


def _cased() -> systems.Answers:
    """Takes capitals for shouting about money."""
    plain = systems.by_words("plain", 0.5)

    def answer(x: NumpyArray) -> NumpyArray:
        loud = np.array([str(t).isupper() for t in x])
        return np.where(loud[:, None], [0.9, 0.1], plain.probabilities(x))

    return systems.Answers("cased", plain.info.classes, "text", answer)


def _by_visits(line: Any) -> systems.Answers:
    def answer(x: NumpyArray) -> NumpyArray:
        p = np.asarray(line.probabilities(line.encode(x)))
        return np.where(x[:, 3:4] > 0.8, p[:, ::-1], p)

    return systems.Answers("visits", line.info.classes, "table", answer)


def _by_batch(line: Any) -> systems.Answers:
    """Scales every batch by its own mean, as a forgotten training mode does."""

    def answer(x: NumpyArray) -> NumpyArray:
        moved = np.array(x, dtype=float)
        moved[:, :6] -= 4 * np.roll(moved[:, :6], 1, axis=0)  # what stands beside it in the batch
        return np.asarray(line.probabilities(line.encode(moved)))

    return systems.Answers("batch", line.info.classes, "table", answer)
