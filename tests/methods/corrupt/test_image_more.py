"""Known answers of ImageNet-C's four extra corruptions and of ImageNet-C-bar, and of steps between severities."""

from __future__ import annotations

import colorsys

import numpy as np
import pytest
from scipy import ndimage

from momus.core.errors import DataError
from momus.methods.corrupt import bar, extra, image, noise, severities
from momus.methods.corrupt.severities import BAR, CONTINUOUS


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def flat(level: int = 128, side: int = 96, c: int = 3) -> np.ndarray:
    return np.full((1, side, side, c), level, np.uint8)


# ---- the extra four --------------------------------------------------------------------------------------------------


def test_looked_up_normals_are_normal() -> None:
    from scipy import stats

    z = noise.normals(rng(), (1, 400_000))[0]
    assert abs(z.mean()) < 0.006 and abs(z.std() - 1) < 0.005
    assert stats.kstest(z, "norm").pvalue > 0.001
    assert abs(np.corrcoef(z[:-1], z[1:])[0, 1]) < 0.006


def test_bits_do_not_depend_on_how_a_batch_is_cut() -> None:
    whole = noise.bits16(rng(), (4, 3, 5))  # 15 values a picture: no whole number of 64-bit words
    again = rng()
    parts = np.concatenate([noise.bits16(again, (1, 3, 5)) for _ in range(4)])
    assert np.array_equal(whole, parts) and whole.dtype == np.uint16
    assert abs(noise.bits16(rng(), (1, 100_000)).mean() / 65535 - 0.5) < 0.005


@pytest.mark.parametrize(("severity", "deviation"), enumerate((0.15, 0.2, 0.35, 0.45, 0.6), 1))
def test_speckle_grows_with_the_light(severity: int, deviation: float) -> None:
    black, grey = (image.corrupt(flat(level), "speckle_noise", severity, rng()).astype(float) for level in (0, 80))
    assert not black.any()
    wanted = np.clip(80 * (1 + deviation * rng(9).standard_normal(grey.size)), 0, 255).astype(int)
    assert abs(grey.std() / wanted.std() - 1) < 0.03 and abs(grey.mean() - wanted.mean()) < 1


def test_gaussian_blur_is_the_filter_of_scipy() -> None:
    x = rng().integers(0, 256, (1, 70, 90, 3), dtype=np.uint8)
    wanted = ndimage.gaussian_filter(x[0].astype(float), (3, 3, 0), mode="nearest", truncate=4)
    assert np.abs(image.corrupt(x, "gaussian_blur", 3, rng())[0] - wanted).max() <= 1.01


@pytest.mark.parametrize("severity", [1, 2, 3, 4, 5])
def test_saturate_is_a_change_of_saturation_in_hsv(severity: int) -> None:
    x = rng().integers(0, 256, (1, 10, 10, 3), dtype=np.uint8)
    x[0, 0, :3] = [[90, 90, 90], [0, 0, 0], [255, 255, 255]]
    factor, more = severities.PHOTO["saturate"][severity - 1]
    made = image.apply(x, "saturate", severity, {}, scale="photo")
    for row in range(10):
        for column in range(10):
            hue, saturation, value = colorsys.rgb_to_hsv(*(x[0, row, column] / 255))
            wanted = np.array(colorsys.hsv_to_rgb(hue, float(np.clip(saturation * factor + more, 0, 1)), value)) * 255
            assert np.abs(made[0, row, column] - wanted).max() <= 1.001
    grey = flat(90, c=1)
    assert np.array_equal(image.corrupt(grey, "saturate", severity, rng()), grey)


@pytest.mark.parametrize("severity", [1, 3, 5])
def test_spatter_is_water_that_brightens_and_then_mud_that_covers(severity: int) -> None:
    x = flat(150, 224)
    made = image.corrupt(x, "spatter", severity, rng(2)).astype(int)
    change = made - x
    changed = (change != 0).any(axis=-1)
    assert 0.002 < changed.mean() < 0.6
    if severity < 4:
        assert (change >= 0).all() and change[..., 1].sum() > change[..., 0].sum()  # pale turquoise: least red
    else:
        covered = made[0][changed[0]].min(axis=0)
        assert (change <= 0).all() and np.abs(covered - extra.MUD).max() < 12


