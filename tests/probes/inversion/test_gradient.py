from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from momus.core.errors import ProbeError
from momus.core.evidence import Bars, Pictures, Series, Table
from momus.core.meter import Budget
from momus.core.samples import Samples
from momus.probes.inversion.gradient import gradient
from momus.zoo.inversion._portraits import Gallery, badges, opened, portraits, rhythms, shuffled, teams, trained

FEW = 30


@pytest.fixture(scope="module")
def faces() -> tuple[Samples, Samples]:
    return portraits(0, 5, people=FEW), portraits(100, 3, people=FEW)


def codes(m) -> list[str]:  # type: ignore[no-untyped-def]
    return [c.code for c in m.caveats]


def test_a_face_is_recovered_and_everything_is_shown(faces: tuple[Samples, Samples]) -> None:
    train, test = faces
    m = gradient(trained("linear", train, 0), train=train, test=test)
    assert m.value > 0.9 and m.ci.low > 0.7 and m.n == 3 * FEW
    assert m.figure("lineup_identification").value == pytest.approx(0.2 + 0.8 * m.value)
    assert m.figure("recogniser_accuracy").value > 0.9 and m.figure("classes_reached").value == 1
    for name in ("start", "mean"):
        assert m.figure(f"{name}_identification").value == pytest.approx(0.2)
    assert m.figure("wrong_class_identification").value < 0.35
    assert {type(e) for e in m.evidence} == {Pictures, Bars, Series, Table}
    assert m.cost.queries <= FEW * 72


def test_what_a_gallery_holds_comes_back(faces: tuple[Samples, Samples]) -> None:
    """A model whose answer is the distance to each mean: the likeness found is like that mean and no other."""
    train, test = faces
    m = gradient(opened(Gallery(train), train, "gallery"), test=test)
    assert m.figure("lineup_identification").value > 0.8


@pytest.mark.parametrize("hide", [badges, shuffled])
def test_a_model_that_knows_no_faces_gives_none_away(hide, faces: tuple[Samples, Samples]) -> None:  # type: ignore[no-untyped-def]
    train, test = faces
    m = gradient(trained("linear", hide(train, 1), 0), train=train, test=test)
    assert m.figure("lineup_identification").value < 0.4


def test_a_pool_of_others_gives_the_start(faces: tuple[Samples, Samples]) -> None:
    train, test = faces
    pool = portraits(5, 2, people=20, who=77)
    target = trained("mlp", train, 0)
    m = gradient(target, test=test, pool=pool)
    (shown,) = (e for e in m.evidence if isinstance(e, Pictures))
    (other,) = (e for e in gradient(target, test=test).evidence if isinstance(e, Pictures))
    assert m.value > 0.7 and shown.rows[-1][0].png != other.rows[-1][0].png


def test_photographs_that_the_model_learned_stand_in_no_lineup(faces: tuple[Samples, Samples]) -> None:
    train, test = faces
    both = Samples(
        x=np.concatenate([test.x, train.x]),
        y=np.concatenate([test.y, train.y]),
        ids=np.concatenate([test.ids, train.ids]),
        classes=test.classes,
    )
    target = trained("linear", train, 0)
    assert gradient(target, train=train, test=both, photos=6).n == 3 * FEW
    assert gradient(target, test=both, photos=6).n == 6 * FEW


def test_a_class_that_is_no_person_is_said(faces: tuple[Samples, Samples]) -> None:
    train, test = faces
    target = trained("linear", train, 0)
    unknown = gradient(target, test=replace(test, ids=None))
    assert "class-is-no-person" in codes(unknown)
    assert not codes(gradient(target, test=replace(test, ids=None), context={"class_is_person": True}))
    grouped = teams(train, 3), teams(test, 3)
    mixed = gradient(trained("linear", grouped[0], 0), test=grouped[1])
    assert [c.blocks for c in mixed.caveats if c.code == "class-is-no-person"] == ["fail"]


def test_faces_that_nobody_could_recognise_decide_nothing(faces: tuple[Samples, Samples]) -> None:
    train, test = faces
    x = np.asarray(np.random.default_rng(0).integers(0, 256, test.x.shape), dtype=np.uint8)
    m = gradient(trained("linear", train, 0), test=replace(test, x=x))
    assert "recogniser-weak" in codes(m)
    assert [c.blocks for c in m.caveats if c.code == "recogniser-weak"] == ["both"]


class Flat(nn.Module):  # type: ignore[misc]
    """Steps without a slope."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.round(self.inner(x))


def test_gradients_that_are_flat_allow_no_pass(faces: tuple[Samples, Samples]) -> None:
    train, test = faces
    net = Flat(nn.Sequential(nn.Flatten(), nn.Linear(320, FEW)))
    m = gradient(opened(net, train, "flat"), test=test)
    assert "zero-gradients" in codes(m) and m.value < 0.2


@pytest.mark.parametrize("queries", [0, 1, 40, 400])
def test_a_small_budget_is_kept_and_said(queries: int, faces: tuple[Samples, Samples]) -> None:
    train, test = faces
    m = gradient(trained("linear", train, 0), test=test, budget=Budget(queries=queries))
    assert m.cost.queries <= queries and "budget-spent" in codes(m)


def test_four_people_fill_no_lineup_of_five() -> None:
    train, test = portraits(0, 4, people=4), portraits(1, 3, people=4)
    target = trained("linear", train, 0)
    m = gradient(target, test=test)
    assert codes(m) == ["too-few-classes"] and m.n == 0 and m.evidence
    assert gradient(target, test=test, line_up=3).n == 12


def test_one_photograph_each_cannot_check_the_recogniser() -> None:
    train, test = portraits(0, 4, people=12), portraits(1, 1, people=12)
    assert "recogniser-unchecked" in codes(gradient(trained("linear", train, 0), test=test))


def test_rows_of_numbers_work_too() -> None:
    train, test = rhythms(0, 6, people=20), rhythms(9, 3, people=20)
    m = gradient(trained("table", train, 0), test=test)
    assert m.value > 0.8 and not any(isinstance(e, Pictures) for e in m.evidence)


@pytest.mark.parametrize(
    "options", [{"steps": 0}, {"radius": 0.0}, {"waves": 0}, {"line_up": 1}, {"persons": 1}, {"photos": 0}]
)
def test_options_out_of_range_are_refused(options: dict[str, Any], faces: tuple[Samples, Samples]) -> None:
    train, test = faces
    with pytest.raises(ProbeError):
        gradient(opened(Gallery(train), train, "gallery"), test=test, **options)


def test_labels_are_needed(faces: tuple[Samples, Samples]) -> None:
    train, test = faces
    with pytest.raises(ProbeError, match="labels"):
        gradient(opened(Gallery(train), train, "gallery"), test=replace(test, y=None))
