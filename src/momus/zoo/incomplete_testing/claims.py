"""Twins for incomplete_testing.claims: promises that the test rows back, and promises that they do not."""

from __future__ import annotations

from typing import Any

import numpy as np

from momus.zoo import Case
from momus.zoo.tables import fitted, people


def cases(seed: int) -> tuple[Case, ...]:
    """Planted: too few rows, untrue, about a site nobody tested, stale. Clean: true with rows to spare, well dated."""
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.linear_model import LogisticRegression

    rng = np.random.default_rng(seed)
    noise = float(rng.choice([0.2, 0.3, 0.4]))
    train, test = people(3000, rng, name="train", noise=noise), people(2000, rng, name="test", noise=noise)
    line = fitted(LogisticRegression(), train, "line")
    boosted = fitted(HistGradientBoostingClassifier(max_iter=40, random_state=seed), train, "boosted")
    right = float(np.mean(np.asarray(line.predict(line.encode(test.x))) == test.y))
    modest, bold = round(right - 0.05, 3), round(right - 0.02, 3)
    few = test.take(slice(0, int(rng.integers(25, 60))))
    tight = round(max(bold, 0.07 ** (1 / len(few))), 3)  # which so few rows cannot back, whatever is answered to them
    hill = test.take(test.groups["site"] != "hill")
    fresh = {"collected": "2026-01-10", "changed": "2026-02-01", "pass_marks_fixed": "2026-02-10", "ran": "2026-03-01"}
    late = {**fresh, "pass_marks_fixed": "2026-03-09"}
    return (
        _case("a tight claim after few rows", True, line, few, [{"metric": "accuracy", "at_least": tight}]),
        _case(
            "a true claim with rows to spare", False, line, test, [{"metric": "accuracy", "at_least": modest}], fresh
        ),
        _case("an untrue claim", True, line, test, [{"metric": "error", "at_most": round((1 - right) / 2, 3)}]),
        _case("pass marks fixed after the tests", True, line, test, [{"metric": "accuracy", "at_least": modest}], late),
        _case(
            "a claim about a site that nobody tested",
            True,
            boosted,
            hill,
            [{"metric": "recall", "label": "class 1", "at_least": 0.6, "where": {"site": "hill"}}],
            held_out=True,
        ),
        _case(
            "claims of both classes and a site",
            False,
            boosted,
            test,
            [
                {"metric": "recall", "label": "class 1", "at_least": 0.7},
                {"metric": "fpr", "label": "class 1", "at_most": 0.3},
                {"metric": "accuracy", "at_least": 0.7, "where": {"site": "market"}},
            ],
            fresh,
            held_out=True,
        ),
        _case(
            "better than a coin, a model that works",
            False,
            boosted,
            test,
            [{"metric": "error", "at_most": 0.5}],
            held_out=True,
        ),
        Case(
            "tests of another year",
            True,
            boosted,
            {"test": test},
            context={"domain": {**fresh, "claims": []}, "overdue": ["collected", "ran"]},
            held_out=True,
        ),
    )


def _case(
    name: str,
    faulty: bool,
    target: Any,
    test: Any,
    claims: list[dict[str, Any]],
    dates: dict[str, str] | None = None,
    held_out: bool = False,
) -> Case:
    context = {"domain": {"claims": claims, **(dates or {})}}
    return Case(name, faulty, target, {"test": test}, context=context, held_out=held_out)
