"""The declared viewing model: draws stay inside it, sweeps vary one thing, words say it."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pytest

from momus.core.errors import ProbeError
from momus.methods.viewing.model import UNITS, Condition, ViewingModel, fixed

MODEL = ViewingModel()


def test_draws_stay_inside_and_fill_the_ranges() -> None:
    drawn = MODEL.draw(400, np.random.default_rng(0))
    for name in ("rotation", "scale", "tilt", "brightness", "contrast", "gamma", "blur", "noise", "loss"):
        values = np.array([getattr(c, name) for c in drawn])
        low, high = getattr(MODEL, name)
        assert low <= values.min() and values.max() <= high
        assert values.max() - values.min() > 0.9 * (high - low)
    assert max(max(abs(c.x), abs(c.y)) for c in drawn) <= 1


def test_a_draw_does_not_depend_on_how_many_follow() -> None:
    assert MODEL.draw(3, np.random.default_rng(1)) == MODEL.draw(9, np.random.default_rng(1))[:3]


def test_least_and_greatest_distance_from_the_middle() -> None:
    model = replace(MODEL, position=(0.4, 0.6))
    reach = [max(abs(c.x), abs(c.y)) for c in model.draw(200, np.random.default_rng(2))]
    assert min(reach) >= 0.4 - 1e-9 and max(reach) <= 0.6 + 1e-9


@pytest.mark.parametrize("name", UNITS)
def test_a_sweep_varies_one_condition_alone(name: str) -> None:
    values = MODEL.values(name)
    rows = MODEL.grid(name, values, 3, np.random.default_rng(3))
    assert len(rows) == len(values) and all(len(r) == 3 for r in rows)
    changed = {"position": {"x", "y"}, "cast": {"cast"}}.get(name, {name})
    for a, b in zip(rows[0], rows[-1], strict=True):
        assert {f.name for f in fields(Condition) if getattr(a, f.name) != getattr(b, f.name)} <= changed


def test_position_is_the_distance_from_the_middle() -> None:
    moved = fixed(Condition(x=0.2, y=-0.4), "position", 0.8)
    assert (moved.x, moved.y) == pytest.approx((0.4, -0.8))


@pytest.mark.parametrize("corner", [(1.0, 1.0), (-1.0, -1.0), (1.0, -1.0)])
@pytest.mark.parametrize("tilt", [0.0, 30.0])
def test_anywhere_means_wholly_inside(corner: tuple[float, float], tilt: float) -> None:
    c = Condition(rotation=20.0, tilt=tilt, axis=40.0, x=corner[0], y=corner[1])
    p = c.place((40, 60), (8, 8), width=12.0, samples=4)
    middle = replace(c, x=0.0, y=0.0).place((40, 60), (8, 8), width=12.0, samples=4)
    assert p.cover.sum() == pytest.approx(middle.cover.sum(), rel=0.01)
    rows, columns = np.nonzero(p.cover)
    assert (rows.min() <= 1) == (corner[1] < 0) and (columns.max() >= 58) == (corner[0] > 0)


def test_larger_than_the_picture_is_cut_not_refused() -> None:
    p = Condition(scale=1.4).place((10, 10), (4, 4), width=12.0)
    assert p.share == pytest.approx(1.0)


def test_slip_is_a_share_of_the_width() -> None:
    at = Condition(x=0.1).place((40, 60), (10, 10), width=20.0, centre=(30.0, 20.0))
    still = Condition().place((40, 60), (10, 10), width=20.0, centre=(30.0, 20.0))
    assert np.allclose(at.cover[:, 2:], still.cover[:, :-2])


def test_light_is_in_units_of_the_picture() -> None:
    light = Condition(contrast=0.8, brightness=0.05, blur=0.01).light((200, 300))
    assert light.blur == pytest.approx(2.0)
    assert light.gain * 0.5 + light.offset == pytest.approx(0.55)  # contrast turns about middle grey


@pytest.mark.parametrize(
    "wrong",
    [{"scale": (0.0, 1.0)}, {"tilt": (0.0, 89.0)}, {"noise": (-0.1, 0.1)}, {"loss": (0.0, 2.0)}, {"blur": (2.0, 1.0)},
     {"rotation": (float("nan"), 1.0)}],
)  # fmt: skip
def test_impossible_declarations_are_refused(wrong: dict[str, tuple[float, float]]) -> None:
    with pytest.raises(ProbeError):
        ViewingModel(**wrong)


def test_words_name_what_varies() -> None:
    assert "rotation -22.5 to 22.5" in MODEL.words() and "scale 0.9 to 1.4" in MODEL.words()
    still = {f.name: (0.0, 0.0) for f in fields(ViewingModel)}
    still |= dict.fromkeys(("scale", "contrast", "gamma"), (1.0, 1.0))
    assert ViewingModel(**still).words() == "one fixed view"


def test_unknown_condition() -> None:
    with pytest.raises(ProbeError, match="no viewing condition"):
        MODEL.grid("fog", (1.0,), 1, np.random.default_rng(0))
