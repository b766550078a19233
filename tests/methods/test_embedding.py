from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from momus.core.samples import Column, ColumnKind, Samples
from momus.methods.domain_classifier import tell_apart
from momus.methods.embedding import embed, embed_pair, fit
from momus.zoo.tables import people

WORDS = ["the", "cat", "sat", "on", "a", "mat", "and", "saw", "one", "dog", "run", "far", "over", "green", "hills"]


def texts(n: int, rng: np.random.Generator, words: list[str] = WORDS) -> Samples:
    return Samples(np.array([" ".join(rng.choice(words, 8)) for _ in range(n)], dtype=object))


def sounds(n: int, rng: np.random.Generator, pitch: float = 300.0) -> Samples:
    t = np.arange(2000) / 8000
    x = np.sin(2 * np.pi * pitch * rng.uniform(0.9, 1.1, (n, 1)) * t) * 0.3 + 0.02 * rng.normal(size=(n, 2000))
    return Samples(x.astype(np.float32), rate=8000)


def images(n: int, rng: np.random.Generator, upright: bool = True) -> Samples:
    """Stripes of random phase: the same light and contrast whichever way they run."""
    phase = rng.uniform(0, 2 * np.pi, (n, 1, 1))
    wave = np.sin(np.arange(24)[None, None, :] * 1.3 + phase) * np.ones((1, 24, 1))
    x = 128 + 60 * (wave if upright else wave.swapaxes(1, 2)) + rng.normal(size=(n, 24, 24)) * 10
    return Samples(x.clip(0, 255).astype(np.uint8)[..., None])


def area(a: Samples, b: Samples) -> float:
    rng = np.random.default_rng(1)
    return tell_apart(*embed_pair(a, b, rng), rng)[0]


@pytest.mark.parametrize("make", [people, texts, sounds, images])
def test_any_kind_becomes_standardised_rows(make) -> None:  # type: ignore[no-untyped-def]
    rng = np.random.default_rng(0)
    samples = make(120, rng)
    made = fit(samples, np.random.default_rng(1))
    rows = made(samples)
    assert rows.shape == (120, len(made.names)) and rows.dtype == np.float32 and np.isfinite(rows).all()
    assert np.abs(rows.mean(0)).max() < 1e-3 and rows.std(0).max() < 1.001
    np.testing.assert_array_equal(rows, embed(samples, np.random.default_rng(1)))
    assert made(samples.take(slice(0, 0))).shape == (0, len(made.names))


def test_columns_are_fitted_on_the_reference_alone() -> None:
    rng = np.random.default_rng(0)
    a, b = people(200, rng), people(100, rng)
    one, _ = embed_pair(a, b, np.random.default_rng(3))
    two, far = embed_pair(a, replace(b, x=b.x + np.array([9.0] * 6 + [0, 0])), np.random.default_rng(3))
    np.testing.assert_array_equal(one, two)
    assert far[:, 0].mean() > 5


def test_a_change_of_content_is_seen_where_summaries_are_blind() -> None:
    rng = np.random.default_rng(0)
    assert area(images(200, rng), images(200, rng, upright=False)) > 0.95
    assert area(texts(200, rng), texts(200, rng, ["cat", "tac", "act", "dog", "god", "mat", "tam", "sat"])) > 0.9
    assert area(sounds(100, rng), sounds(100, rng, pitch=420.0)) > 0.95


@pytest.mark.parametrize("make", [people, texts, sounds, images])
def test_two_draws_of_one_world_look_alike(make) -> None:  # type: ignore[no-untyped-def]
    rng = np.random.default_rng(5)
    assert abs(area(make(200, rng), make(200, rng)) - 0.5) < 0.12


def test_missing_constant_and_unseen_values_stay_finite() -> None:
    x = np.array([[1.0, 5.0, np.nan, 0.0], [2.0, 5.0, np.nan, 1.0], [np.nan, 5.0, np.nan, 1.0]])
    columns = (Column("a"), Column("even"), Column("gone"), Column("c", ColumnKind.CATEGORICAL, categories=("x", "y")))
    a = Samples(x, columns=columns)
    b = Samples(
        np.array([[4.0, 6.0, 1.0, 2.0]]), columns=(*columns[:3], replace(columns[3], categories=("x", "y", "z")))
    )
    one, two = embed_pair(a, b, np.random.default_rng(0))
    assert np.isfinite(one).all() and np.isfinite(two).all()
    assert two[0, 1] != 0  # the constant column that moved


def test_odd_inputs() -> None:
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError, match="no rows"):
        embed(people(0, rng), rng)
    empty = Samples(np.array(["", "", "", ""], dtype=object))
    assert np.isfinite(embed(empty, rng)).all()
    assert np.isfinite(embed(Samples(np.zeros((4, 1, 1, 3), np.uint8)), rng)).all()
    assert np.isfinite(embed(Samples(np.zeros((3, 50), np.float32), rate=8000), rng)).all()
    wide = embed(Samples(rng.normal(size=(50, 400))), rng)
    assert wide.shape == (50, 49)
