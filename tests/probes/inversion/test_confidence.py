from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from momus.core.errors import ProbeError
from momus.core.evidence import Series
from momus.core.meter import Budget
from momus.core.samples import Samples
from momus.core.service import Service
from momus.probes.inversion.confidence import confidence
from momus.targets import Target
from momus.zoo.inversion._portraits import badges, portraits, rhythms, trained

FEW = 30


@pytest.fixture(scope="module")
def faces() -> tuple[Samples, Samples]:
    return portraits(0, 5, people=FEW), portraits(100, 3, people=FEW)


def test_confidences_give_faces_away_and_queries_are_counted(faces: tuple[Samples, Samples]) -> None:
    train, test = faces
    m = confidence(trained("linear", train, 0), train=train, test=test, queries=100)
    assert m.value > 0.8 and m.ci.low > 0.6 and not m.caveats
    assert m.cost.queries == FEW * 103
    (course,) = (e for e in m.evidence if isinstance(e, Series))
    assert course.lines[0].x[-1] == FEW * 100


def test_a_badge_is_no_face(faces: tuple[Samples, Samples]) -> None:
    train, test = faces
    m = confidence(trained("linear", badges(train, 1), 0), train=train, test=test, queries=100)
    assert m.figure("lineup_identification").value < 0.4


def test_the_service_rounds_and_cuts_and_an_option_says_otherwise(faces: tuple[Samples, Samples]) -> None:
    train, test = faces
    target, coarse = trained("linear", train, 0), Service(price=2.0, currency="EUR", decimals=1, top=1, per_minute=60)
    blurred = confidence(target, test=test, queries=60, service=coarse)
    plain = confidence(target, test=test, queries=60)
    assert blurred.value < plain.value
    rounded = confidence(target, test=test, queries=60, decimals=1)
    assert rounded.figure("lineup_identification").value != plain.figure("lineup_identification").value
    same = confidence(target, test=test, queries=60, decimals=1, top=1)
    assert same.value == blurred.value
    assert blurred.figure("cost_of_queries").value == pytest.approx(2.0 * FEW * 60 / 1000)
    assert blurred.figure("minutes_of_queries").value == pytest.approx(FEW * 60 / 60)
    with pytest.raises(KeyError):
        same.figure("cost_of_queries")


def test_answers_that_never_differ_allow_no_pass(faces: tuple[Samples, Samples]) -> None:
    _, test = faces
    constant = Target.from_callable(
        lambda x: np.tile(np.eye(FEW)[0] * 0.5 + 0.5 / FEW, (len(x), 1)), name="constant", classes=test.classes,
        modality="image", shape=(1, 20, 16), output="probabilities",
    )  # fmt: skip
    m = confidence(constant, test=test, queries=20)
    assert {c.code for c in m.caveats} >= {"flat-answers", "search-fell-short"}
    assert m.figure("lineup_identification").value == pytest.approx(0.2)


@pytest.mark.parametrize("queries", [0, 1, 50, 500])
def test_a_small_budget_is_kept_and_said(queries: int, faces: tuple[Samples, Samples]) -> None:
    train, test = faces
    m = confidence(trained("linear", train, 0), test=test, budget=Budget(queries=queries))
    assert m.cost.queries <= queries and "budget-spent" in [c.code for c in m.caveats]


def test_typing_is_given_away_too() -> None:
    train, test = rhythms(0, 6, people=20), rhythms(9, 3, people=20)
    assert confidence(trained("table", train, 0), test=test, queries=60).value > 0.7


@pytest.mark.parametrize(
    "options", [{"queries": 1}, {"rounds": 0}, {"radius": 0.0}, {"waves": 0}, {"decimals": -1}, {"top": 0}]
)
def test_options_out_of_range_are_refused(options: dict[str, Any], faces: tuple[Samples, Samples]) -> None:
    train, test = faces
    with pytest.raises(ProbeError):
        confidence(trained("linear", train, 0), test=test, **options)
