"""Twins for incomplete_testing.scenarios: systems that fail where nobody looked, and systems that do not."""

from __future__ import annotations

from typing import Any

import numpy as np

from momus.core.errors import TargetError
from momus.core.samples import NumpyArray
from momus.methods.scenarios import Stock
from momus.zoo import Case
from momus.zoo.incomplete_testing import _systems as systems
from momus.zoo.tables import fitted, people


def cases(seed: int) -> tuple[Case, ...]:
    """Planted: lost when a sign falls, or is half hidden, sure of nothing at all. Clean: by colour, and doubtful."""
    from sklearn.linear_model import LogisticRegression

    rng = np.random.default_rng(seed)
    _, hues, stock = systems.road(rng, 10, by="hue")
    train, glyphs, shapes = systems.road(rng, 900, by="glyph")
    upright = systems.by_pixels("pixels", train)
    mails = systems.mails(rng, 200)
    table = people(1500, rng)
    line = fitted(LogisticRegression(), table, "line")
    fallen = _stated("fallen_over", size=systems.SIZE)
    covered = _stated("occluded", share=0.6, size=systems.SIZE)
    nothing = [*_stated("blank", expect="abstain"), *_stated("out_of_scope", expect="abstain")]
    far = _stated("out_of_range", expect="abstain")
    return (
        _case("a sign fallen over, read by its pixels", True, upright, shapes, fallen),
        _case("a sign fallen over, read by its colour", False, systems.by_hue("colour"), stock, fallen),
        _case("sure of blank pictures", True, systems.by_hue("sure", sure=True), stock, nothing),
        _case("in doubt of blank pictures", False, systems.by_hue("doubtful"), stock, nothing),
        _case("half hidden, read by its pixels", True, upright, Stock(glyphs, *_parts(shapes)), covered, held_out=True),
        _case("partly hidden, read by its colour", False, systems.by_hue("hue"), Stock(hues), (), held_out=True),
        Case(
            "sure of texts without words",
            True,
            systems.by_words("reader", 0.95),
            {"test": mails},
            context=_context([*_stated("gibberish", expect="abstain"), *_stated("empty", expect="abstain")]),
            held_out=True,
        ),
        Case(
            "in doubt of texts without words",
            False,
            systems.by_words("careful reader", 0.5),
            {"test": mails},
            context=_context([*_stated("gibberish", expect="abstain"), *_stated("other_language", expect="abstain")]),
            held_out=True,
        ),
        Case("sure far out of range", True, line, {"test": table}, context=_context(far), held_out=True),
        Case(
            "refuses what is out of range", False, _guarded(line), {"test": table}, context=_context(far), held_out=True
        ),
    )


def _stated(make: str, expect: str = "label", **options: Any) -> list[dict[str, Any]]:
    return [{"name": make.replace("_", " "), "make": make, "expect": expect, "options": options}]


def _context(stated: Any) -> dict[str, Any]:
    return {"domain": {"scenarios": list(stated)}}


def _parts(stock: Stock) -> tuple[Any, Any]:
    return stock.objects, stock.backgrounds


def _case(name: str, faulty: bool, target: Any, stock: Stock, stated: Any, held_out: bool = False) -> Case:
    given = {"test": stock.test, "objects": stock.objects, "backgrounds": stock.backgrounds}
    data = {role: s for role, s in given.items() if s is not None}
    options = {"n": 150} if held_out else {}
    return Case(name, faulty, target, data, options, context=_context(stated), held_out=held_out)


def _guarded(line: Any) -> systems.Answers:
    """The same model behind a door that turns away numbers that nobody has."""

    def answer(x: NumpyArray) -> NumpyArray:
        if np.abs(x).max() > 8:
            raise TargetError("a number lies out of range")
        return np.asarray(line.probabilities(line.encode(x)))

    return systems.Answers("guarded line", line.info.classes, "table", answer)
