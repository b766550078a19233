from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from momus.core.samples import Column, Samples
from momus.methods import metamorphic as method

RNG = np.random.default_rng(0)
SETS = {
    "image": Samples(RNG.integers(0, 256, (5, 12, 16, 3), dtype=np.uint8)),
    "text": Samples(np.array(["Good day.", "", "two  words"], dtype=object)),
    "table": Samples(RNG.normal(size=(20, 2)), columns=(Column("a"), Column("b"))),
    "audio": Samples(RNG.uniform(-0.4, 0.4, (4, 800)).astype(np.float32), rate=8000),
}
OPTIONS = {
    "add": {"column": "a", "amount": 2.0},
    "scale": {"column": "b", "factor": 0.1},
    "permute": {"columns": "a, b"},
}


@pytest.mark.parametrize("name", method.BUILT)
def test_changes_keep_shape_and_type_and_leave_the_input_alone(name: str) -> None:
    for kind in method.BUILT[name].kinds:
        s = SETS[kind]
        before = s.x.copy()
        out = method.BUILT[name].change(s, np.random.default_rng(1), **OPTIONS.get(name, {}))
        assert out.shape == s.x.shape and out.dtype == s.x.dtype and np.array_equal(s.x, before)
        assert not np.shares_memory(out, s.x)
        moved = method.changed(s.x, out)
        assert not moved.any() if name == "again" else moved.any()


def test_known_changes() -> None:
    texts, table, sound = SETS["text"], SETS["table"], SETS["audio"]
    assert list(method.punctuation(texts, RNG)) == ["Good day", ".", "two  words."]
    assert next(iter(method.whitespace(texts, RNG))) == "  Good  day.  "
    assert np.allclose(method.add(table, RNG, column="a", amount=2.0) - table.x, [2.0, 0.0])
    assert np.allclose(np.sort(method.permute(table, RNG, columns="b")[:, 1]), np.sort(table.x[:, 1]))
    assert np.allclose(method.gain(sound, RNG, db=-6.0206), sound.x / 2, atol=1e-5)
    assert np.abs(method.gain(sound, RNG, db=40)).max() <= 1.0
    late = method.shift(sound, RNG, ms=10)
    assert (late[:, :80] == 0).all() and np.array_equal(late[:, 80:], sound.x[:, :720])
    assert np.array_equal(method.flip_horizontal(SETS["image"], RNG)[:, :, 0], SETS["image"].x[:, :, -1])
    flat = Samples(np.full((2, 9, 9, 1), 100, np.uint8))
    assert (method.brightness(flat, RNG, factor=1.5) == 150).all() and (
        method.brightness(flat, RNG, factor=9) == 255
    ).all()
    assert (method.crop(flat, RNG) == 100).all() and (method.rotate(flat, RNG, degrees=30) == 100).all()


@pytest.mark.parametrize(
    ("before", "after", "expect", "tolerance", "mask"),
    [
        ([0, 1, 2], [0, 2, 2], "same", 0.0, [False, True, False]),
        ([0, 1, 2], [0, 2, 2], "different", 0.0, [True, False, True]),
        ([0.5, 0.5, 0.5], [0.4, 0.5, 0.6], "not_up", 0.0, [False, False, True]),
        ([0.5, 0.5, 0.5], [0.4, 0.5, 0.6], "not_down", 0.0, [True, False, False]),
        ([0.5, 0.5], [0.4, 0.2], "not_down", 0.15, [False, True]),
        ([1.0, 1.0], [np.nan, np.inf], "not_up", 0.0, [True, True]),
    ],
)
def test_what_breaks_a_relation(before: list, after: list, expect: str, tolerance: float, mask: list) -> None:  # type: ignore[type-arg]
    discrete = isinstance(before[0], int)
    found, how = method.broken(np.array(before), np.array(after), expect, tolerance, discrete=discrete)
    assert found.tolist() == mask
    if any(mask) and not all(mask) and expect != "different":
        assert how[found].min() >= how[~found].max()


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=20), st.sampled_from(["same", "not_up", "not_down"]))
def test_an_answer_that_stays_breaks_nothing_but_the_wish_for_another(values: list[float], expect: str) -> None:
    a = np.array(values)
    assert not method.broken(a, a, expect, 0.0, discrete=False)[0].any()
    assert method.broken(a, a, "different", 0.0, discrete=False)[0].all()


def test_missing_values_are_no_change() -> None:
    a = np.array([[np.nan, 1.0], [2.0, np.nan]])
    assert method.changed(a, a.copy()).tolist() == [False, False]
    assert method.changed(a, np.array([[np.nan, 1.0], [2.0, 0.0]])).tolist() == [False, True]


def test_columns_and_shares_that_do_not_exist() -> None:
    with pytest.raises(ValueError, match="no column 'c'"):
        method.add(SETS["table"], RNG, column="c", amount=1)
    with pytest.raises(ValueError, match="share"):
        method.crop(SETS["image"], RNG, share=0.5)


@pytest.mark.parametrize("expect", ["same", "different", "not_up", "not_down"])
def test_no_number_before_or_after_breaks_every_relation(expect: str) -> None:
    a, b = np.array([np.nan, 1.0, np.nan]), np.array([1.0, np.nan, np.nan])
    assert method.broken(a, b, expect, 0.0, discrete=False)[0].all()


@pytest.mark.parametrize(("side", "moved"), [(8, False), (24, False), (25, True), (224, True)])
def test_a_pixel_of_a_tiny_picture_is_no_small_step(side: int, moved: bool) -> None:
    rows = Samples(np.zeros((2, side, side, 1), np.uint8))
    assert ("translate" in method.harmless(rows, "image")) == moved
    assert "brightness" in method.harmless(rows, "image")
