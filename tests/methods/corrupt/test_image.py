"""Known answers of the 15 corruptions and properties of all of them, without any other program."""

from __future__ import annotations

import hashlib
import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from scipy import ndimage, stats

from momus.core.errors import DataError
from momus.methods.corrupt import blur, image, noise, planes, severities

SETTLED = {"defocus_blur", "zoom_blur", "brightness", "contrast", "pixelate", "jpeg_compression"}
SETTLED |= {"gaussian_blur", "saturate"}


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def pictures(n: int = 3, h: int = 40, w: int = 56, c: int = 3) -> np.ndarray:
    """Smooth colour with some texture and a dark and a saturated corner."""
    soft = ndimage.gaussian_filter(rng(1).standard_normal((n, h, w, c)), (0, 5, 5, 0))
    x = np.clip(128 + 60 * soft / soft.std() + 6 * rng(2).standard_normal((n, h, w, c)), 0, 255).astype(np.uint8)
    x[:, :8, :8], x[:, -8:, -8:] = 0, 255
    return x


def test_the_fifteen_are_there_in_four_families() -> None:
    assert len(image.NAMES) == 15
    assert [len(m) for m in image.FAMILIES.values()] == [3, 4, 4, 4]
    assert {*image.NAMES, *severities.EXTRA} == set(severities.PHOTO) == set(severities.SMALL)
    assert len(severities.EXTRA) == 4 and len(severities.BAR) == 10 and len(set(image.ALL_NAMES)) == 29
    assert all(len(v) == 5 for t in (severities.PHOTO, severities.SMALL, severities.BAR) for v in t.values())


@pytest.mark.parametrize("name", image.ALL_NAMES)
def test_same_seed_same_bytes_and_other_seed_other_bytes(name: str) -> None:
    x = pictures()
    before = x.copy()
    a, b, c = (image.corrupt(x, name, 3, rng(s)) for s in (5, 5, 6))
    assert a.dtype == np.uint8 and a.shape == x.shape
    assert np.array_equal(a, b)
    assert np.array_equal(x, before)
    assert np.array_equal(a, c) == (name in SETTLED)