def test_edges_are_thin_and_the_distance_is_the_chamfer_one() -> None:
    picture = np.zeros((40, 60), np.uint8)
    picture[10:30, 20:40] = 200
    edges = extra._edges(picture)
    assert edges.any() and (edges.sum(axis=1)[14:26] == 2).all()  # one pixel wide on either side
    point = np.zeros((41, 41), bool)
    point[20, 20] = True
    far = extra._from_edges(point)
    assert far[20, 25] == 5 and far[25, 25] == pytest.approx(7.0) and far[21, 22] == pytest.approx(2.197)
    assert far[0, 20] == 20 and np.allclose(far, far.T) and np.allclose(far, far[::-1])
    assert not extra._edges(np.zeros((9, 9), np.uint8)).any()


# ---- ImageNet-C-bar --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", BAR)
@pytest.mark.parametrize("shape", [(2, 40, 64, 3), (1, 65, 33, 1), (1, 8, 9, 3)])
def test_bar_takes_any_picture(name: str, shape: tuple[int, ...]) -> None:
    x = rng(1).integers(0, 256, shape, dtype=np.uint8)
    with np.errstate(all="raise", under="ignore"):
        made = image.corrupt(x, name, 5, rng())
    assert made.shape == x.shape and made.dtype == np.uint8
    assert np.array_equal(image.corrupt(x, name, 5, rng(), scale="photo"), made)  # one table for all sizes


def test_a_single_frequency_is_one_line_in_the_spectrum() -> None:
    wave = {"wave": np.array([[2 * np.pi * 5 / 96, 2 * np.pi * 3 / 96]]), "phase": np.zeros(1)}
    made = image.apply(flat(), "single_frequency_greyscale", 1, wave)[0, ..., 0].astype(float)
    power = np.abs(np.fft.rfft2(made - made.mean())) ** 2
    assert np.unravel_index(power.argmax(), power.shape) == (3, 5)
    assert power.max() / power.sum() > 0.95 and made.max() - made.min() == pytest.approx(2 * 19.6, abs=2)


def test_rings_repeat_at_their_width() -> None:
    still = {"ring": np.array([[0.5, 0.5, 0.0, 0.0, 0.5]])}  # no waves; width half of a tenth of 200: ten pixels
    made = image.apply(flat(side=200), "cocentric_sine_waves", 5, still)[0, 100, 101:, 0].astype(int)
    assert np.abs(made[:80] - made[10:90]).max() <= 1 and made.max() - made.min() > 100


def test_blue_noise_is_even_and_brown_is_soft() -> None:
    blue = image.corrupt(flat(200, 128), "blue_noise_sample", 5, rng())[0, ..., 0] == 0
    share = blue.mean()
    assert 0.15 < share < 0.35  # 0.3 x 5.6 - 2.5 = -0.82 deviations: one in five
    neighbours = (blue[:, 1:] & blue[:, :-1]).mean()
    assert neighbours < 0.6 * share**2  # black pixels keep apart
    brown = image.corrupt(flat(128, 128), "brownish_noise", 3, rng())[0, ..., 0].astype(float)
    steps = np.abs(np.diff(brown, axis=1)).mean()
    assert steps < 0.25 * brown.std() and 10 < brown.std() < 40


def test_coloured_noise_has_unit_spread_and_the_spectrum_asked_for() -> None:
    phase = rng().random((1, 1, 128, 65), dtype=np.float32)
    field = bar._coloured(phase, (128, 128), lambda f: f)[0, 0]
    assert field.std() == pytest.approx(1, abs=1e-3) and abs(field.mean()) < 1e-3
    power = np.abs(np.fft.fft2(field))
    assert power[0, 40] / power[0, 10] == pytest.approx(4, rel=0.05)


