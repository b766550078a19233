from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage.data import lfw_subset

from momus.core.samples import Samples
from momus.methods import duplicates, duplicates_features
from momus.methods.hygiene import split_facts


@pytest.mark.parametrize("d", [1, 2, 5, 12])
def test_the_dimension_of_a_cloud(d: int) -> None:
    rng = np.random.default_rng(d)
    train = rng.random((4000, d))
    _, distance = duplicates._neighbours(rng.uniform(0.3, 0.7, (500, d)), train, 20)
    assert duplicates.dimension(distance) == pytest.approx(d, rel=0.25)


@pytest.mark.parametrize("heavy", [False, True])
def test_chances_of_independent_rows_are_no_smaller_than_they_say(heavy: bool) -> None:
    rng = np.random.default_rng(7)
    draw = (lambda n: rng.standard_t(3, (n, 6))) if heavy else (lambda n: rng.normal(size=(n, 6)))
    p = np.concatenate([duplicates.near(draw(800), draw(2000)).p for _ in range(3)])
    assert np.mean(p < 0.01) < 0.012 and np.mean(p < 0.1) < 0.11


def test_real_faces_and_digits_hold_no_copies() -> None:
    faces = (lfw_subset() * 255).astype(np.uint8)[..., None]
    order = np.random.default_rng(0).permutation(200)
    a, b = (duplicates_features.thumbnails(faces[i]) for i in (order[:80], order[80:]))
    assert not duplicates.near(a, b).copies().any()


def test_a_copy_is_found_though_training_holds_ten_of_it() -> None:
    rng = np.random.default_rng(1)
    crowd = rng.normal(size=(2000, 6))
    train = np.concatenate([crowd, *(crowd[:100] + 0.01 * rng.normal(size=(100, 6)) for _ in range(10))])
    found = duplicates.near(crowd[:100] + 0.01 * rng.normal(size=(100, 6)), train)
    assert found.copies().mean() > 0.95
    assert (found.index[found.copies()] % 2000 < 2100).all()


def test_distances_do_not_cancel_far_from_the_origin() -> None:
    rng = np.random.default_rng(2)
    train = 1000 + rng.normal(size=(200, 4)).astype(np.float32)
    index, distance = duplicates._neighbours(train[:10], train, 3)
    assert (index[:, 0] == np.arange(10)).all() and (distance[:, 0] == 0).all()


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.integers(25, 300), st.integers(2, 9))
def test_a_row_itself_is_passed_over(seed: int, n: int, d: int) -> None:
    rows = np.random.default_rng(seed).normal(size=(n, d))
    found = duplicates.near(rows, rows, own=np.arange(n))
    assert (found.index != np.arange(n)).all() and (found.distance > 0).all()
    assert ((found.p >= 0) & (found.p <= 1)).all()


def test_few_rows_and_no_columns_name_nobody() -> None:
    assert (duplicates.near(np.zeros((5, 3)), np.zeros((10, 3))).p == 1).all()
    assert (duplicates.near(np.zeros((5, 0)), np.zeros((100, 0))).p == 1).all()
    assert (duplicates.near(np.zeros((0, 3)), np.zeros((100, 3))).copies()).shape == (0,)
    assert (duplicates.near(np.zeros((5, 3)), np.zeros((100, 3))).p == 1).all(), "no density, no ruling"


def test_exact_rows_of_every_kind() -> None:
    rng = np.random.default_rng(3)
    table, pictures = rng.normal(size=(40, 3)), rng.integers(0, 255, (40, 5, 5, 3), dtype=np.uint8)
    texts = np.array([f"text number {i}" for i in range(40)], dtype=object)
    for x in (table, pictures, texts):
        train, test = Samples(x[:30], np.zeros(30)), Samples(np.concatenate([x[30:], x[:5]]), np.ones(15))
        where, twins = duplicates.exact(test, train)
        assert list(where[:10]) == [-1] * 10 and list(where[10:]) == [0, 1, 2, 3, 4], "labels do not matter"
        assert not twins.any()
    spaced = Samples(np.array(["  Text NUMBER  3 "], dtype=object))
    assert duplicates.exact(spaced, Samples(texts))[0][0] == 3


def test_texts_with_a_word_changed_are_near() -> None:
    rng = np.random.default_rng(4)
    words = [f"w{i}" for i in range(400)]
    texts = [" ".join(rng.choice(words, 20)) for _ in range(300)]
    changed = [" ".join(["other", *t.split()[1:]]).upper() for t in texts[:50]]
    found = duplicates.near_texts(changed, texts)
    assert (found.index == np.arange(50)).mean() > 0.98 and found.alike.min() > 0.5
    assert duplicates.near_texts(texts, texts, own=np.arange(300)).alike.max() < 0.3
    assert duplicates.near_texts(["", "two words"], ["", "two words"]).index.tolist() == [-1, -1]


def test_what_shows_nothing_has_no_features() -> None:
    assert np.isnan(duplicates_features.thumbnails(np.full((2, 9, 9, 3), 7, np.uint8))).all()
    assert np.isnan(duplicates_features.fingerprints(np.zeros((2, 900), np.float32), 8000)).all()


def test_fingerprints_and_thumbnails_forget_loudness_light_and_place_in_time() -> None:
    rng = np.random.default_rng(5)
    clip = np.concatenate([np.sin(2 * np.pi * f * np.arange(800) / 8000) for f in rng.uniform(200, 3000, 6)])
    clips = np.stack(
        [np.pad(0.5 * clip, (0, 400)), np.pad(0.2 * clip, (300, 100)), np.pad(rng.normal(0, 0.1, 4800), (0, 400))]
    )
    a, b, c = duplicates_features.fingerprints(clips.astype(np.float32), 8000)
    assert a @ b > 0.98 > 0.6 > a @ c
    picture = rng.integers(40, 200, (1, 32, 32, 3), dtype=np.uint8)
    dark = (picture * 0.6 + 10).astype(np.uint8)
    one, two = duplicates_features.thumbnails(picture)[0], duplicates_features.thumbnails(dark)[0]
    assert one @ two > 0.99
    assert (duplicates_features.hashes(picture) ^ duplicates_features.hashes(dark))[0].item().bit_count() < 10


def test_pictures_smaller_than_a_thumbnail() -> None:
    assert duplicates_features.thumbnails(
        np.random.default_rng(0).integers(0, 255, (4, 5, 7, 1), dtype=np.uint8)
    ).shape == (4, 35)
    assert duplicates_features.hashes(
        np.random.default_rng(0).integers(0, 255, (4, 5, 7, 1), dtype=np.uint8)
    ).shape == (4,)


def test_time_and_site_of_the_test() -> None:
    x = np.zeros((100, 2))
    site = np.array(["a", "b"] * 50)
    train = Samples(x, time=np.arange(100), groups={"site": site})
    later = Samples(x, time=np.arange(100) + 100, groups={"site": np.array(["a", "c"] * 50)})
    figures, caveats = split_facts(train, later, "site")
    assert {f.name: f.value for f in figures} == {"later_than_training": 1.0, "new_sites": 0.5} and not caveats
    figures, caveats = split_facts(train, train, "site")
    assert [c.code for c in caveats] == ["time-mixed", "sites-shared"]
    assert [c.code for c in split_facts(Samples(x), Samples(x), "site")[1]] == ["site-unknown"]
    assert split_facts(Samples(x), Samples(x)) == ([], [])
