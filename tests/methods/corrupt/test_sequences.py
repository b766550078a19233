"""Films of one picture: their frames are what they say, whatever the batch, and flips are counted as published."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from momus.core.errors import DataError
from momus.methods.corrupt import sequences as films


def pictures(n: int = 3, h: int = 48, w: int = 64, c: int = 3) -> np.ndarray:
    y, x = np.mgrid[:h, :w]
    waves = [np.sin(x / (5 + i) + i) + np.cos(y / (7 + i)) for i in range(n)]
    return np.stack([np.stack([128 + 50 * a + 9 * k for k in range(c)], -1) for a in waves]).astype(np.uint8)


def chance(name: str, seed: int = 0) -> list[np.random.Generator]:
    return [np.random.default_rng([seed, f]) for f in range(films.FRAMES[name])]


def shot(x: np.ndarray, name: str, seed: int = 0) -> np.ndarray:
    return np.stack(list(films.film(x, name, chance(name, seed))))


@pytest.mark.parametrize("name", films.FRAMES)
def test_frames_shape_seed_and_batches(name: str) -> None:
    x = pictures()
    before = x.copy()
    whole = shot(x, name)
    assert whole.shape == (films.FRAMES[name], *x.shape) and whole.dtype == np.uint8
    assert np.array_equal(whole, shot(x, name)) and np.array_equal(x, before)
    again = chance(name)  # picture by picture, chance handed on
    parts = [np.stack(list(films.film(x[i : i + 1], name, again))) for i in range(3)]
    assert np.array_equal(whole, np.concatenate(parts, axis=1))
    varies = not np.array_equal(whole, shot(x, name, seed=1))
    assert varies == (name in (*films.NOISE, "snow"))
    if name in films.CLEAN:
        assert np.array_equal(whole[films.CLEAN[name]], x)


@pytest.mark.parametrize("name", films.FRAMES)
@pytest.mark.parametrize("shape", [(1, 8, 8, 1), (2, 20, 9, 3), (1, 30, 41, 4)])
def test_any_picture_from_eight_pixels(name: str, shape: tuple[int, ...]) -> None:
    x = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    made = shot(x, name)
    assert made.shape[1:] == shape
    if shape[-1] == 4:
        assert (made[..., 3] == x[..., 3]).all()


@pytest.mark.parametrize("name", films.FRAMES)
def test_neighbouring_frames_are_close_and_the_ends_are_not(name: str) -> None:
    x = pictures(2, 96, 96)
    made = shot(x, name).astype(int)
    if name in films.NOISE:
        return
    step = np.abs(np.diff(made, axis=0)).mean()
    ends = np.abs(made[-1] - made[0]).mean()
    assert 0 < step < 12 and ends > 2 * step


def test_translate_moves_by_whole_pixels_and_mirrors() -> None:
    x = np.random.default_rng(0).integers(0, 256, (1, 224, 224, 1), dtype=np.uint8)
    made = shot(x, "translate")
    assert np.array_equal(made[30][:, :, 10:], x[:, :, :-10])
    assert np.array_equal(made[30][:, :, :10], x[:, :, 9::-1])
    assert np.array_equal(made[13][:, :, :-7], x[:, :, 7:])


def test_rotate_and_scale_are_those_of_pillow() -> None:
    x = pictures(1, 101, 101)
    made = shot(x, "rotate")
    turned = np.asarray(Image.fromarray(x[0]).rotate(7, resample=Image.Resampling.BILINEAR)).astype(int)
    inner = slice(20, -20)
    gaps = [np.abs(made[k, 0, inner, inner].astype(int) - turned[inner, inner]).max() for k in (8, 22)]
    assert min(gaps) <= 2 < max(gaps)  # one way round it is the same, the other way it is not
    small = shot(x, "scale")[0, 0].astype(int)  # 0.4
    corner = 50 - 50 / 0.4 - 0.75  # Pillow counts from the edges of pixels, not from their middles
    matrix = (2.5, 0, corner, 0, 2.5, corner)
    shrunk = Image.fromarray(x[0]).transform((101, 101), Image.Transform.AFFINE, matrix, Image.Resampling.BILINEAR)
    wanted = np.asarray(shrunk).astype(int)
    assert np.abs(small[35:66, 35:66] - wanted[35:66, 35:66]).mean() < 3
    assert not small[:25].any() and not small[:, :25].any()


def test_tilt_keeps_the_middle_and_is_lopsided() -> None:
    x = pictures(1, 96, 96)
    made = shot(x, "tilt").astype(int)
    assert np.abs(made[:, 0, 48, 48] - x[0, 48, 48].astype(int)).max() < 12
    corners = np.abs(made[30, 0] - x[0].astype(int)).mean(axis=-1)
    assert corners[:20, :20].mean() != pytest.approx(corners[-20:, -20:].mean(), abs=0.5)


@pytest.mark.parametrize("frame", [0, 7, 30])
@pytest.mark.parametrize("spot", [(20, 30), (70, 80), (60, 15)])
def test_tilt_sends_a_spot_where_a_camera_sees_it(frame: int, spot: tuple[int, int]) -> None:
    """A plate one diagonal away, turned about its upright and then its level axis."""
    h, w = 96, 110
    x = np.zeros((1, h, w, 1), np.uint8)
    x[0, spot[0] - 1 : spot[0] + 2, spot[1] - 1 : spot[1] + 2] = 240
    seen = shot(x, "tilt")[frame, 0, ..., 0].astype(float)
    down, across = (np.arange(n) @ seen.sum(axis=1 - i) / seen.sum() for i, n in enumerate((h, w)))
    angle, far = np.deg2rad(frame - 15), np.hypot(h, w)
    px, py, pz = spot[1] - w / 2, spot[0] - h / 2, 1.0
    px, pz = np.cos(angle) * px - np.sin(angle) * pz, np.sin(angle) * px + np.cos(angle) * pz
    py, pz = np.cos(angle) * py - np.sin(angle) * pz, np.sin(angle) * py + np.cos(angle) * pz
    assert across == pytest.approx(far * px / (pz + far) + w / 2, abs=0.3)
    assert down == pytest.approx(far * py / (pz + far) + h / 2, abs=0.3)


def test_brightness_goes_down_and_up_and_noise_has_the_published_spread() -> None:
    grey = np.full((1, 40, 40, 3), 128, np.uint8)
    light = shot(grey, "brightness")[:, 0, 0, 0, 0].astype(int)
    assert list(light) == sorted(light) and light[0] == pytest.approx(128 - 76, abs=1)
    noisy = shot(np.full((1, 120, 120, 3), 128, np.uint8), "gaussian_noise")[1:].astype(float)
    assert noisy.std() == pytest.approx(0.03 * 255, rel=0.03)
    counted = shot(np.full((1, 120, 120, 3), 128, np.uint8), "shot_noise")[1:].astype(float)
    assert counted.std() == pytest.approx(255 * np.sqrt(128 / 255 / 300), rel=0.03)


def test_what_is_no_film_is_refused() -> None:
    with pytest.raises(DataError):
        films.film(pictures(), "shake", [])
    with pytest.raises(DataError):
        films.film(pictures().astype(float), "tilt", [])
    with pytest.raises(DataError):
        films.film(np.zeros((1, 7, 20, 3), np.uint8), "tilt", [])


# ---- flips and places ------------------------------------------------------------------------------------------------


def test_flips_by_hand() -> None:
    answers = np.array([[1, 1, 2, 2, 1], [3, 3, 3, 3, 3], [0, 1, 2, 3, 4]])
    assert films.flips(answers, to_first=False).tolist() == [0.5, 0.0, 1.0]
    assert films.flips(answers, to_first=True).tolist() == [0.5, 0.0, 1.0]
    assert films.flips(np.array([[1, 2, 2, 2, 2]]), to_first=True).tolist() == [1.0]
    assert films.flips(np.array([[1, 2, 2, 2, 2]]), to_first=False).tolist() == [0.25]


def _published(before: np.ndarray, after: np.ndarray) -> int:
    """The definition, place by place: every class counts the places that it crosses among the first five."""
    ranks = {c: i + 1 for i, c in enumerate(np.argsort(-after, kind="stable"))}
    total = 0
    for i, c in enumerate(np.argsort(-before, kind="stable")[:5], 1):
        for j in range(min(ranks[c], i) + 1, max(ranks[c], i) + 1):
            total += 1 <= j - 1 <= 5
    return total


@settings(max_examples=60, deadline=None)
@given(st.integers(6, 30), st.integers(0, 10_000))
def test_top5_distance_is_the_published_one(k: int, seed: int) -> None:
    scores = np.random.default_rng(seed).standard_normal((2, 4, k))
    for to_first in (False, True):
        found = films.top5_distances(scores, to_first=to_first)
        for i in range(2):
            pairs = [(0 if to_first else f, f + 1) for f in range(3)]
            assert found[i] == pytest.approx(np.mean([_published(scores[i, a], scores[i, b]) for a, b in pairs]))


def test_top5_distance_is_nought_for_the_same_order_and_fifteen_for_none_in_common() -> None:
    scores = np.arange(20.0)[None, None].repeat(3, axis=1)
    assert films.top5_distances(scores, to_first=False)[0] == 0
    scores[0, 1] = -scores[0, 1]
    assert films.top5_distances(scores, to_first=False)[0] == 15