@pytest.mark.parametrize("name", image.ALL_NAMES)
def test_the_first_pictures_of_a_longer_batch_come_out_the_same(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    x = pictures(5)
    whole = image.corrupt(x, name, 4, rng(3))
    assert np.array_equal(whole[:2], image.corrupt(x[:2], name, 4, rng(3)))
    monkeypatch.setattr(image, "_BLOCK", x[0].size)  # picture by picture
    assert np.array_equal(whole, image.corrupt(x, name, 4, rng(3)))


@settings(max_examples=12, deadline=None)
@given(
    st.integers(8, 40),
    st.integers(8, 40),
    st.sampled_from((1, 3, 4)),
    st.integers(1, 5),
    st.sampled_from(("photo", "small")),
)
def test_any_size_from_eight_pixels_and_any_channels(h: int, w: int, c: int, severity: int, scale: str) -> None:
    x = rng(h * w).integers(0, 256, (2, h, w, c), dtype=np.uint8)
    for name in image.ALL_NAMES:
        made = image.corrupt(x, name, severity, rng(), scale=scale)  # type: ignore[arg-type]
        assert made.shape == x.shape and made.dtype == np.uint8
        if c == 4:
            assert np.array_equal(made[..., 3], x[..., 3])


@pytest.mark.parametrize("name", [n for n in image.ALL_NAMES if n not in ("saturate", "spatter")])
def test_higher_severity_does_more_damage(name: str) -> None:
    x = pictures(4, 96, 96)
    if name == "elastic_transform":  # published amplitudes rise, and with them the mean displacement
        assert list(severities.PHOTO[name]) == sorted(severities.PHOTO[name])
    damage = [np.abs(image.corrupt(x, name, s, rng(7)).astype(int) - x).mean() for s in (1, 3, 5)]
    assert 0 < damage[0] < damage[2]
    assert damage[0] < damage[1] * 1.05


@pytest.mark.parametrize("name", image.NAMES)
@pytest.mark.parametrize("severity", [1, 5])
def test_small_pictures_take_the_milder_table(name: str, severity: int) -> None:
    x = pictures(2, 32, 32)
    auto = image.corrupt(x, name, severity, rng())
    assert np.array_equal(auto, image.corrupt(x, name, severity, rng(), scale="small"))
    if name != "frost" or severity == 5:
        assert not np.array_equal(auto, image.corrupt(x, name, severity, rng(), scale="photo"))
    assert severities.is_small(63, 200, "auto") and not severities.is_small(64, 64, "auto")


@pytest.mark.parametrize(
    ("x", "name", "severity"),
    [
        (np.zeros((1, 16, 16, 3), np.uint8), "rain", 1),
        (np.zeros((1, 16, 16, 3), np.uint8), "fog", 0),
        (np.zeros((1, 16, 16, 3), np.uint8), "fog", 6),
        (np.zeros((1, 7, 16, 3), np.uint8), "fog", 1),
        (np.zeros((1, 16, 16, 2), np.uint8), "fog", 1),
        (np.zeros((1, 16, 16, 3), np.float32), "fog", 1),
        (np.zeros((16, 16, 3), np.uint8), "fog", 1),
    ],
)
def test_what_cannot_be_corrupted_is_refused_with_words(x: np.ndarray, name: str, severity: int) -> None:
    with pytest.raises(DataError):
        image.corrupt(x, name, severity, rng())


def test_an_empty_batch_stays_empty() -> None:
    empty = np.zeros((0, 32, 32, 3), np.uint8)
    assert all(image.corrupt(empty, name, 1, rng()).shape == empty.shape for name in image.ALL_NAMES)


# ---- known answers, one corruption at a time -------------------------------------------------------------------------


@pytest.mark.parametrize(("severity", "deviation"), enumerate((0.08, 0.12, 0.18, 0.26, 0.38), 1))
def test_gaussian_noise_has_the_published_spread(severity: int, deviation: float) -> None:
    x = np.full((1, 200, 200, 3), 128, np.uint8)
    z = noise.draw_gaussian_noise(rng(), x.shape, deviation)["normal"]
    made = image.apply(x, "gaussian_noise", severity, {"normal": z})
    wanted = np.clip(128 + 255 * deviation * z.astype(float), 0, 255).astype(np.uint8)
    assert np.abs(made.astype(int) - wanted).max() <= 1 and (made == wanted).mean() > 0.99
    drawn = image.corrupt(x, "gaussian_noise", severity, rng(1)).astype(float)
    wanted = np.clip(128 + 255 * deviation * rng(9).standard_normal(drawn.size), 0, 255).astype(int)
    assert abs(drawn.mean() - wanted.mean()) < 5 * 255 * deviation * np.sqrt(2 / drawn.size)
    assert abs(drawn.std() / wanted.std() - 1) < 0.02


@pytest.mark.parametrize("photons", [3.0, 25.0, 60.0, 500.0])
@pytest.mark.parametrize("level", [0, 20, 140, 255])
def test_shot_noise_draws_are_poisson(photons: float, level: int) -> None:
    """Chi-square of the grey levels made against the Poisson law, whose levels merge where counts share one."""
    x = np.full((1, 250, 250, 3), level, np.uint8)
    draws = noise.draw_shot_noise(rng(level + int(photons)), x.shape, photons)
    seen = np.bincount(noise.shot_noise(x, photons, draws).ravel(), minlength=256)
    counts = np.arange(int(photons * 2 + 100))
    law = np.bincount(noise.count_levels(photons, len(counts)), stats.poisson.pmf(counts, level / 255 * photons), 256)
    expected = law / law.sum() * x.size
    assert not seen[expected == 0].any()
    common = expected >= 5
    statistic = ((seen[common] - expected[common]) ** 2 / expected[common]).sum()
    assert stats.chi2.sf(statistic, max(common.sum() - 1, 1)) > 1e-4


@pytest.mark.parametrize("severity", [1, 5])
def test_impulse_noise_hits_the_published_share_half_white_half_black(severity: int) -> None:
    x = np.full((1, 300, 300, 3), 100, np.uint8)
    made = image.corrupt(x, "impulse_noise", severity, rng())
    amount = severities.PHOTO["impulse_noise"][severity - 1]
    for value in (0, 255):
        assert abs((made == value).mean() - amount / 2) < 4 * np.sqrt(amount / 2 / made.size)
    assert set(np.unique(made)) == {0, 100, 255}


@pytest.mark.parametrize("severity", [1, 2, 3, 4, 5])
def test_defocus_blur_is_the_convolution_with_its_disk(severity: int) -> None:
    x = pictures(1, 70, 90)
    radius, alias = severities.PHOTO["defocus_blur"][severity - 1]
    kernel = blur.disk(radius, alias)
    assert kernel.shape == ((17, 17) if radius <= 8 else (21, 21))
    assert np.allclose(kernel, kernel.T) and np.allclose(kernel, kernel[::-1]) and abs(kernel.sum() - 1) < 0.02
    direct = np.stack([ndimage.correlate(x[0, ..., c].astype(float), kernel, mode="mirror") for c in range(3)], -1)
    made = image.corrupt(x, "defocus_blur", severity, rng())[0]
    assert np.abs(made - np.floor(np.clip(direct, 0, 255))).max() <= 1
    assert np.abs(made - direct).mean() < 0.6


def test_glass_blur_shuffles_as_the_loop_over_pixels_does() -> None:
    h, w, reach, rounds = 17, 21, 3, 2
    draws = blur.draw_glass_blur(rng(), (2, h, w, 3), (1.1, reach, rounds))["steps"]
    for i in range(2):
        for turn in range(rounds):
            frame = np.arange(h * w).reshape(h, w)
            for row in range(h - reach, reach, -1):
                for column in range(w - reach, reach, -1):
                    across, down = draws[i, turn, :, row - reach - 1, column - reach - 1]
                    frame[row, column] = frame[row + down, column + across]
            mine = blur._copied(draws[:, turn], (2, h, w), reach).reshape(2, h, w)[i] - i * h * w
            assert np.array_equal(mine, frame)


def test_motion_blur_of_a_dot_is_a_one_sided_trail_along_the_angle() -> None:
    dot = np.zeros((81, 81), np.float32)
    dot[40, 40] = 1
    out = np.empty_like(dot)
    blur.streak(dot, (10, 3), 0.0, out)
    assert np.count_nonzero(out[40]) == np.count_nonzero(out) and abs(out.sum() - 1) < 1e-5
    weights = np.exp(-(np.arange(21) ** 2) / 18.0)
    assert np.allclose(out[40, 40:19:-1], weights / weights.sum(), atol=1e-6)
    blur.streak(dot, (10, 3), 90.0, out)
    assert np.count_nonzero(out[:, 40]) == np.count_nonzero(out)


def test_flat_pictures_stay_flat_under_blur_pixelation_and_zoom() -> None:
    for level in (0, 77, 200, 255):
        x = np.full((1, 70, 90, 3), level, np.uint8)
        for name in (*image.FAMILIES["blur"], "pixelate", "elastic_transform", "contrast"):
            made = image.corrupt(x, name, 3, rng()).astype(int)
            slack = 4 if name == "defocus_blur" else 0  # the published kernel does not quite sum to one
            assert np.abs(made - level).max() <= slack, (name, level)


@pytest.mark.parametrize("factor", [1.0, 1.07, 1.3, 3, 4.5])
def test_stretch_is_linear_zoom(factor: float) -> None:
    line = rng().random(90)
    first, used, made = planes.zoom(90, factor)
    zoomed = ndimage.zoom(line[first : first + used], made / used, order=1)
    assert len(zoomed) == made >= 90
    mine = planes.stretch(90, first, used, made, 90) @ line.astype(np.float32)
    assert np.allclose(mine, zoomed[:90], atol=1e-5)


@pytest.mark.parametrize("border", ["nearest", "reflect"])
@pytest.mark.parametrize(("sigma", "truncate"), [(0.05, 4.0), (0.7, 4.0), (2.24, 3.0), (6.0, 3.0)])
def test_gaussian_matrix_is_the_filter_of_scipy(border: str, sigma: float, truncate: float) -> None:
    p = rng().random((19, 4, 25)).astype(np.float32)
    made = planes.separable(p, *(planes.gaussian(n, sigma, truncate, border) for n in (19, 25)))  # type: ignore[arg-type]
    assert np.allclose(made, ndimage.gaussian_filter(p, (sigma, 0, sigma), mode=border, truncate=truncate), atol=1e-5)


@pytest.mark.parametrize("decay", [1.4, 3.0])
def test_plasma_is_the_midpoint_recursion(decay: float) -> None:
    """A second, pixel-by-pixel writing of diamond-square on a torus of 8."""
    from momus.methods.corrupt.weather import plasma

    u = rng(4).uniform(-1, 1, 63).astype(np.float32)
    m, cloud, feed, step, wobble = 8, np.zeros((8, 8)), iter(u.tolist()), 8, 100.0
    while step >= 2:
        half = step // 2
        for r in range(0, m, step):
            for c in range(0, m, step):
                below, right = (r + step) % m, (c + step) % m
                around = [cloud[r, c], cloud[below, c], cloud[r, right], cloud[below, right]]
                cloud[r + half, c + half] = np.mean(around) + wobble**2 * next(feed)
        for dr, dc in ((0, half), (half, 0)):
            for r in range(dr, m, step):
                for c in range(dc, m, step):
                    around = [
                        cloud[(r + a) % m, (c + b) % m] for a, b in ((half, 0), (-half, 0), (0, half), (0, -half))
                    ]
                    cloud[r, c] = np.mean(around) + wobble**2 * next(feed)
        step, wobble = half, wobble / decay
    cloud = (cloud - cloud.min()) / (cloud.max() - cloud.min())
    assert np.allclose(plasma(u[None], decay)[0], cloud, atol=1e-5)


def test_brightness_is_a_shift_of_value_in_hsv() -> None:
    import colorsys

    x = rng().integers(0, 256, (1, 12, 12, 3), dtype=np.uint8)
    made = image.apply(x, "brightness", 3, {}, scale="photo")
    for row in range(12):
        for column in range(12):
            hue, saturation, value = colorsys.rgb_to_hsv(*(x[0, row, column] / 255))
            wanted = np.array(colorsys.hsv_to_rgb(hue, saturation, min(value + 0.3, 1.0))) * 255
            assert np.abs(made[0, row, column] - wanted).max() <= 1.0 + 1e-6
    black = np.zeros((1, 8, 8, 3), np.uint8)
    assert (image.apply(black, "brightness", 5, {}, scale="photo") == 127).all()


def test_contrast_scales_the_distance_from_the_mean() -> None:
    x = np.zeros((1, 8, 8, 1), np.uint8)
    x[0, :4] = 200
    made = image.apply(x, "contrast", 1, {}, scale="photo")
    assert set(np.unique(made)) == {60, 140}


def test_fog_keeps_the_brightest_value_and_snow_and_frost_only_add_light() -> None:
    x = pictures(2, 64, 64)
    for severity in (1, 5):
        fogged = image.corrupt(x, "fog", severity, rng())
        assert fogged.max() <= x.max()
        snowed = image.corrupt(x, "snow", severity, rng()).astype(int)
        assert (snowed - x).min() >= -1
    texture = np.full((100, 120, 3), 80, np.uint8)
    iced = image.corrupt(x, "frost", 2, rng(), scale="photo", textures=[texture]).astype(int)
    assert np.abs(iced - np.floor(np.clip(0.8 * x + 0.6 * 80 + 1e-3, 0, 255))).max() <= 1


def test_elastic_transform_without_displacement_is_the_identity_and_moves_nothing_far() -> None:
    x = pictures(1, 96, 96)
    still = {"uniform": np.zeros((1, 2, 96, 96), np.float32)}
    assert np.array_equal(image.apply(x, "elastic_transform", 5, still), x)
    shifted = {"uniform": np.zeros((1, 2, 96, 96), np.float32)}
    shifted["uniform"][:, 0] = 1 / (30 * 96 * 0.005)  # one pixel across
    assert np.array_equal(image.apply(x, "elastic_transform", 5, shifted)[:, :, :-1], x[:, :, 1:])


def test_the_affine_map_of_the_small_table_sends_the_jittered_points_back() -> None:
    from momus.methods.corrupt.digital import _affine

    jitter = rng().uniform(-2, 2, (1, 3, 2))
    centre, arm = np.array([16.0, 16.0]), 10
    points = centre + arm * np.array([[1, 1], [1, -1], [-1, -1]])
    moved = points + jitter[0]
    down, across = _affine(moved[None, None, :, 1], moved[None, None, :, 0], jitter, (32, 32))
    assert np.allclose(np.stack([across[0, 0], down[0, 0]], -1), points, atol=1e-4)


@pytest.mark.parametrize("severity", [1, 5])
def test_pixelate_and_jpeg_are_pillow_at_the_published_settings(severity: int) -> None:
    x = pictures(1, 70, 90)
    photo = Image.fromarray(x[0])
    share, quality = severities.PHOTO["pixelate"][severity - 1], severities.PHOTO["jpeg_compression"][severity - 1]
    small = photo.resize((int(90 * share), int(70 * share)), Image.Resampling.BOX)
    wanted = np.asarray(small.resize((90, 70), Image.Resampling.NEAREST))
    assert np.array_equal(image.corrupt(x, "pixelate", severity, rng())[0], wanted)
    stream = io.BytesIO()
    photo.save(stream, "JPEG", quality=quality)
    assert np.array_equal(image.corrupt(x, "jpeg_compression", severity, rng())[0], np.asarray(Image.open(stream)))


def test_frost_textures_grow_the_same_each_time_and_fit_any_picture() -> None:
    from momus.methods.corrupt import frosting

    ice = frosting.ICES[3]
    first = frosting.texture(ice)
    frosting.texture.cache_clear()
    again = frosting.texture(ice)
    assert hashlib.sha256(first.tobytes()).digest() == hashlib.sha256(again.tobytes()).digest()
    assert first.shape == (448, 640, 3) and 20 < first.std() < 60 and not first.flags.writeable
    for size, small in (((32, 32), True), ((224, 224), False), ((500, 300), False), ((448, 900), False)):
        for t in frosting.fitted([first], size, small=small):
            assert t.shape[0] > size[0] and t.shape[1] > size[1]