@pytest.mark.parametrize("strength", [2.0, 6.0, 10.0])
def test_a_checkerboard_hides_its_share_of_one_colour(strength: float) -> None:
    x = np.zeros((60, 64, 64, 1), np.uint8)
    draws = bar.draw_checkerboard_cutout(rng(), x.shape, strength)
    hidden = bar.checkerboard_cutout(x, strength, draws) == 128
    assert hidden.mean() == pytest.approx(strength / 20, abs=0.05)
    upright = {"board": np.array([[0.0, 0.125]]), "cell": np.zeros((1, *draws["cell"].shape[1:]))}
    made = bar.checkerboard_cutout(x[:1], 10.0, upright)[0, ..., 0]
    wanted = 128 * ((np.arange(64)[:, None] // 8 + np.arange(64)[None] // 8) % 2 == 0)
    assert np.array_equal(made, wanted)


def test_sparkles_only_add_light_around_their_centres_and_the_inverse_keeps_its_centre() -> None:
    x = rng(3).integers(0, 200, (1, 120, 120, 3), dtype=np.uint8)
    draws = bar.draw_sparkles(rng(), x.shape, 6.0)
    made = bar.sparkles(x, 6.0, draws).astype(int)
    assert (made >= x.astype(int) - 1).all()
    for y, z in (draws["centre"][0] * 120).astype(int):
        assert made[0, y, z].min() > 180
    draws = bar.draw_inverse_sparkles(rng(), x.shape, 10.0)
    washed = bar.inverse_sparkles(x, 10.0, draws).astype(int)
    y, z = (draws["centre"][0, 0] * 120).astype(int)
    assert np.abs(washed[0, y, z] - x[0, y, z]).max() < 70 and washed[0, 0, 0].mean() > x[0, 0, 0].mean() + 30


def test_perlin_veils_are_smooth_and_between_half_and_white() -> None:
    made = image.corrupt(flat(0, 224), "perlin_noise", 3, rng())[0, ..., 0].astype(float) / (255 * 0.29)
    assert made.min() >= 0.48 and made.max() <= 1.0 and made.std() > 0.04
    zero = bar._gradient_noise(rng().uniform(0, 6, (1, 9, 9)), (64, 64), 8.0)[0]
    assert np.abs(zero[::8, ::8]).max() < 1e-6 and 0.5 < np.abs(zero).max() < 1.6  # nought at every knot
    assert np.abs(np.diff(zero, axis=0)).max() < 0.6


def test_plasma_keeps_a_share_of_the_picture() -> None:
    dark, light = (image.corrupt(flat(level), "plasma_noise", 1, rng()).astype(int) for level in (60, 140))
    weight = 1 - 6.4 * 4.75 / 255
    inside = (dark > 0) & (light < 255)
    assert np.abs((light - dark)[inside] - 80 * weight).max() <= 1.01 and dark.std() > 10


def test_plasma_is_the_plane_bent_round_after_round() -> None:
    """A second, point-by-point writing of the swirl."""
    time, rounds, sharp, scale = 1.3, 5, 0.7, 6.0
    found = bar._swirl(np.arange(7.0)[None], np.arange(5.0)[:, None], time, rounds, sharp, scale)
    for row in range(5):
        for column in range(7):
            x, y, wave, slow, damping = column / scale, row / scale, 1.0, 1.0, 1.0
            for _ in range(rounds):
                across, down = np.cos(y * wave + time / slow) / damping, np.sin(x * wave + time / slow) / damping
                x, y = x + across - 0.3 * down, y + down + 0.3 * across
                wave, slow, damping = wave * 1.93, slow * 1.15, damping * (2.25 - sharp)
            wanted = np.sin(x - time), np.sin((x + y + np.sin(time)) / 2), np.sin(y + time)
            assert np.allclose([f[row, column] for f in found], wanted, atol=1e-4)


def test_caustics_bend_nothing_without_strength_and_light_both_ways_with_it() -> None:
    x = rng(5).integers(40, 200, (1, 96, 96, 3), dtype=np.uint8)
    draws = bar.draw_caustic_refraction(rng(), x.shape, 1.0)
    assert np.array_equal(bar.caustic_refraction(x, 0.0, draws), x)
    shone = bar.caustic_refraction(flat(128), 5.0, draws)[0, 2:-2, 2:-2].astype(int) - 128
    assert shone.max() > 20 and shone.min() < -20 and abs(shone.mean()) < 10


# ---- steps between severities ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(CONTINUOUS))
@pytest.mark.parametrize("scale", ["photo", "small"])
def test_steps_between_lie_between(name: str, scale: str) -> None:
    x = np.clip(ndimage.gaussian_filter(rng(1).standard_normal((3, 72, 72, 3)), (0, 3, 3, 0)) * 900 + 128, 0, 255)
    x = x.astype(np.uint8)
    low, mid, high = (
        float(np.abs(image.corrupt(x, name, s, rng(), scale=scale).astype(int) - x).mean())  # type: ignore[arg-type]
        for s in (3, 3.5, 4)
    )
    assert low - 0.3 <= mid <= high + 0.3
    assert np.array_equal(image.corrupt(x, name, 3.0, rng()), image.corrupt(x, name, 3, rng()))


@pytest.mark.parametrize(("name", "severity"), [("glass_blur", 2.5), ("fog", 0.5), ("fog", 5.5), ("spatter", 1.5)])
def test_there_is_no_step_where_there_is_no_scale(name: str, severity: float) -> None:
    with pytest.raises(DataError):
        image.corrupt(flat(), name, severity, rng())
    with pytest.raises((ValueError, IndexError)):
        severities.parameters("glass_blur", 2.5, small=False)
